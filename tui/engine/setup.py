"""What a run is made of, and what an earlier one left for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tui.engine.deployments import NO_CHANGES, Changes
from tui.model import Event, WeightTable
from tui.record.kept_weights import KeptWeights, WeightsFile
from tui.record.record import RunRecord
from tui.rollout import Rollout


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """What a run left that is taken up. ``weights`` are those to begin with, ``events`` are what undo can go
    back through, ``automation`` is what it knew: evidence, verdicts, the guard, the place of the plan.
    ``members`` joined it or were removed, ``lost`` says what of it cannot be taken up, a sentence each."""

    run_id: str
    weights: WeightTable
    started_at: datetime
    events: tuple[Event, ...]
    automation: Mapping[str, Any] | None
    members: Changes = NO_CHANGES
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
    past: PreviousRun | None = None
    """The run that is taken up."""
    weights: WeightTable | None = None
    """Those to begin with, where they are neither those of the file nor of ``past``."""
    taken_up: str = ""
    """Where the weights come from, or why nothing was taken up; empty where they are simply the file's."""
    stands: KeptWeights | None = None
    """The roll back that left the weights to begin with; it stands until somebody changes them."""
    held: tuple[str, ...] = ()
    """Tasks whose plan may not begin by itself."""
    must_answer: bool = False
    """Nothing is sent where an endpoint does not answer before the traffic."""
    kept: WeightsFile | None = None
    """Where the newest weights are kept; None for a rehearsal."""
    hear: Callable[[Event, WeightTable], None] = lambda *_: None
    """Told of every event, with the weights then; must return at once."""
    others: Callable[[], str] = str
    """Names another live run of the same rollout file; empty while there is none."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    calibrated: Mapping[str, Mapping[str, float]] | None = None
    """Limits that "slower" is measured against, by criterion in ms, where an earlier run gave them."""
