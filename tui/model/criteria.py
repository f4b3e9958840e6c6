"""Criteria in one table: what is compared, in which unit, what is bad, and which keys of the rollout file set
how far a canary may be from the baseline.

A new criterion is a row here; a new measure is a row of ``MEASURE_ROWS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tui.model.outcomes import ANSWERED, ERRORS, FILTERED, NEVER_SERVED, THROTTLED, Outcome, OutcomeKind

Measure = Literal["latency", "ttft", "token", "length"]
Kind = Literal["paired", "slower", "rate", "mean", "mix", "split"]

FEWEST_TOKENS = 8
"""Output tokens after the first below which a time per token is mostly rounding."""


def _latency(outcome: Outcome) -> float | None:
    if outcome.kind is OutcomeKind.OK:
        latency = outcome.latency_ms
        return latency if latency is not None and latency < math.inf else None
    return math.inf if outcome.kind is OutcomeKind.TIMEOUT else None


def _ttft(outcome: Outcome) -> float | None:
    ttft = outcome.ttft_ms
    if ttft is not None and ttft < math.inf:
        return ttft
    return math.inf if outcome.kind is OutcomeKind.TIMEOUT else None


def _per_token(outcome: Outcome) -> float | None:
    latency, ttft, usage = outcome.latency_ms, outcome.ttft_ms, outcome.usage
    if usage is None or latency is None or ttft is None or outcome.kind is not OutcomeKind.OK:
        return None
    tokens = usage.completion_tokens
    return (latency - ttft) / (tokens - 1) if tokens > FEWEST_TOKENS and ttft < latency < math.inf else None


def _tokens(outcome: Outcome) -> float | None:
    tokens = 0 if outcome.usage is None else outcome.usage.completion_tokens
    return float(tokens) if tokens > 0 else None


def _length(outcome: Outcome) -> float | None:
    return _tokens(outcome) if outcome.kind is OutcomeKind.OK else None


def _cost(outcome: Outcome) -> float | None:
    """None where it is not sure."""
    cost = outcome.cost_usd
    if outcome.usage is None or cost is None or outcome.cost_estimated or not 0 < cost < math.inf:
        return None
    return cost


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """Measure of a request that its version answered, or did not answer in time.

    ``value`` is infinite for a time-out, None where there is none; ``never`` says why none comes.
    ``since_sent``: it runs from the moment a request is sent, so one that is under way for longer is beyond it,
    it ends at the time-out, and the size of a prompt tells something of it. ``cause`` names it where it makes
    whole answers slower.
    """

    id: Measure
    value: Callable[[Outcome], float | None]
    never: str
    since_sent: bool = False
    streamed: bool = False
    cause: str = ""


MEASURE_ROWS: tuple[MeasureRow, ...] = (
    MeasureRow("latency", _latency, "no answer comes", since_sent=True),
    MeasureRow(
        "ttft", _ttft, "no time to the first token comes: are the answers streamed?",
        since_sent=True, streamed=True, cause="the first token",
    ),
    MeasureRow(
        "token", _per_token,
        f"no time per token comes: answers of more than {FEWEST_TOKENS} streamed tokens are needed",
        streamed=True, cause="each token",
    ),
    MeasureRow("length", _length, "no token count comes with the answers"),
)  # fmt: skip
"""Latency (ms), TTFT (ms), ms per output token, and output tokens."""

MEASURES: tuple[Measure, ...] = tuple(row.id for row in MEASURE_ROWS)
SINCE_SENT = frozenset(row.id for row in MEASURE_ROWS if row.since_sent)


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """One criterion, before a rollout file sets its margin.

    ``paired``: ``values`` of the same items, OK when shown to be less than ``tolerance`` (as shown) lower:
    "equal" cannot be shown; ``scored`` by a judge or people. ``slower``: answers beyond the baseline's frozen
    ``percent`` quantile of ``measure`` (ms; of ``length``, tokens). ``rate``: requests whose kind is in ``bad``
    among these and ``good``, whoever answered them with ``of_any``. ``mean``: the arithmetic mean of ``bill``,
    None where it is not known; ``never`` says why none comes. ``mix`` (of ``bad`` and ``good``) and ``split``:
    the health of the comparison itself.

    ``margin_key`` names the key of ``[criteria]`` that says how much higher a canary may be, ``floor_key`` that
    of the rate below which it is OK in any case; ``advisory``: it moves nothing. Values are shown times
    ``per``. ``text`` is what the bad ones did, what the mean is of, or what stands beside an uneven comparison.
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
    text: str = ""
    per: int = 1
    values: range = range(0)
    tolerance: float = 0.0
    bad: frozenset[OutcomeKind] = frozenset()
    good: frozenset[OutcomeKind] = frozenset()
    of_any: bool = False
    bill: Callable[[Outcome], float | None] | None = None
    never: str = ""
    scored: bool = False

    @property
    def most(self) -> int:
        """How much higher the highest of ``values`` is than the lowest."""
        return len(self.values) - 1


def _slower(name: str, label: str, measure: Measure, percent: int) -> CriterionRow:
    key = f"latency_p{percent}_pct"
    return CriterionRow(name, label, "ms", "slower", measure, percent, key, 10.0, text="were slow")


_THROTTLED = THROTTLED | {OutcomeKind.HELD_BACK}

CRITERION_ROWS: tuple[CriterionRow, ...] = (
    CriterionRow(
        "quality", "quality", "of 5", "paired", margin_key="quality", values=range(1, 6), tolerance=0.25,
        scored=True,
    ),
    _slower("latency_p50", "P50", "latency", 50),
    _slower("latency_p95", "P95", "latency", 95),
    _slower("latency_p99", "P99", "latency", 99),
    _slower("ttft_p50", "TTFT P50", "ttft", 50),
    _slower("ttft_p95", "TTFT P95", "ttft", 95),
    _slower("token_p50", "ms/token P50", "token", 50),
    _slower("token_p95", "ms/token P95", "token", 95),
    CriterionRow(
        "errors", "errors", "%", "rate", floor_key="error_floor_pct", default_floor_pct=0.5,
        text="failed", bad=ERRORS, good=ANSWERED | FILTERED,
    ),
    CriterionRow(
        "throttled", "throttled", "%", "rate", floor_key="error_floor_pct", default_floor_pct=0.5,
        advisory=True,
        text="were throttled", bad=_THROTTLED, good=frozenset(OutcomeKind) - _THROTTLED - NEVER_SERVED,
        of_any=True,
    ),
    CriterionRow(
        "completion_filter", "filtered", "%", "rate", floor_key="filter_floor_pct", default_floor_pct=0.5,
        text="had a filtered answer", bad=FILTERED & ANSWERED, good=ANSWERED - FILTERED,
    ),
    CriterionRow(
        "tokens", "tokens/answer", "", "mean", margin_key="cost_per_request_pct", default_margin=10.0,
        text="tokens", bill=_tokens, never="no token count comes with the answers",
    ),
    CriterionRow(
        "long_answers", "long answers", "tokens", "slower", "length", 99, "cost_per_request_pct", 10.0,
        text="were long",
    ),
    CriterionRow(
        "cost", "cost $/1k", "USD", "mean", margin_key="cost_per_request_pct", default_margin=10.0,
        text="cost", per=1000, bill=_cost, never="no cost is known: the deployment has no price",
    ),
    CriterionRow(
        "accuracy", "accuracy", "%", "paired", margin_key="accuracy", per=100, values=range(2), tolerance=3.0,
    ),
    CriterionRow(
        "prompt_filter", "prompt filter", "%", "mix", advisory=True,
        text="the versions get a different mix of prompts", bad=FILTERED - ANSWERED, good=ANSWERED,
    ),
    CriterionRow("split", "split", "%", "split", advisory=True, text="the split is not what was asked for"),
)  # fmt: skip
"""In the order in which they are shown. ``token_*`` is ms per output token. ``quality`` and ``accuracy`` are
compared where there are values to compare."""

CRITERIA: tuple[str, ...] = tuple(row.id for row in CRITERION_ROWS)
"""The id of every criterion, as ``Verdict.criterion`` and the rollout file name it."""

BY_PAIRS: dict[str, CriterionRow] = {row.id: row for row in CRITERION_ROWS if row.kind == "paired"}
"""Those that are compared by pairs of answers to the same item."""

PAIRED: tuple[str, ...] = tuple(BY_PAIRS)

STREAMED: tuple[str, ...] = tuple(
    row.id for row in CRITERION_ROWS if row.measure in {of.id for of in MEASURE_ROWS if of.streamed}
)
"""Those that only streamed answers decide."""

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
