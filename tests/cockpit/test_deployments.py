"""The keys of the deployments screen, on a fake engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.cockpit_driver import Cockpit, cockpit
from tests.support.cockpit_fakes import BASELINE, CANARY, FakeControls, made_snapshot
from tests.support.statuses import lifecycle, managed, managed_snapshot, status, with_status
from tui.cockpit.screens.deployments import DeploymentsScreen
from tui.cockpit.screens.lifecycle import LifecycleScreen
from tui.cockpit.widgets.lines import Lines
from tui.model import DEFAULT_TASK, Phase

OTHER = "elsewhere-prod"
ROLLED_BACK = {DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}}


def on_account(**changes: object) -> FakeControls:
    return FakeControls(managed_snapshot(**changes))


def rolled_back(**changes: object) -> FakeControls:
    return FakeControls(replace(managed_snapshot(**changes), weights=ROLLED_BACK))


def body(c: Cockpit) -> str:
    return "\n".join(c.app.screen_stack[-1].query_one("#details Lines", Lines).plain_lines)


def shown(c: Cockpit) -> type[object]:
    return type(c.app.screen)


def dialog(c: Cockpit) -> str:
    return "\n".join(str(widget.render()) for widget in c.app.screen_stack[-1].query("#dialog Static"))


async def test_d_lists_and_d_again_looks_ahead_and_back() -> None:
    async with cockpit(on_account(), lifecycle=lambda *_: "TIME LINE\n ends") as c:
        await c.press("d")
        assert shown(c) is DeploymentsScreen
        assert f"❯ ● {BASELINE}" in body(c)
        await c.press("d")
        assert shown(c) is LifecycleScreen
        assert "TIME LINE" in body(c)
        await c.press("d")
        assert shown(c) is DeploymentsScreen
        await c.press("escape")
        assert c.app._cockpit.is_current


async def test_the_footer_offers_the_keys_of_the_screen_only_there() -> None:
    async with cockpit(on_account(), size=(160, 36)) as c:
        assert "Create" not in c.footer
        await c.press("d")
        assert all(word in c.footer for word in ("r ROLL BACK", "c Create", "o Add", "X Remove"))


@pytest.mark.parametrize("key", ["c", "o", "X"])
async def test_the_keys_of_the_screen_do_nothing_elsewhere(key: str) -> None:
    async with cockpit(on_account()) as c:
        await c.press(key)
        assert c.app._cockpit.is_current
        assert c.controls.calls == []


async def test_the_cursor_stays_on_its_deployment_and_within_the_list() -> None:
    async with cockpit(on_account()) as c:
        await c.press("d", "up", "j", "j", "j", "j")
        assert f"❯ · {OTHER}" in body(c)
        c.controls.publish(accounts=(on_account().current.accounts[0],))
        await c.press("k")
        assert f"❯ ▲ {CANARY}" in body(c)
        await c.press("G")
        assert f"❯ · {OTHER}" in body(c)
        await c.press("g")
        assert f"❯ ● {BASELINE}" in body(c)


async def test_roll_back_acts_on_the_screen_and_under_its_forms() -> None:
    async with cockpit(on_account()) as c:
        await c.press("d", "r")
        assert c.controls.calls == ["roll_back"]
        await c.press("c", "ctrl+r")
        assert c.controls.calls == ["roll_back"] * 2


# --- creating ---------------------------------------------------------------------------------------


async def test_enter_through_the_form_creates_what_it_was_filled_with() -> None:
    async with cockpit(on_account()) as c:
        await c.press("d", "c")
        assert "creates gpt51-prod-v1113: gpt-5.1 2025-11-13, GlobalStandard, 100,000 tokens/min" in dialog(c)
        assert "weight 0, pinned, content filter Strict" in dialog(c)
        await c.press(*["enter"] * 4)
        assert c.controls.wished == []
        await c.press("enter")
        [(endpoint, spec)] = c.controls.wished
        assert (endpoint, spec.name, spec.model, spec.version) == (
            "main", "gpt51-prod-v1113", "gpt-5.1", "2025-11-13",
        )  # fmt: skip
        assert isinstance(c.app.screen, DeploymentsScreen)


async def test_what_speaks_against_it_asks_for_a_second_enter() -> None:
    async with cockpit(on_account()) as c:
        await c.press("d", "c", *["enter"] * 4, "9", "9", "9")
        assert "GlobalStandard, 100,999,000 tokens/min" in dialog(c)
        await c.press("escape", "c", "enter", "enter", "x", *["enter"] * 3)
        assert "the account does not list gpt-5.1 2025-11-13x" in dialog(c)
        assert "Enter once more creates it all the same" in dialog(c)
        assert c.controls.wished == []
        await c.press("enter")
        [(_, spec)] = c.controls.wished
        assert spec.version == "2025-11-13x"


async def test_a_change_after_the_warning_asks_again() -> None:
    async with cockpit(on_account()) as c:
        await c.press("d", "c", "enter", "enter", "x", *["enter"] * 3, "1", "enter")
        assert c.controls.wished == []
        assert "Enter once more" in dialog(c)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["backspace"] * 3, "capacity is missing"),
        (["x"], "capacity is a whole number"),
        ([*["backspace"] * 3, "0"], "capacity is at least 1"),
    ],
)
async def test_a_capacity_that_is_none_creates_nothing(typed: list[str], said: str) -> None:
    async with cockpit(on_account()) as c:
        await c.press("d", "c", *["enter"] * 4, *typed, "enter")
        assert said in dialog(c)
        assert c.controls.wished == []


async def test_letters_are_text_in_the_form() -> None:
    async with cockpit(on_account()) as c:
        await c.press("d", "c", "r", "q", "X")
        assert c.controls.calls == []
        assert "creates gpt51-prod-v1113rqX" in dialog(c)


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        (FakeControls(made_snapshot()), "the control plane is not asked"),
        (on_account(may_write=False), "is read only: write = true under [control_plane] allows it"),
        (on_account(deployments=None, error="HTTP 403"), "has not been read yet: HTTP 403"),
    ],
)
async def test_where_nothing_can_be_created_it_says_why(controls: FakeControls, said: str) -> None:
    async with cockpit(controls, size=(160, 36)) as c:
        await c.press("d", "c")
        assert said in c.banner
        assert isinstance(c.app.screen, DeploymentsScreen)


async def test_read_only_offers_no_change() -> None:
    async with cockpit(on_account(), read_only=True) as c:
        await c.press("d", "c", "X", "o")
        assert c.controls.calls == []
        assert "Create" not in c.footer


# --- adding and removing ----------------------------------------------------------------------------


async def test_o_adds_the_chosen_one_and_refuses_what_is_there() -> None:
    async with cockpit(on_account()) as c:
        await c.press("d", "o")
        assert f"{BASELINE} is part of this rollout already" in c.banner
        await c.press("G", "o")
        assert c.controls.calls == ["add"]
        assert c.controls.current.events[-1].text == f"main/{OTHER}"


async def test_only_the_whole_name_removes() -> None:
    async with cockpit(rolled_back()) as c:
        await c.press("d", "j", "X")
        assert f"{CANARY} will be deleted from the account of main" in dialog(c)
        await c.press(*CANARY[:-1], "enter")
        assert f"that is not {CANARY}: nothing is removed" in dialog(c)
        await c.press(CANARY[-1], "enter")
        assert c.controls.calls == ["remove"]
        assert c.controls.current.events[-1].text == f"main/{CANARY}"


async def test_what_cannot_be_made_again_is_said() -> None:
    gone = status(lifecycle=lifecycle(Phase.DEPRECATED))
    controls = FakeControls(with_status(CANARY, rolled_back().current, status=gone))
    async with cockpit(controls) as c:
        await c.press("d", "j", "X")
        assert "▲ gpt-4o 2025-05-13 is deprecated: it may be impossible to make it again" in dialog(c)


@pytest.mark.parametrize(
    ("controls", "keys", "said"),
    [
        (on_account(), ["X"], f"{BASELINE} is the baseline"),
        (on_account(), ["j", "X"], f"{CANARY} still has 10% of the traffic: roll back first"),
        (rolled_back(deployments=(managed(),)), ["j", "X"], f"{CANARY} is not known to the control plane"),
        (FakeControls(made_snapshot()), ["X"], "is not known to the control plane"),
    ],
)
async def test_what_must_not_be_removed_is_refused(controls: FakeControls, keys: list[str], said: str) -> None:
    async with cockpit(controls) as c:
        await c.press("d", *keys)
        assert said in c.banner
        assert c.controls.calls == []


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (60, 16), (20, 5)])
async def test_every_size_shows_the_screen_and_its_forms(size: tuple[int, int]) -> None:
    async with cockpit(rolled_back(), size=size) as c:
        await c.press("d", "j", "c", "escape", "X", "escape", "d")
        assert c.app.is_running
        for line in c.app.screen.query_one("#details Lines", Lines).plain_lines:
            assert "\n" not in line
