"""What is said beside a verdict: why there is none yet, how strong the evidence is, what it rests on."""

from __future__ import annotations

import math

from tui.evaluation import drift
from tui.evaluation.calibration import Calibration
from tui.evaluation.canary_tests import Scales
from tui.evaluation.criteria import Criterion
from tui.evaluation.criterion_test import RUN_LENGTH
from tui.evaluation.means import FEWEST
from tui.evaluation.strata import Comparison
from tui.model import VerdictState

_HEALTH = {
    "prompt_filter": "the versions get a different mix of prompts",
    "split": "the split is not what was asked for",
}
_CALLED = {"ttft": "the first token", "token": "each token"}
_BAD = {"errors": "failed", "throttled": "were throttled", "completion_filter": "had a filtered answer"}
_ANSWERED_POINTS = 0.03
_MOSTLY = 0.5


def note(row: Criterion, side: Scales, seen: Comparison, calibration: Calibration) -> str:
    """One line for people; empty where there is nothing to say."""
    state = side.state(row, seen)
    if row.kind in ("mix", "split"):
        return _HEALTH[row.id] if state is VerdictState.WORSE else ""
    if state is VerdictState.NOT_YET and (why := _why_not_yet(row, side, seen, calibration)):
        return why
    parts = [_drifted(row, side) or _strength(row, side, seen, state)]
    if state is VerdictState.WORSE and row.measure == "latency":
        parts.append(_cause(side, seen))
    parts.append(_answered_unlike(row, seen))
    cut = calibration.limits.cuts.get(row.id)
    if cut is not None and cut.shortened:
        parts.append(f"limit cut to {cut.limit:,.0f} ms, the reach of the time-out")
    return "; ".join(part for part in parts if part)


def _why_not_yet(row: Criterion, side: Scales, seen: Comparison, calibration: Calibration) -> str:
    """Why nothing can be decided now, however long one waits; else empty."""
    if row.kind == "paired":
        return ""
    missing, more = calibration.missing(row)
    if more is None:
        return missing
    if missing and side.baseline_pct > 0:
        return "; ".join(filter(None, (missing, _behind(side))))
    if why := _no_traffic(side):
        return why
    if why := side.why_no_ok(row, seen):
        return why
    if side.warming and row.kind in ("slower", "mean"):
        return f"warming up: {side.warming} more requests of the canary say nothing of time and cost"
    if row.kind == "mean":
        found = side.mean(row, seen)
        n = 0 if found is None else found.canary_n
        return f"{n} of {FEWEST} answers to begin" if n < FEWEST else ""
    return ""


def _no_traffic(side: Scales) -> str:
    if side.canary_pct <= 0:
        return "the canary has no traffic"
    if side.baseline_pct <= 0:
        return "the baseline has no traffic to compare with"
    return _behind(side)


def _behind(side: Scales) -> str:
    counted = side.none.get("saturated", [0, 0])
    if sum(counted) > _MOSTLY * (sum(counted) + sum(side.requests)):
        return f"this machine is behind: {sum(counted):,} requests are no evidence"
    return ""


def _strength(row: Criterion, side: Scales, seen: Comparison, state: VerdictState) -> str:
    floor = side.floors.get(row.id)
    scale = side.scales.get(row.id)
    if (
        state is VerdictState.OK
        and floor is not None
        and scale is not None
        and scale.state is not VerdictState.OK
    ):
        return f"its own rate is below {100 * row.floor:g}%: {floor.bad} of {floor.requests:,}"
    if row.kind == "paired":
        log_e = side.paired[row.id].log_worse
    elif row.kind == "mean":
        found = side.mean(row, seen)
        log_e = found.log_e if found is not None and found.gap > 0 else 0.0
    else:
        log_e = scale.log_worse if scale is not None else 0.0
    return f"evidence 1 in {_times(log_e)}" if log_e > 1 else ""


def _drifted(row: Criterion, side: Scales) -> str:
    scale = side.scales.get(row.id)
    if scale is None:
        return ""
    if side.only_alone(row):
        alone = side.alone[row.id]
        due = f"{alone.seen} bad requests lately where {_due(alone.expected)} were due"
        return f"late drift, with nobody beside it: {due}; by chance once in {drift.RUN_LENGTH * drift.BATCH:,}"
    if scale.drifted:
        due = f"{scale.late_bad:,} bad requests lately where {_due(scale.late_due)} were due"
        return f"late drift: {due}; by chance once in {RUN_LENGTH:,} blocks"
    return ""


def _cause(side: Scales, seen: Comparison) -> str:
    """Whether whole answers take longer because the version is slower, or because it says more."""
    slower = [said for measure, said in _CALLED.items() if side.is_worse(measure)]
    if slower:
        return f"slower: {' and '.join(slower)}"
    own, base = seen.means("tokens")
    if side.is_worse("tokens") and own and base:
        return f"chattier, not slower: answers {100 * (own / base - 1):+.0f}%"
    return ""


def _answered_unlike(row: Criterion, seen: Comparison) -> str:
    """``88% of the canary answered, 100% of the baseline``, where they differ."""
    if row.measure is None and row.kind != "mean":
        return ""
    own, base = seen.rates("answered")
    if own is None or base is None or abs(own - base) < _ANSWERED_POINTS:
        return ""
    return f"{100 * own:.0f}% of the canary answered, {100 * base:.0f}% of the baseline"


def explained(row: Criterion, side: Scales, seen: Comparison, names: tuple[str, str]) -> str:
    """What a verdict rests on in one sentence of plain words; ``names`` are the canary and the baseline."""
    canary = names[0]
    state = side.state(row, seen)
    if row.kind == "split":
        return _explained_split(side, names)
    if row.kind == "mix":
        mix = side.mix
        return (
            f"of {mix.events:,} neighbours whose prompt was blocked, {mix.own_bad:,} were {canary}'s where"
            f" {_due(mix.due)} were due"
        )
    if row.kind == "paired":
        return _explained_pairs(row, side, canary)
    if row.kind == "mean":
        return _explained_mean(row, side, seen, names)
    scale = side.scales[row.id]
    if side.only_alone(row):
        return (
            f"{canary} has all the traffic: it is held against its own past, and a drift of the whole service"
            " looks the same"
        )
    if scale.drifted:
        return (
            f"{canary} was OK and has become worse: lately {scale.late_bad:,} bad requests were its own where"
            f" {_due(scale.late_due)} were due; that happens to equal versions once in {RUN_LENGTH:,} blocks"
        )
    floor = side.floors.get(row.id)
    if state is VerdictState.OK and floor is not None and scale.state is not VerdictState.OK:
        return (
            f"{floor.bad} of {floor.requests:,} requests of {canary} {_BAD[row.id]}: a rate of"
            f" {100 * row.floor:g}% or more shows so few once in {_times(floor.log_e)} runs"
        )
    if not scale.own + scale.others:
        return ""
    if not scale.bad:
        what = _BAD.get(row.id, "were slow")
        return (
            f"none of {scale.own + scale.others:,} neighbours {what}, so there is nothing to tell them apart by"
        )
    what = _BAD.get(row.id, "were long" if row.measure == "length" else "were slow")
    head = (
        f"of {scale.bad:,} neighbours that {what}, {scale.bad_own:,} were {canary}'s where"
        f" {_due(scale.by_chance)} were to be expected by chance"
    )
    if state is VerdictState.OK or (scale.bad_own < scale.by_chance and scale.log_ok > 1):
        at = "a version at the limit" if row.kind == "slower" else f"a version with {_margin(row)}"
        return f"{head}; so few happen to {at} once in {_times(scale.log_ok)} runs"
    if scale.log_worse > 1:
        equal = "equal versions" if row.kind == "rate" else f"versions within {row.limit}"
        return f"{head}; that happens to {equal} once in {_times(scale.log_worse)} runs"
    return f"{head}: that says little yet"


def _margin(row: Criterion) -> str:
    return "half as many again as the baseline" if row.kind == "rate" else row.limit


def _explained_split(side: Scales, names: tuple[str, str]) -> str:
    """How many requests were drawn, and which are no evidence and why."""
    said = [
        f"{n:,} of {name} ({why})"
        for why, counts in sorted(side.none.items())
        for name, n in zip(names, counts, strict=True)
        if n
    ]
    drawn = f"{sum(side.requests):,} requests were drawn for the two"
    return f"{drawn}; no evidence of how a version answers: {', '.join(said)}" if said else drawn


def _explained_pairs(row: Criterion, side: Scales, canary: str) -> str:
    drops = side.paired[row.id].drops
    if not drops.pairs:
        return "no item was answered by both yet"
    return (
        f"of {drops.pairs:,} items that both answered, {drops.untied:,} were not alike; {canary} is judged by"
        " these"
    )


def _explained_mean(row: Criterion, side: Scales, seen: Comparison, names: tuple[str, str]) -> str:
    found = side.mean(row, seen)
    if found is None:
        return "no two answers a side yet"
    low, high = (100 * edge for edge in found.interval())
    what = "tokens" if row.id == "tokens" else "cost"
    return (
        f"{names[0]}'s mean {what} of {found.canary_n:,} answers lies between {low:+.0f}% and {high:+.0f}% of"
        f" {names[1]}'s, after what the size of the prompts explains"
    )


def _times(log_e: float) -> str:
    return f"{math.exp(min(max(log_e, 0.0), 20.0)):,.0f}"


def _due(count: float) -> str:
    """A number that is to be expected: with a decimal where it is small."""
    return f"{count:.1f}" if count < 10 else f"{count:,.0f}"
