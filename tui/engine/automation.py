"""What the evidence says, and what is done about it: the evaluators of a run, and the guard and plan of each
task.

A person's keys always win: what the guard and the plan do goes through the same controller, as events of
their own, and can be undone like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tui.engine.task_automation import GUARD, PLAN, TaskAutomation
from tui.evaluation.evaluators import Calibrated, Evaluators
from tui.evaluation.own_rate import is_evidence
from tui.evaluation.plan import Plan, PlanAction, PlanRefused
from tui.evaluation.verdict_text import evidence_line
from tui.model import (
    DEFAULT_TASK,
    WEIGHT_CHANGES,
    Ability,
    Assignment,
    Event,
    EventKind,
    GuardView,
    Outcome,
    Pair,
    PlanView,
    Verdict,
    VerdictState,
)
from tui.rollout import Rollout
from tui.routing.controller import CommandRefused, Controller, Log, NothingToDo
from tui.routing.weights import raised

EVALUATOR = "verdict"
"""The actor of what the evidence says."""

_FIRST_ENGINE = "judges"
"""Where the first versions kept their evidence: it is refused, and that is said."""


class Automation:
    """Hears of every assignment and outcome; logs verdicts, lets the guard act at once and the plans climb.

    ``fresh(deployment)`` says whether its outcomes keep coming in; nothing is done on stale data.
    ``ability(deployment)`` says whether it is able to serve; ``ask_first(deployment)`` sends it one request
    where that is not known, and ``look`` is to be called when it is.
    ``calibrated`` are limits of the baseline that are known already.
    """

    def __init__(
        self,
        rollout: Rollout,
        *,
        controller: Controller,
        log: Log,
        clock: Callable[[], float],
        fresh: Callable[[str], bool],
        calibrated: Calibrated | None = None,
        ability: Callable[[str], Ability] = lambda _: Ability(),
        ask_first: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._baseline = rollout.baseline
        self._canaries = tuple(name for name in rollout.deployments if name != rollout.baseline)
        self._controller = controller
        self._log = log
        self._clock = clock
        self._fresh = fresh
        self._new_evaluators = partial(
            Evaluators,
            rollout.baseline,
            criteria=rollout.criteria_by_task,
            calibrated=calibrated,
            timeout_s=rollout.traffic.timeout_s,
            alone_moves=rollout.guard.alone,
        )
        self._evaluators = self._new_evaluators(canaries=self._canaries)
        several = len(rollout.tasks) > 1
        self._hands = {
            task: TaskAutomation(
                task if several else None,
                rollout.guard,
                spec.plan,
                self._canaries,
                controller,
                log,
                fresh,
                baseline=rollout.baseline,
                ability=ability,
                ask_first=ask_first,
            )
            for task, spec in rollout.tasks.items()
        }
        self._verdicts: Mapping[str, tuple[Verdict, ...]] = self._evaluators.verdicts(0.0)

    # --- the walk of a request ---

    def assigned(self, assignment: Assignment) -> None:
        self._evaluators.assigned(assignment, assignment.at_s)

    def ended(self, outcome: Outcome) -> None:
        """Count one outcome. When it decides something, the guard has acted before this returns."""
        canary, task = outcome.deployment, self._task_of(outcome.task)
        is_canary = canary in self._canaries
        evaluator, hand = self._evaluators.by_task[task], self._hands[task]
        tripped_before = is_canary and evaluator.tripwire(canary) is not None
        evaluator.add(outcome, self._clock())
        if is_canary and is_evidence(outcome):
            hand.finished[canary] += 1
        tripped = is_canary and evaluator.tripwire(canary) is not None and not tripped_before
        self._decided(task, {canary} if tripped else set())

    def compared(self, pair: Pair) -> None:
        """Count one item that both versions answered; the guard acts as it does on an outcome."""
        self._evaluators.add_pair(pair, self._clock())
        self._decided(self._task_of(pair.task), set())

    def _decided(self, task: str, tripped: set[str]) -> None:
        """What has just been reached in a task: the guard first, then the words."""
        changed = self._evaluators.by_task[task].changes()
        for name in {name for name, _ in changed} | tripped:
            self._protect(task, name)
        for name, verdict in changed:
            is_worse = verdict.state is VerdictState.WORSE
            kind, word = (EventKind.WORSE, "WORSE") if is_worse else (EventKind.VERDICT, "OK")
            advisory = " (advisory)" if verdict.advisory else ""
            self._log(kind, EVALUATOR, f"{name} {word}{advisory}: {evidence_line(verdict)}")
        self._say_frozen()
        if changed:
            self._verdicts = self._evaluators.verdicts(self._clock())

    def _task_of(self, task: str) -> str:
        return task if task in self._hands else DEFAULT_TASK

    def _say_frozen(self) -> None:
        for text in self._evaluators.frozen():
            self._log(EventKind.CALIBRATED, EVALUATOR, text)

    def _protect(self, task: str, canary: str) -> None:
        evaluator = self._evaluators.by_task[task]
        self._hands[task].protect(canary, evaluator.worse(canary, self._clock()), evaluator.tripwire(canary))

    def look(self) -> None:
        """Let the guard look at every canary: it may be known now whether the baseline is able to serve."""
        for task in self._hands:
            for canary in self._canaries:
                self._protect(task, canary)

    def tick(self) -> None:
        """Once a second: the guard looks again (failures may have ended, or traffic begun), then the plans."""
        self._say_frozen()
        self._verdicts = self._evaluators.verdicts(self._clock())
        for task, hand in self._hands.items():
            # What is reached by looking is said now: nothing may end for long.
            self._decided(task, set())
            for canary in self._canaries:
                self._protect(task, canary)
            if hand.plan is not None:
                verdicts = self._verdicts.get(hand.plan.canary, ())
                hand.climb(self._clock(), tuple(v for v in verdicts if v.task in ("", task)))

    def heard(self, event: Event) -> None:
        """An event was logged: a person who raises a canary has seen the verdicts that stand."""
        if event.kind not in WEIGHT_CHANGES or event.actor in (GUARD, PLAN):
            return
        if event.before is None or event.after is None:
            return
        for canary, tasks in raised(event.before, event.after, self._baseline).items():
            for task in tasks:
                evaluator = self._evaluators.by_task[task]
                verdicts = evaluator.worse(canary, self._clock())
                self._hands[task].guard.raised_by_hand(canary, verdicts, evaluator.tripwire(canary))

    def why_not_raise(self, canary: str, tasks: Iterable[str]) -> str | None:
        """Why a canary must not get more traffic in these tasks: a criterion is WORSE."""
        if canary not in self._canaries:
            return None
        for task in tasks:
            if worse := self._evaluators.of(task).worse(canary, self._clock()):
                return f"it is WORSE, {evidence_line(worse[0])}"
        return None

    def add_canary(self, name: str) -> None:
        """Compare and guard one more from now on."""
        if name not in self._canaries:
            self._canaries = (*self._canaries, name)
            for hand in self._hands.values():
                hand.finished[name] = 0
            self._evaluators.add_canary(name)
            self._verdicts = self._evaluators.verdicts(self._clock())

    def version_changed(self, deployment: str, text: str) -> None:
        """Another version answers for a deployment: its evidence begins anew, a plan that it touches holds, and
        the guard acts where it was told to."""
        self.begin_anew(deployment)
        for hand in self._hands.values():
            hand.version_changed(deployment, text, is_canary=deployment in self._canaries)

    def begin_anew(self, deployment: str) -> None:
        """Nothing that was counted of a deployment so far is evidence about what answers from now on."""
        self._evaluators.version_changed(deployment)
        self._verdicts = self._evaluators.verdicts(self._clock())

    # --- commands ---

    def toggle_guard(self, actor: str) -> Event:
        """Arm it or turn it off, in every task."""
        modes = [hand.guard.cycle() for hand in self._hands.values()]
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
        hands = [hand for name, hand in self._hands.items() if task in (None, name)]
        idle = [hand for hand in hands if hand.plan_is_idle]
        try:
            return self._controller.roll_back(actor, reason, task)
        except NothingToDo:
            if not idle:
                raise
        finally:
            held = [hand.hold(f"rolled back by {actor}", actor) for hand in idle]
        return held[-1]

    def hold_idle(self, tasks: Iterable[str]) -> None:
        """Hold the plans of these tasks that would raise a canary from 0 by themselves."""
        for task in tasks:
            hand = self._hands.get(task)
            if hand is not None and hand.plan_is_idle:
                hand.hold("its canary has no weight since the run before", PLAN)

    def promote(self, deployment: str, actor: str, task: str | None = None) -> Event:
        """Everything to one deployment, in every task or one; a plan whose canary it is watches from there.

        Raises CommandRefused as the controller does.
        """
        event = self._controller.promote(deployment, actor, task)
        for name, hand in self._hands.items():
            if (task is None or name == task) and hand.plan is not None and hand.plan.canary == deployment:
                hand.promoted(self._clock(), actor)
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
        hands = [hand for name, hand in self._hands.items() if task in (None, name) and hand.plan is not None]
        if not hands:
            of_task = f"task {task}" if task is not None and len(self._hands) > 1 else "this rollout"
            raise CommandRefused(f"{of_task} has no plan: add a [plan] table to the file")
        done, refusals = [], []
        for hand in hands:
            assert hand.plan is not None
            try:
                action = act(hand.plan)
            except PlanRefused as refused:
                refusals.append(str(refused))
            else:
                done.append(hand.carry_out(action, actor))
        if not done:
            raise CommandRefused("; ".join(dict.fromkeys(refusals)))
        return done[-1]

    # --- what is seen and kept ---

    def verdicts(self) -> Mapping[str, tuple[Verdict, ...]]:
        """As they stood at the last tick, or when the last one was reached."""
        return self._verdicts

    def guard(self) -> GuardView:
        """The guards of all tasks are in one mode; what is said is what one of them said last."""
        guards = sorted((hand.guard for hand in self._hands.values()), key=lambda guard: not guard.kept_from_it)
        views = [guard.view() for guard in guards]
        shown = next((view for view in views if view.said), views[0])
        return replace(shown, acted=sum(view.acted for view in views))

    def plans(self) -> tuple[PlanView, ...]:
        """One for each task that climbs."""
        found = (hand.plan_view(self._clock()) for hand in self._hands.values())
        return tuple(view for view in found if view is not None)

    def state(self) -> dict[str, Any]:
        """All that must survive a restart, as JSON has it."""
        return {
            "evaluators": self._evaluators.state(),
            "tasks": {task: hand.state() for task, hand in self._hands.items()},
        }

    def restore(self, state: Mapping[str, Any], offset_s: float) -> tuple[str, ...]:
        """Take up what an earlier run left: the evidence, the guards and the places of the plans, each for
        itself. ``offset_s`` turns seconds of that run into seconds of this one.

        Returns what could not be taken up and why, a sentence each.
        """
        refused = []
        evaluators = self._new_evaluators(canaries=self._canaries)
        try:
            evaluators.restore(_table(state, "evaluators") or _table(state, _FIRST_ENGINE), offset_s)
        except ValueError as error:
            refused.append(f"evidence: {error}")
        else:
            self._evaluators = evaluators
            self._verdicts = evaluators.verdicts(self._clock())
        kept = _table(state, "tasks")
        for task, hand in self._hands.items():
            of_task = f" of {task}" if len(self._hands) > 1 else ""
            refused += [
                text.replace(":", f"{of_task}:", 1) for text in hand.restore(_table(kept, task), offset_s)
            ]
        return tuple(refused)


def _table(state: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = state.get(key)
    return value if isinstance(value, Mapping) else {}
