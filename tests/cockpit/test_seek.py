"""Moments of a recording as people type them, and what nobody should be able to break with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.replay_fakes import LENGTH_S, recorded
from tui.cockpit.questions import parse_seek, seek_preview
from tui.model import PlayerView, Snapshot

DAY_S = 86_400.0


def of_run(start: datetime, length_s: float, at_s: float = 0.0) -> tuple[Snapshot, PlayerView]:
    player = PlayerView(length_s)
    return recorded(at_s, player, at=start + timedelta(seconds=at_s)), player


SHOWN, PLAYER = recorded(), PlayerView(LENGTH_S)


@pytest.mark.parametrize(
    ("typed", "at_s"),
    [
        ("14:03:12", 192.0),
        (" 14:03 ", 180.0),
        ("14:31:05Z", 1865.0),
        ("14:00:00", 0.0),
        ("12m30s", 750.0),
        ("90s", 90.0),
        ("31m5s", 1865.0),
        ("0h1m", 60.0),
        ("0s", 0.0),
    ],
)
def test_the_clock_of_the_run_or_the_time_since_its_start(typed: str, at_s: float) -> None:
    assert parse_seek(typed, SHOWN, PLAYER) == at_s


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "nothing is no moment: type 14:03:12"),
        ("soon", "soon is no moment"),
        ("90", "90 is no moment"),
        ("24:00:00", "no moment"),
        ("14:60:00", "no moment"),
        ("14:00:60", "no moment"),
        ("-5s", "no moment"),
        ("1e3s", "no moment"),
        ("5 m", "no moment"),
        ("nan", "no moment"),
        ("１４:03:12", "no moment"),
        ("٣s", "no moment"),
        ("9" * 200 + "s", "no moment"),
        ("[b]\x1b[31m", "no moment"),
        ("13:59:59", "the run was from 2026-11-23 14:00:00Z to 2026-11-23 14:31:05Z, not 13:59:59"),
        ("14:31:06", "the run was from"),
        ("31m6s", "the run lasts 31:05, not 31m6s"),
        ("999999h", "the run lasts 31:05"),
    ],
)
def test_what_is_no_moment_of_the_run_is_refused_with_the_reason(typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"no moment|the run") as refused:
        parse_seek(typed, SHOWN, PLAYER)
    assert says in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 120


def test_the_second_that_the_run_began_in_is_its_start() -> None:
    shown, player = of_run(datetime(2026, 11, 23, 14, 0, 0, 700_000, UTC), 60.0)
    assert parse_seek("14:00:00", shown, player) == 0.0
    assert parse_seek("14:00:01", shown, player) == pytest.approx(0.3)


def test_a_run_over_midnight_has_times_of_two_days() -> None:
    shown, player = of_run(datetime(2026, 11, 23, 23, 50, tzinfo=UTC), 3600.0)
    assert parse_seek("23:55", shown, player) == 300.0
    assert parse_seek("00:10", shown, player) == 1200.0
    with pytest.raises(ValueError, match="2026-11-23 23:50:00Z to 2026-11-24 00:50:00Z"):
        parse_seek("00:51", shown, player)


@pytest.mark.parametrize(
    ("at_s", "day"), [(0.0, 0), (0.4 * DAY_S, 0), (1.2 * DAY_S, 1), (1.6 * DAY_S, 1), (2.9 * DAY_S, 2)]
)
def test_of_several_days_the_time_nearest_to_what_is_shown_is_meant(at_s: float, day: int) -> None:
    shown, player = of_run(datetime(2026, 11, 23, 6, 0, tzinfo=UTC), 2.95 * DAY_S, at_s)
    assert parse_seek("12:00", shown, player) == day * DAY_S + 6 * 3600
    last = parse_seek(
        "05:00", of_run(datetime(2026, 11, 23, 6, 0, tzinfo=UTC), 2.95 * DAY_S, DAY_S * 2.9)[0], player
    )
    assert last == DAY_S + 23 * 3600


def test_the_preview_names_place_and_instant_and_that_going_back_plays_from_the_start() -> None:
    assert seek_preview(750.0, SHOWN, PLAYER) == "to 12:30 of 31:05, 2026-11-23 14:12:30Z"
    assert seek_preview(60.0, SHOWN, PLAYER) == (
        "to 01:00 of 31:05, 2026-11-23 14:01:00Z   back: plays from the start, out of sight"
    )


@given(
    st.text(max_size=200)
    | st.from_regex(r"\A[0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,3})?Z?\Z")
    | st.from_regex(r"\A([0-9]{0,12}h)?([0-9]{0,12}m)?([0-9]{0,12}s)?\Z"),
    st.floats(0.0, 1e12),
    st.floats(0.0, 1.0),
)
def test_whatever_is_typed_is_a_moment_of_the_run_or_refused(typed: str, length_s: float, share: float) -> None:
    shown, player = SHOWN, PlayerView(length_s)
    shown = replace(shown, at_s=share * length_s, player=player)
    try:
        at_s = parse_seek(typed, shown, player)
        preview = seek_preview(at_s, shown, player)
    except ValueError:
        return  # refused with a reason: the other right answer
    assert 0.0 <= at_s <= length_s
    assert preview.isprintable()
