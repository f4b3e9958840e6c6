"""What is measured of a request: its times, its tokens, its bill."""

from __future__ import annotations

import math

from tui.model import Outcome, OutcomeKind
from tui.model.criteria import Measure

MEASURES: tuple[Measure, ...] = ("latency", "ttft", "token", "length")
MEANS = ("tokens", "cost")

FEWEST_TOKENS = 8
"""Output tokens after the first below which a time per token is mostly rounding."""

Values = tuple[float | None, float | None, float | None, float | None]
"""Latency (ms), TTFT (ms), ms per output token and output tokens of an outcome, in the order of ``MEASURES``:
infinite for a time-out, None where it has no such measure."""


def values_of(outcome: Outcome) -> Values:
    """What was measured of a request that its version answered, or did not answer in time."""
    kind = outcome.kind
    ttft = _finite_or_none(outcome.ttft_ms)
    if kind is OutcomeKind.TIMEOUT:
        return math.inf, math.inf if ttft is None else ttft, None, None
    if kind is not OutcomeKind.OK:
        return None, ttft, None, None
    usage, latency = outcome.usage, _finite_or_none(outcome.latency_ms)
    if usage is None:
        return latency, ttft, None, None
    tokens = usage.completion_tokens
    token = None
    if tokens > FEWEST_TOKENS and latency is not None and ttft is not None and latency > ttft:
        token = (latency - ttft) / (tokens - 1)
    return latency, ttft, token, float(tokens) if tokens > 0 else None


def _finite_or_none(value: float | None) -> float | None:
    return value if value is not None and value < math.inf else None


Bills = tuple[float | None, float | None]
"""Output tokens and USD of an answer, in the order of ``MEANS``; None where they are not sure."""


def bills_of(outcome: Outcome) -> Bills:
    """What an answer cost."""
    if outcome.usage is None:
        return None, None
    tokens, cost = outcome.usage.completion_tokens, outcome.cost_usd
    known = cost is not None and not outcome.cost_estimated and 0 < cost < math.inf
    return float(tokens) if tokens > 0 else None, cost if known else None
