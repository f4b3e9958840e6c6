"""The rollout file: hand-written TOML in, a frozen ``Rollout`` or every mistake at once out."""

from __future__ import annotations

from tui.rollout.load import RolloutError, check_rollout, load_rollout, recorded_rollout
from tui.rollout.values import (
    DEFAULT_SCOPE,
    SIMULATOR,
    CockpitSettings,
    ControlPlane,
    Criteria,
    FormatName,
    GuardSpec,
    JudgeSpec,
    KnownAnswers,
    NotifySpec,
    Occasion,
    PlanSpec,
    QualitySpec,
    Rollout,
    SourceSpec,
    TaskSpec,
    TraceUnit,
    Traffic,
)

__all__ = [
    "DEFAULT_SCOPE",
    "SIMULATOR",
    "CockpitSettings",
    "ControlPlane",
    "Criteria",
    "FormatName",
    "GuardSpec",
    "JudgeSpec",
    "KnownAnswers",
    "NotifySpec",
    "Occasion",
    "PlanSpec",
    "QualitySpec",
    "Rollout",
    "RolloutError",
    "SourceSpec",
    "TaskSpec",
    "TraceUnit",
    "Traffic",
    "check_rollout",
    "load_rollout",
    "recorded_rollout",
]
