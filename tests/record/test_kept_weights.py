"""Where a rollout file stands: the small file that says it, and with which weights the next run begins."""

from __future__ import annotations

import json
import math
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.engine_runs import (
    NEW,
    OLD,
    beside,
    pretend,
    recorded,
    rollout,
    running,
    simulator,
    until,
)
from tui.cli.wiring import RunOptions
from tui.engine.resume import resumed
from tui.engine.resume_weights import StartOptions, beginning, doubtful, newest, resumed_weights
from tui.model import Event, EventKind, WeightTable
from tui.model.commands import RollBack, Shift
from tui.record.kept_weights import (
    BrokenWeights,
    KeptWeights,
    WeightsFile,
    changed,
    kept_path,
    read_kept,
    write_kept,
)
from tui.record.lock import is_live

AT = datetime(2026, 12, 1, 3, 12, tzinfo=UTC)
FILE = {"default": {OLD: 90.0, NEW: 10.0}}
NONE = {"default": {OLD: 100.0, NEW: 0.0}}
KEPT = KeptWeights(
    Path("/a/rollout.toml"),
    OLD,
    NONE,
    FILE,
    "run1",
    Path("/none.sqlite"),
    7,
    EventKind.ROLLED_BACK,
    "ann",
    "P95",
    AT,
    rolled_back=("default",),
)
SHIFTED = replace(
    KEPT, weights={"default": {OLD: 60.0, NEW: 40.0}}, kind=EventKind.SHIFTED, reason="", rolled_back=()
)
WAIT_S = 20.0


# --- the file -----------------------------------------------------------------------------------


def test_what_is_kept_is_read_again_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    place = kept_path(tmp_path / "state", Path("a rollout.toml"))
    assert read_kept(place) is None
    write_kept(place, KEPT)
    assert read_kept(place) == replace(KEPT, revision=1)
    write_kept(place, SHIFTED)
    assert read_kept(place) == replace(SHIFTED, revision=2), "the counter goes on, whoever writes"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert list(place.parent.iterdir()) == [place]


def test_each_path_has_a_place_and_every_way_to_it_the_same(tmp_path: Path) -> None:
    one, other = tmp_path / "one" / "r.toml", tmp_path / "two" / "r.toml"
    one.parent.mkdir()
    one.touch()
    (tmp_path / "link.toml").symlink_to(one)
    assert kept_path(tmp_path, one) != kept_path(tmp_path, other)
    assert kept_path(tmp_path, tmp_path / "one" / ".." / "one" / "r.toml") == kept_path(tmp_path, one)
    # The stem of the name is for people; the place is that of the file itself.
    linked = kept_path(tmp_path, tmp_path / "link.toml").name
    assert linked.rpartition("-")[2] == kept_path(tmp_path, one).name.rpartition("-")[2]


def good() -> dict[str, Any]:
    return {
        "canarytop": 1, "revision": 3, "rollout": "/a", "at": AT.isoformat(), "by": "ann", "why": "",
        "kind": "shifted", "weights": NONE, "file_weights": FILE, "run": "r", "record": "/r", "event": 1,
        "baseline": OLD, "rolled_back": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"canarytop": 2}, "not of format 1"),
        ({"weights": {"default": {OLD: 50.0}}}, "weights of default"),
        ({"weights": {"default": {OLD: math.nan}}}, "weights of default"),
        ({"weights": {"default": {OLD: "100"}}}, "weights of default"),
        ({"weights": {"default": [1]}}, "must be a table by deployment"),
        ({"weights": []}, "must be a table by task"),
        ({"event": "1"}, "whole numbers"),
        ({"at": "yesterday"}, "yesterday"),
        ({"at": "2026-12-01T03:00:00"}, "no time zone"),
        ({"kind": "unheard of"}, "unheard of"),
        ({"at": "0001-01-01T00:00:00+12:00"}, "OverflowError"),
        ({"record": None}, "must be whole paths"),
        ({"record": "runs/r.sqlite"}, "must be whole paths"),
        ({"record": "/r\0"}, "a path with a zero in it"),
        ({"record": "/\ud800"}, "UnicodeEncodeError"),
        ({"rolled_back": "default"}, "a list of tasks"),
        ({"rolled_back": [[]]}, "a list of tasks"),
        ({"baseline": 1}, "must be a name"),
    ],
)
def test_what_makes_no_sense_is_told_by_name(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    place = tmp_path / "w.json"
    place.write_text(json.dumps({**good(), **change}))
    with pytest.raises(BrokenWeights) as error:
        read_kept(place)
    assert str(place) in str(error.value)
    assert why in str(error.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b" " * 1_000_001, b"null"])
def test_bytes_without_sense_are_told_too(tmp_path: Path, data: bytes) -> None:
    place = tmp_path / "w.json"
    place.write_bytes(data)
    with pytest.raises(BrokenWeights):
        read_kept(place)
    write_kept(place, KEPT)
    assert read_kept(place) is not None, "the next run puts a whole one there"


def test_a_place_that_cannot_be_written_is_said_once_and_written_later(tmp_path: Path) -> None:
    """A disk that refuses is in nobody's way, and is said in the log."""
    place = tmp_path / "weights" / "w.json"
    place.parent.touch()  # no folder can be made there
    with beside(simulator(pretend(OLD, NEW))) as url:
        file = WeightsFile(place)
        with running(rollout(tmp_path, url), kept=file) as engine:
            engine.send(RollBack(), actor="ann").result(WAIT_S)
            until(engine, lambda s: any(str(place) in e.text for e in s.events))
            place.parent.unlink()
            until(engine, lambda s: any(e.text == "the newest weights are kept again" for e in s.events))
            told = [e for e in engine.snapshot().events if str(place) in e.text]
        assert file.close(WAIT_S)
    assert [event.kind for event in told] == [EventKind.RECORD]
    left = read_kept(place)
    assert left is not None
    assert left.rolled_back == ("default",)


def test_a_place_that_cannot_be_written_does_not_keep_a_run_from_ending(tmp_path: Path) -> None:
    (tmp_path / "weights").touch()
    file = WeightsFile(tmp_path / "weights" / "w.json")
    written = file.keep(KEPT)
    assert not file.close(WAIT_S)
    assert "check that its folder may be written" in file.error
    assert not written.done()


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BrokenWeights, match="it is not a file"):
        read_kept(tmp_path / "pipe")
    with pytest.raises(BrokenWeights):
        read_kept(tmp_path)
    assert not is_live(tmp_path / "pipe")


def test_the_newest_counts_where_several_wait(tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    file = WeightsFile(place)
    for event in range(100):
        file.keep(replace(KEPT, event=event))
    assert file.close(WAIT_S)
    kept = read_kept(place)
    assert kept is not None
    assert kept.event == 99


# --- with which weights a run begins ------------------------------------------------------------

EDITED = replace(KEPT, file_weights={"default": {OLD: 95.0, NEW: 5.0}})


@pytest.mark.parametrize(
    ("kept", "how", "weights", "said"),
    [
        (None, {}, None, ""),
        (None, {"resume": True}, None, "nothing was resumed: no run of this file is known"),
        (
            KEPT,
            {"resume": True},
            NONE,
            "left rolled back by ann 2026-12-01 03:12Z (P95), and so this one begins",
        ),
        (KEPT, {"watch": True}, NONE, "and so this one begins"),
        (KEPT, {}, None, "the weights of the file hold, --resume begins where it was left"),
        (KEPT, {"resume": True, "from_file": True}, None, "the weights of the file hold, as was asked"),
        (KEPT, {"watch": True, "from_file": True}, None, "the weights of the file hold, as was asked"),
        (EDITED, {"resume": True}, None, "the weights of the file were changed since then, and hold"),
        (EDITED, {"watch": True}, None, "the weights of the file were changed since then, and hold"),
        (SHIFTED, {"resume": True}, SHIFTED.weights, "left as it was set by ann 2026-12-01 03:12Z, and so"),
        (SHIFTED, {"watch": True}, None, "the weights of the file hold, --resume begins"),
        (replace(KEPT, weights=FILE), {"resume": True}, None, "and so this one begins"),
        (replace(KEPT, weights=FILE), {"watch": True}, None, ""),
    ],
)
def test_how_a_run_begins(
    kept: KeptWeights | None, how: dict[str, bool], weights: WeightTable | None, said: str
) -> None:
    begins = beginning(FILE, OLD, kept, StartOptions(**how))
    assert begins.weights == weights
    assert said in begins.said
    assert bool(said) == bool(begins.said)


def test_a_roll_back_stands_for_all_who_begin_with_it() -> None:
    assert beginning(FILE, OLD, KEPT, StartOptions(watch=True)).stands == KEPT
    assert beginning(FILE, OLD, KEPT, StartOptions(from_file=True)).stands is None
    assert beginning(FILE, OLD, SHIFTED, StartOptions(resume=True)).stands is None
    assert beginning(NONE, OLD, replace(KEPT, file_weights=NONE), StartOptions()).stands is not None
    assert beginning(FILE, OLD, KEPT, StartOptions(resume=True)).held == ("default",), (
        "and no plan brings it back"
    )
    assert beginning(FILE, OLD, KEPT, StartOptions(watch=True)).held == ("default",)
    assert beginning(FILE, OLD, KEPT, StartOptions()).held == ()
    assert beginning(FILE, OLD, KEPT, StartOptions(watch=True, from_file=True)).held == ()


def test_what_cannot_be_read_gives_no_canary_traffic() -> None:
    begins = doubtful(FILE, OLD, "it is broken", StartOptions(resume=True))
    assert begins.weights == NONE
    assert begins.said.startswith(f"it is broken; all traffic goes to {OLD}: ")
    assert begins.held == ("default",)
    for how, said in (
        (StartOptions(from_file=True), "hold, as was asked"),
        (StartOptions(), "of the file hold"),
    ):
        begins = doubtful(FILE, OLD, "it is broken", how)
        assert (begins.weights, begins.held) == (None, ())
        assert begins.said.endswith(said)


@pytest.mark.parametrize(
    ("file", "known", "after"),
    [
        ({"default": {"b": 90, "c": 10}}, {"default": {"b": 100, "c": 0}}, {"default": {"b": 100, "c": 0}}),
        ({"default": {"b": 90, "c": 10}}, {"default": {"b": 40, "c": 60}}, {"default": {"b": 40, "c": 60}}),
        # A deployment of which nothing is known has the weight of the file, as far as there is room.
        (
            {"default": {"b": 70, "c": 10, "new": 20}},
            {"default": {"b": 95, "c": 5}},
            {"default": {"b": 75, "c": 5, "new": 20}},
        ),
        (
            {"default": {"b": 30, "c": 10, "new": 40, "newer": 20}},
            {"default": {"b": 70, "c": 30}},
            {"default": {"b": 10, "c": 30, "new": 40, "newer": 20}},
        ),
        (
            {"default": {"b": 0, "c": 20, "new": 60, "newer": 20}},
            {"default": {"b": 60, "c": 40}},
            {"default": {"b": 0, "c": 40, "new": 45, "newer": 15}},
        ),
        # What takes part no more leaves its weight to the baseline.
        ({"default": {"b": 90, "c": 10}}, {"default": {"b": 50, "gone": 50}}, {"default": {"b": 90, "c": 10}}),
        # A new task gives a known canary at most what it is known to have had anywhere.
        (
            {"default": {"b": 90, "c": 10}, "mail": {"b": 50, "c": 50}},
            {"default": {"b": 80, "c": 20}},
            {"default": {"b": 80, "c": 20}, "mail": {"b": 80, "c": 20}},
        ),
        (
            {"mail": {"b": 50, "c": 50}},
            {"default": {"b": 100, "c": 0}},
            {"mail": {"b": 100, "c": 0}},
        ),
    ],
)
def test_what_is_resumed_weights(file: WeightTable, known: WeightTable, after: WeightTable) -> None:
    assert resumed_weights(file, known, "b") == after


NAMES = ("b", "c", "d", "e")


def tables(tasks: st.SearchStrategy[list[str]]) -> st.SearchStrategy[WeightTable]:
    def of(parts: list[int], names: list[str]) -> dict[str, float]:
        whole = sum(parts[: len(names)]) or 1
        shares = {name: 100 * part / whole for name, part in zip(names, parts, strict=False)}
        shares["b"] = 100 - math.fsum(pct for name, pct in shares.items() if name != "b")
        return shares

    names = st.lists(st.sampled_from(NAMES[1:]), unique=True).map(lambda some: ["b", *some])
    shares = st.builds(of, st.lists(st.integers(0, 10), min_size=4, max_size=4), names)
    return tasks.flatmap(lambda some: st.fixed_dictionaries(dict.fromkeys(some, shares)))


TASKS = st.lists(st.sampled_from(["default", "mail", "deeds"]), min_size=1, unique=True)


@given(tables(TASKS), tables(TASKS))
def test_no_run_begins_with_more_of_a_canary_than_is_known(file: WeightTable, known: WeightTable) -> None:
    after = resumed_weights(file, known, "b")
    assert after.keys() == file.keys()
    for task, shares in after.items():
        assert shares.keys() == file[task].keys()
        assert math.fsum(shares.values()) == pytest.approx(100)
        for name, pct in shares.items():
            assert pct >= 0
            had = [s[name] for t, s in known.items() if name in s and (t == task or task not in known)]
            if name != "b" and had:
                assert pct <= max(had) + 1e-9


# --- a run that lives, and one that takes it up -------------------------------------------------


def test_every_change_is_kept_and_the_beginning_when_the_traffic_begins(tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = rollout(tmp_path, url)
        file = WeightsFile(place)
        with running(of, kept=file) as engine:
            until(engine, lambda s: read_kept(place) is not None)
            begun = read_kept(place)
            assert begun is not None
            assert (begun.weights, begun.kind, begun.rolled_back) == (of.weights, EventKind.STARTED, ())
            engine.send(RollBack(reason="slow"), actor="ann").result(WAIT_S)
        assert file.close(WAIT_S)
    left = read_kept(place)
    assert left is not None
    assert left.weights == {"default": {OLD: 100.0, NEW: 0.0}}
    assert (left.actor, left.reason, left.rolled_back) == ("ann", "slow", ("default",))
    assert (left.rollout, left.file_weights) == (of.path.resolve(), of.weights)
    assert left.revision > begun.revision


def test_a_run_that_begins_rolled_back_stays_so_for_the_next_one(tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    with beside(simulator(pretend(OLD, NEW))) as url:
        file = WeightsFile(place)
        none = {"default": {OLD: 100.0, NEW: 0.0}}
        with running(rollout(tmp_path, url), kept=file, weights=none, stands=KEPT) as engine:
            until(engine, lambda s: read_kept(place) is not None)
        assert file.close(WAIT_S)
    left = read_kept(place)
    assert left is not None
    assert (left.weights, left.kind, left.actor, left.at) == (none, EventKind.ROLLED_BACK, "ann", AT)


def test_a_record_that_knows_more_than_the_small_file_is_believed(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = rollout(tmp_path, url)
        with running(of, record=recorded(tmp_path, of)) as engine:
            engine.send(Shift(NEW, 30.0), actor="ann").result(WAIT_S)
            engine.send(RollBack(), actor="ann").result(WAIT_S)
    kept = replace(SHIFTED, record=tmp_path / "run1.sqlite", event=1)
    assert newest(kept).weights == {"default": {OLD: 100.0, NEW: 0.0}}
    assert newest(kept).rolled_back == ("default",)
    assert newest(replace(kept, event=1000)) == replace(kept, event=1000)
    assert newest(SHIFTED) == SHIFTED, "its record is gone"


def test_without_its_record_a_run_is_taken_up_with_its_weights_alone(tmp_path: Path) -> None:
    of = rollout(tmp_path, "http://nowhere")
    state = tmp_path / "state"
    write_kept(kept_path(state, of.path), replace(KEPT, rollout=of.path.resolve(), file_weights=of.weights))
    taken = resumed(of, state / "runs", RunOptions(resume=True))
    assert taken.previous is not None
    assert taken.previous.weights == {"default": {OLD: 100.0, NEW: 0.0}}
    assert [text.partition(":")[0] for text in taken.previous.lost] == ["all but the weights"]


def test_a_broken_small_file_gives_no_canary_traffic(tmp_path: Path) -> None:
    of = rollout(tmp_path, "http://nowhere")
    place = kept_path(tmp_path / "state", of.path)
    place.parent.mkdir(parents=True)
    place.write_text("{")
    for how, weights in ((RunOptions(resume=True), NONE), (RunOptions(watch=True), NONE), (RunOptions(), None)):
        begins = resumed(of, tmp_path / "state" / "runs", how).beginning
        assert begins.weights == weights
        assert str(place) in begins.said


def test_an_event_without_weights_changes_nothing_that_is_kept() -> None:
    marked = Event(9, AT, 1.0, "ann", EventKind.MARKED, "a note")
    assert changed(KEPT, marked) == KEPT
