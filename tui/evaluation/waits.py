"""How long until a verdict: a range, from the canary and the baseline alone, if all stays as it is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tui.evaluation.canary_tests import CanaryTests
from tui.evaluation.criteria import RATE_MARGIN, Criterion
from tui.evaluation.criterion_test import CriterionTest
from tui.evaluation.strata import Comparison
from tui.model import Eta

WEIGHTS_PCT = (10.0, 25.0, 50.0)
"""Weights at which it is estimated too, where they are higher than the one in force."""

_SURE = 0.8
"""Standard errors that the seen difference may be off, for 10 to 90 %."""

_SOONER, _LATER = 0.6, 1.7
"""What chance alone does to the time that a known difference takes."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What comes in now: ``per_s`` requests of the task a second, the weights of canary and baseline, and
    how many more answers of the baseline a limit needs."""

    per_s: float
    canary_pct: float
    baseline_pct: float
    missing: int = 0


def etas(row: Criterion, tests: CanaryTests, comparison: Comparison, traffic: Traffic) -> tuple[Eta, ...]:
    """At the weight in force, and at higher ones; empty where nothing comes."""
    both_pct = traffic.canary_pct + traffic.baseline_pct
    if traffic.per_s <= 0 or not 0 < traffic.canary_pct < both_pct:
        return ()
    weights = [traffic.canary_pct, *(w for w in WEIGHTS_PCT if traffic.canary_pct < w < both_pct)]
    found = _requests_to(row, tests, comparison)
    if found is None:
        return (Eta(traffic.canary_pct, None, None),)
    made = []
    for weight_pct in weights:
        # What a canary request tells is proportional to the share of its neighbours.
        worth = (both_pct - weight_pct) / traffic.baseline_pct
        per_s = traffic.per_s * weight_pct / 100 * _useful(row, tests)
        if per_s <= 0:
            return (Eta(traffic.canary_pct, None, None),)
        calibrating_s = traffic.missing / (traffic.per_s * (both_pct - weight_pct) / 100)
        low, high = (None if n is None else n / worth for n in found)
        assert low is not None
        ends = (low / per_s + calibrating_s, None if high is None else high / per_s + calibrating_s)
        middle = low if high is None else math.sqrt(max(low, 1.0) * max(high, 1.0))
        made.append(Eta(weight_pct, ends[0], math.ceil(middle + calibrating_s * per_s), ends[1]))
    return tuple(made)


def _useful(row: Criterion, tests: CanaryTests) -> float:
    """The share of the canary's requests that say something for this criterion."""
    test, members = tests.by_criterion.get(row.id), tests.requests[0]
    behind = tests.no_evidence.get("saturated", (0, 0))[0]
    if not members:
        return 0.0 if behind else 1.0
    tested = 1.0 if test is None or not test.own else min(test.own / members, 1.0)
    return tested * members / (members + behind)


def _requests_to(
    row: Criterion, tests: CanaryTests, comparison: Comparison
) -> tuple[float, float | None] | None:
    """Between how many more requests of the canary; the second None where it may be never."""
    if row.kind == "mean":
        found = tests.mean(row, comparison)
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
