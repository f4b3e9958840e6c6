"""What a request is for each criterion: bad, good, or none of both, with the reason.

"None" is what says nothing of a version: what was throttled or held back, what another deployment answered,
what the caller gave up. What was under way longer than its limit was slow, however it ended.

What is measured of a request: its times, its tokens, its bill.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from tui.evaluation.blocks import BAD, GOOD, NONE, Labels, Member
from tui.evaluation.comparison_health import SIZES
from tui.evaluation.criteria import Criterion, Cut
from tui.model import ANSWERED, ERRORS, FILTERED, THROTTLED, Outcome, OutcomeKind
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


_NOT_SENT = frozenset({OutcomeKind.CANCELLED, OutcomeKind.CLIENT_SATURATED})
_SAID = ANSWERED | FILTERED
_THROTTLED = THROTTLED | {OutcomeKind.HELD_BACK}
_MEASURE_AT = {measure: at for at, measure in enumerate(MEASURES)}
_EXPIRES = ("latency", "ttft")


def rate_label(criterion: str, kind: OutcomeKind, *, counts: bool = True) -> int:
    """Of ``errors``, ``throttled``, ``completion_filter`` or ``prompt_filter``; ``counts``: the version itself
    answered."""
    if kind in _NOT_SENT:
        return NONE
    if criterion == "throttled":
        return int(kind in _THROTTLED)
    if not counts:
        return NONE
    if criterion == "errors":
        return BAD if kind in ERRORS else GOOD if kind in _SAID else NONE
    if criterion == "completion_filter":
        return int(kind is OutcomeKind.COMPLETION_FILTERED) if kind in ANSWERED else NONE
    return BAD if kind is OutcomeKind.PROMPT_FILTERED else GOOD if kind in ANSWERED else NONE


def why_no_evidence(outcome: Outcome) -> str:
    """Why a request says nothing of how its version answers; empty where it does."""
    if not outcome.counts_for_version:
        return "spilled over"
    kind = outcome.kind
    if kind in _THROTTLED:
        return "held back" if kind is OutcomeKind.HELD_BACK else "throttled"
    if kind in _NOT_SENT:
        return "cancelled" if kind is OutcomeKind.CANCELLED else "saturated"
    return ""


class Labeller:
    """Labels in the order of ``rows``: what goes by a limit first, then ``balance.SIZES``, then the rates."""

    def __init__(self, table: Sequence[Criterion]) -> None:
        self._limited = tuple(row for row in table if row.kind == "slower")
        self._rates = tuple(row for row in table if row.kind in ("rate", "mix"))
        self._at = tuple(_MEASURE_AT[row.measure or "latency"] for row in self._limited)
        names = (*(row.id for row in self._limited), *SIZES, *(row.id for row in self._rates))
        self.row: dict[str, int] = {name: at for at, name in enumerate(names)}
        """Where the label of a criterion stands."""
        self._latency = self.row["latency_p50"]
        self._by_kind = {
            (kind, counts): tuple(rate_label(row.id, kind, counts=counts) for row in self._rates)
            for kind in OutcomeKind
            for counts in (False, True)
        }

    def labels(self, outcome: Outcome, values: Values, member: Member) -> Labels:
        """What an outcome with these ``values`` is: of the canary's, how many factors a value is beyond; of the
        baseline's, 1 beyond the limit."""
        kind, counts = outcome.kind, outcome.counts_for_version
        rates = self._by_kind[kind, counts]
        if not counts or member.is_cold or kind is OutcomeKind.CLIENT_SATURATED:
            return (*(NONE,) * (len(self._at) + len(SIZES)), *rates)
        limits, is_canary = member.limits, member.is_canary
        labels: list[int] = []
        for cut, at in zip(limits.in_order, self._at, strict=False):
            value = values[at]
            if cut is None:
                labels.append(NONE)
            elif value is None:
                labels.append(_under_way(cut, outcome, MEASURES[at], is_canary=is_canary))
            elif is_canary:
                labels.append(bisect_left(cut.points, value))
            else:
                labels.append(BAD if value > cut.bad_from else GOOD)
        if not limits.in_order:
            labels = [NONE] * len(self._at)
        sizes, size = limits.sizes, member.size
        if sizes is None or size is None or labels[self._latency] == NONE:
            return (*labels, NONE, NONE, *rates)
        return (*labels, int(size > sizes[0]), int(size > sizes[1]), *rates)


def _under_way(cut: Cut, outcome: Outcome, measure: str, *, is_canary: bool) -> int:
    """Of what has no value: it was slow where it was under way longer than its limit."""
    if measure not in _EXPIRES or outcome.kind is OutcomeKind.OK:
        return NONE
    under_way_ms = (outcome.ended_s - outcome.sent_s) * 1000
    if not under_way_ms > (cut.points[cut.at] if is_canary else cut.limit):
        return NONE
    return len(cut.points) if is_canary else BAD
