"""A histogram with logarithmic buckets whose quantiles are within 1 % of the exact ones.

The scheme is DDSketch's (Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12(12), 2019). With gamma = (1 + a) / (1 - a), bucket i holds the values in
(gamma^(i-1), gamma^i] and stands for 2 gamma^i / (gamma + 1), which no value of the bucket misses by more
than the share a. Unlike a sample or a tree of centroids, two histograms can also be subtracted.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import accumulate
from math import ceil, log

from tui.measure.counts import add_counts, subtract_counts
from tui.model import Quantiles

RELATIVE_ERROR = 0.01
LEAST_MS = 1e-3
MOST_MS = 1e8

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_BUCKETS_PER_LOG = 1 / log(_GAMMA)
_OFFSET = -log(LEAST_MS) * _BUCKETS_PER_LOG
_LAST = ceil(log(MOST_MS) * _BUCKETS_PER_LOG + _OFFSET)
_VALUES_MS = tuple(LEAST_MS * _GAMMA**i * 2 / (_GAMMA + 1) for i in range(_LAST + 1))


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
        if not self.count:
            return None
        indexes = sorted(self._buckets)
        up_to = list(accumulate(map(self._buckets.__getitem__, indexes)))
        # Whole numbers: ceil(0.95 * 100) would be 96 wherever the product lands above 95.
        p50, p95, p99 = (
            _VALUES_MS[indexes[bisect_left(up_to, -(-pct * self.count // 100))]] for pct in (50, 95, 99)
        )
        return Quantiles(p50, p95, p99, self.count)

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self._buckets == other._buckets

    __hash__ = None  # type: ignore[assignment]
