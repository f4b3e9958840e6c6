"""Who takes part in a run, and who may get traffic: deployments that join, are removed, and join again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engine_runs import NEW, OLD, WAIT_S, pretend, total, until
from tests.support.managed_runs import MADE, Plane, account_of, find, managed_run
from tui.engine.thread import Engine
from tui.model import EventKind, Snapshot
from tui.model.commands import AddToRollout, Command, Promote, RemoveDeployment, RollBack, Shift, Undo
from tui.routing.controller import CommandRefused, LeftHalfDone


def there(engine: Engine, plane: Plane, name: str = MADE) -> None:
    """Somebody else makes a deployment; the run has seen it."""
    plane.put(name)
    until(engine, lambda s: ready(s, name))


def ready(snapshot: Snapshot, name: str) -> bool:
    managed = account_of(snapshot).deployment(name)
    return managed is not None and managed.state == "Succeeded"


def joined(engine: Engine, plane: Plane) -> None:
    there(engine, plane)
    engine.send(AddToRollout("main", MADE), actor="ann").result(WAIT_S)


def removed(engine: Engine, name: str = MADE) -> None:
    engine.send(RemoveDeployment("main", name), actor="ann").result(WAIT_S)


def refused(engine: Engine, command: Command) -> str:
    with pytest.raises(CommandRefused) as error:
        engine.send(command, actor="ann").result(WAIT_S)
    return str(error.value)


def test_one_that_joins_has_no_weight_and_the_event_says_what_the_file_needs(tmp_path: Path) -> None:
    with managed_run(tmp_path) as (engine, plane):
        there(engine, plane)
        event = engine.send(AddToRollout("main", MADE.upper()), actor="ann").result(WAIT_S)
        assert (event.kind, event.text) == (EventKind.ADDED, f"{MADE} joined at weight 0: gpt-5.1 2025-11-13")
        assert event.after == {"default": {OLD: 100.0, MADE: 0.0}}
        assert event.reason == (
            f"for the next run add to the rollout file: [deployments.{MADE}], "
            'endpoint = "main", model = "gpt-5.1", version = "2025-11-13"'
        )


def test_what_cannot_take_traffic_does_not_join(tmp_path: Path) -> None:
    with managed_run(tmp_path) as (engine, plane):
        until(engine, lambda s: account_of(s).read_at)
        assert refused(engine, AddToRollout("main", "nobody")) == (
            "no deployment nobody is known at endpoint main"
        )
        assert refused(engine, AddToRollout("main", OLD)) == (
            f"a deployment named {OLD} is part of this rollout already"
        )
        plane.plan({"on": "put", "do": "stall"})
        plane.put(MADE)
        until(engine, lambda s: account_of(s).deployment(MADE))
        assert f"{MADE} is not ready, it is " in refused(engine, AddToRollout("main", MADE))
        assert set(engine.snapshot().deployments) == {OLD}


def test_only_what_serves_nobody_is_removed_whatever_its_name_is_written_like(tmp_path: Path) -> None:
    with managed_run(tmp_path) as (engine, plane):
        joined(engine, plane)
        engine.send(Shift(MADE, 10), actor="ann").result(WAIT_S)
        assert refused(engine, RemoveDeployment("main", OLD.upper())) == (
            f"{OLD} is the baseline of this rollout"
        )
        assert refused(engine, RemoveDeployment("main", MADE.upper())) == (
            f"{MADE} still has 10% of the traffic: roll back first"
        )
        assert plane.sent("DELETE") == []


def test_requests_in_flight_are_waited_for(tmp_path: Path) -> None:
    slow = pretend(OLD, ttft_ms=60_000.0)
    with managed_run(tmp_path, served=slow, rate=20.0, timeout_s=60.0) as (engine, plane):
        joined(engine, plane)
        engine.send(Shift(MADE, 50), actor="ann").result(WAIT_S)
        until(engine, lambda s: s.deployments[MADE].in_flight)
        engine.send(RollBack(), actor="ann").result(WAIT_S)
        text = refused(engine, RemoveDeployment("main", MADE))
        assert text.endswith("requests in flight: try again in a moment")
        assert plane.sent("DELETE") == []


def test_nothing_gives_traffic_to_one_that_is_gone(tmp_path: Path) -> None:
    with managed_run(tmp_path) as (engine, plane):
        joined(engine, plane)
        engine.send(Shift(MADE, 10), actor="ann").result(WAIT_S)
        engine.send(RollBack(), actor="ann").result(WAIT_S)
        until(engine, lambda s: s.deployments[MADE].in_flight == 0)
        removed(engine)
        gone = "it was removed from its account"
        assert refused(engine, Shift(MADE, 5, force=True)) == f"{MADE} gets no more traffic: {gone}"
        assert refused(engine, Promote(MADE)) == f"{MADE} gets no more traffic: {gone}"
        assert refused(engine, Undo()) == f"undo would give traffic to {MADE}: {gone}"
        assert engine.snapshot().weights["default"] == {OLD: 100.0, MADE: 0.0}
        assert engine.snapshot().deployments[MADE].removed == gone


def test_one_that_was_made_anew_joins_again_with_nothing_that_was_measured_before(tmp_path: Path) -> None:
    with managed_run(tmp_path, rate=60.0) as (engine, plane):
        joined(engine, plane)
        engine.send(Shift(MADE, 50), actor="ann").result(WAIT_S)
        measured = until(engine, lambda s: total(s, MADE).requests >= 5)
        assert measured.deployments[MADE].served == "gpt-5.1-2025-11-13"
        engine.send(RollBack(), actor="ann").result(WAIT_S)
        until(engine, lambda s: s.deployments[MADE].in_flight == 0)
        removed(engine)
        assert "no deployment" in refused(engine, AddToRollout("main", MADE))
        model = {"format": "OpenAI", "name": "gpt-4.1", "version": "2025-04-14"}
        plane.put(MADE, model=model)
        until(engine, lambda s: ready(s, MADE))
        assert "it was removed" in refused(engine, Shift(MADE, 5)), "it does not join by itself"
        event = engine.send(AddToRollout("main", MADE), actor="ann").result(WAIT_S)
        assert (event.kind, event.text) == (
            EventKind.ADDED,
            f"{MADE} joined again at weight 0: gpt-4.1 2025-04-14",
        )
        anew = until(engine, lambda s: s.deployments[MADE].removed is None)
        assert (total(anew, MADE).requests, anew.deployments[MADE].served) == (0, None)
        assert anew.deployments[MADE].deployment.version == "2025-04-14"
        engine.send(Shift(MADE, 50), actor="ann").result(WAIT_S)
        after = until(engine, lambda s: total(s, MADE).requests >= 2)
        assert after.deployments[MADE].served == "gpt-4.1-2025-04-14"
        assert after.deployments[MADE].changed is None, "another deployment is no change of version"


def test_one_of_which_it_is_not_known_gets_no_traffic_until_it_was_seen(tmp_path: Path) -> None:
    with managed_run(tmp_path) as (engine, plane):
        joined(engine, plane)
        plane.plan({"on": "delete", "do": "drop"}, {"on": "list", "do": "forbidden", "times": 1000})
        with pytest.raises(LeftHalfDone, match="it is still there in state Succeeded"):
            removed(engine)
        assert find(engine.snapshot(), EventKind.HALF_DONE, MADE) is not None
        text = refused(engine, Shift(MADE, 5))
        assert text.endswith("it was to be removed, and what became of that has not been seen yet")
        plane.clear()
        until(engine, lambda s: s.deployments[MADE].removed is None)
        engine.send(Shift(MADE, 5), actor="ann").result(WAIT_S)
        assert engine.snapshot().weights["default"][MADE] == 5.0


def test_a_removal_that_was_refused_changes_nothing(tmp_path: Path) -> None:
    weights = {OLD: 100.0, NEW: 0.0}
    with managed_run(tmp_path, served=pretend(OLD, NEW), weights=weights) as (engine, plane):
        until(engine, lambda s: account_of(s).read_at)
        plane.plan({"on": "delete", "do": "forbidden"})
        with pytest.raises(CommandRefused, match="nothing was changed") as error:
            removed(engine, NEW)
        assert not isinstance(error.value, LeftHalfDone)
        engine.send(Shift(NEW, 5), actor="ann").result(WAIT_S)
        assert engine.snapshot().deployments[NEW].removed is None


def test_one_that_is_not_of_the_rollout_is_removed_too(tmp_path: Path) -> None:
    with managed_run(tmp_path) as (engine, plane):
        there(engine, plane)
        removed(engine)
        assert plane.state(MADE) is None
        assert set(engine.snapshot().deployments) == {OLD}
