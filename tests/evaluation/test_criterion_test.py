"""One criterion on the test: what it decides, and what stands beside it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.evaluation.criterion_test import CriterionTest
from tui.evaluation.own_rate import ALONE_FROM, BATCH, LateDrift, highest_rate
from tui.model import VerdictState

TO_WORSE, TO_OK = math.log(13 / 0.05), math.log(1 / 0.05)
FACTORS = (0.7, 0.85, 1.0, 1.1, 1.25, 1.5, 2.0)
AT = FACTORS.index(1.1)


def of_limit() -> CriterionTest:
    return CriterionTest(FACTORS, AT, 1.0, TO_WORSE, TO_OK)


def of_rate() -> CriterionTest:
    return CriterionTest((1.0,), 0, 1.5, TO_WORSE, math.log(2 / 0.05))


class Slower:
    """Groups of 2 beside 8 of a criterion that goes by the median of a lognormal latency."""

    def __init__(self, seed: int, slower: float = 1.0, sigma: float = 0.6) -> None:
        self._rng, self.slower, self._sigma = random.Random(seed), slower, sigma

    def give(self, test: CriterionTest, groups: int) -> CriterionTest:
        for _ in range(groups):
            own = [self.slower * self._draw() for _ in range(2)]
            over = [sum(value > factor for value in own) for factor in test.factors]
            test.update(over, 2, 8, sum(self._draw() > 1 for _ in range(8)))
            test.decide()
        return test

    def _draw(self) -> float:
        return math.exp(self._sigma * self._rng.gauss(0, 1))


class Rate:
    """Groups of 8 beside 32, of which so many are bad."""

    def __init__(self, seed: int, own: float, base: float) -> None:
        self._rng, self.own, self.base = random.Random(seed), own, base

    def give(self, test: CriterionTest, groups: int) -> CriterionTest:
        for _ in range(groups):
            own = sum(self._rng.random() < self.own for _ in range(8))
            test.update([own], 8, 32, sum(self._rng.random() < self.base for _ in range(32)))
            test.decide()
        return test


@pytest.mark.parametrize(
    ("slower", "expected"), [(1.0, VerdictState.OK), (1.4, VerdictState.WORSE), (0.8, VerdictState.OK)]
)
def test_a_latency_is_decided_at_its_margin(slower: float, expected: VerdictState) -> None:
    for seed in range(5):
        test = Slower(seed, slower).give(of_limit(), 1500)
        assert test.state is expected, seed
        low, high = test.interval()
        assert (low or 0.0) <= slower <= (high or math.inf)


@pytest.mark.parametrize(
    ("own", "base", "expected"), [(0.06, 0.02, VerdictState.WORSE), (0.02, 0.02, VerdictState.OK)]
)
def test_a_rate_is_worse_beyond_equal_and_ok_below_half_as_many_again(
    own: float, base: float, expected: VerdictState
) -> None:
    for seed in range(4):
        test = Rate(seed, own, base).give(of_rate(), 1500)
        assert test.state is expected, seed


def test_worse_stays_and_what_stands_beside_it_is_what_decided() -> None:
    service = Slower(1, 1.5)
    test = service.give(of_limit(), 1000)
    assert test.state is VerdictState.WORSE
    kept, shown = test.as_json(), (test.factor, test.interval(), test.rates, test.progress)
    service.slower = 0.5
    service.give(test, 1000)
    assert test.as_json() == kept
    assert (test.factor, test.interval(), test.rates, test.progress) == shown
    assert test.progress[0] == 1.0


def test_ok_is_not_shown_while_the_canary_is_seen_beyond_it() -> None:
    service = Slower(2)
    test = service.give(of_limit(), 600)
    seen = {test.state}
    assert seen == {VerdictState.OK}
    service.slower = 1.6
    for _ in range(1500):
        service.give(test, 1)
        seen.add(test.state)
        if test.state is VerdictState.WORSE:
            break
        assert (test.state is VerdictState.OK) is ((test.factor or 0.0) < 1.1)
    assert seen >= {VerdictState.OK, VerdictState.WORSE}


def test_late_drift_is_found_and_said_to_be_one() -> None:
    service = Slower(3)
    test = service.give(of_limit(), 4000)
    assert test.state is VerdictState.OK
    service.slower, groups = 1.6, 0
    while test.reached is not VerdictState.WORSE:
        service.give(test, 1)
        groups += 1
        assert groups < 400
    assert test.drifted
    assert test.log_worse < 0, "all that it did before speaks for it"


def test_late_drift_is_tempered_like_all_evidence() -> None:
    def groups(power: float) -> int:
        test, n = Slower(3).give(of_limit(), 4000), 0
        assert test.state is VerdictState.OK
        while test.reached is not VerdictState.WORSE:
            test.update([2, 2, 2, 2, 1, 1, 0], 2, 8, 4, power)
            test.decide()
            n += 1
        return n

    assert groups(0.1) == pytest.approx(10 * groups(1.0), rel=0.1)


@pytest.mark.parametrize("make", [of_limit, of_rate])
def test_a_group_in_which_all_or_none_are_bad_decides_nothing(make: Callable[[], CriterionTest]) -> None:
    test = make()
    for _ in range(500):
        test.update([0] * len(test.factors), 8, 32, 0)
        test.update([8] * len(test.factors), 8, 32, 32)
        test.decide()
    assert (test.state, test.bad, test.information) == (VerdictState.NOT_YET, 0, 0)
    assert (test.own, test.others) == (8000, 32000)
    assert test.log_worse == test.log_ok == pytest.approx(0.0, abs=1e-12)


def test_a_rate_without_bad_ones_has_no_factor() -> None:
    test = of_rate()
    test.update([2], 8, 32, 0)
    assert (test.factor, test.rates) == (None, (0.25, 0.0))
    assert of_rate().rates == (None, None)
    assert of_rate().interval() == (None, None)


def test_a_factor_out_of_the_reach_of_the_time_out_is_not_shown() -> None:
    test = of_limit()
    test.usable = AT + 1
    Slower(4, 3.0).give(test, 500)
    low, high = test.interval()
    assert test.state is VerdictState.WORSE
    assert test.factor is None, "somewhere beyond 1.1, nobody can say where"
    assert low == pytest.approx(1.1)
    assert high is None


@pytest.mark.parametrize("slower", [0.5, 0.9, 1.0, 1.1, 1.25, 2.0, 4.0])
@pytest.mark.parametrize("sigma", [0.1, 0.6, 1.2])
def test_a_latency_never_contradicts_its_interval(slower: float, sigma: float) -> None:
    test, service = of_limit(), Slower(6, slower, sigma)
    for groups in (5, 20, 80, 300):
        agrees(service.give(test, groups), 1.1, 1.1)


@pytest.mark.parametrize("own", [0.0, 0.002, 0.02, 0.1, 0.9, 1.0])
@pytest.mark.parametrize("base", [0.0, 0.002, 0.02, 0.1, 0.9])
def test_a_rate_never_contradicts_its_interval(own: float, base: float) -> None:
    test, service = of_rate(), Rate(6, own, base)
    for groups in (5, 20, 80, 300):
        agrees(service.give(test, groups), 1.0, 1.5)


def agrees(test: CriterionTest, worse_at: float, ok_at: float) -> None:
    low, high = test.interval()
    assert (low or 0.0) <= (high or math.inf)
    if test.state is VerdictState.WORSE:
        assert low is not None
        assert low >= worse_at
    elif low is not None:
        assert low <= worse_at
    if test.state is VerdictState.OK:
        assert high is not None
        assert high <= ok_at
    elif high is not None:
        assert high >= ok_at


# --- kept -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slower", [1.0, 1.25])
def test_what_was_kept_goes_on_as_if_nothing_had_happened(slower: float) -> None:
    for cut in (0, 100, 600):
        whole, before = Slower(5, slower).give(of_limit(), 1200), of_limit()
        service = Slower(5, slower)
        service.give(before, cut)
        after = of_limit()
        after.from_json(json.loads(json.dumps(before.as_json())))
        service.give(after, 1200 - cut)
        assert after.as_json() == whole.as_json()
        assert after.interval() == whole.interval()


@pytest.mark.parametrize(
    "broken",
    [
        {"state": "fine"}, {"evidence": [0.0]}, {"evidence": [math.nan] * 14}, {"over": [1]}, {"counts": {}},
        {"sums": [math.inf] * 5}, {"late": [1.0]}, {"late": "x"},
    ],
)  # fmt: skip
def test_a_state_that_is_none_is_refused(broken: dict[str, object]) -> None:
    kept = of_limit().as_json()
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        of_limit().from_json({**kept, **broken})
    with pytest.raises(KeyError):
        of_limit().from_json({})


# --- alone ------------------------------------------------------------------------------------------


def batches_to_alarm(rate: float, past: float, most: int) -> int | None:
    rng, alone = random.Random(2), LateDrift()
    for batch in range(most):
        for _ in range(BATCH):
            if alone.add(rng.random() < rate, round(3000 * past), 3000):
                return batch
    return None


def test_a_version_alone_is_held_against_its_own_past() -> None:
    assert batches_to_alarm(0.01, 0.01, 4000) is None
    found = batches_to_alarm(0.06, 0.01, 4000)
    assert found is not None
    assert found < 200


def test_an_alarm_is_told_once_and_says_what_was_due() -> None:
    alone = LateDrift()
    told = [alone.add(True, 30, 3000) for _ in range(40 * BATCH)]
    assert told.count(True) == 1
    assert alone.alarmed
    assert alone.seen > 5 * alone.expected > 0


def test_without_a_past_there_is_nothing_to_hold_it_against() -> None:
    alone = LateDrift()
    assert not any(alone.add(True, 0, ALONE_FROM - 1) for _ in range(100 * BATCH))


@given(bad=st.integers(0, 5000), more=st.integers(0, 5000))
def test_the_highest_rate_lies_above_the_one_that_was_seen(bad: int, more: int) -> None:
    requests = bad + more + 1
    assert bad / requests < highest_rate(bad, requests) <= 1
