"""A histogram with logarithmic buckets whose quantiles are within 1 % of the exact ones.

The scheme is DDSketch's (Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12(12), 2019). With gamma = (1 + a) / (1 - a), bucket i holds the values in
(gamma^(i-1), gamma^i] and stands for 2 gamma^i / (gamma + 1), which no value of the bucket misses by more
than the share a. Unlike a sample or a tree of centroids, two histograms can also be subtracted.

Sparse vectors of whole numbers: what a window adds when a second enters and subtracts when it leaves.

Everything that is measured is kept as such a vector, so that subtracting undoes adding exactly, without drift.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, MutableMapping
from itertools import accumulate
from math import ceil, floor, fsum, isfinite, log, sqrt
from typing import TypeVar

from tui.model import Interval, Quantiles

RELATIVE_ERROR = 0.01
LEAST_MS = 1e-3
MOST_MS = 1e8

INTERVAL_ALPHA = 0.05
"""Chance that an interval of ``quantiles`` ever fails to hold the true quantile."""

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_BUCKETS_PER_LOG = 1 / log(_GAMMA)
_OFFSET = -log(LEAST_MS) * _BUCKETS_PER_LOG
_LAST = ceil(log(MOST_MS) * _BUCKETS_PER_LOG + _OFFSET)
_VALUES_MS = tuple(LEAST_MS * _GAMMA**i * 2 / (_GAMMA + 1) for i in range(_LAST + 1))
_PERCENTS = (50, 95, 99)


class Histogram:
    """Counts of milliseconds in at most 1,268 buckets between ``LEAST_MS`` and ``MOST_MS``.

    Values outside are counted at the nearer end, so zero and negative values count as ``LEAST_MS`` and
    infinity as ``MOST_MS``. NaN is no measurement and is not counted.
    """

    __slots__ = ("_buckets", "count")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0

    def add(self, value_ms: float) -> None:
        """Count one value."""
        if LEAST_MS <= value_ms <= MOST_MS:
            index = ceil(log(value_ms) * _BUCKETS_PER_LOG + _OFFSET)
        elif value_ms != value_ms:
            return
        else:
            index = 0 if value_ms < LEAST_MS else _LAST
        buckets = self._buckets
        buckets[index] = buckets.get(index, 0) + 1
        self.count += 1

    def merge(self, other: Histogram) -> None:
        """Add every value of ``other``."""
        add_counts(self._buckets, other._buckets)
        self.count += other.count

    def subtract(self, other: Histogram) -> None:
        """Undo ``merge(other)`` exactly. Raises ValueError when ``other`` holds values that are not here."""
        subtract_counts(self._buckets, other._buckets)
        self.count -= other.count

    def copy(self) -> Histogram:
        """An independent histogram of the same values."""
        twin = Histogram()
        twin._buckets = self._buckets.copy()
        twin.count = self.count
        return twin

    def quantiles(self) -> Quantiles | None:
        """Nearest-rank P50, P95 and P99 (the value of rank ceil(q n)) in ms; None without values."""
        return _quantiles(self._buckets, self.count, self.count)

    def packed(self) -> bytes:
        """The same values in two bytes each, to be kept for an hour."""
        return array("H", [i for i, n in self._buckets.items() for _ in range(n)]).tobytes()

    @classmethod
    def unpacked(cls, packed: bytes) -> Histogram:
        """The histogram that ``packed`` gave."""
        histogram = cls()
        buckets = histogram._buckets
        indexes = memoryview(packed).cast("H")
        for index in indexes:
            buckets[index] = buckets.get(index, 0) + 1
        histogram.count = len(indexes)
        return histogram

    def as_text(self) -> str:
        """``bucket:count`` of every bucket that holds something: short however many values there are."""
        return " ".join(f"{i}:{n}" for i, n in self._buckets.items())

    @classmethod
    def from_text(cls, text: str) -> Histogram:
        """The histogram that ``as_text`` gave. Raises ValueError for any other text."""
        histogram = cls()
        for pair in text.split():
            index, _, count = pair.partition(":")
            i, n = int(index), int(count)
            if not (0 <= i <= _LAST and n > 0):
                raise ValueError(f"not a bucket of a histogram: {pair[:40]}")
            histogram._buckets[i] = n
            histogram.count += n
        return histogram

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self._buckets == other._buckets

    __hash__ = None  # type: ignore[assignment]


def weighted_quantiles(parts: Iterable[tuple[Histogram, float]]) -> Quantiles | None:
    """The quantiles of several histograms together, every value of each counting as much as its weight says.

    ``count`` and the intervals rest on the effective number of values, (sum w)^2 / sum w^2 (Kish, "Survey
    Sampling", 1965): with unequal weights the intervals are approximate.
    """
    kept = [(histogram, weight) for histogram, weight in parts if histogram.count and weight > 0]
    if len(kept) == 1:
        return kept[0][0].quantiles()
    buckets: dict[int, float] = {}
    for histogram, weight in kept:
        for i, n in histogram._buckets.items():
            buckets[i] = buckets.get(i, 0.0) + n * weight
    total = fsum(h.count * w for h, w in kept)
    squares = fsum(h.count * w * w for h, w in kept)
    return _quantiles(buckets, total, int(total * total / squares)) if kept else None


def interval_ranks(percent: float, count: int, alpha: float = INTERVAL_ALPHA) -> tuple[int, int] | None:
    """Between which order statistics of ``count`` values the true quantile lies, at any time.

    With p = percent / 100 and l = (1.4 ln ln(2.1 t) + ln(10 / alpha)) / t, f(p) = 1.5 sqrt(p (1 - p) l) + 0.8
    l, the ranks are floor(t (p - f)) + 1 and ceil(t (p + f)) (Howard and Ramdas, "Sequential estimation of
    quantiles with applications to A/B testing and best-arm identification", Bernoulli 28(3), 2022, theorem 1).
    None while either falls outside of the values.
    """
    if count < 2:
        return None
    p = percent / 100
    level = (1.4 * log(max(log(2.1 * count), 1.0)) + log(10 / alpha)) / count
    f = 1.5 * sqrt(p * (1 - p) * level) + 0.8 * level
    low, high = floor(count * (p - f)) + 1, ceil(count * (p + f))
    return (low, high) if low >= 1 and high <= count else None


def _quantiles(buckets: Mapping[int, float], total: float, count: int) -> Quantiles | None:
    """``total`` is the sum of the buckets, ``count`` how many values the intervals may rest on."""
    if not count or not isfinite(total):
        return None
    indexes = sorted(buckets)
    up_to = list(accumulate(map(buckets.__getitem__, indexes)))
    last = len(indexes) - 1

    def at(rank: float) -> float:
        return _VALUES_MS[indexes[min(bisect_left(up_to, rank), last)]]

    intervals: list[Interval | None] = []
    for percent in _PERCENTS:
        ranks = interval_ranks(percent, count)
        scale = total / count
        intervals.append(None if ranks is None else (at(ranks[0] * scale), at(ranks[1] * scale)))
    # Whole numbers: ceil(0.95 * 100) would be 96 wherever the product lands above 95.
    p50, p95, p99 = (
        at(-(-percent * total // 100) if total == count else percent * total / 100) for percent in _PERCENTS
    )
    return Quantiles(p50, p95, p99, count, *intervals)


K = TypeVar("K")


def add_counts(into: MutableMapping[K, int], other: Mapping[K, int]) -> None:
    """Add every count of ``other``."""
    get = into.get
    for key, n in other.items():
        into[key] = get(key, 0) + n


def subtract_counts(into: MutableMapping[K, int], other: Mapping[K, int]) -> None:
    """Take every count of ``other`` away again; keys that reach zero disappear.

    Raises ValueError, with ``into`` partly changed, when ``other`` was never added.
    """
    for key, n in other.items():
        left = into.get(key, 0) - n
        if left:
            if left < 0 < n:
                raise ValueError(f"cannot subtract {n} of {key!r}: only {left + n} were added")
            into[key] = left
        else:
            into.pop(key, None)
