"""Two arithmetic means: what is tested is the bill."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tui.evaluation.means import BETA, FEWEST, Difference, Moments, difference

ALPHA = 0.05 / 13
MARGIN = 0.1
Draw = Callable[[random.Random], float]


def plain(sigma: float = 0.6, times: float = 1.0) -> Draw:
    """A lognormal bill with a mean of ``times``."""
    return lambda rng: times * math.exp(sigma * rng.gauss(0, 1) - sigma * sigma / 2)


def tailed(rng: random.Random) -> float:
    """The same bill, but every twentieth is 5.8 times as much: 24 % dearer."""
    return plain()(rng) * (5.8 if rng.random() < 0.05 else 1.0)


def compared(seed: int, own: Draw, base: Draw, requests: int) -> tuple[str, int]:
    """The first verdict and after how many answers of the canary, looked at after every twentieth."""
    rng, pair = random.Random(seed), (Moments(), Moments())
    while pair[0].n < requests:
        for _ in range(3):
            bill = base(rng)
            pair[1].add(bill, (1 + MARGIN) * bill)
        bill = own(rng)
        pair[0].add(bill, bill)
        if pair[0].n % 20 == 0 and pair[0].n >= FEWEST:
            found = difference([pair], MARGIN, ALPHA)
            assert found is not None
            if found.gap > 0 and found.log_e >= found.to_worse:
                return "worse", pair[0].n
            if found.gap < 0 and found.log_e >= found.to_ok:
                return "ok", pair[0].n
    return "not yet", requests


@pytest.mark.parametrize(
    ("own", "base", "expected"),
    [
        (tailed, plain(), "worse"),
        (plain(times=1.33), plain(), "worse"),
        (plain(sigma=0.3, times=0.92), plain(sigma=0.9), "ok"),
        (plain(), plain(), "ok"),
    ],
)
def test_the_arithmetic_mean_is_compared(own: Draw, base: Draw, expected: str) -> None:
    """A long tail is dearer though its median is the same; less spread at a lower mean is not."""
    assert [compared(seed, own, base, 8000)[0] for seed in range(4)] == [expected] * 4


def test_at_the_margin_it_is_rarely_ok_and_equal_ones_are_never_worse() -> None:
    at_margin = [compared(seed, plain(times=1.1), plain(), 2000)[0] for seed in range(12)]
    assert at_margin.count("ok") <= 1
    assert at_margin.count("worse") == 0


def one(gap: float = -0.05, information: float = 4000.0, **changes: Any) -> Difference:
    return replace(Difference(gap, information, 1.0, MARGIN, ALPHA, 500), **changes)


def test_the_interval_is_what_the_evidence_leaves_open() -> None:
    for gap in (-0.2, -0.01, 0.0, 0.3):
        found = one(gap)
        low, high = found.interval()
        assert low < found.over < high
        for edge, error in ((low, ALPHA), (high, BETA)):
            at_edge = replace(found, gap=gap - (edge - MARGIN))
            assert at_edge.log_e == pytest.approx(math.log(1 / (2 * error)))


def test_a_verdict_and_its_interval_agree() -> None:
    for gap in (-0.3, -0.1, -0.02, 0.02, 0.1, 0.3):
        found = one(gap)
        low, high = found.interval()
        assert (gap > 0 and found.log_e >= found.to_worse) is (low >= MARGIN)
        assert (gap < 0 and found.log_e >= found.to_ok) is (high <= MARGIN)
        assert found.over == pytest.approx(MARGIN + gap)


def test_the_weights_of_the_epochs_are_known_before_the_values() -> None:
    """A short epoch that happens to vary little weighs no more for it."""

    def pair(own: list[float], base: list[float]) -> tuple[Moments, Moments]:
        made = Moments(), Moments()
        for spread, bills in zip(made, (own, base), strict=True):
            for bill in bills:
                spread.add(bill, bill)
        return made

    calm, wild = pair([1.0, 1.001], [1.0, 1.001]), pair([1.0, 3.0] * 10, [0.0, 2.0] * 10)
    found = difference([calm, wild], MARGIN, ALPHA)
    assert found is not None
    assert found.gap == pytest.approx(10 / 11), "1 in the second epoch, which has ten times the requests"
    assert found.canary_n == 22


def test_what_a_prompt_explains_does_not_count() -> None:
    """Large prompts are dear on either side: less that, the same answers decide at once."""
    rng, raw, less = random.Random(5), (Moments(), Moments()), (Moments(), Moments())
    for i in range(1600):
        side, size = int(i % 4 != 0), 400 * math.exp(0.8 * rng.gauss(0, 1))
        bill = 0.01 * size + rng.random()
        times = 1 + MARGIN if side else 1.0
        raw[side].add(bill, times * bill)
        less[side].add(bill, times * bill - 0.01 * size)
    plainly, adjusted = (difference([pair], MARGIN, ALPHA) for pair in (raw, less))
    assert plainly is not None
    assert adjusted is not None
    assert adjusted.information > 5 * plainly.information
    assert adjusted.base == plainly.base


def test_how_many_more_it_takes_falls_with_the_difference() -> None:
    waits = [one().requests_to(gap) for gap in (-0.02, -0.05, -0.2)]
    assert all(wait is not None and wait >= 0 for wait in waits)
    assert waits == sorted(waits, key=lambda wait: -(wait or 0))
    assert one().requests_to(0.0) is None
    early = one(canary_n=10)
    assert (early.requests_to(-5.0) or 0) >= FEWEST - 10, "nothing is decided before the first 300"


def test_without_two_values_a_side_that_vary_there_is_no_difference() -> None:
    first, second = Moments(), Moments()
    assert difference([], MARGIN, ALPHA) is None
    for spread in (first, second):
        spread.add(1.0, 1.0)
    assert difference([(first, second)], MARGIN, ALPHA) is None
    for spread in (first, second):
        spread.add(1.0, 1.0)
    assert difference([(first, second)], MARGIN, ALPHA) is None
