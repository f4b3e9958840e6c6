"""Automation of a run: its evidence, and the guard and the plan of each task that act on it.

A person's keys always win: what the guard and the plan do goes through the same controller, as events of
their own, and can be undone like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tui.engine.deployments import Deployments
from tui.engine.readiness import Readiness
from tui.engine.task_automation import GUARD, PLAN, TaskAutomation
from tui.evaluation.evaluators import Calibrated, Evaluators
from tui.evaluation.plan import Plan, PlanAction, PlanRefused
from tui.evaluation.verdict_text import evidence_line
from tui.model import (
    DEFAULT_TASK,
    WEIGHT_CHANGES,
    Assignment,
    Context,
    Event,
    EventKind,
    GuardView,
    Outcome,
    Pair,
    PlanView,
    Verdict,
)
from tui.rollout import Rollout
from tui.routing.controller import CommandRefused, Controller, NothingToDo
from tui.routing.weights import raised

_FIRST_ENGINE = "judges"
"""Where the first versions kept their evidence: it is refused, and that is said."""


def evaluators_of(
    rollout: Rollout,
    calibrated: Calibrated | None = None,
    state: Mapping[str, Any] | None = None,
    offset_s: float = 0.0,
) -> tuple[Evaluators, tuple[str, ...]]:
    """The evaluators of a run, with limits of the baseline that are known already, and with what an earlier run
    left as its ``state``; ``offset_s`` turns seconds of that run into seconds of this one.

    Also why its evidence could not be taken up, a sentence where it was not.
    """
    new_evaluators = partial(
        Evaluators,
        rollout.baseline,
        tuple(name for name in rollout.deployments if name != rollout.baseline),
        rollout.criteria_by_task,
        calibrated=calibrated,
        timeout_s=rollout.traffic.timeout_s,
        alone_moves=rollout.guard.alone,
    )
    evaluators = new_evaluators()
    if state is not None:
        try:
            evaluators.restore(_table(state, "evaluators") or _table(state, _FIRST_ENGINE), offset_s)
        except ValueError as error:
            return new_evaluators(), (f"evidence: {error}",)
    return evaluators, ()


class EvidencePolicy:
    """Policy of the weights: no more traffic for a deployment that cannot take it, or that is WORSE."""

    def __init__(self, deployments: Deployments, evaluators: Evaluators, context: Context) -> None:
        self._deployments = deployments
        self._evaluators = evaluators
        self._clock = context.clock

    def why_not_raise(self, deployment: str, tasks: tuple[str, ...]) -> str | None:
        """The state of its requests, else a criterion that is WORSE in one of the tasks."""
        if why := self._deployments.why_not_raise(deployment):
            return why
        return next(filter(None, (self._why_worse(deployment, task) for task in tasks)), None)

    def _why_worse(self, deployment: str, task: str) -> str | None:
        worse = self._evaluators.of(task).worse(deployment, self._clock())
        return f"it is WORSE, {evidence_line(worse[0])}" if worse else None

    def why_never(self, deployment: str) -> str | None:
        """Its removal from its account."""
        return self._deployments.removals.why_never(deployment)


class Automation:
    """Hears of every assignment and outcome; logs verdicts, lets the guard act at once and the plans climb."""

    def __init__(
        self,
        rollout: Rollout,
        evaluators: Evaluators,
        controller: Controller,
        readiness: Readiness,
        context: Context,
    ) -> None:
        self._baseline = rollout.baseline
        self._evaluators = evaluators
        self._controller = controller
        self._log = context.log
        self._clock = context.clock
        self._tasks = {
            task: TaskAutomation(task, rollout, evaluators, controller, readiness, context)
            for task in rollout.tasks
        }
        self._verdicts: Mapping[str, tuple[Verdict, ...]] = evaluators.verdicts(context.clock())

    # --- the walk of a request ---

    def assigned(self, assignment: Assignment) -> None:
        self._evaluators.assigned(assignment, assignment.at_s)

    def ended(self, outcome: Outcome) -> None:
        """Count one outcome. When it decides something, the guard has acted before this returns."""
        if self._of(outcome.task).ended(outcome):
            self._see()

    def compared(self, pair: Pair) -> None:
        """Count one item that both versions answered; the guard acts as it does on an outcome."""
        self._evaluators.add_pair(pair, self._clock())
        if self._of(pair.task).decide():
            self._see()

    def _of(self, task: str) -> TaskAutomation:
        return self._tasks.get(task) or self._tasks[DEFAULT_TASK]

    def _see(self) -> None:
        self._verdicts = self._evaluators.verdicts(self._clock())

    def look(self) -> None:
        """Let the guard look at every canary."""
        for one in self._tasks.values():
            one.look()

    def tick(self) -> None:
        """Once a second: the guard looks again (failures may have ended, or traffic begun), then the plans."""
        for one in self._tasks.values():
            one.say_frozen()
        self._see()
        for task, one in self._tasks.items():
            # What is reached by looking is said now: nothing may end for long.
            if one.decide():
                self._see()
            one.look()
            if one.plan is not None:
                verdicts = self._verdicts.get(one.plan.canary, ())
                one.climb(tuple(v for v in verdicts if v.task in ("", task)))

    def heard(self, event: Event) -> None:
        """An event was logged: a person who raises a canary has seen the verdicts that stand."""
        if event.kind not in WEIGHT_CHANGES or event.actor in (GUARD, PLAN):
            return
        if event.before is None or event.after is None:
            return
        for canary, tasks in raised(event.before, event.after, self._baseline).items():
            for task in tasks:
                self._tasks[task].raised_by_hand(canary)

    def add_canary(self, name: str) -> None:
        """Compare and guard one more from now on."""
        for one in self._tasks.values():
            one.finished.setdefault(name, 0)
        self._evaluators.add_canary(name)
        self._see()

    def version_changed(self, deployment: str, text: str) -> None:
        """Another version answers for a deployment: its evidence begins anew, a plan that it touches holds, and
        the guard acts where it was told to."""
        self.begin_anew(deployment)
        for one in self._tasks.values():
            one.version_changed(deployment, text)

    def begin_anew(self, deployment: str) -> None:
        """Nothing that was counted of a deployment so far is evidence about what answers from now on."""
        self._evaluators.version_changed(deployment)
        self._see()

    # --- commands ---

    def toggle_guard(self, actor: str) -> Event:
        """Arm it or turn it off, in every task."""
        modes = [one.guard.cycle() for one in self._tasks.values()]
        event = self._log(EventKind.GUARD, actor, f"guard {modes[0].replace('_', ' ')}")
        self.look()
        return event

    def roll_back(self, actor: str, reason: str = "", task: str | None = None) -> Event:
        """The baseline to 100, in every task or one, whatever the state of the data. A plan that would raise a
        canary from 0 by itself is held.

        Raises:
            NothingToDo: All traffic is on the baseline, and no plan would change that.
            CommandRefused: ``task`` does not exist.
        """
        tasks = [one for name, one in self._tasks.items() if task in (None, name)]
        idle = [one for one in tasks if one.plan_is_idle]
        try:
            return self._controller.roll_back(actor, reason, task)
        except NothingToDo:
            if not idle:
                raise
        finally:
            held = [one.hold(f"rolled back by {actor}", actor) for one in idle]
        return held[-1]

    def hold_idle(self, tasks: Iterable[str]) -> None:
        """Hold the plans of these tasks that would raise a canary from 0 by themselves."""
        for task in tasks:
            one = self._tasks.get(task)
            if one is not None and one.plan_is_idle:
                one.hold("its canary has no weight since the run before", PLAN)

    def promote(self, deployment: str, actor: str, task: str | None = None) -> Event:
        """Everything to one deployment, in every task or one; a plan whose canary it is watches from there.

        Raises CommandRefused as the controller does.
        """
        event = self._controller.promote(deployment, actor, task)
        for name, one in self._tasks.items():
            if (task is None or name == task) and one.plan is not None and one.plan.canary == deployment:
                one.promoted(actor)
        return event

    def hold_plan(self, actor: str, task: str | None = None) -> Event:
        """Raises CommandRefused when there is no plan, or nothing to hold. ``task`` None is every plan."""
        return self._command(actor, task, lambda plan: plan.hold(f"held by {actor}"))

    def resume_plan(self, actor: str, task: str | None = None) -> Event:
        """Raises CommandRefused when there is no plan, or nothing to resume."""
        return self._command(actor, task, lambda plan: plan.resume(self._clock()))

    def skip_step(self, actor: str, task: str | None = None) -> Event:
        """Raises CommandRefused when there is no plan, or nothing to skip."""
        return self._command(actor, task, lambda plan: plan.skip(self._clock()))

    def retry_step(self, actor: str, task: str | None = None) -> Event:
        """Raises CommandRefused when there is no plan, or nothing to retry."""
        return self._command(actor, task, lambda plan: plan.retry(self._clock()))

    def _command(self, actor: str, task: str | None, act: Callable[[Plan], PlanAction]) -> Event:
        """To the plan of one task, or to every plan that it makes sense for."""
        tasks = [one for name, one in self._tasks.items() if task in (None, name) and one.plan is not None]
        if not tasks:
            of_task = f"task {task}" if task is not None and len(self._tasks) > 1 else "this rollout"
            raise CommandRefused(f"{of_task} has no plan: add a [plan] table to the file")
        done, refusals = [], []
        for one in tasks:
            assert one.plan is not None
            try:
                action = act(one.plan)
            except PlanRefused as refused:
                refusals.append(str(refused))
            else:
                done.append(one.carry_out(action, actor))
        if not done:
            raise CommandRefused("; ".join(dict.fromkeys(refusals)))
        return done[-1]

    # --- what is seen and kept ---

    def verdicts(self) -> Mapping[str, tuple[Verdict, ...]]:
        """As they stood at the last tick, or when the last one was reached."""
        return self._verdicts

    def guard(self) -> GuardView:
        """The guards of all tasks are in one mode; what is said is what one of them said last."""
        guards = sorted((one.guard for one in self._tasks.values()), key=lambda guard: not guard.kept_from_it)
        views = [guard.view() for guard in guards]
        shown = next((view for view in views if view.said), views[0])
        return replace(shown, acted=sum(view.acted for view in views))

    def plans(self) -> tuple[PlanView, ...]:
        """One for each task that climbs."""
        found = (one.plan_view() for one in self._tasks.values())
        return tuple(view for view in found if view is not None)

    def state(self) -> dict[str, Any]:
        """All that must survive a restart, as JSON has it."""
        return {
            "evaluators": self._evaluators.state(),
            "tasks": {task: one.state() for task, one in self._tasks.items()},
        }

    def restore(self, state: Mapping[str, Any], offset_s: float) -> tuple[str, ...]:
        """Take up the guards and the places of the plans that an earlier run left, each for itself.

        ``offset_s`` turns seconds of that run into seconds of this one.

        Returns what could not be taken up and why, a sentence each.
        """
        refused: list[str] = []
        kept = _table(state, "tasks")
        for task, one in self._tasks.items():
            of_task = f" of {task}" if len(self._tasks) > 1 else ""
            refused += [
                text.replace(":", f"{of_task}:", 1) for text in one.restore(_table(kept, task), offset_s)
            ]
        return tuple(refused)


def _table(state: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = state.get(key)
    return value if isinstance(value, Mapping) else {}
