"""What a run is made of, and what an interrupted one left for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tui.engine.members import NOBODY, Members
from tui.model import Event, WeightTable
from tui.record import RunRecord
from tui.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Past:
    """What an interrupted run left. ``events`` are what undo can go back through, ``automation`` is what it
    knew: evidence, verdicts, the guard, the place of the plan. ``members`` joined it or were removed, ``lost``
    says what of it cannot be taken up, a sentence each."""

    run_id: str
    weights: WeightTable
    started_at: datetime
    events: tuple[Event, ...]
    automation: Mapping[str, Any] | None
    members: Members = NOBODY
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run is made of. ``clock`` reads monotonic seconds, ``now`` the wall clock in UTC; ``sleep`` waits
    for the control plane, in seconds."""

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
    not_resumed: str = ""
    """Why no run is taken up where that was asked for; empty where it is, or was not."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    calibrated: Mapping[str, Mapping[str, float]] | None = None
    """Limits that "slower" is measured against, by criterion in ms, where an earlier run gave them."""
