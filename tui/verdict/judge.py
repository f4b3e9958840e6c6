"""The judge: every outcome is weighed once, and every criterion may be looked at as often as one likes.

What must hold for its verdicts: the router draws at random with the weights in force; an outcome belongs to the
deployment it was assigned to, whatever became of it (a rate limit counts as an error of that deployment); both
versions are compared within the same period; and the limits that "slower" is measured against are frozen from
the baseline before the first comparison.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tui.model import (
    ANSWERED,
    ERRORS,
    Assignment,
    Eta,
    Figures,
    Outcome,
    OutcomeKind,
    Verdict,
    VerdictState,
)
from tui.rollout import Criteria
from tui.verdict.criteria import Criterion, decision_table, value_of
from tui.verdict.scales import Scales

_MEASURES = ("latency", "ttft", "token")
_SHARE_DIGITS = 6
_IN_A_ROW = 5
_ETA_WEIGHTS = (10.0, 25.0, 50.0)
_FAILED = ERRORS - {OutcomeKind.RATE_LIMITED, OutcomeKind.BAD_REQUEST}


class Judge:
    """Compares each canary with the baseline. ``alpha`` is the chance that any criterion of a canary is ever
    called WORSE although it is not; it is split evenly over the criteria that can be. ``beta`` is that of a
    wrong OK, per criterion.

    ``calibration_requests`` answers of the baseline give the frozen limits, and are no evidence themselves.
    """

    def __init__(
        self,
        baseline: str,
        canaries: Sequence[str],
        criteria: Criteria,
        *,
        alpha: float = 0.05,
        beta: float = 0.05,
        calibration_requests: int = 300,
    ) -> None:
        self._baseline = baseline
        self._table = decision_table(criteria)
        split = alpha / sum(not row.advisory for row in self._table)
        self._sides = {name: Scales(self._table, split, beta) for name in canaries}
        self._wanted = calibration_requests
        self._calibration: dict[str, list[float]] = {measure: [] for measure in _MEASURES}
        self._limits: dict[str, float] = {}
        self._failed = dict.fromkeys(canaries, 0)
        self._last_failure = dict.fromkeys(canaries, "")
        self._began_s: float | None = None
        self._seen = 0
        self._changes: list[tuple[str, Verdict]] = []

    # --- the walk of a request ---

    def assigned(self, assignment: Assignment, now_s: float) -> None:
        """Count an assignment, for the split."""
        for canary, side in self._sides.items():
            if assignment.deployment in (canary, self._baseline):
                rho = self._share(assignment.shares, canary)
                if rho is not None:
                    side.split.add(assignment.deployment == canary, rho)

    def add(self, outcome: Outcome, now_s: float) -> None:
        """Weigh one outcome; O(number of criteria)."""
        if not outcome.counts_for_version or outcome.kind is OutcomeKind.CANCELLED:
            return
        is_baseline = outcome.deployment == self._baseline
        if not is_baseline and outcome.deployment not in self._sides:
            return
        if self._began_s is None:
            self._began_s = now_s
        self._seen += 1
        values = _values(outcome)
        if is_baseline and not self._limits and values:
            self._calibrate(values)
            values = {}
        for canary in self._sides if is_baseline else (outcome.deployment,):
            rho = self._share(outcome.shares, canary)
            if rho is not None:
                for criterion_id in self._sides[canary].weigh(
                    outcome, values, self._limits, rho, not is_baseline
                ):
                    self._settle(canary, criterion_id, now_s)
        if not is_baseline:
            self._watch(outcome)

    def _share(self, shares: Mapping[str, float], canary: str) -> float | None:
        """The canary's share of what the two get; None where there is nothing to compare."""
        own, base = shares.get(canary, 0.0), shares.get(self._baseline, 0.0)
        return round(own / (own + base), _SHARE_DIGITS) if own > 0 and base > 0 else None

    def _calibrate(self, values: Mapping[str, float]) -> None:
        for measure, value in values.items():
            self._calibration[measure].append(value)
        if len(self._calibration["latency"]) >= self._wanted:
            for row in self._table:
                kept = sorted(self._calibration[row.measure]) if row.measure is not None else []
                if kept:
                    self._limits[row.id] = kept[math.ceil(row.q * len(kept)) - 1]

    def _settle(self, canary: str, criterion_id: str, now_s: float) -> None:
        side = self._sides[canary]
        side.since_s[criterion_id] = now_s
        row = next(row for row in self._table if row.id == criterion_id)
        self._changes.append((canary, self._verdict(row, canary, now_s, {})))

    def _watch(self, outcome: Outcome) -> None:
        failed = outcome.kind in _FAILED
        self._failed[outcome.deployment] = self._failed[outcome.deployment] + 1 if failed else 0
        if failed:
            self._last_failure[outcome.deployment] = outcome.error or outcome.kind.value

    # --- what it says ---

    def changes(self) -> list[tuple[str, Verdict]]:
        """Verdicts reached since this was last asked."""
        changes, self._changes = self._changes, []
        return changes

    def tripwire(self, canary: str) -> str | None:
        """Why a canary looks entirely broken: consecutive failures. A safety stop, not statistics."""
        failed = self._failed[canary]
        return (
            f"{failed} failures in a row, last: {self._last_failure[canary]}" if failed >= _IN_A_ROW else None
        )

    def verdicts(
        self, now_s: float, figures: Mapping[str, Figures] | None = None
    ) -> dict[str, tuple[Verdict, ...]]:
        """One verdict a criterion for each canary. ``figures`` since the start of the run, by deployment, give
        the values to show."""
        shown = figures or {}
        return {
            canary: tuple(self._verdict(row, canary, now_s, shown) for row in self._table)
            for canary in self._sides
        }

    def _verdict(self, row: Criterion, canary: str, now_s: float, figures: Mapping[str, Figures]) -> Verdict:
        side = self._sides[canary]
        base_value, value = (value_of(row, figures.get(name)) for name in (self._baseline, canary))
        low, high = side.interval_pct(row)
        comparable = value is not None and base_value and row.id != "split"
        difference = 100 * (value / base_value - 1) if comparable and value and base_value else None
        return Verdict(
            criterion=row.id,
            label=row.label,
            unit=row.unit,
            state=side.state[row.id],
            limit=row.limit,
            baseline_value=base_value,
            canary_value=value,
            difference_pct=difference,
            difference_low_pct=low,
            difference_high_pct=high,
            worse_progress=side.worse_progress(row),
            ok_progress=side.ok_progress(row),
            baseline_requests=side.baseline_requests,
            canary_requests=side.canary_requests,
            events=side.events(row),
            etas=self._etas(row, side, now_s),
            advisory=row.advisory or side.burning_in(row),
            note=self._note(row, side),
            since_s=side.since_s.get(row.id),
        )

    def _note(self, row: Criterion, side: Scales) -> str:
        if row.measure is not None and not self._limits:
            return f"calibrating {len(self._calibration['latency'])}/{self._wanted}"
        return side.note(row)

    def _etas(self, row: Criterion, side: Scales, now_s: float) -> tuple[Eta, ...]:
        if side.state[row.id] is not VerdictState.NOT_YET or self._began_s is None or now_s <= self._began_s:
            return ()
        rps = self._seen / (now_s - self._began_s)
        now_pct = 100 * side.last_share
        weights = dict.fromkeys([now_pct, *(w for w in _ETA_WEIGHTS if w > now_pct)])
        return tuple(side.eta(row, weight, rps) for weight in weights)

    # --- what survives a restart ---

    def state(self) -> dict[str, Any]:
        """All evidence, as JSON has it."""
        return {
            "margins": {row.id: row.margin for row in self._table},
            "failed": dict(self._failed),
            "limits": dict(self._limits),
            "calibration": {measure: list(values) for measure, values in self._calibration.items()},
            "sides": {canary: side.as_json() for canary, side in self._sides.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up evidence; canaries that are no longer there are left out.

        Raises:
            ValueError: It is not such a state, or evidence for other margins than today's.
        """
        try:
            if state["margins"] != {row.id: row.margin for row in self._table}:
                raise ValueError("the margins have changed since: the evidence would be for another question")
            failed = {canary: int(state["failed"].get(canary, 0)) for canary in self._sides}
            limits = {str(name): float(value) for name, value in state["limits"].items()}
            calibration = {m: [float(v) for v in state["calibration"][m]] for m in _MEASURES}
            for canary, saved in state["sides"].items():
                if canary in self._sides:
                    self._sides[canary].from_json(saved)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a state of the judge: {type(error).__name__} {error}") from error
        self._limits, self._calibration, self._failed = limits, calibration, failed


def _values(outcome: Outcome) -> dict[str, float]:
    """Latency, TTFT and ms per output token of an answer; nothing for what was not answered."""
    if outcome.kind not in ANSWERED:
        return {}
    values = {
        "latency": outcome.latency_ms,
        "ttft": outcome.ttft_ms,
        "token": outcome.ms_per_output_token,
    }
    return {measure: value for measure, value in values.items() if value is not None and math.isfinite(value)}
