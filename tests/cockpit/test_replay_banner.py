"""The banner of a replay: how it is played, where it stands, and what held in the run at that moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.cockpit_driver import cockpit
from tests.support.cockpit_fakes import BASELINE, CANARY, event, made_snapshot
from tests.support.made_verdicts import ALL_WORSE
from tests.support.replay_fakes import LENGTH_S, FakePlayer, recorded
from tui.cockpit.text.banner import Banner, banner
from tui.cockpit.text.format import short_names
from tui.cockpit.ui_state import UiState, View
from tui.model import DEFAULT_TASK, EventKind, PlayerView, RecordView, Snapshot, TrafficState

PAUSED = PlayerView(LENGTH_S, paused=True)
ENDED = PlayerView(LENGTH_S, ended=True)


def worse(**changes: Any) -> Snapshot:
    return recorded(verdicts={CANARY: ALL_WORSE}, **changes)


def said(snapshot: Snapshot, **ui: Any) -> Banner:
    return banner(View(snapshot, replace(UiState(), **ui), short_names(list(snapshot.deployments))))


@pytest.mark.parametrize(
    ("view", "tag", "key", "severity"),
    [
        (PlayerView(LENGTH_S, speed=4.0), "▷ REPLAY 4x 06:40 of 31:05", "x pauses", "calm"),
        (PlayerView(LENGTH_S, speed=0.125), "▷ REPLAY 0.125x 06:40", "x pauses", "calm"),
        (
            PlayerView(LENGTH_S, speed=1024.0, reached_speed=43.21),
            "▷ REPLAY 43x 06:40",
            "1024x asked, 43x is reached",
            "calm",
        ),
        (PlayerView(LENGTH_S, speed=4.0, reached_speed=2.55), "▷ REPLAY 2.5x", "4x asked, 2.5x is", "calm"),
        (replace(PAUSED, speed=8.0), "❚❚ REPLAY PAUSED 06:40 of 31:05", "press x to play on at 8x", "note"),
        (
            PlayerView(LENGTH_S, seeking_s=95.0, sought_pct=7.0),
            "… REPLAY SEEKING 06:40 → 01:35 of 31:05",
            "seeking… 7% read",
            "note",
        ),
        (ENDED, "■ REPLAY END 06:40 of 31:05", "press x to play it again", "note"),
        (PlayerView(4 * 3600.0), "▷ REPLAY 1x 06:40 of 4:00:00", "x pauses", "calm"),
    ],
)
def test_it_says_how_it_is_played_and_the_key_that_helps(
    view: PlayerView, tag: str, key: str, severity: str
) -> None:
    shown = said(recorded(player=view))
    assert shown.parts[0].startswith(tag)
    assert key in shown.key
    assert shown.severity == severity
    assert "RUNNING" not in " ".join(shown.parts)
    assert "v0513 P95 655 ms vs 402 ms (+63%, n=980)" in shown.figure


def test_the_instant_of_the_run_stands_at_the_right_end_with_its_day() -> None:
    day = "2026-11-23 14:12:30Z"
    shown = said(recorded(750.0), window="15m")
    assert shown.right == (f"{day} summarise 15m", f"{day} 15m", day, "14:12:30Z")


STATES = {
    "✗ WORSE": worse(),
    "❚❚ TRAFFIC PAUSED": recorded(state=TrafficState.PAUSED),
    "■ BUDGET SPENT": recorded(state=TrafficState.BUDGET_SPENT),
    "◀ ROLLED BACK": recorded(
        weights={DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}},
        events=(event(1, EventKind.ROLLED_BACK, "y", 292.0),),
    ),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (60, 16)])
async def test_position_and_state_of_the_run_are_in_view_at_every_size(size: tuple[int, int]) -> None:
    player = FakePlayer()
    async with cockpit(player, player=player, size=size) as c:
        for state, snapshot in STATES.items():
            for view in (PlayerView(LENGTH_S, speed=4.0), PAUSED, ENDED):
                player.current = replace(snapshot, player=view)
                player.publish()
                await c.settle()
                first, second = c.banner.splitlines()
                assert "06:40 of 31:05" in first
                assert state[: 3 if size[0] < 80 else None] in first
                assert "14:06:40Z" in first
                assert "2026-11-23" in first or size[0] < 80
                assert "press r" not in second
                assert "press u" not in second
        for word in ("x Again", "> Ahead", "? Help", "q Quit"):
            assert word in c.footer
        for word in ("ROLL", "Undo", "Profile", "Less", "-5%"):
            assert word not in c.footer


async def test_a_seek_over_hours_stays_whole_beside_the_state_in_80_columns() -> None:
    player = FakePlayer(worse(at_s=9000.0, player=PlayerView(4.5 * 3600, seeking_s=3723.0)))
    async with cockpit(player, player=player, size=(80, 24)) as c:
        assert "… REPLAY SEEKING 2:30:00 → 1:02:03 of 4:30:00  ✗ WORSE" in c.banner


def test_what_held_then_is_named_behind_the_replay_and_its_figure_stays() -> None:
    shown = said(worse(player=replace(PAUSED, speed=2.0)), frozen=made_snapshot(), read_only=True)
    places = [shown.parts[0].index(word) for word in ("REPLAY PAUSED", "WORSE", "FROZEN")]
    assert places == sorted(places)
    assert "READ-ONLY" not in shown.parts[0]
    assert shown.severity == "alarm"
    assert "limit" in shown.figure
    assert shown.key == "press x to play on at 2x"


def test_a_frozen_picture_says_that_the_recording_goes_on() -> None:
    shown = said(recorded(), frozen=made_snapshot())
    assert "figures and plots stand still; the recording goes on" in shown.figure
    assert shown.key.startswith("space goes on")


def test_the_end_of_a_recording_is_no_stopped_run() -> None:
    shown = said(recorded(player=ENDED, state=TrafficState.STOPPED))
    assert "STOPPED" not in " ".join(shown.parts)
    assert "REPLAY END" in " ".join(shown.parts)


def test_a_record_that_breaks_off_says_why_and_the_way_back() -> None:
    error = "/runs/a.sqlite holds what no run record does: 'x' is not a valid OutcomeKind; move it elsewhere"
    shown = said(recorded(record=RecordView("/runs/a.sqlite", error)))
    assert shown.parts[0].startswith("■ REPLAY BROKEN OFF 06:40 of 31:05  ✗ RECORD ERROR")
    assert shown.figure.startswith("holds what no run record does: 'x' is not a valid OutcomeKind")
    assert "cannot be shown" in shown.figure
    assert shown.key == "< goes back"
    assert "the run goes on" not in shown.figure + shown.key


def test_keys_are_those_in_force() -> None:
    keys = {**UiState().keys, "play_pause": "f9"}
    assert said(recorded(player=PAUSED), keys=keys).key == "press f9 to play on at 1x"
