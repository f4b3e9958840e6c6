"""The criteria in one table: what is compared, in which unit, and which keys of the rollout file set how far a
canary may be from the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Measure = Literal["latency", "ttft", "token", "length"]
Kind = Literal["paired", "slower", "rate", "mean", "mix", "split"]


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """One criterion, before a rollout file sets its margin.

    ``paired``: values of the same items. ``slower``: answers beyond the baseline's frozen ``percent``
    quantile of ``measure`` (ms; of ``length``, tokens). ``rate``: bad requests. ``mean``: the arithmetic mean
    of the bill. ``mix`` and ``split``: the health of the comparison itself. ``margin_key`` names the key of
    ``[criteria]`` that says how much higher a canary may be, ``floor_key`` that of the rate below which it is
    OK in any case; ``advisory``: it moves nothing.
    """

    id: str
    label: str
    unit: str
    kind: Kind
    measure: Measure | None = None
    percent: int = 0
    margin_key: str = ""
    default_margin: float = 0.0
    floor_key: str = ""
    default_floor_pct: float = 0.0
    advisory: bool = False


def _slower(name: str, label: str, measure: Measure, percent: int) -> CriterionRow:
    return CriterionRow(name, label, "ms", "slower", measure, percent, f"latency_p{percent}_pct", 10.0)


CRITERION_ROWS: tuple[CriterionRow, ...] = (
    CriterionRow("quality", "quality", "of 5", "paired", margin_key="quality"),
    _slower("latency_p50", "P50", "latency", 50),
    _slower("latency_p95", "P95", "latency", 95),
    _slower("latency_p99", "P99", "latency", 99),
    _slower("ttft_p50", "TTFT P50", "ttft", 50),
    _slower("ttft_p95", "TTFT P95", "ttft", 95),
    _slower("token_p50", "ms/token P50", "token", 50),
    _slower("token_p95", "ms/token P95", "token", 95),
    CriterionRow("errors", "errors", "%", "rate", floor_key="error_floor_pct", default_floor_pct=0.5),
    CriterionRow(
        "throttled", "throttled", "%", "rate",
        floor_key="error_floor_pct", default_floor_pct=0.5, advisory=True,
    ),
    CriterionRow(
        "completion_filter", "filtered", "%", "rate", floor_key="filter_floor_pct", default_floor_pct=0.5,
    ),
    CriterionRow("tokens", "tokens/answer", "", "mean", margin_key="cost_per_request_pct", default_margin=10.0),
    CriterionRow(
        "long_answers", "long answers", "tokens", "slower", "length", 99, "cost_per_request_pct", 10.0,
    ),
    CriterionRow("cost", "cost $/1k", "USD", "mean", margin_key="cost_per_request_pct", default_margin=10.0),
    CriterionRow("accuracy", "accuracy", "%", "paired", margin_key="accuracy"),
    CriterionRow("prompt_filter", "prompt filter", "%", "mix", advisory=True),
    CriterionRow("split", "split", "%", "split", advisory=True),
)  # fmt: skip
"""In the order in which they are shown. ``token_*`` is ms per output token. ``quality`` and ``accuracy`` are
judged where there is something to judge them by."""

CRITERIA: tuple[str, ...] = tuple(row.id for row in CRITERION_ROWS)
"""The id of every criterion, as ``Verdict.criterion`` and the rollout file name it."""

PAIRED: tuple[str, ...] = tuple(row.id for row in CRITERION_ROWS if row.kind == "paired")
"""Those that are judged by pairs of answers to the same item."""

ADVISORY: tuple[str, ...] = tuple(row.id for row in CRITERION_ROWS if row.advisory)
"""Those that move nothing by themselves."""


def default_of(key: str) -> float:
    """What a key of ``[criteria]`` is where the rollout file does not set it."""
    for row in CRITERION_ROWS:
        if key == row.margin_key:
            return row.default_margin
        if key == row.floor_key:
            return row.default_floor_pct
    raise KeyError(key)
