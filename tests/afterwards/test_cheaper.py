"""The story of profiles/cheaper.toml: one task goes to the cheaper version, the other comes back alone."""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf

import pytest

from tests.support.rehearsal import Rehearsal, rehearse
from tui.afterwards.playback import Playback
from tui.afterwards.recording import Recording
from tui.afterwards.replay import replay
from tui.afterwards.report import report
from tui.cli.rehearsal import shipped
from tui.evaluation.evaluators import Evaluators
from tui.evaluation.guard import Guard
from tui.model import Event, EventKind, PlanState, PlanStep, SampleKind, Verdict, VerdictState
from tui.rollout import GuardSpec, Rollout, SourceSpec, load_rollout

MAIL, DEEDS = "email_summarisation", "contract_analysis"
OLD, NEW = "gpt41-prod-v0414", "gpt4omini-prod-v0718"
PAIRED = ("quality", "accuracy")


def quick() -> Rollout:
    """The shipped file with fewer requests, more of them asked twice, less time on a step and a shorter
    calibration. What is judged, and how, is as it was."""
    of = load_rollout(shipped("cheaper.toml"), env={})
    mail = of.tasks[MAIL]
    assert mail.plan is not None
    plan = replace(
        mail.plan, watch_s=3.0, steps=(PlanStep(10.0, 5.0, 50), PlanStep(50.0, 5.0, 20), PlanStep(100.0, 0.0))
    )
    sources = (SourceSpec("synthetic", share=80, task=MAIL), SourceSpec("synthetic", share=20, task=DEEDS))
    tasks = {
        task: replace(spec, criteria=replace(spec.criteria, calibration_requests=100, warmup_requests=30))
        for task, spec in {**of.tasks, MAIL: replace(mail, plan=plan)}.items()
    }
    return replace(
        of,
        tasks=tasks,
        traffic=replace(of.traffic, rate=20.0, stream=False, sources=sources),
        quality=replace(of.quality, shadow_pct=15.0),
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    return rehearse(quick(), "migration", tmp_path_factory.mktemp("story"), seed=2, for_s=80.0)


def of_kind(run: Rehearsal, *kinds: EventKind) -> list[Event]:
    return [event for event in run.events() if event.kind in kinds]


def verdict(run: Rehearsal, task: str, criterion: str) -> Verdict:
    [found] = [v for v in run.last.verdicts[NEW] if (v.task, v.criterion) == (task, criterion)]
    return found


def test_summaries_climb_to_the_cheaper_version_step_by_step(story: Rehearsal) -> None:
    shifts = of_kind(story, EventKind.SHIFTED)
    assert [event.actor for event in shifts] == ["plan", "plan"]
    assert [event.after[MAIL][NEW] for event in shifts if event.after] == [50.0, 100.0]
    assert story.last.weights[MAIL] == {OLD: 0.0, NEW: 100.0}
    assert [(plan.task, plan.state) for plan in story.last.plans] == [(MAIL, PlanState.DONE)]
    quality = verdict(story, MAIL, "quality")
    assert quality.state is VerdictState.OK
    assert shifts[0].at_s is not None
    assert quality.since_s is not None
    assert quality.since_s <= shifts[0].at_s


def test_contracts_are_worse_and_rolled_back_alone(story: Rehearsal) -> None:
    [back] = of_kind(story, EventKind.ROLLED_BACK)
    assert back.actor == "guard"
    assert back.before is not None
    assert back.after is not None
    assert back.before[DEEDS] == {OLD: 90.0, NEW: 10.0}
    assert back.after == {**back.before, DEEDS: {OLD: 100.0, NEW: 0.0}}
    worse = of_kind(story, EventKind.WORSE)
    assert worse
    assert all(DEEDS in event.text and ("quality" in event.text or "accuracy" in event.text) for event in worse)
    assert {v.task for v in story.last.verdicts[NEW] if v.state is VerdictState.WORSE} == {DEEDS}
    assert max(o.sent_s for o in story.outcomes() if (o.task, o.deployment) == (DEEDS, NEW)) <= back.at_s


def test_a_rolled_back_version_is_asked_for_nothing_more(story: Rehearsal) -> None:
    [back] = of_kind(story, EventKind.ROLLED_BACK)
    assert back.at_s is not None
    asked = [sample.at_s for sample in story.samples if sample.task == DEEDS and len(sample.answers) == 2]
    assert asked
    assert max(asked) < back.at_s + 5
    assert story.last.quality.known[DEEDS] == pytest.approx(2 * back.at_s, abs=4)


def test_the_judge_is_believed_and_paid_apart(story: Rehearsal) -> None:
    assert of_kind(story, EventKind.JUDGE) == []
    seen = story.last.quality
    assert seen.judge is not None
    assert seen.judge.anchors.anchors == 20
    assert 0 < seen.judge_usd < 5
    live_usd = sum(outcome.cost_usd or 0.0 for outcome in story.outcomes())
    assert story.last.spent_usd == pytest.approx(live_usd + seen.spent_usd)
    assert {sample.kind for sample in story.samples} == {SampleKind.LIVE, SampleKind.PAIR, SampleKind.KNOWN}


def test_the_report_names_the_task_that_came_back_and_why(story: Rehearsal) -> None:
    recording = Recording.open(story.record)
    evaluators = Evaluators(OLD, recording.canaries, recording.rollout.criteria_by_task)
    text = report(recording, "md", evaluators)["report.md"].replace("\\", "")
    rows = [line for line in text.splitlines() if line.startswith(f"| {NEW} |")]
    worse = [row for row in rows if "| WORSE at " in row]
    assert worse
    assert all(f"| {DEEDS} " in row for row in worse)
    assert [row for row in rows if f"| {MAIL} quality | OK at " in row]
    [cost] = [row for row in rows if f"| {MAIL} cost $/1k" in row]
    assert re.search(r"\| -(8|9)\d\.\d \[", cost), "a tenth of the price"
    [back] = [line for line in text.splitlines() if "| guard | rolled back |" in line]
    assert f"{DEEDS}: {OLD} 90 → 100%, {NEW} 10 → 0%" in back


def test_a_replay_comes_to_the_same_verdicts_at_the_same_moments(story: Rehearsal) -> None:
    recording = Recording.open(story.record)

    def evaluators() -> Evaluators:
        return Evaluators(OLD, recording.canaries, recording.rollout.criteria_by_task)

    again = replay(recording, evaluators(), Guard(GuardSpec("dry_run", PAIRED)))
    called = [(c.at_s, c.verdict.task, c.verdict.criterion, c.verdict.state) for c in again.calls]
    was = [
        (v.since_s, v.task, v.criterion, v.state)
        for v in story.last.verdicts[NEW]
        if v.criterion in PAIRED and v.state is not VerdictState.NOT_YET
    ]
    assert {call for call in called if call[2] in PAIRED} == set(was)
    assert len(was) >= 2
    [action] = again.actions
    [back] = of_kind(story, EventKind.ROLLED_BACK)
    assert action.at_s == back.at_s
    playback = Playback(recording, evaluators())
    playback.advance(inf)
    for shown in playback.snapshot().verdicts[NEW]:
        if shown.criterion in PAIRED:
            live = verdict(story, shown.task, shown.criterion)
            for field in ("state", "baseline_value", "canary_value", "canary_requests", "events", "since_s"):
                assert getattr(shown, field) == getattr(live, field), (shown.task, shown.criterion, field)
