"""The histogram: within 1 % of the exact nearest rank, and subtraction that undoes merging."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.base.histogram import (
    LEAST_MS,
    MOST_MS,
    RELATIVE_ERROR,
    Histogram,
    interval_ranks,
    weighted_quantiles,
)

_values = st.lists(st.floats(LEAST_MS, MOST_MS), min_size=1, max_size=300)
_any_floats = st.lists(st.floats(), max_size=50)


def _histogram(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


def _exact(values: list[float], pct: int) -> float:
    return sorted(values)[-(-pct * len(values) // 100) - 1]


@given(_values)
def test_quantiles_are_within_one_percent_of_the_nearest_rank(values: list[float]) -> None:
    quantiles = _histogram(values).quantiles()
    assert quantiles is not None
    assert quantiles.count == len(values)
    for pct, found in ((50, quantiles.p50), (95, quantiles.p95), (99, quantiles.p99)):
        assert found == pytest.approx(_exact(values, pct), rel=RELATIVE_ERROR + 1e-9)


@given(_any_floats, _any_floats)
def test_subtract_undoes_merge_exactly(mine: list[float], other: list[float]) -> None:
    histogram = _histogram(mine)
    histogram.merge(_histogram(other))
    assert histogram == _histogram(mine + other)
    assert histogram.count == _histogram(mine + other).count
    histogram.subtract(_histogram(other))
    assert histogram == _histogram(mine)
    assert histogram.count == _histogram(mine).count


@given(_any_floats)
def test_packing_loses_nothing(values: list[float]) -> None:
    histogram = _histogram(values)
    unpacked = Histogram.unpacked(histogram.packed())
    assert unpacked == histogram
    assert unpacked.quantiles() == histogram.quantiles()


@pytest.mark.parametrize("value", [0.0, -1.0, -math.inf, 1e-300])
def test_what_is_too_small_counts_as_the_least(value: float) -> None:
    quantiles = _histogram([value]).quantiles()
    assert quantiles is not None
    assert quantiles.p50 == pytest.approx(LEAST_MS, rel=RELATIVE_ERROR + 1e-9)


def test_what_is_too_large_counts_as_the_most() -> None:
    quantiles = _histogram([math.inf, 1e300]).quantiles()
    assert quantiles is not None
    assert quantiles.p50 == pytest.approx(MOST_MS, rel=RELATIVE_ERROR + 1e-9)


@pytest.mark.parametrize(("percent", "finite_from"), [(50, 37), (95, 573), (99, 3045)])
def test_an_interval_is_finite_from_as_many_values_as_published(percent: int, finite_from: int) -> None:
    assert interval_ranks(percent, finite_from - 1) is None
    ranks = interval_ranks(percent, finite_from)
    assert ranks is not None
    assert 1 <= ranks[0] < ranks[1] <= finite_from


def test_intervals_hold_the_true_quantile_while_values_come_in() -> None:
    missed = 0
    for seed in range(100):
        rng, histogram, failed = random.Random(seed), Histogram(), False
        for i in range(1500):
            histogram.add(rng.lognormvariate(5.0, 0.6))
            found = histogram.quantiles() if i % 50 == 49 else None
            if found is not None and found.p50_interval is not None:
                low, high = found.p50_interval
                failed |= not low * 0.99 <= math.exp(5.0) <= high * 1.01
        missed += failed
    assert missed <= 5, "at most 5 % may ever miss it"


def test_weighted_quantiles_weigh_every_value() -> None:
    low, high = Histogram(), Histogram()
    for _ in range(100):
        low.add(10.0)
        high.add(1000.0)
    found = weighted_quantiles([(low, 1.0), (high, 0.1)])
    assert found is not None
    assert found.p50 == pytest.approx(10, rel=0.01)
    assert found.p95 == pytest.approx(1000, rel=0.01)
    assert found.count == pytest.approx((110**2) / (100 + 1), abs=1)
    assert weighted_quantiles([]) is weighted_quantiles([(Histogram(), 1.0), (low, 0.0)]) is None
    assert weighted_quantiles([(low, 0.3), (Histogram(), 1.0)]) == low.quantiles()


@pytest.mark.parametrize("text", ["x", "1", "1:", "1:0", "-1:2", "99999:1", "1:2:3"])
def test_a_text_that_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Histogram.from_text(text)


@given(st.lists(st.floats(1e-4, 1e9), max_size=50))
def test_as_text_loses_nothing(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    again = Histogram.from_text(histogram.as_text())
    assert (again, again.count) == (histogram, histogram.count)


def test_nan_is_no_measurement() -> None:
    histogram = _histogram([math.nan])
    assert histogram.count == 0
    assert histogram.quantiles() is None


def test_the_number_of_buckets_is_bounded() -> None:
    histogram = _histogram([LEAST_MS * 1.001**i for i in range(30_000)] + [0.0, math.inf])
    assert len(set(memoryview(histogram.packed()).cast("H"))) == 1268


def test_subtracting_what_was_never_added_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot subtract"):
        _histogram([1.0]).subtract(_histogram([500.0]))


def test_a_copy_is_independent() -> None:
    original = _histogram([1.0, 2.0])
    twin = original.copy()
    twin.add(3.0)
    assert (original.count, twin.count) == (2, 3)
    assert original != twin
