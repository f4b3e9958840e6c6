"""What an earlier run left, fitted to the rollout file as it is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tui.engine.deployments import Members
from tui.engine.setup import Past
from tui.engine.starting import taken_up
from tui.model import Event, WeightTable
from tui.rollout import Rollout


def past_of(
    rollout: Rollout,
    run_id: str,
    started_at: datetime,
    weights: WeightTable,
    events: Sequence[Event],
    state: Mapping[str, Any] | None,
) -> Past:
    """An earlier run for one that takes it up and begins where it stood, at ``weights``.

    A deployment that joined it is part of this one too. Where neither the file nor the record says what it is,
    the baseline gets its weight, and ``lost`` says so.
    """
    known = Members.of_state(state)
    recorded = {name for shares in weights.values() for name in shares}
    members = Members(
        {
            name: deployment
            for name, deployment in known.joined.items()
            if name in recorded and name not in rollout.deployments and deployment.endpoint in rollout.endpoints
        },
        known.removed,
        known.doubted,
    )
    lost = []
    for name in sorted(recorded - rollout.deployments.keys() - members.joined.keys()):
        pct = max(shares.get(name, 0.0) for shares in weights.values())
        why = "neither the file nor the record says what it is"
        if (joined := known.joined.get(name)) is not None:
            why = f"it joined at endpoint {joined.endpoint}, which the file does not have"
        to_baseline = f"; its {pct:g}% go to {rollout.baseline}" if pct > 0 else ""
        lost.append(f"{name}: {why}{to_baseline}")
    file = with_members(rollout.weights, members)
    weights = taken_up(file, weights, rollout.baseline)
    return Past(run_id, weights, started_at, tuple(events), state, members, tuple(lost))


def with_members(file: WeightTable, members: Members) -> WeightTable:
    """The weights of a file with those that joined, which have none there."""
    return {task: {**shares, **dict.fromkeys(members.joined, 0.0)} for task, shares in file.items()}
