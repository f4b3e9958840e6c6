"""The ``[guard]`` and ``[plan]`` tables: what must agree in them, and the values that they become."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf

from tui.base.problems import did_you_mean, nearest, quoted
from tui.model import CRITERIA, PlanStep
from tui.model.criteria import ADVISORY, STREAMED
from tui.rollout.findings import Findings, Place
from tui.rollout.schema import GuardTable, PlanTable, RolloutFile, StepTable
from tui.rollout.values import GuardSpec, PlanSpec

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LISTS = ("must_be_ok", "stop_on")


def check_guard(guard: GuardTable, found: Findings) -> None:
    """Adds every mistake of the guard that a single value does not show."""
    _check_criteria(("guard", "criteria"), guard.criteria, found)
    _check_moving(("guard", "criteria"), guard.criteria, found)


def check_plan(
    at: Place,
    file: RolloutFile,
    plan: PlanTable,
    tasks: Collection[str],
    names: Collection[str],
    found: Findings,
) -> None:
    """Adds every mistake of the plan that stands at ``at``, and what it would wait for in vain. ``tasks`` climb
    by it, ``names`` are the deployments of the file."""
    place: Place = (*at, "canary")
    baseline = file.rollout.baseline
    if plan.canary is None:
        if not found.wrong(*place):
            found.error(place, "", "missing; name the deployment that climbs")
    elif names and plan.canary not in names:
        found.error(place, quoted(plan.canary), f"no such deployment; {did_you_mean(plan.canary, names)}")
    elif plan.canary == baseline:
        others = [name for name in names if name != baseline]
        remedy = f"is the baseline; name the one that is on trial; {did_you_mean(plan.canary, others)}"
        found.error(place, quoted(plan.canary), remedy)
    if not plan.steps and not found.wrong(*at, "steps"):
        found.error((*at, "steps"), "", 'no step; add steps = [{ weight = 5, bake = "10m" }, { weight = 100 }]')
    _check_steps(at, plan.steps or (), found)
    for key in _LISTS:
        _check_criteria((*at, key), getattr(plan, key), found)
    _check_moving((*at, "stop_on"), plan.stop_on, found)
    never = undecidable(file, plan, tasks)
    for i, name in enumerate(plan.must_be_ok):
        if isinstance(name, str) and name in never:
            remedy = f"is never OK, so the plan would wait for ever: {never[name]}, or take it out"
            found.warning((*at, "must_be_ok", i), quoted(name), remedy)


def guard_spec(table: GuardTable) -> GuardSpec:
    """The guard that a table without mistakes describes."""
    return GuardSpec(table.mode, tuple(table.criteria), table.tripwire, table.version_change, table.alone)


def plan_spec(table: PlanTable) -> PlanSpec:
    """The plan that a table without mistakes describes."""
    assert table.canary is not None
    return PlanSpec(
        canary=table.canary,
        steps=tuple(_step(step) for step in table.steps or ()),
        must_be_ok=tuple(table.must_be_ok),
        stop_on=tuple(table.stop_on),
        watch_s=seconds_of(table.watch),
        start=table.start,
    )


def _check_steps(at: Place, steps: Sequence[StepTable], found: Findings) -> None:
    below: float | None = None
    for i, step in enumerate(steps):
        place: Place = (*at, "steps", i)
        if step.weight is None:
            if not found.wrong(*place, "weight") and (step.model_fields_set or not found.wrong(*place)):
                found.error((*place, "weight"), "", "missing; the canary's weight in percent: weight = 25")
            continue
        if below is not None and step.weight <= below:
            remedy = f"the weights of a plan must rise: more than {below:g} here"
            found.error((*place, "weight"), quoted(step.weight), remedy)
        below = step.weight if below is None else max(below, step.weight)


def _check_criteria(place: Place, names: Sequence[object], found: Findings) -> None:
    for i, name in enumerate(names):
        if not isinstance(name, str):
            found.error((*place, i), quoted(name), 'must be the name of a criterion in quotes: "latency_p95"')
        elif name not in CRITERIA:
            guess = nearest(name, CRITERIA)
            remedy = f"did you mean {guess}?" if guess else f"known: {', '.join(CRITERIA)}"
            found.error((*place, i), quoted(name), f"no such criterion; {remedy}")


def _check_moving(place: Place, names: Sequence[object], found: Findings) -> None:
    for i, name in enumerate(names):
        if name in ADVISORY:
            found.warning((*place, i), quoted(name), "is advisory: it is shown and moves nothing; take it out")


def _step(table: StepTable) -> PlanStep:
    assert table.weight is not None
    return PlanStep(table.weight, seconds_of(table.bake), table.requests, table.gate)


def seconds_of(duration: str) -> float:
    """Infinity for "forever"."""
    if duration == "forever":
        return inf
    return float(duration[:-1]) * _SECONDS[duration[-1]]


def undecidable(file: RolloutFile, plan: PlanTable, tasks: Collection[str]) -> Mapping[str, str]:
    """Criterion -> why it stays undecided for the canary of ``plan`` in these tasks, and what would change
    that."""
    found = {}
    if not file.quality.shadow_pct:
        found["quality"] = "no request is sent to both versions: give shadow_pct in [quality]"
    if without := [task for task in tasks if _has_no_known_answers(file, task)]:
        found["accuracy"] = f"no answers are known for {', '.join(without)}: give known_answers in [tasks.NAME]"
    if not file.traffic.stream:
        found |= dict.fromkeys(STREAMED, "answers are not streamed: give stream = true in [traffic]")
    compared = {file.rollout.baseline, plan.canary}
    if any(table.provisioned for name, table in file.deployments.items() if name in compared):
        found["cost"] = "provisioned capacity has no price per request"
    return found


def climbing_by(file: RolloutFile, names: Collection[str]) -> list[str]:
    """The tasks that have no plan of their own; ``names`` are all of them."""
    return [name for name in names if name not in file.tasks or file.tasks[name].plan is None]


def _has_no_known_answers(file: RolloutFile, task: str) -> bool:
    return task not in file.tasks or file.tasks[task].known_answers is None
