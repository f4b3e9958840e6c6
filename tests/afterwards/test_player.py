"""The player of a recording: its speed, seeks that nobody waits for, and what breaks off."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.recordings import NEW, OLD, CountingEvaluator, made_run
from tui.afterwards import player as player_module
from tui.afterwards.player import Player
from tui.afterwards.recording import Recording
from tui.model import Outcome, PlayerView, Snapshot, TrafficState
from tui.record.reader import UnreadableRecord

_PATIENCE_S = 30.0
"""A test fails when the thread has not come so far within this time; nothing asserts how fast it is."""


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording.open(made_run(tmp_path / "run.sqlite"))


@pytest.fixture(autouse=True)
def _one_happening_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player_module, "_SLICE", 1)


class _Evaluator(CountingEvaluator):
    """Does something with the number of every outcome before it counts it."""

    def __init__(self, recording: Recording, at: Callable[[int], object]) -> None:
        super().__init__(OLD, recording.canaries, recording.rollout.criteria)
        self._at = at

    def add(self, outcome: Outcome, now_s: float) -> None:
        self._at(outcome.request_id)
        super().add(outcome, now_s)


def _slow(recording: Recording, clock: _Clock, outcome_s: float) -> Callable[[], _Evaluator]:
    """Reading one outcome takes this long."""

    def pass_time(number: int) -> None:
        clock.now_s += outcome_s

    return lambda: _Evaluator(recording, pass_time)


def _view(snapshot: Snapshot) -> PlayerView:
    assert snapshot.player is not None
    return snapshot.player


class _Seen:
    """Every snapshot that was given, and a way to wait for one."""

    def __init__(self, player: Player) -> None:
        self.all: list[Snapshot] = []
        self._came = threading.Condition()
        player.subscribe(self._take)

    def _take(self, snapshot: Snapshot) -> None:
        with self._came:
            self.all.append(snapshot)
            self._came.notify_all()

    def wait(self, wanted: Callable[[Snapshot], bool]) -> Snapshot:
        def found() -> Snapshot | None:
            return next((s for s in self.all if wanted(s)), None)

        with self._came:
            snapshot = self._came.wait_for(found, _PATIENCE_S)
        assert snapshot is not None, f"the last one was {self.all[-1:]}"
        return snapshot


@contextmanager
def _playing(player: Player) -> Iterator[_Seen]:
    seen = _Seen(player)
    player.start()
    try:
        yield seen
    finally:
        player.close()


# --- without a thread ---------------------------------------------------------------------------


def test_it_says_how_it_plays(recording: Recording) -> None:
    clock = _Clock()
    player = Player(recording, clock=clock, speed=4.0)
    assert _view(player.snapshot()) == PlayerView(60.0, speed=4.0)
    player.pause()
    player.set_speed(8.0)
    assert _view(player.snapshot()) == PlayerView(60.0, speed=8.0, paused=True)
    player.proceed()
    clock.now_s = 100.0
    player.step()
    assert _view(player.snapshot()) == PlayerView(60.0, speed=8.0, ended=True)
    assert player.snapshot().state is TrafficState.STOPPED
    player.close()


def test_a_pause_and_another_speed_start_from_what_is_shown(recording: Recording) -> None:
    clock = _Clock()
    player = Player(recording, clock=clock, speed=10.0)
    clock.now_s = 1.0
    player.step()
    clock.now_s = 1.4
    player.pause()
    player.step()
    clock.now_s = 9.0
    player.step()
    assert player.snapshot().at_s == 10.0
    player.proceed()
    clock.now_s = 9.4
    player.set_speed(1.0)
    clock.now_s = 10.4
    player.step()
    assert player.snapshot().at_s == 11.0
    player.close()


def test_nothing_is_shown_again_that_has_not_changed(recording: Recording) -> None:
    clock = _Clock()
    player = Player(recording, clock=clock, speed=1000.0)
    seen = _Seen(player)
    player.step()
    assert seen.all == []
    clock.now_s = 1.0
    player.step()
    clock.now_s = 2.0
    player.step()
    player.pause()
    player.step()
    assert [(s.at_s, _view(s).ended, _view(s).paused) for s in seen.all] == [
        (60.0, True, False),
        (60.0, True, True),
    ]
    player.close()


@pytest.mark.parametrize(
    ("wish_s", "shown_s"), [(-5.0, 0.0), (0.0, 0.0), (59.9, 59.9), (1e9, 60.0), (float("inf"), 60.0)]
)
def test_a_seek_shows_the_nearest_moment_there_is(recording: Recording, wish_s: float, shown_s: float) -> None:
    player = Player(recording, clock=_Clock())
    player.seek(30.0)
    player.step()
    player.seek(wish_s)
    assert _view(player.snapshot()).seeking_s == shown_s
    assert player.snapshot().at_s == 30.0
    player.step()
    assert player.snapshot().at_s == shown_s
    assert _view(player.snapshot()).seeking_s is None
    with pytest.raises(ValueError, match="no moment"):
        player.seek(float("nan"))
    player.close()


def test_wishes_add_up_before_the_first_is_there(recording: Recording) -> None:
    player = Player(recording, clock=_Clock())
    for seconds in (30.0, 20.0, -10.0, -5.0):
        player.seek_by(seconds)
    player.step()
    assert player.snapshot().at_s == 35.0
    player.seek_by(-10.0)
    player.step()
    assert player.snapshot().at_s == 25.0
    player.close()


def test_going_back_shows_the_same_as_going_there_for_the_first_time(recording: Recording) -> None:
    player = Player(recording, lambda: _Evaluator(recording, lambda number: None), clock=_Clock())
    player.seek(25.0)
    player.step()
    first = player.snapshot()
    player.seek(58.0)
    player.step()
    assert player.snapshot() != first
    player.seek(25.0)
    player.step()
    assert player.snapshot() == first
    player.close()


def test_time_does_not_run_while_it_seeks_and_goes_on_from_there(recording: Recording) -> None:
    clock = _Clock()
    player = Player(recording, _slow(recording, clock, 0.1), clock=clock)
    player.seek(20.0)
    player.step()
    assert clock.now_s > 5.0
    assert player.snapshot().at_s == 20.0
    clock.now_s += 2.0
    player.step()
    assert player.snapshot().at_s == 22.0
    player.close()


def test_a_long_seek_says_how_far_it_is(recording: Recording) -> None:
    clock = _Clock()
    player = Player(recording, _slow(recording, clock, 0.1), clock=clock)
    seen = _Seen(player)
    player.seek(40.0)
    player.step()
    player.seek(10.0)
    player.step()
    ways = {40.0: [s for s in seen.all if _view(s).seeking_s == 40.0]}
    ways[10.0] = [s for s in seen.all if _view(s).seeking_s == 10.0]
    for shown_s, way in ((0.0, ways[40.0]), (40.0, ways[10.0])):
        done = [_view(s).sought_pct for s in way]
        assert len(done) > 3
        assert done == sorted(done)
        assert done[0] == 0.0
        assert 50.0 < done[-1] <= 100.0
        assert {s.at_s for s in way} == {shown_s}
    assert player.snapshot().at_s == 10.0
    player.close()


def test_what_cannot_be_read_that_fast_is_played_slower_and_says_so(recording: Recording) -> None:
    clock = _Clock()
    player = Player(recording, _slow(recording, clock, 0.1), clock=clock, speed=100.0)
    clock.now_s = 1.0
    for _ in range(3):
        before_s, began_s = player.snapshot().at_s, clock.now_s
        player.step()
        shown = player.snapshot()
        reached = (shown.at_s - before_s) / (clock.now_s - began_s)
        assert _view(shown).reached_speed == pytest.approx(reached)
        assert reached == pytest.approx(10 / 3, rel=0.3)
        assert shown.at_s < 10.0
    player.pause()
    stood_s = player.snapshot().at_s
    player.step()
    clock.now_s += 5.0
    player.step()
    assert player.snapshot().at_s == stood_s
    assert _view(player.snapshot()) == PlayerView(60.0, speed=100.0, paused=True)
    player.set_speed(1.0)
    player.proceed()
    clock.now_s += 0.1
    player.step()
    assert player.snapshot().at_s == pytest.approx(stood_s + 0.1)
    assert _view(player.snapshot()).reached_speed is None
    player.close()


# --- with its thread ----------------------------------------------------------------------------


def test_no_wish_waits_for_the_record_and_the_newest_one_counts(recording: Recording) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        reading.set()
        assert go_on.wait(_PATIENCE_S)

    player = Player(recording, lambda: _Evaluator(recording, hold), clock=_Clock())
    with _playing(player) as seen:
        player.seek(40.0)
        assert reading.wait(_PATIENCE_S)
        # The thread stands in the middle of the record now, and stays there until it is let go.
        player.pause()
        player.set_speed(4.0)
        player.seek(50.0)
        player.seek(20.0)
        player.seek_by(10.0)
        assert _view(player.snapshot()) == PlayerView(60.0, speed=4.0, paused=True, seeking_s=30.0)
        assert player.snapshot().at_s == 0.0
        go_on.set()
        seen.wait(lambda s: _view(s).seeking_s is None and s.at_s > 0)
    assert {s.at_s for s in seen.all} == {0.0, 30.0}


def test_a_seek_back_that_is_overtaken_shows_only_the_last(recording: Recording) -> None:
    reading, go_on = threading.Event(), threading.Event()
    go_on.set()

    def hold(number: int) -> None:
        reading.set()
        assert go_on.wait(_PATIENCE_S)

    player = Player(recording, lambda: _Evaluator(recording, hold), clock=_Clock())
    with _playing(player) as seen:
        player.seek(55.0)
        seen.wait(lambda s: s.at_s == 55.0)
        go_on.clear()
        reading.clear()
        player.seek_by(-10.0)
        assert reading.wait(_PATIENCE_S)
        player.seek_by(-40.0)
        go_on.set()
        last = seen.wait(lambda s: s.at_s == 5.0)
    assert {s.at_s for s in seen.all} == {0.0, 55.0, 5.0}
    assert last.deployments[OLD].figures["run"]["*"].requests == 10


def test_it_ends_in_the_middle_of_a_seek(recording: Recording) -> None:
    reading = threading.Event()
    player = Player(recording, lambda: _Evaluator(recording, lambda number: reading.set()), clock=_Clock())
    with _playing(player) as seen:
        player.seek(60.0)
        assert reading.wait(_PATIENCE_S)
    assert seen.all
    assert "player" not in {thread.name for thread in threading.enumerate()}


def test_a_record_that_breaks_off_is_said_and_what_lies_before_can_be_shown(recording: Recording) -> None:
    with sqlite3.connect(recording.path) as connection:
        connection.execute("UPDATE outcomes SET latency_ms = 'slow' WHERE sent_s > 40 AND sent_s < 40.2")
    connection.close()
    player = Player(recording, clock=_Clock())
    with _playing(player) as seen:
        player.seek(30.0)
        seen.wait(lambda s: s.at_s == 30.0)
        player.seek(50.0)
        broken = seen.wait(lambda s: s.record.error is not None)
        assert player.error is not None
        assert "holds what no run record does" in player.error
        assert (broken.at_s, _view(broken).seeking_s) == (30.0, None)
        player.seek(20.0)
        again = seen.wait(lambda s: s.at_s == 20.0)
        assert not again.record.error
        assert not player.error
        assert again.deployments[NEW].figures["run"]["*"].requests == 20


def test_without_its_thread_a_record_that_breaks_off_is_raised(recording: Recording) -> None:
    with sqlite3.connect(recording.path) as connection:
        connection.execute("UPDATE outcomes SET latency_ms = 'slow' WHERE sent_s > 40 AND sent_s < 40.2")
    connection.close()
    player = Player(recording, clock=_Clock())
    player.seek(50.0)
    with pytest.raises(UnreadableRecord, match="no run record"):
        player.step()
    player.close()


def test_a_fault_of_our_own_is_said_and_not_a_picture_that_stands_still(recording: Recording) -> None:
    def fail(number: int) -> None:
        if number == 50:
            raise RuntimeError("a bug")

    player = Player(recording, lambda: _Evaluator(recording, fail), clock=_Clock())
    with _playing(player) as seen:
        player.seek(40.0)
        shown = seen.wait(lambda s: s.record.error is not None)
    assert shown.record.error == "the player stopped: RuntimeError: a bug"
