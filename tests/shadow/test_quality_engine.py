"""The quality room in the engine's own thread: its commands, and its end with questions under way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cockpit.test_values import view_of
from tests.support.engine_runs import (
    NEW,
    OLD,
    WAIT_S,
    beside,
    finished,
    pretend,
    recorded,
    rollout,
    running,
    simulator,
    until,
)
from tests.support.quality_runs import JUDGE, compared
from tests.support.simulator_service import quick
from tui.cockpit.text.verdicts import quality_lines
from tui.headless.run import table
from tui.model import EventKind, SampleKind, Snapshot
from tui.model.commands import Score, Unscore
from tui.record.reader import read_pairs
from tui.rollout import Rollout
from tui.routing.controller import CommandRefused
from tui.simulator.behaviour import PretendDeployment


def at(url: str, of: Rollout) -> Rollout:
    return replace(of, endpoints={name: replace(e, url=url) for name, e in of.endpoints.items()})


def judged(snapshot: Snapshot) -> int:
    judge = snapshot.quality.judge
    return 0 if judge is None else judge.asked - judge.failed


def asked(snapshot: Snapshot) -> int:
    judge = snapshot.quality.judge
    return 0 if judge is None else judge.unanswered


def test_answers_are_judged_and_scored_in_a_run(tmp_path: Path) -> None:
    judge = PretendDeployment(JUDGE, "gpt-5", "2025-08-07", "judge", quick())
    with beside(simulator([*pretend(OLD, NEW), judge])) as url:
        of = at(url, compared(tmp_path, shadow_pct=100.0, judge=True, rate=40.0))
        record = recorded(tmp_path, of)
        with running(of, record=record) as engine:
            until(engine, lambda s: judged(s) >= 5 and s.quality.samples >= 5)
            sample = next(s for s in engine.samples() if s.kind is SampleKind.PAIR)
            event = engine.send(Score(sample.id, NEW, 2, note="invents a date"), actor="ann").result(WAIT_S)
            assert (event.kind, event.actor, event.reason) == (EventKind.SCORED, "ann", "invents a date")
            [kept] = [s for s in engine.samples() if s.id == sample.id]
            assert {name: score.value for name, score in kept.human.items()} == {NEW: 2}
            assert engine.send(Unscore(sample.id, NEW), actor="ann").result(WAIT_S).kind is EventKind.SCORED
            with pytest.raises(CommandRefused, match="no score to take back"):
                engine.send(Unscore(sample.id, NEW), actor="ann").result(WAIT_S)
            last = finished(engine)
        assert record.close(timeout_s=WAIT_S)
        pairs = list(read_pairs(tmp_path / "run1.sqlite"))
    assert len(pairs) >= 5
    assert {(pair.criterion, pair.canary) for pair in pairs} == {("quality", NEW)}
    [quality] = [v for v in last.verdicts[NEW] if v.criterion == "quality"]
    assert quality.canary_requests == len(pairs)


def test_a_run_that_is_cut_ends_at_once_and_says_that_its_judge_was_asked(tmp_path: Path) -> None:
    never = PretendDeployment(JUDGE, "gpt-5", "2025-08-07", "judge", quick(hang_pct=100.0))
    with beside(simulator([*pretend(OLD, NEW), never])) as url:
        of = at(url, compared(tmp_path, shadow_pct=100.0, judge=True, rate=50.0))
        with running(of) as engine:
            until(engine, lambda s: s.quality.waiting >= 5 and asked(s) == 4)
            # The first word lets all finish, the second, as of a second Ctrl-C, cuts them.
            engine.end(drain_s=600.0)
            engine.end()
            assert engine.ended.result(WAIT_S) == 0
            last = engine.snapshot()
    judge = last.quality.judge
    assert judge is not None
    assert (judge.asked, judge.unanswered, judge.text) == (0, 4, "asked 4 times, no answer yet")
    assert f"judge {JUDGE}: asked 4 times, no answer yet; $0.0000" in table(last)
    assert any(judge.text in line.text for line in quality_lines(view_of(last), 120))


def test_why_there_are_no_samples_is_said(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        for per_s, said in ((0.0, "this rollout keeps none: samples_per_s is 0 under [quality]"), (50.0, "")):
            of = at(url, rollout(tmp_path, url))
            of = replace(of, quality=replace(of.quality, samples_per_s=per_s, shadow_pct=0.0))
            with running(of) as engine:
                last = until(engine, lambda s: s.sender.sent > 20)
                assert engine.samples_note() == said
                assert per_s or last.quality.samples == 0
