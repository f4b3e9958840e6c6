"""Setup of a run, and what an earlier one left for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tui.model import Deployment, Event, WeightTable
from tui.record.kept_weights import KeptWeights, WeightsFile
from tui.record.record import RunRecord
from tui.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes to the deployments of a run, as its record keeps them. ``joined`` are those that the rollout file
    does not have, by name. ``removed`` were seen to be gone
    from their account, ``doubted`` were to be removed."""

    joined: Mapping[str, Deployment] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    doubted: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {
            "joined": {
                name: {
                    "endpoint": d.endpoint,
                    "model": d.model,
                    "version": d.version,
                    "provisioned": d.provisioned,
                    "id": d.id,
                }
                for name, d in self.joined.items()
            },
            "removed": sorted(self.removed),
            "doubted": sorted(self.doubted),
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any] | None) -> Changes:
        """What the state of a run says of them; nobody where it says nothing, or nothing that makes sense."""
        kept = _mapping(_mapping(state).get("members"))
        joined = {}
        for name, saved in _mapping(kept.get("joined")).items():
            texts = [_mapping(saved).get(key) for key in ("endpoint", "model", "version")]
            if all(isinstance(text, str) and text for text in texts):
                endpoint, model, version = (str(text) for text in texts)
                provisioned = _mapping(saved).get("provisioned") is True
                given = _mapping(saved).get("id")
                joined[str(name)] = Deployment(
                    str(name),
                    endpoint,
                    model,
                    version,
                    provisioned=provisioned,
                    id=given if isinstance(given, str) and given else None,
                )
        return cls(joined, _names(kept.get("removed")), _names(kept.get("doubted")))


NO_CHANGES = Changes()


def _names(value: object) -> frozenset[str]:
    return (
        frozenset(name for name in value if isinstance(name, str)) if isinstance(value, list) else frozenset()
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """Run that is resumed. ``weights`` are those to begin with, ``events`` are what undo can go back through,
    ``automation`` is what it knew: evidence, verdicts, the guard, the place of the plan. ``lost`` says what of
    it cannot be taken up, a sentence each."""

    run_id: str
    weights: WeightTable
    started_at: datetime
    events: tuple[Event, ...]
    automation: Mapping[str, Any] | None
    changes: Changes = NO_CHANGES
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """Setup of a run. ``clock`` reads monotonic seconds, ``now`` the wall clock in UTC; ``sleep`` waits
    for the control plane, in seconds."""

    rollout: Rollout
    run_id: str
    env: Mapping[str, str]
    seed: int
    actor: str
    record: RunRecord | None
    clock: Callable[[], float]
    now: Callable[[], datetime]
    previous: PreviousRun | None = None
    """The run that is resumed."""
    weights: WeightTable | None = None
    """Those to begin with, where they are neither those of the file nor of ``previous``."""
    begins: str = ""
    """Where the weights come from, or why nothing was resumed; empty where they are simply the file's."""
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
    other_runs: Callable[[], str] = str
    """Names another live run of the same rollout file; empty while there is none."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    calibrated: Mapping[str, Mapping[str, float]] | None = None
    """Limits that "slower" is measured against, by criterion in ms, where an earlier run gave them."""

    @property
    def whole_rollout(self) -> Rollout:
        """The rollout with the deployments that joined the run before."""
        joined = self.previous.changes.joined if self.previous else {}
        return replace(self.rollout, deployments={**self.rollout.deployments, **joined})

    @property
    def first_weights(self) -> WeightTable:
        """The weights to begin with."""
        return self.weights or (self.previous.weights if self.previous else self.rollout.weights)

    @property
    def offset_s(self) -> float:
        """What turns seconds of the run that is resumed into seconds of this one."""
        return (self.previous.started_at - self.now()).total_seconds() if self.previous else 0.0
