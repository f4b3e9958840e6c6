"""A rate that is low enough whatever the other one is: a flawless pair never has an event to be compared by."""

from __future__ import annotations

import math
from typing import Any

from tui.evaluation.neighbours import log_mean

_SHARES = (0.0, 0.1, 0.3, 0.5)
"""Of the floor: the rates that speak for "it is below"."""


class RateFloor:
    """Evidence that a canary's own rate is below ``floor`` (0 to 1): an e-process against "it is at least
    that".

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
