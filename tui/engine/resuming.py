"""What an interrupted run left, fitted to the rollout file as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tui.engine.members import Members
from tui.engine.setup import Past
from tui.model import Event, WeightTable
from tui.problems import listed
from tui.rollout import Rollout


class DoesNotFit(Exception):
    """A run cannot be taken up with the rollout file as it is now; the text says why."""


def past_of(
    rollout: Rollout,
    run_id: str,
    started_at: datetime,
    weights: WeightTable | None,
    events: Sequence[Event],
    state: Mapping[str, Any] | None,
) -> Past:
    """The interrupted run for one that takes it up.

    A deployment that joined it is part of this one too. Where neither the file nor the record says what it is,
    the baseline gets its weight, and ``lost`` says so.

    Raises:
        DoesNotFit: Its weights are not known, or the file has another task or one more deployment now.
    """
    if weights is None:
        raise DoesNotFit(f"run {run_id} was interrupted before its weights were recorded")
    if set(weights) != set(rollout.weights):
        raise DoesNotFit(
            f"run {run_id} has the tasks {_names(weights)}, the file has {_names(rollout.weights)}"
        )
    known = Members.of_state(state)
    recorded = {name for shares in weights.values() for name in shares}
    if missing := rollout.deployments.keys() - recorded:
        raise DoesNotFit(f"run {run_id} had no {_names(missing)}, which the file has now")
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
    names = (*rollout.deployments, *members.joined)
    weights = {task: _without(shares, names, rollout.baseline) for task, shares in weights.items()}
    return Past(run_id, weights, started_at, tuple(events), state, members, tuple(lost))


def _without(shares: Mapping[str, float], names: Sequence[str], baseline: str) -> dict[str, float]:
    """The shares of ``names`` only; the baseline has what the others had."""
    kept = {name: shares.get(name, 0.0) for name in names}
    kept[baseline] += sum(pct for name, pct in shares.items() if name not in kept)
    return kept


def _names(names: Iterable[str]) -> str:
    return listed(sorted(names))
