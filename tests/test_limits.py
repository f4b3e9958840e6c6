"""What "slower" is measured against: the first answers of the baseline, or an earlier run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine_runs import NEW, OLD, beside, judged, pretend, rollout, running, simulator, until
from tests.recordings import made_run
from tests.recordings import outcome as recorded_outcome
from tests.test_judge import outcome_of
from tui.afterwards.earlier import limits_of
from tui.afterwards.recording import Recording
from tui.model import DEFAULT_TASK, Deployment, EventKind, OutcomeKind, Usage
from tui.record_reader import UnreadableRecord
from tui.rollout import Criteria
from tui.verdict.judge import Judge
from tui.verdict.limits import limits_from

SHARES = {"base": 90.0, "canary": 10.0}


def answer(name: str, ms: float, ttft_ms: float | None = None):
    return outcome_of(name, SHARES, latency_ms=ms, ttft_ms=ttft_ms, usage=Usage(10, 11))


def notes(judge: Judge) -> dict[str, str]:
    return {v.criterion: v.note for v in judge.verdicts(1.0)["canary"]}


def test_limits_are_the_nearest_ranks_of_as_many_answers_as_were_asked_for() -> None:
    judge = Judge("base", ["canary"], Criteria(calibration_requests=100))
    for ms in range(100, 0, -1):
        assert judge.frozen() == []
        judge.add(answer("base", float(ms), ttft_ms=ms / 2), 0.0)
    assert sorted(judge.frozen()) == [
        "limits frozen from 100 answers of base: P50 50.0 ms, P95 95.0 ms, P99 99.0 ms",
        "limits frozen from 100 answers of base: TTFT P50 25.0 ms, TTFT P95 47.5 ms",
        "limits frozen from 100 answers of base: ms/token P50 2.5 ms, ms/token P95 4.8 ms",
    ]
    assert judge.frozen() == []
    assert not any(note.startswith("calibrating") for note in notes(judge).values())


def test_answers_that_are_not_streamed_say_why_nothing_is_known_of_the_first_token() -> None:
    judge = Judge("base", ["canary"], Criteria(calibration_requests=100))
    judge.add(answer("base", 5.0), 0.0)
    assert notes(judge)["ttft_p50"] == "calibrating 0/100"
    for _ in range(99):
        judge.add(answer("base", 5.0), 0.0)
    assert notes(judge)["latency_p50"] == ""
    assert "are the answers streamed?" in notes(judge)["ttft_p50"]
    assert "are the answers streamed?" in notes(judge)["token_p95"]


def test_what_is_slower_than_the_limit_is_an_event_of_its_side() -> None:
    known = {"latency_p50": 100.0, "latency_p95": 200.0, "latency_p99": 300.0}
    judge = Judge("base", ["canary"], Criteria(), calibrated=known)
    assert judge.frozen() == ["limits taken from an earlier run: P50 100 ms, P95 200 ms, P99 300 ms"]
    for name, ms in (("base", 100.0), ("base", 150.0), ("canary", 109.0), ("canary", 221.0)):
        judge.add(answer(name, ms), 0.0)
    judge.add(outcome_of("base", SHARES, kind=OutcomeKind.SERVER_ERROR, latency_ms=900.0), 0.0)
    events = {v.criterion: v.events for v in judge.verdicts(1.0)["canary"]}
    assert (events["latency_p50"], events["latency_p95"], events["latency_p99"]) == (2, 1, 0)
    assert notes(judge)["ttft_p50"] == "calibrating 0/300"


def test_limits_from_outcomes_need_as_many_as_a_calibration() -> None:
    outcomes = [answer("base", float(ms)) for ms in range(1, 201)]
    assert limits_from(outcomes, Criteria(calibration_requests=201)) == {}
    limits = limits_from(outcomes, Criteria(calibration_requests=200))
    assert limits == {"latency_p50": 100.0, "latency_p95": 190.0, "latency_p99": 198.0}


# --- from an earlier run ----------------------------------------------------------------------------


def test_an_earlier_run_gives_the_limits_of_the_same_version(tmp_path: Path) -> None:
    recording = Recording.open(made_run(tmp_path / "run.sqlite"))
    now = rollout(tmp_path, "http://127.0.0.1:9")
    few = Criteria(calibration_requests=100)

    def pinned(version: str):
        deployments = {**now.deployments, OLD: Deployment(OLD, "main", "gpt-4o", version)}
        return replace(judged(now, few), deployments=deployments)

    latency_ms = recorded_outcome(1, "x", 0, weight=1).latency_ms
    assert limits_of(recording, pinned("v1"))[DEFAULT_TASK]["latency_p95"] == latency_ms
    with pytest.raises(UnreadableRecord, match="gpt-4o v3, was not in that run"):
        limits_of(recording, pinned("v3"))
    with pytest.raises(UnreadableRecord, match="fewer than 300 answers of old-v1"):
        limits_of(recording, judged(pinned("v1"), Criteria()))


def test_a_run_with_known_limits_compares_from_its_first_answer(tmp_path: Path) -> None:
    known = {"latency_p50": 0.01, "latency_p95": 0.01, "latency_p99": 0.01}
    with beside(simulator(pretend(OLD, NEW))) as url:
        with running(rollout(tmp_path, url), calibrated=known) as engine:
            last = until(engine, lambda s: s.verdicts[NEW][0].events > 0)
        assert any(e.kind is EventKind.CALIBRATED for e in last.events)
        verdict = last.verdicts[NEW][0]
        assert verdict.events <= verdict.canary_requests + verdict.baseline_requests
        assert "calibrating" not in verdict.note
