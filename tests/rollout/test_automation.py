"""The [guard] and [plan] tables of a rollout file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.rollout_files import load, problems
from tui.model import PlanStep
from tui.rollout import GuardSpec, PlanSpec

NEW = "gpt4o-prod-v0513"
STEPS = [
    {"weight": 5, "bake": "10m", "requests": 200},
    {"weight": 25.5, "bake": "1.5h", "gate": True},
    {"weight": 100},
]
PLAN = {"canary": NEW, "steps": STEPS}


def plan(steps: list[Any]) -> dict[str, Any]:
    return {"plan": {"canary": NEW, "steps": steps}}


def test_without_tables_the_guard_is_off_and_there_is_no_plan(tmp_path: Path) -> None:
    rollout = load(tmp_path, {})
    assert (rollout.guard, rollout.plan) == (GuardSpec("off", (), True), None)


def test_a_plan_with_its_defaults(tmp_path: Path) -> None:
    steps = (PlanStep(5, 600, 200), PlanStep(25.5, 5400, 0, True), PlanStep(100, 0))
    assert load(tmp_path, {"plan": PLAN}).plan == PlanSpec(NEW, steps, (), (), 3600.0, "held")


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    lists = {"must_be_ok": ["errors"], "stop_on": ["errors", "cost"]}
    changes = {
        "guard": {"mode": "dry_run", "criteria": ["latency_p95"], "tripwire": False},
        "plan": {**PLAN, **lists, "watch": "90s", "start": "climbing"},
    }
    rollout = load(tmp_path, changes)
    assert rollout.guard == GuardSpec("dry_run", ("latency_p95",), False)
    plan = rollout.plan
    assert plan is not None
    assert (plan.must_be_ok, plan.stop_on, plan.watch_s, plan.start) == (
        ("errors",), ("errors", "cost"), 90.0, "climbing",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field", "remedy"),
    [
        ({"guard": {"mode": "armd"}}, "guard.mode", "did you mean armed"),
        ({"guard": {"criteria": ["latency_p59", "errors"]}}, "guard.criteria[1]", "did you mean latency_p"),
        ({"guard": {"criteria": ["zzz"]}}, "guard.criteria[1]", "known: quality, latency_p50"),
        ({"guard": {"criteria": [7]}}, "guard.criteria[1]", "in quotes"),
        ({"guard": {"criteria": "errors"}}, "guard.criteria", "a list of criteria"),
        ({"guard": {"mod": "off"}}, "guard.mod", "did you mean mode"),
        ({"guard": {"tripwire": 1}}, "guard.tripwire", "true or false"),
        ({"plan": "x"}, "plan", "must be a table"),
        ({"plan": {"steps": STEPS}}, "plan.canary", "missing"),
        ({"plan": {"steps": STEPS, "canary": 7}}, "plan.canary", "text in quotes"),
        ({"plan/canary": "gpt4o-prod-v0531", "plan/steps": STEPS}, "plan.canary", f"did you mean {NEW}"),
        ({"plan/canary": "gpt4o-prod-v1120", "plan/steps": STEPS}, "plan.canary", "is the baseline"),
        ({"plan": {"canary": NEW}}, "plan.steps", "no step"),
        (plan([]), "plan.steps", "no step"),
        ({"plan": {"canary": NEW, "steps": "5"}}, "plan.steps", "a list of tables"),
        (plan([5]), "plan.steps[1]", "must be a table"),
        (plan([{}]), "plan.steps[1].weight", "missing"),
        (plan([{"weight": 0}]), "plan.steps[1].weight", "more than 0"),
        (plan([{"weight": 101}]), "plan.steps[1].weight", "at most 100"),
        (
            plan([{"weight": 50}, {"weight": 25}, {"weight": 75}]),
            "plan.steps[2].weight",
            "more than 50",
        ),
        (plan([{"weight": 5}, {"weight": 5}]), "plan.steps[2].weight", "must rise"),
        (plan([{"weight": 5, "bake": "10"}]), "plan.steps[1].bake", '"90s"'),
        (plan([{"weight": 5, "bake": "-5m"}]), "plan.steps[1].bake", '"90s"'),
        (plan([{"weight": 5, "bake": 10}]), "plan.steps[1].bake", '"90s"'),
        (plan([{"weight": 5, "requests": -1}]), "steps[1].requests", "at least 0"),
        (plan([{"weight": 5, "requests": 1.5}]), "steps[1].requests", "whole"),
        (plan([{"weight": 5, "gates": True}]), "steps[1].gates", "did you mean gate"),
        ({"plan": {**PLAN, "watch": "soon"}}, "plan.watch", '"1h"'),
        ({"plan": {**PLAN, "start": "now"}}, "plan.start", '"held" | "climbing"'),
        ({"plan": {**PLAN, "must_be_ok": ["eror"]}}, "plan.must_be_ok[1]", "did you mean errors"),
        ({"plan": {**PLAN, "stop_on": ["errors", "costs"]}}, "plan.stop_on[2]", "did you mean cost"),
    ],
)  # fmt: skip
def test_each_mistake_names_field_and_remedy(
    tmp_path: Path, changes: dict[str, Any], field: str, remedy: str
) -> None:
    found = problems(tmp_path, changes)
    assert [(p.field.endswith(field), remedy in p.remedy, p.severity) for p in found] == [
        (True, True, "error")
    ], [str(p) for p in found]


def waits_for(*criteria: str) -> dict[str, Any]:
    return {"plan": {**PLAN, "must_be_ok": list(criteria)}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (waits_for("quality"), ["plan.must_be_ok[1]: shadow_pct in [quality]"]),
        (waits_for("errors", "accuracy"), ["plan.must_be_ok[2]: no answers are known for default"]),
        (
            waits_for("accuracy") | {"tasks/contracts": {"known_answers": "rollout.toml"}},
            ["plan.must_be_ok[1]: no answers are known for default:"],
        ),
        (waits_for("ttft_p50", "token_p95", "latency_p50"), []),
        (
            waits_for("ttft_p50", "token_p95", "latency_p50") | {"traffic/stream": False},
            ["plan.must_be_ok[1]: stream = true", "plan.must_be_ok[2]: stream = true"],
        ),
        (waits_for("cost"), []),
        (
            waits_for("cost") | {f"deployments/{NEW}/provisioned": True},
            ["plan.must_be_ok[1]: no price per request"],
        ),
        (waits_for("throttled", "errors"), []),
        ({"guard": {"criteria": ["throttled"]}}, ["guard.criteria[1]: is advisory"]),
        ({"plan": {**PLAN, "stop_on": ["errors", "split"]}}, ["plan.stop_on[2]: is advisory"]),
    ],
)
def test_what_can_never_be_decided_is_said_before_anybody_waits_for_it(
    tmp_path: Path, changes: dict[str, Any], said: list[str]
) -> None:
    """With the remedy, and as a warning: what was recorded with such a file can still be read."""
    found = problems(tmp_path, changes)
    assert [p.severity for p in found] == ["warning"] * len(said)
    for problem, expected in zip(found, said, strict=True):
        field, part = expected.split(": ", 1)
        assert problem.field == field
        assert part in problem.remedy
        assert "take it out" in problem.remedy


def test_known_answers_of_a_task_let_its_own_plan_wait_for_accuracy(tmp_path: Path) -> None:
    own = {"known_answers": "rollout.toml", "plan": {**PLAN, "must_be_ok": ["accuracy"]}}
    assert problems(tmp_path, {"tasks/contracts": own}) == []
