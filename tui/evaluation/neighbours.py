"""Evidence from neighbours: requests of a few moments, of which a draw decided which were the canary's.

In a group of ``own`` requests of the canary and ``others`` of the baseline, ``bad`` were bad. Under "no
difference" the number X of the canary's among them is a draw without replacement (hypergeometric), whatever
the bad rate of the moment is and whatever was asked: only the assignment is random. When a bad request of the
canary has ``theta`` times the odds, X has Fisher's noncentral law. So for a boundary theta0

    S = (theta / theta0)^X  E_h[theta0^X] / E_h[theta^X]

has mean 1 at the boundary and less beyond it, and the product over groups, averaged over some theta, is an
e-process: it ever reaches 1/alpha with probability at most alpha, however often it is looked at (Ville).
Sources: Fisher's exact conditional law; Lindon and Malek, "Anytime-Valid Inference for Multinomial Count
Data", NeurIPS 2022 (arXiv 2011.03567); Turner, Ly and Gruenwald, JSPI 2024. Counts are taken like single
requests: a group is four whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import add

from tui.evaluation.saved_numbers import finite

ABOVE = (1.15, 1.3, 1.6, 2.0, 3.0, 5.0, 10.0)
"""Odds ratios over the boundary that speak for "the canary has more bad requests"."""

BELOW = (1 / 1.2, 1 / 1.5, 1 / 2.5)
"""Those that speak for "it has fewer": equal versions are at 1/1.3 to 1/1.6 of a limit of +10 % or of x1.5."""

RUN_LENGTH = 1_000_000
"""Blocks, or batches of a version alone, to a false alarm of late drift, on average at least (Shin, Ramdas and
Rinaldo, "E-detectors", NEJSDS 2024, arXiv 2203.03532): a frequency, no error probability."""

_LOGS = tuple(math.log(ratio) for ratio in (*ABOVE, *BELOW))
_N = len(ABOVE)
_UNLIKELY = -60 * math.log(10)


@lru_cache(maxsize=32_768)
def steps(own: int, others: int, bad: int, x: int, ok_at: float) -> tuple[float, ...]:
    """ln S of a group, where ``x`` of its ``bad`` requests are the canary's: for each of ``ABOVE`` over the
    boundary 1, then for each of ``BELOW`` under the boundary ``ok_at``."""
    return tuple(x * log + norm for log, norm in zip(_LOGS, _norms(own, others, bad, ok_at), strict=True))


@lru_cache(maxsize=32_768)
def _norms(own: int, others: int, bad: int, ok_at: float) -> tuple[float, ...]:
    """ln E_h[theta0^X] - ln E_h[theta^X]: what S has beside (theta / theta0)^X."""
    low, law = _law(own, others, bad)

    def log_mean_of(theta: float) -> float:
        log_theta = math.log(theta)
        return log_sum([log + x * log_theta for x, log in enumerate(law, low)])

    at_ok = log_mean_of(ok_at)
    return (
        *(-log_mean_of(ratio) for ratio in ABOVE),
        *(at_ok - log_mean_of(ok_at * ratio) for ratio in BELOW),
    )


@lru_cache(maxsize=4096)
def _law(own: int, others: int, bad: int) -> tuple[int, tuple[float, ...]]:
    """(Smallest X that matters, ln of the probability of each X from there on): the hypergeometric law,
    without what is less likely than once in 10^60 runs."""
    low, high = max(0, bad - others), min(own, bad)
    logs = [0.0]
    for x in range(low, high):
        logs.append(logs[-1] + math.log((own - x) * (bad - x) / ((x + 1) * (others - bad + x + 1))))
    total = log_sum(logs)
    logs = [log - total for log in logs]
    first = next(i for i, log in enumerate(logs) if log > _UNLIKELY)
    last = max(i for i, log in enumerate(logs) if log > _UNLIKELY)
    return low + first, tuple(logs[first : last + 1])


def log_sum(logs: Sequence[float]) -> float:
    """ln of the sum of the exponentials."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(log - top) for log in logs))


def log_mean(logs: Sequence[float]) -> float:
    """ln of the mean of the exponentials."""
    return log_sum(logs) - math.log(len(logs))


def progress_to(log_e: float, target: float) -> float:
    """How far evidence is on its way to its threshold, 0 to 1; both are logarithms."""
    return min(max(log_e / target, 0.0), 1.0)


def mean_reaches(logs: Sequence[float], target: float) -> bool:
    """Whether ``log_mean`` is at least ``target``, which no mean is without its largest."""
    return max(logs) >= target and log_mean(logs) >= target


def variance(own: int, others: int, bad: int) -> float:
    """Of the canary's number of bad ones under "no difference": what a group can tell."""
    n = own + others
    return own * others * bad * (n - bad) / (n * n * (n - 1)) if n > 1 else 0.0


class Evidence:
    """Both e-processes of one question: against "the canary's odds are at most the baseline's", and against
    "they are at least ``ok_at`` times those"."""

    __slots__ = ("_logs", "ok_at")

    def __init__(self, ok_at: float = 1.0) -> None:
        self.ok_at = ok_at
        self._logs = [0.0] * len(_LOGS)

    def update(self, own: int, others: int, bad: int, x: int, power: float = 1.0) -> None:
        """Take one group in: ``own`` and ``others`` labelled requests, ``bad`` bad ones, ``x`` of them the
        canary's. A group in which all or none were bad says nothing. ``power`` up to 1 tempers it, which
        keeps it valid."""
        if own and others and 0 < bad < own + others:
            found: Sequence[float] = steps(own, others, bad, x, self.ok_at)
            if power != 1.0:
                found = [power * step for step in found]
            self._logs = list(map(add, self._logs, found))

    @property
    def above(self) -> Sequence[float]:
        """ln of each alternative's product for "more"."""
        return self._logs[:_N]

    @property
    def below(self) -> Sequence[float]:
        """ln of each alternative's product for "fewer"."""
        return self._logs[_N:]

    @property
    def log_more(self) -> float:
        """ln of the evidence that the canary has more bad requests."""
        return log_mean(self.above)

    @property
    def log_fewer(self) -> float:
        """ln of the evidence that it has fewer than ``ok_at`` times as many."""
        return log_mean(self.below)

    def reaches(self, target: float) -> bool:
        """Whether the evidence for more, or for fewer, is at least ``target``."""
        return mean_reaches(self.above, target) or mean_reaches(self.below, target)

    def keep_between(self, low: float, high: float) -> None:
        """Bound ln of every product, so that what is new is not drowned by what is old."""
        if min(self._logs) < low or max(self._logs) > high:
            self._logs = [min(max(log, low), high) for log in self._logs]

    def as_json(self) -> list[float]:
        return list(self._logs)

    def from_json(self, saved: Sequence[float]) -> None:
        """Raises TypeError or ValueError where it is not what ``as_json`` gave."""
        self._logs = finite(saved, len(_LOGS))
