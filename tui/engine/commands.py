"""What may be asked of a running engine: every command, by the name that screens and tests call it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from tui.engine.session import Session
from tui.model import ENGINE, DeploymentSpec, Event, EventKind, Sample, TrafficState, WeightTable
from tui.routing.controller import CommandRefused
from tui.weight_profiles import (
    BrokenProfile,
    ProfileError,
    WeightProfile,
    list_profiles,
    save_profile,
)

_T = TypeVar("_T")


class Commands:
    """Every method may be called from any thread and returns at once, a future of what it asked for.

    The future fails with ``CommandRefused`` where the command was not carried out.
    """

    def _command(self, actor: str, act: Callable[[Session], Event]) -> Future[Event]:
        """Run ``act`` on the engine's loop."""
        raise NotImplementedError

    def _samples(self) -> tuple[Sample, ...]:
        """What is kept, as last published."""
        raise NotImplementedError

    def _later(self, actor: str, act: Callable[[Session], Coroutine[Any, Any, _T]]) -> Future[_T]:
        """A command that waits, for a disk or a service: beside the loop's other work, in a task of its own."""
        raise NotImplementedError

    def roll_back(self, *, actor: str, reason: str = "", task: str | None = None) -> Future[Event]:
        """The baseline to 100, in every task or one. Never refused for the state of the data. Where nothing
        changes, the future fails with ``NothingToDo``; a plan that would raise its canary is held."""
        return self._command(actor, lambda s: s.automation.roll_back(actor, reason, task))

    def shift(
        self,
        deployment: str,
        pct: float,
        *,
        actor: str,
        reason: str = "",
        task: str | None = None,
        force: bool = False,
    ) -> Future[Event]:
        """One deployment to ``pct`` percent; ``force`` raises it even where its data forbid it."""
        return self._command(actor, lambda s: s.controller.shift(deployment, pct, actor, reason, task, force))

    def nudge(self, deployment: str, points: float, *, actor: str, task: str | None = None) -> Future[Event]:
        """One deployment up or down by ``points`` of weight."""
        return self._command(actor, lambda s: s.controller.nudge(deployment, points, actor, task))

    def promote(self, deployment: str, *, actor: str, task: str | None = None) -> Future[Event]:
        """One deployment to 100, in every task or one; a plan of its own goes on from there, watching."""
        return self._command(actor, lambda s: s.automation.promote(deployment, actor, task))

    def undo(self, *, actor: str) -> Future[Event]:
        """The weights before the last change."""
        return self._command(actor, lambda s: s.controller.undo(actor))

    def apply_weights(self, weights: WeightTable, *, actor: str, reason: str, profile: str) -> Future[Event]:
        """A whole table of weights, from a profile."""
        why = f"profile {profile}" + (f": {reason}" if reason else "")
        return self._command(actor, lambda s: s.controller.apply(weights, actor, why))

    def pause_traffic(self, *, actor: str) -> Future[Event]:
        """Start no further request."""
        return self._command(actor, lambda s: s.pause(actor))

    def continue_traffic(self, *, actor: str) -> Future[Event]:
        """Start requests again."""

        def proceed(session: Session) -> Event:
            event = session.proceed(actor)
            if event is None:
                raise CommandRefused(_WHY_NOT_CONTINUE.get(session.state, "traffic is running"))
            return event

        return self._command(actor, proceed)

    def mark(self, text: str, *, actor: str) -> Future[Event]:
        """A note in the log."""
        return self._command(actor, lambda s: s.log(EventKind.MARKED, actor, text))

    def toggle_guard(self, *, actor: str) -> Future[Event]:
        """Arm the guard or turn it off."""
        return self._command(actor, lambda s: s.automation.toggle_guard(actor))

    def hold_plan(self, *, actor: str, task: str | None = None) -> Future[Event]:
        """The plan of a task, or every plan, stands still; the weights stay."""
        return self._command(actor, lambda s: s.automation.hold_plan(actor, task))

    def resume_plan(self, *, actor: str, task: str | None = None) -> Future[Event]:
        """The plan begins, goes on, or passes the gate it waits at."""
        return self._command(actor, lambda s: s.automation.resume_plan(actor, task))

    def skip_step(self, *, actor: str, task: str | None = None) -> Future[Event]:
        """The plan goes to its next step without waiting for more."""
        return self._command(actor, lambda s: s.automation.skip_step(actor, task))

    def retry_step(self, *, actor: str, task: str | None = None) -> Future[Event]:
        """The plan begins its step again."""
        return self._command(actor, lambda s: s.automation.retry_step(actor, task))

    def create_deployment(self, endpoint: str, spec: DeploymentSpec, *, actor: str) -> Future[Event]:
        """A pinned deployment in the account of an endpoint, read back. It gets no traffic."""
        return self._later(actor, lambda s: s.control.create(endpoint, spec, actor))

    def add_to_rollout(self, endpoint: str, name: str, *, actor: str) -> Future[Event]:
        """A deployment of an account joins the run at weight 0."""
        return self._command(actor, lambda s: s.add_to_rollout(endpoint, name, actor))

    def remove_deployment(self, endpoint: str, name: str, *, actor: str) -> Future[Event]:
        """A deployment without traffic is removed from its account."""
        return self._later(actor, lambda s: s.remove_deployment(endpoint, name, actor))

    def samples(self) -> tuple[Sample, ...]:
        """The requests that are kept with their answers, oldest first; the same object until one changes."""
        return self._samples()

    def score(
        self, sample: int, deployment: str, value: int, *, actor: str, note: str = "", blind: bool = True
    ) -> Future[Event]:
        """What a person thinks of one answer, 1 to 5."""
        return self._command(
            actor, lambda s: s.quality.scores.score(sample, deployment, value, actor, note, blind)
        )

    def unscore(self, sample: int, deployment: str, *, actor: str) -> Future[Event]:
        """A score is taken back."""
        return self._command(actor, lambda s: s.quality.scores.unscore(sample, deployment, actor))

    def save_profile(self, name: str, note: str, *, actor: str, replace: bool = False) -> Future[Event]:
        """The weights in force now under a name, in the folder beside the rollout file."""

        async def save(session: Session) -> Event:
            rollout = session.setup.rollout
            profile = WeightProfile(
                name, rollout.name, session.router.weights, session.setup.now(), actor, note
            )
            try:
                path = await asyncio.to_thread(
                    partial(save_profile, rollout.profiles_dir, profile, replace=replace)
                )
            except (ProfileError, OSError) as error:
                raise CommandRefused(f"profile {name} was not saved: {error}") from error
            return session.log(EventKind.PROFILE_SAVED, actor, f"profile {name} saved: {path}", reason=note)

        return self._later(actor, save)

    def profiles(self) -> Future[tuple[WeightProfile | BrokenProfile, ...]]:
        """Every profile of the folder, broken ones with their error."""

        async def read(session: Session) -> tuple[WeightProfile | BrokenProfile, ...]:
            return await asyncio.to_thread(list_profiles, session.setup.rollout.profiles_dir)

        return self._later(ENGINE, read)


_WHY_NOT_CONTINUE = {
    TrafficState.BUDGET_SPENT: "the budget is spent: raise budget_usd in the rollout file and start again",
    TrafficState.ENDED: "the trace or every source has ended",
    TrafficState.STOPPED: "the run is over",
}
