"""Test of one criterion of a canary: what its blocks of neighbours say for and against it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tui.evaluation.neighbours import (
    ABOVE,
    RUN_LENGTH,
    Evidence,
    log_mean,
    mean_reaches,
    progress_to,
    steps,
    variance,
)
from tui.evaluation.saved_numbers import finite
from tui.model import VerdictState

_TO_DRIFT = math.log(RUN_LENGTH)
_HALF = 0.5
_PLANNED = 60.0
"""Information at which an interval is tightest: that of a usual decision."""


class CriterionTest:
    """Test of one criterion by its groups of neighbours. ``to_worse`` and ``to_ok`` are ln(1/error) of either
    verdict.

    For what goes by a limit, ``factors`` are times that limit: a canary's answer is bad at a factor when it
    is beyond that times the limit, and "no difference" is asked at the factor ``at``, 1 + margin. A rate has
    the one factor 1; WORSE is asked at equal odds, OK at ``ok_at`` times them. WORSE stays: nothing is
    counted any more, so that what stands beside it is what decided. OK is taken back while the canary is seen
    to be beyond it, and gives way to WORSE.
    """

    def __init__(self, factors: Sequence[float], at: int, ok_at: float, to_worse: float, to_ok: float) -> None:
        self.factors = tuple(factors)
        self.at = at
        self._ok_at = ok_at
        self._to_worse, self._to_ok = to_worse, to_ok
        self._evidence = Evidence(ok_at)
        self.usable = len(self.factors)
        """How many factors are within reach of the time-out."""
        self.own = 0
        """The canary's labelled requests that had neighbours."""
        self.others = 0
        self.own_over = [0] * len(self.factors)
        """How many of the canary's are bad, at each factor."""
        self._over = [0.0] * len(self.factors)
        """The same, each times the share of the baseline in its group."""
        self.due = 0.0
        """How many of the canary's would be bad if they were like their neighbours of the baseline."""
        self._due = 0.0
        self._weight = 0.0
        self.bad = 0
        """Bad requests of both where WORSE is decided, in groups that say something,"""
        self.bad_own = 0
        """of these the canary's,"""
        self.by_chance = 0.0
        """and how many of them would be by chance."""
        self.information = 0.0
        """The variance of that."""
        self.reached = VerdictState.NOT_YET
        self._late: list[float] | None = None
        self.late_bad = 0
        """The canary's bad requests since the evidence of a late drift began,"""
        self.late_due = 0.0
        """and how many of them would be by chance."""
        self._has_new = False
        self.drifted = False
        """Whether WORSE was reached by late drift: that is a run length, not an error probability."""

    def update(self, over: Sequence[int], own: int, others: int, bad: int, power: float = 1.0) -> None:
        """Take in one group: ``over`` of ``own`` requests of the canary are bad at each factor, ``bad`` of
        ``others`` of the baseline."""
        if self.reached is VerdictState.WORSE:
            return
        total = own + others
        self.own += own
        self.others += others
        self._weight += own * others / total
        if bad:
            self.due += own * bad / others
            self._due += own * bad / total
        if over[0]:
            share = others / total
            for i, n in enumerate(over):
                if not n:
                    break
                self.own_over[i] += n
                self._over[i] += n * share
        x = over[self.at]
        both = x + bad
        if 0 < both < total:
            self._has_new = True
            self.bad += both
            self.bad_own += x
            self.by_chance += own * both / total
            self.information += variance(own, others, both)
            self._evidence.update(own, others, both, x, power)
            if self._late is not None:
                if max(self._late) <= 0:
                    self.late_bad, self.late_due = 0, 0.0
                self.late_bad += x
                self.late_due += own * both / total
                new = (power * step for step in steps(own, others, both, x, self._ok_at))
                self._late = [max(log, 0.0) + step for log, step in zip(self._late, new, strict=False)]

    def decide(self) -> None:
        """Look at the evidence: ``reached`` says what came of it."""
        if not self._has_new:
            return
        self._has_new = False
        if mean_reaches(self._evidence.above, self._to_worse):
            self.reached = VerdictState.WORSE
        elif self._late is not None:
            if mean_reaches(self._late, _TO_DRIFT):
                self.reached, self.drifted = VerdictState.WORSE, True
        elif mean_reaches(self._evidence.below, self._to_ok):
            self.reached, self._late = VerdictState.OK, [0.0] * len(ABOVE)

    # --- what it says ---

    @property
    def state(self) -> VerdictState:
        """As it is to be shown: no OK while the canary is seen beyond what OK excludes."""
        if self.reached is VerdictState.OK and (self.factor or 0.0) >= self._beyond:
            return VerdictState.NOT_YET
        return self.reached

    @property
    def _is_rate(self) -> bool:
        return len(self.factors) == 1

    @property
    def _beyond(self) -> float:
        """The factor that OK excludes."""
        return self._ok_at if self._is_rate else self.factors[self.at]

    @property
    def log_worse(self) -> float:
        """ln of the evidence against the canary."""
        return self._evidence.log_more

    @property
    def log_ok(self) -> float:
        """ln of the evidence in its favour."""
        return self._evidence.log_fewer

    @property
    def progress(self) -> tuple[float, float]:
        """How far the evidence is on its way to WORSE and to OK, each 0 to 1."""
        to_ok = 1.0 if self.state is VerdictState.OK else progress_to(self.log_ok, self._to_ok)
        if self.reached is VerdictState.WORSE:
            return 1.0, to_ok
        to_worse = progress_to(self.log_worse, self._to_worse)
        if self._late is not None:
            to_worse = max(to_worse, progress_to(log_mean(self._late), _TO_DRIFT))
        return to_worse, to_ok

    @property
    def missing(self) -> tuple[float, float]:
        """What the best alternative still lacks for WORSE, and for OK: ln of evidence."""
        ahead = ((self._to_worse, self._evidence.above), (self._to_ok, self._evidence.below))
        to_worse, to_ok = (max(to + math.log(len(logs)) - max(0.0, *logs), 0.1) for to, logs in ahead)
        return to_worse, to_ok

    @property
    def factor(self) -> float | None:
        """The canary's value over the baseline's as these requests show it; None where that cannot be said.

        Of a rate: the bad requests over those that were due. Else the factor at which it has as many as were
        due, between two of them by their logarithms.
        """
        if self._is_rate:
            return self.own_over[0] / self.due if self.due > 0 else None
        over, due = self._over[: self.usable], self._due
        if not due > 0 or over[0] <= due:
            return None
        for i in range(1, len(over)):
            if over[i] <= due:
                low, high = math.log(over[i] + _HALF), math.log(over[i - 1] + _HALF)
                share = (high - math.log(due + _HALF)) / (high - low) if high > low else 1.0
                before, here = math.log(self.factors[i - 1]), math.log(self.factors[i])
                return math.exp(before + share * (here - before))
        return None

    def interval(self) -> tuple[float | None, float | None]:
        """The factors that the blocks leave open (of a rate: ratios of the rates), at the errors of WORSE
        below and of OK above; None on an open side.

        Where a verdict is decided the e-process itself says it; elsewhere its normal approximation: the same
        groups' sum of X less what is due by chance, and its variance.
        """
        low, high = self._rate_edges() if self._is_rate else self._limit_edges()
        worse_at = 1.0 if self._is_rate else self._beyond
        is_worse, is_ok = self.reached is VerdictState.WORSE, self.state is VerdictState.OK
        if is_worse and not self.drifted:
            low = max(low or 0.0, worse_at)
        elif low is not None:
            low = min(low, worse_at)
        if is_ok:
            high = min(high or math.inf, self._beyond)
        elif high is not None:
            high = max(high, self._beyond)
        return low, high

    def _limit_edges(self) -> tuple[float | None, float | None]:
        """Where the evidence for "beyond" and for "within" reaches the errors, between two factors."""
        if not self.own:
            return None, None
        own, rho = self.own, self.own / (self.own + self.others)
        said = []
        for i, factor in enumerate(self.factors[: self.usable]):
            share = (1 - rho) * self.due / own + rho * self.own_over[i] / own
            gap, sum_variance = self._over[i] - self._due, self._weight * share * (1 - share)
            # It grows by the square of the distance, so between two factors its root is nearly a line.
            said.append((math.log(factor), math.copysign(math.sqrt(max(_log_e(gap, sum_variance), 0.0)), gap)))
        low = _crossing(said, math.sqrt(self._to_worse))
        high = _crossing([(log, -root) for log, root in reversed(said)], math.sqrt(self._to_ok))
        return low, high

    def _rate_edges(self) -> tuple[float | None, float | None]:
        """From the score of the log odds: where the mixture reaches the errors."""
        if not self.information > 0:
            return None, None
        center, i = self.drift, self.information
        odds = (center - _half(i, self._to_worse), center + _half(i, self._to_ok))
        base = self.due / self.own if self.own else 0.0
        low, high = (math.exp(min(max(log, -20.0), 20.0)) for log in odds)
        low, high = low / (1 - base + base * low), high / (1 - base + base * high)
        # With few bad ones the score is a rough estimate: what was seen is never outside.
        seen = self.factor
        return (low, high) if seen is None else (min(low, seen), max(high, seen))

    @property
    def rates(self) -> tuple[float | None, float | None]:
        """(canary's, baseline's) share of bad ones where WORSE is decided, the baseline's as if it had had the
        canary's share of every moment."""
        if not self.own:
            return None, None
        return self.own_over[self.at] / self.own, self.due / self.own

    @property
    def drift(self) -> float:
        """The canary's log odds over its neighbours', where WORSE is decided."""
        return (self.bad_own - self.by_chance) / self.information if self.information > 0 else 0.0

    # --- what survives a restart ---

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.reached.value,
            "drifted": self.drifted,
            "late": self._late,
            "evidence": self._evidence.as_json(),
            "over": [*self.own_over, *self._over],
            "counts": [self.own, self.others, self.bad, self.bad_own, self.usable],
            "sums": [self.due, self._due, self._weight, self.by_chance, self.information],
            "lately": [self.late_bad, self.late_due],
        }

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave."""
        state, n = VerdictState(saved["state"]), len(self.factors)
        late = None if saved["late"] is None else finite(saved["late"], len(ABOVE))
        over = finite(saved["over"], 2 * n)
        self._evidence.from_json(saved["evidence"])
        self.own_over, self._over = [int(count) for count in over[:n]], over[n:]
        counts = finite(saved["counts"], 5)
        self.own, self.others, self.bad, self.bad_own, self.usable = (int(count) for count in counts)
        self.due, self._due, self._weight, self.by_chance, self.information = finite(saved["sums"], 5)
        late_bad, self.late_due = finite(saved["lately"], 2)
        self.late_bad = int(late_bad)
        self.reached, self._late, self.drifted = state, late, bool(saved["drifted"])


def _log_e(gap: float, sum_variance: float) -> float:
    """ln of the normal mixture for a sum ``gap`` of variance ``sum_variance``."""
    return gap * gap / (2 * (sum_variance + _PLANNED)) - math.log1p(sum_variance / _PLANNED) / 2


def _crossing(said: Sequence[tuple[float, float]], target: float) -> float | None:
    """The factor at which evidence, (ln of a factor, root of ln of it) and falling, passes below ``target``;
    None where it never is above."""
    last = None
    for (log, root), (next_log, next_root) in pairwise(said):
        if root >= target > next_root:
            last = log + (root - target) / (root - next_root) * (next_log - log)
    if last is None and said and said[-1][1] >= target:
        last = said[-1][0]
    return None if last is None else math.exp(last)


def _half(information: float, to: float) -> float:
    """Half of the width of what the mixture leaves open, of a mean of so much information."""
    room = (information + _PLANNED) * (math.log1p(information / _PLANNED) + 2 * to)
    return math.sqrt(room) / information
