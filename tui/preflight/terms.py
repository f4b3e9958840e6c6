"""Findings of a deployment's terms: its price against the list, its quota, its limit against the traffic."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator

from tui.base.text import plain
from tui.control_plane.listed_price import ListedPrice, NotListed, listed_price
from tui.control_plane.retail_prices import PricesUnavailable
from tui.model import Price, RateLimit
from tui.preflight.answers import PriceList
from tui.preflight.deployments import Known
from tui.preflight.finding import Finding, region_key
from tui.rollout import Rollout
from tui.service.prices import price_for, price_words
from tui.traffic.arrivals import Arrival, trace
from tui.traffic.trace_rows import TraceError

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
        return known.finding("price", "warn", text, f"under {known.table}:", _as_toml(listed, None))
    if list(_apart(in_use, listed)):
        text = f"{_shown(in_use)} in use ({_source(in_use)}), the list has {_shown(listed)}"
        return known.finding("price", "wrong", text, f"under {known.table}:", _as_toml(listed, in_use))
    text = f"{_shown(in_use)} ({_source(in_use)}), as in the list by {listed.found}"
    if listed.cached_input_usd is None and in_use.cached_input_usd is not None:
        text += ", which has no cached input"
    return known.finding("price", "ok", text)


def _of_plain_server(known: Known, in_use: Price | None) -> Finding:
    """The list is that of Azure."""
    if in_use is None:
        text = "no price in use, so costs are not known"
        return known.finding("price", "unknown", text, f"give price under {known.table}")
    return known.finding("price", "ok", f"{_shown(in_use)} in use ({_source(in_use)})")


def _by_the_hour(known: Known) -> Finding | None:
    """What is to be said of provisioned capacity; None where tokens are paid."""
    by_file = known.deployment.provisioned
    sku = known.managed.sku if known.managed is not None else None
    by_arm = by_file if sku is None else "provisioned" in sku.casefold()
    if by_arm and by_file:
        return known.finding("price", "ok", "n/a: provisioned capacity is paid by the hour")
    if by_arm:
        text = f"by ARM it is {sku}, which is paid by the hour, and the file counts tokens"
        return known.finding("price", "wrong", text, f"under {known.table}:", "provisioned = true")
    if by_file:
        text = f"the file says that it is provisioned, by ARM it is {sku}, which is paid by the token"
        return known.finding("price", "wrong", text, f"under {known.table}: remove provisioned")
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
        return known.finding("price", "unknown", text, f"give price under {known.table}")
    sku = known.managed.sku if known.managed is not None else None
    if sku in _DEARER and known.deployment.price is None:
        text = f"{_shown(in_use)} in use is that of Global Standard; {sku} costs about 10 % more"
        remedy = f"give its own price under {known.table}"
        return known.finding("price", "warn", f"{text}. Not compared: {why}", remedy)
    return known.finding("price", "unknown", f"{_shown(in_use)} ({_source(in_use)}), not compared: {why}")


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


_MOST_ROWS = 200_000
_ROWS_AT_ONCE = 2_000


def quota(known: Known) -> Finding | None:
    """What of the quota that it draws on is used; None where ARM does not have it, or there is none to ask."""
    account, managed = known.account, known.managed
    if account is None and known.endpoint.plain:
        return None
    if account is None:
        return known.finding("quota", "unknown", "not known without ARM")
    if managed is None:
        return None
    sku = account.sku_of(managed)
    usage = sku.usage_name if sku is not None else None
    if usage is None:
        sku_name = plain(managed.sku or "(none)", 80)
        text = f"ARM does not say which quota SKU {sku_name} of this version draws on"
        why = account.error if not account.models else None
        return known.finding("quota", "unknown", why or text)
    use = next((use for use in account.quota if use.name == usage), None)
    if use is None or use.used is None or use.limit is None:
        why = account.error or f"ARM does not tell how far {usage} is used"
        return known.finding("quota", "unknown", why)
    text = f"{_number(use.used)} of {_number(use.limit)} used of {usage}"
    if use.used > use.limit:
        remedy = "have the quota of this region raised, or remove deployments that draw on it"
        return known.finding("quota", "wrong", text, remedy)
    return known.finding("quota", "ok", text)


async def rate(known: Known, rollout: Rollout) -> Finding | None:
    """Whether its limit of requests bears its largest share of the traffic; None where ARM does not have it.

    How many tokens a request takes is not known beforehand, so the limit of tokens is not judged.
    """
    managed = known.managed
    if managed is None:
        return None
    limits = [one for one in managed.rate_limits if _counts_requests(one)]
    limit = min(limits, key=lambda one: one.count / one.renewal_s, default=None)
    if limit is None:
        return known.finding("rate", "unknown", "ARM tells no limit of requests")
    pct, when = largest_share(rollout, known.name)
    try:
        sent = await _most_sent(rollout, limit.renewal_s)
    except TraceError as error:
        return known.finding("rate", "unknown", f"the traffic is not known: {error}")
    needed = sent * pct / 100
    allowed = f"{_number(limit.count)} requests in {limit.renewal_s:g} s are allowed"
    text = f"{allowed}; at {pct:g}%{when} it gets {_number(needed)}"
    if needed > limit.count:
        remedy = "raise its capacity, or send less: requests beyond the limit are refused with 429"
        return known.finding("rate", "warn", text, remedy)
    return known.finding("rate", "ok", text)


def largest_share(rollout: Rollout, name: str) -> tuple[float, str]:
    """The most that a deployment may get of a task, in percent, and when that is where it is not now.

    By the weights of the file, the rungs of the plans, and for the baseline a roll back.
    """
    now = max(shares.get(name, 0.0) for shares in rollout.weights.values())
    plans = (spec.plan for spec in rollout.tasks.values())
    rungs = [step.weight_pct for plan in plans if plan and plan.canary == name for step in plan.steps]
    most = max([now, *rungs])
    if name == rollout.baseline and most < 100:
        return 100.0, " (after a roll back)"
    return most, " (a rung of the plan)" if most > now else ""


def _counts_requests(limit: RateLimit) -> bool:
    return limit.key.casefold() == "request" and limit.renewal_s > 0


async def _most_sent(rollout: Rollout, span_s: float) -> float:
    """Requests of all tasks in ``span_s`` seconds: at the busiest time of a trace, else by the rate."""
    traffic = rollout.traffic
    if traffic.arrivals != "trace" or traffic.trace is None:
        return traffic.rate * span_s
    return await busiest(trace(traffic.trace, speed=traffic.speed, unit=traffic.trace_unit), span_s)


async def busiest(arrivals: Iterable[Arrival], span_s: float) -> int:
    """The most of the first 200,000 arrivals that are due within ``span_s`` seconds."""
    due: deque[float] = deque()
    most = 0
    for number, arrival in enumerate(arrivals):
        if number == _MOST_ROWS:
            break
        if number % _ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
        due.append(arrival.due_s)
        while due[0] <= arrival.due_s - span_s:
            due.popleft()
        most = max(most, len(due))
    return most


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
