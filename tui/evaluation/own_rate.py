"""Evidence from what a canary does by itself, without the baseline.

The floor of a rate: a rate that is low enough is OK whatever the other one is. A flawless pair never has an
event to be compared by.

Late drift: a version that has all the traffic has nobody left to compare it with. Its rate of bad requests is
held against the highest one that its own past beside the baseline allows. M_k = max(1, M_k) times the factor of
each new batch is an e-detector (Shin, Ramdas and Rinaldo, "E-detectors", NEJSDS 2024, arXiv 2203.03532): an
alarm has a run length of at least a million batches while nothing is worse. A drift of the whole service looks
like its own, so the alarm is advisory.

The tripwire: failures that follow each other. A safety stop, not statistics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tui.evaluation.neighbours import RUN_LENGTH, log_mean
from tui.evaluation.saved_numbers import finite
from tui.model import ERRORS, NEVER_SERVED, THROTTLED, Outcome, OutcomeKind

_SHARES = (0.0, 0.1, 0.3, 0.5)
"""Of the floor: the rates that speak for "it is below"."""


class RateFloor:
    """Floor of a rate: evidence that a canary's own rate is below ``floor`` (0 to 1): an e-process against "it
    is at least that".

    It holds only while it stands: a burst of events takes it back.
    """

    __slots__ = ("_bad", "_good", "bad", "requests")

    def __init__(self, floor: float) -> None:
        rates = [share * floor for share in _SHARES]
        self._good = [math.log((1 - rate) / (1 - floor)) for rate in rates]
        self._bad = [math.log(rate / floor) if rate else -math.inf for rate in rates]
        self.requests = 0
        self.bad = 0

    def add(self, bad: bool) -> None:
        self.requests += 1
        self.bad += bad

    @property
    def log_e(self) -> float:
        """ln of the evidence that the rate is below the floor."""
        if not self.requests:
            return 0.0
        good = self.requests - self.bad
        return log_mean(
            [good * g + (self.bad * b if self.bad else 0.0) for g, b in zip(self._good, self._bad, strict=True)]
        )

    def reaches(self, target: float) -> bool:
        """Whether ``log_e`` is at least ``target``."""
        # No alternative grows faster than that of no bad request at all.
        return self.requests * self._good[0] >= target and self.log_e >= target

    def requests_to(self, target: float) -> float | None:
        """How many more requests until that evidence, if the rate stays as it is; None where it never is."""
        rate = self.bad / self.requests if self.requests else 0.0
        growth = max(
            (1 - rate) * good + (rate * bad if rate else 0.0)
            for good, bad in zip(self._good, self._bad, strict=True)
        )
        missing = target + math.log(len(_SHARES)) - max(self.log_e, 0.0)
        return max(missing, 0.0) / growth if growth > 0 else None

    def as_json(self) -> list[int]:
        return [self.requests, self.bad]

    def from_json(self, saved: Any) -> None:
        """Raises TypeError or ValueError where it is not what ``as_json`` gave."""
        requests, bad = (int(n) for n in saved)
        if not 0 <= bad <= requests:
            raise ValueError("more bad requests than requests")
        self.requests, self.bad = requests, bad


ABOVE = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)

BATCH = 16
"""Requests from one look to the next."""

ALONE_FROM = 200
"""Requests beside the baseline from which a canary's own past may be held against it."""

_TARGET = math.log(RUN_LENGTH)
_HIGHEST = 0.9


class LateDrift:
    """E-detector of one criterion; O(1) a request."""

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


_IN_A_ROW = 5
_FAILED = ERRORS - {OutcomeKind.BAD_REQUEST}
_MAYBE_OURS = frozenset({OutcomeKind.TIMEOUT, OutcomeKind.CONNECTION_LOST})
_SAYS_NOTHING = THROTTLED | NEVER_SERVED | {OutcomeKind.HELD_BACK}


def is_evidence(outcome: Outcome) -> bool:
    """Whether an outcome says how a version answers."""
    return outcome.counts_for_version and outcome.kind not in _SAYS_NOTHING


class Tripwire:
    """Tripwire of a canary: how many of its requests failed in a row."""

    def __init__(self) -> None:
        self.failed = 0
        self._last = ""

    def add(self, outcome: Outcome) -> None:
        if not is_evidence(outcome) or (outcome.saturated and outcome.kind in _MAYBE_OURS):
            return
        failed = outcome.kind in _FAILED
        self.failed = self.failed + 1 if failed else 0
        if failed:
            self._last = outcome.error or outcome.kind.value

    @property
    def why(self) -> str | None:
        """Why the canary looks entirely broken, None where it does not."""
        return f"{self.failed} failures in a row, last: {self._last}" if self.failed >= _IN_A_ROW else None
