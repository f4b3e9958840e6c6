"""A run that takes up another: who joined it, who was removed, and what no longer fits the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.arm_service import STARTS
from tests.support.engine_runs import NEW, OLD, WAIT_S, left_by, recorded, rollout, running, until
from tests.support.managed_runs import (
    MADE,
    Plane,
    account_of,
    calendar_of,
    hurried,
    managed_rollout,
    managed_run,
)
from tui.engine.resume import previous_run
from tui.engine.setup import NO_CHANGES, Changes, PreviousRun
from tui.model import Deployment, Event, EventKind, Snapshot
from tui.model.commands import AddToRollout, RemoveDeployment, Shift, Undo
from tui.record.reader import RunInfo
from tui.record.record import RunRecord
from tui.routing.controller import CommandRefused

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
JOINED = Deployment(MADE, "main", "gpt-5.1", "2025-11-13", provisioned=True)
STATE = {"members": Changes({MADE: JOINED}, frozenset({"gone"}), frozenset({MADE})).as_json()}
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
KEYS = st.sampled_from(("members", "joined", "removed", "doubted", "endpoint", "model", "version"))
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


def past(folder: Path, weights: dict[str, dict[str, float]], state: Any = None) -> PreviousRun:
    return previous_run(
        rollout(folder, "http://nowhere"),
        RunInfo(folder / "run0.sqlite", "run0", "r", BEGAN, None, 0, None),
        weights,
        (),
        state,
    )


def test_members_are_kept_as_they_are() -> None:
    assert Changes.of_state(STATE) == Changes({MADE: JOINED}, frozenset({"gone"}), frozenset({MADE}))


@given(ANYTHING)
def test_a_state_without_sense_has_members_that_make_sense_or_none(state: Any) -> None:
    read = Changes.of_state(state if isinstance(state, dict) else {"members": state})
    assert all(d.endpoint and d.model and d.version for d in read.joined.values())
    assert all(isinstance(name, str) for name in read.removed | read.doubted)
    assert Changes.of_state({"members": read.as_json()}) == read


def test_one_that_joined_takes_part_again(tmp_path: Path) -> None:
    left = past(tmp_path, {"default": {OLD: 85.0, NEW: 5.0, MADE: 10.0}}, STATE)
    assert left.changes.joined == {MADE: JOINED}
    assert left.weights == {"default": {OLD: 85.0, NEW: 5.0, MADE: 10.0}}
    assert left.lost == ()


def test_what_nobody_knows_any_more_leaves_its_weight_to_the_baseline_and_that_is_said(tmp_path: Path) -> None:
    elsewhere = {"members": Changes({MADE: replace(JOINED, endpoint="gone")}).as_json()}
    left = past(tmp_path, {"default": {OLD: 80.0, NEW: 5.0, MADE: 10.0, "other": 5.0}}, elsewhere)
    assert left.changes == NO_CHANGES
    assert left.weights == {"default": {OLD: 95.0, NEW: 5.0}}
    assert left.lost == (
        f"{MADE}: it joined at endpoint gone, which the file does not have; its 10% go to {OLD}",
        f"other: neither the file nor the record says what it is; its 5% go to {OLD}",
    )


def test_what_had_no_weight_leaves_none_to_the_baseline(tmp_path: Path) -> None:
    left = past(tmp_path, {"default": {OLD: 95.0, NEW: 5.0, "other": 0.0}})
    assert left.lost == ("other: neither the file nor the record says what it is",)


def test_a_run_says_why_it_took_up_nothing(tmp_path: Path) -> None:
    why = "nothing was resumed: no run of this file is known"
    with managed_run(tmp_path, engine={"begins": why}) as (engine, _):
        snapshot = until(engine, lambda s: any(e.kind is EventKind.REFUSED for e in s.events))
        assert why in [e.text for e in snapshot.events]


def _succeeded(name: str, snapshot: Snapshot) -> bool:
    there = account_of(snapshot).deployment(name)
    return there is not None and there.state == "Succeeded"


def test_who_joined_and_who_was_removed_is_so_in_the_run_that_takes_it_up(tmp_path: Path) -> None:
    record = recorded(tmp_path, managed_rollout(tmp_path, "http://nowhere"))
    with managed_run(tmp_path, engine={"record": record}) as (engine, plane):
        for name in (MADE, "second"):
            plane.put(name)
            until(engine, partial(_succeeded, name))
            engine.send(AddToRollout("main", name), actor="ann").result(WAIT_S)
        engine.send(Shift(MADE, 10), actor="ann").result(WAIT_S)
        engine.send(RemoveDeployment("main", "second"), actor="ann").result(WAIT_S)
        engine.stop()
        assert record.close(WAIT_S)
        taken_up(tmp_path, plane)


def test_what_is_kept_with_a_decision_names_who_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[EventKind, Any] = {}
    write = RunRecord.event

    def event(self: RunRecord, event: Event, state: Any = None) -> Any:
        kept[event.kind] = state
        return write(self, event, state)

    monkeypatch.setattr(RunRecord, "event", event)
    record = recorded(tmp_path, managed_rollout(tmp_path, "http://nowhere"))
    with managed_run(tmp_path, engine={"record": record}) as (engine, plane):
        plane.put(MADE)
        until(engine, lambda s: (d := account_of(s).deployment(MADE)) is not None and d.state == "Succeeded")
        engine.send(AddToRollout("main", MADE), actor="ann").result(WAIT_S)
        engine.send(Shift(MADE, 10), actor="ann").result(WAIT_S)
    for kind in (EventKind.ADDED, EventKind.SHIFTED):
        assert MADE in Changes.of_state(kept[kind]).joined


def taken_up(folder: Path, plane: Plane) -> None:
    """The run goes on with the same service, as after a crash."""
    of = managed_rollout(folder, plane.url)
    left = left_by(folder / "run1.sqlite", of)
    with running(of, previous=left, now=calendar_of(STARTS), sleep=hurried, tick_s=0.2) as engine:
        snapshot = until(engine, lambda s: account_of(s).read_at)
        assert snapshot.weights["default"] == {OLD: 90.0, MADE: 10.0, "second": 0.0}
        assert snapshot.deployments["second"].removed == "it was removed from its account"
        assert snapshot.deployments[MADE].removed is None
        with pytest.raises(CommandRefused, match="it was removed"):
            engine.send(Shift("second", 5), actor="ann").result(WAIT_S)
        engine.send(Undo(), actor="ann").result(WAIT_S)
        assert engine.snapshot().weights["default"] == {OLD: 100.0, MADE: 0.0, "second": 0.0}
