"""Evaluator: what turns outcomes into verdicts. Every outcome is counted once, and every criterion may be
looked at as often as one likes.

What must hold for its verdicts: the router draws at random with the weights in force; an outcome belongs to
the deployment it was assigned to, whatever became of it; requests are compared with those of the same
moments; and the limits that "slower" is measured against are frozen from the baseline before the first
comparison. The two sides need not be answered alike: what became of none of them decides with whom the others
are compared.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.evaluation.blocks import Member
from tui.evaluation.calibration import Calibration, Frozen
from tui.evaluation.canary_tests import CanaryTests, ComparisonSetup, Listener
from tui.evaluation.criteria import Criterion, decision_table
from tui.evaluation.labels import Labeller, Values, bills_of, values_of, why_no_evidence
from tui.evaluation.own_rate import Tripwire
from tui.evaluation.strata import Epoch, Strata
from tui.evaluation.verdicts import verdict_of
from tui.model import (
    Assignment,
    Outcome,
    OutcomeKind,
    Verdict,
    VerdictState,
)
from tui.rollout import Criteria

ENGINE = "blocks"
"""What the kept evidence was tested by; that of another engine is not taken up."""

_RATE_OVER = 512
_PAIR_RATE_OVER = 64
_LOOK_EVERY_S = 1.0
_LOST_AFTER_S = 60.0


class Evaluator:
    """Compares each canary with the baseline.

    ``criteria.alpha_pct`` is the chance that any criterion of a canary is ever called WORSE although it is not;
    it is split evenly over the criteria that can be. ``beta`` is that of a wrong OK, per criterion.
    ``criteria.calibration_requests`` answers of the baseline give the frozen limits, and are no evidence
    themselves; ``calibrated`` are limits that are known already, by criterion in ms. ``task`` is what its
    verdicts name, empty where there is only one. Requests end within ``timeout_s``. ``alone_moves``: what a
    version does that has all the traffic may move something too.
    """

    def __init__(
        self,
        baseline: str,
        canaries: Sequence[str],
        criteria: Criteria,
        *,
        task: str = "",
        beta: float = 0.05,
        calibrated: Mapping[str, float] | None = None,
        timeout_s: float = math.inf,
        alone_moves: bool = False,
    ) -> None:
        self._baseline = baseline
        self._task = task
        self._criteria = criteria
        self._timeout_s = timeout_s
        self._table = decision_table(criteria)
        self._rows = {row.id: row for row in self._table}
        self._labeller = Labeller(self._table)
        self._calibration = self._new_calibration(calibrated or {})
        self._strata = Strata(baseline, canaries)
        self._setup = ComparisonSetup(
            baseline=baseline,
            table=self._table,
            labeller=self._labeller,
            strata=self._strata,
            calibration=self._calibration,
            alpha=criteria.alpha_pct / 100 / sum(not row.advisory for row in self._table),
            beta=beta,
            dispersion=criteria.dispersion,
            alone_moves=alone_moves,
            task=task,
        )
        self._tests = {name: CanaryTests(name, self._setup) for name in canaries}
        self._margins = {row.id: row.margin for row in self._table if row.kind == "mean"}
        self._under_way: dict[int, tuple[Member, Epoch]] = {}
        self._spilling: set[str] = set()
        """Deployments that were seen to hand a request over to another one."""
        self._tripwires = {name: Tripwire() for name in canaries}
        self._epoch: Epoch | None = None
        self._next_look_s = -math.inf
        self._recent_s: deque[float] = deque(maxlen=_RATE_OVER)
        self._pairs_s: dict[tuple[str, str], deque[float]] = {}
        self._changes: list[tuple[str, Verdict]] = []
        self._frozen: list[str] = []
        if calibrated:
            self._frozen.append(
                f"limits{self._of_task} taken from an earlier run: {self._calibration.said(self._rows)}"
            )

    def _new_calibration(self, known: Mapping[str, float]) -> Calibration:
        return Calibration(self._table, self._criteria.calibration_requests, known, 1000 * self._timeout_s)

    @property
    def _of_task(self) -> str:
        return f" for {self._task}" if self._task else ""

    # --- the walk of a request ---

    def assigned(self, assignment: Assignment, now_s: float) -> None:
        """Hear of an assignment, whatever becomes of it: who its neighbours are is decided here."""
        self._look(now_s)
        epoch, name = self._strata.epoch(assignment.shares), assignment.deployment
        if epoch is not self._epoch:
            self._turn(epoch)
        self._recent_s.append(now_s)
        is_baseline = name == self._baseline
        if assignment.saturated:
            self._count_no_evidence("saturated", name, epoch)
        elif is_baseline or name in self._tests:
            self._enter(assignment, epoch, now_s, is_canary=not is_baseline)

    def _turn(self, epoch: Epoch) -> None:
        """Other weights are in force: a canary that is raised from 0 warms up."""
        for canary, tests in self._tests.items():
            before, now = tests.canary_pct, epoch.shares.get(canary, 0.0)
            if now > 0 and before <= 0:
                tests.warming = self._criteria.warmup_requests
            tests.canary_pct, tests.baseline_pct = now, epoch.shares.get(self._baseline, 0.0)
            if canary in epoch.canary_shares:
                tests.beside_again()
        self._epoch = epoch

    def _enter(self, assignment: Assignment, epoch: Epoch, now_s: float, *, is_canary: bool) -> None:
        name, size, limits = assignment.deployment, assignment.prompt_chars, self._calibration.limits
        is_cold = is_canary and self._tests[name].warms_up()
        if not is_canary:
            self._calibration.assigned(assignment.request_id, now_s, size)
        member = Member(name, is_canary, now_s, limits.third(size), size, limits, is_cold)
        for canary in (name,) if is_canary else epoch.canary_shares:
            if canary in epoch.canary_shares:
                self._tests[canary].enter(member, epoch, epoch.canary_shares[canary])
        self._under_way[assignment.request_id] = (member, epoch)

    def add(self, outcome: Outcome, now_s: float) -> None:
        """Count one outcome, if it is evidence; O(number of criteria)."""
        self._look(now_s)
        name = outcome.deployment
        if name in self._tests:
            self._tripwires[name].add(outcome)
        if not outcome.counts_for_version:
            self._spilling.add(name)
        found = self._under_way.pop(outcome.request_id, None)
        if found is not None:
            member, epoch = found
            self._settle(outcome, member, epoch, now_s)
        elif name == self._baseline:
            self._calibration.dropped(outcome.request_id)

    def _settle(self, outcome: Outcome, member: Member, epoch: Epoch, now_s: float) -> None:
        """A member has ended: its labels go to the blocks it is in."""
        values, bills = values_of(outcome), bills_of(outcome)
        if why := why_no_evidence(outcome):
            self._count_no_evidence(why, outcome.deployment, epoch)
        if not member.is_canary:
            if outcome.counts_for_version and outcome.kind is not OutcomeKind.CLIENT_SATURATED:
                self._calibration.ended(outcome.request_id, values, bills)
            else:
                self._calibration.dropped(outcome.request_id)
        if epoch.canary_shares:
            self._strata.count(epoch, outcome, values, bills, member, self._margins)
        if member.places:
            labels = self._labeller.labels(outcome, values, member)
            for _, block in member.places:
                block.ended(member, labels)
        if member.is_canary:
            self._settle_own(outcome, values, member, epoch, now_s)

    def _settle_own(self, outcome: Outcome, values: Values, member: Member, epoch: Epoch, now_s: float) -> None:
        tests = self._tests[member.deployment]
        tests.count_own(outcome)
        if not member.places:
            if not epoch.shares.get(self._baseline):
                labels = self._labeller.labels(outcome, values, member)
                if tests.update_alone(labels):
                    self._report(member.deployment, now_s)
        elif outcome.usage is not None and tests.answered():
            tests.test_means()

    def _count_no_evidence(self, why: str, name: str, epoch: Epoch) -> None:
        for canary in epoch.canary_shares if name == self._baseline else (name,):
            if canary in self._tests:
                self._tests[canary].count_no_evidence(why, is_canary=name != self._baseline)

    def add_pair(self, canary: str, criterion: str, baseline: int, own: int, now_s: float) -> None:
        """Count one item that both have answered: scores of 1 to 5 for ``quality``, 0 or 1 (right) for
        ``accuracy``. What is not compared here is ignored. Raises ValueError for other values."""
        tests, row = self._tests.get(canary), self._rows.get(criterion)
        if tests is None or row is None:
            return
        first = row.values[0]
        recent = self._pairs_s.setdefault((canary, criterion), deque(maxlen=_PAIR_RATE_OVER))
        recent.append(now_s)
        if tests.add_pair(criterion, baseline - first, own - first):
            self._report(canary, now_s)

    def _look(self, now_s: float) -> None:
        """Once a second: limits that can be frozen, blocks whose last members are beyond every limit, and what
        holds only while it stands.

        At whole seconds, before what happens next: a replay looks at the same evidence at the same moments.
        """
        if now_s < self._next_look_s:
            return
        now_s = math.floor(now_s / _LOOK_EVERY_S) * _LOOK_EVERY_S
        self._next_look_s = now_s + _LOOK_EVERY_S
        may = not any(tests.latency_reached() for tests in self._tests.values())
        for frozen in self._calibration.advance(now_s, may_freeze_again=may):
            self._frozen.append(self._said_frozen(frozen))
        self._give_up(now_s)
        for canary, tests in self._tests.items():
            if tests.look(now_s, self._spilling):
                self._report(canary, now_s)

    def _said_frozen(self, frozen: Frozen) -> str:
        limits = self._calibration.said(frozen.criteria)
        if frozen.again:
            return f"limits{self._of_task} frozen again, the P50 of {self._baseline} has moved: {limits}"
        return f"limits frozen from {frozen.answers:,} answers of {self._baseline}{self._of_task}: {limits}"

    def _give_up(self, now_s: float) -> None:
        """Nobody will say any more how the oldest ended: what ran when the program was stopped."""
        oldest_s = now_s - 2 * self._timeout_s - _LOST_AFTER_S
        while self._under_way:
            request_id, (member, _) = next(iter(self._under_way.items()))
            if member.at_s >= oldest_s:
                break
            del self._under_way[request_id]
            for _, block in member.places:
                block.under_way.discard(member)

    def _report(self, canary: str, now_s: float) -> None:
        """Say what has been reached of a canary since this was last asked."""
        tests = self._tests[canary]
        tests.unreported = False
        for row in self._table:
            if row.kind in ("mix", "split"):
                continue
            state = tests.state(row)
            now = (state, tests.only_alone(row))
            if state is VerdictState.NOT_YET:
                tests.unreported |= tests.holds_ok(row)
            elif tests.reported.get(row.id) != now:
                tests.reported[row.id] = now
                tests.since_s[row.id] = now_s
                self._changes.append((canary, self._verdict(row, canary, now_s)))

    def add_canary(self, name: str) -> None:
        """Compare one more from now on."""
        self._tests.setdefault(name, CanaryTests(name, self._setup))
        self._tripwires.setdefault(name, Tripwire())
        self._strata.add_canary(name)

    def listen(self, canary: str, listener: Listener) -> None:
        """Let a listener hear of every group of requests that is tested for a canary, also after its verdicts.
        Raises KeyError for an unknown canary."""
        self._tests[canary].listener = listener

    def version_changed(self, name: str) -> None:
        """A deployment answers with another version: nothing that was counted of the one before is evidence for
        or against it. When it is the baseline, every comparison begins anew, and so do the limits."""
        self._strata.forget(name)
        self._spilling.discard(name)
        for request_id, (member, _) in [*self._under_way.items()]:
            if member.deployment == name:
                # Which version answers it cannot be known.
                del self._under_way[request_id]
                for _, block in member.places:
                    block.under_way.discard(member)
        if name == self._baseline:
            self._calibration = self._new_calibration({})
            self._setup = replace(self._setup, calibration=self._calibration)
        changed = self._tests if name == self._baseline else {name: None}
        for canary in [canary for canary in self._tests if canary in changed]:
            before, new = self._tests[canary], CanaryTests(canary, self._setup)
            new.canary_pct, new.baseline_pct = before.canary_pct, before.baseline_pct
            new.listener = before.listener
            if canary == name:
                new.warming = self._criteria.warmup_requests
            self._tests[canary] = new

    # --- what it says ---

    def changes(self) -> list[tuple[str, Verdict]]:
        """Verdicts reached since this was last asked."""
        changes, self._changes = self._changes, []
        return changes

    def frozen(self) -> list[str]:
        """Which limits were frozen since this was last asked, and from what."""
        frozen, self._frozen = self._frozen, []
        return frozen

    def tripwire(self, canary: str) -> str | None:
        """Why a canary looks entirely broken: consecutive failures. A safety stop, not statistics."""
        return self._tripwires[canary].why

    def verdicts(self, now_s: float) -> dict[str, tuple[Verdict, ...]]:
        """One verdict a criterion for each canary, in the order of the decision table."""
        self._look(now_s)
        return {canary: self._verdicts(canary, self._table, now_s) for canary in self._tests}

    def worse(self, canary: str, now_s: float) -> tuple[Verdict, ...]:
        """The criteria of a canary that are WORSE and may move something."""
        tests = self._tests[canary]
        if not any(state is VerdictState.WORSE for state, _ in tests.reported.values()):
            return ()
        found = [
            row for row in self._table if not tests.is_advisory(row) and tests.state(row) is VerdictState.WORSE
        ]
        return tuple(self._verdict(row, canary, now_s) for row in found)

    def verdict(self, canary: str, criterion: str, now_s: float) -> Verdict:
        """What may be said of one criterion. Raises KeyError for an unknown canary or criterion."""
        return self._verdicts(canary, [self._rows[criterion]], now_s)[0]

    def _verdicts(self, canary: str, rows: Sequence[Criterion], now_s: float) -> tuple[Verdict, ...]:
        return tuple(self._verdict(row, canary, now_s) for row in rows)

    def _verdict(self, row: Criterion, canary: str, now_s: float) -> Verdict:
        tests = self._tests[canary]
        recent = self._pairs_s.get((canary, row.id)) if row.kind == "paired" else self._recent_s
        per_s = len(recent) / (now_s - recent[0]) if recent and now_s > recent[0] else 0.0
        return verdict_of(row, tests, per_s)

    # --- what survives a restart ---

    def state(self) -> dict[str, Any]:
        """All evidence, as JSON has it."""
        return {
            "question": self._question(),
            "failed": {canary: tripwire.failed for canary, tripwire in self._tripwires.items()},
            "limits": self._calibration.as_json(),
            "stretches": self._strata.as_json(),
            "sides": {canary: tests.as_json() for canary, tests in self._tests.items()},
        }

    def restore(self, state: Mapping[str, Any], offset_s: float = 0.0) -> None:
        """Take up evidence; canaries that are no longer there are left out. ``offset_s`` is added to its
        instants. An evaluator that refused a state must not be used any more.

        Raises:
            ValueError: It is not such a state, or evidence for other margins than today's.
        """
        try:
            asked = state["question"]
            if asked.get("engine") != ENGINE:
                raise ValueError("it was weighed by an earlier version of canarytop, and begins anew")
            if asked != self._question():
                raise ValueError("the criteria have changed since: the evidence would be for another question")
            for canary, tripwire in self._tripwires.items():
                tripwire.failed = int(state["failed"].get(canary, 0))
            self._calibration.from_json(state["limits"])
            self._strata.from_json(state["stretches"])
            for canary, saved in state["sides"].items():
                if canary in self._tests:
                    self._tests[canary].from_json(saved, offset_s)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a state of the evaluator: {type(error).__name__} {error}") from error

    def _question(self) -> dict[str, Any]:
        criteria = self._criteria
        return {
            "engine": ENGINE,
            "alpha_pct": criteria.alpha_pct,
            "dispersion": criteria.dispersion,
            **{row.id: [row.margin, row.floor] for row in self._table},
        }
