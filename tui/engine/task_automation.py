"""The automatic hands on the weights of one task: its guard and its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tui.evaluation.guard import Guard, GuardAction
from tui.evaluation.plan import Plan, PlanAction, PlanRefused
from tui.model import Ability, Event, EventKind, PlanView, Verdict
from tui.rollout import GuardSpec, PlanSpec
from tui.routing.controller import CommandRefused, Controller, Log

GUARD, PLAN = "guard", "plan"
"""The actors of what nobody pressed a key for."""


class TaskAutomation:
    """Guard and plan of one task, and how many requests of it each canary finished.

    ``task`` None is the only one of a rollout: then all weights are meant. ``fresh(deployment)`` says whether
    its outcomes keep coming in, ``ability(deployment)`` whether it is able to serve. Neither hand gives traffic
    to one that is not; where that is not known, ``ask_first(deployment)`` has it asked, and is called again
    until it is known.
    """

    def __init__(
        self,
        task: str | None,
        guard: GuardSpec,
        plan: PlanSpec | None,
        canaries: Sequence[str],
        controller: Controller,
        log: Log,
        fresh: Callable[[str], bool],
        *,
        baseline: str,
        ability: Callable[[str], Ability],
        ask_first: Callable[[str], None],
    ) -> None:
        self._task = task
        self._baseline = baseline
        self._ability = ability
        self._ask_first = ask_first
        self._said_waits = False
        self._controller = controller
        self._log = log
        self._fresh = fresh
        self.guard = Guard(
            guard.mode,
            guard.criteria,
            guard.tripwire,
            on_version_change=guard.version_change,
            baseline=baseline,
        )
        self.plan: Plan | None = None
        if plan is not None:
            self.plan = Plan(
                plan.canary,
                plan.steps,
                plan.must_be_ok,
                plan.stop_on,
                plan.watch_s,
                held=plan.start == "held",
            )
        self.finished = dict.fromkeys(canaries, 0)

    def protect(self, canary: str, worse: Iterable[Verdict], tripwire: str | None) -> None:
        """Let the guard look at one canary, and act."""
        action = self.guard.decide(
            canary,
            worse,
            weight_pct=self._controller.weight_pct(canary, self._task),
            fresh=self._fresh(canary),
            tripwire=tripwire,
            ability=self._of_baseline,
        )
        self._act(action)

    def climb(self, now_s: float, verdicts: Sequence[Verdict]) -> None:
        """Let the plan go on, where there is one. ``verdicts`` are of its canary."""
        plan = self.plan
        if plan is None:
            return
        action = plan.tick(
            now_s,
            canary_requests=self.finished[plan.canary],
            weight_pct=self._controller.weight_pct(plan.canary, self._task),
            verdicts=verdicts,
            fresh=self._fresh(plan.canary),
            why_wait=self._why_wait,
        )
        if action is not None:
            self.carry_out(action, PLAN)

    def _of_baseline(self) -> Ability:
        return self._ability(self._baseline)

    def _why_wait(self, pct: float) -> str:
        """Why the plan must not set this weight yet, empty where it may: whoever would get more traffic is not
        able to serve, or must be asked first."""
        plan = self.plan
        assert plan is not None
        now_pct = self._controller.weight_pct(plan.canary, self._task)
        if pct == now_pct:
            return ""
        name = plan.canary if pct > now_pct else self._baseline
        ability = self._ability(name)
        if ability.state == "unable":
            if not self._said_waits:
                self._said_waits = True
                self._say(PLAN, "waits", f"{name} {ability.why}")
            return f"{name} to serve: it {ability.why}"
        self._said_waits = False
        if ability.state == "unknown":
            self._ask_first(name)
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

    def version_changed(self, deployment: str, text: str, *, is_canary: bool) -> None:
        """Another version answers: the plan holds where it is touched, the guard acts where it was told to."""
        plan = self.plan
        if plan is not None and deployment in (plan.canary, self._baseline) and plan.active:
            self.carry_out(plan.hold(text), PLAN)
        if is_canary:
            weight_pct = self._controller.weight_pct(deployment, self._task)
            self._act(self.guard.version_changed(deployment, text, weight_pct, self._of_baseline))

    def promoted(self, now_s: float, actor: str) -> None:
        """The plan's canary got everything: it watches from there."""
        assert self.plan is not None
        try:
            done = self.plan.promote(now_s)
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

    def plan_view(self, now_s: float) -> PlanView | None:
        """Where the plan stands, None without one."""
        plan = self.plan
        return None if plan is None else plan.view(now_s, self.finished[plan.canary], self._task or "")

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
            self._ask_first(self._baseline)
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
