"""Records that came back from a bad disk or a bad hand: told by name or played, and never for ever."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.cockpit_fakes import made_snapshot
from tests.support.corrupt_records import NAMED, damaged, with_value
from tests.support.recordings import made_migration, made_run
from tui.afterwards.calibrate import calibrate, calibration_text
from tui.afterwards.player import Player
from tui.afterwards.recording import Recording
from tui.afterwards.replay import replay, replay_text
from tui.afterwards.report import report
from tui.base.written_files import write_private
from tui.cli.commands import app
from tui.cockpit.export import write_export
from tui.engine.resume import previous_run
from tui.evaluation.evaluators import Evaluators
from tui.evaluation.guard import Guard
from tui.record._rows import LONGEST_RUN_S
from tui.record.reader import (
    BrokenRun,
    UnreadableRecord,
    last_moment_s,
    last_state,
    list_runs,
    read_events,
    read_outcomes,
    read_pairs,
    read_run,
    read_seconds,
)
from tui.rollout import GuardSpec


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("good") / "good.sqlite")


def evaluators(recording: Recording) -> Evaluators:
    of = recording.rollout
    return Evaluators(of.baseline, recording.canaries, of.criteria_by_task)


def looked_at(path: Path) -> Recording:
    """Everything that looks back at a run, on one record."""
    list_runs(path.parent)
    recording = Recording.open(path)
    replay_text(replay(recording, evaluators(recording), Guard(GuardSpec("dry_run"))))
    player = Player(recording, lambda: evaluators(recording), speed=1024.0)
    for at_s in (10.0, 1e9, 0.0):
        player.seek(at_s)
        player.step()
    player.close()
    report(recording, "md", evaluators(recording), name="r")
    calibration_text(calibrate([recording], Evaluators, criteria=None, draws=1, seed=0))
    run, state = read_run(path), last_state(path)
    previous_run(recording.rollout, run, run.last_weights or {}, read_events(path), state)
    return recording


@pytest.mark.parametrize("seed", [*range(len(NAMED)), *range(100, 112)])
def test_a_damaged_record_is_told_by_name_or_played(seed: int, good: Path, tmp_path: Path) -> None:
    what, path = damaged(good, tmp_path, seed)
    told = ""
    try:
        recording = looked_at(path)
    except UnreadableRecord as error:
        told = str(error)
    assert str(path) in told or recording.duration_s <= LONGEST_RUN_S, what


@pytest.mark.parametrize(
    ("table", "column"),
    [("seconds", "at_s"), ("outcomes", "ended_s"), ("events", "at_s"), ("outcomes", "sent_s")],
)
@pytest.mark.parametrize("value", [1e15, -1e15, float("inf"), "x", b"x"])
def test_an_absurd_moment_makes_no_run_longer(
    table: str, column: str, value: object, good: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(good.read_bytes())
    with_value(path, table, column, value)
    assert last_moment_s(path) == last_moment_s(good)


def test_what_is_left_out_of_a_record_is_said(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(good.read_bytes())
    for table, column in (("seconds", "at_s"), ("events", "at_s"), ("outcomes", "sent_s")):
        with_value(path, table, column, 1e15)
    for of, said in ((good, False), (path, True)):
        recording = Recording.open(of)
        text = report(recording, "md", evaluators(recording), name="r")["r.md"]
        texts = (
            replay_text(replay(recording, evaluators(recording), Guard(GuardSpec("dry_run")))),
            calibration_text(calibrate([recording], Evaluators, draws=1)),
            text,
        )
        for one in texts:
            assert ("3 moments lie outside of any run: such rows are left out" in one) is said


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("begun in the year 1", "no instant at which a run can have been"),
        ("begun without a zone", "no instant at which a run can have been"),
        ("nested meta", "holds what no run record does"),
        ("empty", "killed before it began"),
        ("a text", "file is not a database"),
        ("a later version", "has version 99"),
        ("another program's", "is not a run record"),
        ("no run", "holds what no run record does"),
        ("no table of events", "no such table: events"),
        ("a folder", "is no file"),
        ("a pipe", "is no file"),
        ("a link to itself", "symbolic links"),
        ("a link to nowhere", "No such file"),
        ("a view for a table", "computes its rows"),
        ("tables gone", "no such table"),
    ],
)
def test_why_a_record_cannot_be_read(damage: str, why: str, good: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(good.read_bytes())
    NAMED[damage](path)
    [run] = list_runs(tmp_path)
    assert isinstance(run, BrokenRun)
    assert why in run.error


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("pairs", "own", 7),
        ("pairs", "baseline", 0),
        ("pairs", "own", 2**62),
        ("outcomes", "latency_ms", "\x1b[31m" + "[" * 50_000),
        ("seconds", "error_pct", "x" * 100_000),
        ("events", "kind", "x" * 100_000),
    ],
)
def test_what_a_damaged_row_says_is_told_in_short(
    table: str, column: str, value: object, tmp_path: Path
) -> None:
    path = (made_run if table == "seconds" else made_migration)(tmp_path / "a.sqlite")
    with_value(path, table, column, value)
    read = {"pairs": read_pairs, "outcomes": read_outcomes, "seconds": read_seconds, "events": read_events}
    with pytest.raises(UnreadableRecord, match="holds what no run record does") as told:
        list(read[table](path))
    assert str(path) in str(told.value)
    assert len(str(told.value)) < len(str(path)) + 300
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("run", "rollout", "\x1b[31mred\n"),
        ("run", "meta", '{"pid": 7}'),
        ("run", "started_at", "\x1b[31m"),
        ("events", "after", '{"default": {"\x1b[31mred": 100}}'),
        ("events", "after", '{"default": {"\\u001b[31mred": 100}}'),
        ("outcomes", "seq", "\x1b[31m"),
        ("outcomes", "seq", b"\x1b"),
    ],
)
def test_a_list_of_runs_shows_nothing_of_a_record_as_it_stands(
    table: str, column: str, value: object, good: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(good.read_bytes())
    with_value(path, table, column, value, every=True)
    listed = CliRunner().invoke(app, ["runs", "--folder", str(tmp_path)])
    [line] = listed.output.splitlines()
    assert line.isprintable()
    assert str(path) in line


def test_a_weight_outside_of_0_to_100_is_no_weight(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(good.read_bytes())
    with_value(path, "events", "after", '{"default": {"old-v1": -5, "new-v2": 105}}', every=True)
    with pytest.raises(UnreadableRecord, match="outside of 0 to 100"):
        read_events(path)


def test_what_is_exported_is_its_owner_s(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        written = write_export(tmp_path / "out", made_snapshot(), "<svg/>")
        wide = tmp_path / "wide.json"
        wide.touch(0o666)
        write_private(wide, "{}")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (*written, wide)} == {0o600}
