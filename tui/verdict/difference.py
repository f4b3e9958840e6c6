"""The difference of two means over epochs of constant weights, with evidence that is valid at any time.

Per epoch k the difference d_k of the means has the information I_k = 1 / (s_c^2 / n_c + s_b^2 / n_b); pooled, d
= sum(I_k d_k) / I with I = sum(I_k). Against a true difference m the two-sided normal mixture with a tuning
constant t gives ln E = (I (d - m))^2 / (2 (I + t)) - ln(1 + I / t) / 2; the differences with E < 1/alpha are
the interval d +- sqrt((I + t)(ln(1 + I/t) + 2 ln(1/alpha))) / I of an asymptotic confidence sequence
(Waudby-Smith et al., Annals of Statistics 2024, arXiv 2103.06476; Johari et al., "Always Valid Inference",
Operations Research 2022). Epochs are compared within themselves: pooling them first would mix weights with
drift (Simpson's paradox). Values are logarithms, which tames the skew of tokens and cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tui.verdict.stretches import Spread

BURN_IN = 100
"""Requests of the canary below which the bound, being asymptotic, may not move anything."""

_PLANNED = 400.0
"""Information at which the interval is tightest: several hundred requests of usual spread."""

_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """Pooled estimate of ln(canary / baseline), its information, and the variances of one value on either
    side."""

    estimate: float
    information: float
    canary_variance: float
    baseline_variance: float

    def log_e(self, true: float, alpha: float) -> float:
        """ln of the evidence against a true difference ``true``."""
        return _log_e(self.information, self.estimate - true, _tuning(alpha))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The differences that the evidence leaves open at ``alpha``."""
        i, t = self.information, _tuning(alpha)
        half = math.sqrt((i + t) * (math.log(1 + i / t) + 2 * math.log(1 / alpha))) / i
        return self.estimate - half, self.estimate + half

    def seconds_to(self, limit: float, alpha: float, rho: float, values_per_s: float) -> float | None:
        """Seconds until ``limit`` is excluded at a share ``rho`` of the canary, if the difference stays as it
        is seen; None where it never is."""
        gap = self.estimate - limit
        per_s = values_per_s / (self.canary_variance / rho + self.baseline_variance / (1 - rho))
        tuning, target = _tuning(alpha), math.log(1 / alpha)

        def there(seconds: float) -> bool:
            return _log_e(self.information + per_s * seconds, gap, tuning) >= target

        if there(0.0):
            return 0.0
        low, high = 0.0, 1.0
        for _ in range(_DOUBLINGS):
            if there(high):
                break
            low, high = high, 2 * high
        else:
            return None
        while high - low > max(0.5, 0.02 * high):
            middle = (low + high) / 2
            low, high = (low, middle) if there(middle) else (middle, high)
        return high


def difference(pairs: Iterable[tuple[Spread, Spread]]) -> Difference | None:
    """Of (canary's, baseline's) values epoch by epoch; None before any epoch has two values a side that
    vary."""
    information = weighted = 0.0
    squares, freedom = [0.0, 0.0], [0, 0]
    for canary, baseline in pairs:
        if canary.n < 2 or baseline.n < 2:
            continue
        variance = canary.m2 / (canary.n - 1) / canary.n + baseline.m2 / (baseline.n - 1) / baseline.n
        if variance > 0:
            information += 1 / variance
            weighted += (canary.mean - baseline.mean) / variance
        for side, spread in enumerate((canary, baseline)):
            squares[side] += spread.m2
            freedom[side] += spread.n - 1
    if not information:
        return None
    own, base = (m2 / n for m2, n in zip(squares, freedom, strict=True))
    return Difference(weighted / information, information, own, base)


def ratio_pct(log_ratio: float) -> float:
    """ln(canary / baseline) as percent over the baseline."""
    return 100 * (math.exp(min(log_ratio, 50.0)) - 1)


def _tuning(alpha: float) -> float:
    return _PLANNED / (2 * math.log(1 / alpha) + math.log(1 + 2 * math.log(1 / alpha)))


def _log_e(information: float, gap: float, tuning: float) -> float:
    return (information * gap) ** 2 / (2 * (information + tuning)) - math.log(1 + information / tuning) / 2
