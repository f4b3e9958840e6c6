"""The business line in words: ``-60% cost (saves $123/day at 40,000 requests/day), 4.2 vs 4.4, OK``. The value
of the canary comes first."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tui.base.text import plain
from tui.measure.business import BusinessLine, CostOfBoth, Graded
from tui.model import Snapshot, VerdictState

FREE = "free"
NOT_COMPARED = "quality not compared"

_WORDS = {VerdictState.WORSE: "WORSE", VerdictState.OK: "OK", VerdictState.NOT_YET: "NOT YET"}
_NAME_CHARS = 60
_EXACT_USD = 100
_LEAST_USD = 0.005


def line_texts(line: BusinessLine, canary: str = "") -> tuple[str, ...]:
    """The whole line, the longest text first. ``canary`` is named where several are told apart."""
    of = plain(line.task, _NAME_CHARS) + (f", {plain(canary, _NAME_CHARS)}" if canary else "")
    return tuple(f"{of}: {text}" for text in decision_texts(line))


def decision_texts(line: BusinessLine) -> tuple[str, ...]:
    """Cost and quality, the longest text first."""
    graded = "; ".join(map(graded_text, line.graded)) or NOT_COMPARED
    return tuple(dict.fromkeys(f"{cost}, {graded}" for cost in cost_texts(line)))


def cost_texts(line: BusinessLine) -> tuple[str, ...]:
    """What it costs or saves, the longest text first; or why that is not known."""
    if line.cost is None:
        return f"cost not known: {line.missing}", "cost not known"
    change, estimated = change_text(line.cost), estimated_text(line.cost.estimated_pct)
    head = "free" if change == FREE else f"{change} cost".lstrip()
    day = day_text(line)
    if not day:
        return (f"{head} ({estimated})", head) if estimated else (head,)
    whole = f"{day} at {rate_text(line)}"
    return f"{head} ({whole}, {estimated})" if estimated else f"{head} ({whole})", f"{head} ({day})", head


def day_text(line: BusinessLine) -> str:
    """``saves $123/day``, ``costs $4.10/day more``, ``no difference``; empty where it is not known."""
    more = line.usd_per_day
    if more is None or not math.isfinite(more):
        return ""
    if abs(more) < _LEAST_USD:
        return "no difference"
    return f"saves {usd(-more)}/day" if more < 0 else f"costs {usd(more)}/day more"


def rate_text(line: BusinessLine) -> str:
    """``40,000 requests/day``, with where they come from unless somebody said it."""
    if line.requests_per_day is None:
        return "an unknown rate"
    run = "the run's own " if line.rate_from == "run" else ""
    return f"{run}{line.requests_per_day:,.0f} requests/day"


def change_text(cost: CostOfBoth) -> str:
    """``-60%``, ``-60%~`` where a part is estimated; empty where the baseline costs nothing. Only what has no
    price saves all of it, and is ``free``."""
    change = cost.difference_pct
    if change is None or not math.isfinite(change):
        return ""
    if cost.canary_usd_per_1k == 0:
        return FREE
    text = f"{change:+.0f}%" if change < 999.5 else ">+999%"
    if change <= -99.5:
        text = f"{max(change, -99.9):.1f}%"
    return text + ("~" if cost.estimated_pct > 0 else "")


def estimated_text(pct: float) -> str:
    """``~12% estimated``; empty where nothing is."""
    return f"~{max(pct, 1):.0f}% estimated" if pct > 0 else ""


def spent_text(snapshot: Snapshot) -> str:
    """``$1.9100``, ``$1.9100 (~12% estimated)``."""
    spent, part = snapshot.spent_usd, snapshot.spent_estimated_usd
    estimated = estimated_text(100 * part / spent) if spent > 0 else ""
    return f"${spent:.4f}" + (f" ({estimated})" if estimated else "")


def graded_text(graded: Graded) -> str:
    """``4.2 vs 4.4, OK``: quality is of 5 and has no name; ``accuracy 71% vs 93%, WORSE``. One more decimal
    where the values would look the same."""
    own, base = graded.canary_value, graded.baseline_value
    name = "" if graded.criterion == "quality" else f"{graded.criterion} "
    if own is None or base is None:
        return f"{graded.criterion} not known yet"
    unit = "%" if graded.unit == "%" else ""
    decimals = 0 if unit else 1
    if own != base and f"{own:.{decimals}f}" == f"{base:.{decimals}f}":
        decimals += 1
    said = f"{name}{own:.{decimals}f}{unit} vs {base:.{decimals}f}{unit}, {_WORDS[graded.state]}"
    return said + (" (advisory)" if graded.advisory else "")


def pairs_text(graded: Iterable[Graded]) -> str:
    """``quality 80 pairs, accuracy 41 pairs``: what the values rest on."""
    return ", ".join(f"{g.criterion} {g.pairs:,} pair{'' if g.pairs == 1 else 's'}" for g in graded)


def usd(value: float) -> str:
    """``$4.10``, from 100 on whole dollars."""
    return f"${value:,.2f}" if value < _EXACT_USD - _LEAST_USD else f"${value:,.0f}"
