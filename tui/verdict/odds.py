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
from functools import lru_cache

ABOVE = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Alternatives over r0 to the hypothesis that the canary is no worse."""

BELOW = (0.4, 0.55, 0.7, 0.85)
"""Alternatives over r0 to the hypothesis that the canary is worse by the margin or more."""

Steps = tuple[tuple[float, ...], tuple[float, ...]]
"""What one event adds to ln of each alternative's likelihood ratio: the canary's, the baseline's."""

_SHARES_KEPT = 64
_BISECTIONS = 10
_WIDEST = 50.0


@lru_cache(maxsize=4096)
def steps(rho: float, r0: float, ratios: tuple[float, ...]) -> Steps:
    """ln of q(r0 r) / q(r0), and of the same for the baseline, at a share ``rho`` between 0 and 1."""
    base = 1 - rho + rho * r0
    of_baseline = tuple(-math.log((1 - rho + rho * r0 * r) / base) for r in ratios)
    return tuple(math.log(r) + s for r, s in zip(ratios, of_baseline, strict=True)), of_baseline


def log_mean(logs: Sequence[float]) -> float:
    """ln of the mean of the exponentials."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(value - top) for value in logs) / len(logs))


class Evidence:
    """One e-process against ``r0``: the events of shares that are over, and those of the running one."""

    __slots__ = ("logs", "r0", "ratios")

    def __init__(self, r0: float, ratios: tuple[float, ...], logs: Sequence[float] | None = None) -> None:
        self.r0 = r0
        self.ratios = ratios
        self.logs = [0.0] * len(ratios) if logs is None else list(logs)

    def with_events(self, rho: float, canary: int, baseline: int) -> list[float]:
        """ln of each alternative's likelihood ratio after so many more events at one share."""
        of_canary, of_baseline = steps(rho, self.r0, self.ratios)
        return [
            log + canary * c + baseline * b for log, c, b in zip(self.logs, of_canary, of_baseline, strict=True)
        ]

    def fold(self, rho: float, canary: int, baseline: int) -> None:
        """Take these events in for good."""
        self.logs = self.with_events(rho, canary, baseline)

    def log_e(self) -> float:
        return log_mean(self.logs)

    def growth(self, ratio: float, rho: float) -> float:
        """Mean growth of ln E per event when the true ratio is ``ratio``, by its best alternative."""
        q = rho * ratio / (1 - rho + rho * ratio)
        of_canary, of_baseline = steps(rho, self.r0, self.ratios)
        return max(q * c + (1 - q) * b for c, b in zip(of_canary, of_baseline, strict=True))


class Counts:
    """Bad events by share of the canary, as [canary's, baseline's]."""

    __slots__ = ("by_share",)

    def __init__(self, by_share: Mapping[float, Sequence[int]] | None = None) -> None:
        self.by_share: dict[float, list[int]] = {rho: list(n) for rho, n in (by_share or {}).items()}

    def add(self, rho: float, canary: int, baseline: int) -> None:
        """Count events. Of more than 64 different shares, the nearest one stands for a new one."""
        counts = self.by_share.get(rho)
        if counts is None:
            if len(self.by_share) >= _SHARES_KEPT:
                counts = self.by_share[min(self.by_share, key=lambda kept: abs(kept - rho))]
            else:
                counts = self.by_share[rho] = [0, 0]
        counts[0] += canary
        counts[1] += baseline

    @property
    def canary(self) -> int:
        return sum(n for n, _ in self.by_share.values())

    @property
    def baseline(self) -> int:
        return sum(n for _, n in self.by_share.values())

    def log_e(self, r0: float, ratios: tuple[float, ...]) -> float:
        """ln of the mixture's value against r0."""
        evidence = Evidence(r0, ratios)
        for rho, (canary, baseline) in self.by_share.items():
            evidence.fold(rho, canary, baseline)
        return evidence.log_e()

    def ratio(self) -> float | None:
        """The canary's rate of bad events over the baseline's, None before both sides had one.

        Each share weighs its own events, so that a ramp does not mix what was counted at different weights.
        """
        expected = sum(n * rho / (1 - rho) for rho, (_, n) in self.by_share.items())
        return self.canary / expected if self.canary and expected else None

    def ratio_interval(self, alpha: float) -> tuple[float | None, float | None]:
        """Between which ratios the evidence leaves it open at ``alpha`` a side; None on a side left open."""
        if not self.by_share:
            return None, None
        limit = math.log(1 / alpha)

        def excluded(log_r0: float, ratios: tuple[float, ...]) -> bool:
            # Not remembered like the steps of a process: every one of these r0 is asked once.
            r0, logs = math.exp(log_r0), []
            for ratio in ratios:
                total = 0.0
                for rho, (canary, baseline) in self.by_share.items():
                    grown = (1 - rho + rho * r0 * ratio) / (1 - rho + rho * r0)
                    total += canary * math.log(ratio) - (canary + baseline) * math.log(grown)
                logs.append(total)
            return log_mean(logs) >= limit

        return (
            _edge(lambda log_r0: excluded(log_r0, ABOVE), from_below=True),
            _edge(lambda log_r0: excluded(log_r0, BELOW), from_below=False),
        )


def _edge(excluded: Callable[[float], bool], *, from_below: bool) -> float | None:
    """The ratio at which exclusion ends, coming from below or above; None where nothing is excluded."""
    low, high = math.log(1 / _WIDEST), math.log(_WIDEST)
    if not excluded(low if from_below else high):
        return None
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if excluded(middle) is from_below:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)
