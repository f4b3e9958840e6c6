"""The criteria of one rollout: the rows of the table with the margins and floors of its file."""

from __future__ import annotations

from dataclasses import dataclass

from tui.model import CRITERION_ROWS, PAIRED, Measure
from tui.model.criteria import CriterionRow, Kind
from tui.rollout import Criteria

QUALITY_TOLERANCE = 0.25
"""A mean score is OK when it is shown to be less than this much lower: "equal" cannot be shown."""

ACCURACY_TOLERANCE_PCT = 3.0

RATE_MARGIN = 1.5
"""A rate is OK when it is shown to be less than this many times the baseline's: "same" cannot be shown."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row with its numbers. ``margin`` is a share of 1 (of ``paired`` rows in their own unit), ``floor`` a
    rate of 0 to 1. Paired values go from 0 to ``most`` and are OK when less than ``tolerance`` lower."""

    row: CriterionRow
    margin: float
    limit: str
    floor: float = 0.0
    most: int = 1
    tolerance: float = 0.0
    advisory: bool = False

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def label(self) -> str:
        return self.row.label

    @property
    def unit(self) -> str:
        return self.row.unit

    @property
    def kind(self) -> Kind:
        return self.row.kind

    @property
    def measure(self) -> Measure | None:
        return self.row.measure


def decision_table(criteria: Criteria) -> tuple[Criterion, ...]:
    """What is judged with these criteria, in the order of ``CRITERION_ROWS``."""
    absent = set(PAIRED) - set(criteria.paired)
    return tuple(_bound(row, criteria) for row in CRITERION_ROWS if row.id not in absent)


def _bound(row: CriterionRow, criteria: Criteria) -> Criterion:
    allowed = getattr(criteria, row.margin_key) if row.margin_key else 0.0
    if row.kind == "paired":
        return _paired(row, criteria, allowed)
    if row.margin_key:
        return Criterion(row, allowed / 100, f"+{allowed:g}%")
    if row.kind == "rate":
        floor_pct = getattr(criteria, row.floor_key)
        return Criterion(row, 0.0, "same or lower", floor=floor_pct / 100, advisory=row.advisory)
    limit = "as asked" if row.kind == "split" else "same mix"
    return Criterion(row, 0.0, limit, advisory=row.advisory)


def _paired(row: CriterionRow, criteria: Criteria, allowed: float) -> Criterion:
    """Quality that only people score moves nothing: they do it in their own time, and nothing may wait for
    them."""
    is_quality = row.id == "quality"
    scale, tolerance = (1, QUALITY_TOLERANCE) if is_quality else (100, ACCURACY_TOLERANCE_PCT)
    return Criterion(
        row,
        allowed / scale,
        f"at most -{allowed:g}" if allowed else "same or better",
        most=4 if is_quality else 1,
        tolerance=max(allowed, tolerance) / scale,
        advisory=is_quality and criteria.scored_by == "people",
    )
