"""Criteria that a rollout file asks for although nothing of what it describes can decide them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tui.model import CRITERION_ROWS
from tui.rollout.schema import PlanTable, RolloutFile

_STREAMED = tuple(row.id for row in CRITERION_ROWS if row.measure in ("ttft", "token"))


def unjudged(file: RolloutFile, plan: PlanTable, tasks: Collection[str]) -> Mapping[str, str]:
    """Criterion -> why it stays undecided for the canary of ``plan`` in these tasks, and what would change
    that."""
    found = {}
    if not file.quality.shadow_pct:
        found["quality"] = "no request is sent to both versions: give shadow_pct in [quality]"
    if without := [task for task in tasks if _has_no_known_answers(file, task)]:
        found["accuracy"] = f"no answers are known for {', '.join(without)}: give known_answers in [tasks.NAME]"
    if not file.traffic.stream:
        found |= dict.fromkeys(_STREAMED, "answers are not streamed: give stream = true in [traffic]")
    compared = {file.rollout.baseline, plan.canary}
    if any(table.provisioned for name, table in file.deployments.items() if name in compared):
        found["cost"] = "provisioned capacity has no price per request"
    return found


def climbing_by(file: RolloutFile, names: Collection[str]) -> list[str]:
    """The tasks that have no plan of their own; ``names`` are all of them."""
    return [name for name in names if name not in file.tasks or file.tasks[name].plan is None]


def _has_no_known_answers(file: RolloutFile, task: str) -> bool:
    return task not in file.tasks or file.tasks[task].known_answers is None
