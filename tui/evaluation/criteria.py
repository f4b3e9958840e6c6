"""The criteria of one rollout: the rows of the table with the margins and floors of its file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tui.model import CRITERION_ROWS, PAIRED
from tui.model.criteria import CriterionRow
from tui.rollout import Criteria

QUALITY_TOLERANCE = 0.25
"""A mean score is OK when it is shown to be less than this much lower: "equal" cannot be shown."""

ACCURACY_TOLERANCE_PCT = 3.0

RATE_MARGIN = 1.5
"""A rate is OK when it is shown to be less than this many times the baseline's: "same" cannot be shown."""


@dataclass(frozen=True, slots=True)
class Criterion(CriterionRow):
    """One row with its numbers. ``margin`` is a share of 1 (of ``paired`` rows in their own unit), ``floor`` a
    rate of 0 to 1. Paired values go from 0 to ``most`` and are OK when less than ``tolerance`` lower."""

    margin: float = 0.0
    limit: str = ""
    floor: float = 0.0
    most: int = 1
    tolerance: float = 0.0


def decision_table(criteria: Criteria) -> tuple[Criterion, ...]:
    """What is compared with these criteria, in the order of ``CRITERION_ROWS``."""
    absent = set(PAIRED) - set(criteria.paired)
    return tuple(_bound(row, criteria) for row in CRITERION_ROWS if row.id not in absent)


def _bound(row: CriterionRow, criteria: Criteria) -> Criterion:
    allowed = getattr(criteria, row.margin_key) if row.margin_key else 0.0
    if row.kind == "paired":
        numbers = _paired(row, criteria, allowed)
    elif row.margin_key:
        numbers = {"margin": allowed / 100, "limit": f"+{allowed:g}%"}
    elif row.kind == "rate":
        numbers = {"limit": "same or lower", "floor": getattr(criteria, row.floor_key) / 100}
    else:
        numbers = {"limit": "as asked" if row.kind == "split" else "same mix"}
    return Criterion(**(asdict(row) | numbers))


def _paired(row: CriterionRow, criteria: Criteria, allowed: float) -> dict[str, Any]:
    """Quality that only people score moves nothing: they do it in their own time, and nothing may wait for
    them."""
    is_quality = row.id == "quality"
    per_unit, tolerance = (1, QUALITY_TOLERANCE) if is_quality else (100, ACCURACY_TOLERANCE_PCT)
    return {
        "margin": allowed / per_unit,
        "limit": f"at most -{allowed:g}" if allowed else "same or better",
        "most": 4 if is_quality else 1,
        "tolerance": max(allowed, tolerance) / per_unit,
        "advisory": is_quality and criteria.scored_by == "people",
    }
