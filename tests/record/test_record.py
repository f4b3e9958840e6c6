"""The run record: what survives a kill, a full disk, a deleted file and hostile text; what is never written."""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import ROOT
from tui.model import (
    Assignment,
    Event,
    EventKind,
    FilterHits,
    Outcome,
    OutcomeKind,
    Second,
    SecondFigures,
    Usage,
    held_back,
)
from tui.record.lock import RecordLock, is_live
from tui.record.reader import (
    last_state,
    live_runs,
    read_assignments,
    read_held_back,
    read_outcomes,
    read_seconds,
)
from tui.record.record import (
    BrokenRun,
    RecordError,
    RunInfo,
    RunRecord,
    UnreadableRecord,
    last_weights,
    list_runs,
    read_events,
    read_run,
    record_path,
    runs_folder,
)
from tui.record.schema import VERSION

STARTED = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
ENDED = STARTED + timedelta(minutes=5)
LONG_S = 3600.0
WAIT_S = 20.0

_CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tui.model import Event, EventKind, Outcome, OutcomeKind
from tui.record.record import RunRecord

started = datetime(2025, 6, 1, tzinfo=UTC)
record = RunRecord.create(Path(sys.argv[1]), run_id="r", rollout_name="demo", rollout_text="",
                          started_at=started, meta={}, batch_s=float(sys.argv[2]))
number = 0
while True:
    number += 1
    for i in range(20):
        record.outcome(Outcome(number * 20 + i, "t", "d", 50.0, OutcomeKind.OK, 0.0, 0.0, 1.0, 0.0))
    weights = {"default": {"d": float(number)}}
    record.event(Event(number, started, float(number), "me", EventKind.SHIFTED, "x", after=weights)).result()
    print(number, flush=True)
"""


def _create(path: Path, **more: Any) -> RunRecord:
    settings: dict[str, Any] = {
        "run_id": "run-1",
        "rollout_name": "summarise",
        "rollout_text": "[rollout]\n",
        "started_at": STARTED,
        "meta": {"seed": 7},
        "retry_s": 0.01,
        "now": lambda: ENDED,
    }
    return RunRecord.create(path, **(settings | more))


def _outcome(number: int = 1, **more: Any) -> Outcome:
    return Outcome(number, "email", "old", 90.0, OutcomeKind.OK, 0.5, 0.6, 1.6, 100.0, **more)


def _event(number: int = 1, text: str = "10 % to new", **more: Any) -> Event:
    return Event(number, STARTED, 3.5, "ana", EventKind.SHIFTED, text, **more)


def _rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    conn = sqlite3.connect(path)
    try:
        return conn.execute(query).fetchall()
    finally:
        conn.close()


def _wait_for(condition: Callable[[], bool]) -> None:
    """Give the writing thread the time it takes; the limit only keeps a broken one from hanging the tests."""
    pause = threading.Event()
    for _ in range(int(WAIT_S * 200)):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("the record never got there")


def _all_written(record: RunRecord) -> bool:
    view = record.view()
    return view.waiting == 0 and view.error is None


class _Disk:
    """Opens databases that may have no more than ``pages`` pages while ``full``."""

    def __init__(self, pages: int = 1) -> None:
        self.full = True
        self._pages = pages

    def __call__(self, path: Path) -> sqlite3.Connection:
        conn = sqlite3.connect(path, timeout=0.0)
        if self.full:
            conn.execute(f"PRAGMA max_page_count = {self._pages}")
        return conn


# --- what is kept -------------------------------------------------------------------------------


def test_everything_of_a_run_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "runs" / "a.sqlite"
    record = _create(path)
    before, after = {"default": {"old": 100.0, "new": 0.0}}, {"default": {"old": 90.0, "new": 10.0}}
    event = _event(before=before, after=after, reason="try", group=4)
    durable = record.event(event)
    hits = FilterHits(blocked=("prompt:jailbreak",), annotated=("completion:hate",), unfiltered=True)
    record.outcome(
        _outcome(latency_ms=1000.0, usage=Usage(10, 5, 2, 1), cost_usd=0.5, filters=hits, served_model="gpt")
    )
    figures = SecondFigures(3, 1.0, 2.0, None, 4.0, 5.0, 6.0, 90.0, None, 7.0)
    record.second(Second(1.0, {"old": figures, "new": figures}))
    assert record.close()
    assert durable.done()
    assert durable.result() is None
    assert read_run(path) == RunInfo(path, "run-1", "summarise", STARTED, ENDED, 1, after)
    assert read_events(path) == (event,)
    assert last_weights(path) == after
    assert _rows(path, "SELECT prompt_tokens, cost_usd, filters, served_model, latency_ms FROM outcomes") == [
        (
            10,
            0.5,
            '{"blocked":["prompt:jailbreak"],"annotated":["completion:hate"],"unfiltered":true}',
            "gpt",
            1000.0,
        )
    ]
    assert _rows(path, "SELECT at_s, deployment, requests, p99_ms, weight_pct FROM seconds") == [
        (1.0, "old", 3, None, 90.0),
        (1.0, "new", 3, None, 90.0),
    ]
    assert list(read_seconds(path)) == [Second(1.0, {"old": figures, "new": figures})]
    assert _rows(path, "SELECT rollout_text, meta FROM run") == [("[rollout]\n", '{"seed": 7}')]
    assert _rows(path, "PRAGMA user_version") == [(VERSION,)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert record.view().waiting == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["a.sqlite"], "a clean end leaves one file"


def test_texts_touch_the_disk_only_when_asked(tmp_path: Path) -> None:
    secret = "a sentence that a user wrote"
    for keep_text in (False, True):
        path = tmp_path / f"{keep_text}.sqlite"
        record = _create(path, keep_text=keep_text)
        record.outcome(_outcome(prompt_text=secret, answer_text="yes"))
        assert record.close()
        assert (secret.encode() in path.read_bytes()) is keep_text
    assert _rows(path, "SELECT request_id, prompt, answer FROM texts") == [(1, secret, "yes")]


def test_hostile_values_are_cut_and_written(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path, rollout_text="\ud800")
    hits = FilterHits(blocked=("\ud800" + "x" * 9999,) * 999)
    record.outcome(
        _outcome(
            error="\udfff" * 99_999, served_model="m" * 99_999, filters=hits, usage=Usage(10**40, -(10**40))
        )
    )
    record.outcome(replace(_outcome(2), late_ms=math.nan, weight_pct=math.inf))
    record.event(_event(text="\ud800\x00" * 9999))
    assert record.close()
    assert record.view().error is None
    (error, model, filters, prompt), _ = _rows(
        path, "SELECT length(error), length(served_model), length(filters), prompt_tokens FROM outcomes"
    )
    assert (error, model, prompt) == (2000, 200, 2**63 - 1)
    assert filters < 10_000
    assert len(read_events(path)[0].text) == 2000


def test_a_start_without_time_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        _create(tmp_path / "a.sqlite", started_at=datetime(2025, 6, 1))  # noqa: DTZ001


# --- durability ---------------------------------------------------------------------------------


def test_an_event_does_not_wait_for_the_batch(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path, batch_s=LONG_S)
    try:
        record.event(_event()).result(WAIT_S)
        assert read_events(path) == (_event(),)
        assert read_run(path).ended_at is None
    finally:
        assert record.close()


def test_an_event_is_durable_only_together_with_the_state_it_led_to(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    record = _create(path, batch_s=LONG_S)
    for number in range(1, 30):
        record.event(_event(number), {"decided": number}).result(WAIT_S)
        assert last_state(path) == {"decided": number}
    record.event(_event(30)).result(WAIT_S)
    assert last_state(path) == {"decided": 29}
    assert record.close()


def test_outcomes_are_committed_without_events_or_close(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path, batch_s=0.01)
    try:
        record.outcome(_outcome())
        _wait_for(lambda: _all_written(record))
        assert read_run(path).requests == 1
    finally:
        record.close()


@pytest.mark.parametrize("after_events", [1, 5, 23])
def test_a_killed_run_loses_no_durable_event(tmp_path: Path, after_events: int) -> None:
    path = tmp_path / "killed.sqlite"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(path), "0.02"], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    acknowledged = 0
    with child.stdout:
        while acknowledged < after_events:
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            acknowledged = int(line)
    assert child.wait(WAIT_S) == -signal.SIGKILL
    events = read_events(path)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert len(events) >= acknowledged
    assert last_weights(path) == {"default": {"d": float(len(events))}}
    # All that came before the last acknowledged event was written in the same round or an earlier one,
    # but for the round that the kill interrupted.
    assert read_run(path).requests >= 20 * (acknowledged - 2)
    [run] = list_runs(tmp_path)
    assert isinstance(run, RunInfo)
    assert (run.path, run.ended_at, run.live) == (path, None, False)


def test_the_record_is_readable_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path, batch_s=0.001)
    seen = [0]
    try:
        record.event(_event()).result(WAIT_S)
        for number in range(2000):
            record.outcome(_outcome(number))
            if number % 100 == 0:
                seen.append(read_run(path).requests)
        _wait_for(lambda: _all_written(record))
        seen.append(read_run(path).requests)
    finally:
        assert record.close()
    assert seen == sorted(seen)
    assert seen[-1] == 2000
    assert record.view().error is None


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_full_disk_loses_nothing_that_was_held(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    disk = _Disk()
    record = _create(path, connect=disk, batch_s=0.01)
    durable = record.event(_event())
    for number in range(1500):
        record.outcome(_outcome(number))
    _wait_for(lambda: record.view().error is not None)
    view = record.view()
    assert view.error is not None
    assert str(path) in view.error
    assert "full" in view.error
    assert "free some space" in view.error
    assert view.waiting == 1501
    assert not durable.done()
    disk.full = False
    durable.result(WAIT_S)
    _wait_for(lambda: _all_written(record))
    assert record.view().error is None
    assert record.close()
    assert [row[0] for row in _rows(path, "SELECT request_id FROM outcomes ORDER BY seq")] == list(range(1500))
    assert len(read_events(path)) == 1


def test_a_disk_that_fills_up_later(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    disk = _Disk(pages=100)
    record = _create(path, connect=disk, batch_s=0.01)
    record.event(_event()).result(WAIT_S)
    for number in range(2500):
        record.outcome(_outcome(number, error="e" * 500))
    _wait_for(lambda: record.view().error is not None)
    assert 0 < record.view().waiting <= 2500
    disk.full = False
    _wait_for(lambda: _all_written(record))
    assert record.close()
    assert record.view().error is None
    assert [row[0] for row in _rows(path, "SELECT request_id FROM outcomes ORDER BY seq")] == list(range(2500))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root may mount a small tmpfs")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"cannot mount a small tmpfs: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def _fill(path: Path) -> None:
    """Write until the disk has no byte left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def test_a_really_full_disk(small_disk: Path) -> None:
    path = small_disk / "a.sqlite"
    record = _create(path, batch_s=0.01)
    try:
        record.event(_event(1)).result(WAIT_S)
        filler = small_disk / "filler"
        _fill(filler)
        for number in range(1000):
            record.outcome(_outcome(number))
        durable = record.event(_event(2))
        _wait_for(lambda: record.view().error is not None)
        assert record.view().waiting > 0
        filler.unlink()
        durable.result(WAIT_S)
        _wait_for(lambda: _all_written(record))
        assert record.view().error is None
    finally:
        assert record.close()
    assert [event.id for event in read_events(path)] == [1, 2]
    assert read_run(path).requests == 1000


def test_the_oldest_outcomes_are_dropped_and_counted(tmp_path: Path) -> None:
    disk = _Disk()
    path = tmp_path / "a.sqlite"
    record = _create(path, connect=disk, most_held=100, batch_s=0.01)
    events = [record.event(_event(number)) for number in range(150)]
    for number in range(250):
        record.outcome(_outcome(number))
    _wait_for(lambda: record.view().error is not None)
    assert (record.view().waiting, record.view().dropped) == (250, 150)
    disk.full = False
    assert record.close(WAIT_S)
    assert all(durable.done() for durable in events)
    assert len(read_events(path)) == 150
    assert _rows(path, "SELECT min(request_id), max(request_id) FROM outcomes") == [(150, 249)]


def test_closing_over_a_dead_disk_says_what_was_lost(tmp_path: Path) -> None:
    record = _create(tmp_path / "a.sqlite", connect=_Disk())
    durable = record.event(_event())
    record.outcome(_outcome())
    assert not record.close(0.05)
    error = durable.exception(WAIT_S)
    assert isinstance(error, RecordError)
    assert "full" in str(error)
    assert record.view().waiting == 1
    assert isinstance(record.event(_event(2)).exception(WAIT_S), RecordError)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    blocked = tmp_path / "runs"
    blocked.write_text("a file where the folder should be")
    record = _create(blocked / "a.sqlite")
    durable = record.event(_event())
    _wait_for(lambda: record.view().error is not None)
    assert f"check that {blocked}" in str(record.view().error)
    blocked.unlink()
    durable.result(WAIT_S)
    assert record.close()
    assert len(read_events(blocked / "a.sqlite")) == 1


def test_a_file_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"mine")
    record = _create(path)
    record.event(_event())
    _wait_for(lambda: record.view().error is not None)
    assert "move that file away" in str(record.view().error)
    assert not record.close(0.0)
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("suffixes", [("",), ("", "-wal", "-shm")])
def test_a_record_deleted_underneath_is_written_again_in_full(
    tmp_path: Path, suffixes: tuple[str, ...]
) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path, batch_s=0.01)
    record.outcome(_outcome(1))
    record.event(_event(1)).result(WAIT_S)
    _wait_for(lambda: _all_written(record))
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink()
    record.event(_event(2)).result(WAIT_S)
    record.outcome(_outcome(2))
    assert record.close()
    assert [event.id for event in read_events(path)] == [1, 2]
    assert read_run(path).requests == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.sqlite"]


def test_after_a_broken_file_is_moved_away_a_new_one_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"

    def connect(place: Path) -> sqlite3.Connection:
        if place.stat().st_size == 0 and not (tmp_path / "kept").exists():
            place.write_bytes(b"garbage" * 1000)
        return sqlite3.connect(place)

    record = _create(path, connect=connect)
    durable = record.event(_event())
    _wait_for(lambda: record.view().error is not None)
    assert "move that file away" in str(record.view().error)
    path.rename(tmp_path / "kept")
    durable.result(WAIT_S)
    assert record.close()
    assert read_events(path) == (_event(),)


def test_a_locked_record_waits_for_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path, connect=lambda place: sqlite3.connect(place, timeout=0.0))
    record.event(_event(1)).result(WAIT_S)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    durable = record.event(_event(2))
    _wait_for(lambda: record.view().error is not None)
    assert "close the other program" in str(record.view().error)
    other.rollback()
    other.close()
    durable.result(WAIT_S)
    assert record.close()
    assert len(read_events(path)) == 2


# --- reading ------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_with_the_broken_ones(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    assert list_runs(folder) == ()
    for day, rollout in ((1, "one"), (2, "two")):
        started = STARTED + timedelta(days=day)
        path = record_path(folder, rollout, f"id-{day}", started)
        assert _create(path, rollout_name=rollout, run_id=f"id-{day}", started_at=started).close()
    foreign, garbage, empty = (
        folder / "0-foreign.sqlite",
        folder / "0-garbage.sqlite",
        folder / "0-empty.sqlite",
    )
    conn = sqlite3.connect(foreign)
    conn.execute("CREATE TABLE run (x)")
    conn.close()
    garbage.write_bytes(b"not a database" * 1000)
    empty.touch()
    contents = {path: path.read_bytes() for path in folder.iterdir()}
    runs = list_runs(folder)
    assert [run.rollout for run in runs if isinstance(run, RunInfo)] == ["two", "one"]
    broken = {run.path: run.error for run in runs if isinstance(run, BrokenRun)}
    assert set(broken) == {foreign, garbage, empty}
    assert all(str(path) in error for path, error in broken.items())
    assert "it can be deleted" in broken.pop(empty)
    assert all("move it elsewhere" in error for error in broken.values())
    assert {path: path.read_bytes() for path in folder.iterdir()} == contents


def test_a_record_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    assert _create(path).close()
    conn = sqlite3.connect(path)
    conn.execute(f"PRAGMA user_version = {VERSION + 1}")
    conn.close()
    with pytest.raises(UnreadableRecord, match="use a newer canarytop"):
        read_run(path)


def test_a_record_of_before_version_4_has_no_first_token_of_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path)
    outcome = _outcome(latency_ms=900.0, ttft_ms=100.0, answer_ttft_ms=700.0, reconnected=True)
    record.outcome(outcome)
    assert record.close()
    assert list(read_outcomes(path)) == [outcome]
    conn = sqlite3.connect(path)
    for column in ("answer_ttft_ms", "reconnected"):
        conn.execute(f"ALTER TABLE outcomes DROP COLUMN {column}")
    for version in (1, 2, 3):
        conn.execute(f"PRAGMA user_version = {version}")
        conn.commit()
        assert list(read_outcomes(path)) == [replace(outcome, answer_ttft_ms=None, reconnected=False)]
    conn.close()


def test_what_was_held_back_is_kept_apart_from_what_was_sent(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path)
    drawn = Assignment(7, "email", "old", 90.0, 2.5, {"old": 90.0, "new": 10.0}, 1234)
    record.outcome(_outcome(prompt_chars=99))
    record.outcome(held_back(drawn))
    assert record.close()
    [kept] = read_held_back(path)
    assert kept == replace(drawn, shares={})
    [sent] = read_outcomes(path)
    assert (sent.kind, sent.prompt_chars) == (OutcomeKind.OK, 99)
    [assigned] = read_assignments(path)
    assert (assigned.request_id, assigned.prompt_chars, assigned.saturated) == (1, 99, False)


def test_a_record_of_before_version_5_has_no_draw_that_was_held_back(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path)
    record.outcome(_outcome(prompt_chars=99, saturated=True))
    assert record.close()
    conn = sqlite3.connect(path)
    conn.execute("DROP TABLE held_back")
    conn.execute("ALTER TABLE outcomes DROP COLUMN prompt_chars")
    conn.execute("PRAGMA user_version = 4")
    conn.commit()
    conn.close()
    assert list(read_held_back(path)) == []
    [assigned] = read_assignments(path)
    assert (assigned.prompt_chars, assigned.saturated) == (None, True)
    [sent] = read_outcomes(path)
    assert sent.prompt_chars is None
    assert read_run(path).run_id == "run-1"


def test_nonsense_inside_a_record_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path)
    record.event(_event(after={"default": {"old": 100.0}}))
    assert record.close()
    conn = sqlite3.connect(path)
    with conn:
        conn.execute("UPDATE events SET after = '[1]', kind = 'unheard of'")
    conn.close()
    for read in (read_run, read_events, last_weights):
        with pytest.raises(UnreadableRecord, match="holds what no run record does"):
            read(path)


def test_a_run_is_live_as_long_as_it_holds_its_record(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    record = _create(path, meta={"pid": 77, "rollout_path": "/a/file.toml"})
    record.event(_event()).result(WAIT_S)
    assert read_run(path).live
    assert [run.pid for run in live_runs(tmp_path, Path("/a/file.toml"))] == [77]
    assert live_runs(tmp_path, Path("/another/file.toml")) == ()
    asked = "from pathlib import Path; from tui.record.lock import is_live; print(is_live(Path(%r)))"
    other = [sys.executable, "-c", asked % str(path)]
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == "True\n"
    path.unlink()
    record.event(_event(2)).result(WAIT_S)
    assert read_run(path).live, "a file that was put back is held too"
    assert record.close()
    assert not read_run(path).live
    assert not is_live(tmp_path / "none.sqlite")


def test_who_only_looks_keeps_no_run_from_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.sqlite"
    path.touch()
    looks = os.open(path, os.O_RDONLY)
    fcntl.flock(looks, fcntl.LOCK_SH)
    waits: list[float] = []
    monkeypatch.setattr("tui.record.lock.time.sleep", waits.append)
    lock = RecordLock()
    with pytest.raises(BlockingIOError):
        lock.hold(path)
    assert len(waits) > 10
    monkeypatch.setattr("tui.record.lock.time.sleep", lambda _: fcntl.flock(looks, fcntl.LOCK_UN))
    lock.hold(path)
    lock.hold(path)
    assert is_live(path)
    lock.release()
    assert not is_live(path)
    os.close(looks)


def test_where_records_are_kept() -> None:
    assert runs_folder({"XDG_STATE_HOME": "/x", "HOME": "/h"}) == Path("/x/canarytop/runs")
    assert runs_folder({"HOME": "/h"}) == Path("/h/.local/state/canarytop/runs")
    assert runs_folder({"XDG_STATE_HOME": "relative", "HOME": "/h"}) == Path("/h/.local/state/canarytop/runs")
    east = STARTED.astimezone(timezone(timedelta(hours=2)))
    path = record_path(Path("/x"), "../mail & more", "9f-8e7d6c5b4a", east)
    assert path == Path("/x/20250601T120000Z-.._mail_more-9f8e7d6c.sqlite")
