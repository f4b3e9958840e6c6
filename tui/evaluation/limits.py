"""The frozen limits that "slower" is measured against, and how bills are adjusted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.evaluation.criteria import Criterion

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
