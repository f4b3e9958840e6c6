"""Commands: the table of what each does to a running session."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import tomli_w

from tui.base.problems import NAME_PATTERN, NAME_RULE
from tui.base.text import plain
from tui.engine.session import Session
from tui.model import AccountView, Deployment, Event, EventKind, TrafficState
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
from tui.routing.controller import CommandRefused, LeftHalfDone
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


def _add(session: Session, command: AddToRollout, actor: str) -> Event:
    """A deployment of an endpoint's account joins the run at weight 0; one that was removed and made anew does
    so again, with nothing that was measured before.

    Raises CommandRefused where it is not there, not ready, or part of the rollout already.
    """
    of_run, control = session.deployments, session.control_plane
    own, name = _own(session, command.endpoint, command.name), command.name
    again = own is not None and of_run.removals.why_never(own) is not None
    if not again and (own or name) in of_run.by_name:
        raise CommandRefused(f"a deployment named {own or name} is part of this rollout already")
    deployment = _joining(control.view(command.endpoint), command.endpoint, name)
    if own is not None:
        known = of_run.by_name[own]
        deployment = replace(deployment, name=own, endpoint=known.endpoint, id=known.id)
    name = deployment.name
    of_run.joined[name] = deployment
    of_run.add(deployment)
    text = f"{name} joined at weight 0: {deployment.model} {deployment.version}"
    if again:
        of_run.measures.restart(name, session.clock())
        session.automation.begin_anew(name)
        session.sampler.scores.version_changed(name)
        event = session.log(EventKind.ADDED, actor, text.replace("joined", "joined again"))
    else:
        of_run.measures.add_deployment(name)
        session.automation.add_canary(name)
        event = session.controller.add_deployment(name, actor, text, reason=_as_toml(deployment))
    session.keeper.state()
    return event


async def _remove(session: Session, command: RemoveDeployment, actor: str) -> Event:
    """Remove a deployment that serves nobody from its account.

    Raises CommandRefused where it has weight or requests in flight, is the baseline, or could not be removed.
    """
    of_run, removals, control = session.deployments, session.deployments.removals, session.control_plane
    own = _own(session, command.endpoint, command.name)
    if own is None:
        return await control.delete(command.endpoint, command.name, actor)
    if own == of_run.baseline:
        raise CommandRefused(f"{own} is the baseline of this rollout")
    weight_pct = session.controller.weight_pct(own)
    if weight_pct > 0:
        raise CommandRefused(f"{own} still has {weight_pct:g}% of the traffic: roll back first")
    in_flight = of_run.health[own].in_flight
    if in_flight:
        raise CommandRefused(f"{own} still has {in_flight} requests in flight: try again in a moment")
    before = removals.of(own)
    removals.set(own, "under way")
    try:
        event = await control.delete(command.endpoint, command.name, actor)
    except LeftHalfDone:
        removals.set(own, "doubted")
        raise
    except CommandRefused:
        removals.put_back(own, before)
        raise
    else:
        removals.set(own, "seen")
        return event
    finally:
        session.keeper.state()


def _own(session: Session, endpoint: str, name: str) -> str | None:
    """The rollout's own name for a deployment of an account; None where it has none of it."""
    for own in session.deployments.by_name.values():
        same_name = own.wire_id.lower() == name.lower()
        if same_name and session.control_plane.may_be_same_account(own.endpoint, endpoint):
            return own.name
    return None


def _joining(account: AccountView | None, endpoint: str, name: str) -> Deployment:
    """The deployment of an account as one of the rollout.

    Raises:
        CommandRefused: It is not known there, not ready, or has no exact version.
    """
    managed = account.deployment(name) if account is not None else None
    if managed is None:
        raise CommandRefused(f"no deployment {plain(name, 64)} is known at endpoint {endpoint}")
    if not re.fullmatch(NAME_PATTERN, managed.name):
        raise CommandRefused(f"{plain(managed.name, 64)} cannot be in a rollout: {NAME_RULE}")
    if managed.state not in (None, "Succeeded"):
        raise CommandRefused(
            f"{managed.name} is not ready, it is {plain(managed.state or '', 40)}: wait until it is"
        )
    if not managed.version:
        raise CommandRefused(f"{managed.name} has no exact version: pin one first")
    provisioned = "provisioned" in (managed.sku or "").lower()
    return Deployment(managed.name, endpoint, managed.model, managed.version, provisioned=provisioned)


def _as_toml(deployment: Deployment) -> str:
    """What the rollout file must say for the deployment to be there in the next run too."""
    table: dict[str, str | bool] = {} if deployment.id is None else {"id": deployment.id}
    table |= {
        "endpoint": deployment.endpoint,
        "model": deployment.model,
        "version": deployment.version,
    }
    if deployment.provisioned:
        table["provisioned"] = True
    lines = tomli_w.dumps({"deployments": {deployment.name: table}})
    return "for the next run add to the rollout file: " + ", ".join(lines.split("\n")).strip(", ")


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
        AddToRollout: _add,
        RemoveDeployment: _remove,
        Mark: lambda s, c, by: s.log(EventKind.MARKED, by, c.text),
        Score: lambda s, c, by: s.sampler.scores.score(c.sample, c.deployment, c.value, by, c.note, c.blind),
        Unscore: lambda s, c, by: s.sampler.scores.unscore(c.sample, c.deployment, by),
    }
)
