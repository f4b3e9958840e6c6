"""Listed price of a deployment: that of Azure's list, where exactly one can be it by the names of its meters.

A name with a word that is not known says nothing. The grammar is irregular:
``gpt 4o 1120 cached Inp glbl Tokens``, ``gpt-4o-0806-Outp-regnl``, ``GPT 5 Mini cchd Inpt Glbl 1M Tokens``,
``5.4 mini cd inp Dz 1M Tokens`` (Retail Prices API, service Foundry Models). The prices of other things have
names that differ by a word: Batch, pp (priority), LongCo (long prompts), Wr (writes to the cache), ft (fine
tuning).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from tui.base.text import plain
from tui.control_plane.retail_prices import TokenMeter
from tui.model import BilledMeter

Scope = Literal["global", "data zone", "regional"]


class Tokens(StrEnum):
    """Which tokens a meter counts."""

    INPUT = "input"
    CACHED = "cached input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class MeterName:
    """``words`` are what is left: model and, not always, version."""

    words: tuple[str, ...]
    tokens: Tokens
    scope: Scope | None


_PHRASES = (("data zone", "dz"), ("short context", "shortco"))
_INPUT = frozenset({"inp", "inpt", "input", "in"})
_OUTPUT = frozenset({"outp", "outpt", "output", "out", "opt"})
_CACHED = frozenset({"cached", "cchd", "ccchd", "cched", "cd"})
_SCOPES: dict[str, Scope] = {
    **dict.fromkeys(("global", "glbl", "glb", "gl"), "global"),
    **dict.fromkeys(("datazone", "dzone", "dzn", "dz"), "data zone"),
    **dict.fromkeys(("regional", "regnl", "rgnl", "regn"), "regional"),
}
_SAY_NOTHING = frozenset({"az", "azure", "openai", "gpt", "tokens", "token", "1m", "1k", "std", "shortco"})
_WORD = re.compile(r"[a-z0-9]+(?:\.[0-9]+)*")
_SEPARATORS = re.compile(r"[\s_-]+")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_VERSION_WORD = re.compile(r"\d{4}|\d{8}")

SCOPE_OF_SKU = MappingProxyType[str, Scope](
    {"GlobalStandard": "global", "DataZoneStandard": "data zone", "Standard": "regional"}
)
"""The SKUs that are paid by the token at the list's plain prices."""


def read_name(name: str) -> MeterName | None:
    """What the name of a meter says; None where it does not say which tokens, or says two things."""
    text = _SEPARATORS.sub(" ", name.casefold()).strip()
    for phrase, word in _PHRASES:
        text = re.sub(rf"\b{phrase}\b", word, text)
    words = text.split(" ")
    if not all(_WORD.fullmatch(word) for word in words):
        return None
    kinds = {kind for word in words for kind, known in _KINDS if word in known}
    scopes = {_SCOPES[word] for word in words if word in _SCOPES}
    if len(scopes) > 1 or len(kinds - {Tokens.CACHED}) != 1 or kinds == {Tokens.CACHED, Tokens.OUTPUT}:
        return None
    rest = (w for w in words if w not in _READ)
    cached = Tokens.CACHED in kinds
    return MeterName(
        tuple(sorted(rest)), Tokens.CACHED if cached else kinds.pop(), scopes.pop() if scopes else None
    )


_KINDS = ((Tokens.INPUT, _INPUT), (Tokens.OUTPUT, _OUTPUT), (Tokens.CACHED, _CACHED))
_READ = _INPUT | _OUTPUT | _CACHED | _SCOPES.keys() | _SAY_NOTHING


def model_words(model: str) -> tuple[str, ...]:
    """The words by which a name calls a model: ``gpt-5.4-mini`` is ``5.4 mini``."""
    return tuple(sorted(w for w in _SEPARATORS.split(model.casefold()) if w and w not in _SAY_NOTHING))


def version_words(version: str) -> frozenset[str]:
    """The words by which a name may call a version: ``2024-11-20`` is ``1120`` or all eight digits. None of
    one that is neither a date nor four digits."""
    date = _DATE.fullmatch(version)
    if date is None:
        return frozenset({version} if _VERSION_WORD.fullmatch(version) else ())
    year, month, day = date.groups()
    return frozenset({month + day, year + month + day, month + day + year})


def of_version(name: MeterName, model: str, version: str) -> bool | None:
    """Whether a name is that of a model and version; None where it names the model and no version."""
    model_only = model_words(model)
    if name.words == model_only:
        return None
    return any(name.words == tuple(sorted((*model_only, word))) for word in version_words(version))


def of_other_version(name: MeterName, model: str) -> bool:
    """Whether a name is that of the model with a version, whichever."""
    more = _without(name.words, model_words(model))
    return more is not None and len(more) == 1 and _VERSION_WORD.fullmatch(more[0]) is not None


def _without(words: Iterable[str], those: Iterable[str]) -> tuple[str, ...] | None:
    """``words`` without ``those``; None where one is missing."""
    left = list(words)
    for word in those:
        if word not in left:
            return None
        left.remove(word)
    return tuple(left)


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
