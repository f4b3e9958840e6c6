"""Whole runs whose sides are not answered alike: what is said live, said again by a replay, and taken up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.engine_runs import left_by
from tests.support.rehearsal import Rehearsal, rehearse
from tui.afterwards.recording import Recording
from tui.engine.setup import PreviousRun
from tui.evaluation.evaluators import Evaluators
from tui.model import Assignment, EventKind, Outcome, PlanState, Snapshot, Verdict, VerdictState
from tui.record.reader import last_state, read_held_back
from tui.rollout import Rollout, load_rollout
from tui.simulator.scenarios import Change, Scenario

OLD, NEW = "gpt4o-prod-v1120", "gpt4o-prod-v0806"
FILE = f"""
[rollout]
name = "test"
baseline = "{OLD}"

[endpoints.main]
url = "simulator"

[deployments.{OLD}]
endpoint = "main"
model = "gpt-4o"
version = "2024-11-20"

[deployments.{NEW}]
endpoint = "main"
model = "gpt-4o"
version = "2024-08-06"

[weights.default]
{OLD} = 50
{NEW} = 50

[traffic]
rate = 20
stream = false

[[traffic.sources]]
kind = "synthetic"

[criteria]
calibration_requests = 100

[guard]
mode = "armed"

[plan]
canary = "{NEW}"
steps = [{{ weight = 50, bake = "1h" }}, {{ weight = 100 }}]
start = "climbing"
"""
THROTTLED = Scenario(
    "throttled-soon",
    "from 20 s the baseline's quota is 300 requests a minute, half of what it gets",
    (Change(20, "baseline", "requests_per_min", to=300),),
)
LATENCY = ("latency_p50", "latency_p95", "latency_p99")


def of_file(folder: Path) -> Rollout:
    path = folder / "rollout.toml"
    path.write_text(FILE, encoding="utf-8")
    return load_rollout(path, env={})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("throttled")


@pytest.fixture(scope="module")
def throttled(folder: Path) -> Rehearsal:
    """A run of equal versions whose baseline is out of quota for most of the time."""
    return rehearse(of_file(folder), THROTTLED, folder, seed=1, for_s=90.0)


def by_criterion(verdicts: tuple[Verdict, ...]) -> dict[str, Verdict]:
    return {verdict.criterion: verdict for verdict in verdicts}


def texts(run: Rehearsal, kind: EventKind) -> list[str]:
    return [event.text for event in run.events() if event.kind is kind]


def test_a_throttled_baseline_makes_no_equal_version_worse(throttled: Rehearsal) -> None:
    said = by_criterion(throttled.last.verdicts[NEW])
    assert [name for name, verdict in said.items() if verdict.state is VerdictState.WORSE] == []
    assert texts(throttled, EventKind.ROLLED_BACK) == []
    assert throttled.last.weights["default"] == {OLD: 50.0, NEW: 50.0}
    shown = said["throttled"]
    assert shown.state is VerdictState.OK
    assert shown.canary_value == 0.0
    assert shown.baseline_value is not None
    assert shown.baseline_value > 10.0
    # Latency was weighed all the same: of those that were answered beside each other.
    assert said["latency_p50"].canary_requests > 300
    assert sum(1 for _ in read_held_back(throttled.record)) > 200


def test_a_replay_of_what_was_held_back_says_the_same(throttled: Rehearsal) -> None:
    recording = Recording.open(throttled.record)
    of = recording.rollout
    again = Evaluators(OLD, [NEW], of.criteria_by_task, timeout_s=of.traffic.timeout_s)
    now_s, held_back = 0.0, 0
    for now_s, happening in recording.happenings():
        if isinstance(happening, Assignment):
            again.assigned(happening, now_s)
        elif isinstance(happening, Outcome):
            again.add(happening, now_s)
            held_back += happening.kind.value == "held_back"
    assert held_back > 200
    live, replayed = (by_criterion(v) for v in (throttled.last.verdicts[NEW], again.verdicts(now_s)[NEW]))
    # How long it still takes is said from the moment of the question.
    assert [replace(v, etas=()) for v in replayed.values()] == [replace(v, etas=()) for v in live.values()]
    assert [v.criterion for v in live.values() if v.state is VerdictState.OK]


def resumed(past: PreviousRun, folder: Path) -> tuple[Rehearsal, Snapshot]:
    """A run that takes ``past`` up, and what it showed after a second."""
    seen: list[Snapshot] = []

    def watch(snapshot: Snapshot) -> bool:
        seen.append(snapshot)
        return len(seen) > 3

    return rehearse(of_file(folder), "healthy", folder, seed=2, for_s=10.0, previous=past, watch=watch), seen[0]


def test_a_run_that_is_taken_up_goes_on_from_its_evidence(
    throttled: Rehearsal, folder: Path, tmp_path: Path
) -> None:
    past = left_by(throttled.record, of_file(folder))
    run, first = resumed(past, tmp_path)
    before, after = (by_criterion(s.verdicts[NEW]) for s in (throttled.last, first))
    assert {n: v.state for n, v in after.items()} == {n: v.state for n, v in before.items()}
    assert {n: v.since_s for n, v in after.items()} == {n: v.since_s for n, v in before.items()}
    assert after["errors"].canary_requests == before["errors"].canary_requests > 0
    # What is frozen is taken up too: nothing is calibrated again.
    assert texts(run, EventKind.CALIBRATED) == []
    assert texts(run, EventKind.REFUSED) == []
    assert by_criterion(run.last.verdicts[NEW])["errors"].canary_requests > before["errors"].canary_requests


def test_evidence_of_the_first_engine_begins_anew_and_both_is_said(
    throttled: Rehearsal, folder: Path, tmp_path: Path
) -> None:
    state = last_state(throttled.record)
    assert state is not None
    margins = {"alpha_pct": 5.0, "latency_p50": 0.1, "errors": 0.0, "cost": 0.1}
    first_engine = {
        "judges": {"default": {"question": margins, "failed": {NEW: 0}, "limits": {}, "sides": {}}},
        "tasks": state["tasks"],
        "members": state["members"],
    }
    past = replace(left_by(throttled.record, of_file(folder)), automation=first_engine)
    run, first = resumed(past, tmp_path)
    [taken_up] = [event for event in run.events() if event.kind is EventKind.RESUMED]
    assert taken_up.text == "taken up where the last run was left"
    assert taken_up.after == throttled.last.weights
    [refused] = texts(run, EventKind.REFUSED)
    assert refused.startswith(
        "not taken up from the run before, evidence: it was weighed by an earlier version"
    )
    assert refused.endswith("begins anew")
    assert {v.state for v in first.verdicts[NEW]} == {VerdictState.NOT_YET}
    # The plan goes on where it stood, with the bake time that it has served.
    assert first.plan is not None
    assert throttled.last.plan is not None
    assert first.plan.state is PlanState.CLIMBING
    assert first.plan.in_step_s > throttled.last.plan.in_step_s - 1 > 80
