"""Every key, pressed for real: what it does to the weights, and how much friction stands before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.support.cockpit_driver import cockpit
from tests.support.cockpit_fakes import BASELINE, CANARY, START, FakeControls, made_snapshot
from tui.cockpit.screens.profiles import ProfilesScreen, SaveProfileScreen
from tui.cockpit.screens.promote import PromoteScreen
from tui.cockpit.widgets.prompt import Prompt
from tui.model import DEFAULT_TASK, TrafficState
from tui.weight_profiles import BrokenProfile, WeightProfile

SIZES = [(80, 24), (120, 36), (200, 60), (60, 16), (50, 12)]


def profile(name: str, canary_pct: float) -> WeightProfile:
    weights = {DEFAULT_TASK: {BASELINE: 100 - canary_pct, CANARY: canary_pct}}
    return WeightProfile(name, "summarise", weights, START, "ana", f"note of {name}")


# --- rolling back -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_r_rolls_back_at_once(size: tuple[int, int]) -> None:
    async with cockpit(size=size) as c:
        await c.press("r")
        assert c.controls.canary_pct == 0
        assert "ROLLED BACK" in c.banner
        assert " 0% " in c.table[2]


async def test_what_a_run_begins_with_is_said_first_and_stays_in_the_log() -> None:
    said = "the last run was left rolled back by guard 2026-12-01 03:12Z (errors), and so this one begins"
    async with cockpit(size=(200, 60), greeting=said) as c:
        assert said in c.banner
        assert any(said in notice.text for notice in c.app.view.notices)


@pytest.mark.parametrize("opening", ["question_mark", "p", "P", "enter", "space"])
async def test_r_rolls_back_on_every_screen_and_while_frozen(opening: str) -> None:
    async with cockpit() as c:
        await c.press(opening, "r")
        assert c.controls.calls == ["roll_back"]
        assert c.controls.canary_pct == 0


@pytest.mark.parametrize("opening", ["w", "slash", "m", "s", "colon"])
async def test_while_typing_only_the_chord_rolls_back(opening: str) -> None:
    async with cockpit() as c:
        await c.press(opening, "r", "minus", "x", "u")
        assert c.controls.calls == []
        await c.press("ctrl+r")
        assert c.controls.calls == ["roll_back"]


async def test_a_letter_that_rolls_back_by_the_keymap_is_text_while_typing() -> None:
    async with cockpit(settings={"keys": {"roll_back": "Z,f9"}}) as c:
        await c.press("m", "Z", "f9")
        assert c.controls.calls == ["roll_back"]
        assert c.app.screen.query_one("Prompt Input", Input).value == "Z"


@pytest.mark.parametrize(
    ("typed", "calls"),
    [
        ("+r", ["nudge", "roll_back"]),
        ("r+", ["roll_back", "nudge"]),
        ("w25\n", ["shift"]),
        ("m-r\n", ["mark"]),
    ],
)
async def test_keys_that_come_all_at_once_act_in_their_order(typed: str, calls: list[str]) -> None:
    async with cockpit() as c:
        await c.press_at_once(typed)
        assert c.controls.calls == calls
        assert c.app.ui.plot == 0


@pytest.mark.parametrize("opening", ["question_mark", "p", "P"])
@pytest.mark.parametrize("key", ["plus", "minus", "u", "x", "w", "space"])
async def test_no_other_key_acts_under_a_dialog(opening: str, key: str) -> None:
    async with cockpit() as c:
        await c.press(opening, key)
        assert c.controls.calls == []
        assert c.app.ui.frozen is None


# --- shifting -----------------------------------------------------------------------------------


async def test_steps_down_and_up() -> None:
    async with cockpit(settings={"step_pct": 4.0}) as c:
        await c.press("minus")
        assert c.controls.canary_pct == 6
        await c.press("plus", "equals_sign")
        assert c.controls.canary_pct == 14
        assert "+4%" in c.footer


async def test_a_burst_is_one_line_from_first_to_last() -> None:
    async with cockpit() as c:
        await c.press("minus", "minus")
        assert "10 → 0%" in c.log
        assert "(×2)" in c.log
        assert c.log.count("→ 0%") == 1


async def test_a_refusal_of_the_engine_is_said_in_log_and_banner() -> None:
    controls = FakeControls()
    controls.why_not_raise = "its figures are stale"
    async with cockpit(controls) as c:
        await c.press("plus")
        assert c.controls.canary_pct == 10
        assert "its figures are stale" in c.log
        assert "its figures are stale" in c.banner


async def test_raising_is_refused_while_no_snapshot_comes_and_lowering_is_not() -> None:
    async with cockpit() as c:
        c.controls.clock.pass_s(10)
        await c.press("plus")
        assert c.controls.calls == []
        assert "refused: no new figures for 10s" in c.log
        await c.press("minus")
        assert c.controls.canary_pct == 5


async def test_undo_of_a_raise_is_immediate() -> None:
    async with cockpit() as c:
        await c.press("plus", "u")
        assert c.controls.canary_pct == 10
        assert c.controls.calls == ["nudge", "undo"]


async def test_undo_that_raises_needs_a_second_press_within_five_seconds() -> None:
    async with cockpit() as c:
        await c.press("minus", "u")
        assert c.controls.canary_pct == 5
        assert "Press u again" in c.log
        c.controls.clock.pass_s(5.1)
        c.controls.publish()
        await c.settle()
        await c.press("u")
        assert c.controls.canary_pct == 5
        assert "Press u again" in c.banner
        await c.press("u")
        assert c.controls.canary_pct == 10
        assert "Press u again" not in c.banner


async def test_nothing_to_undo_is_said() -> None:
    async with cockpit() as c:
        await c.press("u")
        assert "nothing to undo" in c.log


async def test_an_exact_weight_shows_from_and_to_before_enter() -> None:
    async with cockpit() as c:
        await c.press("w", "2", "5")
        preview = str(c.app.screen.query_one("#prompt-preview").render())
        assert "10 → 25%" in preview
        assert "raises" in preview
        assert c.controls.calls == []
        await c.press("enter")
        assert c.controls.canary_pct == 25
        assert not c.app.screen.query_one(Prompt).asking


@pytest.mark.parametrize("typed", ["abc", "101", "x=5", "minus"])
async def test_a_wrong_weight_keeps_the_prompt_and_says_why(typed: str) -> None:
    async with cockpit() as c:
        await c.press(
            "w", *(["minus", "5"] if typed == "minus" else [k.replace("=", "equals_sign") for k in typed])
        )
        await c.press("enter")
        assert c.controls.calls == []
        assert c.app.screen.query_one(Prompt).asking
        await c.press("escape")
        assert not c.app.screen.query_one(Prompt).asking
        await c.press("minus")
        assert c.controls.calls == ["nudge"]


async def test_promotion_has_cancel_focused_and_another_key_accepts() -> None:
    async with cockpit() as c:
        for answer in ("enter", "escape", "n", "P"):
            await c.press("P")
            assert isinstance(c.app.screen, PromoteScreen)
            assert c.app.focused is not None
            assert c.app.focused.id == "cancel"
            await c.press(answer)
            assert c.controls.calls == []
            if answer == "P":
                await c.press("escape")
            assert not isinstance(c.app.screen, PromoteScreen)
        await c.press("P")
        said = "\n".join(str(widget.render()) for widget in c.app.screen.query("Static"))
        assert "production/summarise: send 100%" in said
        assert f"{CANARY} 10 → 100" in said
        assert "window 5m: P95 655 ms vs 402 ms (+63%, n=980)" in said
        await c.press("y")
        assert c.controls.canary_pct == 100


async def test_several_canaries_need_a_chosen_row() -> None:
    made = made_snapshot()
    third = replace(
        made.deployments[CANARY], deployment=replace(made.deployments[CANARY].deployment, name="v3")
    )
    table = {DEFAULT_TASK: {BASELINE: 80.0, CANARY: 10.0, "v3": 10.0}}
    controls = FakeControls(replace(made, deployments={**made.deployments, "v3": third}, weights=table))
    async with cockpit(controls) as c:
        await c.press("g", "minus", "P")
        assert c.controls.calls == []
        assert "choose the row" in c.log
        await c.press("G", "minus")
        assert c.controls.current.weights[DEFAULT_TASK]["v3"] == 5


# --- profiles, traffic --------------------------------------------------------------------------


async def test_a_profile_that_lowers_is_applied_by_enter() -> None:
    controls = FakeControls()
    controls.saved = [profile("calm", 2.0)]
    async with cockpit(controls) as c:
        await c.press("p")
        preview = str(c.app.screen.query_one("#preview").render())
        assert "10 → 2%" in preview
        assert "note of calm" in preview
        await c.press("enter")
        assert c.controls.canary_pct == 2


async def test_a_profile_that_raises_needs_a_second_enter_on_the_same_one() -> None:
    controls = FakeControls()
    controls.saved = [profile("half", 50.0), profile("most", 90.0)]
    async with cockpit(controls) as c:
        await c.press("p")
        preview = c.app.screen.query_one("#preview")
        assert f"▲ raises {CANARY}: press Enter twice" in str(preview.render())
        await c.press("enter", "j", "k")
        assert c.controls.calls == []
        await c.press("enter")
        assert c.controls.calls == []
        assert "press Enter once more" in str(preview.render())
        await c.press("enter")
        assert c.controls.canary_pct == 50


async def test_a_broken_profile_is_shown_with_its_error_and_cannot_be_applied(tmp_path: Path) -> None:
    controls = FakeControls()
    controls.saved = [BrokenProfile(tmp_path / "old[b].toml", "weights sum to 90 [/b]")]
    async with cockpit(controls) as c:
        await c.press("p", "enter", "enter")
        assert isinstance(c.app.screen, ProfilesScreen)
        assert "weights sum to 90 [/b]" in str(c.app.screen.query_one("#preview").render())
        assert c.controls.calls == []


async def test_weights_are_saved_with_name_and_note_and_replaced_only_twice_asked() -> None:
    async with cockpit() as c:
        for times in (1, 2):
            await c.press("s", *"calm", "enter", *"why", "enter")
            if times == 2:
                assert isinstance(c.app.screen, SaveProfileScreen)
                await c.press("enter")
            assert not isinstance(c.app.screen, SaveProfileScreen)
        assert [p.name for p in c.controls.saved if isinstance(p, WeightProfile)] == ["calm"]
        [saved] = c.controls.saved
        assert isinstance(saved, WeightProfile)
        assert saved.note == "why"
        await c.press("s", "enter")
        assert "needs a name" in str(c.app.screen.query_one("#said").render())


async def test_x_pauses_and_continues_traffic() -> None:
    async with cockpit() as c:

        def traffic() -> TrafficState:
            return c.controls.current.state

        await c.press("x")
        assert traffic() is TrafficState.PAUSED
        assert "TRAFFIC PAUSED" in c.banner
        assert "Continue" in c.footer
        await c.press("x")
        assert traffic() is TrafficState.RUNNING
        c.controls.publish(state=TrafficState.ENDED)
        await c.press("x")
        assert "no traffic to pause" in c.log
