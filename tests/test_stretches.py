"""Values are compared within times of the same weights: a ramp during a drift invents no difference."""

from __future__ import annotations

import json
import math
import random

import pytest

from tui.verdict.difference import BURN_IN, difference, ratio_pct
from tui.verdict.health import shares, state
from tui.verdict.odds import Counts
from tui.verdict.stretches import Spread, Stretches

BASE, CANARY = "base", "canary"


def drifting(seed: int = 3, worse: float = 1.0) -> Stretches:
    """The canary climbs from 5 to 50 % while everything becomes three times as slow, dear and bad."""
    rng, stretches = random.Random(seed), Stretches(BASE, [CANARY])
    for weight, level in ((5.0, 1.0), (50.0, 3.0)):
        epoch = stretches.epoch({BASE: 100 - weight, CANARY: weight})
        for _ in range(6000):
            name = CANARY if rng.random() * 100 < weight else BASE
            times = level * (worse if name == CANARY else 1)
            stretch = epoch.stretch(name)
            stretch.requests += 1
            stretch.rates["errors"] += rng.random() < 0.01 * times
            stretch.values["latency"].add(100 * times * rng.lognormvariate(0, 0.3))
            stretch.means["cost"].add(0.01 * times * rng.lognormvariate(0, 0.4))
    return stretches


def test_a_ramp_during_a_drift_makes_no_difference() -> None:
    seen = drifting().comparison(CANARY)
    own, base = seen.quantiles("latency")
    assert own is not None
    assert base is not None
    for mine, theirs in ((own.p50, base.p50), (own.p95, base.p95), (own.p99, base.p99)):
        assert mine / theirs == pytest.approx(1, abs=0.08)
    for mine, theirs in (seen.rates("errors"), seen.means("cost")):
        assert mine is not None
        assert mine / theirs == pytest.approx(1, abs=0.15)
    base = [spread for _, spread in seen.spreads("cost")]
    pooled = sum(spread.total for spread in base) / sum(spread.n for spread in base)
    assert seen.means("cost")[0] / pooled > 1.3, "without the weights the canary would look dear"


def test_a_difference_is_taken_within_each_epoch() -> None:
    for worse, held in ((1.0, 0.0), (1.3, math.log(1.3))):
        seen = drifting(worse=worse).comparison(CANARY)
        found = difference(seen.spreads("cost"))
        assert found is not None
        low, high = found.interval(0.01)
        assert low < held < high
        assert abs(ratio_pct(found.estimate) - 100 * (worse - 1)) < 5


def test_the_interval_is_what_the_evidence_leaves_open() -> None:
    seen = drifting().comparison(CANARY)
    found = difference(seen.spreads("cost"))
    assert found is not None
    for alpha in (0.05, 0.005):
        for edge in found.interval(alpha):
            assert found.log_e(edge, alpha) == pytest.approx(math.log(1 / alpha))
        assert found.log_e(found.estimate, alpha) < 0


def test_time_to_a_verdict_shrinks_with_the_difference_and_with_weight() -> None:
    rng = random.Random(1)
    canary, base = Spread(), Spread()
    for _ in range(BURN_IN):
        canary.add(1.2 * rng.lognormvariate(0, 0.5))
    for _ in range(9 * BURN_IN):
        base.add(rng.lognormvariate(0, 0.5))
    found = difference([(canary, base)])
    assert found is not None
    waits = [found.seconds_to(math.log(1.1), 0.01, rho, 10.0) for rho in (0.1, 0.25, 0.5)]
    assert all(wait is not None and wait > 0 for wait in waits)
    assert waits == sorted(waits, reverse=True)
    assert found.seconds_to(found.estimate, 0.01, 0.1, 10.0) is None
    assert found.seconds_to(-2.0, 0.01, 0.1, 10.0) == 0


def test_without_two_values_a_side_there_is_no_difference() -> None:
    one, two = Spread(), Spread()
    assert difference([]) is None
    for spread in (one, two):
        spread.add(1.0)
    assert difference([(one, two)]) is None
    one.add(1.0)
    two.add(1.0)
    assert difference([(one, two)]) is None, "values that do not vary have no spread to go by"


def test_the_same_weights_are_one_epoch_and_the_oldest_of_many_are_forgotten() -> None:
    stretches = Stretches(BASE, [CANARY])
    first = stretches.epoch({BASE: 90.0, CANARY: 10.0, "other": 0.0})
    assert stretches.epoch({CANARY: 10.0, BASE: 90.0}) is first
    assert first.rhos == {CANARY: 0.1}
    assert stretches.epoch({BASE: 100.0}).rhos == stretches.epoch({CANARY: 100.0}).rhos == {}
    for i in range(200):
        stretches.epoch({BASE: 99.0 - i / 4, CANARY: 1.0 + i / 4}).stretch(CANARY)
    assert stretches.epoch({BASE: 90.0, CANARY: 10.0}) is not first
    assert len(stretches.as_json()) == 64


def test_what_was_kept_is_the_same() -> None:
    stretches, again = drifting(), Stretches(BASE, [CANARY])
    again.from_json(json.loads(json.dumps(stretches.as_json())))
    assert again.as_json() == stretches.as_json()
    assert again.comparison(CANARY).quantiles("latency") == stretches.comparison(CANARY).quantiles("latency")
    for broken in ([[{}, {"x": {}}]], [3], [[{"a": "b"}, {}]]):
        with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
            Stretches(BASE, [CANARY]).from_json(broken)


@pytest.mark.parametrize(("share", "expected"), [(0.1, "ok"), (0.2, "worse"), (0.04, "worse")])
@pytest.mark.parametrize("of_split", [True, False])
def test_the_split_is_looked_at_both_ways(share: float, expected: str, of_split: bool) -> None:
    counts = Counts({0.1: [round(4000 * share), round(4000 * (1 - share))]})
    assert state(counts, of_split, math.log(220), math.log(20)).value == expected
    assert shares(counts) == (pytest.approx(share, abs=0.01), 0.1)
    assert state(Counts(), of_split, 5.0, 3.0).value == "not_yet"
    assert shares(Counts()) == (None, None)
