"""The health of the comparison: whether both versions get the traffic, and the mix of prompts, that was
asked for.

These rows move nothing. They say whether the comparison itself can be trusted, so they look both ways: WORSE is
uneven in either direction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tui.evaluation.neighbours import ABOVE, BELOW, Evidence, log_mean
from tui.model import VerdictState

EVEN_WITHIN = 1.25
"""The split, or the mix of prompts, is OK when it is shown to be off by less than this factor either way."""


class PromptMix:
    """Whether prompts are blocked alike on both sides, from blocks of neighbours."""

    def __init__(self, to_worse: float, to_ok: float) -> None:
        self._to_worse, self._to_ok = to_worse, to_ok
        self._uneven, self._not_more = Evidence(), Evidence(EVEN_WITHIN)
        self._mirrored = Evidence(EVEN_WITHIN)
        self.own = self.others = self.own_bad = self.events = 0
        self.due = 0.0

    def update(self, own: int, others: int, bad: int, own_bad: int) -> None:
        """Take in a group: ``bad`` of ``others`` of the baseline and ``own_bad`` of ``own`` were blocked."""
        if own and others:
            self.own += own
            self.others += others
            self.own_bad += own_bad
            self.events += bad + own_bad
            self.due += own * bad / others
            both = bad + own_bad
            self._uneven.update(own, others, both, own_bad)
            self._not_more.update(own, others, both, own_bad)
            # "At least so many fewer" is "at least so many more" of the other side.
            self._mirrored.update(others, own, both, bad)

    def log_es(self) -> tuple[float, float]:
        """ln of the evidence for uneven and for even."""
        uneven = log_mean((self._uneven.log_more, self._uneven.log_fewer))
        return uneven, min(self._not_more.log_fewer, self._mirrored.log_fewer)

    @property
    def state(self) -> VerdictState:
        return _state(self.log_es(), self._to_worse, self._to_ok)

    @property
    def progress(self) -> tuple[float, float]:
        return _progress(self.log_es(), self._to_worse, self._to_ok)

    @property
    def shares(self) -> tuple[float | None, float | None]:
        """(canary's, baseline's) share of prompts that were blocked."""
        return (self.own_bad / self.own, self.due / self.own) if self.own else (None, None)

    def as_json(self) -> dict[str, Any]:
        tests = (self._uneven, self._not_more, self._mirrored)
        counts = [self.own, self.others, self.own_bad, self.events]
        return {"logs": [test.as_json() for test in tests], "counts": counts, "due": self.due}

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError or ValueError where it is not what ``as_json`` gave."""
        for test, logs in zip((self._uneven, self._not_more, self._mirrored), saved["logs"], strict=True):
            test.from_json(logs)
        self.own, self.others, self.own_bad, self.events = (int(n) for n in saved["counts"])
        self.due = float(saved["due"])


Draws = Sequence[tuple[float, int, int]]
"""(Share of the canary, its assignments, the baseline's) of each table of weights."""


class SplitTest:
    """Whether the draws follow the weights."""

    def __init__(self, draws: Draws, to_worse: float, to_ok: float) -> None:
        self._draws = draws
        self._to_worse, self._to_ok = to_worse, to_ok

    @property
    def drawn(self) -> tuple[int, int]:
        """(Canary's, baseline's) assignments."""
        return sum(own for _, own, _ in self._draws), sum(others for _, _, others in self._draws)

    @property
    def _log_es(self) -> tuple[float, float]:
        """ln of the evidence for uneven and for even."""
        if not self._draws:
            return 0.0, 0.0
        below, above = self._within(EVEN_WITHIN, BELOW), self._within(1 / EVEN_WITHIN, ABOVE)
        return self._uneven(), min(below, above)

    def _uneven(self) -> float:
        """Per share s a mixture over Beta(100 s, 100 (1 - s)) against the binomial (Lindon and Malek, NeurIPS
        2022)."""
        total = 0.0
        for share, own, others in self._draws:
            a, b = 100 * share, 100 * (1 - share)
            total += _log_beta(a + own, b + others) - _log_beta(a, b)
            total -= own * math.log(share) + others * math.log(1 - share)
        return total

    def _within(self, odds: float, ratios: Sequence[float]) -> float:
        """Against "the odds are ``odds`` times those that were asked for", or further off."""
        logs = []
        for ratio in ratios:
            total = 0.0
            for share, own, others in self._draws:
                at, there = 1 - share + share * odds, 1 - share + share * odds * ratio
                total += own * math.log(ratio) - (own + others) * math.log(there / at)
            logs.append(total)
        return log_mean(logs)

    @property
    def state(self) -> VerdictState:
        return _state(self._log_es, self._to_worse, self._to_ok)

    @property
    def progress(self) -> tuple[float, float]:
        return _progress(self._log_es, self._to_worse, self._to_ok)

    @property
    def shares(self) -> tuple[float | None, float | None]:
        """The canary's share of the assignments, and what was asked for, 0 to 1; None without any."""
        own, others = self.drawn
        total = own + others
        if not total:
            return None, None
        asked = math.fsum(share * (of_one + of_other) for share, of_one, of_other in self._draws)
        return own / total, asked / total


def _state(log_es: tuple[float, float], to_worse: float, to_ok: float) -> VerdictState:
    uneven, even = log_es
    if uneven >= to_worse:
        return VerdictState.WORSE
    return VerdictState.OK if even >= to_ok else VerdictState.NOT_YET


def _progress(log_es: tuple[float, float], to_worse: float, to_ok: float) -> tuple[float, float]:
    uneven, even = log_es
    return min(max(uneven / to_worse, 0.0), 1.0), min(max(even / to_ok, 0.0), 1.0)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
