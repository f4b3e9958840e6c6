"""The frozen limits that "slower" is measured against: the baseline's own quantiles, before any comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tui.model import ANSWERED, Outcome
from tui.rollout import Criteria
from tui.verdict.criteria import Criterion, Measure, decision_table

MEASURES: tuple[Measure, ...] = ("latency", "ttft", "token")


def measured(outcome: Outcome) -> list[tuple[str, float]]:
    """Latency, TTFT and ms per output token of an answer, where they are known; nothing of another outcome."""
    latency, ttft = outcome.latency_ms, outcome.ttft_ms
    values: list[tuple[str, float]] = []
    if outcome.kind not in ANSWERED:
        return values
    if latency is not None and latency < math.inf:
        values.append(("latency", latency))
    if ttft is not None and ttft < math.inf:
        values.append(("ttft", ttft))
        token = outcome.ms_per_output_token
        if token is not None and token < math.inf:
            values.append(("token", token))
    return values


def limits_from(outcomes: Iterable[Outcome], criteria: Criteria) -> dict[str, float]:
    """Criterion -> its limit in ms, as a baseline with these outcomes sets it; a measure with fewer values than
    ``criteria.calibration_requests`` sets none."""
    values: dict[str, list[float]] = {measure: [] for measure in MEASURES}
    for outcome in outcomes:
        for measure, value in measured(outcome):
            values[measure].append(value)
    rows = [row for row in decision_table(criteria) if row.measure is not None]
    limits: dict[str, float] = {}
    for measure, found in values.items():
        if len(found) >= criteria.calibration_requests:
            limits |= _quantiles(rows, measure, found)
    return limits


def _quantiles(table: Iterable[Criterion], measure: str, values: Iterable[float]) -> dict[str, float]:
    """Nearest rank."""
    ordered = sorted(values)
    return {
        row.id: ordered[math.ceil(row.percent * len(ordered) / 100) - 1]
        for row in table
        if row.measure == measure
    }


class Limits:
    """``wanted`` answers of the baseline give each measure its limits; ``known`` ones are taken as they are.

    A measure whose every limit is known needs no answers.
    """

    def __init__(self, table: Sequence[Criterion], wanted: int, known: Mapping[str, float]) -> None:
        self._table = tuple(row for row in table if row.measure is not None)
        self._wanted = wanted
        self._values: dict[str, list[float]] = {measure: [] for measure in MEASURES}
        self._ms: dict[str, float] = {}
        self.answers = 0
        """Answers of the baseline so far."""
        # Measure -> [limit of the canary, limit of the baseline, criterion], worked out where limits are set.
        self._cuts: dict[str, tuple[tuple[float, float, str], ...]] = {}
        self._set(known)

    def known(self, measure: str) -> bool:
        return measure in self._cuts

    def passed(self, measure: str, value: float, is_canary: bool) -> list[str]:
        """The criteria whose limit a value passes; a canary's limit is wider by the margin."""
        if is_canary:
            return [name for canary, _, name in self._cuts.get(measure, ()) if value > canary]
        return [name for _, baseline, name in self._cuts.get(measure, ()) if value > baseline]

    def calibrate(self, measure: str, value: float) -> bool:
        """Take in an answer of the baseline; True where it was the last one that was wanted."""
        values = self._values[measure]
        values.append(value)
        if len(values) < self._wanted:
            return False
        self._set(_quantiles(self._table, measure, values))
        values.clear()
        return True

    def said(self, measures: Iterable[str]) -> str:
        """``P50 412 ms, P95 1,006 ms``: the limits of these measures."""
        wanted = set(measures)
        rows = [row for row in self._table if str(row.measure) in wanted and row.id in self._ms]
        return ", ".join(f"{row.label} {_ms(self._ms[row.id])} ms" for row in rows)

    def _set(self, limits_ms: Mapping[str, float]) -> None:
        self._ms.update({row.id: limits_ms[row.id] for row in self._table if row.id in limits_ms})
        for measure in MEASURES:
            rows = [row for row in self._table if row.measure == measure]
            if rows and all(row.id in self._ms for row in rows):
                self._cuts[measure] = tuple(
                    (self._ms[row.id] * (1 + row.margin), self._ms[row.id], row.id) for row in rows
                )

    def missing(self, measure: str) -> str:
        """Why a measure has no limits yet, in words; empty where it has."""
        if measure in self._cuts:
            return ""
        taken = len(self._values[measure])
        if not taken and self.answers >= self._wanted:
            return "no time to the first token comes: are the answers streamed?"
        return f"calibrating {taken}/{self._wanted}"

    def as_json(self) -> dict[str, Any]:
        values = {measure: list(found) for measure, found in self._values.items()}
        return {"ms": dict(self._ms), "values": values, "answers": self.answers}

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave."""
        limits = {str(name): float(value) for name, value in saved["ms"].items()}
        if not all(0 < value < math.inf for value in limits.values()):
            raise ValueError("a limit is not a number of milliseconds above 0")
        self._values = {m: [float(v) for v in saved["values"][m]] for m in MEASURES}
        self.answers = int(saved["answers"])
        self._ms, self._cuts = {}, {}
        self._set(limits)


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
