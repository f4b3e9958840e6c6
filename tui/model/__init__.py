"""Values that every room shares: frozen, slotted, without behaviour beyond derived figures.

Units are in the names: ``_ms``, ``_s``, ``_usd``, ``_pct`` (0-100), ``_tokens``. ``at_s`` is seconds of a
monotonic clock since the run started; ``at`` is a timezone-aware UTC instant.
"""

from __future__ import annotations

from tui.model.deployments import (
    Deployment,
    Endpoint,
    Price,
)
from tui.model.events import (
    WEIGHT_CHANGES,
    Event,
    EventKind,
    WeightTable,
)
from tui.model.figures import (
    HISTORY_SPAN_S,
    WINDOWS_S,
    Figures,
    Interval,
    Quantiles,
    Second,
    SecondFigures,
)
from tui.model.outcomes import (
    ALL_TASKS,
    ANSWERED,
    DEFAULT_TASK,
    ERRORS,
    FILTERED,
    NO_HITS,
    Assignment,
    FilterHits,
    Outcome,
    OutcomeKind,
    Quota,
    Request,
    Usage,
)
from tui.model.snapshot import (
    DeploymentView,
    PlayerView,
    RecordView,
    SenderView,
    Snapshot,
    SourceView,
    TrafficState,
)
from tui.model.verdicts import (
    CRITERIA,
    Eta,
    GuardView,
    PlanState,
    PlanStep,
    PlanView,
    Verdict,
    VerdictState,
)

__all__ = [
    "ALL_TASKS",
    "ANSWERED",
    "CRITERIA",
    "DEFAULT_TASK",
    "ERRORS",
    "FILTERED",
    "HISTORY_SPAN_S",
    "NO_HITS",
    "WEIGHT_CHANGES",
    "WINDOWS_S",
    "Assignment",
    "Deployment",
    "DeploymentView",
    "Endpoint",
    "Eta",
    "Event",
    "EventKind",
    "Figures",
    "FilterHits",
    "GuardView",
    "Interval",
    "Outcome",
    "OutcomeKind",
    "PlanState",
    "PlanStep",
    "PlanView",
    "PlayerView",
    "Price",
    "Quantiles",
    "Quota",
    "RecordView",
    "Request",
    "Second",
    "SecondFigures",
    "SenderView",
    "Snapshot",
    "SourceView",
    "TrafficState",
    "Usage",
    "Verdict",
    "VerdictState",
    "WeightTable",
]
