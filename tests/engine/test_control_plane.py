"""The accounts of a run over real HTTP: what is said of them, once, and what is written to them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.arm_service import STARTS
from tests.support.contexts import context_of
from tests.support.engine_runs import OLD, WAIT_S, recorded, until
from tests.support.managed_runs import (
    MADE,
    account_of,
    calendar_of,
    find,
    managed_rollout,
    managed_run,
)
from tui.cli.viewing import left_half_done
from tui.control_plane.resource_manager import ResourceManager
from tui.engine.accounts import RunAccount
from tui.engine.control_plane import AccountWrites
from tui.engine.events import EventLog
from tui.engine.thread import Engine
from tui.lifecycle.table import load_lifecycle
from tui.model import AccountView, DeploymentSpec, EventKind, Snapshot
from tui.model.commands import CreateDeployment
from tui.record.reader import read_events
from tui.routing.controller import CommandRefused, LeftHalfDone
from tui.simulator.control.plane import ControlSettings

SPEC = DeploymentSpec(MADE, "gpt-5.1", "2025-11-13", "GlobalStandard", 10)
PLANE = EventKind.CONTROL_PLANE


def said(snapshot: Snapshot, text: str) -> int:
    """How many events say it."""
    return sum(text in event.text for event in snapshot.events)


def test_what_may_be_read_is_shown_where_the_rest_may_not_be(tmp_path: Path) -> None:
    faults = [{"on": step, "do": "forbidden", "times": 1000} for step in ("models", "usages")]
    with managed_run(tmp_path, faults=faults[:1]) as (engine, plane):
        account = account_of(until(engine, lambda s: account_of(s).read_at))
        assert [d.name for d in account.deployments or ()] == [OLD]
        assert (account.error or "").startswith("models not known: ")
        assert "the role is missing" in (account.error or "")
        plane.clear()
        account = account_of(until(engine, lambda s: account_of(s).models))
        plane.plan(faults[1])
        account = account_of(until(engine, lambda s: account_of(s).error))
        assert (account.error or "").startswith("quota not known: ")
        assert account.quota, "what was read before stays"


def test_a_control_plane_that_fails_is_said_once_and_when_it_answers_again(tmp_path: Path) -> None:
    with managed_run(tmp_path) as (engine, plane):
        until(engine, lambda s: account_of(s).read_at)
        plane.plan({"on": "list", "do": "forbidden", "times": 1000})
        failing = account_of(until(engine, lambda s: account_of(s).error))
        assert [d.name for d in failing.deployments or ()] == [OLD], "what was read before stays"
        plane.clear()
        after = until(engine, lambda s: find(s, PLANE, "control plane of acct-1 answers again"))
        assert account_of(after).error is None
        assert said(after, "listing the deployments: AuthorizationFailed") == 1


def test_what_somebody_else_does_to_a_deployment_of_the_rollout_is_an_event(tmp_path: Path) -> None:
    model = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}
    with managed_run(tmp_path, control=ControlSettings(provisioning_s=0)) as (engine, plane):
        until(engine, lambda s: account_of(s).read_at)
        plane.put(MADE)
        plane.put(OLD, model=model, versionUpgradeOption="OnceCurrentVersionExpired")
        event = find(until(engine, changed(f"settings of {OLD}")), EventKind.SETTINGS_CHANGED)
        assert event is not None
        assert "versionUpgradeOption NoAutoUpgrade → OnceCurrentVersionExpired" in event.text
        plane.delete(OLD)
        until(engine, changed(f"{OLD} is no longer in acct-1"))
        plane.put(OLD, model=model)
        until(engine, changed(f"{OLD} is in acct-1 now"))
        assert said(engine.snapshot(), MADE) == 0, "one that is not of the rollout is nobody's concern"


def changed(text: str) -> Any:
    return lambda s: find(s, EventKind.SETTINGS_CHANGED, text)


def refused(engine: Engine, spec: DeploymentSpec) -> str:
    with pytest.raises(CommandRefused) as error:
        engine.send(CreateDeployment("main", spec), actor="ann").result(WAIT_S)
    assert not isinstance(error.value, LeftHalfDone)
    return str(error.value)


def test_a_second_write_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with managed_run(tmp_path, control=ControlSettings(provisioning_s=3600, retry_after_s=1)) as (
        engine,
        plane,
    ):
        first = engine.send(CreateDeployment("main", SPEC), actor="ann")
        until(engine, lambda s: account_of(s).doing)
        assert refused(engine, replace(SPEC, name="another")) == (
            f"creating {MADE} is under way in acct-1: wait for its end, then try again"
        )
        assert len(plane.sent("PUT")) <= 1
        assert not first.done()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (replace(SPEC, version=""), "the version has to be named exactly"),
        (replace(SPEC, capacity=0), "the capacity has to be at least 1"),
        (replace(SPEC, name="a b"), "letters, digits"),
    ],
)
def test_what_pins_nothing_is_refused_before_anything_is_sent(
    tmp_path: Path, spec: DeploymentSpec, why: str
) -> None:
    with managed_run(tmp_path) as (engine, plane):
        text = refused(engine, spec)
        assert text.startswith("nothing was changed: ")
        assert why in text
        assert plane.sent("PUT") == []


def test_without_write_nothing_is_sent_and_the_file_is_named(tmp_path: Path) -> None:
    with managed_run(tmp_path, write=False) as (engine, plane):
        assert "nothing was changed: " in (text := refused(engine, SPEC))
        assert "set `write = true` under [control_plane]" in text
        assert plane.sent("PUT") == []


def test_an_endpoint_without_an_account_is_told_what_to_add(tmp_path: Path) -> None:
    with managed_run(tmp_path, resource=None) as (engine, _):
        assert "names no account: add resource to it" in refused(engine, SPEC)


def test_a_run_that_ends_during_a_write_leaves_word_of_it_in_its_record(tmp_path: Path) -> None:
    record = recorded(tmp_path, managed_rollout(tmp_path, "http://nowhere"))
    slow = ControlSettings(provisioning_s=3600, retry_after_s=1)
    with managed_run(tmp_path, control=slow, engine={"record": record}) as (engine, plane):
        future = engine.send(CreateDeployment("main", SPEC), actor="ann")
        before = until(engine, lambda s: "the service says" in account_of(s).doing)
        engine.stop()
        assert future.cancelled()
        event = find(engine.snapshot(), EventKind.HALF_DONE)
        assert event is not None
        assert event.text.startswith(f"{MADE}: the run ended during creating {MADE}: the service says Accepted")
        assert event.text.endswith(f"look at {MADE} before anything else")
        assert event.reason.startswith("az rest --method put"), "how it is done by hand"
        assert list(left_half_done(before, engine.snapshot())) == [f"{event.text}\nby hand: {event.reason}"]
        assert plane.state(MADE) == "Accepted"
    assert event.text in [e.text for e in read_events(tmp_path / "run1.sqlite")]
    with pytest.raises(CommandRefused, match="the run is over"):
        engine.send(CreateDeployment("main", SPEC), actor="ann").result(WAIT_S)


class Broken:
    """A manager with a mistake in it, which shows once the request was sent."""

    def az_create(self, *_: object) -> str:
        return "az"

    async def create(self, *_: object, **__: object) -> None:
        raise KeyError("surprise")


def test_a_mistake_of_the_program_does_not_pass_for_nothing_done() -> None:
    log = EventLog(clock=lambda: 0.0, now=calendar_of(STARTS))
    account = RunAccount(cast(ResourceManager, Broken()), AccountView("main", "acct-1"))
    writes = AccountWrites(load_lifecycle(), context_of(log, now=calendar_of(STARTS)))
    with pytest.raises(LeftHalfDone, match=f"{MADE}: what became of creating {MADE} is not known") as error:
        asyncio.run(writes.create(account, SPEC, "ann"))
    assert "KeyError: 'surprise'" in str(error.value)
    assert account.view.ended is not None
    assert account.view.ended.text == str(error.value)
    assert (account.writing, account.view.doing) == ("", "")
