"""Values are compared within times of the same weights: a ramp during a drift invents no difference."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tui.evaluation.strata import Comparison, Strata

BASE, CANARY = "base", "canary"


def drifting(seed: int = 3) -> Strata:
    """The canary climbs from 5 to 50 % while everything becomes three times as slow, dear and bad."""
    rng, strata = random.Random(seed), Strata(BASE, [CANARY])
    for weight, level in ((5.0, 1.0), (50.0, 3.0)):
        epoch = strata.epoch({BASE: 100 - weight, CANARY: weight})
        for _ in range(6000):
            stratum = epoch.stratum(CANARY if rng.random() * 100 < weight else BASE)
            stratum.requests += 1
            stratum.rates["errors"] += rng.random() < 0.01 * level
            stratum.values["latency"].add(100 * level * rng.lognormvariate(0, 0.3))
            bill = 0.01 * level * rng.lognormvariate(0, 0.4)
            stratum.means["cost"].add(bill, bill)
    return strata


def test_a_ramp_during_a_drift_makes_no_difference() -> None:
    seen = drifting().comparison(CANARY)
    own, base = seen.quantiles("latency")
    assert own is not None
    assert base is not None
    for mine, theirs in ((own.p50, base.p50), (own.p95, base.p95), (own.p99, base.p99)):
        assert mine / theirs == pytest.approx(1, abs=0.08)
    for mine_, theirs_ in (seen.rates("errors"), seen.means("cost")):
        assert mine_ is not None
        assert theirs_ is not None
        assert mine_ / theirs_ == pytest.approx(1, abs=0.15)
    moments = [spread for _, spread in seen.moments("cost")]
    pooled = sum(spread.total for spread in moments) / sum(spread.n for spread in moments)
    dear, _ = seen.means("cost")
    assert dear is not None
    assert dear / pooled > 1.3, "without the weights the canary would look dear"


def test_without_values_nothing_is_said() -> None:
    seen = Comparison([])
    assert seen.rates("errors") == seen.means("cost") == (None, None)
    assert seen.quantiles("latency") == (None, None)
    assert seen.moments("cost") == []


def test_the_same_weights_are_one_epoch_and_the_oldest_of_many_are_forgotten() -> None:
    strata = Strata(BASE, [CANARY])
    first = strata.epoch({BASE: 90.0, CANARY: 10.0, "other": 0.0})
    assert strata.epoch({CANARY: 10.0, BASE: 90.0}) is first
    assert first.canary_shares == {CANARY: 0.1}
    assert strata.epoch({BASE: 100.0}).canary_shares == strata.epoch({CANARY: 100.0}).canary_shares == {}
    for i in range(200):
        strata.epoch({BASE: 99.0 - i / 4, CANARY: 1.0 + i / 4}).stratum(CANARY)
    assert strata.epoch({BASE: 90.0, CANARY: 10.0}) is not first
    assert len(strata.as_json()) == 64


def test_of_four_each_canary_has_its_share_of_itself_and_the_baseline() -> None:
    strata = Strata(BASE, ["a", "b", "c"])
    epoch = strata.epoch({BASE: 70.0, "a": 10.0, "b": 20.0, "c": 0.0})
    assert epoch.canary_shares == {"a": 0.125, "b": pytest.approx(0.222222)}


def test_what_was_kept_is_the_same() -> None:
    strata, again = drifting(), Strata(BASE, [CANARY])
    again.from_json(json.loads(json.dumps(strata.as_json())))
    assert again.as_json() == strata.as_json()
    assert again.comparison(CANARY).quantiles("latency") == strata.comparison(CANARY).quantiles("latency")
    kept: tuple[Any, ...] = ([[{}, {"x": {}}]], [3], [[{"a": "b"}, {}]])
    for broken in kept:
        with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
            Strata(BASE, [CANARY]).from_json(broken)
