"""Verdicts: the value, difference and interval of the one quantity that decided, and how long until it does, if
all stays as it is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tui.evaluation.canary_tests import CanaryTests
from tui.evaluation.criteria import RATE_MARGIN, Criterion
from tui.evaluation.criterion_test import CriterionTest
from tui.evaluation.means import FEWEST, Difference
from tui.evaluation.neighbours import progress_to
from tui.evaluation.paired import Drops
from tui.evaluation.verdict_text import explained, note
from tui.model import Eta, Verdict, VerdictState


def verdict_of(row: Criterion, tests: CanaryTests, per_s: float) -> Verdict:
    """What may be said of a criterion now; ``per_s`` requests of the task, or pairs, come in a second."""
    state = tests.state(row)
    undecided = state is VerdictState.NOT_YET
    shown: Figures = figures(row, tests)
    return Verdict(
        criterion=row.id,
        label=row.label,
        unit=row.unit,
        state=state,
        limit=tests.calibration.allowed(row),
        **asdict(shown),
        etas=etas(row, tests, per_s) if undecided else (),
        advisory=tests.is_advisory(row) or (row.kind == "mean" and shown.canary_requests < FEWEST),
        never=undecided and tests.calibration.missing(row)[1] is None,
        note=note(row, tests),
        explained=explained(row, tests),
        since_s=None if undecided else tests.since_s.get(row.id),
        task=tests.task,
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a verdict in the unit of its criterion; None where it is not known or not finite."""

    canary_value: float | None = None
    baseline_value: float | None = None
    difference_pct: float | None = None
    difference_low_pct: float | None = None
    difference_high_pct: float | None = None
    worse_progress: float = 0.0
    ok_progress: float = 0.0
    canary_requests: int = 0
    baseline_requests: int = 0
    events: int = 0


def figures(row: Criterion, tests: CanaryTests) -> Figures:
    """The values of both, the baseline's as if it had had the canary's share of every moment."""
    if row.kind == "slower":
        return _slower(row, tests)
    if row.kind == "rate":
        return _rate(row, tests)
    if row.kind == "mean":
        return _mean(row, tests)
    if row.kind == "paired":
        return _paired(row, tests)
    if row.kind == "mix":
        mix = tests.mix
        own, base = (_times(share, 100) for share in mix.shares)
        return Figures(own, base, None, None, None, *mix.progress, mix.own, mix.others, mix.events)
    split = tests.split
    own, asked = (_times(share, 100) for share in split.shares)
    drawn, others = split.drawn
    return Figures(own, asked, None, None, None, *split.progress, drawn, others, drawn + others)


def _slower(row: Criterion, tests: CanaryTests) -> Figures:
    """The difference is the factor at which the canary has as many slow answers as its neighbours; its value is
    that times the baseline's quantile."""
    test = tests.by_criterion[row.id]
    percent, measured = row.percent, tests.comparison.quantiles(row.measure or "")
    own, base = (None if q is None else getattr(q, f"p{percent}") for q in measured)
    own_n, base_n = (0 if q is None else q.count for q in measured)
    if not test.own:
        return Figures(own, base, canary_requests=own_n, baseline_requests=base_n)
    if test.drifted:
        # What decided is what came last: a difference of the whole run may lie within the limit.
        return Figures(own, base, None, None, None, *test.progress, test.own, test.others, test.bad)
    factor = test.factor
    low, high = test.interval()
    seen_ratio = own / base if own is not None and base else None
    if factor is None and seen_ratio is not None and (low is None or seen_ratio > low):
        factor = seen_ratio
    elif factor is not None:
        factor = min(max(factor, low or 0.0), high or factor)
    if factor is not None and base is not None:
        own = base * factor
    return Figures(
        own, base, _over(factor), _over(low), _over(high), *test.progress, test.own, test.others, test.bad
    )


def _rate(row: Criterion, tests: CanaryTests) -> Figures:
    test, floor = tests.by_criterion[row.id], tests.floors.get(row.id)
    own, base = test.rates if test.own else tests.comparison.rates(row.id)
    low, high = (None, None) if test.drifted else test.interval()
    factor = None if test.drifted else test.factor
    to_worse, to_ok = test.progress
    if floor is not None:
        to_ok = max(to_ok, progress_to(floor.log_e, tests.thresholds.to_ok_of_rate))
    return Figures(
        _times(own, 100), _times(base, 100), _over(factor), _over(low), _over(high),
        to_worse, to_ok, test.own, test.others, test.bad,
    )  # fmt: skip


def _mean(row: Criterion, tests: CanaryTests) -> Figures:
    pairs = tests.comparison.moments(row.id)
    own_n, base_n = sum(own.n for own, _ in pairs), sum(base.n for _, base in pairs)
    found = tests.mean(row)
    if found is None:
        own, base = (_times(mean, row.per) for mean in tests.comparison.means(row.id))
        return Figures(own, base, canary_requests=own_n, baseline_requests=base_n, events=own_n)
    low, high = found.interval()
    if tests.holds_ok(row) and found.gap < 0:
        # It was excluded once, and stays so.
        high = min(high, row.margin)
    return Figures(
        found.base * (1 + found.over) * row.per, found.base * row.per, 100 * found.over, 100 * low, 100 * high,
        *_mean_progress(found), own_n, base_n, own_n,
    )  # fmt: skip


def _mean_progress(found: Difference) -> tuple[float, float]:
    if found.gap > 0:
        return progress_to(found.log_e, found.to_worse), 0.0
    return 0.0, progress_to(found.log_e, found.to_ok)


def _paired(row: Criterion, tests: CanaryTests) -> Figures:
    """Scores begin at 1; the difference is percent of the baseline's mean."""
    paired = tests.paired[row.id]
    drops: Drops = paired.drops
    n, events = drops.pairs, drops.untied
    if drops.means is None:
        return Figures(None, None, None, None, None, *paired.progress)
    first, per = row.values[0], row.per
    base, own = ((first + mean) * per for mean in drops.means)
    if base <= 0:
        return Figures(own, base, None, None, None, *paired.progress, n, n, events)
    low, high = (-100 * drop * per / base for drop in reversed(drops.interval(tests.alpha)))
    return Figures(own, base, 100 * (own - base) / base, low, high, *paired.progress, n, n, events)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _over(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * (ratio - 1)


WEIGHTS_PCT = (10.0, 25.0, 50.0)
"""Weights at which it is estimated too, where they are higher than the one in force."""

_SURE = 0.8
"""Standard errors that the seen difference may be off, for 10 to 90 %."""

_SOONER, _LATER = 0.6, 1.7
"""What chance alone does to the time that a known difference takes."""


def etas(row: Criterion, tests: CanaryTests, per_s: float) -> tuple[Eta, ...]:
    """At the weight in force, and at higher ones; empty where nothing comes."""
    canary_pct = tests.canary_pct
    if per_s <= 0 or row.kind in ("mix", "split"):
        return ()
    if row.kind == "paired":
        # Pairs come at a rate of their own, whatever the weights are.
        pairs = tests.paired[row.id].pairs_to()
        if pairs is None:
            return (Eta(canary_pct, None, None),)
        return (Eta(canary_pct, pairs / per_s, math.ceil(pairs), None),)
    _, missing = tests.calibration.missing(row)
    both_pct = canary_pct + tests.baseline_pct
    if missing is None or tests.why_no_ok(row) or not 0 < canary_pct < both_pct:
        return ()
    weights = [canary_pct, *(w for w in WEIGHTS_PCT if canary_pct < w < both_pct)]
    found = _requests_to(row, tests)
    if found is None:
        return (Eta(canary_pct, None, None),)
    made = []
    for weight_pct in weights:
        # What a canary request tells is proportional to the share of its neighbours.
        worth = (both_pct - weight_pct) / tests.baseline_pct
        useful_per_s = per_s * weight_pct / 100 * _useful(row, tests)
        if useful_per_s <= 0:
            return (Eta(canary_pct, None, None),)
        calibrating_s = missing / (per_s * (both_pct - weight_pct) / 100)
        low, high = (None if n is None else n / worth for n in found)
        assert low is not None
        ends = (
            low / useful_per_s + calibrating_s,
            None if high is None else high / useful_per_s + calibrating_s,
        )
        middle = low if high is None else math.sqrt(max(low, 1.0) * max(high, 1.0))
        made.append(Eta(weight_pct, ends[0], math.ceil(middle + calibrating_s * useful_per_s), ends[1]))
    return tuple(made)


def _useful(row: Criterion, tests: CanaryTests) -> float:
    """The share of the canary's requests that say something for this criterion."""
    test, members = tests.by_criterion.get(row.id), tests.requests[0]
    behind = tests.no_evidence.get("saturated", (0, 0))[0]
    if not members:
        return 0.0 if behind else 1.0
    tested = 1.0 if test is None or not test.own else min(test.own / members, 1.0)
    return tested * members / (members + behind)


def _requests_to(row: Criterion, tests: CanaryTests) -> tuple[float, float | None] | None:
    """Between how many more requests of the canary; the second None where it may be never."""
    if row.kind == "mean":
        found = tests.mean(row)
        if found is None:
            return None
        off = _SURE * found.error
        return _range(
            [found.requests_to(gap) for gap in (found.gap - off, found.gap + off)],
            same_sign=abs(found.gap) > off,
        )
    test = tests.by_criterion.get(row.id)
    if test is None:
        return None
    ways = _of_test(row, test)
    floor = tests.floors.get(row.id)
    if floor is not None and (n := floor.requests_to(tests.thresholds.to_ok_of_rate)) is not None:
        by_floor = (_SOONER * n, _LATER * n)
        ways = by_floor if ways is None else (min(ways[0], by_floor[0]), _least(ways[1], by_floor[1]))
    return ways


def _of_test(row: Criterion, test: CriterionTest) -> tuple[float, float | None] | None:
    if test.information <= 0 or not test.own:
        return None
    per_request, off = test.information / test.own, _SURE / math.sqrt(test.information)
    to_worse, to_ok = test.missing
    beyond = math.log(RATE_MARGIN) if row.kind == "rate" else 0.0

    def needed(log_odds: float) -> float | None:
        ways = [(log_odds, to_worse), (beyond - log_odds, to_ok)]
        known = [2 * gap / (per_request * effect * effect) for effect, gap in ways if effect > 0]
        return min(known, default=None)

    ends = [needed(test.drift - off), needed(test.drift + off)]
    inside = row.kind != "rate" and abs(test.drift) <= off
    return _range(ends, same_sign=not inside)


def _range(ends: Sequence[float | None], *, same_sign: bool) -> tuple[float, float | None] | None:
    known = [n for n in ends if n is not None]
    if not known:
        return None
    sure = same_sign and len(known) == len(ends)
    return _SOONER * min(known), _LATER * max(known) if sure else None


def _least(one: float | None, other: float | None) -> float | None:
    known = [n for n in (one, other) if n is not None]
    return min(known, default=None)
