"""What is measured: figures over windows and seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tui.model.outcomes import ERRORS, NEVER_SERVED, THROTTLED, OutcomeKind

WINDOWS_S: Mapping[str, int | None] = MappingProxyType(
    {"1m": 60, "5m": 300, "15m": 900, "60m": 3600, "run": None}
)
"""Name -> length in seconds; None is since the start of the run."""


Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Nearest-rank P50, P95 and P99 with the number of values they rest on (relative error at most 1 %).

    An interval holds the true quantile with 95 % confidence however often it is looked at while values come in;
    None while there are too few: below 37 values for P50, 573 for P95, 3,045 for P99.
    """

    p50: float
    p95: float
    p99: float
    count: int
    p50_interval: Interval | None = None
    p95_interval: Interval | None = None
    p99_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What one deployment did for one task (or all) in one window. None means no data, never zero.

    ``ttft_ms`` is to the first token of any kind, ``answer_ttft_ms`` to the first that is no reasoning: the
    same where no answer began with reasoning.
    """

    span_s: float
    requests: int = 0
    assigned: int = 0
    assigned_share_pct: float | None = None
    kinds: Mapping[OutcomeKind, int] = field(default_factory=dict)
    latency_ms: Quantiles | None = None
    ttft_ms: Quantiles | None = None
    answer_ttft_ms: Quantiles | None = None
    ms_per_output_token: Quantiles | None = None
    answers_with_usage: int = 0
    answers_without_usage: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    priced: int = 0
    cost_usd: float | None = None
    estimated_usd: float = 0.0
    prompt_blocked: int = 0
    completion_blocked: int = 0
    annotated: int = 0
    below_threshold: int = 0
    unfiltered: int = 0
    filter_categories: Mapping[str, int] = field(default_factory=dict)
    served_models: Mapping[str, int] = field(default_factory=dict)
    spillovers: int = 0
    saturated: int = 0
    reconnected: int = 0

    @property
    def rate_rps(self) -> float:
        """Finished requests per second over the time really covered."""
        return self.requests / self.span_s if self.span_s > 0 else 0.0

    @property
    def served(self) -> int:
        """Requests that the service had: what every rate is a share of."""
        return self.requests - sum(n for kind, n in self.kinds.items() if kind in NEVER_SERVED)

    @property
    def error_count(self) -> int:
        return sum(n for kind, n in self.kinds.items() if kind in ERRORS)

    @property
    def error_pct(self) -> float | None:
        return 100 * self.error_count / self.served if self.served else None

    @property
    def throttled_count(self) -> int:
        return sum(n for kind, n in self.kinds.items() if kind in THROTTLED)

    @property
    def throttled_pct(self) -> float | None:
        """Requests that were refused for a rate limit or a used-up quota."""
        return 100 * self.throttled_count / self.served if self.served else None

    @property
    def filter_pct(self) -> float | None:
        """Requests whose prompt or completion was blocked."""
        blocked = self.prompt_blocked + self.completion_blocked
        return 100 * blocked / self.served if self.served else None

    @property
    def cost_per_1k_usd(self) -> float | None:
        """USD per 1,000 requests that have a price."""
        return 1000 * self.cost_usd / self.priced if self.cost_usd is not None and self.priced else None

    @property
    def tokens_per_request(self) -> float | None:
        n = self.answers_with_usage
        return (self.prompt_tokens + self.completion_tokens) / n if n else None


@dataclass(frozen=True, slots=True)
class SecondFigures:
    """One deployment at one second of the history, over the trailing ``HISTORY_SPAN_S`` seconds.

    None is a gap in the plot. ``requests`` is how many finished requests the figures rest on.
    """

    requests: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    cost_per_1k_usd: float | None
    filter_pct: float | None
    error_pct: float | None
    weight_pct: float
    share_pct: float | None
    throttled_pct: float | None = None


HISTORY_SPAN_S = 30
"""Trailing span of every point of the history: long enough that a 10 % canary has samples in each point."""


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the per-second history, all tasks pooled, by deployment name."""

    at_s: float
    figures: Mapping[str, SecondFigures]
