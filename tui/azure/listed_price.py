"""The price that Azure's list has for a deployment, where exactly one can be it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tui.azure.meter_names import (
    SCOPE_OF_SKU,
    MeterName,
    Tokens,
    of_other_version,
    of_version,
    read_name,
    version_words,
)
from tui.azure.retail_prices import TokenMeter
from tui.model import BilledMeter
from tui.text import plain

# "Azure Grok Models" have names such as "4.1 Inp Glbl" too, media and fine tuning have products of their own.
_PRODUCT = re.compile(r"Azure OpenAI(?: GPT\d+| Reasoning)?")
# What ARM calls the meters of its ``cost``, by field reports; other names are read like those of the list.
_ARM_NAMES = {
    "contexttoken": Tokens.INPUT,
    "nocachedcontexttoken": Tokens.INPUT,
    "cachedcontexttoken": Tokens.CACHED,
    "generatedtoken": Tokens.OUTPUT,
}
_NEEDED = Tokens.INPUT, Tokens.OUTPUT


class NotListed(Exception):
    """The list does not tell; the text says why."""


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """USD per 1 million tokens. ``cached_input_usd`` is None where the list has no such meter; ``found`` says
    how the meters were found."""

    input_usd: float
    output_usd: float
    cached_input_usd: float | None
    found: str


def listed_price(
    meters: Sequence[TokenMeter],
    model: str,
    version: str,
    sku: str | None,
    billed: Sequence[BilledMeter] = (),
) -> ListedPrice:
    """The price of a model and version.

    Args:
        sku: By ARM; None where it is not known, then names of every scope have to agree.
        billed: The meters that ARM names for that SKU; where there are none, or the list does not have them,
            the names of the list are read.

    Raises:
        NotListed: Nothing fits, or more than one price does.
    """
    if billed:
        linked = list(_linked(meters, billed))
        if {tokens for tokens, _ in linked} >= set(_NEEDED):
            return _one_each(linked, "the meters that ARM names")
    if sku is not None and sku not in SCOPE_OF_SKU:
        raise NotListed(f"which meters are those of the SKU {plain(sku, 60)} is not known")
    return _one_each(_by_name(meters, model, version, sku), "the names of its meters")


def _linked(meters: Iterable[TokenMeter], billed: Sequence[BilledMeter]) -> Iterator[tuple[Tokens, TokenMeter]]:
    names = {meter.id.casefold(): meter.name for meter in billed}
    for meter in meters:
        name = names.get(meter.id.casefold()) if meter.id else None
        if name is None:
            continue
        read = read_name(meter.name)
        said, by_arm = read.tokens if read is not None else None, _ARM_NAMES.get(name.casefold())
        if said is not None and by_arm is not None and said is not by_arm:
            raise NotListed(f"ARM calls a meter {plain(name, 40)}, the list calls it {plain(meter.name, 60)}")
        tokens = by_arm or said
        if tokens is not None:
            yield tokens, meter


def _by_name(
    meters: Iterable[TokenMeter], model: str, version: str, sku: str | None
) -> list[tuple[Tokens, TokenMeter]]:
    read = [
        (name, meter)
        for meter in meters
        if _PRODUCT.fullmatch(meter.product) and (name := read_name(meter.name)) is not None
        if _of_scope(name, sku)
    ]
    exact = [(name.tokens, meter) for name, meter in read if of_version(name, model, version)]
    if exact:
        return exact
    if not version_words(version):
        raise NotListed(f"how the list would call the version {plain(version, 40)} is not known")
    if any(of_other_version(name, model) for name, _ in read):
        raise NotListed(f"the list tells versions of {plain(model, 40)} apart, and does not name this one")
    return [(name.tokens, meter) for name, meter in read if of_version(name, model, version) is None]


def _of_scope(name: MeterName, sku: str | None) -> bool:
    return name.scope is not None and (sku is None or name.scope == SCOPE_OF_SKU[sku])


def _one_each(fitting: Iterable[tuple[Tokens, TokenMeter]], found: str) -> ListedPrice:
    prices: dict[Tokens, dict[float, str]] = {tokens: {} for tokens in Tokens}
    for tokens, meter in fitting:
        prices[tokens].setdefault(round(meter.usd_per_1m, 9), meter.name)
    for tokens, named in prices.items():
        if not named and tokens in _NEEDED:
            raise NotListed(f"no meter of its {tokens.value} tokens is found in the list")
        if len(named) > 1:
            some = ", ".join(f"{plain(name, 60)} {usd:g}" for usd, name in list(named.items())[:3])
            raise NotListed(f"{len(named)} prices of its {tokens.value} tokens fit: {some}")
    one = {tokens: next(iter(named)) for tokens, named in prices.items() if named}
    return ListedPrice(one[Tokens.INPUT], one[Tokens.OUTPUT], one.get(Tokens.CACHED), found)
