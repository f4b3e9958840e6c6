"""What was done: the lines of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

WeightTable = Mapping[str, Mapping[str, float]]
"""Task -> deployment -> percent."""

ENGINE = "canarytop"
"""The actor of what the program itself does."""


class EventKind(StrEnum):
    STARTED = "started"
    RESUMED = "resumed"
    STOPPED = "stopped"
    VIEWER = "viewer"
    """Somebody began to look on, took control, or left."""
    UNATTENDED = "unattended"
    """Nobody looks on any more, and nobody said that they left."""
    SHIFTED = "shifted"
    ROLLED_BACK = "rolled_back"
    PROMOTED = "promoted"
    UNDONE = "undone"
    PROFILE_APPLIED = "profile_applied"
    PROFILE_SAVED = "profile_saved"
    PAUSED = "paused"
    CONTINUED = "continued"
    ENDED = "ended"
    MARKED = "marked"
    REFUSED = "refused"
    WARNING = "warning"
    THROTTLED = "throttled"
    QUOTA_EXHAUSTED = "quota_exhausted"
    SATURATED = "saturated"
    BUDGET_SPENT = "budget_spent"
    UNREACHABLE = "unreachable"
    FAILING = "failing"
    REACHABLE = "reachable"
    BASELINE_DEAD = "baseline_dead"
    """The baseline is not able to serve: nobody may be sent there without knowing it."""
    NOT_ROLLED_BACK = "not_rolled_back"
    """A roll back was called for and not done, since the baseline is not able to serve."""
    VERSION_CHANGED = "version_changed"
    VERSION_COMPARED = "version_compared"
    BACKEND_CHANGED = "backend_changed"
    SPILLED = "spilled"
    CONTROL_PLANE = "control_plane"
    SETTINGS_CHANGED = "settings_changed"
    CREATED = "created"
    ADDED = "added"
    REMOVED = "removed"
    HALF_DONE = "half_done"
    SOURCE = "source"
    RECORD = "record"
    CALIBRATED = "calibrated"
    JUDGE = "judge"
    SCORED = "scored"
    VERDICT = "verdict"
    WORSE = "worse"
    GUARD = "guard"
    PLAN = "plan"


WEIGHT_CHANGES = frozenset(
    {
        EventKind.SHIFTED,
        EventKind.ROLLED_BACK,
        EventKind.PROMOTED,
        EventKind.UNDONE,
        EventKind.PROFILE_APPLIED,
        EventKind.RESUMED,
    }
)

ROLL_BACKS = frozenset({EventKind.ROLLED_BACK, EventKind.NOT_ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log: when, who, what, why, and the weights before and after where they changed.

    ``group`` joins events of one burst of key presses; the log shows a group as one change.
    """

    id: int
    at: datetime
    at_s: float
    actor: str
    kind: EventKind
    text: str
    reason: str = ""
    before: WeightTable | None = None
    after: WeightTable | None = None
    group: int = 0


def able_again(deployment: str) -> str:
    """The text of the event that ends a ``BASELINE_DEAD``; a replay knows it by this."""
    return f"{deployment} is able to serve again"
