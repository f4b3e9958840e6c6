"""Late drift of a version that has all the traffic: nobody is left to compare it with.

Its rate of bad requests is held against the highest one that its own past beside the baseline allows. M_k =
max(1, M_k) times the factor of each new batch is an e-detector (Shin, Ramdas and Rinaldo, "E-detectors",
NEJSDS 2024, arXiv 2203.03532): an alarm has a run length of at least a million batches while nothing is
worse. A drift of the whole service looks like its own, so the alarm is advisory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tui.evaluation.neighbours import finite, log_mean

ABOVE = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)

BATCH = 16
"""Requests from one look to the next."""

RUN_LENGTH = 1_000_000
"""Batches to a false alarm, on average at least."""

ALONE_FROM = 200
"""Requests beside the baseline from which a canary's own past may be held against it."""

_TARGET = math.log(RUN_LENGTH)
_HIGHEST = 0.9


class LateDrift:
    """The running value for one criterion; O(1) a request."""

    __slots__ = ("_bad", "_logs", "_requests", "alarmed", "expected", "seen")

    def __init__(self) -> None:
        self._logs = [0.0] * len(ABOVE)
        self._requests = self._bad = 0
        self.seen = 0
        """Bad requests since nothing spoke against it."""
        self.expected = 0.0
        """How many it would have had if it were no worse."""
        self.alarmed = False

    def add(self, bad: bool, past_bad: int, past_requests: int) -> bool:
        """Count one request of a version without another beside it, ``past_*`` being what it did beside one;
        True at the alarm."""
        self._requests += 1
        self._bad += bad
        if self._requests < BATCH or past_requests < ALONE_FROM or self.alarmed:
            return False
        requests, bad_ones = self._requests, self._bad
        self._requests = self._bad = 0
        if max(self._logs) <= 0:
            self.seen, self.expected = 0, 0.0
        most = min(max(highest_rate(past_bad, past_requests), 1e-9), _HIGHEST)
        self.seen += bad_ones
        self.expected += most * requests
        logs = []
        for log, ratio in zip(self._logs, ABOVE, strict=True):
            rate = min(most * ratio, (1 + most) / 2)
            factor = bad_ones * math.log(rate / most) + (requests - bad_ones) * math.log(
                (1 - rate) / (1 - most)
            )
            logs.append(max(log, 0.0) + factor)
        self._logs = logs
        self.alarmed = log_mean(self._logs) >= _TARGET
        return self.alarmed

    def as_json(self) -> dict[str, Any]:
        counts = [self._requests, self._bad, self.seen, self.expected]
        return {"logs": list(self._logs), "counts": counts, "alarmed": self.alarmed}

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError or ValueError where it is not what ``as_json`` gave."""
        requests, bad, seen, expected = finite(saved["counts"], 4)
        self._logs, self.alarmed = finite(saved["logs"], len(ABOVE)), bool(saved["alarmed"])
        self._requests, self._bad, self.seen, self.expected = int(requests), int(bad), int(seen), expected


def highest_rate(bad: int, requests: int) -> float:
    """The highest rate of bad requests that what was seen allows: the upper end of Wilson's interval at 2.6
    standard errors (99.5 % one-sided; Wilson, JASA 22, 1927)."""
    z2 = 2.6**2
    middle = bad + z2 / 2
    half = 2.6 * math.sqrt(bad * (requests - bad) / requests + z2 / 4)
    return min((middle + half) / (requests + z2), 1.0)
