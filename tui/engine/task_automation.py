"""Task automation: the guard and the plan of one task, which change its weights by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tui.engine.readiness import Readiness
from tui.evaluation.evaluators import Evaluators
from tui.evaluation.guard import Guard, GuardAction
from tui.evaluation.own_rate import is_evidence
from tui.evaluation.plan import Plan, PlanAction, PlanRefused
from tui.evaluation.verdict_text import evidence_line
from tui.model import Ability, Context, Event, EventKind, Outcome, PlanView, Verdict, VerdictState
from tui.rollout import Rollout
from tui.routing.controller import CommandRefused, Controller

EVALUATOR = "verdict"
"""The actor of what the evidence says."""

GUARD, PLAN = "guard", "plan"
"""The actors of what nobody pressed a key for."""


class TaskAutomation:
    """Guard and plan of one task, and how many requests of it each canary finished.

    Nothing is done on data that are not fresh, and no traffic is given to a deployment that is not able to
    serve; where that is not known, it is probed, again and again until it is.
    """

    def __init__(
        self,
        task: str,
        rollout: Rollout,
        evaluators: Evaluators,
        controller: Controller,
        readiness: Readiness,
        context: Context,
    ) -> None:
        self.evaluator = evaluators.by_task[task]
        self.finished = {name: 0 for name in rollout.deployments if name != rollout.baseline}
        """Requests of each canary that are evidence."""
        self._task = task if len(rollout.tasks) > 1 else None
        self._baseline = rollout.baseline
        self._controller = controller
        self._readiness = readiness
        self._log = context.log
        self._clock = context.clock
        self._said_waits = False
        self.guard = Guard(rollout.guard, rollout.baseline)
        plan = rollout.tasks[task].plan
        self.plan = None if plan is None else Plan(plan)

    # --- what the evidence says ---

    def ended(self, outcome: Outcome) -> bool:
        """Count one outcome. When it decides something, the guard has acted before this returns.

        Returns whether a verdict was reached.
        """
        canary = outcome.deployment
        is_canary = canary in self.finished
        tripped_before = is_canary and self.evaluator.tripwire(canary) is not None
        self.evaluator.add(outcome, self._clock())
        if is_canary and is_evidence(outcome):
            self.finished[canary] += 1
        tripped = is_canary and self.evaluator.tripwire(canary) is not None and not tripped_before
        return self.decide({canary} if tripped else set())

    def decide(self, tripped: Iterable[str] = ()) -> bool:
        """Act on what has just been reached, the guard first, then the words; returns whether a verdict was."""
        changed = self.evaluator.changes()
        for name in {name for name, _ in changed} | set(tripped):
            self.protect(name)
        for name, verdict in changed:
            is_worse = verdict.state is VerdictState.WORSE
            kind, word = (EventKind.WORSE, "WORSE") if is_worse else (EventKind.VERDICT, "OK")
            advisory = " (advisory)" if verdict.advisory else ""
            self._log(kind, EVALUATOR, f"{name} {word}{advisory}: {evidence_line(verdict)}")
        self.say_frozen()
        return bool(changed)

    def say_frozen(self) -> None:
        """Log the limits that were frozen since this was last asked."""
        for text in self.evaluator.frozen():
            self._log(EventKind.CALIBRATED, EVALUATOR, text)

    # --- the guard ---

    def look(self) -> None:
        """Let the guard look at every canary: failures may have ended, or it may be known now whether the
        baseline is able to serve."""
        for canary in self.finished:
            self.protect(canary)

    def protect(self, canary: str) -> None:
        """Let the guard look at one canary, and act."""
        action = self.guard.decide(
            canary,
            self.evaluator.worse(canary, self._clock()),
            weight_pct=self._controller.weight_pct(canary, self._task),
            fresh=self._readiness.fresh(canary),
            tripwire=self.evaluator.tripwire(canary),
            ability=self._of_baseline,
        )
        self._act(action)

    def raised_by_hand(self, canary: str) -> None:
        """A person who raises a canary has seen the verdicts that stand."""
        worse = self.evaluator.worse(canary, self._clock())
        self.guard.raised_by_hand(canary, worse, self.evaluator.tripwire(canary))

    # --- the plan ---

    def climb(self, verdicts: Sequence[Verdict]) -> None:
        """Let the plan go on, where there is one. ``verdicts`` are of its canary."""
        plan = self.plan
        if plan is None:
            return
        action = plan.tick(
            self._clock(),
            canary_requests=self.finished[plan.canary],
            weight_pct=self._controller.weight_pct(plan.canary, self._task),
            verdicts=verdicts,
            fresh=self._readiness.fresh(plan.canary),
            why_wait=self._why_wait,
        )
        if action is not None:
            self.carry_out(action, PLAN)

    def _of_baseline(self) -> Ability:
        return self._readiness.ability(self._baseline)

    def _why_wait(self, pct: float) -> str:
        """Why the plan must not set this weight yet, empty where it may: whoever would get more traffic is not
        able to serve, or must be asked first."""
        plan = self.plan
        assert plan is not None
        now_pct = self._controller.weight_pct(plan.canary, self._task)
        if pct == now_pct:
            return ""
        name = plan.canary if pct > now_pct else self._baseline
        ability = self._readiness.ability(name)
        if ability.state == "unable":
            if not self._said_waits:
                self._said_waits = True
                self._say(PLAN, "waits", f"{name} {ability.why}")
            return f"{name} to serve: it {ability.why}"
        self._said_waits = False
        if ability.state == "unknown":
            self._readiness.probe(name, self.look)
            return f"one request to {name}, which {ability.why}"
        return ""

    @property
    def plan_is_idle(self) -> bool:
        """Whether the plan could raise its canary from 0 by itself. One whose canary loses its weight sees that
        at its next tick, and stops."""
        plan = self.plan
        return plan is not None and plan.active and self._controller.weight_pct(plan.canary, self._task) == 0

    def hold(self, reason: str, actor: str) -> Event:
        """Hold the plan; it must be active."""
        assert self.plan is not None
        return self.carry_out(self.plan.hold(reason), actor)

    def version_changed(self, deployment: str, text: str) -> None:
        """Another version answers: the plan holds where it is touched, the guard acts where it was told to."""
        plan = self.plan
        if plan is not None and deployment in (plan.canary, self._baseline) and plan.active:
            self.carry_out(plan.hold(text), PLAN)
        if deployment in self.finished:
            weight_pct = self._controller.weight_pct(deployment, self._task)
            self._act(self.guard.version_changed(deployment, text, weight_pct, self._of_baseline))

    def promoted(self, actor: str) -> None:
        """The plan's canary got everything: it watches from there."""
        assert self.plan is not None
        try:
            done = self.plan.promote(self._clock())
        except PlanRefused as refused:
            # It watches or is done already: the weights are what was asked for.
            self._say(actor, str(refused))
        else:
            self._say(actor, done.kind, done.reason)

    def carry_out(self, action: PlanAction, actor: str) -> Event:
        """What the plan decided, as an event, with the weight that it asks for."""
        plan = self.plan
        assert plan is not None
        event = self._say(actor, action.kind, action.reason)
        pct = action.weight_pct
        if pct is None or pct == self._controller.weight_pct(plan.canary, self._task):
            return event
        try:
            return self._controller.shift(plan.canary, pct, actor, action.reason, self._task)
        except CommandRefused as refused:
            # The plan sees at its next tick that the weight is not there, and holds with the reason.
            return self._log(EventKind.REFUSED, actor, str(refused))

    def plan_view(self) -> PlanView | None:
        """Where the plan stands, None without one."""
        plan = self.plan
        return None if plan is None else plan.view(self._clock(), self.finished[plan.canary], self._task or "")

    def state(self) -> dict[str, Any]:
        """All that must survive a restart, as JSON has it."""
        return {"guard": self.guard.state(), "plan": None if self.plan is None else self.plan.state()}

    def restore(self, state: Mapping[str, Any], offset_s: float) -> list[str]:
        """Take up what an earlier run left; returns what could not be and why, a sentence each."""
        refused = []
        if (guard := state.get("guard")) is not None:
            try:
                self.guard.restore(guard, offset_s)
            except ValueError as error:
                refused.append(f"guard: {error}")
        if self.plan is not None and (place := state.get("plan")) is not None:
            try:
                self.plan.restore(place, offset_s)
            except ValueError as error:
                refused.append(f"plan: {error}")
        return refused

    def _act(self, action: GuardAction | None) -> None:
        if action is None:
            return
        if action.kind == "roll_back":
            self._controller.roll_back(GUARD, action.reason, self._task)
        elif action.kind == "ask_first":
            self._readiness.probe(self._baseline, self.look)
        elif action.kind == "not_rolled_back" and self.guard.mode == "armed":
            self._log(EventKind.NOT_ROLLED_BACK, GUARD, f"not rolled back{self._of_task}: {action.reason}")
        else:
            not_ = "not " if action.kind == "not_rolled_back" else ""
            text = f"would {not_}have rolled back {action.canary}{self._of_task}"
            self._log(EventKind.GUARD, GUARD, text, reason=action.reason)

    def _say(self, actor: str, what: str, reason: str = "") -> Event:
        return self._log(EventKind.PLAN, actor, f"plan{self._of_task}: {what}", reason=reason)

    @property
    def _of_task(self) -> str:
        return "" if self._task is None else f" of {self._task}"
