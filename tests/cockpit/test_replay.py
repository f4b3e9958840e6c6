"""A recording in the cockpit: its keys, pressed for real, and those of a live run, which are not offered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.widgets import Input

from tests.support.cockpit_driver import Cockpit, cockpit
from tests.support.cockpit_fakes import CANARY, event
from tests.support.made_verdicts import ALL_WORSE
from tests.support.replay_fakes import LENGTH_S, FakePlayer, recorded
from tui.cockpit.actions import ACTIONS
from tui.cockpit.screens.palette import PaletteScreen
from tui.cockpit.screens.scrolling import DetailsScreen
from tui.cockpit.screens.verdicts import VerdictsScreen
from tui.cockpit.widgets.prompt import Prompt
from tui.model import EventKind, PlayerView

_NAMES = {"-": "minus", "+": "plus", "=": "equals_sign"}


@asynccontextmanager
async def replay(player: FakePlayer | None = None, **options: Any) -> AsyncIterator[Cockpit]:
    shown = player or FakePlayer()
    async with cockpit(shown, player=shown, **options) as c:
        assert shown.wishes == ["start"]
        shown.wishes.clear()
        yield c


# --- the keys -----------------------------------------------------------------------------------


async def test_x_pauses_plays_on_and_plays_again_from_the_end() -> None:
    async with replay() as c:
        await c.press("x")
        assert "❚❚ REPLAY PAUSED 06:40 of 31:05" in c.banner
        assert "press x to play on at 1x" in c.banner
        assert "x Play on" in c.footer
        await c.press("x")
        assert "▷ REPLAY 1x 06:40 of 31:05" in c.banner
        assert "x Pause" in c.footer
        c.player.seek(LENGTH_S)
        await c.settle()
        assert "■ REPLAY END 31:05 of 31:05" in c.banner
        assert "press x to play it again" in c.banner
        assert "x Again" in c.footer
        await c.press("x")
        assert c.player.wishes[-2:] == ["seek 0", "proceed"]
        assert "▷ REPLAY 1x 00:00 of 31:05" in c.banner


async def test_keys_that_come_all_at_once_each_count() -> None:
    async with replay() as c:
        await c.press_at_once("xxx]]][>>")
        assert c.player.wishes == [
            "pause", "proceed", "pause", "2x", "4x", "8x", "4x", "seek 493.25", "seek 586.5",
        ]  # fmt: skip


async def test_steps_ahead_and_back() -> None:
    async with replay() as c:
        await c.press("greater_than_sign", "less_than_sign", "full_stop", "comma")
        assert c.player.wishes == ["seek 493.25", "seek 400", "seek 410", "seek 400"]


async def test_in_a_short_run_a_step_is_ten_seconds() -> None:
    async with replay(FakePlayer(recorded(20.0, PlayerView(60.0)))) as c:
        await c.press("greater_than_sign", "less_than_sign", "less_than_sign", "less_than_sign")
        assert c.player.wishes == ["seek 30", "seek 20", "seek 10", "seek 0"]


async def test_the_speed_doubles_and_halves_within_bounds_and_says_where_they_are() -> None:
    async with replay(FakePlayer(recorded(player=PlayerView(LENGTH_S, speed=512.0)))) as c:
        await c.press("right_square_bracket", "right_square_bracket")
        assert c.player.wishes == ["1024x"]
        assert "1024x is as fast as the keys go" in c.banner
        c.player.set_speed(0.25)
        await c.settle()
        await c.press("left_square_bracket", "left_square_bracket")
        assert c.player.now.speed == 0.125
        assert "0.125x is as slow as the keys go" in c.banner
        assert "REPLAY 0.125x" in c.banner
        c.player.set_speed(10_000)
        await c.settle()
        await c.press("left_square_bracket")
        assert c.player.now.speed == 5000


async def test_seeking_is_said_until_it_is_there_and_keys_add_up_meanwhile() -> None:
    async with replay(FakePlayer(slow=True)) as c:
        await c.press("less_than_sign", "comma", "comma")
        assert "… REPLAY SEEKING 06:40 → 04:46 of 31:05" in c.banner
        c.controls.publish(player=replace(c.player.now, sought_pct=45.4))
        await c.settle()
        assert "seeking… 45% read" in c.banner
        c.player.arrive()
        await c.settle()
        assert "▷ REPLAY 1x 04:46 of 31:05" in c.banner
        assert "seeking" not in c.banner.lower()


async def test_on_the_way_back_from_the_end_x_pauses() -> None:
    async with replay(FakePlayer(recorded(player=PlayerView(LENGTH_S, ended=True)), slow=True)) as c:
        await c.press("x")
        assert "x Pause" in c.footer
        await c.press("x")
        assert c.player.wishes == ["seek 0", "proceed", "pause"]
        assert "x Play on" in c.footer


async def test_s_asks_for_a_moment_and_previews_it() -> None:
    async with replay() as c:
        await c.press("s", *"12m30")
        preview = c.app.screen.query_one("#prompt-preview")
        assert "12m30 is no moment" in str(preview.render())
        await c.press("enter")
        assert c.player.wishes == []
        assert "✗ 12m30 is no moment" in str(preview.render())
        await c.press("s")
        assert "to 12:30 of 31:05, 2026-11-23 14:12:30Z" in str(preview.render())
        await c.press("enter")
        assert c.player.wishes == ["seek 750"]
        assert not c.app.screen.query_one(Prompt).asking


async def test_the_palette_seeks_and_offers_nothing_of_a_live_run() -> None:
    async with replay() as c:
        await c.press("colon")
        assert "seek 14:03:12" in c.app.screen.query_one(Input).placeholder
        assert isinstance(c.app.screen, PaletteScreen)
        offered = {action.id for action in c.app.screen._shown}
        assert offered == {a.id for a in ACTIONS if a.only != "live" and a.id != "command"}
        await c.press(*"seek", "space", *"14", "colon", *"99")
        assert "14:99 is no moment" in str(c.app.screen.query_one("#said").render())
        await c.press("enter", "backspace", "backspace", *"03", "colon", *"12")
        assert c.player.wishes == []
        assert "to 03:12 of 31:05, 2026-11-23 14:03:12Z" in str(c.app.screen.query_one("#said").render())
        await c.press("enter")
        assert c.player.wishes == ["seek 192"]
        await c.press("colon", *"weight", "space", *"v0513", "equals_sign", "9", "enter")
        assert isinstance(c.app.screen, PaletteScreen)
        assert "this is a recording" in str(c.app.screen.query_one("#said").render())
        await c.press("escape", "colon", *"slower", "enter")
        assert c.player.wishes == ["seek 192", "0.5x"]
        assert c.controls.calls == []


async def test_keys_of_a_replay_can_be_rebound_and_keep_those_that_they_share() -> None:
    async with replay(settings={"keys": {"pause_traffic": "f9", "step_back": "b,comma"}}) as c:
        await c.press("x", "b", "comma", "f9")
        assert c.player.wishes == ["pause", "seek 390", "seek 380"]
        assert "pause is for a live run" in c.log
    async with cockpit(settings={"keys": {"play_pause": "f9"}}) as c:
        await c.press("x", "f9")
        assert c.controls.calls == ["pause"]


# --- what belongs to the other kind of session --------------------------------------------------


async def test_a_key_of_a_live_run_says_that_this_is_a_recording() -> None:
    said: dict[str, str] = {}
    for action in ACTIONS:
        for key in action.keys:
            said.setdefault(key, action.label.rstrip("…").lower())
    ours = {key for action in ACTIONS if action.only != "live" for key in action.keys}
    async with replay() as c:
        for key, label in said.items():
            if key not in ours:
                await c.press(_NAMES.get(key, key))
                assert f"this is a recording: {label} is for a live run" in c.banner
        assert c.controls.calls == c.player.wishes == []
        assert len(c.app.screen_stack) == 2


async def test_the_keys_of_a_replay_do_nothing_in_a_live_run() -> None:
    async with cockpit() as c:
        before = c.banner
        await c.press(
            "greater_than_sign", "less_than_sign", "full_stop", "comma", "right_square_bracket",
            "left_square_bracket",
        )  # fmt: skip
        assert c.banner == before
        assert c.controls.calls == []
        assert "recording" not in c.log
        await c.press("colon", *"seek", "space", *"5m", "enter")
        assert isinstance(c.app.screen, PaletteScreen)
        assert not {a.id for a in c.app.screen._shown} & {a.id for a in ACTIONS if a.only == "replay"}


async def test_under_a_dialog_only_the_key_that_acts_everywhere_says_that_this_is_a_recording() -> None:
    async with replay() as c:
        await c.press("question_mark", "x", "u", "less_than_sign")
        assert c.player.wishes == []
        assert "recording" not in c.log
        await c.press("r", "escape")
        assert "roll back is for a live run" in c.log


async def test_q_leaves() -> None:
    async with replay() as c:
        await c.press("q")
        assert not c.app.is_running or c.app._exit


# --- what is looked at --------------------------------------------------------------------------


async def test_everything_that_looks_works_as_in_a_live_run(tmp_path: Path) -> None:
    marked = event(1, EventKind.MARKED, "users complain", 390.0)
    shown = recorded(events=(marked,), verdicts={CANARY: ALL_WORSE})
    async with replay(FakePlayer(shown), export_folder=tmp_path) as c:
        assert "◆ MARK users complain" in c.log
        await c.press("v")
        assert isinstance(c.app.screen, VerdictsScreen)
        assert "REPLAY 1x 06:40 of 31:05" in c.banner
        assert "guard" not in c.app.screen.plain_text().splitlines()[1]
        await c.press("escape", "enter", "x")
        assert isinstance(c.app.screen, DetailsScreen)
        assert "REPLAY PAUSED" in c.banner
        await c.press("escape", "space", "h", "escape")
        c.controls.clock.pass_s(7)
        await c.press("t")
        assert "FROZEN 00:07" in c.banner
        await c.press("space", "slash", *"nobody", "enter")
        assert "users complain" not in c.log
        await c.press("e")
        await c.app.workers.wait_for_complete()
        await c.settle()
        assert len(list(tmp_path.iterdir())) == 4
        assert '"duration_s": 1865.0' in next(tmp_path.glob("*.json")).read_text()


async def test_a_seek_back_takes_what_the_cockpit_said_of_later_moments_with_it() -> None:
    async with replay() as c:
        await c.press("y")
        assert "copied what is shown" in c.log
        await c.press("comma")
        assert "copied what is shown" not in c.log


async def test_a_recording_that_stands_still_by_right_is_never_stale_and_grows_no_older() -> None:
    changed = event(1, EventKind.SHIFTED, "x", 390.0)
    async with replay(FakePlayer(recorded(events=(changed,))), size=(200, 60)) as c:
        for still in ({"paused": True}, {"ended": True}, {"seeking_s": 3.0}):
            c.controls.publish(player=PlayerView(LENGTH_S, **still))
            await c.settle()
            before = c.banner, c.table
            assert "change 00:10 ago" in c.banner
            c.controls.clock.pass_s(3600)
            c.app.tick()
            await c.settle()
            assert (c.banner, c.table) == before
            assert "STALE" not in c.banner


async def test_a_recording_that_should_move_and_does_not_is_stale() -> None:
    async with replay() as c:
        c.controls.clock.pass_s(9)
        c.app.tick()
        await c.settle()
        assert "STALE 9s" in c.banner
