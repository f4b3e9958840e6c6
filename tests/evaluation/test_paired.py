"""Evidence from pairs: never more than chance allows, the same in any order, kept over a restart."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.evaluation.paired import Drops, PairedTest
from tui.model import VerdictState

WORSE, OK, NOT_YET = VerdictState.WORSE, VerdictState.OK, VerdictState.NOT_YET
_MOSTS = st.sampled_from([1, 4])
_ALPHAS = st.sampled_from([0.001, 0.01, 0.05])


@st.composite
def _pairs(draw: st.DrawFn, most_pairs: int = 60) -> tuple[int, list[tuple[int, int]]]:
    most = draw(_MOSTS)
    value = st.integers(0, most)
    return most, draw(st.lists(st.tuples(value, value), max_size=most_pairs))


def drops_of(most: int, pairs: list[tuple[int, int]]) -> Drops:
    drops = Drops(most)
    for base, canary in pairs:
        drops.add(base, canary)
    return drops


def paired_test(most: int = 1, margin: float = 0.0, tolerance: float = 0.03, alpha: float = 0.01) -> PairedTest:
    return PairedTest(most, margin, tolerance, math.log(1 / alpha), math.log(20))


# --- the evidence -----------------------------------------------------------------------------------


@given(b=st.integers(0, 120), c=st.integers(0, 120))
def test_right_or_wrong_is_the_closed_form(b: int, c: int) -> None:
    """2^(n+1) B(b+1, c+1) P(Beta(b+1, c+1) > 1/2), where that may decide anything."""
    n = b + c
    tail = math.log(sum(math.comb(n + 1, k) for k in range(b + 1))) - (n + 1) * math.log(2)
    beta = math.lgamma(b + 1) + math.lgamma(c + 1) - math.lgamma(n + 2)
    closed = (n + 1) * math.log(2) + beta + tail
    found = drops_of(1, [(1, 0)] * b + [(0, 1)] * c + [(1, 1)] * 5).log_above(0.0)
    if -2 < closed < 8:
        assert found == pytest.approx(closed, abs=1e-2)
    else:
        assert (found > 7.9) is (closed > 8)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("most", "margin"), [(1, 0.0), (1, 0.03), (4, 0.0), (4, 0.5)])
def test_where_nothing_is_to_be_found_its_mean_is_at_most_one(most: int, margin: float, sign: int) -> None:
    """Exactly: over all outcomes of three pairs whose mean drop is the margin."""
    up, down = most, -most
    chance = (margin - down) / (up - down)
    mean = 0.0
    for falls in itertools.product((True, False), repeat=3):
        drops = drops_of(most, [(most, 0) if fall else (0, most) for fall in falls])
        log_e = drops.log_above(margin) if sign > 0 else drops.log_below(margin)
        mean += math.exp(log_e) * math.prod(chance if fall else 1 - chance for fall in falls)
    assert mean == pytest.approx(1.0, rel=1e-9)


@given(_pairs(), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.03, 0.5]))
def test_the_order_of_the_pairs_does_not_matter(
    made: tuple[int, list[tuple[int, int]]], rng: Any, margin: float
) -> None:
    most, pairs = made
    shuffled = list(pairs)
    rng.shuffle(shuffled)
    one, other = drops_of(most, pairs), drops_of(most, shuffled)
    assert one.log_above(margin) == pytest.approx(other.log_above(margin), abs=1e-9)
    assert one.log_below(margin) == pytest.approx(other.log_below(margin), abs=1e-9)
    assert (one.mean, one.means, one.untied) == (other.mean, other.means, other.untied)


@given(_pairs(), _ALPHAS)
def test_the_interval_holds_the_mean_and_narrows_with_alpha(
    made: tuple[int, list[tuple[int, int]]], alpha: float
) -> None:
    most, pairs = made
    drops = drops_of(most, pairs)
    low, high = drops.interval(alpha)
    assert -most <= low <= high <= most
    if drops.mean is not None:
        assert low - 1e-4 <= drops.mean <= high + 1e-4
    wider = drops.interval(alpha / 10)
    assert wider[0] <= low + 1e-4
    assert wider[1] >= high - 1e-4


@pytest.mark.parametrize("most", [1, 4])
@pytest.mark.parametrize("count", [1, 50])
def test_pairs_as_bad_or_as_good_as_can_be_have_an_interval(most: int, count: int) -> None:
    worst, best = drops_of(most, [(most, 0)] * count), drops_of(most, [(0, most)] * count)
    assert worst.interval(0.01)[1] == most
    assert best.interval(0.01)[0] == -most
    assert worst.interval(0.01)[0] == pytest.approx(-best.interval(0.01)[1], abs=1e-4)


def test_before_the_first_pair_nothing_is_known() -> None:
    drops = Drops(4)
    assert (drops.mean, drops.means, drops.pairs_to(0.0, 1, 4.6)) == (None, None, None)
    assert drops.interval(0.01) == (-4.0, 4.0)
    assert drops.log_above(0.0) == drops.log_below(0.25) == 0.0


@pytest.mark.parametrize("pair", [(2, 0), (0, -1), (-1, 1)])
def test_a_value_out_of_range_is_refused_and_not_counted(pair: tuple[int, int]) -> None:
    drops = Drops(1)
    with pytest.raises(ValueError, match="not both from 0 to 1"):
        drops.add(*pair)
    assert drops.pairs == 0


# --- the verdict ------------------------------------------------------------------------------------


@given(_pairs(200), _ALPHAS)
def test_a_verdict_is_reached_when_the_evidence_is_and_worse_stays(
    made: tuple[int, list[tuple[int, int]]], alpha: float
) -> None:
    most, pairs = made
    test, drops = paired_test(most, alpha=alpha), Drops(most)
    seen = [NOT_YET]
    for pair in pairs:
        drops.add(*pair)
        told = test.pair(*pair)
        assert told == (test.state if test.state is not seen[-1] else None)
        reached = drops.log_above(0.0) >= math.log(1 / alpha)
        assert not reached or test.state is WORSE
        assert test.state is not WORSE or reached or seen[-1] is WORSE
        if seen[-1] is OK:
            assert test.state in (OK, WORSE)
        seen.append(test.state)
    assert len([1 for a, b in itertools.pairwise(seen) if a is not b]) <= 2
    assert all(0 <= share <= 1 for share in test.progress)


def test_worse_is_not_taken_back_and_ok_gives_way_to_it() -> None:
    test = paired_test()
    while test.state is NOT_YET:
        test.pair(1, 1)
    assert (test.state, test.progress[1]) == (OK, 1.0)
    while test.state is OK:
        test.pair(1, 0)
    assert test.state is WORSE
    for _ in range(500):
        assert test.pair(0, 1) is None
    assert (test.state, test.progress[0]) == (WORSE, 1.0)


def test_how_many_more_pairs_are_needed_is_said_only_where_a_verdict_is_approached() -> None:
    test = paired_test(tolerance=0.0)
    for _ in range(20):
        test.pair(1, 0)
        test.pair(0, 1)
    assert test.pairs_to() is None
    steady = paired_test()
    for _ in range(50):
        steady.pair(1, 1)
    said, needed = steady.pairs_to(), 0
    while steady.state is NOT_YET:
        steady.pair(1, 1)
        needed += 1
    assert said == pytest.approx(needed, abs=1)
    assert steady.pairs_to() == 0.0


# --- what is kept -----------------------------------------------------------------------------------


@given(_pairs(), _pairs())
def test_what_was_weighed_survives_a_restart(
    made: tuple[int, list[tuple[int, int]]], later: tuple[int, list[tuple[int, int]]]
) -> None:
    most, pairs = made
    test, again = paired_test(most), paired_test(most)
    for pair in pairs:
        test.pair(*pair)
    again.from_json(json.loads(json.dumps(test.as_json())))
    assert again.as_json() == test.as_json()
    assert (again.state, again.progress) == (test.state, test.progress)
    assert (again.drops.pairs, again.drops.means) == (test.drops.pairs, test.drops.means)
    for base, canary in later[1]:
        pair = min(base, most), min(canary, most)
        assert again.pair(*pair) == test.pair(*pair)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
_ANYTHING = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
_STATES = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["not_yet", "ok", "worse"]) | _ANYTHING,
        "drops": st.dictionaries(
            st.sampled_from(["-5", "-4", "-1", "0", "1", "4", "5", "x", "1.0"]),
            st.integers(-1, 2**70) | _ANYTHING,
            max_size=4,
        )
        | _ANYTHING,
        "own": st.integers(-1, 2**72) | _ANYTHING,
    }
)


@given(_MOSTS, _STATES | _ANYTHING)
def test_a_state_without_sense_is_refused_or_can_be_judged_with(most: int, state: Any) -> None:
    test = paired_test(most)
    try:
        test.from_json(state)
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    drops = test.drops
    assert all(math.isfinite(share) for share in test.progress)
    if drops.means is not None:
        assert all(-1e-9 <= mean <= most * (1 + 1e-9) for mean in drops.means)
    low, high = drops.interval(0.01)
    assert -most <= low <= high <= most
    test.pair(most, 0)
    test.pairs_to()


@pytest.mark.parametrize(
    "state",
    [
        {"state": "ok", "drops": {"4": 10}, "own": 40},
        {"state": "ok", "drops": {"-4": 10}, "own": 39},
        {"state": "ok", "drops": {"5": 1}, "own": 0},
        {"state": "ok", "drops": {"1": -1}, "own": 0},
        {"state": "ok", "drops": {"1": 1.0}, "own": 0},
        {"state": "fine", "drops": {}, "own": 0},
        {"state": "ok", "drops": [], "own": 0},
        {"state": "ok", "drops": {}},
    ],
)
def test_values_that_no_pairs_have_are_refused(state: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        paired_test(4).from_json(state)
