"""The scales of one canary: everything that is weighed for and against it, criterion by criterion."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.model import Eta, VerdictState
from tui.verdict import drift, health
from tui.verdict.criteria import Criterion
from tui.verdict.difference import BURN_IN, difference, ratio_pct
from tui.verdict.odds import Counts
from tui.verdict.paired import Drops, PairedScale
from tui.verdict.scale import Scale
from tui.verdict.stretches import Comparison

OK_RATE_MARGIN = 1.5
"""A rate is OK when it is shown to be less than this many times the baseline's: "same" cannot be shown."""

ALONE_FROM = 200
"""Requests beside the baseline from which a canary's own past may be held against it when it is alone."""

_LOOK_EVERY = 20
_PER_1K = 1000


@dataclass(frozen=True, slots=True)
class Compared:
    """What stands beside a verdict, in the unit of its criterion; None where it is not known or not finite."""

    canary: float | None = None
    baseline: float | None = None
    difference_pct: float | None = None
    low_pct: float | None = None
    high_pct: float | None = None


class Scales:
    """Weighs a canary against the baseline. ``alpha`` is the error of one WORSE, ``beta`` that of one OK.

    "Within 10 %" is asked of the scaled answer: a canary's is a bad event when its value over 1.1 passes the
    frozen limit, a baseline's when its value does. Then "no worse" is the plain r <= 1, also when both versions
    drift by the same factor.
    """

    def __init__(self, table: Sequence[Criterion], alpha: float, beta: float) -> None:
        self._alpha = alpha
        self._to_worse, self._to_ok = math.log(1 / alpha), math.log(1 / beta)
        self.since_s: dict[str, float] = {}
        self.last_share = 0.0
        self.split = Counts()
        self.prompts = Counts()
        self._requests = [0, 0]
        self._alone_requests = 0
        self._alone_bad: dict[str, int] = {}
        self._means = tuple(row for row in table if row.kind == "mean")
        self._mean_states = dict.fromkeys((row.id for row in self._means), VerdictState.NOT_YET)
        self._paired = {
            row.id: PairedScale(row.most, row.margin, row.tolerance, self._to_worse, self._to_ok)
            for row in table
            if row.kind == "paired"
        }
        self._until_look = _LOOK_EVERY
        self._before_limits = 0
        self._limited = frozenset(row.id for row in table if row.kind == "exceedance")
        self._scales = {
            row.id: Scale(OK_RATE_MARGIN if row.kind == "rate" else 1.0, self._to_worse, self._to_ok)
            for row in table
            if row.kind in ("exceedance", "rate")
        }

    # --- weighing ---

    @property
    def canary_requests(self) -> int:
        """Finished requests of the canary that could be compared."""
        return self._requests[0]

    @property
    def baseline_requests(self) -> int:
        return self._requests[1]

    def weigh(self, bad: Sequence[str], rho: float, is_canary: bool) -> Iterator[str]:
        """Weigh one finished request with the criteria that it was bad for; yields those that are decided."""
        self._requests[0 if is_canary else 1] += 1
        self.last_share = rho
        for name in bad:
            scale = self._scales.get(name)
            if scale is None:
                self.prompts.add(rho, is_canary, not is_canary)
            elif scale.event(is_canary, rho) is not None:
                yield name

    def weigh_alone(self, bad: Sequence[str]) -> Iterator[str]:
        """Weigh one finished request of a canary that has all the traffic; yields what it turns out worse
        in."""
        self._alone_requests += 1
        for name in bad:
            self._alone_bad[name] = self._alone_bad.get(name, 0) + 1
        if self._alone_requests < drift.BATCH:
            return
        requests, counted = self._alone_requests, self._alone_bad
        self._alone_requests, self._alone_bad = 0, {}
        for name, scale in self._scales.items():
            seen = self.canary_requests - (self._before_limits if name in self._limited else 0)
            if seen < ALONE_FROM:
                continue
            most = drift.highest_rate(scale.counts().canary, seen)
            if scale.alone(requests, counted.get(name, 0), most) is not None:
                yield name

    def weigh_pair(self, criterion: str, baseline: int, canary: int) -> Iterator[str]:
        """Weigh the values of one item that both answered; yields the criterion where that decides it."""
        if self._paired[criterion].pair(baseline, canary) is not None:
            yield criterion

    def answered(self) -> bool:
        """To be called for each of the canary's answers; True where it is time to look at the means."""
        self._until_look -= 1
        if self._until_look:
            return False
        self._until_look = _LOOK_EVERY
        return True

    def weigh_means(self, seen: Comparison) -> Iterator[str]:
        """Look at the means; yields the criteria that are decided."""
        for row in self._means:
            now, found = self._mean_states[row.id], difference(seen.spreads(row.id))
            if now is VerdictState.WORSE or found is None or self.burning_in(row, seen):
                continue
            low, high = found.interval(self._alpha)
            limit = math.log(1 + row.margin)
            state = VerdictState.WORSE if low > limit else VerdictState.OK if high < limit else now
            if state is not now:
                self._mean_states[row.id] = state
                yield row.id

    def limits_are_set(self) -> None:
        """From now on answers can be slower than a limit."""
        self._before_limits = self.canary_requests

    # --- what they show ---

    def state(self, row: Criterion) -> VerdictState:
        if row.kind == "health":
            return health.state(self._health_counts(row), self._of_split(row), self._to_worse, self._to_ok)
        if row.kind == "mean":
            return self._mean_states[row.id]
        if row.kind == "paired":
            return self._paired[row.id].state
        return self._scales[row.id].state

    def is_worse(self, what: str) -> bool:
        """Whether a criterion, or any of those of a measure, is WORSE."""
        if what in self._mean_states:
            return self._mean_states[what] is VerdictState.WORSE
        return any(
            scale.state is VerdictState.WORSE for name, scale in self._scales.items() if name.startswith(what)
        )

    def drift_of(self, row: Criterion) -> drift.Drift | None:
        """What a late drift that made the criterion WORSE rests on; None where none did."""
        scale = self._scales.get(row.id)
        return scale.drift if scale is not None and scale.drifted else None

    def events(self, row: Criterion, seen: Comparison) -> int:
        """Bad events of both sides; for means the canary's values, for pairs those that differ, for the split
        the assignments."""
        if row.kind == "mean":
            return sum(canary.n for canary, _ in seen.spreads(row.id))
        if row.kind == "paired":
            return self._paired[row.id].drops.untied
        counts = self._counts(row)
        return counts.canary + counts.baseline

    def burning_in(self, row: Criterion, seen: Comparison) -> bool:
        """Whether a criterion has too few values yet to move anything."""
        return row.kind == "mean" and self.events(row, seen) < BURN_IN

    def progress(self, row: Criterion, seen: Comparison) -> tuple[float, float]:
        """How far the evidence is on its way to WORSE and to OK, each 0 to 1."""
        if row.kind == "health":
            return health.progress(self._health_counts(row), self._of_split(row), self._to_worse, self._to_ok)
        if row.kind == "paired":
            return self._paired[row.id].progress
        if row.kind != "mean":
            scale = self._scales[row.id]
            return scale.worse_progress, scale.ok_progress
        found = difference(seen.spreads(row.id))
        if found is None:
            return 0.0, 0.0
        limit = math.log(1 + row.margin)
        share = min(max(found.log_e(limit, self._alpha) / self._to_worse, 0.0), 1.0)
        return (share, 0.0) if found.estimate > limit else (0.0, share)

    def log_e(self, row: Criterion) -> float:
        """ln of the evidence against the canary; 0 where the criterion has none of that kind."""
        scale = self._scales.get(row.id) or self._paired.get(row.id)
        return scale.log_worse if scale is not None else 0.0

    def pairs(self, row: Criterion) -> int:
        """Items that both have answered."""
        return self._paired[row.id].drops.pairs

    def pairs_to(self, row: Criterion) -> float | None:
        """How many more of them until a verdict, if all stays as it is; None where that cannot be said."""
        return self._paired[row.id].pairs_to()

    def compared(self, row: Criterion, seen: Comparison) -> Compared:
        """The values of both, the baseline's as if it had had the canary's share of every epoch."""
        if row.measure is not None:
            return _compared_quantiles(row, seen)
        if row.kind == "mean":
            own, base = seen.means(row.id)
            scale = _PER_1K if row.id == "cost" else 1
            own, base = _times(own, scale), _times(base, scale)
            found = difference(seen.spreads(row.id))
            if found is None:
                return Compared(own, base)
            low, high = found.interval(self._alpha)
            return Compared(own, base, ratio_pct(found.estimate), ratio_pct(low), ratio_pct(high))
        if row.kind == "paired":
            return _compared_pairs(row, self._paired[row.id].drops, self._alpha)
        counts = self._counts(row)
        if row.id == "split":
            share, asked = health.shares(counts)
            return Compared(_times(share, 100), _times(asked, 100))
        own, base = (_times(rate, 100) for rate in seen.rates(row.id))
        ratio = counts.ratio()
        low_ratio, high_ratio = counts.ratio_interval(self._alpha)
        return Compared(own, base, _over(ratio), _over(low_ratio), _over(high_ratio))

    def eta(self, row: Criterion, weight_pct: float, rps: float, seen: Comparison) -> Eta:
        """How long until a verdict at a weight, if rates and ratio stay as they are seen; None where that
        cannot be said. ``rps`` are the requests per second of canary and baseline together."""
        rho = weight_pct / 100
        seconds = self._seconds_to(row, rho, rps, seen) if 0 < rho < 1 and rps > 0 else None
        return Eta(weight_pct, seconds, None if seconds is None else math.ceil(seconds * rps * rho))

    def _seconds_to(self, row: Criterion, rho: float, rps: float, seen: Comparison) -> float | None:
        if not self.baseline_requests or row.kind in ("health", "paired"):
            return None
        if row.kind == "mean":
            found = difference(seen.spreads(row.id))
            if found is None or not self.canary_requests:
                return None
            values = self.events(row, seen)
            values_per_s = rps * min(values / self.canary_requests, 1.0)
            wait = found.seconds_to(math.log(1 + row.margin), self._alpha, rho, values_per_s)
            missing = max(BURN_IN - values, 0) / (values_per_s * rho)
            return None if wait is None else max(wait, missing)
        counts = self._counts(row)
        ratio = counts.ratio()
        if ratio is None:
            return None
        events_per_s = rps * counts.baseline / self.baseline_requests * (1 - rho + rho * ratio)
        return self._scales[row.id].seconds_to(ratio, rho, events_per_s)

    def _counts(self, row: Criterion) -> Counts:
        return self._health_counts(row) if row.kind == "health" else self._scales[row.id].counts()

    def _health_counts(self, row: Criterion) -> Counts:
        return self.split if self._of_split(row) else self.prompts

    @staticmethod
    def _of_split(row: Criterion) -> bool:
        return row.id == "split"

    # --- what survives a restart ---

    def as_json(self) -> dict[str, Any]:
        return {
            "since_s": dict(self.since_s),
            "requests": [*self._requests, self._before_limits, self._until_look],
            "means": {name: state.value for name, state in self._mean_states.items()},
            "paired": {name: scale.as_json() for name, scale in self._paired.items()},
            "split": _as_json(self.split),
            "prompts": _as_json(self.prompts),
            "scales": {name: scale.as_json() for name, scale in self._scales.items()},
        }

    def from_json(self, saved: Mapping[str, Any], offset_s: float) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave; the
        scales may then be half changed and must not be used."""
        canary, baseline, before, until_look = (int(n) for n in saved["requests"])
        states = {row.id: VerdictState(saved["means"][row.id]) for row in self._means}
        split, prompts = _counts_of(saved["split"]), _counts_of(saved["prompts"])
        for name, scale in self._scales.items():
            scale.from_json(saved["scales"][name])
        for name, paired in self._paired.items():
            paired.from_json(saved["paired"][name])
        self.since_s = {str(name): float(at) + offset_s for name, at in saved["since_s"].items()}
        self._requests, self._before_limits = [canary, baseline], before
        self._until_look = min(max(until_look, 1), _LOOK_EVERY)
        self._mean_states = states
        self.split, self.prompts = split, prompts


def _compared_pairs(row: Criterion, drops: Drops, alpha: float) -> Compared:
    """Scores begin at 1; the difference is percent of the baseline's mean."""
    if drops.means is None:
        return Compared()
    first, scale = (1, 1) if row.most > 1 else (0, 100)
    base, own = ((first + mean) * scale for mean in drops.means)
    if base <= 0:
        return Compared(own, base)
    low, high = (-100 * drop * scale / base for drop in reversed(drops.interval(alpha)))
    return Compared(own, base, 100 * (own - base) / base, low, high)


def _compared_quantiles(row: Criterion, seen: Comparison) -> Compared:
    """The difference's interval is what the intervals of both quantiles leave open."""
    measured = seen.quantiles(row.measure or "")
    own, base = (None if q is None else getattr(q, f"p{row.percent}") for q in measured)
    if own is None or base is None or base <= 0:
        return Compared(own, base)
    own_in, base_in = (None if q is None else getattr(q, f"p{row.percent}_interval") for q in measured)
    if own_in is None or base_in is None:
        return Compared(own, base, _over(own / base))
    return Compared(own, base, _over(own / base), _over(own_in[0] / base_in[1]), _over(own_in[1] / base_in[0]))


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _over(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * (ratio - 1)


def _as_json(counts: Counts) -> dict[str, list[int]]:
    return {str(rho): list(n) for rho, n in counts.by_share.items()}


def _counts_of(saved: Mapping[str, Any]) -> Counts:
    return Counts({float(rho): [int(n[0]), int(n[1])] for rho, n in saved.items()})
