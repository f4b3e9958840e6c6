"""The histogram: within 1 % of the exact nearest rank, and subtraction that undoes merging."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.histogram import LEAST_MS, MOST_MS, RELATIVE_ERROR, Histogram

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
