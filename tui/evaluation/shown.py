"""What stands beside a verdict: value, difference and interval of the one quantity that decided."""

from __future__ import annotations

from dataclasses import dataclass

from tui.evaluation.canary_tests import Scales
from tui.evaluation.criteria import Criterion
from tui.evaluation.means import Difference
from tui.evaluation.paired import Drops
from tui.evaluation.strata import Comparison

_PER_1K = 1000


@dataclass(frozen=True, slots=True)
class Compared:
    """In the unit of its criterion; None where it is not known or not finite."""

    canary: float | None = None
    baseline: float | None = None
    difference_pct: float | None = None
    low_pct: float | None = None
    high_pct: float | None = None
    progress: tuple[float, float] = (0.0, 0.0)
    canary_requests: int = 0
    baseline_requests: int = 0
    events: int = 0


def compared(row: Criterion, side: Scales, seen: Comparison) -> Compared:
    """The values of both, the baseline's as if it had had the canary's share of every moment."""
    if row.kind == "slower":
        return _slower(row, side, seen)
    if row.kind == "rate":
        return _rate(row, side, seen)
    if row.kind == "mean":
        return _mean(row, side, seen)
    if row.kind == "paired":
        return _paired(row, side)
    if row.kind == "mix":
        mix = side.mix
        own, base = (_times(share, 100) for share in mix.shares)
        return Compared(own, base, None, None, None, mix.progress, mix.own, mix.others, mix.events)
    split = side.split
    own, asked = (_times(share, 100) for share in split.shares)
    drawn, others = split.drawn
    return Compared(own, asked, None, None, None, split.progress, drawn, others, drawn + others)


def _slower(row: Criterion, side: Scales, seen: Comparison) -> Compared:
    """The difference is the factor at which the canary has as many slow answers as its neighbours; its value is
    that times the baseline's quantile."""
    scale = side.scales[row.id]
    percent, measured = row.percent, seen.quantiles(row.measure or "")
    own, base = (None if q is None else getattr(q, f"p{percent}") for q in measured)
    own_n, base_n = (0 if q is None else q.count for q in measured)
    if not scale.own:
        return Compared(own, base, canary_requests=own_n, baseline_requests=base_n)
    if scale.drifted:
        # What decided is what came last: a difference of the whole run may lie within the limit.
        return Compared(own, base, None, None, None, scale.progress, scale.own, scale.others, scale.bad)
    factor = scale.factor
    low, high = scale.interval()
    seen_ratio = own / base if own is not None and base else None
    if factor is None and seen_ratio is not None and (low is None or seen_ratio > low):
        factor = seen_ratio
    elif factor is not None:
        factor = min(max(factor, low or 0.0), high or factor)
    if factor is not None and base is not None:
        own = base * factor
    return Compared(
        own, base, _over(factor), _over(low), _over(high), scale.progress, scale.own, scale.others, scale.bad
    )


def _rate(row: Criterion, side: Scales, seen: Comparison) -> Compared:
    scale, floor = side.scales[row.id], side.floors.get(row.id)
    own, base = scale.rates if scale.own else seen.rates(row.id)
    low, high = (None, None) if scale.drifted else scale.interval()
    factor = None if scale.drifted else scale.factor
    to_worse, to_ok = scale.progress
    if floor is not None:
        to_ok = max(to_ok, min(max(floor.log_e / side.odds.to_ok_of_rate, 0.0), 1.0))
    return Compared(
        _times(own, 100), _times(base, 100), _over(factor), _over(low), _over(high),
        (to_worse, to_ok), scale.own, scale.others, scale.bad,
    )  # fmt: skip


def _mean(row: Criterion, side: Scales, seen: Comparison) -> Compared:
    scale = _PER_1K if row.id == "cost" else 1
    pairs = seen.spreads(row.id)
    own_n, base_n = sum(own.n for own, _ in pairs), sum(base.n for _, base in pairs)
    found = side.mean(row, seen)
    if found is None:
        own, base = (_times(mean, scale) for mean in seen.means(row.id))
        return Compared(own, base, canary_requests=own_n, baseline_requests=base_n, events=own_n)
    low, high = found.interval()
    if side.holds_ok(row) and found.gap < 0:
        # It was excluded once, and stays so.
        high = min(high, row.margin)
    return Compared(
        found.base * (1 + found.over) * scale, found.base * scale, 100 * found.over, 100 * low, 100 * high,
        _mean_progress(found), own_n, base_n, own_n,
    )  # fmt: skip


def _mean_progress(found: Difference) -> tuple[float, float]:
    if found.gap > 0:
        return min(max(found.log_e / found.to_worse, 0.0), 1.0), 0.0
    return 0.0, min(max(found.log_e / found.to_ok, 0.0), 1.0)


def _paired(row: Criterion, side: Scales) -> Compared:
    """Scores begin at 1; the difference is percent of the baseline's mean."""
    paired = side.paired[row.id]
    drops: Drops = paired.drops
    n, events = drops.pairs, drops.untied
    if drops.means is None:
        return Compared(progress=paired.progress)
    first, scale = (1, 1) if row.most > 1 else (0, 100)
    base, own = ((first + mean) * scale for mean in drops.means)
    if base <= 0:
        return Compared(
            own, base, progress=paired.progress, canary_requests=n, baseline_requests=n, events=events
        )
    low, high = (-100 * drop * scale / base for drop in reversed(drops.interval(side.alpha)))
    return Compared(own, base, 100 * (own - base) / base, low, high, paired.progress, n, n, events)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _over(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * (ratio - 1)
