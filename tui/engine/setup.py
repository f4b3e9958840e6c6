"""What a run is made of, and what an interrupted one left for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tui.model import Event, WeightTable
from tui.record import RunRecord
from tui.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Past:
    """What an interrupted run left. ``events`` are what undo can go back through, ``automation`` is what it
    knew: evidence, verdicts, the guard, the place of the plan."""

    run_id: str
    weights: WeightTable
    started_at: datetime
    events: tuple[Event, ...]
    automation: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run is made of. ``clock`` reads monotonic seconds, ``now`` the wall clock in UTC."""

    rollout: Rollout
    run_id: str
    env: Mapping[str, str]
    seed: int
    actor: str
    record: RunRecord | None
    clock: Callable[[], float]
    now: Callable[[], datetime]
    past: Past | None = None
    """The interrupted run that is taken up."""
    calibrated: Mapping[str, float] | None = None
    """Limits that "slower" is measured against, by criterion in ms, where an earlier run gave them."""
