"""With which weights a run begins, and which roll back stands: who joined, what was edited, what was moved."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
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
    planned,
    pretend,
    recorded,
    rollout,
    running,
    simulator,
    until,
)
from tui.cli.wiring import RunOptions
from tui.engine.keeper import LastWeights
from tui.engine.resume import OtherRuns, by_records, file_weights, resumed
from tui.engine.resume_weights import StartOptions, beginning, newest
from tui.engine.setup import Setup
from tui.model import Event, EventKind, PlanState, PlanStep, WeightTable
from tui.model.commands import Mark, ResumePlan, RollBack, Shift, Undo
from tui.record.kept_weights import (
    KeptWeights,
    WeightsFile,
    changed,
    kept_path,
    read_kept,
    still_stands,
    write_kept,
)
from tui.record.record import RunRecord, UnreadableRecord, record_path
from tui.rollout import PlanSpec, Rollout
from tui.routing.controller import CommandRefused

AT = datetime(2026, 12, 1, 3, 12, tzinfo=UTC)
WAIT_S = 20.0
BEGUN: WeightTable = {"default": {"b": 90.0, "c": 10.0}, "mail": {"b": 90.0, "c": 10.0}}
KEPT = KeptWeights(
    Path("/r.toml"), "b", BEGUN, BEGUN, "run1", Path("/none"), 1, EventKind.STARTED, "ann", "", AT
)  # fmt: skip


def table(default: float, mail: float, **more: float) -> WeightTable:
    """Percent of canary ``c`` in two tasks; ``more`` are others, in both."""
    rest = sum(more.values())
    return {
        task: {"b": 100.0 - pct - rest, "c": pct, **more}
        for task, pct in (("default", default), ("mail", mail))
    }


def walked(*steps: tuple[EventKind, WeightTable]) -> KeptWeights:
    kept = KEPT
    for number, (kind, after) in enumerate(steps, start=2):
        kept = changed(kept, Event(number, AT, 0.0, f"actor{number}", kind, "", "why", after=after))
    return kept


BACK, SHIFT, UNDO, ADD = EventKind.ROLLED_BACK, EventKind.SHIFTED, EventKind.UNDONE, EventKind.ADDED


@pytest.mark.parametrize(
    ("steps", "stands", "by"),
    [
        ([], (), "ann"),
        ([(BACK, table(0, 0))], ("default", "mail"), "actor2"),
        # In one task only; then somebody goes on in the other.
        ([(BACK, table(10, 0))], ("mail",), "actor2"),
        ([(BACK, table(10, 0)), (SHIFT, table(20, 0))], ("mail",), "actor2"),
        ([(BACK, table(10, 0)), (SHIFT, table(20, 5))], (), "actor3"),
        ([(SHIFT, table(10, 0)), (BACK, table(0, 0))], ("default",), "actor3"),
        # Who joins has no weight, and brings nobody back.
        ([(BACK, table(0, 0)), (ADD, table(0, 0, late=0))], ("default", "mail"), "actor2"),
        ([(BACK, table(0, 0)), (ADD, table(0, 0, late=0)), (SHIFT, table(0, 0, late=5))], (), "actor4"),
        ([(SHIFT, table(0, 0))], (), "actor2"),
        # Undone it stands no more; where what brought it back is undone, it does again.
        ([(BACK, table(0, 0)), (UNDO, table(10, 10))], (), "actor3"),
        ([(BACK, table(0, 0)), (SHIFT, table(5, 0)), (UNDO, table(0, 0))], ("default", "mail"), "actor4"),
        ([(EventKind.PLAN, table(30, 30))], (), "ann"),
    ],
)  # fmt: skip
def test_which_roll_back_stands(steps: list[tuple[EventKind, WeightTable]], stands: Any, by: str) -> None:
    kept = walked(*steps)
    assert (kept.rolled_back, kept.actor) == (stands, by)
    assert kept.weights == (steps[-1][1] if steps else BEGUN)
    assert kept.event == 1 + len(steps)
    assert (kept.kind is EventKind.ROLLED_BACK) == bool(stands)


def test_a_roll_back_stands_in_the_tasks_that_begin_without_canary() -> None:
    kept = walked((BACK, table(0, 0)))
    assert still_stands(kept, table(0, 0)) == ("default", "mail")
    assert still_stands(kept, table(5, 0)) == ("mail",)
    assert still_stands(kept, {"default": {"b": 100.0}}) == ("default",)


@pytest.mark.parametrize(
    ("file", "how", "after", "said"),
    [
        # One more deployment in the file brings nobody else back.
        (table(10, 10, new=5), {"resume": True}, table(0, 0, new=5), "and so this one begins"),
        (table(10, 10, new=5), {"watch": True}, table(0, 0, new=5), "and so this one begins"),
        # A weight that a person changed in the file counts, and no other.
        (table(15, 10), {"resume": True}, table(15, 0), "was changed since then, and holds for c"),
        (table(15, 10), {"watch": True}, table(15, 0), "was changed since then, and holds for c"),
        (table(0, 15), {"resume": True}, table(0, 15), "were changed since then, and hold"),
        (table(10, 10), {"resume": True}, table(0, 0), "left rolled back by actor2"),
        # A new task gives a canary that was rolled back nothing.
        ({**table(10, 10), "deeds": {"b": 80.0, "c": 20.0}}, {"resume": True},
         {**table(0, 0), "deeds": {"b": 100.0, "c": 0.0}}, "and so this one begins"),
    ],
)  # fmt: skip
def test_how_a_run_begins_after_a_roll_back(
    file: WeightTable, how: dict[str, bool], after: WeightTable, said: str
) -> None:
    begins = beginning(file, "b", walked((BACK, table(0, 0))), StartOptions(**how))
    assert (begins.weights or file) == after
    assert said in begins.said


def test_a_cockpit_begins_no_task_with_more_than_the_file_has() -> None:
    kept = walked((SHIFT, table(60, 10)), (BACK, table(60, 0)))
    watched = beginning(BEGUN, "b", kept, StartOptions(watch=True))
    assert (watched.weights, watched.held) == (table(10, 0), ("mail",))
    resumed = beginning(BEGUN, "b", kept, StartOptions(resume=True, watch=True))
    assert (resumed.weights, resumed.held) == (table(60, 0), ("mail",))


def test_another_baseline_is_another_rollout() -> None:
    begins = beginning(table(10, 10), "c", walked((BACK, table(0, 0))), StartOptions(resume=True))
    assert begins.weights is None
    assert "were changed since then, and hold" in begins.said


SHARES = st.lists(st.sampled_from((0.0, 5.0, 10.0, 30.0)), min_size=2, max_size=2)


@given(st.lists(st.tuples(st.sampled_from((BACK, SHIFT, UNDO)), SHARES), max_size=6), SHARES, st.booleans())
def test_no_canary_comes_back_by_itself(steps: Any, file: list[float], resume: bool) -> None:
    """Where the file says of a task what it said before, nobody begins with more there than the last run had;
    a cockpit does so wherever a roll back stands."""
    told = [(kind, table(0, 0) if kind is BACK else table(*pcts)) for kind, pcts in steps]
    kept, now = walked(*told), table(*file)
    begins = beginning(now, "b", kept, StartOptions(resume=resume, watch=True))
    for task, shares in (begins.weights or now).items():
        assert sum(shares.values()) == 100
        if now[task] == BEGUN[task] and (resume or kept.rolled_back):
            assert shares["c"] <= kept.weights[task]["c"]


# --- what the rollout file says meanwhile -------------------------------------------------------


def weighted(of: Rollout, canary_pct: float) -> None:
    of.path.write_text(f'[weights.default]\n"{OLD}" = {100 - canary_pct}\n"{NEW}" = {canary_pct}\n')


def test_an_edit_counts_only_after_the_last_change_of_the_weights(tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = rollout(tmp_path, url)
        weighted(of, 50)
        file = WeightsFile(place, lambda: file_weights(of.path))
        with running(of, kept=file) as engine:
            until(engine, lambda s: read_kept(place) is not None)
            # Somebody raises it in the file for the next time; then it is rolled back.
            weighted(of, 60)
            engine.send(RollBack(), actor="guard").result(WAIT_S)
        assert file.close(WAIT_S)
    kept = read_kept(place)
    assert kept is not None
    assert kept.file_weights == {"default": {OLD: 40.0, NEW: 60.0}}
    edited = {"default": {OLD: 40.0, NEW: 60.0}}
    assert beginning(edited, OLD, kept, StartOptions(resume=True)).weights == {
        "default": {OLD: 100.0, NEW: 0.0}
    }


@pytest.mark.parametrize(
    "text",
    ["", "[weights", "a = " + "[" * 100_000, "[weights]\ndefault = 1", '[weights.default]\na = "x"', "\udcff"],
)
def test_a_file_that_is_just_being_saved_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert file_weights(path) is None
    assert file_weights(tmp_path / "none.toml") is None


# --- who begins, and who does not ---------------------------------------------------------------


def test_the_first_request_waits_until_it_is_known_that_the_run_begins(tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = rollout(tmp_path, url)
        record = recorded(tmp_path, of)
        file = WeightsFile(place)
        with running(of, record=record, kept=file) as engine:
            until(engine, lambda s: s.sender.sent)
            kept = read_kept(place)
            assert kept is not None
            assert (kept.record, kept.run_id) == (tmp_path / "run1.sqlite", "run1")
            assert newest(kept) == kept, "and its record is there"
        assert file.close(WAIT_S)


def test_who_joins_before_the_traffic_does_not_make_it_the_last_run(tmp_path: Path) -> None:
    of, place = rollout(tmp_path, "http://nowhere"), tmp_path / "w.json"
    file = WeightsFile(place)
    setup = Setup(of, "run1", {}, 1, "ann", None, lambda: 0.0, lambda: AT, kept=file)
    last = LastWeights(setup, of.weights)
    joined = {"default": {**of.weights["default"], "late": 0.0}}
    last.heard(Event(2, AT, 0.0, "ann", EventKind.ADDED, "", after=joined))
    last.heard(Event(3, AT, 0.0, "ann", EventKind.MARKED, ""))
    assert read_kept(place) is None
    written = last.begun()
    assert written is not None
    written.result(WAIT_S)
    assert last.begun() is None, "once"
    kept = read_kept(place)
    assert kept is not None
    assert (kept.weights, kept.event, kept.kind) == (joined, 2, EventKind.STARTED)
    assert file.close(WAIT_S)


def test_nothing_is_sent_nor_kept_where_an_endpoint_does_not_answer_and_all_must(tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    with beside(simulator(pretend(OLD, NEW), key="another")) as url:
        file = WeightsFile(place)
        with running(rollout(tmp_path, url), kept=file, must_answer=True) as engine:
            assert engine.ended.result(WAIT_S) == 0
            assert [probe.verdict for probe in engine.probes.result()] == ["refused"]
            assert engine.snapshot().sender.sent == 0
        file.close(WAIT_S)
    assert read_kept(place) is None


def test_a_cockpit_that_reaches_nobody_leaves_what_was_there_until_somebody_acts(tmp_path: Path) -> None:
    place = tmp_path / "w.json"
    with beside(simulator(pretend(OLD, NEW), key="another")) as url:
        file = WeightsFile(place)
        with running(rollout(tmp_path, url), kept=file) as engine:
            until(engine, lambda s: s.sender.sent > 5)
            assert read_kept(place) is None
            engine.send(RollBack(), actor="ann").result(WAIT_S)
        assert file.close(WAIT_S)
    left = read_kept(place)
    assert left is not None
    assert left.rolled_back == ("default",)


def test_no_plan_brings_back_what_was_rolled_back_in_the_run_before(tmp_path: Path) -> None:
    steps = (PlanStep(30.0, bake_s=3600.0), PlanStep(100.0, bake_s=3600.0))
    none = {"default": {OLD: 100.0, NEW: 0.0}}
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = planned(rollout(tmp_path, url), PlanSpec(NEW, steps, start="climbing"))
        with running(of, weights=none, held=("default",)) as engine:
            held = until(
                engine, lambda s: s.plan is not None and s.plan.state is PlanState.HELD and s.at_s > 0.3
            )
            assert held.weights == none
            engine.send(ResumePlan(), actor="ann").result(WAIT_S)
            assert engine.snapshot().weights["default"][NEW] == 30.0
        with running(of, weights=none) as engine:
            until(engine, lambda s: s.weights["default"][NEW] == 30.0)


def test_undo_goes_back_to_whole_tables_of_now(tmp_path: Path) -> None:
    """In the file of now one task is new, one deployment is gone; the record holds nonsense too."""
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = rollout(tmp_path, url, weights={OLD: 50.0, NEW: 30.0, "gone": 20.0})
        with running(of, record=recorded(tmp_path, of)) as engine:
            engine.send(Shift(NEW, 40), actor="ann").result(WAIT_S)
            engine.send(RollBack(), actor="ann").result(WAIT_S)
            engine.send(Mark("a row to be broken"), actor="ann").result(WAIT_S)
        with closing(sqlite3.connect(tmp_path / "run1.sqlite")) as conn, conn:
            nonsense: list[dict[str, Any]] = [
                {"default": {OLD: 5}},
                {"default": {OLD: 60, NEW: 60}},
                {"default": {}},
            ]
            for before in nonsense:
                conn.execute(
                    "INSERT INTO events SELECT NULL, id + 1, at, at_s, actor, 'shifted', text, reason, ?, ?, 0"
                    " FROM events ORDER BY seq DESC LIMIT 1",
                    (json.dumps(before), json.dumps(before | {"mail": {}})),
                )
        now = rollout(tmp_path, url)
        now = replace(
            now,
            weights={"default": {OLD: 90.0, NEW: 10.0}, "mail": {OLD: 80.0, NEW: 20.0}},
            tasks={"default": now.tasks["default"], "mail": now.tasks["default"]},
        )
        state = tmp_path / "state"
        last = {"default": {OLD: 100.0, NEW: 0.0, "gone": 0.0}}
        kept = replace(KEPT, rollout=now.path.resolve(), baseline=OLD, weights=last, file_weights=last,
                       record=tmp_path / "run1.sqlite", event=1000)  # fmt: skip
        write_kept(kept_path(state, now.path), kept)
        taken = resumed(now, state / "runs", RunOptions(resume=True))
        with running(now, previous=taken.previous) as engine:
            seen = []
            while True:
                try:
                    engine.send(Undo(), actor="ann").result(WAIT_S)
                except CommandRefused:
                    break
                seen.append({t: dict(shares) for t, shares in engine.snapshot().weights.items()})
    begun = taken.beginning.weights
    assert begun is not None
    assert seen == [
        {"default": {OLD: 60.0, NEW: 40.0}, "mail": begun["mail"]},
        {"default": {OLD: 70.0, NEW: 30.0}, "mail": begun["mail"]},
    ]


# --- where no small file says it ----------------------------------------------------------------


def left_a_record(of: Rollout, folder: Path, number: int, *, canary_pct: float, **how: Any) -> None:
    """The record of a run that ended with this weight of the canary; ``how`` are its meta data."""
    began = datetime(2026, 12, 1, 3, number, tzinfo=UTC)
    text = f'[weights.default]\n"{OLD}" = 50\n"{NEW}" = 50\n'
    record = RunRecord.create(
        record_path(folder, of.name, f"run{number}", began), run_id=f"run{number}", rollout_name=of.name,
        rollout_text=text, started_at=began, meta=how, batch_s=0.02,
    )  # fmt: skip
    before, after = of.weights, {"default": {OLD: 100.0 - canary_pct, NEW: canary_pct}}
    record.event(Event(1, began, 0.0, "ann", EventKind.STARTED, "", after=before))
    if canary_pct != before["default"][NEW]:
        kind = EventKind.ROLLED_BACK if canary_pct == 0 else EventKind.SHIFTED
        record.event(Event(2, began, 1.0, "guard", kind, "", before=before, after=after))
    assert record.close(WAIT_S)


def test_records_say_it_where_the_small_file_is_missing_or_broken(tmp_path: Path) -> None:
    of = rollout(tmp_path, "http://nowhere")
    runs = tmp_path / "state" / "runs"
    assert by_records(of, runs) is None
    left_a_record(of, runs, 1, canary_pct=30.0)
    left_a_record(of, runs, 2, canary_pct=0.0)
    left_a_record(of, runs, 3, canary_pct=50.0)  # could not start
    left_a_record(of, runs, 4, canary_pct=40.0, environment="simulator: healthy")
    left_a_record(of, runs, 5, canary_pct=40.0, rollout_path="/another/rollout.toml")
    left_a_record(replace(of, name="test-b"), runs, 6, canary_pct=40.0)
    (runs / "20261201T030000Z-test-broken.sqlite").write_text("no record")
    (runs / "20261201T030700Z-test-empty.sqlite").touch()
    known = by_records(of, runs)
    assert known is not None
    assert (known.run_id, known.rolled_back, known.actor) == ("run2", ("default",), "guard")
    none = {"default": {OLD: 100.0, NEW: 0.0}}
    for broken in (False, True):
        if broken:
            place = kept_path(tmp_path / "state", of.path)
            place.parent.mkdir()
            place.write_text("{")
        for how, weights in (
            (RunOptions(resume=True), none),
            (RunOptions(watch=True), none),
            (RunOptions(), None),
        ):
            begins = resumed(of, runs, how).beginning
            assert begins.weights == weights
            assert "the last run was left rolled back by guard 2026-12-01 03:02Z" in begins.said
            assert ("; by its records the last run" in begins.said) is broken


@pytest.mark.parametrize("broken", ["", "{"])
def test_a_newer_record_that_cannot_be_read_gives_no_canary_traffic(tmp_path: Path, broken: str) -> None:
    """What an older one says is not the newest."""
    of, runs = rollout(tmp_path, "http://nowhere"), tmp_path / "state" / "runs"
    left_a_record(of, runs, 1, canary_pct=30.0)
    for number, content in enumerate((b"no record", None)):
        newer = runs / f"2026120{number + 2}T030000Z-test-newer.sqlite"
        if content is None:
            left_a_record(of, tmp_path / "more", 2, canary_pct=0.0)
            [made] = (tmp_path / "more").glob("*.sqlite")
            with closing(sqlite3.connect(made)) as conn, conn:
                conn.execute("UPDATE run SET rollout_text = '[weights]'")
            made.rename(newer)
        else:
            newer.write_bytes(content)
        if broken:
            place = kept_path(tmp_path / "state", of.path)
            place.parent.mkdir(exist_ok=True)
            place.write_text(broken)
        for how, canary_pct in (
            (RunOptions(resume=True), 0.0),
            (RunOptions(watch=True), 0.0),
            (RunOptions(), 50.0),
        ):
            begins = resumed(of, runs, how).beginning
            assert (begins.weights or of.weights)["default"][NEW] == canary_pct
            assert str(newer) in begins.said
            assert ("which keeps the newest weights, cannot be used" in begins.said) is bool(broken)


def test_a_small_file_of_another_rollout_is_not_believed(tmp_path: Path) -> None:
    of = rollout(tmp_path, "http://nowhere")
    write_kept(kept_path(tmp_path / "state", of.path), KEPT)
    begins = resumed(of, tmp_path / "state" / "runs", RunOptions(resume=True)).beginning
    assert begins.weights == {"default": {OLD: 100.0, NEW: 0.0}}
    assert "is of another file: /r.toml; all traffic goes to" in begins.said


def test_no_older_record_is_taken_for_a_newer_one_that_cannot_be_read(tmp_path: Path) -> None:
    of = rollout(tmp_path, "http://nowhere")
    runs = tmp_path / "state" / "runs"
    left_a_record(of, runs, 1, canary_pct=50.0)
    left_a_record(of, runs, 2, canary_pct=0.0)
    newer = runs / "20261201T030200Z-test-run2.sqlite"
    whole = newer.read_bytes()
    none = {"default": {OLD: 100.0, NEW: 0.0}}
    for damage in (
        "DELETE FROM events",
        "DELETE FROM run",
        "UPDATE events SET id = 1",
        'UPDATE events SET after = \'{"default": {"a": 5}}\'',
        "UPDATE events SET after = x'00'",
        "UPDATE events SET kind = 'unheard of'",
        "UPDATE run SET rollout_text = '['",
        "UPDATE run SET rollout_text = 'a = ' || printf('%.*c', 100000, '[')",
        "DROP TABLE events",
        "PRAGMA user_version = 99",
    ):
        newer.write_bytes(whole)
        with closing(sqlite3.connect(newer)) as conn, conn:
            # As one that sent something: without events nothing else says so.
            conn.execute(f"INSERT INTO outcomes VALUES (7{', 0' * 33})")
            conn.execute(damage)
        for how, weights in (
            (RunOptions(resume=True), none),
            (RunOptions(watch=True), none),
            (RunOptions(), None),
        ):
            begins = resumed(of, runs, how).beginning
            assert begins.weights == weights, damage
            assert newer.name in begins.said, damage
        assert resumed(of, runs, RunOptions(resume=True, from_file=True)).beginning.weights is None


def test_a_change_whose_weights_cannot_be_read_gives_no_canary_traffic(tmp_path: Path) -> None:
    of = rollout(tmp_path, "http://nowhere")
    state = tmp_path / "state"
    left_a_record(of, state / "runs", 1, canary_pct=0.0)
    [path] = (state / "runs").glob("*.sqlite")
    kept = replace(
        KEPT, rollout=of.path.resolve(), record=path, baseline=OLD, weights={"default": {OLD: 50.0, NEW: 50.0}}
    )
    assert newest(kept).rolled_back == ("default",)
    write_kept(kept_path(state, of.path), kept)
    tables: tuple[dict[str, Any], ...] = (
        {"default": {OLD: 5}},
        {},
        {"default": {}},
        {"default": {OLD: 60, NEW: 60}},
    )
    for after in tables:
        with closing(sqlite3.connect(path)) as conn, conn:
            conn.execute("UPDATE events SET after = ? WHERE id = 2", (json.dumps(after),))
        with pytest.raises(UnreadableRecord, match="does not say with which weights its run was left: event 2"):
            newest(kept)
        begins = resumed(of, state / "runs", RunOptions(resume=True)).beginning
        assert begins.weights == {"default": {OLD: 100.0, NEW: 0.0}}
        assert "event 2: weights" in begins.said


# --- others -------------------------------------------------------------------------------------


def test_runs_that_begin_in_one_moment_see_each_other_and_none_sees_itself(tmp_path: Path) -> None:
    of = rollout(tmp_path, "http://nowhere")
    path = of.path.resolve()
    others = OtherRuns(tmp_path / "runs", path)
    assert others() == ""
    meta = {"pid": 77, "rollout_path": str(path)}
    ran = [
        RunRecord.create(
            tmp_path / "runs" / f"{n}.sqlite", run_id=f"run{n}", rollout_name="test", rollout_text="",
            started_at=AT, meta=meta, batch_s=0.02,
        )
        for n in (1, 2)
    ]  # fmt: skip
    for number, record in enumerate(ran):
        record.event(Event(1, AT, 0.0, "ann", EventKind.STARTED, f"run{number}")).result(WAIT_S)
    said = OtherRuns(tmp_path / "runs", path)()
    assert said.startswith(
        "run run2 of the same file (since 2026-12-01 03:12Z, process 77) is live (and 1 more)"
    )
    others.look(tmp_path / "runs" / "2.sqlite")
    assert others().startswith("run run1 of the same file")
    assert "more" not in others()
    assert ran[0].close()
    others.look_again()
    assert others() == ""
    assert ran[1].close()
