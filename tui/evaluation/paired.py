"""Evidence from pairs: both versions answered the same item, and by how much was the canary's answer the worse
one?

Of every pair the drop d = baseline - canary is known, a whole number between -most and most (right or wrong:
most = 1; a score of 1 to 5: most = 4). Against "the mean drop is at most m" one may bet lambda on every pair:
the product of 1 + lambda (d - m) / most has mean at most 1 while that holds, whatever the drops are, so by
Ville's inequality its mean over some lambda ever reaches 1/alpha with probability at most alpha (Waudby-Smith
and Ramdas, "Estimating Means of Bounded Random Variables by Betting", JRSS-B 2024). For right or wrong and m =
0, lambda uniform over 0 to 1 gives 2^(n+1) B(b+1, c+1) P(Beta(b+1, c+1) > 1/2), b and c being the pairs in
which only the baseline or only the canary was right: the anytime-valid test of McNemar. Ties bet nothing then.
Items have to be drawn at random with replacement, so that what was asked before says nothing of the next one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tui.evaluation.neighbours import log_mean, progress_to
from tui.evaluation.saved_numbers import whole
from tui.model import VerdictState

_NODES = 32
_BISECTIONS = 14
_STILL = 1e-5
_STEPS = 5


class Drops:
    """How often each drop was seen. Both values of a pair are from 0 to ``most``."""

    __slots__ = ("_counts", "_intervals", "most", "own", "pairs")

    def __init__(self, most: int) -> None:
        self.most = most
        self._counts: dict[int, int] = {}
        self._intervals: dict[float, tuple[float, float]] = {}
        self.pairs = 0
        self.own = 0
        """Sum of the canary's values."""

    def add(self, baseline: int, canary: int) -> int:
        """Count a pair; returns the drop. Raises ValueError for a value out of range."""
        if not (0 <= baseline <= self.most and 0 <= canary <= self.most):
            raise ValueError(f"{baseline} and {canary}: not both from 0 to {self.most}")
        drop = baseline - canary
        self._counts[drop] = self._counts.get(drop, 0) + 1
        self._intervals.clear()
        self.pairs += 1
        self.own += canary
        return drop

    @property
    def untied(self) -> int:
        """Pairs whose two values differ."""
        return self.pairs - self._counts.get(0, 0)

    @property
    def mean(self) -> float | None:
        """The mean drop, None before the first pair."""
        return self._sum() / self.pairs if self.pairs else None

    @property
    def means(self) -> tuple[float, float] | None:
        """Mean value of the baseline and of the canary, None before the first pair."""
        return ((self.own + self._sum()) / self.pairs, self.own / self.pairs) if self.pairs else None

    def _sum(self) -> int:
        return sum(drop * n for drop, n in self._counts.items())

    def log_above(self, margin: float) -> float:
        """ln of the evidence against "the mean drop is at most ``margin``"; below ``most``."""
        return self._log_e(margin, 1)

    def log_below(self, margin: float) -> float:
        """ln of the evidence against "the mean drop is at least ``margin``"; above -``most``."""
        return self._log_e(margin, -1)

    def _log_e(self, margin: float, sign: int) -> float:
        return log_mean(self._grown(margin, sign))

    def _grown(self, margin: float, sign: int) -> list[float]:
        """ln of the product of each bet's factors."""
        logs = [0.0] * _NODES
        for drop, n in self._counts.items():
            if n:
                factors = _factors(drop, margin, self.most, sign)
                logs = [log + n * factor for log, factor in zip(logs, factors, strict=True)]
        return logs

    def interval(self, alpha: float) -> tuple[float, float]:
        """The mean drops that the evidence leaves open at ``alpha`` a side."""
        if alpha not in self._intervals:
            # A screen asks again and again; it changes with a pair only.
            limit = math.log(1 / alpha)
            self._intervals[alpha] = self._edge(limit, 1), self._edge(limit, -1)
        return self._intervals[alpha]

    def _edge(self, limit: float, sign: int) -> float:
        """Evidence falls as the margin nears what was seen: bisection from the far end."""
        out, inside = -float(self.most) * sign, self.mean
        if inside is None or inside == out:
            return out
        for _ in range(_BISECTIONS):
            middle = (out + inside) / 2
            if self._log_e(middle, sign) >= limit:
                out = middle
            else:
                inside = middle
        return (out + inside) / 2

    def pairs_to(self, margin: float, sign: int, target: float) -> float | None:
        """How many more pairs until the evidence reaches ``target``, if the drops stay as they are seen;
        ``sign`` 1 is that of ``log_above``. None where it does not grow."""
        if not self.pairs:
            return None
        logs = self._grown(margin, sign)
        if log_mean(logs) >= target:
            return 0.0
        best = max(logs)
        if best / self.pairs <= _STILL:
            return None
        # Evidence after so many times as many pairs is convex in that factor: from above Newton's steps never
        # pass the root.
        factor = (target + math.log(_NODES)) / best
        for _ in range(_STEPS):
            grown = [factor * log for log in logs]
            value = log_mean(grown)
            slope = sum(math.exp(g - value) * log for g, log in zip(grown, logs, strict=True)) / _NODES
            factor -= (value - target) / slope
        return max(factor - 1, 0.0) * self.pairs

    def as_json(self) -> dict[str, Any]:
        return {"drops": {str(drop): n for drop, n in self._counts.items()}, "own": self.own}

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave."""
        counts = {int(drop): whole(n) for drop, n in saved["drops"].items()}
        if any(abs(drop) > self.most for drop in counts):
            raise ValueError(f"a drop of more than {self.most}")
        own = whole(saved["own"])
        least = sum(n * max(-drop, 0) for drop, n in counts.items())
        most = sum(n * (self.most - max(drop, 0)) for drop, n in counts.items())
        if not least <= own <= most:
            raise ValueError("values that pairs with such drops cannot have")
        self._counts, self.pairs, self.own = counts, sum(counts.values()), own
        self._intervals.clear()


@lru_cache(maxsize=4096)
def _factors(drop: int, margin: float, most: int, sign: int) -> tuple[float, ...]:
    """ln of what one pair multiplies each bet by. The bets are the middles of equal parts of the range in which
    no factor can be negative."""
    room = most + sign * margin
    return tuple(math.log1p((i + 0.5) / _NODES * sign * (drop - margin) / room) for i in range(_NODES))


class PairedTest:
    """Test of one criterion of a canary by pairs.

    WORSE: the mean drop is shown to be more than ``margin``; OK: it is shown to be less than ``tolerance``,
    which is at least the margin. ``to_worse`` and ``to_ok`` are ln(1/error) of either verdict. WORSE stays, OK
    gives way to WORSE only.
    """

    __slots__ = ("_margin", "_to_ok", "_to_worse", "_tolerance", "drops", "state")

    def __init__(self, most: int, margin: float, tolerance: float, to_worse: float, to_ok: float) -> None:
        self.drops = Drops(most)
        self._margin, self._tolerance = margin, tolerance
        self._to_worse, self._to_ok = to_worse, to_ok
        self.state = VerdictState.NOT_YET

    def pair(self, baseline: int, canary: int) -> VerdictState | None:
        """Count one pair; returns the state where it has just been reached. Raises ValueError for a value out
        of range."""
        drop = self.drops.add(baseline, canary)
        if self.state is VerdictState.WORSE:
            return None
        if drop > self._margin and self.log_worse >= self._to_worse:
            self.state = VerdictState.WORSE
            return self.state
        if self.state is VerdictState.NOT_YET and drop < self._tolerance and self._log_ok() >= self._to_ok:
            self.state = VerdictState.OK
            return self.state
        return None

    @property
    def log_worse(self) -> float:
        """ln of the evidence against it."""
        return self.drops.log_above(self._margin)

    def _log_ok(self) -> float:
        return self.drops.log_below(self._tolerance)

    @property
    def progress(self) -> tuple[float, float]:
        """How far the evidence is on its way to WORSE and to OK, each 0 to 1."""
        to_ok = 1.0 if self.state is VerdictState.OK else progress_to(self._log_ok(), self._to_ok)
        return (1.0 if self.state is VerdictState.WORSE else progress_to(self.log_worse, self._to_worse)), to_ok

    def pairs_to(self) -> float | None:
        """How many more pairs until a verdict, if the drops stay as they are seen; None where neither is
        approached."""
        asked = ((self._margin, 1, self._to_worse), (self._tolerance, -1, self._to_ok))
        return min((n for wait in asked if (n := self.drops.pairs_to(*wait)) is not None), default=None)

    def as_json(self) -> dict[str, Any]:
        return {"state": self.state.value, **self.drops.as_json()}

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave."""
        state = VerdictState(saved["state"])
        self.drops.from_json(saved)
        self.state = state
