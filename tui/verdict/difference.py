"""The difference of two means over epochs of constant weights, with an interval valid at any time.

Per epoch k the difference d_k of the means has the information I_k = 1 / (s_c^2 / n_c + s_b^2 / n_b); pooled,
d = sum(I_k d_k) / I. The half-width sqrt((I + t)(ln(1 + I/t) + 2 ln(1/alpha))) / I with a tuning constant t is
the two-sided normal-mixture bound of an asymptotic confidence sequence (Waudby-Smith et al., Annals of
Statistics 2024, arXiv 2103.06476; Johari et al., "Always Valid Inference", Operations Research 2022). Epochs
are compared within themselves: pooling them first would mix weights with drift (Simpson's paradox). Values
enter as logarithms, which tames the skew of tokens and cost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

BURN_IN = 100
"""Requests of the canary below which the bound, being asymptotic, may not move anything."""

_EPOCHS_KEPT = 64
_PLANNED = 400.0
"""Information at which the interval is tightest: several hundred requests of usual spread."""


class Difference:
    """Mean and spread of ln(value) per epoch and side; O(1) a value."""

    __slots__ = ("_epochs", "canary")

    def __init__(self, state: Sequence[Any] = ()) -> None:
        # rho -> [n, mean, sum of squared deviations] of the canary, then of the baseline.
        self._epochs: dict[float, list[float]] = {float(rho): list(map(float, sums)) for rho, *sums in state}
        self.canary = int(sum(sums[0] for sums in self._epochs.values()))

    def add(self, is_canary: bool, rho: float, value: float) -> None:
        """``value`` must be greater than 0."""
        sums = self._epochs.get(rho)
        if sums is None:
            if len(self._epochs) >= _EPOCHS_KEPT:
                return
            sums = self._epochs[rho] = [0.0] * 6
        at = 0 if is_canary else 3
        self.canary += is_canary
        sums[at] += 1
        deviation = math.log(value) - sums[at + 1]
        sums[at + 1] += deviation / sums[at]
        sums[at + 2] += deviation * (math.log(value) - sums[at + 1])

    def interval(self, alpha: float) -> tuple[float, float, float] | None:
        """Estimate, low and high of ln(canary / baseline); None before any epoch has two values a side."""
        information = weighted = 0.0
        for n_c, mean_c, m2_c, n_b, mean_b, m2_b in self._epochs.values():
            if n_c < 2 or n_b < 2:
                continue
            variance = m2_c / (n_c - 1) / n_c + m2_b / (n_b - 1) / n_b
            if variance > 0:
                information += 1 / variance
                weighted += (mean_c - mean_b) / variance
        if not information:
            return None
        tuning = _PLANNED / (2 * math.log(1 / alpha) + math.log(1 + 2 * math.log(1 / alpha)))
        spread = (information + tuning) * (math.log(1 + information / tuning) + 2 * math.log(1 / alpha))
        half = math.sqrt(spread) / information
        middle = weighted / information
        return middle, middle - half, middle + half

    def state(self) -> list[list[float]]:
        return [[rho, *sums] for rho, sums in self._epochs.items()]


def ratio_pct(log_ratio: float) -> float:
    """ln(canary / baseline) as percent over the baseline."""
    return 100 * (math.exp(min(log_ratio, 50.0)) - 1)


def as_counts(state: Mapping[str, Any]) -> dict[float, list[int]]:
    """Counts by share out of JSON, whose keys are text."""
    return {float(rho): [int(n) for n in counts] for rho, counts in state.items()}
