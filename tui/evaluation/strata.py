"""Strata: what each deployment did in an epoch, a time of the same weights. They give the values beside a
verdict.

Values are compared within epochs and then put together. The baseline's strata count
as much as the canary's: each of its requests is weighted by how many of the canary's came for one of its own.
So a ramp during a drift does not make two equal versions look different (direct standardisation; Simpson's
paradox).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tui.base.histogram import Histogram, weighted_quantiles
from tui.evaluation.blocks import BAD, Member
from tui.evaluation.labels import MEANS, Bills, Values, rate_label
from tui.evaluation.means import Moments
from tui.model import ANSWERED, CRITERION_ROWS, ERRORS, NEVER_SERVED, Outcome, OutcomeKind, Quantiles
from tui.model.criteria import MEASURES

_COUNTED = tuple(row for row in CRITERION_ROWS if row.kind in ("rate", "mix"))

RATES = (*(row.id for row in _COUNTED), "answered", "broke")
"""What is counted of requests; ``broke``: failed or filtered before a latency could be seen."""

_KEPT = 64
_NOTHING: tuple[None, None] = (None, None)


class Stratum:
    """Stratum of one deployment: what it did in one epoch."""

    __slots__ = ("_text", "means", "rates", "requests", "values")

    def __init__(self) -> None:
        self.requests = 0
        """Those that are evidence, and have ended."""
        self.rates = dict.fromkeys(RATES, 0)
        self.values: dict[str, Histogram] = {measure: Histogram() for measure in MEASURES}
        self.means = {name: Moments() for name in MEANS}
        self._text: tuple[int, dict[str, str]] = (0, {})

    def count(
        self, outcome: Outcome, values: Values, bills: Bills, member: Member, margins: Mapping[str, float]
    ) -> None:
        """Take in what became of a member. What belongs to a warm-up says nothing of time and cost; ``margins``
        are those of the bills."""
        kind = outcome.kind
        if kind in NEVER_SERVED:
            return
        self.requests += 1
        rates = self.rates
        if kind is OutcomeKind.OK and outcome.counts_for_version:
            rates["answered"] += 1
            if not member.is_cold:
                for measure, value in zip(MEASURES, values, strict=True):
                    if value is not None:
                        self.values[measure].add(value)
                self._count_bills(bills, member, margins)
            return
        for row in _COUNTED:
            rates[row.id] += rate_label(row, kind, counts=outcome.counts_for_version) == BAD
        if not outcome.counts_for_version:
            return
        rates["broke"] += kind in ERRORS and kind is not OutcomeKind.TIMEOUT
        if kind in ANSWERED:
            rates["answered"] += 1
            if not member.is_cold:
                self._count_bills(bills, member, margins)

    def _count_bills(self, bills: Bills, member: Member, margins: Mapping[str, float]) -> None:
        means = member.limits.means
        for mean, bill in zip(MEANS, bills, strict=True):
            cut = means.get(mean)
            if cut is not None and bill is not None:
                adjusted = cut.adjusted(bill, member.size, margins[mean], is_canary=member.is_canary)
                self.means[mean].add(*adjusted)

    def as_json(self) -> dict[str, Any]:
        if self._text[0] != self.requests:
            self._text = (self.requests, {m: h.as_text() for m, h in self.values.items()})
        return {
            "requests": self.requests,
            "rates": dict(self.rates),
            "values": self._text[1],
            "means": {name: [s.n, s.total, s.mean, s.m2] for name, s in self.means.items()},
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Stratum:
        """Raises KeyError, TypeError or ValueError where it is not what ``as_json`` gave."""
        stratum = cls()
        stratum.requests = int(saved["requests"])
        stratum.rates = {name: int(saved["rates"][name]) for name in RATES}
        stratum.values = {m: Histogram.from_text(saved["values"].get(m, "")) for m in MEASURES}
        for name in MEANS:
            n, total, mean, m2 = saved["means"][name]
            stratum.means[name] = Moments(int(n), float(total), float(mean), float(m2))
        return stratum


class Epoch:
    """Epoch: a time of the same weights. ``canary_shares`` is each canary's share of what it and the baseline
    get; those that cannot be compared are not in it."""

    __slots__ = ("by_name", "canary_shares", "shares")

    def __init__(self, shares: Mapping[str, float], canary_shares: Mapping[str, float]) -> None:
        self.shares = shares
        self.canary_shares = canary_shares
        self.by_name: dict[str, Stratum] = {}

    def stratum(self, name: str) -> Stratum:
        found = self.by_name.get(name)
        if found is None:
            found = self.by_name[name] = Stratum()
        return found


class Comparison:
    """(canary's, baseline's) strata side by side; what it says of the baseline is standardised."""

    def __init__(self, pairs: Sequence[tuple[Stratum, Stratum]]) -> None:
        self._pairs = pairs
        self._quantiles: dict[str, tuple[Quantiles | None, Quantiles | None]] = {}

    def quantiles(self, measure: str) -> tuple[Quantiles | None, Quantiles | None]:
        """(canary's, baseline's) quantiles of a measure."""
        found = self._quantiles.get(measure)
        if found is None:
            own = weighted_quantiles((canary.values[measure], 1.0) for canary, _ in self._pairs)
            base = weighted_quantiles(
                (baseline.values[measure], canary.values[measure].count / baseline.values[measure].count)
                for canary, baseline in self._pairs
                if baseline.values[measure].count
            )
            found = self._quantiles[measure] = (own, base)
        return found

    def rates(self, name: str) -> tuple[float | None, float | None]:
        """(canary's, baseline's) share of requests that were bad, 0 to 1."""
        counted = [(c, b) for c, b in self._pairs if c.requests and b.requests]
        total = sum(canary.requests for canary, _ in counted)
        if not total:
            return None, None
        own = sum(canary.rates[name] for canary, _ in counted) / total
        base = math.fsum(c.requests * b.rates[name] / b.requests for c, b in counted)
        return own, base / total

    def means(self, name: str) -> tuple[float | None, float | None]:
        """(canary's, baseline's) mean of a value."""
        counted = [(c, b) for c, b in self.moments(name) if c.n and b.n]
        total = sum(canary.n for canary, _ in counted)
        if not total:
            return None, None
        own = math.fsum(canary.total for canary, _ in counted) / total
        return own, math.fsum(c.n * b.total / b.n for c, b in counted) / total

    def moments(self, name: str) -> list[tuple[Moments, Moments]]:
        """(canary's, baseline's) values of every epoch."""
        return [(canary.means[name], baseline.means[name]) for canary, baseline in self._pairs]


class Strata:
    """Strata of a run: every epoch; of more than 64 the oldest are forgotten. ``canaries`` are compared with
    ``baseline``."""

    def __init__(self, baseline: str, canaries: Sequence[str]) -> None:
        self._baseline = baseline
        self._canaries = tuple(canaries)
        self._by_weights: dict[tuple[tuple[str, float], ...], Epoch] = {}
        self._by_table: dict[int, tuple[Mapping[str, float], Epoch]] = {}
        self._comparisons: dict[str, Comparison] = {}

    def epoch(self, shares: Mapping[str, float]) -> Epoch:
        """The epoch of these weights, which must not change any more."""
        # The table is kept with its epoch, so that no other one can have its identity.
        table, found = self._by_table.get(id(shares), _NOTHING)
        if table is shares and found is not None:
            return found
        key = tuple(sorted((name, pct) for name, pct in shares.items() if pct > 0))
        known = self._by_weights.get(key)
        if known is None:
            if len(self._by_weights) >= _KEPT:
                del self._by_weights[next(iter(self._by_weights))]
                self._by_table.clear()
                self._comparisons.clear()
            known = self._by_weights[key] = Epoch(shares, self._canary_shares(shares))
        if len(self._by_table) >= _KEPT:
            self._by_table.clear()
        self._by_table[id(shares)] = (shares, known)
        return known

    def _canary_shares(self, shares: Mapping[str, float]) -> dict[str, float]:
        base = shares.get(self._baseline, 0.0)
        own = {name: shares.get(name, 0.0) for name in self._canaries}
        canary_shares = {
            name: round(pct / (pct + base), 6) for name, pct in own.items() if pct > 0 and base > 0
        }
        return {name: canary_share for name, canary_share in canary_shares.items() if 0 < canary_share < 1}

    def count(
        self,
        epoch: Epoch,
        outcome: Outcome,
        values: Values,
        bills: Bills,
        member: Member,
        margins: Mapping[str, float],
    ) -> None:
        """Take in what became of a member that was assigned in an epoch."""
        self._comparisons.clear()
        epoch.stratum(outcome.deployment).count(outcome, values, bills, member, margins)

    def add_canary(self, name: str) -> None:
        """Compare one more; it has had no weight in any epoch so far."""
        if name not in self._canaries:
            self._canaries = (*self._canaries, name)

    def forget(self, name: str) -> None:
        """Drop all that one deployment did: it is another version from now on."""
        for epoch in self._by_weights.values():
            epoch.by_name.pop(name, None)
        self._comparisons.clear()

    def comparison(self, canary: str) -> Comparison:
        """The canary beside the baseline, over every epoch in which both had requests."""
        found = self._comparisons.get(canary)
        if found is None:
            found = self._comparisons[canary] = Comparison(
                [
                    (epoch.by_name[canary], epoch.by_name[self._baseline])
                    for epoch in self._by_weights.values()
                    if canary in epoch.canary_shares
                    and canary in epoch.by_name
                    and self._baseline in epoch.by_name
                ]
            )
        return found

    def as_json(self) -> list[Any]:
        return [
            [dict(epoch.shares), {name: stratum.as_json() for name, stratum in epoch.by_name.items()}]
            for epoch in self._by_weights.values()
        ]

    def from_json(self, saved: Any) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave."""
        loaded = Strata(self._baseline, self._canaries)
        for table, by_name in saved:
            epoch = loaded.epoch({str(name): float(pct) for name, pct in table.items()})
            for name, stratum in by_name.items():
                epoch.by_name[str(name)] = Stratum.from_json(stratum)
        self._by_weights, self._by_table, self._comparisons = loaded._by_weights, {}, {}
