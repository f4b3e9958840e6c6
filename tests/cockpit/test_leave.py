"""Leaving a run that goes on, ending it, and taking control of it: real keys on a fake engine."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from textual import events

from tests.support.cockpit_driver import Exits, cockpit
from tests.support.cockpit_fakes import START, FakeControls, made_snapshot
from tui.cockpit.screens.leave import LeaveScreen
from tui.engine.messages import PROTOCOL, Welcome
from tui.model import GuardView, ViewerView

ME = ViewerView(1, "user", "pts/1", START, in_control=True)
ANN = ViewerView(2, "ann", "pts/2 from 10.0.0.9", START)


class FakeRun:
    """The run that a cockpit is attached to; ``did`` is what was asked of it."""

    def __init__(self, **welcome: Any) -> None:
        self.welcome = Welcome(
            PROTOCOL, "1", "run-1", "summarise", 1, 1, **{"kept_by_viewers": True, **welcome}
        )
        self.ended: Future[int] = Future()
        self.did: list[str] = []

    def take_over(self) -> Future[Any]:
        self.did.append("take over")
        done: Future[Any] = Future()
        done.set_result(())
        return done

    def stop(self) -> Future[Any]:
        self.did.append("stop")
        return Future()

    def leave(self, ends_in_s: float | None = None) -> None:
        self.did.append(f"leave {ends_in_s}")


def on(**changes: Any) -> FakeControls:
    return FakeControls(made_snapshot(**{"viewers": (ME,), **changes}))


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 16), (50, 12)])
async def test_q_asks_and_esc_stays(size: tuple[int, int]) -> None:
    run = FakeRun()
    async with cockpit(on(), size, run=run) as c:
        await c.press("q")
        dialog = c.app.screen
        assert isinstance(dialog, LeaveScreen)
        await c.press("escape")
        assert not dialog.is_current
        assert (run.did, c.app.is_running) == ([], True)


@pytest.mark.parametrize(
    ("keys", "guard", "rehearsed", "did", "ends"),
    [
        (("q", "l"), "off", False, ["leave None"], False),
        (("q", "e"), "armed", False, [], True),
        (("q", "enter"), "off", False, [], True),
        (("q", "enter"), "armed", False, ["leave None"], False),
        (("q", "enter"), "dry_run", False, ["leave None"], False),
        (("q", "enter"), "armed", True, [], True),
        (("q", "tab", "enter"), "armed", False, [], True),
    ],
)
async def test_enter_takes_the_answer_that_is_likely_meant(
    keys: tuple[str, ...], guard: Any, rehearsed: bool, did: list[str], ends: bool
) -> None:
    run = FakeRun(rehearsed=rehearsed)
    async with cockpit(on(guard=GuardView(mode=guard)), run=run) as c:
        await c.press(*keys)
        assert (run.did, c.app.ends_run) == (did, ends)


@pytest.mark.parametrize(
    ("typed", "did"),
    [("", ["leave 3600.0"]), ("90s", ["leave 90.0"]), ("soon", []), ("0", []), ("1.5h", ["leave 5400.0"])],
)
async def test_without_a_budget_leaving_asks_when_it_ends(typed: str, did: list[str]) -> None:
    run = FakeRun()
    async with cockpit(on(budget_usd=None), run=run) as c:
        await c.press("q")
        if typed:
            field = c.app.screen.query_one("#ends-after")
            c.app.screen.set_focus(field)
            await c.press("backspace", "backspace", *("full_stop" if k == "." else k for k in typed), "enter")
        else:
            await c.press("l")
        assert run.did == did
        if not did:
            assert f"{typed} is no time: write 90s, 30m or 2h" in str(c.app.screen.query_one("#said").render())


@pytest.mark.parametrize(
    ("changes", "options", "welcome"),
    [
        ({"viewers": (replace(ME, in_control=False), replace(ANN, in_control=True))}, {}, {}),
        ({}, {"read_only": True}, {}),
        ({}, {}, {"kept_by_viewers": False}),
    ],
)
async def test_who_does_not_decide_over_the_run_leaves_at_once(
    changes: dict[str, Any], options: dict[str, Any], welcome: dict[str, Any]
) -> None:
    run = FakeRun(**welcome)
    async with cockpit(on(**changes), run=run, **options) as c:
        await c.press("q")
        assert (run.did, c.app.ends_run) == (["leave None"], False)


async def test_who_looks_on_is_told_who_has_control_and_takes_it() -> None:
    run = FakeRun()
    async with cockpit(
        on(viewers=(replace(ME, in_control=False), replace(ANN, in_control=True))), run=run
    ) as c:
        assert "LOOKING ON" in c.banner
        assert "ann (pts/2 from 10.0.0.9) is in control; r and - act from here too" in c.banner
        assert "K takes over" in c.banner
        await c.press("K")
        assert run.did == ["take over"]
        c.controls.publish(viewers=(ME, ANN))
        await c.settle()
        assert "LOOKING ON" not in c.banner
        await c.press("K")
        assert (run.did, "nobody else is in control" in c.banner) == (["take over"], True)


async def test_an_engine_that_is_gone_is_said_above_everything() -> None:
    run = FakeRun()
    async with cockpit(on(), run=run) as c:
        run.ended.set_exception(RuntimeError("all it sent is recorded"))
        await c.settle()
        assert "✗ ENGINE GONE" in c.banner
        assert "all it sent is recorded" in c.banner
        await c.press("q")
        assert run.did == []


async def test_a_run_that_somebody_else_ended_is_said() -> None:
    run = FakeRun()
    async with cockpit(on(), run=run) as c:
        run.ended.set_result(0)
        await c.settle()
        assert "the run has ended; the weights stay as they are; q leaves" in c.banner


async def test_ctrl_c_twice_ends_without_asking_and_once_asks() -> None:
    run, exits = FakeRun(), Exits()
    async with cockpit(on(), run=run, exits=exits) as c:
        first = key("ctrl+c")
        assert c.app.heard(first)
        c.controls.clock.pass_s(10.0)
        assert c.app.heard(key("ctrl+c")), "too late for twice"
        assert not exits.quits
        assert not c.app.heard(key("ctrl+c"))
        assert (exits.quits, run.did, c.app.ends_run) == (1, ["stop"], True)


def key(name: str) -> Any:
    return events.Key(name, None)
