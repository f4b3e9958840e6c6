"""Evidence that may be looked at after every request: an e-process for bad events.

Of every bad event (an error, an answer slower than a fixed limit, ...) only one thing is asked: was it the
canary's? With the share rho of the traffic in force at its assignment and r = canary's rate of bad events over
the baseline's, it is with probability q(r) = rho r / (1 - rho + rho r), whatever the rates themselves do. The
product of likelihood ratios against r0, averaged over some alternatives, has mean at most 1 while r <= r0
(or >= r0, for alternatives below it); so by Ville's inequality it ever reaches 1/alpha with probability at
most alpha. This is the conditional test of Lindon and Malek, "Anytime-Valid Inference for Multinomial Count
Data" (NeurIPS 2022), with a finite mixture; it holds at any number of events, for any change of the weights,
and when both versions drift together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import add

ABOVE = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Alternatives over r0 to the hypothesis that the canary is no worse."""

BELOW = (0.4, 0.55, 0.7, 0.85)
"""Alternatives over r0 to the hypothesis that the canary is worse by the margin or more."""

_SHARES_KEPT = 64
_BISECTIONS = 14
_WIDEST = 50.0


class Counts:
    """Bad events by share of the canary: all that the evidence rests on, in a form that JSON knows."""

    __slots__ = ("by_share",)

    def __init__(self, by_share: Mapping[float, Sequence[int]] | None = None) -> None:
        self.by_share: dict[float, list[int]] = {rho: list(n) for rho, n in (by_share or {}).items()}

    def add(self, is_canary: bool, rho: float) -> None:
        """Count one event. Of more than 64 different shares, the nearest one stands for a new one."""
        counts = self.by_share.get(rho)
        if counts is None:
            if len(self.by_share) >= _SHARES_KEPT:
                counts = self.by_share[min(self.by_share, key=lambda kept: abs(kept - rho))]
            else:
                counts = self.by_share[rho] = [0, 0]
        counts[0 if is_canary else 1] += 1

    @property
    def canary(self) -> int:
        return sum(n for n, _ in self.by_share.values())

    @property
    def baseline(self) -> int:
        return sum(n for _, n in self.by_share.values())

    def log_e(self, r0: float, ratios: Sequence[float]) -> float:
        """ln of the mixture's value against r0."""
        return _log_mean([self._log_likelihood_ratio(r0, r0 * ratio) for ratio in ratios])

    def ratio(self) -> float | None:
        """The canary's rate of bad events over the baseline's, None before both sides had one.

        Each share weighs its own events, so that a ramp does not mix what was counted at different weights.
        """
        expected = sum(n * rho / (1 - rho) for rho, (_, n) in self.by_share.items())
        return self.canary / expected if self.canary and expected else None

    def ratio_interval(self, alpha: float) -> tuple[float | None, float | None]:
        """Between which ratios the evidence leaves it open at ``alpha`` a side; None on a side left open."""
        limit = math.log(1 / alpha)
        return (
            _edge(lambda r0: self.log_e(r0, ABOVE) >= limit, from_below=True),
            _edge(lambda r0: self.log_e(r0, BELOW) >= limit, from_below=False),
        )

    def _log_likelihood_ratio(self, r0: float, r: float) -> float:
        total = 0.0
        for rho, (canary, baseline) in self.by_share.items():
            total += canary * math.log(r / r0)
            total -= (canary + baseline) * math.log((1 - rho + rho * r) / (1 - rho + rho * r0))
        return total


class Evidence:
    """One running e-process against ``r0``; O(number of alternatives) an event."""

    __slots__ = ("_logs", "_ratios", "_steps", "r0")

    def __init__(self, r0: float, ratios: Sequence[float], counts: Counts | None = None) -> None:
        self.r0 = r0
        self._ratios = tuple(ratios)
        self._logs = [0.0] * len(self._ratios)
        self._steps: dict[float, tuple[tuple[float, ...], tuple[float, ...]]] = {}
        for rho, (canary, baseline) in (counts.by_share if counts else {}).items():
            of_canary, of_baseline = self._step(rho)
            for k in range(len(self._logs)):
                self._logs[k] += canary * of_canary[k] + baseline * of_baseline[k]

    def event(self, is_canary: bool, rho: float) -> float:
        """Weigh one bad event at a share between 0 and 1; returns ln E after it, or, while that is below 1, a
        bound on it that is below 1 too."""
        logs = self._logs = list(map(add, self._logs, self._step(rho)[0 if is_canary else 1]))
        top = max(logs)
        return top if top < 1 else _log_mean(logs)

    def log_e(self) -> float:
        return _log_mean(self._logs)

    def drift(self, ratio: float, rho: float) -> float:
        """Mean growth of ln E per event when the true ratio is ``ratio``, by its best alternative."""
        q = rho * ratio / (1 - rho + rho * ratio)
        of_canary, of_baseline = self._step(rho)
        return max(q * c + (1 - q) * b for c, b in zip(of_canary, of_baseline, strict=True))

    def _step(self, rho: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        step = self._steps.get(rho)
        if step is None:
            if len(self._steps) > _SHARES_KEPT:
                self._steps.clear()
            base = 1 - rho + rho * self.r0
            of_baseline = tuple(-math.log((1 - rho + rho * self.r0 * r) / base) for r in self._ratios)
            of_canary = tuple(math.log(r) + s for r, s in zip(self._ratios, of_baseline, strict=True))
            step = self._steps[rho] = (of_canary, of_baseline)
        return step


def _edge(excluded: Callable[[float], bool], *, from_below: bool) -> float | None:
    """Where exclusion ends, coming from below or above; None where nothing is excluded."""
    low, high = math.log(1 / _WIDEST), math.log(_WIDEST)
    if not excluded(math.exp(low if from_below else high)):
        return None
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if excluded(math.exp(middle)) is from_below:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _log_mean(logs: Sequence[float]) -> float:
    top = max(logs)
    return top + math.log(math.fsum(math.exp(value - top) for value in logs) / len(logs))
