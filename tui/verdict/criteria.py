"""The decision table as data: what is compared, in which unit, and by how much a canary may differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.model import CRITERIA
from tui.rollout import Criteria

Measure = Literal["latency", "ttft", "token"]
Kind = Literal["exceedance", "rate", "mean", "paired", "health"]

PAIRED = ("quality", "accuracy")
"""The criteria that are judged by pairs of answers to the same item."""

QUALITY_TOLERANCE = 0.25
"""A mean score is OK when it is shown to be less than this much lower: "equal" cannot be shown."""

ACCURACY_TOLERANCE_PCT = 3.0


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row. ``exceedance``: answers slower than the baseline's frozen ``percent`` quantile of ``measure``.
    ``rate``: bad events. ``mean``: tokens or cost. ``paired``: values of 0 to ``most`` of the same items, which
    may be lower by ``margin`` on average, and are OK when less than ``tolerance`` lower. ``health``: of the
    split, it moves nothing, and neither does a row that only ``advises``."""

    id: str
    label: str
    unit: str
    kind: Kind
    margin: float = 0.0
    limit: str = "same or lower"
    measure: Measure | None = None
    percent: int = 0
    most: int = 1
    tolerance: float = 0.0
    advises: bool = False

    @property
    def advisory(self) -> bool:
        return self.kind == "health" or self.advises


def decision_table(criteria: Criteria) -> tuple[Criterion, ...]:
    """The rows in the order of ``CRITERIA``, with the margins of a rollout file. Quality that only people score
    moves nothing: they do it in their own time, and nothing may wait for them."""

    def slower(name: str, label: str, measure: Measure, percent: int, pct: float) -> Criterion:
        return Criterion(name, label, "ms", "exceedance", pct / 100, f"+{pct:g}%", measure, percent)

    def mean(name: str, label: str, unit: str) -> Criterion:
        pct = criteria.cost_per_request_pct
        return Criterion(name, label, unit, "mean", pct / 100, f"+{pct:g}%")

    def lower(name: str, label: str, unit: str, allowed: float, most: int, tolerance: float) -> Criterion:
        limit = f"at most -{allowed:g}" if allowed else "same or better"
        scale = 100 if unit == "%" else 1
        advises = name == "quality" and criteria.scored_by == "people"
        return Criterion(
            name, label, unit, "paired", allowed / scale, limit, most=most,
            tolerance=max(allowed, tolerance) / scale, advises=advises,
        )  # fmt: skip

    p50, p95, p99 = criteria.latency_p50_pct, criteria.latency_p95_pct, criteria.latency_p99_pct
    rows = (
        lower("quality", "quality", "of 5", criteria.quality, 4, QUALITY_TOLERANCE),
        slower("latency_p50", "P50", "latency", 50, p50),
        slower("latency_p95", "P95", "latency", 95, p95),
        slower("latency_p99", "P99", "latency", 99, p99),
        slower("ttft_p50", "TTFT P50", "ttft", 50, p50),
        slower("ttft_p95", "TTFT P95", "ttft", 95, p95),
        slower("token_p50", "ms/token P50", "token", 50, p50),
        slower("token_p95", "ms/token P95", "token", 95, p95),
        Criterion("errors", "errors", "%", "rate"),
        Criterion("completion_filter", "filtered", "%", "rate"),
        mean("tokens", "tokens/answer", ""),
        mean("cost", "cost $/1k", "USD"),
        lower("accuracy", "accuracy", "%", criteria.accuracy, 1, ACCURACY_TOLERANCE_PCT),
        Criterion("prompt_filter", "prompt filter", "%", "health", limit="same mix"),
        Criterion("split", "split", "%", "health", limit="as asked"),
    )
    absent = set(PAIRED) - set(criteria.paired)
    by_id = {row.id: row for row in rows}
    return tuple(by_id[name] for name in CRITERIA if name not in absent)
