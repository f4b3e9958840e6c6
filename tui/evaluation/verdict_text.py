"""Text of a verdict: its note (why there is none yet, how strong the evidence is), its explanation (what it
rests on), and the line that guard and plan give as a reason."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.base.text import plain
from tui.evaluation.canary_tests import CanaryTests
from tui.evaluation.criteria import Criterion
from tui.evaluation.means import FEWEST
from tui.evaluation.neighbours import RUN_LENGTH
from tui.evaluation.own_rate import BATCH
from tui.model import Verdict, VerdictState
from tui.model.criteria import MEASURE_ROWS

_ANSWERED_POINTS = 0.03
_MOSTLY = 0.5


def note(row: Criterion, tests: CanaryTests) -> str:
    """One line for people; empty where there is nothing to say."""
    state = tests.state(row)
    if row.kind in ("mix", "split"):
        return row.text if state is VerdictState.WORSE else ""
    if state is VerdictState.NOT_YET and (why := _why_not_yet(row, tests)):
        return why
    parts = [_drifted(row, tests) or _strength(row, tests, state)]
    if state is VerdictState.WORSE and row.measure == "latency":
        parts.append(_cause(tests))
    parts.append(_answered_unlike(row, tests))
    cut = tests.calibration.limits.cuts.get(row.id)
    if cut is not None and cut.shortened:
        parts.append(f"limit cut to {cut.limit:,.0f} ms, the reach of the time-out")
    return "; ".join(part for part in parts if part)


def _why_not_yet(row: Criterion, tests: CanaryTests) -> str:
    """Why nothing can be decided now, however long one waits; else empty."""
    if row.kind == "paired":
        return ""
    missing, more = tests.calibration.missing(row)
    if more is None:
        return missing
    if missing and tests.baseline_pct > 0:
        return "; ".join(filter(None, (missing, _behind(tests))))
    if why := _no_traffic(tests):
        return why
    if why := tests.why_no_ok(row):
        return why
    if tests.warming and row.kind in ("slower", "mean"):
        return f"warming up: {tests.warming} more requests of the canary say nothing of time and cost"
    if row.kind == "mean":
        found = tests.mean(row)
        n = 0 if found is None else found.canary_n
        return f"{n} of {FEWEST} answers to begin" if n < FEWEST else ""
    return ""


def _no_traffic(tests: CanaryTests) -> str:
    if tests.canary_pct <= 0:
        return "the canary has no traffic"
    if tests.baseline_pct <= 0:
        return "the baseline has no traffic to compare with"
    return _behind(tests)


def _behind(tests: CanaryTests) -> str:
    counted = tests.no_evidence.get("saturated", [0, 0])
    if sum(counted) > _MOSTLY * (sum(counted) + sum(tests.requests)):
        return f"this machine is behind: {sum(counted):,} requests are no evidence"
    return ""


def _strength(row: Criterion, tests: CanaryTests, state: VerdictState) -> str:
    floor = tests.floors.get(row.id)
    test = tests.by_criterion.get(row.id)
    if (
        state is VerdictState.OK
        and floor is not None
        and test is not None
        and test.state is not VerdictState.OK
    ):
        return f"its own rate is below {100 * row.floor:g}%: {floor.bad} of {floor.requests:,}"
    if row.kind == "paired":
        log_e = tests.paired[row.id].log_worse
    elif row.kind == "mean":
        found = tests.mean(row)
        log_e = found.log_e if found is not None and found.gap > 0 else 0.0
    else:
        log_e = test.log_worse if test is not None else 0.0
    return f"evidence 1 in {_times(log_e)}" if log_e > 1 else ""


def _drifted(row: Criterion, tests: CanaryTests) -> str:
    test = tests.by_criterion.get(row.id)
    if test is None:
        return ""
    if tests.only_alone(row):
        alone = tests.alone[row.id]
        due = f"{alone.seen} bad requests lately where {_due(alone.expected)} were due"
        return f"late drift, with nobody beside it: {due}; by chance once in {RUN_LENGTH * BATCH:,}"
    if test.drifted:
        due = f"{test.late_bad:,} bad requests lately where {_due(test.late_due)} were due"
        return f"late drift: {due}; by chance once in {RUN_LENGTH:,} blocks"
    return ""


def _cause(tests: CanaryTests) -> str:
    """Whether whole answers take longer because the version is slower, or because it says more."""
    slower = [measure.cause for measure in MEASURE_ROWS if measure.cause and tests.is_worse(measure.id)]
    if slower:
        return f"slower: {' and '.join(slower)}"
    own, base = tests.comparison.means("tokens")
    if tests.is_worse("tokens") and own and base:
        return f"chattier, not slower: answers {100 * (own / base - 1):+.0f}%"
    return ""


def _answered_unlike(row: Criterion, tests: CanaryTests) -> str:
    """``88% of the canary answered, 100% of the baseline``, where they differ."""
    if row.measure is None and row.kind != "mean":
        return ""
    own, base = tests.comparison.rates("answered")
    if own is None or base is None or abs(own - base) < _ANSWERED_POINTS:
        return ""
    return f"{100 * own:.0f}% of the canary answered, {100 * base:.0f}% of the baseline"


def explained(row: Criterion, tests: CanaryTests) -> str:
    """What a verdict rests on in one sentence of plain words."""
    canary = tests.canary
    state = tests.state(row)
    if row.kind == "split":
        return _explained_split(tests)
    if row.kind == "mix":
        mix = tests.mix
        return (
            f"of {mix.events:,} neighbours whose prompt was blocked, {mix.own_bad:,} were {canary}'s where"
            f" {_due(mix.due)} were due"
        )
    if row.kind == "paired":
        return _explained_pairs(row, tests)
    if row.kind == "mean":
        return _explained_mean(row, tests)
    test = tests.by_criterion[row.id]
    if tests.only_alone(row):
        return (
            f"{canary} has all the traffic: it is held against its own past, and a drift of the whole service"
            " looks the same"
        )
    if test.drifted:
        return (
            f"{canary} was OK and has become worse: lately {test.late_bad:,} bad requests were its own where"
            f" {_due(test.late_due)} were due; that happens to equal versions once in {RUN_LENGTH:,} blocks"
        )
    floor = tests.floors.get(row.id)
    if state is VerdictState.OK and floor is not None and test.state is not VerdictState.OK:
        return (
            f"{floor.bad} of {floor.requests:,} requests of {canary} {row.text}: a rate of"
            f" {100 * row.floor:g}% or more shows so few once in {_times(floor.log_e)} runs"
        )
    if not test.own + test.others:
        return ""
    if not test.bad:
        both = test.own + test.others
        return f"none of {both:,} neighbours {row.text}, so there is nothing to tell them apart by"
    head = (
        f"of {test.bad:,} neighbours that {row.text}, {test.bad_own:,} were {canary}'s where"
        f" {_due(test.by_chance)} were to be expected by chance"
    )
    if state is VerdictState.OK or (test.bad_own < test.by_chance and test.log_ok > 1):
        at = "a version at the limit" if row.kind == "slower" else f"a version with {_margin(row)}"
        return f"{head}; so few happen to {at} once in {_times(test.log_ok)} runs"
    if test.log_worse > 1:
        equal = "equal versions" if row.kind == "rate" else f"versions within {row.limit}"
        return f"{head}; that happens to {equal} once in {_times(test.log_worse)} runs"
    return f"{head}: that says little yet"


def _margin(row: Criterion) -> str:
    return "half as many again as the baseline" if row.kind == "rate" else row.limit


def _explained_split(tests: CanaryTests) -> str:
    """How many requests were drawn, and which are no evidence and why."""
    said = [
        f"{n:,} of {name} ({why})"
        for why, counts in sorted(tests.no_evidence.items())
        for name, n in zip((tests.canary, tests.baseline), counts, strict=True)
        if n
    ]
    drawn = f"{sum(tests.requests):,} requests were drawn for the two"
    return f"{drawn}; no evidence of how a version answers: {', '.join(said)}" if said else drawn


def _explained_pairs(row: Criterion, tests: CanaryTests) -> str:
    drops = tests.paired[row.id].drops
    if not drops.pairs:
        return "no item was answered by both yet"
    return (
        f"of {drops.pairs:,} items that both answered, {drops.untied:,} were not alike;"
        f" {tests.canary} is judged by these"
    )


def _explained_mean(row: Criterion, tests: CanaryTests) -> str:
    found = tests.mean(row)
    if found is None:
        return "no two answers a side yet"
    low, high = (100 * edge for edge in found.interval())
    return (
        f"{tests.canary}'s mean {row.text} of {found.canary_n:,} answers lies between {low:+.0f}% and"
        f" {high:+.0f}% of {tests.baseline}'s, after what the size of the prompts explains"
    )


def _times(log_e: float) -> str:
    return f"{math.exp(min(max(log_e, 0.0), 20.0)):,.0f}"


def _due(count: float) -> str:
    """A number that is to be expected: with a decimal where it is small."""
    return f"{count:.1f}" if count < 10 else f"{count:,.0f}"


_PART = 80
_NOTE = 160
_MOST_PCT = 999


def evidence_line(verdict: Verdict) -> str:
    """What a verdict rests on: ``P95 655 ms vs 402 ms (+63%, between +41 and +88%, limit +10%), evidence 1 in
    2,000, n=412``.

    The evidence is what the verdict's note says of it; ``n`` are the canary's requests. Parts that are not
    known, or not finite, are left out.
    """
    values = f"{value(verdict.canary_value, verdict.unit)} vs {value(verdict.baseline_value, verdict.unit)}"
    difference = _signed(verdict.difference_pct)
    limit = f"limit {plain(verdict.limit, _PART)}" if verdict.limit else ""
    parts = (f"{difference}%" if difference else "", interval(verdict), limit)
    bracket = ", ".join(part for part in parts if part)
    head = f"{label(verdict)} {values}" + (f" ({bracket})" if bracket else "")
    said = [head, plain(verdict.note, _NOTE) if verdict.note else "", f"n={verdict.canary_requests:,}"]
    return ", ".join(part for part in said if part)


def label(verdict: Verdict) -> str:
    """The name of the criterion as it is shown, with its task where several are evaluated."""
    return f"{plain(verdict.task, _PART)} {plain(verdict.label or verdict.criterion, _PART)}".lstrip()


def acts(verdict: Verdict, criteria: Sequence[str]) -> bool:
    """Whether this verdict may make a hand act: WORSE, resting on both deployments, not advisory, and chosen.

    ``criteria`` are the chosen ids; when empty, every criterion is.
    """
    return (
        verdict.state is VerdictState.WORSE
        and not verdict.advisory
        and verdict.canary_requests > 0
        and verdict.baseline_requests > 0
        and (not criteria or verdict.criterion in criteria)
    )


def interval(verdict: Verdict) -> str:
    """``between +41 and +88%``, or one end of it; empty where neither is known."""
    low, high = _signed(verdict.difference_low_pct), _signed(verdict.difference_high_pct)
    if low and high:
        return f"between {low} and {high}%"
    return f"{low}% or more" if low else f"{high}% or less" if high else ""


def _signed(percent: float | None) -> str:
    """Without the sign of percent; empty where it is not known or not finite."""
    if percent is None or not math.isfinite(percent):
        return ""
    return f"{percent:+.0f}" if percent <= _MOST_PCT else f">+{_MOST_PCT}"


def value(number: float | None, unit: str) -> str:
    """With its unit; a dash where it is not known."""
    if number is None or not math.isfinite(number):
        return "–"
    shown = f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
    gap = "" if unit in ("", "%") else " "
    return f"{shown}{gap}{plain(unit, 16)}"
