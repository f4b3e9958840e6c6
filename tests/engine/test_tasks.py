"""Tasks of their own: judged, guarded, climbing and measured apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bench.world import BASE, CANARY, Version, World
from tests.measure.test_windows import _measures, _outcome
from tests.support.contexts import Clock, KeptLog, automated, context_of
from tests.support.engine_runs import NEW, OLD, rollout
from tests.support.evidence import Asked, of_tasks, outcome_of, stream, tell
from tests.support.rollout_files import load, problems
from tests.support.typed import present
from tui.evaluation.evaluators import Evaluators
from tui.model import (
    DEFAULT_TASK,
    Assignment,
    EventKind,
    OutcomeKind,
    PlanState,
    PlanStep,
    VerdictState,
)
from tui.rollout import Criteria, GuardSpec, PlanSpec, Rollout, TaskSpec
from tui.routing.controller import CommandRefused

TRIAL = "gpt4o-prod-v0513"
MAIL, DEEDS = "email_summarisation", "contract_analysis"
TABLE = {DEFAULT_TASK: {OLD: 100.0, NEW: 0.0}, MAIL: {OLD: 50.0, NEW: 50.0}, DEEDS: {OLD: 50.0, NEW: 50.0}}


# --- the evaluators ---------------------------------------------------------------------------------


def _fed(evaluators: Evaluators, requests: int = 3000) -> None:
    """The canary fails in one task and is as good as the baseline in the other."""

    def at_25(errors: float = 0.0) -> World:
        return World(canaries=(Version(errors=errors),), canary_pct=lambda _: 25.0)

    tell(
        evaluators,
        of_tasks({MAIL: stream(at_25(), 1, requests), DEEDS: stream(at_25(errors=0.1), 2, requests)}),
    )


def _states(evaluators: Evaluators, criterion: str) -> dict[str, VerdictState]:
    return {v.task: v.state for v in evaluators.verdicts(0.0)[CANARY] if v.criterion == criterion}


def _evaluators(*tasks: str) -> Evaluators:
    return Evaluators(BASE, [CANARY], {task: Criteria() for task in (DEFAULT_TASK, *tasks)}, timeout_s=60.0)


def test_a_canary_that_fails_in_one_task_is_worse_in_that_alone() -> None:
    evaluators = _evaluators(MAIL, DEEDS)
    _fed(evaluators)
    assert _states(evaluators, "errors")[DEEDS] is VerdictState.WORSE
    assert _states(evaluators, "errors")[MAIL] is not VerdictState.WORSE
    assert {v.task for v in evaluators.worse(CANARY, 0.0)} == {DEEDS}


def test_a_task_without_weights_is_judged_with_the_default_one() -> None:
    evaluators = Evaluators(BASE, [CANARY], dict.fromkeys((DEFAULT_TASK, MAIL), Criteria(warmup_requests=0)))
    run = Asked(evaluators, {BASE: 50.0, CANARY: 50.0})
    for i in range(40):
        run.ask((BASE, CANARY)[i % 2], i / 10, task="made up")
    requests = {v.task: v.canary_requests for v in evaluators.verdicts(9.0)[CANARY] if v.criterion == "errors"}
    assert requests == {DEFAULT_TASK: 20, MAIL: 0}


def test_the_allowed_chance_of_a_false_alarm_is_split_over_the_tasks() -> None:
    one, three = _evaluators(), _evaluators(MAIL, DEEDS)
    assert one.by_task[DEFAULT_TASK].state()["question"]["alpha_pct"] == 5.0
    assert three.by_task[MAIL].state()["question"]["alpha_pct"] == pytest.approx(5.0 / 3)
    assert {v.task for v in one.verdicts(0.0)[CANARY]} == {""}


def test_evidence_of_each_task_survives_a_restart() -> None:
    evaluators, again = _evaluators(MAIL, DEEDS), _evaluators(MAIL, DEEDS)
    _fed(evaluators)
    kept = json.loads(json.dumps(evaluators.state()))
    again.restore(kept)
    assert json.loads(json.dumps(again.state())) == kept
    assert _states(again, "errors") == _states(evaluators, "errors")
    with pytest.raises(ValueError, match="criteria have changed"):
        _evaluators().restore(kept)


# --- guard and plan ---------------------------------------------------------------------------------


class Run:
    """The automation of a rollout with three tasks, without a service."""

    def __init__(self, folder: Path, guard: GuardSpec, plans: Mapping[str, PlanSpec]) -> None:
        self.clock, self.log, self._ids = Clock(), KeptLog(), count()
        tasks = {task: TaskSpec(plan=plans.get(task)) for task in TABLE}
        of: Rollout = replace(rollout(folder, "http://127.0.0.1:9"), weights=TABLE, tasks=tasks, guard=guard)
        self.router, self.hand, self.auto = automated(of, context_of(self.log, self.clock))

    def fail(self, task: str, times: int = 5) -> None:
        """The canary fails so many times, and the baseline answers as often."""
        for _ in range(times):
            for name, kind in ((OLD, OutcomeKind.OK), (NEW, OutcomeKind.SERVER_ERROR)):
                self.clock.now += 0.25
                drawn = Assignment(next(self._ids), task, name, 50.0, self.clock.now, TABLE[task])
                self.auto.assigned(drawn)
                error = "" if kind is OutcomeKind.OK else "HTTP 500"
                ended = outcome_of(name, TABLE[task], drawn.request_id, kind=kind, error=error)
                self.auto.ended(replace(ended, task=task))

    def canary(self, task: str) -> float:
        return self.router.weights[task][NEW]


LADDER = PlanSpec(NEW, (PlanStep(50.0, 0.0), PlanStep(80.0, 3600.0), PlanStep(100.0, 0.0)), ("none",))


def test_the_guard_rolls_back_the_task_that_is_hurt_and_no_other(tmp_path: Path) -> None:
    run = Run(tmp_path, GuardSpec("armed"), {})
    run.fail(DEEDS)
    assert (run.canary(DEEDS), run.canary(MAIL)) == (0.0, 50.0)


def test_a_task_that_is_not_worse_may_still_be_raised(tmp_path: Path) -> None:
    run = Run(tmp_path, GuardSpec("off"), {})
    run.fail(DEEDS, 100)
    run.hand.shift(NEW, 60, "ann", task=MAIL)
    with pytest.raises(CommandRefused, match="it is WORSE"):
        run.hand.shift(NEW, 60, "ann", task=DEEDS)
    with pytest.raises(CommandRefused, match="it is WORSE"):
        run.hand.promote(NEW, "ann")
    run.hand.promote(NEW, "ann", MAIL)
    assert (run.canary(DEEDS), run.canary(MAIL)) == (50.0, 100.0)


def test_each_task_climbs_its_own_ladder(tmp_path: Path) -> None:
    run = Run(tmp_path, GuardSpec("off"), {MAIL: LADDER, DEEDS: LADDER})
    run.auto.resume_plan("ann", MAIL)
    run.auto.skip_step("ann", MAIL)
    assert (run.canary(MAIL), run.canary(DEEDS)) == (80.0, 50.0)
    assert {plan.task: plan.state for plan in run.auto.plans()} == {
        MAIL: PlanState.CLIMBING,
        DEEDS: PlanState.HELD,
    }
    assert run.log.events[-2].text == f"plan of {MAIL}: skip"


def test_without_a_task_a_key_of_the_plan_is_for_all_that_it_makes_sense_for(tmp_path: Path) -> None:
    run = Run(tmp_path, GuardSpec("off"), {MAIL: LADDER, DEEDS: LADDER})
    run.auto.resume_plan("ann", MAIL)
    run.auto.resume_plan("ann")
    assert {plan.state for plan in run.auto.plans()} == {PlanState.CLIMBING}
    with pytest.raises(CommandRefused, match="nothing to resume"):
        run.auto.resume_plan("ann")
    with pytest.raises(CommandRefused, match=f"task {DEFAULT_TASK} has no plan"):
        run.auto.hold_plan("ann", DEFAULT_TASK)


def test_a_promotion_of_one_task_takes_only_its_plan_along(tmp_path: Path) -> None:
    run = Run(tmp_path, GuardSpec("off"), {MAIL: LADDER, DEEDS: LADDER})
    run.auto.promote(NEW, "ann", MAIL)
    assert {p.task: p.state for p in run.auto.plans()} == {MAIL: PlanState.WATCHING, DEEDS: PlanState.HELD}


def test_guard_and_plan_of_each_task_are_taken_up_again(tmp_path: Path) -> None:
    run = Run(tmp_path, GuardSpec("armed"), {MAIL: LADDER})
    run.auto.resume_plan("ann", MAIL)
    run.auto.skip_step("ann", MAIL)
    again = Run(tmp_path, GuardSpec("armed"), {MAIL: LADDER})
    assert again.auto.restore(json.loads(json.dumps(run.auto.state())), 0.0) == ()
    assert again.auto.plans()[0].index == 1
    broken = {**run.auto.state(), "tasks": {MAIL: {"plan": {"canary": "another"}}}}
    [refused] = Run(tmp_path, GuardSpec("armed"), {MAIL: LADDER}).auto.restore(broken, 0.0)
    assert refused.startswith(f"plan of {MAIL}: ")


def test_worse_in_another_task_is_an_event_that_names_it(tmp_path: Path) -> None:
    run = Run(tmp_path, GuardSpec("off"), {})
    run.fail(DEEDS, 100)
    worse = [e for e in run.log.events if e.kind is EventKind.WORSE]
    assert worse
    assert all(DEEDS in e.text for e in worse)


# --- the rollout file -------------------------------------------------------------------------------


def test_a_task_has_what_its_table_says_and_else_what_the_file_says(tmp_path: Path) -> None:
    steps = [{"weight": 50, "bake": "1m"}, {"weight": 100}]
    canary = "gpt4o-prod-v0513"
    of = load(tmp_path, {
        "criteria/latency_p95_pct": 20, "plan": {"canary": canary, "steps": steps},
        f"tasks/{DEEDS}": {"requests_per_day": 900, "criteria": {"latency_p99_pct": 50},
                           "plan": {"canary": canary, "steps": steps[1:]}},
        f"tasks/{MAIL}": {},
    })  # fmt: skip
    assert set(of.weights) == set(of.tasks) == {DEFAULT_TASK, DEEDS, MAIL}
    assert of.weights[DEEDS] == of.weights[DEFAULT_TASK]
    assert (of.tasks[DEEDS].criteria.latency_p95_pct, of.tasks[DEEDS].criteria.latency_p99_pct) == (20, 50)
    assert of.tasks[DEEDS].requests_per_day == 900
    assert [len(present(of.tasks[task].plan).steps) for task in (DEFAULT_TASK, DEEDS, MAIL)] == [2, 1, 2]


def test_a_file_without_tasks_has_one(tmp_path: Path) -> None:
    of = load(tmp_path, {})
    assert list(of.tasks) == [DEFAULT_TASK]
    assert (of.plan, of.criteria) == (None, Criteria(scored_by="people"))


@pytest.mark.parametrize(
    ("table", "field", "said"),
    [
        ({"criterea": 3}, "criterea", "did you mean criteria?"),
        ({"requests_per_day": -1}, "requests_per_day", "at least 0"),
        ({"criteria": {"alpha_pct": 1}}, "criteria.alpha_pct", "unknown key"),
        ({"plan": {"canary": "x", "steps": [{"weight": 5}]}}, "plan.canary", "no such deployment"),
        ({"plan": {"canary": TRIAL, "steps": []}}, "plan.steps", "no step"),
        ({"plan": {"canary": TRIAL, "steps": [{"weight": 5}, {"weight": 5}]}}, "plan.steps[2].weight",
         "must rise"),
        ({"plan": {"canary": TRIAL, "steps": [{"weight": 5}], "stop_on": ["x"]}}, "plan.stop_on[1]",
         "no such criterion"),
    ],
)  # fmt: skip
def test_each_mistake_of_a_task_is_named_where_it_stands(
    tmp_path: Path, table: dict[str, Any], field: str, said: str
) -> None:
    found = problems(tmp_path, {"tasks": {DEEDS: table}})
    assert [p for p in found if p.field == f"tasks.{DEEDS}.{field}" and said in p.remedy], found


# --- figures ----------------------------------------------------------------------------------------


def test_each_task_has_a_history_and_the_pool_has_the_mean_of_the_weights() -> None:
    measures = _measures(["email", "contract"])
    for task, name, n in (("email", "gpt4o-prod-v1120", 3), ("contract", "gpt4o-prod-v1120", 1)):
        for _ in range(n):
            measures.assigned(task, name, 0.5)
            measures.add(_outcome(name, task=task), 0.6)
    weights = {"email": {"gpt4o-prod-v1120": 40.0}, "contract": {"gpt4o-prod-v1120": 80.0}}
    [pooled] = measures.tick(1.0, weights)
    by_task = {task: points[0].figures["gpt4o-prod-v1120"] for task, points in measures.task_history().items()}
    assert {task: (f.requests, f.weight_pct) for task, f in by_task.items()} == {
        "email": (3, 40.0), "contract": (1, 80.0),
    }  # fmt: skip
    assert pooled.figures["gpt4o-prod-v1120"].requests == 4
    assert pooled.figures["gpt4o-prod-v1120"].weight_pct == pytest.approx(50.0)


def test_one_task_needs_no_second_history() -> None:
    measures = _measures(["email"])
    measures.tick(3.0)
    assert len(measures.history()) == 3
    assert measures.task_history() == {}
