"""Late drift: a version that was fine for long becomes worse.

By then the running evidence speaks so strongly for the version that it would take very long to speak against
it. Here it cannot fall below 1: M_k = max(1, M_k) times the factor of each new batch of events, averaged over
the alternatives, is an e-detector (Shin, Ramdas and Rinaldo, "E-detectors", NEJSDS 2024, arXiv 2203.03532). An
alarm at A has a run length of at least A batches on average while nothing is worse: a frequency, no error
probability.

While both versions have traffic the factors are those of ``odds``, which common drift does not touch. A canary
with all the traffic has nobody to be compared with: its rate of bad events is then held against the highest one
that its own past allows, and a drift of the whole service looks like its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tui.verdict.odds import ABOVE, log_mean, steps

BATCH = 16
"""Events, or requests of a version that is alone, from one look to the next."""

RUN_LENGTH = 1_000_000
"""Batches to a false alarm, on average at least."""

_TARGET = math.log(RUN_LENGTH)
_HIGHEST = 0.9


class Drift:
    """The running value for one criterion; O(1) an event."""

    __slots__ = ("_baseline", "_canary", "_logs", "_rho", "expected", "seen")

    def __init__(self, logs: Sequence[float] | None = None, seen: int = 0, expected: float = 0.0) -> None:
        self._logs = [0.0] * len(ABOVE) if logs is None else list(logs)
        self.seen = seen
        """Bad events of the canary since nothing spoke against it."""
        self.expected = expected
        """How many it would have had if it were no worse."""
        self._rho = 0.0
        self._canary = self._baseline = 0

    def event(self, is_canary: bool, rho: float) -> bool:
        """Weigh one bad event at a share between 0 and 1; True at the alarm."""
        if rho != self._rho:
            self._close()
            self._rho = rho
        if is_canary:
            self._canary += 1
        else:
            self._baseline += 1
        if self._canary + self._baseline < BATCH:
            return False
        self._close()
        return self._alarmed()

    def alone(self, requests: int, bad: int, most: float) -> bool:
        """Weigh requests of a version without another beside it; True at the alarm. A rate ``most`` (0 to 1) is
        what it may have."""
        self._close()
        self._begin_anew()
        most = min(max(most, 1e-9), _HIGHEST)
        self.seen += bad
        self.expected += most * requests
        logs = []
        for log, ratio in zip(self._logs, ABOVE, strict=True):
            rate = min(most * ratio, (1 + most) / 2)
            factor = bad * math.log(rate / most) + (requests - bad) * math.log((1 - rate) / (1 - most))
            logs.append(max(log, 0.0) + factor)
        self._logs = logs
        return self._alarmed()

    @property
    def progress(self) -> float:
        """How far it is on its way to the alarm, 0 to 1."""
        return min(max(log_mean(self._logs) / _TARGET, 0.0), 1.0)

    def _close(self) -> None:
        if self._canary or self._baseline:
            self._begin_anew()
            self.seen += self._canary
            self.expected += self._baseline * self._rho / (1 - self._rho)
            of_canary, of_baseline = steps(self._rho, 1.0, ABOVE)
            self._logs = [
                max(log, 0.0) + self._canary * c + self._baseline * b
                for log, c, b in zip(self._logs, of_canary, of_baseline, strict=True)
            ]
            self._canary = self._baseline = 0

    def _begin_anew(self) -> None:
        if max(self._logs) <= 0:
            self.seen, self.expected = 0, 0.0

    def _alarmed(self) -> bool:
        return log_mean(self._logs) >= _TARGET

    def as_json(self) -> dict[str, Any]:
        self._close()
        return {"logs": list(self._logs), "seen": self.seen, "expected": self.expected}

    @classmethod
    def from_json(cls, saved: Any) -> Drift:
        """Raises KeyError, TypeError or ValueError where it is not what ``as_json`` gave."""
        logs, seen, expected = [float(value) for value in saved["logs"]], saved["seen"], saved["expected"]
        if len(logs) != len(ABOVE) or not all(map(math.isfinite, logs)):
            raise ValueError("not the state of a drift")
        return cls(logs, int(seen), float(expected))


def highest_rate(bad: int, requests: int) -> float:
    """The highest rate of bad events that what was seen allows: the upper end of Wilson's interval at 2.6
    standard errors (99.5 % one-sided; Wilson, JASA 22, 1927)."""
    z2 = 2.6**2
    middle = bad + z2 / 2
    half = 2.6 * math.sqrt(bad * (requests - bad) / requests + z2 / 4)
    return min((middle + half) / (requests + z2), 1.0)
