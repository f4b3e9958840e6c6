"""Checks of the guard, the plans, the quality table and the criteria: what one value alone does not show."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tui.base.problems import did_you_mean, nearest, quoted
from tui.model import CRITERIA, PlanStep
from tui.model.criteria import ADVISORY, BY_PAIRS, STREAMED
from tui.rollout.mistakes import Findings, Place
from tui.rollout.rollout import RolloutFile
from tui.rollout.values import GuardSpec, Limits, PlanSpec, QualitySpec

_LISTS = ("must_be_ok", "stop_on")


def check_guard(guard: GuardSpec, found: Findings) -> None:
    """Adds every mistake of the guard that a single value does not show."""
    _check_criteria(("guard", "criteria"), guard.criteria, found)
    _check_moving(("guard", "criteria"), guard.criteria, found)


def check_plan(
    at: Place,
    file: RolloutFile,
    plan: PlanSpec,
    tasks: Collection[str],
    names: Collection[str],
    found: Findings,
) -> None:
    """Adds every mistake of the plan that stands at ``at``, and what it would wait for in vain. ``tasks`` climb
    by it, ``names`` are the deployments of the file."""
    place: Place = (*at, "canary")
    baseline = file.rollout.baseline
    if found.stands(*place) is None:
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


def _check_steps(at: Place, steps: Sequence[PlanStep], found: Findings) -> None:
    below: float | None = None
    for i, step in enumerate(steps):
        place: Place = (*at, "steps", i)
        if found.stands(*place, "weight") is None:
            if not found.wrong(*place, "weight") and (found.stands(*place) or not found.wrong(*place)):
                found.error((*place, "weight"), "", "missing; the canary's weight in percent: weight = 25")
            continue
        if below is not None and step.weight_pct <= below:
            remedy = f"the weights of a plan must rise: more than {below:g} here"
            found.error((*place, "weight"), quoted(step.weight_pct), remedy)
        below = step.weight_pct if below is None else max(below, step.weight_pct)


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


def undecidable(file: RolloutFile, plan: PlanSpec, tasks: Collection[str]) -> Mapping[str, str]:
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


def check_lower(place: Place, table: Limits, found: Findings) -> None:
    """Adds what quality and accuracy may be lower by, where that is all there is."""
    for name, row in BY_PAIRS.items():
        most = row.most * row.per
        if getattr(table, name) >= most:
            words = quoted(found.stands(*place, name))
            found.error((*place, name), words, f"must be less than {most:g}: nothing could be WORSE")


def check_quality(table: QualitySpec, endpoints: Collection[str], found: Findings) -> None:
    """Adds every mistake of the table that a single value does not show."""
    judge = table.judge
    if judge is None:
        return
    place: Place = ("quality", "judge")
    asked = judge.deployment
    found.require((*place, "endpoint"), asked.endpoint, "name the endpoint that the judge is asked at")
    if asked.endpoint is not None and asked.endpoint not in endpoints:
        remedy = f"no such endpoint; {did_you_mean(asked.endpoint, endpoints)}"
        found.error((*place, "endpoint"), quoted(asked.endpoint), remedy)
    found.require((*place, "deployment"), asked.name, "name the deployment that scores the answers")
    found.require((*place, "model"), asked.model, 'name its model: model = "gpt-5.1"')
    found.require((*place, "version"), asked.version, 'pin its version: version = "2025-11-13"')
    if asked.price is not None:
        for name, usd in (("input", asked.price.input_usd), ("output", asked.price.output_usd)):
            found.require((*place, "price", name), usd, "USD per million tokens: needed in a price")
    if not table.shadow_pct and not found.wrong("quality", "shadow_pct"):
        remedy = (
            "the judge scores pairs of answers: give shadow_pct, the share of requests sent to both versions"
        )
        found.error(("quality", "shadow_pct"), "0", remedy)
