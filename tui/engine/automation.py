"""What the evidence says, and what is done about it: judge, guard and plan of a run.

A person's keys always win: what the guard and the plan do goes through the same controller, as events of
their own, and can be undone like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tui.model import (
    WEIGHT_CHANGES,
    Assignment,
    Event,
    EventKind,
    GuardView,
    Outcome,
    PlanView,
    Verdict,
    VerdictState,
)
from tui.rollout import Rollout
from tui.routing.controller import CommandRefused, Controller, Log
from tui.routing.weights import raised
from tui.verdict.guard import Guard, GuardAction
from tui.verdict.judge import Judge
from tui.verdict.plan import Plan, PlanAction, PlanRefused
from tui.verdict.reasons import evidence_line

JUDGE, GUARD, PLAN = "verdict", "guard", "plan"
"""The actors of what nobody pressed a key for."""


class Automation:
    """Hears of every assignment and outcome; logs verdicts, lets the guard act at once and the plan climb.

    ``fresh(deployment)`` says whether its outcomes keep coming in; nothing is done on stale data.
    ``calibrated`` are limits of the baseline that are known already, by criterion in ms.
    """

    def __init__(
        self,
        rollout: Rollout,
        *,
        controller: Controller,
        log: Log,
        clock: Callable[[], float],
        fresh: Callable[[str], bool],
        calibrated: Mapping[str, float] | None = None,
    ) -> None:
        self._baseline = rollout.baseline
        self._canaries = tuple(name for name in rollout.deployments if name != rollout.baseline)
        self._controller = controller
        self._log = log
        self._clock = clock
        self._fresh = fresh
        self._new_judge = partial(Judge, rollout.baseline, criteria=rollout.criteria, calibrated=calibrated)
        self._judge = self._new_judge(canaries=self._canaries)
        hand = rollout.guard
        self._guard = Guard(hand.mode, hand.criteria, hand.tripwire, on_version_change=hand.version_change)
        self._plan: Plan | None = None
        if (spec := rollout.plan) is not None:
            self._plan = Plan(
                spec.canary,
                spec.steps,
                spec.must_be_ok,
                spec.stop_on,
                spec.watch_s,
                held=spec.start == "held",
            )
        self._finished = dict.fromkeys(self._canaries, 0)
        self._verdicts: Mapping[str, tuple[Verdict, ...]] = self._judge.verdicts(0.0)

    # --- the walk of a request ---

    def assigned(self, assignment: Assignment) -> None:
        self._judge.assigned(assignment, assignment.at_s)

    def ended(self, outcome: Outcome) -> None:
        """Weigh one outcome. When it decides something, the guard has acted before this returns."""
        canary = outcome.deployment
        tripped_before = self._tripwire(canary) is not None
        self._judge.add(outcome, self._clock())
        if canary in self._finished:
            self._finished[canary] += 1
        changed = self._judge.changes()
        tripped = self._tripwire(canary) is not None and not tripped_before
        for name in {name for name, _ in changed} | ({canary} if tripped else set()):
            self._protect(name)
        for name, verdict in changed:
            is_worse = verdict.state is VerdictState.WORSE
            kind, word = (EventKind.WORSE, "WORSE") if is_worse else (EventKind.VERDICT, "OK")
            self._log(kind, JUDGE, f"{name} {word}: {evidence_line(verdict)}")
        self._say_frozen()
        if changed:
            self._verdicts = self._judge.verdicts(self._clock())

    def _say_frozen(self) -> None:
        for text in self._judge.frozen():
            self._log(EventKind.CALIBRATED, JUDGE, text)

    def _tripwire(self, canary: str) -> str | None:
        return self._judge.tripwire(canary) if canary in self._finished else None

    def _protect(self, canary: str) -> None:
        action = self._guard.decide(
            canary,
            self._judge.worse(canary, self._clock()),
            weight_pct=self._controller.weight_pct(canary),
            fresh=self._fresh(canary),
            tripwire=self._tripwire(canary),
        )
        self._act(action)

    def _act(self, action: GuardAction | None) -> None:
        if action is None:
            return
        if action.kind == "roll_back":
            self._controller.roll_back(GUARD, action.reason)
        else:
            self._log(EventKind.GUARD, GUARD, f"would have rolled back {action.canary}", reason=action.reason)

    def tick(self) -> None:
        """Once a second: the guard looks again (failures may have ended, or traffic begun), then the plan."""
        self._say_frozen()
        self._verdicts = self._judge.verdicts(self._clock())
        for canary in self._canaries:
            self._protect(canary)
        plan = self._plan
        if plan is not None:
            action = plan.tick(
                self._clock(),
                canary_requests=self._finished[plan.canary],
                weight_pct=self._controller.weight_pct(plan.canary),
                verdicts=self.verdicts().get(plan.canary, ()),
                fresh=self._fresh(plan.canary),
            )
            if action is not None:
                self._carry_out(action, PLAN)

    def heard(self, event: Event) -> None:
        """An event was logged: a person who raises a canary has seen the verdicts that stand."""
        if event.kind not in WEIGHT_CHANGES or event.actor in (GUARD, PLAN):
            return
        if event.before is not None and event.after is not None:
            for canary in raised(event.before, event.after, self._baseline):
                verdicts = self._judge.worse(canary, self._clock())
                self._guard.raised_by_hand(canary, verdicts, self._tripwire(canary))

    def why_not_raise(self, canary: str) -> str | None:
        """Why a canary must not get more traffic: a criterion is WORSE."""
        worse = self._judge.worse(canary, self._clock()) if canary in self._canaries else ()
        return f"it is WORSE, {evidence_line(worse[0])}" if worse else None

    def add_canary(self, name: str) -> None:
        """Judge and guard one more from now on."""
        if name not in self._canaries:
            self._canaries = (*self._canaries, name)
            self._finished[name] = 0
            self._judge.add_canary(name)
            self._verdicts = self._judge.verdicts(self._clock())

    def version_changed(self, deployment: str, text: str) -> None:
        """Another version answers for a deployment: its evidence begins anew, a plan that it touches holds, and
        the guard acts where it was told to."""
        self.begin_anew(deployment)
        plan = self._plan
        if plan is not None and deployment in (plan.canary, self._baseline) and plan.active:
            self._carry_out(plan.hold(text), PLAN)
        if deployment in self._canaries:
            self._act(self._guard.version_changed(deployment, text, self._controller.weight_pct(deployment)))

    def begin_anew(self, deployment: str) -> None:
        """Nothing that was weighed of a deployment so far is evidence about what answers from now on."""
        self._judge.version_changed(deployment)
        self._verdicts = self._judge.verdicts(self._clock())

    # --- commands ---

    def toggle_guard(self, actor: str) -> Event:
        """Arm it or turn it off."""
        mode = self._guard.cycle().replace("_", " ")
        event = self._log(EventKind.GUARD, actor, f"guard {mode}")
        for canary in self._canaries:
            self._protect(canary)
        return event

    def promote(self, deployment: str, actor: str) -> Event:
        """Everything to one deployment; where it is the plan's canary, the plan watches from there.

        Raises CommandRefused as the controller does.
        """
        event = self._controller.promote(deployment, actor)
        plan = self._plan
        if plan is not None and plan.canary == deployment:
            try:
                done = plan.promote(self._clock())
            except PlanRefused as refused:
                # It watches or is done already: the weights are what was asked for.
                self._log(EventKind.PLAN, actor, f"plan: {refused}")
            else:
                self._log(EventKind.PLAN, actor, f"plan: {done.kind}", reason=done.reason)
        return event

    def hold_plan(self, actor: str) -> Event:
        """Raises CommandRefused when there is no plan, or nothing to hold."""
        return self._command(actor, lambda plan: plan.hold(f"held by {actor}"))

    def resume_plan(self, actor: str) -> Event:
        """Raises CommandRefused when there is no plan, or nothing to resume."""
        return self._command(actor, lambda plan: plan.resume(self._clock()))

    def skip_step(self, actor: str) -> Event:
        """Raises CommandRefused when there is no plan, or nothing to skip."""
        return self._command(actor, lambda plan: plan.skip(self._clock()))

    def retry_step(self, actor: str) -> Event:
        """Raises CommandRefused when there is no plan, or nothing to retry."""
        return self._command(actor, lambda plan: plan.retry(self._clock()))

    def _command(self, actor: str, act: Callable[[Plan], PlanAction]) -> Event:
        if self._plan is None:
            raise CommandRefused("this rollout has no plan: add a [plan] table to its file")
        try:
            return self._carry_out(act(self._plan), actor)
        except PlanRefused as refused:
            raise CommandRefused(str(refused)) from refused

    def _carry_out(self, action: PlanAction, actor: str) -> Event:
        plan = self._plan
        assert plan is not None
        event = self._log(EventKind.PLAN, actor, f"plan: {action.kind}", reason=action.reason)
        if action.weight_pct is None or action.weight_pct == self._controller.weight_pct(plan.canary):
            return event
        try:
            return self._controller.shift(plan.canary, action.weight_pct, actor, action.reason)
        except CommandRefused as refused:
            # The plan sees at its next tick that the weight is not there, and holds with the reason.
            return self._log(EventKind.REFUSED, actor, str(refused))

    # --- what is seen and kept ---

    def verdicts(self) -> Mapping[str, tuple[Verdict, ...]]:
        """As they stood at the last tick, or when the last one was reached."""
        return self._verdicts

    def guard(self) -> GuardView:
        return self._guard.view()

    def plan(self) -> PlanView | None:
        plan = self._plan
        return None if plan is None else plan.view(self._clock(), self._finished[plan.canary])

    def state(self) -> dict[str, Any]:
        """All that must survive a restart, as JSON has it."""
        return {
            "judge": self._judge.state(),
            "guard": self._guard.state(),
            "plan": None if self._plan is None else self._plan.state(),
        }

    def restore(self, state: Mapping[str, Any], offset_s: float) -> tuple[str, ...]:
        """Take up what an interrupted run left: the evidence, the guard and the plan's place, each for itself.
        ``offset_s`` turns seconds of that run into seconds of this one.

        Returns what could not be taken up and why, a sentence each.
        """
        refused = []
        judge = self._new_judge(canaries=self._canaries)
        try:
            judge.restore(state.get("judge") or {}, offset_s)
        except ValueError as error:
            refused.append(f"evidence: {error}")
        else:
            self._judge = judge
            self._verdicts = judge.verdicts(self._clock())
        try:
            self._guard.restore(state.get("guard") or {}, offset_s)
        except ValueError as error:
            refused.append(f"guard: {error}")
        if self._plan is not None and (place := state.get("plan")) is not None:
            try:
                self._plan.restore(place, offset_s)
            except ValueError as error:
                refused.append(f"plan: {error}")
        return tuple(refused)
