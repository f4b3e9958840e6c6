"""Criteria of a rollout: the rows of the table with the margins and floors of its file, and the frozen limits
that "slower" is measured against."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tui.model import CRITERION_ROWS, PAIRED
from tui.model.criteria import CriterionRow
from tui.rollout import Criteria

RATE_MARGIN = 1.5
"""A rate is OK when it is shown to be less than this many times the baseline's: "same" cannot be shown."""


@dataclass(frozen=True, slots=True)
class Criterion(CriterionRow):
    """One row with its numbers. ``margin`` is a share of 1 (of ``paired`` rows, as ``tolerance``, in the unit
    of their values), ``floor`` a rate of 0 to 1."""

    margin: float = 0.0
    limit: str = ""
    floor: float = 0.0


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
    return {
        "margin": allowed / row.per,
        "limit": f"at most -{allowed:g}" if allowed else "same or better",
        "tolerance": max(allowed, row.tolerance) / row.per,
        "advisory": row.scored and criteria.scored_by == "people",
    }


FACTORS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0, 3.0)
"""Times the baseline's limit at which a canary's answers are looked at, beside 1 + margin."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The limit of one criterion, in the unit of its measure, and where a canary's values are looked at.

    A baseline's value is bad beyond ``bad_from``, a canary's at each of ``points`` that it is beyond:
    ``bad_from`` times the factors of its criterion, rising. ``at`` is the place of 1 + margin, which decides;
    the first ``usable`` are within reach of the time-out. ``inclusive``: many answers equal the limit
    exactly, and count as beyond it. ``shortened``: the limit was beyond the reach of the time-out.
    """

    limit: float
    bad_from: float
    points: tuple[float, ...]
    at: int
    usable: int
    inclusive: bool = False
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class MeanCut:
    """How a bill is adjusted: capped at ``cap`` (of the canary: times 1 + margin), less ``slope`` for each
    character of the prompt up to ``most_size``. ``mean`` is the baseline's."""

    cap: float
    slope: float
    most_size: float
    mean: float

    def adjusted(self, bill: float, size: int | None, margin: float, *, is_canary: bool) -> tuple[float, float]:
        """(The bill, capped; the same less what its prompt explains, the baseline's times 1 + margin)."""
        capped = min(bill, self.cap * (1 + margin) if is_canary else self.cap)
        explained = self.slope * min(size or 0, self.most_size)
        return capped, (capped if is_canary else (1 + margin) * capped) - explained


@dataclass(frozen=True)
class Limits:
    """What is frozen at a moment; replaced whole. Requests assigned later go by them."""

    cuts: Mapping[str, Cut] = field(default_factory=dict)
    means: Mapping[str, MeanCut] = field(default_factory=dict)
    thirds: tuple[float, float] | None = None
    """Prompt sizes (characters) that part the baseline's prompts into thirds."""
    sizes: tuple[float, float] | None = None
    """Their P50 and P90."""
    in_order: tuple[Cut | None, ...] = ()
    """The cuts in the order of the table, None where one is not frozen yet."""

    def third(self, size: int | None) -> int:
        """Which third a prompt is in; 0 where that is not known."""
        return 0 if size is None or self.thirds is None else bisect_left(self.thirds, size)


def factors_of(row: Criterion) -> tuple[float, ...]:
    """Times the limit at which a canary is looked at; 1 + margin is one of them."""
    return tuple(sorted({*FACTORS, 1 + row.margin}))
