"""How long until a verdict: a range, from the canary and the baseline alone, if all stays as it is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tui.evaluation.canary_tests import Scales
from tui.evaluation.criteria import RATE_MARGIN, Criterion
from tui.evaluation.criterion_test import Scale
from tui.evaluation.strata import Comparison
from tui.model import Eta

WEIGHTS_PCT = (10.0, 25.0, 50.0)
"""Weights at which it is said too, where they are higher than the one in force."""

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


def etas(row: Criterion, side: Scales, seen: Comparison, traffic: Traffic) -> tuple[Eta, ...]:
    """At the weight in force, and at higher ones; empty where nothing comes."""
    both_pct = traffic.canary_pct + traffic.baseline_pct
    if traffic.per_s <= 0 or not 0 < traffic.canary_pct < both_pct:
        return ()
    weights = [traffic.canary_pct, *(w for w in WEIGHTS_PCT if traffic.canary_pct < w < both_pct)]
    found = _requests_to(row, side, seen)
    if found is None:
        return (Eta(traffic.canary_pct, None, None),)
    made = []
    for weight_pct in weights:
        # What a canary request tells is proportional to the share of its neighbours.
        worth = (both_pct - weight_pct) / traffic.baseline_pct
        per_s = traffic.per_s * weight_pct / 100 * _useful(row, side)
        if per_s <= 0:
            return (Eta(traffic.canary_pct, None, None),)
        calibrating_s = traffic.missing / (traffic.per_s * (both_pct - weight_pct) / 100)
        low, high = (None if n is None else n / worth for n in found)
        assert low is not None
        ends = (low / per_s + calibrating_s, None if high is None else high / per_s + calibrating_s)
        middle = low if high is None else math.sqrt(max(low, 1.0) * max(high, 1.0))
        made.append(Eta(weight_pct, ends[0], math.ceil(middle + calibrating_s * per_s), ends[1]))
    return tuple(made)


def _useful(row: Criterion, side: Scales) -> float:
    """The share of the canary's requests that say something for this criterion."""
    scale, members = side.scales.get(row.id), side.requests[0]
    behind = side.none.get("saturated", (0, 0))[0]
    if not members:
        return 0.0 if behind else 1.0
    weighed = 1.0 if scale is None or not scale.own else min(scale.own / members, 1.0)
    return weighed * members / (members + behind)


def _requests_to(row: Criterion, side: Scales, seen: Comparison) -> tuple[float, float | None] | None:
    """Between how many more requests of the canary; the second None where it may be never."""
    if row.kind == "mean":
        found = side.mean(row, seen)
        if found is None:
            return None
        off = _SURE * found.error
        return _range(
            [found.requests_to(gap) for gap in (found.gap - off, found.gap + off)],
            same_sign=abs(found.gap) > off,
        )
    scale = side.scales.get(row.id)
    if scale is None:
        return None
    ways = _of_scale(row, scale)
    floor = side.floors.get(row.id)
    if floor is not None and (n := floor.requests_to(side.odds.to_ok_of_rate)) is not None:
        by_floor = (_SOONER * n, _LATER * n)
        ways = by_floor if ways is None else (min(ways[0], by_floor[0]), _least(ways[1], by_floor[1]))
    return ways


def _of_scale(row: Criterion, scale: Scale) -> tuple[float, float | None] | None:
    if scale.information <= 0 or not scale.own:
        return None
    per_request, off = scale.information / scale.own, _SURE / math.sqrt(scale.information)
    to_worse, to_ok = scale.missing
    beyond = math.log(RATE_MARGIN) if row.kind == "rate" else 0.0

    def needed(log_odds: float) -> float | None:
        ways = [(log_odds, to_worse), (beyond - log_odds, to_ok)]
        known = [2 * gap / (per_request * effect * effect) for effect, gap in ways if effect > 0]
        return min(known, default=None)

    ends = [needed(scale.drift - off), needed(scale.drift + off)]
    inside = row.kind != "rate" and abs(scale.drift) <= off
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
