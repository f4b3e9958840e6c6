"""The accounts of a rollout, read once or all the time: what is known stays known, what is not is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.arm_service import Arm, answering, arm
from tests.support.check_service import ENV, checked, noon
from tests.support.contexts import context_of
from tests.support.lifecycle_values import BUNDLED
from tui.control_plane.resource_manager import ResourceManager
from tui.engine.accounts import ask_accounts, first_view, look_once, may_be_asked, read_account
from tui.engine.control_plane import RunControlPlane
from tui.engine.events import EventLog
from tui.model import AccountView, Deployment, EventKind
from tui.rollout import ControlPlane


def first(manager: ResourceManager) -> AccountView:
    return first_view("main", manager)


class TestReadAccount:
    async def test_all_of_it_in_four_requests(self) -> None:
        async with arm() as service:
            view = (await read_account(service.manager, first(service.manager), models=True, now=noon)).view
            paths = [r["path"].rpartition("/")[2] for r in await service.requests()]
        assert (view.endpoint, view.name, view.location, view.error) == ("main", "acct-1", "eastus2", None)
        assert view.read_at == noon()
        assert [d.name for d in view.deployments or ()] == ["d"]
        assert view.models
        assert view.quota
        assert paths == ["deployments", "acct-1", "models", "usages"]

    async def test_what_it_offers_is_kept_where_it_is_not_read_again(self) -> None:
        async with arm() as service:
            known = (await read_account(service.manager, first(service.manager), models=True, now=noon)).view
            again = (await read_account(service.manager, known, models=False, now=noon)).view
            assert (again.location, again.models) == (known.location, known.models)

    async def test_quota_that_may_not_be_read_is_an_error_beside_the_rest(self) -> None:
        async with arm() as service:
            known = (await read_account(service.manager, first(service.manager), models=True, now=noon)).view
            await service.plan({"on": "usages", "do": "forbidden"})
            again = await read_account(service.manager, known, models=False, now=noon)
        assert (again.view.quota, again.error) == (known.quota, None)
        assert again.view.error is not None
        assert again.view.error.startswith("quota not known: ")

    @pytest.mark.parametrize("step", ["account", "models"])
    async def test_what_it_offers_may_be_unreadable_and_the_deployments_are_read(self, step: str) -> None:
        async with arm() as service:
            await service.plan({"on": step, "do": "forbidden"})
            look = await read_account(service.manager, first(service.manager), models=True, now=noon)
            again = await read_account(service.manager, look.view, models=True, now=noon)
        assert look.error is not None
        assert look.error.status == 403
        assert [d.name for d in look.view.deployments or ()] == ["d"]
        assert look.view.error is not None
        assert look.view.error.startswith("models not known: ")
        assert bool(look.view.quota) == (step == "models"), "quota is that of a region"
        assert (again.error, again.view.error) == (None, None)
        assert again.view.models

    @pytest.mark.parametrize("location", ["", "../../evil", "\x1b[31m", None])
    async def test_a_region_that_is_none_costs_the_quota_only(self, location: str | None) -> None:
        async def handler(request: web.Request) -> web.Response:
            return web.json_response({"value": [{"name": "d"}], "location": location})

        async with answering(handler) as (manager, _):
            view = (await read_account(manager, first(manager), models=True, now=noon)).view
        assert [d.name for d in view.deployments or ()] == ["d"]
        assert view.error is not None
        assert "write a name such as eastus2" in view.error


class TestLookOnce:
    async def test_each_is_looked_at_and_one_that_fails_does_not_spoil_the_others(self) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.json_response({"error": {"code": "AuthorizationFailed", "message": "no"}}, status=403)

        async with arm() as service, answering(handler) as (refused, _):
            looks = await look_once({"main": service.manager, "second": refused}, now=noon, within_s=20.0)
        assert list(looks) == ["main", "second"]
        assert (looks["main"].error, looks["main"].view.location) == (None, "eastus2")
        error = looks["second"].error
        assert error is not None
        assert error.status == 403
        assert looks["second"].view.deployments is None
        assert "the role is missing" in (looks["second"].view.error or "")

    async def test_silence_is_not_waited_for(self) -> None:
        over = asyncio.Event()

        async def handler(_: web.Request) -> web.Response:
            await over.wait()
            return web.Response()

        async with answering(handler) as (manager, _):
            looks = await look_once({"main": manager}, now=noon, within_s=0.05)
            over.set()
        error = looks["main"].error
        assert error is not None
        assert (error.code, "it took longer than 0.05 s" in str(error)) == ("TookTooLong", True)


class TestAskAccounts:
    async def test_what_could_be_read_and_why_the_rest_could_not(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            main = service.rollout.endpoints["main"]
            two = replace(service.rollout, endpoints={"main": main, "second": replace(main, name="second")})
            await service.plan({"on": "list", "do": "forbidden"})
            accounts, notes = await ask_accounts(two, ENV, now=noon)
        [read] = accounts
        [failed] = {"main", "second"} - {read}
        [note] = notes
        assert note.startswith(f"ARM could not be asked for endpoint {failed}: listing the deployments")

    async def test_an_account_that_tells_a_part_is_there_with_a_note(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            await service.plan({"on": "models", "do": "forbidden"})
            accounts, notes = await ask_accounts(service.rollout, ENV, now=noon)
        assert accounts["main"].deployment("d") is not None
        [note] = notes
        assert note.startswith("ARM does not tell all of endpoint main: ")
        assert "AuthorizationFailed" in note

    async def test_a_simulator_that_does_not_run_is_not_asked(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            of = service.rollout
        assert may_be_asked(of)
        assert not may_be_asked(replace(of, control_plane=None))
        assert not may_be_asked(replace(of, control_plane=ControlPlane("simulator")))
        simulated = {"main": replace(of.endpoints["main"], url="simulator")}
        assert not may_be_asked(replace(of, endpoints=simulated))


@asynccontextmanager
async def watched(service: Arm) -> AsyncIterator[tuple[RunControlPlane, EventLog]]:
    """The control plane of a run that looks at the simulator's account all the time."""
    log = EventLog(clock=lambda: 0.0, now=noon)
    managers = {"main": service.manager}
    deployment = Deployment("d", "main", "gpt-4o", "2024-11-20")
    plane = RunControlPlane(managers, {"d": deployment}, BUNDLED, context_of(log, now=noon))
    watching = asyncio.create_task(plane.watch())
    try:
        yield plane, log
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def seen(plane: RunControlPlane, condition: Callable[[AccountView], object]) -> AccountView:
    async with asyncio.timeout(20):
        while not condition(view := plane.views()[0]):  # noqa: ASYNC110 - nobody tells of a new view
            await asyncio.sleep(0)
    return view


class TestRunControlPlane:
    async def test_it_shows_what_a_look_shows(self) -> None:
        async with arm() as service:
            looks = await look_once({"main": service.manager}, now=noon, within_s=20.0)
            async with watched(service) as (plane, log):
                view = await seen(plane, lambda v: v.statuses)
        assert replace(view, statuses={}) == looks["main"].view
        assert list(view.statuses) == ["d"]
        assert log.newest() == ()

    async def test_what_fails_is_said_once_and_what_is_under_way_is_kept(self, monkeypatch: Any) -> None:
        monkeypatch.setattr("tui.engine.control_plane.LOOK_EVERY_S", 0.0)
        monkeypatch.setattr("tui.engine.control_plane._BUSY_S", 0.0)
        async with arm() as service, watched(service) as (plane, log):
            await seen(plane, lambda v: v.statuses)
            await service.plan({"on": "list", "do": "forbidden", "times": 3})
            await seen(plane, lambda v: v.error)
            view = await seen(plane, lambda v: v.error is None)
            assert view.deployments is not None
            removing = asyncio.create_task(plane.delete("main", "d", "ann"))
            doing = await seen(plane, lambda v: v.doing)
            assert "d" in doing.doing
            await removing
            await seen(plane, lambda v: v.deployments == ())
            said = [(e.kind, e.text) for e in log.newest()]
        assert [text.partition(": ")[0] for kind, text in said if kind is EventKind.CONTROL_PLANE] == [
            "control plane of acct-1",
            "control plane of acct-1 answers again",
            "removing d in acct-1",
        ]
        assert (EventKind.REMOVED, "d removed, and seen to be gone") in said
