"""A judge that cannot be believed is said to be so, once and on the screen, while the run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.quality_runs import JUDGE, judged_rollout
from tests.support.rehearsal import rehearse
from tui.model import EventKind

_ONSET_S = 60.0


@pytest.mark.parametrize(
    ("scenario", "for_s", "said"),
    [
        ("judge-fails", 75.0, "FAILING: no score "),
        ("judge-nonsense", 80.0, "FAILING: no score "),
        ("judge-first", 160.0, "PREFERS the first answer: "),
    ],
)
def test_a_fault_of_the_judge_is_noticed_and_said(
    tmp_path: Path, scenario: str, for_s: float, said: str
) -> None:
    run = rehearse(judged_rollout(), scenario, tmp_path, seed=1, for_s=for_s)
    [event] = [event for event in run.events() if event.kind is EventKind.JUDGE]
    assert event.at_s is not None
    assert event.at_s > _ONSET_S
    assert event.text.startswith(f"judge {JUDGE}: {said}")
    judge = run.last.quality.judge
    assert judge is not None
    assert said.split(":")[0] in f"{judge.text} {judge.position.text}"
    scored = [s.judged for s in run.samples if s.judged is not None and s.judged.scores]
    failed = [s.judged for s in run.samples if s.judged is not None and not s.judged.scores]
    assert len(run.pairs()) == len(scored)
    assert all(judgement.failed for judgement in failed)
    assert run.lost == 0


def test_a_judge_without_a_fault_is_not_spoken_of(tmp_path: Path) -> None:
    of = judged_rollout()
    run = rehearse(
        replace(of, traffic=replace(of.traffic, rate=4.0)), "migration", tmp_path, seed=1, for_s=60.0
    )
    judge = run.last.quality.judge
    assert judge is not None
    assert judge.asked > 200
    assert (judge.failing, judge.position.biased, judge.anchors.drifted) == (False, False, False)
    assert [event for event in run.events() if event.kind is EventKind.JUDGE] == []
