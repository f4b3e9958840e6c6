"""Whether the quota of a deployment's SKU holds, and its own limit bears the traffic of the rollout."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from tui.base.text import plain
from tui.model import RateLimit
from tui.preflight.finding import Finding
from tui.preflight.online_deployments import Known
from tui.rollout import Rollout
from tui.traffic.arrivals import Arrival, trace
from tui.traffic.trace_rows import TraceError

_SHOWN = 80
_MOST_ROWS = 200_000
_ROWS_AT_ONCE = 2_000


def quota(known: Known) -> Finding | None:
    """What of the quota that it draws on is used; None where ARM does not have it, or there is none to ask."""
    account, managed = known.account, known.managed
    if account is None and known.endpoint.plain:
        return None
    if account is None:
        return Finding("quota", known.name, "unknown", "not known without ARM")
    if managed is None:
        return None
    sku = account.sku_of(managed)
    usage = sku.usage_name if sku is not None else None
    if usage is None:
        sku_name = plain(managed.sku or "(none)", _SHOWN)
        text = f"ARM does not say which quota SKU {sku_name} of this version draws on"
        why = account.error if not account.models else None
        return Finding("quota", known.name, "unknown", why or text)
    use = next((use for use in account.quota if use.name == usage), None)
    if use is None or use.used is None or use.limit is None:
        why = account.error or f"ARM does not tell how far {usage} is used"
        return Finding("quota", known.name, "unknown", why)
    text = f"{_number(use.used)} of {_number(use.limit)} used of {usage}"
    if use.used > use.limit:
        remedy = "have the quota of this region raised, or remove deployments that draw on it"
        return Finding("quota", known.name, "wrong", text, remedy)
    return Finding("quota", known.name, "ok", text)


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
        return Finding("rate", known.name, "unknown", "ARM tells no limit of requests")
    pct, when = largest_share(rollout, known.name)
    try:
        sent = await _most_sent(rollout, limit.renewal_s)
    except TraceError as error:
        return Finding("rate", known.name, "unknown", f"the traffic is not known: {error}")
    needed = sent * pct / 100
    allowed = f"{_number(limit.count)} requests in {limit.renewal_s:g} s are allowed"
    text = f"{allowed}; at {pct:g}%{when} it gets {_number(needed)}"
    if needed > limit.count:
        remedy = "raise its capacity, or send less: requests beyond the limit are refused with 429"
        return Finding("rate", known.name, "warn", text, remedy)
    return Finding("rate", known.name, "ok", text)


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
