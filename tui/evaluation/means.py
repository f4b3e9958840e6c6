"""Difference of two arithmetic means over epochs of constant weights, with evidence valid at any time.

What is compared is the bill: tokens or USD of an answer, less what the size of its prompt explains, so that
chance in what was asked does not count. With z of the canary and z of the baseline times (1 + margin), D is
the difference of their means over all epochs k, weighted by h_k = n_c n_b / (n_c + n_b), which is known
before the values are; weights by the inverse variance, which is not, are biased where values are skewed. With
I = 1 / Var(D), the normal mixture gives ln E = (I D)^2 / (2 (I + tau)) - ln(1 + I / tau) / 2, and the
interval D +- sqrt((I + tau) (ln(1 + I / tau) + 2 ln(1 / 2a))) / I. Sources: Waudby-Smith et al., Annals of
Statistics 2024 (arXiv 2103.06476); the regression: Lindon, Ham, Tingley, Bojinov (arXiv 2210.08589). It is
asymptotic, so it begins with 300 answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tui.evaluation.saved_numbers import finite
from tui.model import VerdictState

FEWEST = 300
"""Answers of the canary below which nothing is decided."""

BETA = 0.02
"""The error of an OK."""

_LEAST_MARGIN = 0.02
_DOUBLINGS = 60


class Moments:
    """Number and sum of bills, mean and variance of the adjusted ones (Welford's sums); O(1) a value."""

    __slots__ = ("m2", "mean", "n", "total")

    def __init__(self, n: int = 0, total: float = 0.0, mean: float = 0.0, m2: float = 0.0) -> None:
        self.n, self.total, self.mean, self.m2 = n, total, mean, m2

    def add(self, bill: float, adjusted: float) -> None:
        self.n += 1
        self.total += bill
        deviation = adjusted - self.mean
        self.mean += deviation / self.n
        self.m2 += deviation * (adjusted - self.mean)


@dataclass(frozen=True, slots=True)
class Difference:
    """``gap``: D, in the unit of the bill, how far the canary is beyond the margin. ``base``: the mean of the
    baseline, ``margin`` as a share of it; ``alpha`` the error of WORSE."""

    gap: float
    information: float
    base: float
    margin: float
    alpha: float
    canary_n: int

    @property
    def _tau(self) -> float:
        q = 2 * math.log(1 / self.alpha)
        wanted = q / (max(self.margin, _LEAST_MARGIN) * self.base) ** 2
        return wanted / (q + math.log(1 + q))

    @property
    def log_e(self) -> float:
        """ln of the evidence against "it is exactly at the margin"."""
        return self._log_e(self.information)

    def _log_e(self, information: float) -> float:
        tau = self._tau
        return (information * self.gap) ** 2 / (2 * (information + tau)) - math.log1p(information / tau) / 2

    @property
    def over(self) -> float:
        """The canary's mean over the baseline's, less 1."""
        return self.margin + self.gap / self.base

    def interval(self) -> tuple[float, float]:
        """What is left open for ``over``: below at the error of WORSE, above at that of OK."""
        return self.over - self._half(self.alpha), self.over + self._half(BETA)

    def _half(self, error: float) -> float:
        i, tau = self.information, self._tau
        return math.sqrt((i + tau) * (math.log1p(i / tau) + 2 * math.log(1 / (2 * error)))) / i / self.base

    @property
    def to_worse(self) -> float:
        return math.log(1 / (2 * self.alpha))

    @property
    def to_ok(self) -> float:
        return math.log(1 / (2 * BETA))

    def requests_to(self, gap: float) -> float | None:
        """How many more answers of the canary until a verdict if the difference is ``gap``; None where that is
        never."""
        target = self.to_worse if gap > 0 else self.to_ok
        tau, per_request = self._tau, self.information / self.canary_n

        def there(more: float) -> bool:
            i = self.information + per_request * more
            return (i * gap) ** 2 / (2 * (i + tau)) - math.log1p(i / tau) / 2 >= target

        low, high = 0.0, float(FEWEST)
        for _ in range(_DOUBLINGS):
            if there(high):
                break
            low, high = high, 2 * high
        else:
            return None
        while high - low > max(1.0, 0.02 * high):
            middle = (low + high) / 2
            low, high = (low, middle) if there(middle) else (middle, high)
        return max(high, FEWEST - self.canary_n)

    @property
    def error(self) -> float:
        """Standard error of ``gap``."""
        return 1 / math.sqrt(self.information)

    def as_json(self) -> list[float]:
        return [self.gap, self.information, self.base, self.margin, self.alpha, self.canary_n]

    @classmethod
    def from_json(cls, saved: Sequence[float]) -> Difference:
        """Raises TypeError or ValueError where it is not what ``as_json`` gave."""
        gap, information, base, margin, alpha, canary_n = finite(saved, 6)
        return cls(gap, information, base, margin, alpha, int(canary_n))


def difference(pairs: Iterable[tuple[Moments, Moments]], margin: float, alpha: float) -> Difference | None:
    """Of (canary's, baseline's) adjusted bills by epoch; None before one has two a side that vary."""
    weights = weighted = variance = 0.0
    total, count, own_n = 0.0, 0.0, 0
    for own, base in pairs:
        if own.n < 2 or base.n < 2:
            continue
        h = own.n * base.n / (own.n + base.n)
        weights += h
        weighted += h * (own.mean - base.mean)
        variance += h * h * (own.m2 / (own.n - 1) / own.n + base.m2 / (base.n - 1) / base.n)
        total += own.n * base.total / base.n
        count += own.n
        own_n += own.n
    if not variance or not total > 0:
        return None
    return Difference(weighted / weights, weights * weights / variance, total / count, margin, alpha, own_n)


class MeanTest:
    """Test of one criterion of a canary by the mean of its bills. ``margin`` is a share of the baseline's mean,
    ``alpha`` the error of WORSE. WORSE stays; OK is taken back while the mean is seen beyond the margin."""

    def __init__(self, margin: float, alpha: float) -> None:
        self._margin, self._alpha = margin, alpha
        self.reached = VerdictState.NOT_YET
        self._decided: Difference | None = None
        """What made it WORSE: from then on it is what stands beside it."""

    def difference(self, pairs: Iterable[tuple[Moments, Moments]]) -> Difference | None:
        """How the bills of (canary, baseline) differ, None before there are two on each side."""
        return self._decided or difference(pairs, self._margin, self._alpha)

    def decide(self, pairs: Iterable[tuple[Moments, Moments]]) -> None:
        """Look at the evidence: ``reached`` says what came of it."""
        found = self.difference(pairs)
        if self.reached is VerdictState.WORSE or found is None or found.canary_n < FEWEST:
            return
        if found.gap > 0 and found.log_e >= found.to_worse:
            self.reached, self._decided = VerdictState.WORSE, found
        elif found.gap < 0 and found.log_e >= found.to_ok:
            self.reached = VerdictState.OK
        elif found.gap >= 0:
            self.reached = VerdictState.NOT_YET

    def as_json(self) -> tuple[str, list[float] | None]:
        """Its state, and what decided it."""
        return self.reached.value, None if self._decided is None else self._decided.as_json()

    def from_json(self, state: Any, decided: Any) -> None:
        """Raises TypeError or ValueError where it is not what ``as_json`` gave."""
        self.reached = VerdictState(state)
        self._decided = None if decided is None else Difference.from_json(decided)
