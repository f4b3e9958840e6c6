"""Every key that looks, moves, writes or leaves, pressed for real; and what read-only leaves of all keys."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.support.cockpit_driver import Cockpit, Exits, cockpit
from tests.support.cockpit_fakes import BASELINE, CANARY
from tui.cockpit.actions import ACTIONS, BY_ID
from tui.cockpit.screens.help import HelpScreen
from tui.cockpit.screens.palette import PaletteScreen
from tui.cockpit.screens.scrolling import DetailsScreen
from tui.model import DEFAULT_TASK

# --- what is shown ------------------------------------------------------------------------------


async def test_freezing_holds_the_figures_while_weights_and_events_go_on() -> None:
    async with cockpit() as c:
        await c.press("space")
        before = c.table
        view = c.controls.current.deployments[CANARY]
        c.controls.publish(deployments={**c.controls.current.deployments, CANARY: replace(view, figures={})})
        c.controls.clock.pass_s(42)
        await c.press("minus")
        assert "FROZEN 00:42" in c.banner
        assert "canary v0513 5%" in c.banner
        assert "10 → 5%" in c.log
        assert before[2].split()[6:] == c.table[2].split()[6:]
        await c.press("space")
        assert "FROZEN" not in c.banner
        assert "waiting" in c.table[2]


async def test_reading_needs_a_frozen_picture() -> None:
    async with cockpit() as c:

        def crosshair_s() -> float | None:
            return c.app.ui.crosshair_s

        await c.press("h")
        assert "freeze the picture first" in c.log
        await c.press("space", "h", "h", "left")
        assert "freeze the picture first" not in c.banner
        assert crosshair_s() == 2
        assert "-00:02" in c.banner
        await c.press("l", "right", "l")
        assert crosshair_s() == 0
        await c.press("escape")
        assert crosshair_s() is None
        assert c.app.ui.frozen is not None


async def test_windows_go_round() -> None:
    async with cockpit() as c:
        seen = []
        for _ in range(5):
            await c.press("t")
            seen.append(c.app.ui.window)
        assert seen == ["15m", "60m", "run", "1m", "5m"]
        await c.press("T")
        assert c.app.ui.window == "1m"
        assert "production/summarise 1m" in c.banner


def plots_in_view(c: Cockpit) -> list[str | None]:
    return [plot.id for plot in c.plots()]


async def test_digits_and_z_choose_plots_on_a_large_terminal() -> None:
    async with cockpit() as c:
        assert len(plots_in_view(c)) == 4
        await c.press("2")
        assert plots_in_view(c) == ["plot-cost"]
        await c.press("4")
        assert plots_in_view(c) == ["plot-weights"]
        await c.press("4")
        assert len(plots_in_view(c)) == 4
        await c.press("z")
        assert plots_in_view(c) == ["plot-weights"]
        await c.press("0")
        assert len(plots_in_view(c)) == 4
        await c.press("z", "escape")
        assert len(plots_in_view(c)) == 4


async def test_digits_choose_the_large_plot_on_a_small_terminal() -> None:
    async with cockpit(size=(80, 24)) as c:
        assert plots_in_view(c) == ["plot-latency"]
        await c.press("3")
        assert plots_in_view(c) == ["plot-rates"]
        assert c.app.screen.query_one("#minis").display
        await c.press("z")
        assert not c.app.screen.query_one("#minis").display


async def test_rows_are_chosen_with_keys_and_mouse_and_stay_on_their_deployment() -> None:
    async with cockpit() as c:
        assert c.app.ui.selected == CANARY
        await c.press("k")
        assert c.table[1].startswith("❯")
        await c.press("down", "down")
        assert c.app.ui.selected == CANARY
        c.controls.publish(deployments=dict(reversed(list(c.controls.current.deployments.items()))))
        await c.settle()
        assert c.table[1].startswith("❯")
        assert "v0513" in c.table[1]
        await c.pilot.click("#versions", offset=(5, 2))
        await c.settle()
        assert c.app.ui.selected == BASELINE


async def test_details_open_scroll_and_close() -> None:
    async with cockpit(size=(80, 24)) as c:
        await c.press("enter")
        assert isinstance(c.app.screen, DetailsScreen)
        assert c.app.screen.deployment == CANARY
        area = c.app.screen.query_one("#details")
        await c.press("j", "j")
        assert area.scroll_y == 2
        await c.press("G")
        assert area.scroll_y == area.max_scroll_y > 10
        await c.press("g", "escape")
        assert not isinstance(c.app.screen, DetailsScreen)


async def test_the_weight_prompt_works_in_details() -> None:
    async with cockpit() as c:
        await c.press("enter", "w", "3", "enter")
        assert c.controls.canary_pct == 3
        assert isinstance(c.app.screen, DetailsScreen)


# --- events, command, the rest ------------------------------------------------------------------


async def test_the_filter_shows_matching_events_and_escape_shows_all() -> None:
    async with cockpit() as c:
        await c.press("m", *"hello", "enter", "minus")
        assert "◆ MARK hello" in c.log
        await c.press("slash", *"HELL", "enter")
        assert "hello" in c.log
        assert "→" not in c.log
        await c.press("escape")
        assert "→" in c.log


async def test_n_steps_through_the_log() -> None:
    async with cockpit() as c:
        for text in "abc":
            await c.press("m", text, "enter")
        await c.press("N")
        assert [line[0] for line in c.log.splitlines()] == [" ", "❯", " "]
        await c.press("N", "N", "n")
        assert [line[0] for line in c.log.splitlines()] == [" ", "❯", " "]


async def test_the_palette_runs_actions_and_weights() -> None:
    async with cockpit() as c:
        await c.press("colon", *"roll", "enter")
        assert c.controls.canary_pct == 0
        c.controls.why_not_raise = "too few answers"
        await c.press("colon", *"weight", "space", *"v0513", "equals_sign", *"30", "enter")
        assert "too few answers" in c.log
        assert c.controls.canary_pct == 0
        await c.press("colon", *"weight", "space", *"v0513", "equals_sign", *"30", "exclamation_mark", "enter")
        assert c.controls.canary_pct == 30
        await c.press("colon", *"weight", "space", *"nobody", "equals_sign", "3", "enter")
        assert isinstance(c.app.screen, PaletteScreen)
        assert "no deployment is named nobody" in str(c.app.screen.query_one("#said").render())


async def test_a_hasty_enter_in_the_palette_does_nothing() -> None:
    async with cockpit() as c:
        for text in ("", " "):
            await c.press("colon", *(["space"] if text else []), "enter")
            assert isinstance(c.app.screen, PaletteScreen)
            await c.press("escape")
        assert c.controls.calls == []


@pytest.mark.parametrize("word", ["r", "o", "back", "p", "e", "l", "a"])
async def test_half_a_name_in_the_palette_never_changes_weights_or_traffic(word: str) -> None:
    async with cockpit() as c:
        await c.press("colon", *word, "enter")
        assert not {"roll_back", "nudge", "undo", "shift", "pause", "promote"} & set(c.controls.calls)


async def test_the_palette_says_in_full_what_is_chosen_with_the_arrows() -> None:
    pause = BY_ID["pause_traffic"]
    async with cockpit(size=(80, 24)) as c:
        await c.press("colon", "down", *"pause")
        assert str(c.app.screen.query_one("#said").render()) == pause.help
        await c.press("enter")
        assert c.controls.calls == ["pause"]
        harmless = [a for a in ACTIONS if a.risk == "none" and a.only != "replay" and a.id != "command"]
        await c.press("colon", "down", "down")
        assert str(c.app.screen.query_one("#said").render()) == harmless[1].help


async def test_help_opens_and_closes_with_the_same_key() -> None:
    async with cockpit() as c:
        await c.press("question_mark")
        assert isinstance(c.app.screen, HelpScreen)
        await c.press("question_mark")
        assert not isinstance(c.app.screen, HelpScreen)


async def test_y_copies_what_is_shown() -> None:
    async with cockpit() as c:
        await c.press("y")
        assert "P95 +63% n=980" in c.app.clipboard
        assert "copied" in c.log
        await c.press("enter", "y")
        assert "latency P95" in c.app.clipboard


async def test_e_writes_picture_figures_and_state(tmp_path: Path) -> None:
    async with cockpit(export_folder=tmp_path / "out") as c:
        for times in (1, 2):
            await c.press("e")
            await c.app.workers.wait_for_complete()
            await c.settle()
            assert len(list((tmp_path / "out").iterdir())) == 3 * times
        state = json.loads(next((tmp_path / "out").glob("*.json")).read_text())
        assert state["weights"] == {DEFAULT_TASK: {BASELINE: 90.0, CANARY: 10.0}}
        assert "exported" in c.log
        assert str(tmp_path) in c.log


async def test_an_export_that_fails_is_said_and_nothing_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with cockpit(export_folder=tmp_path / "file") as c:
        await c.press("e")
        await c.app.workers.wait_for_complete()
        await c.settle()
        assert "export failed" in c.log
        assert c.app.is_running


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_quit_leaves_at_once(key: str) -> None:
    exits = Exits()
    async with cockpit(exits=exits) as c:
        await c.press(key)
        assert exits.quits == 1
        assert not c.app.is_running or c.app._exit


async def test_q_while_typing_is_a_letter() -> None:
    async with cockpit() as c:
        await c.press("m", "q")
        assert c.app.screen.query_one(Input).value == "q"


async def test_escape_never_acts() -> None:
    async with cockpit() as c:
        await c.press("escape", "escape")
        assert c.controls.calls == []
        assert c.app.is_running


async def test_keys_can_be_rebound() -> None:
    async with cockpit(settings={"keys": {"roll_back": "f9", "lower": "E"}}) as c:
        assert c.footer.startswith(" f9 ROLL BACK")
        assert "press f9" in c.banner
        await c.press("r")
        assert c.controls.calls == []
        await c.press("E", "f9")
        assert c.controls.calls == ["nudge", "roll_back"]


# --- read-only ----------------------------------------------------------------------------------


async def test_read_only_acts_on_nothing_and_says_why() -> None:
    async with cockpit(read_only=True) as c:
        await c.press("r", "ctrl+r", "minus", "plus", "equals_sign", "u", "w", "P", "p", "x")
        assert c.controls.calls == []
        assert len(c.app.screen_stack) == 2
        assert "READ-ONLY" in c.banner
        assert "read-only: pause is off" in c.log
        assert "ROLL BACK" not in c.footer
        assert "Freeze" in c.footer
        await c.press("colon", *"roll", "enter")
        await c.press("escape", "colon", *"weight", "space", *"v0513", "equals_sign", "9", "enter")
        assert c.controls.calls == []
        assert "read-only" in str(c.app.screen.query_one("#said").render())
