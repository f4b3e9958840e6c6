"""The scales of one canary: the evidence for and against it, criterion by criterion."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tui.model import ERRORS, Eta, Outcome, OutcomeKind, VerdictState
from tui.verdict.criteria import Criterion
from tui.verdict.difference import BURN_IN, Difference, as_counts, ratio_pct
from tui.verdict.odds import ABOVE, BELOW, Counts, Evidence

OK_RATE_MARGIN = 1.5
"""A rate is OK when it is shown to be less than this many times the baseline's: "same" cannot be shown."""

_LOOK_EVERY = 20
_STILL = 1e-6


class Scales:
    """Weighs a canary against the baseline. ``alpha`` is the error of one WORSE, ``beta`` that of one OK.

    "Within 10 %" is asked of the scaled answer: a canary's is a bad event when its value over 1.1 passes the
    frozen limit, a baseline's when its value does. Then "no worse" is the plain r <= 1, also when both versions
    drift by the same factor.
    """

    def __init__(self, table: Sequence[Criterion], alpha: float, beta: float) -> None:
        self._table = table
        self._alpha, self._beta = alpha, beta
        self._to_worse, self._to_ok = math.log(1 / alpha), math.log(1 / beta)
        self.state = dict.fromkeys((row.id for row in table), VerdictState.NOT_YET)
        self.since_s: dict[str, float] = {}
        self.canary_requests = self.baseline_requests = 0
        self.last_share = 0.0
        self.split = Counts()
        self._counts = {row.id: Counts() for row in table if row.kind != "mean"}
        self._means = {row.id: Difference() for row in table if row.kind == "mean"}
        self._begin()

    def _begin(self) -> None:
        """The running processes, from the counts."""
        self._worse: dict[str, Evidence] = {}
        self._ok: dict[str, Evidence] = {}
        for row in self._table:
            if row.kind in ("exceedance", "rate"):
                margin = OK_RATE_MARGIN if row.kind == "rate" else 1.0
                self._worse[row.id] = Evidence(1.0, ABOVE, self._counts[row.id])
                self._ok[row.id] = Evidence(margin, BELOW, self._counts[row.id])

    # --- weighing ---

    def weigh(
        self,
        outcome: Outcome,
        values: Mapping[str, float],
        limits: Mapping[str, float],
        rho: float,
        is_canary: bool,
    ) -> Iterator[str]:
        """Weigh one outcome; yields the ids of the criteria whose state it changed."""
        if is_canary:
            self.canary_requests += 1
        else:
            self.baseline_requests += 1
        self.last_share = rho
        for row in self._table:
            if row.kind == "mean":
                if self._add_mean(row, outcome, rho, is_canary):
                    yield row.id
            elif self._is_bad(row, outcome, values, limits, is_canary):
                self._counts[row.id].add(is_canary, rho)
                if row.kind != "health" and self._event(row, is_canary, rho):
                    yield row.id

    @staticmethod
    def _is_bad(
        row: Criterion,
        outcome: Outcome,
        values: Mapping[str, float],
        limits: Mapping[str, float],
        is_canary: bool,
    ) -> bool:
        if row.measure is not None:
            value, limit = values.get(row.measure), limits.get(row.id)
            return value is not None and limit is not None and value > limit * (1 + row.margin * is_canary)
        if row.id == "errors":
            return outcome.kind in ERRORS
        if row.id == "completion_filter":
            return outcome.kind is OutcomeKind.COMPLETION_FILTERED
        return row.id == "prompt_filter" and outcome.kind is OutcomeKind.PROMPT_FILTERED

    def _event(self, row: Criterion, is_canary: bool, rho: float) -> bool:
        against = self._worse[row.id].event(is_canary, rho)
        in_favour = self._ok[row.id].event(is_canary, rho)
        if against >= self._to_worse:
            return self._reach(row, VerdictState.WORSE)
        return in_favour >= self._to_ok and self._reach(row, VerdictState.OK)

    def _add_mean(self, row: Criterion, outcome: Outcome, rho: float, is_canary: bool) -> bool:
        if row.id == "cost":
            value = None if outcome.cost_estimated else outcome.cost_usd
        else:
            value = float(outcome.usage.completion_tokens) if outcome.usage is not None else None
        if value is None or not 0 < value < math.inf:
            return False
        mean = self._means[row.id]
        mean.add(is_canary, rho, value)
        if not is_canary or mean.canary < BURN_IN or mean.canary % _LOOK_EVERY:
            return False
        interval = mean.interval(self._alpha)
        if interval is None:
            return False
        _, low, high = interval
        limit = math.log(1 + row.margin)
        if low > limit:
            return self._reach(row, VerdictState.WORSE)
        return high < limit and self._reach(row, VerdictState.OK)

    def _reach(self, row: Criterion, state: VerdictState) -> bool:
        """WORSE stays; OK gives way to WORSE only. True where the state is new."""
        now = self.state[row.id]
        if now is state or now is VerdictState.WORSE:
            return False
        self.state[row.id] = state
        return True

    # --- what they show ---

    def events(self, row: Criterion) -> int:
        counts = self._counts.get(row.id)
        return counts.canary + counts.baseline if counts is not None else self._means[row.id].canary

    def burning_in(self, row: Criterion) -> bool:
        return row.kind == "mean" and self._means[row.id].canary < BURN_IN

    def worse_progress(self, row: Criterion) -> float:
        evidence = self._worse.get(row.id)
        return _share_of(evidence.log_e(), self._to_worse) if evidence is not None else 0.0

    def ok_progress(self, row: Criterion) -> float:
        evidence = self._ok.get(row.id)
        return _share_of(evidence.log_e(), self._to_ok) if evidence is not None else 0.0

    def interval_pct(self, row: Criterion) -> tuple[float | None, float | None]:
        """The difference that the evidence leaves open, in percent of the baseline; None where it is open.

        Exceedances have none: a ratio of rates is no difference of milliseconds.
        """
        if row.kind == "rate":
            low, high = self._counts[row.id].ratio_interval(self._alpha)
            return tuple(None if r is None else 100 * (r - 1) for r in (low, high))  # type: ignore[return-value]
        if row.kind == "mean":
            interval = self._means[row.id].interval(self._alpha)
            return (None, None) if interval is None else (ratio_pct(interval[1]), ratio_pct(interval[2]))
        return None, None

    def note(self, row: Criterion) -> str:
        if row.id == "prompt_filter":
            low, high = self._counts[row.id].ratio_interval(self._alpha)
            if (low is not None and low > 1) or (high is not None and high < 1):
                return "the versions get a different mix of prompts"
        if row.id == "split" and self._split_log_e() >= self._to_worse:
            return "the split is not what was asked for"
        if self.burning_in(row):
            return f"{self._means[row.id].canary} of {BURN_IN} requests to begin"
        log_e = self._worse[row.id].log_e() if row.id in self._worse else 0.0
        return f"evidence 1 in {math.exp(min(log_e, 20.0)):,.0f}" if log_e > 1 else ""

    def _split_log_e(self) -> float:
        """ln of the e-value that assignments do not follow the weights: per share a mixture over
        Beta(100 rho, 100 (1 - rho)) against the binomial (Lindon and Malek, NeurIPS 2022)."""
        total = 0.0
        for rho, (canary, baseline) in self.split.by_share.items():
            a, b = 100 * rho, 100 * (1 - rho)
            total += _log_beta(a + canary, b + baseline) - _log_beta(a, b)
            total -= canary * math.log(rho) + baseline * math.log(1 - rho)
        return total

    def eta(self, row: Criterion, weight_pct: float, rps: float) -> Eta:
        """How long until a verdict at a weight, if rates and ratio stay as they are seen; None where that
        cannot be said."""
        rho = min(max(weight_pct / 100, 0.0), 1.0)
        counts, unknown = self._counts.get(row.id), Eta(weight_pct, None, None)
        if row.id not in self._worse or counts is None or not 0 < rho < 1 or rps <= 0:
            return unknown
        ratio = counts.ratio()
        if ratio is None or not self.baseline_requests:
            return unknown
        bad_rate = counts.baseline / self.baseline_requests
        events_per_s = rps * bad_rate * (1 - rho + rho * ratio)
        waits = []
        for evidence, target in ((self._worse[row.id], self._to_worse), (self._ok[row.id], self._to_ok)):
            drift = evidence.drift(ratio, rho)
            if drift > _STILL:
                waits.append(max(target - evidence.log_e(), 0.0) / drift / events_per_s)
        if not waits:
            return unknown
        seconds = min(waits)
        return Eta(weight_pct, seconds, math.ceil(seconds * rps * rho))

    # --- what survives a restart ---

    def as_json(self) -> dict[str, Any]:
        return {
            "state": {name: state.value for name, state in self.state.items()},
            "since_s": dict(self.since_s),
            "requests": [self.canary_requests, self.baseline_requests],
            "split": {str(rho): n for rho, n in self.split.by_share.items()},
            "counts": {
                name: {str(rho): n for rho, n in counts.by_share.items()}
                for name, counts in self._counts.items()
            },
            "means": {name: mean.state() for name, mean in self._means.items()},
        }

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave."""
        state = {name: VerdictState(saved["state"][name]) for name in self.state}
        counts = {name: Counts(as_counts(saved["counts"][name])) for name in self._counts}
        means = {name: Difference(saved["means"][name]) for name in self._means}
        self.canary_requests, self.baseline_requests = (int(n) for n in saved["requests"])
        self.since_s = {str(name): float(at) for name, at in saved["since_s"].items()}
        self.split = Counts(as_counts(saved["split"]))
        self.state, self._counts, self._means = state, counts, means
        self._begin()


def _share_of(log_e: float, target: float) -> float:
    return min(max(log_e / target, 0.0), 1.0)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
