"""Whether the price that a rollout counts with is that of Azure's list."""

from __future__ import annotations

from collections.abc import Iterator

from tui.base.text import plain
from tui.control_plane.listed_price import ListedPrice, NotListed, listed_price
from tui.control_plane.retail_prices import PricesUnavailable
from tui.model import Price
from tui.preflight.finding import Finding
from tui.preflight.online_asked import PriceList
from tui.preflight.online_deployments import Known
from tui.preflight.online_endpoints import region_key
from tui.service.prices import price_for, price_words

_MOST_APART = 0.01
_DEARER = frozenset({"DataZoneStandard", "Standard"})
"""SKUs that cost about a tenth more than Global Standard (litellm 1.109.1, from the Retail Prices API)."""


def price_region(known: Known) -> str | None:
    """The region whose list prices a deployment; None where it is not known, or capacity is paid."""
    if known.endpoint.plain or known.region is None or _by_the_hour(known) is not None:
        return None
    return region_key(known.region)


def price(known: Known, lists: dict[str, PriceList]) -> Finding:
    """The price in use against that of the list."""
    found = _by_the_hour(known)
    if found is not None:
        return found
    in_use = known.deployment.price or price_for(known.deployment.model, known.deployment.version)
    if known.endpoint.plain:
        return _of_plain_server(known, in_use)
    try:
        listed = _listed(known, lists)
    except (NotListed, PricesUnavailable) as error:
        return _not_compared(known, in_use, str(error))
    if in_use is None:
        text = f"no price in use, so costs are not known; the list has {_shown(listed)}"
        return Finding("price", known.name, "warn", text, f"under {known.table}:", _as_toml(listed, None))
    if list(_apart(in_use, listed)):
        text = f"{_shown(in_use)} in use ({_source(in_use)}), the list has {_shown(listed)}"
        return Finding("price", known.name, "wrong", text, f"under {known.table}:", _as_toml(listed, in_use))
    text = f"{_shown(in_use)} ({_source(in_use)}), as in the list by {listed.found}"
    if listed.cached_input_usd is None and in_use.cached_input_usd is not None:
        text += ", which has no cached input"
    return Finding("price", known.name, "ok", text)


def _of_plain_server(known: Known, in_use: Price | None) -> Finding:
    """The list is that of Azure."""
    if in_use is None:
        text = "no price in use, so costs are not known"
        return Finding("price", known.name, "unknown", text, f"give price under {known.table}")
    return Finding("price", known.name, "ok", f"{_shown(in_use)} in use ({_source(in_use)})")


def _by_the_hour(known: Known) -> Finding | None:
    """What is to be said of provisioned capacity; None where tokens are paid."""
    by_file = known.deployment.provisioned
    sku = known.managed.sku if known.managed is not None else None
    by_arm = by_file if sku is None else "provisioned" in sku.casefold()
    if by_arm and by_file:
        return Finding("price", known.name, "ok", "n/a: provisioned capacity is paid by the hour")
    if by_arm:
        text = f"by ARM it is {sku}, which is paid by the hour, and the file counts tokens"
        return Finding("price", known.name, "wrong", text, f"under {known.table}:", "provisioned = true")
    if by_file:
        text = f"the file says that it is provisioned, by ARM it is {sku}, which is paid by the token"
        return Finding("price", known.name, "wrong", text, f"under {known.table}: remove provisioned")
    return None


def _listed(known: Known, lists: dict[str, PriceList]) -> ListedPrice:
    """Raises ``NotListed`` or ``PricesUnavailable``."""
    region = price_region(known)
    if region is None:
        raise NotListed("its region is not known")
    meters = lists[region]
    if isinstance(meters, PricesUnavailable):
        raise meters
    if not meters:
        raise NotListed(f"the list has no meters of tokens in {region}")
    deployment, managed, account = known.deployment, known.managed, known.account
    sku = managed.sku if managed is not None else None
    offered = account.offered(deployment.model, deployment.version) if account is not None else None
    terms = offered.sku(sku) if offered is not None else None
    billed = terms.meters if terms is not None else ()
    return listed_price(meters, deployment.model, deployment.version, sku, billed)


def _not_compared(known: Known, in_use: Price | None, why: str) -> Finding:
    why = plain(why, 300)
    if in_use is None:
        text = f"no price in use, so costs are not known; the list does not tell it: {why}"
        return Finding("price", known.name, "unknown", text, f"give price under {known.table}")
    sku = known.managed.sku if known.managed is not None else None
    if sku in _DEARER and known.deployment.price is None:
        text = f"{_shown(in_use)} in use is that of Global Standard; {sku} costs about 10 % more"
        remedy = f"give its own price under {known.table}"
        return Finding("price", known.name, "warn", f"{text}. Not compared: {why}", remedy)
    return Finding("price", known.name, "unknown", f"{_shown(in_use)} ({_source(in_use)}), not compared: {why}")


def _apart(in_use: Price, listed: ListedPrice) -> Iterator[float]:
    """The listed prices that those in use differ from by more than 1 %."""
    cached = in_use.input_usd if in_use.cached_input_usd is None else in_use.cached_input_usd
    for used, right in (
        (in_use.input_usd, listed.input_usd),
        (in_use.output_usd, listed.output_usd),
        (cached, listed.cached_input_usd),
    ):
        if right is not None and abs(used - right) > _MOST_APART * right:
            yield right


def _as_toml(listed: ListedPrice, in_use: Price | None) -> str:
    cached = listed.cached_input_usd
    if cached is None and in_use is not None:
        cached = in_use.cached_input_usd
    parts = [f"input = {_plain_number(listed.input_usd)}"]
    parts += [] if cached is None else [f"cached_input = {_plain_number(cached)}"]
    parts += [f"output = {_plain_number(listed.output_usd)}"]
    return f"price = {{ {', '.join(parts)} }}"


def _shown(price: Price | ListedPrice) -> str:
    return price_words(price.input_usd, price.cached_input_usd, price.output_usd)


def _source(price: Price) -> str:
    return f"bundled table of {price.as_of}" if price.as_of else price.source


def _plain_number(value: float) -> str:
    """Without an exponent, which nobody writes into a price."""
    return f"{value:.9f}".rstrip("0").rstrip(".")
