"""Evidence from neighbours: never more than chance allows, exactly, whatever was asked and answered."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.evaluation.neighbours import ABOVE, BELOW, Evidence, log_mean, steps, variance
from tui.evaluation.saved_numbers import finite

_N = len(ABOVE)
_ALL = _N + len(BELOW)
GROUPS = [(own, others, bad) for own in range(1, 5) for others in range(1, 7) for bad in range(1, own + others)]


def fisher(own: int, others: int, bad: int, odds: float) -> dict[int, float]:
    """The law of the canary's bad requests where each has so many times the odds."""
    ways = {
        x: math.comb(own, x) * math.comb(others, bad - x) * odds**x
        for x in range(max(0, bad - others), min(own, bad) + 1)
    }
    total = math.fsum(ways.values())
    return {x: way / total for x, way in ways.items()}


def means(own: int, others: int, bad: int, ok_at: float, odds: float) -> list[float]:
    """The mean of S of each alternative: the sum over every way that a group can fall."""
    law = fisher(own, others, bad, odds)
    found = {x: steps(own, others, bad, x, ok_at) for x in law}
    return [math.fsum(p * math.exp(found[x][i]) for x, p in law.items()) for i in range(_ALL)]


@pytest.mark.parametrize("ok_at", [1.0, 1.5])
def test_at_the_boundary_the_mean_is_exactly_one(ok_at: float) -> None:
    for group in GROUPS:
        assert means(*group, ok_at, 1.0)[:_N] == pytest.approx([1.0] * _N, rel=1e-9), group
        assert means(*group, ok_at, ok_at)[_N:] == pytest.approx([1.0] * len(BELOW), rel=1e-9), group


@pytest.mark.parametrize("ok_at", [1.0, 1.5])
@pytest.mark.parametrize("beyond", [1.05, 1.5, 4.0, 50.0])
def test_beyond_the_boundary_it_is_less(ok_at: float, beyond: float) -> None:
    for group in GROUPS:
        assert max(means(*group, ok_at, 1 / beyond)[:_N]) <= 1 + 1e-9, group
        assert max(means(*group, ok_at, ok_at * beyond)[_N:]) <= 1 + 1e-9, group


def test_inside_it_the_mean_grows() -> None:
    for group in ((4, 6, 5), (1, 6, 3)):
        assert max(means(*group, 1.0, 2.0)[:_N]) > 1
        assert max(means(*group, 1.5, 0.75)[_N:]) > 1


def test_each_request_may_be_another_one_as_long_as_none_is_worse_with_the_canary() -> None:
    """What is bad is fixed for each request and side; only who answers it is drawn, as it is in a run."""
    n, alike, better = 6, ((0, 0), (1, 1)), ((0, 0), (1, 1), (1, 0))
    for own in (1, 2, 3):
        draws = list(itertools.combinations(range(n), own))
        for of_each in (alike, better):
            for asked in itertools.combinations_with_replacement(of_each, n):
                found = [_means_of(_evidence_of(asked, set(drawn))) for drawn in draws]
                for mean in map(math.fsum, zip(*found, strict=True)):
                    assert mean / len(draws) <= 1 + 1e-9, (own, asked)
                    if of_each is alike:
                        assert mean / len(draws) == pytest.approx(1.0), (own, asked)


def _evidence_of(asked: Sequence[tuple[int, int]], drawn: set[int]) -> Evidence:
    """(Bad with the baseline, bad with the canary) of each request, where the canary answers ``drawn``."""
    x = sum(asked[i][1] for i in drawn)
    evidence = Evidence()
    bad = x + sum(with_baseline for i, (with_baseline, _) in enumerate(asked) if i not in drawn)
    evidence.update(len(drawn), len(asked) - len(drawn), bad, x)
    return evidence


def _means_of(evidence: Evidence) -> list[float]:
    return [math.exp(log) for log in evidence.above]


def test_one_group_by_hand() -> None:
    """One of the canary's beside one of the baseline's, one of both is bad: the canary's with chance 1/2, so
    with theta it is theta / ((1 + theta) / 2)."""
    hit, missed = steps(1, 1, 1, 1, 1.5), steps(1, 1, 1, 0, 1.5)
    for i, theta in enumerate(ABOVE):
        assert math.exp(hit[i]) == pytest.approx(2 * theta / (1 + theta))
        assert math.exp(missed[i]) == pytest.approx(2 / (1 + theta))
    for i, theta in enumerate(BELOW, _N):
        assert math.exp(missed[i]) == pytest.approx(2.5 / (1 + 1.5 * theta))


def test_a_group_in_which_all_or_none_are_bad_says_nothing() -> None:
    evidence = Evidence(1.5)
    for group in ((3, 7, 0, 0), (3, 7, 10, 3), (0, 5, 2, 0), (5, 0, 2, 2), (0, 0, 0, 0)):
        evidence.update(*group)
    assert evidence.as_json() == [0.0] * _ALL
    assert (variance(3, 7, 0), variance(3, 7, 10), variance(1, 0, 1)) == (0, 0, 0)
    assert variance(1, 1, 1) == 0.25


@given(
    st.integers(1, 60_000),
    st.integers(1, 60_000),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from([1.0, 1.5]),
)
def test_counts_of_any_size_have_finite_evidence(
    own: int, others: int, badly: float, share: float, ok_at: float
) -> None:
    bad = min(max(round(badly * (own + others)), 1), own + others - 1)
    low, high = max(0, bad - others), min(own, bad)
    assert all(map(math.isfinite, steps(own, others, bad, low + round(share * (high - low)), ok_at)))


@pytest.mark.parametrize("bad", [50, 550, 5_500, 27_500, 54_000])
def test_counts_are_taken_like_single_requests(bad: int) -> None:
    """5,000 beside 50,000: the mean of the smallest alternative by the gamma function."""
    own, others, theta = 5_000, 50_000, ABOVE[0]
    logs = [
        _log_comb(own, x) + _log_comb(others, bad - x) for x in range(max(0, bad - others), min(own, bad) + 1)
    ]
    first = max(0, bad - others)
    log_mean_of = log_mean([log + x * math.log(theta) for x, log in enumerate(logs, first)]) - log_mean(logs)
    x = bad // 11
    assert steps(own, others, bad, x, 1.0)[0] == pytest.approx(x * math.log(theta) - log_mean_of, abs=1e-6)


def _log_comb(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def test_evidence_is_the_mean_over_the_alternatives_of_their_products() -> None:
    evidence, groups = Evidence(1.5), [(2, 9, 3, 2), (4, 5, 1, 0), (1, 1, 1, 1)]
    for group in groups:
        evidence.update(*group)
    each = [math.fsum(column) for column in zip(*(steps(*group, 1.5) for group in groups), strict=True)]
    assert evidence.log_more == pytest.approx(log_mean(each[:_N]))
    assert evidence.log_fewer == pytest.approx(log_mean(each[_N:]))


def test_a_tempered_group_counts_by_its_power() -> None:
    whole, half = Evidence(), Evidence()
    whole.update(2, 9, 3, 2)
    half.update(2, 9, 3, 2, 0.5)
    assert half.as_json() == pytest.approx([log / 2 for log in whole.as_json()])


def test_what_was_kept_is_the_same_and_nothing_else_is_taken() -> None:
    evidence, again = Evidence(1.5), Evidence(1.5)
    evidence.update(2, 9, 3, 2)
    again.from_json(json.loads(json.dumps(evidence.as_json())))
    assert (again.log_more, again.log_fewer) == (evidence.log_more, evidence.log_fewer)
    for broken in ([], [0.0] * _N, [math.nan] * _ALL, [math.inf] * _ALL, ["x"] * _ALL, 3, None):
        with pytest.raises((TypeError, ValueError)):
            again.from_json(broken)  # type: ignore[arg-type]
    read: Any = ["1", 2]
    assert finite(read, 2) == [1.0, 2.0]


def test_what_is_bounded_forgets_what_is_old() -> None:
    evidence = Evidence()
    for _ in range(500):
        evidence.update(1, 9, 1, 0)
    evidence.keep_between(-2.0, 3.0)
    assert (min(evidence.as_json()), max(evidence.as_json())) == (-2.0, 3.0)
