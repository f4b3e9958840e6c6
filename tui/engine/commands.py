"""The table of commands: what each does to a running session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from tui.engine.session import Session
from tui.model import Event, EventKind, TrafficState
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
from tui.routing.controller import CommandRefused
from tui.weight_profiles import ProfileError, WeightProfile, save_profile

Handler = Callable[[Session, Any, str], Event | Coroutine[Any, Any, Event]]
"""Session, command, actor -> the event that was logged; a coroutine where it waits for a disk or a service."""

_WHY_NOT_CONTINUE = {
    TrafficState.BUDGET_SPENT: "the budget is spent: raise budget_usd in the rollout file and start again",
    TrafficState.ENDED: "the trace or every source has ended",
    TrafficState.STOPPED: "the run is over",
}


def _continue(session: Session, _: ContinueTraffic, actor: str) -> Event:
    event = session.traffic.proceed(actor)
    if event is None:
        raise CommandRefused(_WHY_NOT_CONTINUE.get(session.traffic.state, "traffic is running"))
    return event


def _apply(session: Session, command: ApplyWeights, actor: str) -> Event:
    why = f"profile {command.profile}" + (f": {command.reason}" if command.reason else "")
    return session.controller.apply(command.weights, actor, why)


async def _save(session: Session, command: SaveProfile, actor: str) -> Event:
    rollout, name, note = session.setup.rollout, command.name, command.note
    profile = WeightProfile(name, rollout.name, session.router.weights, session.setup.now(), actor, note)
    write = partial(save_profile, rollout.profiles_dir, profile, replace=command.replace)
    try:
        path = await asyncio.to_thread(write)
    except (ProfileError, OSError) as error:
        raise CommandRefused(f"profile {name} was not saved: {error}") from error
    return session.log(EventKind.PROFILE_SAVED, actor, f"profile {name} saved: {path}", reason=note)


HANDLERS: Final[Mapping[type[Command], Handler]] = MappingProxyType(
    {
        RollBack: lambda s, c, by: s.automation.roll_back(by, c.reason, c.task),
        Shift: lambda s, c, by: s.controller.shift(c.deployment, c.pct, by, c.reason, c.task, c.force),
        Nudge: lambda s, c, by: s.controller.nudge(c.deployment, c.points, by, c.task),
        Promote: lambda s, c, by: s.automation.promote(c.deployment, by, c.task),
        Undo: lambda s, c, by: s.controller.undo(by),
        ApplyWeights: _apply,
        SaveProfile: _save,
        PauseTraffic: lambda s, c, by: s.traffic.pause(by),
        ContinueTraffic: _continue,
        ToggleGuard: lambda s, c, by: s.automation.toggle_guard(by),
        HoldPlan: lambda s, c, by: s.automation.hold_plan(by, c.task),
        ResumePlan: lambda s, c, by: s.automation.resume_plan(by, c.task),
        SkipStep: lambda s, c, by: s.automation.skip_step(by, c.task),
        RetryStep: lambda s, c, by: s.automation.retry_step(by, c.task),
        CreateDeployment: lambda s, c, by: s.control_plane.create(c.endpoint, c.spec, by),
        AddToRollout: lambda s, c, by: s.add_to_rollout(c.endpoint, c.name, by),
        RemoveDeployment: lambda s, c, by: s.remove_deployment(c.endpoint, c.name, by),
        Mark: lambda s, c, by: s.log(EventKind.MARKED, by, c.text),
        Score: lambda s, c, by: s.sampler.scores.score(c.sample, c.deployment, c.value, by, c.note, c.blind),
        Unscore: lambda s, c, by: s.sampler.scores.unscore(c.sample, c.deployment, by),
    }
)
