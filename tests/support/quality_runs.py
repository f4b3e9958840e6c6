"""Rehearsals of the quality room: a small rollout in memory whose two versions are compared by pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.engine_runs import rollout
from tui.cli.rehearsal import shipped
from tui.model import DEFAULT_TASK, Deployment
from tui.rollout import (
    Criteria,
    GuardSpec,
    JudgeSpec,
    KnownAnswers,
    QualitySpec,
    Rollout,
    TaskSpec,
    load_rollout,
)
from tui.simulator.behaviour import EVERY_TASK, Behaviour, TaskQuality
from tui.simulator.scenarios import Change, Scenario

JUDGE = "gpt5-judge"
STEADY = Behaviour(error_pct=0.0, prompt_blocked_pct=0.0, completion_blocked_pct=0.0)
"""Every request is answered."""


def mixed(canary: TaskQuality, *more: Change) -> Scenario:
    """A baseline that is good at everything, a canary that is as good as is said."""
    good = TaskQuality(EVERY_TASK, accuracy_pct=98, score_mean=4.6)
    return Scenario(
        "mixed",
        "two versions of different quality",
        (Change(0, "baseline", "quality", to=(good,)), Change(0, "canary", "quality", to=(canary,)), *more),
    )


POOR = mixed(TaskQuality(EVERY_TASK, accuracy_pct=40, score_mean=2.0))


def items(path: Path, count: int = 20) -> Path:
    """A task file with questions whose answers are numbers."""
    lines = (
        {
            "id": f"sum-{i}",
            "messages": [{"role": "user", "content": f"Sum number {i}: how much is {i} and {i}?"}],
            "expected": str(2 * i),
            "match": "number",
        }
        for i in range(count)
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def compared(
    folder: Path,
    *,
    shadow_pct: float = 0.0,
    samples_per_s: float = 0.0,
    known: Path | None = None,
    known_per_s: float = 2.0,
    judge: bool = False,
    judge_usd: float | None = None,
    weights: Mapping[str, float] | None = None,
    keep_text: bool = False,
    **traffic: Any,
) -> Rollout:
    """50 to 50 between the two versions at 10 requests/s, not streamed; ``traffic`` are fields of Traffic."""
    paired = ("quality",) * (shadow_pct > 0) + ("accuracy",) * (known is not None)
    task = TaskSpec(
        criteria=Criteria(paired=paired, scored_by="judge" if judge else "people"),
        known=None if known is None else KnownAnswers(known, known_per_s),
    )
    deployment = Deployment(JUDGE, "main", "gpt-5", "2025-08-07")
    return replace(
        rollout(folder, "http://127.0.0.1:9", weights=weights, **{"rate": 10.0, "stream": False, **traffic}),
        tasks={DEFAULT_TASK: task},
        quality=QualitySpec(
            samples_per_s, shadow_pct, JudgeSpec(deployment, budget_usd=judge_usd) if judge else None
        ),
        keep_text=keep_text,
    )


def judged_rollout() -> Rollout:
    """``profiles/cheaper.toml`` with little traffic, all of it asked twice, that nothing stops."""
    of = load_rollout(shipped("cheaper.toml"), env={})
    return replace(
        of,
        guard=GuardSpec("off"),
        tasks={task: replace(spec, plan=None, known=None) for task, spec in of.tasks.items()},
        traffic=replace(of.traffic, rate=2.0, stream=False, budget_usd=None),
        quality=replace(of.quality, shadow_pct=100.0),
    )
