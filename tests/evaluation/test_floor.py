"""A rate that is low enough whatever the other one is."""

from __future__ import annotations

import json
import math
import random

import pytest

from tui.evaluation.own_rate import RateFloor

TO_OK = math.log(2 / 0.05)
FLOOR = 0.005


def after(requests: int, bad: int = 0, floor: float = FLOOR) -> RateFloor:
    made = RateFloor(floor)
    for i in range(requests):
        made.add(i < bad)
    return made


def needed(bad: int) -> int:
    """The fewest requests with so many bad ones that are enough."""
    made = after(bad, bad)
    while not made.reaches(TO_OK):
        made.add(False)
    return made.requests


@pytest.mark.parametrize(("bad", "expected"), [(0, 872), (1, 1491), (2, 1914)])
def test_how_many_requests_it_takes(bad: int, expected: int) -> None:
    assert needed(bad) == expected
    assert not after(needed(bad) - 1, bad).reaches(TO_OK)


def test_at_the_floor_the_mean_of_the_evidence_is_one() -> None:
    """Over every number of bad ones among 50 at a floor of 10 %."""
    n, floor = 50, 0.1
    for rate, most in ((floor, 1 + 1e-9), (1.5 * floor, 1.0)):
        law = [math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]
        mean = math.fsum(p * math.exp(after(n, k, floor).log_e) for k, p in enumerate(law))
        assert mean <= most
        assert (mean == pytest.approx(1.0)) is (rate == floor)


def test_a_burst_takes_it_back() -> None:
    floor = after(2000, 1)
    assert floor.reaches(TO_OK)
    for _ in range(12):
        floor.add(True)
    assert not floor.reaches(TO_OK)


@pytest.mark.parametrize(("rate", "fewest", "most"), [(0.001, 30, 40), (0.005, 0, 3)])
def test_a_true_rate_passes_or_does_not(rate: float, fewest: int, most: int) -> None:
    """Of 40 runs of 3,000 requests, looked at after each."""
    passed = 0
    for seed in range(40):
        rng, floor = random.Random(seed), RateFloor(FLOOR)
        for _ in range(3000):
            floor.add(rng.random() < rate)
            if floor.reaches(TO_OK):
                passed += 1
                break
    assert fewest <= passed <= most


def test_how_many_more_it_takes_is_known_where_the_rate_is_below() -> None:
    assert RateFloor(FLOOR).requests_to(TO_OK) == pytest.approx(needed(0), rel=0.35)
    assert after(800).requests_to(TO_OK) == pytest.approx(needed(0) - 800, abs=300)
    assert after(500, 50).requests_to(TO_OK) is None
    assert after(5000).requests_to(TO_OK) == 0


def test_what_was_kept_is_the_same_and_nothing_else_is_taken() -> None:
    floor, again = after(700, 2), RateFloor(FLOOR)
    again.from_json(json.loads(json.dumps(floor.as_json())))
    assert again.log_e == floor.log_e
    for broken in ([], [1], [1, 2], [5, -1], ["x", 1], 3, None):
        with pytest.raises((TypeError, ValueError)):
            again.from_json(broken)
