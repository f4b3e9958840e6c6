"""From what the person wants to a command of the engine, with the friction that its risk asks for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from textual.message import Message

from tui.cockpit.controls import Attached, Controls
from tui.cockpit.messages import CommandEnded, Said
from tui.cockpit.text import format as fmt
from tui.cockpit.text.line import Tone
from tui.cockpit.text.plan import NO_PLAN
from tui.cockpit.text.weights import WeightWish, current_pct, undo_warnings
from tui.cockpit.ui_state import View, canaries, chosen_canary
from tui.model import DeploymentSpec, Event, EventKind, TrafficState
from tui.model.commands import (
    AddToRollout,
    ApplyWeights,
    Command,
    ContinueTraffic,
    CreateDeployment,
    HoldPlan,
    Mark,
    Nudge,
    PauseTraffic,
    Promote,
    RemoveDeployment,
    ResumePlan,
    RetryStep,
    RollBack,
    SaveProfile,
    Score,
    Shift,
    SkipStep,
    ToggleGuard,
    Undo,
    Unscore,
)
from tui.routing.weights import describe, raised
from tui.weight_profiles import WeightProfile

UNDO_CONSENT_S = 5.0
"""A second press of undo within this time consents to raising a canary."""

_NOT_ARMED = float("-inf")


class Commands:
    """Gives commands and reports how they ended. ``send`` must be callable from any thread."""

    def __init__(self, controls: Controls, actor: str, send: Callable[[Message], object]) -> None:
        self._controls = controls
        self._actor = actor
        self._send = send

    def roll_back(self, view: View, task: str | None) -> None:
        """The baseline to 100 % in every task or one, whatever the state of the figures."""
        baseline = view.short(view.live.baseline)

        def done(event: Event) -> None:
            if event.kind is EventKind.PLAN:
                self._say(f"nothing to roll back: all traffic is on {baseline}; the plan is held now")

        self._give("roll back", RollBack(task=task), done)

    def nudge(self, view: View, points: float) -> None:
        """The chosen canary up or down."""
        canary = self._canary(view)
        if canary is not None and not (points > 0 and self._refused_as_stale(view)):
            self._give("shift", Nudge(canary, points, task=view.ui.task))

    def set_weight(self, view: View, wish: WeightWish) -> None:
        """An exact weight; ``force`` overrides a refusal for the state of the data."""
        task = wish.task or view.ui.task
        raises = (wish.pct > current_pct(view.all_tasks, wish.deployment, task)) != (
            wish.deployment == view.live.baseline
        )
        if raises and not wish.force and self._refused_as_stale(view):
            return
        self._give("weight", Shift(wish.deployment, wish.pct, task=task, force=wish.force))

    def promote(self, view: View, deployment: str) -> None:
        """A canary to 100 %."""
        if not self._refused_as_stale(view):
            self._give("promote", Promote(deployment, task=view.ui.task))

    def undo(self, view: View) -> float:
        """The weights before the last change; where that raises a canary, only with consent.

        Returns:
            Until when (seconds of the cockpit's clock) a second press counts as consent.
        """
        target = view.live.can_undo
        if target is None:
            self._say("nothing to undo: the weights have not been changed")
            return _NOT_ARMED
        weights = view.all_tasks.weights
        rises, warnings = raised(weights, target, view.live.baseline), undo_warnings(view, target)
        if (rises or warnings) and view.ui.now_s >= view.ui.undo_armed_until_s:
            what, key = describe(weights, target, view.names), view.ui.keys["undo"]
            if warnings:
                text = f"{'; '.join(warnings)}: {key} again in {UNDO_CONSENT_S:.0f} s raises {what}"
                self._say(text, "alert")
            else:
                self._say(f"undo raises: {what}. Press {key} again within {UNDO_CONSENT_S:.0f} s", "warn")
            return view.ui.now_s + UNDO_CONSENT_S
        if not (rises and self._refused_as_stale(view)):
            self._give("undo", Undo())
        return _NOT_ARMED

    def apply(self, view: View, profile: WeightProfile) -> None:
        """The weights of a profile."""
        if raised(view.all_tasks.weights, profile.weights, view.live.baseline) and self._refused_as_stale(view):
            return
        self._give(
            f"profile {profile.name}", ApplyWeights(profile.weights, reason=profile.note, profile=profile.name)
        )

    def save(self, name: str, note: str, replace: bool) -> None:
        """The current weights as a profile."""
        self._give(f"save {name}", SaveProfile(name, note, replace=replace))

    def list_profiles(self, then: Callable[[Any], None]) -> None:
        """Reads the profiles and hands them to ``then`` in the app's own thread."""
        self._await("profiles", self._controls.profiles(), then)

    def pause_or_continue(self, view: View) -> None:
        """Stops sending, or starts again."""
        if view.live.state is TrafficState.PAUSED:
            self._give("continue traffic", ContinueTraffic())
        elif view.live.state in (TrafficState.STARTING, TrafficState.RUNNING):
            self._give("pause traffic", PauseTraffic())
        else:
            self._say(f"no traffic to pause: it is {view.live.state.value.replace('_', ' ')}")

    def toggle_guard(self) -> None:
        """The guard armed, or off."""
        self._give("guard", ToggleGuard())

    def hold_plan(self, view: View) -> None:
        """The plan stands still."""
        if self._has_plan(view):
            self._give("hold plan", HoldPlan(task=view.ui.task))

    def resume_plan(self, view: View) -> None:
        """The plan goes on, starts, or passes its gate."""
        if self._has_plan(view) and not self._refused_as_stale(view):
            self._give("climb on", ResumePlan(task=view.ui.task))

    def skip_step(self, view: View) -> None:
        """The next step at once."""
        if self._has_plan(view) and not self._refused_as_stale(view):
            self._give("skip step", SkipStep(task=view.ui.task))

    def retry_step(self, view: View) -> None:
        """The step from its beginning."""
        if self._has_plan(view) and not self._refused_as_stale(view):
            self._give("begin step again", RetryStep(task=view.ui.task))

    def create_deployment(self, endpoint: str, spec: DeploymentSpec) -> None:
        """A pinned deployment without traffic; takes a while."""
        self._say(f"creating {spec.name}: this may take minutes, the log says when it is done")
        self._give(f"create {spec.name}", CreateDeployment(endpoint, spec))

    def add_to_rollout(self, endpoint: str, name: str) -> None:
        """A deployment joins the run at weight 0."""
        self._give(f"add {name}", AddToRollout(endpoint, name))

    def remove_deployment(self, endpoint: str, name: str) -> None:
        """A deployment without traffic is deleted."""
        self._give(f"remove {name}", RemoveDeployment(endpoint, name))

    def score(
        self, sample: int, deployment: str, value: int, *, note: str, blind: bool, after: Callable[[bool], None]
    ) -> None:
        """What the person thinks of one answer."""
        self._give(f"score of #{sample}", Score(sample, deployment, value, note=note, blind=blind), after=after)

    def unscore(self, sample: int, deployment: str, *, after: Callable[[bool], None]) -> None:
        """That score is taken back."""
        self._give(f"taking back the score of #{sample}", Unscore(sample, deployment), after=after)

    def mark(self, text: str) -> None:
        """A note in the event log."""
        if text.strip():
            self._give("mark", Mark(text.strip()))

    def take_over(self, run: Attached) -> None:
        """Control goes to this cockpit."""
        self._await("take control", run.take_over())

    def _has_plan(self, view: View) -> bool:
        if view.live.plan is None:
            self._say(NO_PLAN, "warn")
        return view.live.plan is not None

    def _canary(self, view: View) -> str | None:
        canary = chosen_canary(view.live, view.ui.selected)
        if canary is None:
            keys = f"{view.ui.keys['down']} {view.ui.keys['up']}"
            several = f"choose the row of a canary first ({keys})"
            self._say(several if canaries(view.live) else "this rollout has no canary", "warn")
        return canary

    def _refused_as_stale(self, view: View) -> bool:
        if view.ui.stale:
            self._say(
                f"refused: no new figures for {fmt.age(view.ui.age_s)}, no canary gets more traffic; "
                f"{view.ui.keys['command']}weight NAME=PCT! overrides",
                "warn",
            )
        return view.ui.stale

    def _say(self, text: str, tone: Tone = "dim") -> None:
        self._send(Said(text, tone))

    def _give(
        self,
        what: str,
        command: Command,
        then: Callable[[Any], None] | None = None,
        after: Callable[[bool], None] | None = None,
    ) -> None:
        """Ask the engine; ``then`` gets the event that was logged, ``after`` whether it was done."""
        self._await(what, self._controls.send(command, actor=self._actor), then, after)

    def _await(
        self,
        what: str,
        future: Future[Any],
        then: Callable[[Any], None] | None = None,
        after: Callable[[bool], None] | None = None,
    ) -> None:
        future.add_done_callback(lambda done: self._send(CommandEnded(what, done, then, after)))
