"""Runs of a pretend world through the evaluator, looked at after every event, and what must hold of them."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.world import BASE, World, happenings
from tui.evaluation.evaluator import Evaluator
from tui.model import Assignment, VerdictState
from tui.rollout import Criteria

_WORSE, _OK = VerdictState.WORSE, VerdictState.OK
_CALIBRATED = {"latency_p99": 1000, "long_answers": 1000, "errors": 0, "throttled": 0, "completion_filter": 0}
"""Requests of the baseline that a limit takes; 300 of the others."""

DEFAULTS = Criteria()

_SURE = 2.0
"""Standard errors by which a figure may miss what is wanted."""

_NEVER = 2**62

_SLACK = 1.25
"""Times the published median that a detection may take."""


@dataclass(frozen=True, slots=True)
class First:
    """When a verdict was first said: requests of the canary after the calibration, and seconds."""

    requests: int
    at_s: float


@dataclass(slots=True)
class Run:
    """What was ever said of one canary, by criterion and state; ``moving``: which of it may move something."""

    first: dict[tuple[str, VerdictState], First] = field(default_factory=dict)
    moving: set[tuple[str, VerdictState]] = field(default_factory=set)
    at_end: dict[str, VerdictState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """What must hold of ``state`` in the runs of a case.

    It is said in ``least`` of them or more, or in ``most`` or fewer, after ``median`` requests of the canary,
    within ``within_s``. Without a criterion: of any that may move something but ``but``. ``at_end``: not
    whether it was ever said, but whether it is said at the end.
    """

    state: VerdictState
    criterion: str = ""
    but: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    median: float | None = None
    within_s: float = math.inf
    at_end: bool = False

    def hit(self, run: Run) -> First | None:
        """When it was said in a run."""
        if self.at_end:
            return First(0, 0.0) if run.at_end.get(self.criterion) is self.state else None
        if self.criterion:
            found = run.first.get((self.criterion, self.state))
            return found if found is not None and found.at_s <= self.within_s else None
        return next(
            (run.first[key] for key in run.moving if key[1] is self.state and key[0] not in self.but), None
        )

    def which(self, run: Run) -> list[str]:
        """The criteria of an alarm."""
        return [c for c, state in run.moving if state is self.state and c not in self.but]

    def check(self, runs: Sequence[Run]) -> tuple[str, str, str, bool | None]:
        """(What is claimed, what is wanted, what was measured, whether that is met; None where nothing is
        wanted)."""
        hits = [hit for run in runs if (hit := self.hit(run)) is not None]
        n, share = len(runs), len(hits) / len(runs)
        measured = f"{100 * share:5.1f} %"
        wanted, met = [], []
        if self.most is not None:
            wanted.append(f"<= {100 * self.most:g} %")
            met.append(share <= self.most + _SURE * math.sqrt(self.most * (1 - self.most) / n))
        if self.least is not None:
            wanted.append(f">= {100 * self.least:g} %")
            met.append(share >= self.least - _SURE * math.sqrt(self.least * (1 - self.least) / n))
        if hits and self.most is None:
            taken = sorted([hit.requests for hit in hits] + [_NEVER] * (n - len(hits)))
            middle, rank = statistics.median(taken), math.floor(n / 2 - math.sqrt(n))
            measured += f", after {middle:,.0f}" if middle < _NEVER / 2 else ""
            if self.median is not None and rank >= 0:
                # So many runs are quicker than the true median with 97.5 %.
                met.append(taken[rank] <= self.median * _SLACK)
        if self.median is not None:
            wanted.append(f"after {self.median:,.0f}")
        if not self.criterion and hits:
            named = Counter(name for run in runs for name in self.which(run))
            measured += " (" + ", ".join(f"{name} {k}" for name, k in named.most_common()) + ")"
        what = f"{self.criterion or 'any'} {'WORSE' if self.state is _WORSE else 'OK'}"
        return what + " at the end" * self.at_end, ", ".join(wanted), measured, all(met) if met else None


def never_worse(*but: str) -> Claim:
    """No more than alpha of the runs have any false alarm."""
    return Claim(_WORSE, but=but, most=0.05)


def seldom_ok(*criteria: str, most: float = 0.05, at_end: bool = False) -> tuple[Claim, ...]:
    """No more than beta of the runs say OK of what is at the margin, or beyond."""
    return tuple(Claim(_OK, name, most=most, at_end=at_end) for name in criteria)


def gets_ok(criterion: str, least: float | None = None, median: float | None = None) -> Claim:
    return Claim(_OK, criterion, least=least, median=median)


def gets_worse(criterion: str, least: float | None = None, median: float | None = None) -> Claim:
    return Claim(_WORSE, criterion, least=least, median=median)


@dataclass(frozen=True, slots=True)
class Case:
    """A world and what must hold in it, in runs of ``requests``. ``resumed``: after so many of them the
    program is started anew."""

    group: str
    what: str
    world: World
    requests: int
    claims: tuple[Claim, ...]
    criteria: Criteria = DEFAULTS
    resumed: int = 0

    def play(self, seed: int) -> list[Run]:
        """One run; a ``Run`` for each canary. It ends early where all that is claimed is known."""
        world, names = self.world, self.world.names
        evaluator = self._evaluator()
        runs = {name: Run() for name in names}
        drawn = dict.fromkeys((BASE, *names), 0)
        before = {0: dict.fromkeys(names, 0)}
        requests, now_s = 0, 0.0
        for now_s, event in happenings(world, f"{self.what}/{seed}"):
            if isinstance(event, Assignment):
                if requests >= self.requests:
                    break
                requests += 1
                drawn[event.deployment] += 1
                if event.deployment == BASE and drawn[BASE] in (300, 1000):
                    before[drawn[BASE]] = dict(drawn)
                if requests == self.resumed:
                    evaluator = self._evaluator(json.dumps(evaluator.state()))
                evaluator.assigned(event, now_s)
            else:
                evaluator.add(event, now_s)
            if changes := evaluator.changes():
                for canary, verdict in changes:
                    key, run = (verdict.criterion, verdict.state), runs[canary]
                    frozen = before.get(_CALIBRATED.get(verdict.criterion, 300), before[0])
                    run.first.setdefault(key, First(drawn[canary] - frozen[canary], now_s))
                    if not verdict.advisory:
                        run.moving.add(key)
                if all(claim.hit(run) for claim in self.claims for run in runs.values()):
                    break
        for claim in self.claims:
            if claim.at_end:
                for name, run in runs.items():
                    run.at_end[claim.criterion] = evaluator.verdict(name, claim.criterion, now_s).state
        return list(runs.values())

    def _evaluator(self, state: str = "") -> Evaluator:
        evaluator = Evaluator(BASE, self.world.names, self.criteria, timeout_s=self.world.timeout_s)
        if state:
            evaluator.restore(json.loads(state))
        return evaluator
