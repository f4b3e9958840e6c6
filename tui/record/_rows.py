"""How rows of a run record become values again; the other half of ``record_schema``.

A record may come from anywhere, so every value is converted on the way: what does not fit raises ValueError or
TypeError here, and not later in a room that trusts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from math import isfinite, nan
from operator import itemgetter
from typing import Any

from tui.model import NO_HITS, FilterHits, Outcome, OutcomeKind, Pair, Second, SecondFigures, Usage, WeightTable
from tui.model.criteria import BY_PAIRS

OUTCOME_COLUMNS = (
    "request_id, task, deployment, weight_pct, kind, due_s, sent_s, ended_s, late_ms, latency_ms, ttft_ms,"
    " prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, cost_usd, cost_estimated, filters,"
    " http_status, finish_reason, error, served_model, system_fingerprint, served_by, counts_for_version,"
    " retry_after_s, region, service_request_id, source, saturated, answer_ttft_ms, reconnected, prompt_chars"
)
SECOND_COLUMNS = (
    "at_s, deployment, requests, p50_ms, p95_ms, p99_ms, cost_per_1k_usd, filter_pct, error_pct, weight_pct,"
    " share_pct, throttled_pct"
)

_Row = tuple[Any, ...]


def outcome_of(row: _Row) -> Outcome:
    """The outcome in one row of ``OUTCOME_COLUMNS``; a time or weight that was not a number is NaN."""
    (
        request_id, task, deployment, weight_pct, kind, due_s, sent_s, ended_s, late_ms, latency_ms, ttft_ms,
        prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, cost_usd, cost_estimated, filters,
        http_status, finish_reason, error, served_model, system_fingerprint, served_by, counts_for_version,
        retry_after_s, region, service_request_id, source, saturated, answer_ttft_ms, reconnected, prompt_chars,
    ) = row  # fmt: skip
    usage = None
    if prompt_tokens is not None:
        usage = Usage(
            int(prompt_tokens), int(completion_tokens), int(cached_tokens or 0), int(reasoning_tokens or 0)
        )
    return Outcome(
        request_id=int(request_id),
        task=str(task),
        deployment=str(deployment),
        weight_pct=_real(weight_pct),
        kind=OutcomeKind(kind),
        due_s=moment_s(due_s),
        sent_s=moment_s(sent_s),
        ended_s=moment_s(ended_s),
        late_ms=_real(late_ms),
        latency_ms=_optional(latency_ms),
        ttft_ms=_optional(ttft_ms),
        answer_ttft_ms=_optional(answer_ttft_ms),
        usage=usage,
        cost_usd=_optional(cost_usd),
        cost_estimated=bool(cost_estimated),
        filters=NO_HITS if filters is None else _hits(json.loads(filters)),
        http_status=None if http_status is None else int(http_status),
        finish_reason=_text(finish_reason),
        error=_text(error),
        served_model=_text(served_model),
        system_fingerprint=_text(system_fingerprint),
        served_by=_text(served_by),
        counts_for_version=bool(counts_for_version),
        retry_after_s=_optional(retry_after_s),
        region=_text(region),
        service_request_id=_text(service_request_id),
        source=str(source),
        saturated=bool(saturated),
        reconnected=bool(reconnected),
        prompt_chars=None if prompt_chars is None else int(prompt_chars),
    )


_FIRST_YEAR, _LAST_YEAR = 2000, 2199
LONGEST_RUN_S = 366 * 86_400.0
"""No run is longer than a year. A moment beyond it is damage, and whoever walks there second by second never
arrives."""


def moment_s(value: Any) -> float:
    """A moment of the run; NaN for none, and for one that lies outside of any run."""
    seconds = _real(value)
    return seconds if 0.0 <= seconds <= LONGEST_RUN_S else nan


def instant_of(text: str) -> datetime:
    """An instant of the wall clock. Raises ValueError for one at which no run can have been."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise ValueError(f"{text} is no instant at which a run can have been")
    return at


def weights_of(text: str | None) -> WeightTable | None:
    """Weights by task, None for none. Raises ValueError for what can be nobody's weight; whether a table sums
    to 100 is not asked."""
    if text is None:
        return None
    table = {
        str(task): {str(deployment): float(pct) for deployment, pct in weights.items()}
        for task, weights in json.loads(text).items()
    }
    if not all(0 <= pct <= 100 for shares in table.values() for pct in shares.values()):
        raise ValueError("a weight lies outside of 0 to 100")
    return table


def pairs_of(rows: Iterable[_Row]) -> Iterator[Pair]:
    """The pairs in rows of all columns; what lies outside of any run is left out. Raises ValueError for a value
    that nobody can have given."""
    for at_s, task, canary, criterion, baseline, own in rows:
        pair = Pair(moment_s(at_s or 0.0), str(task), str(canary), str(criterion), int(baseline), int(own))
        row = BY_PAIRS.get(pair.criterion)
        if row is not None and not (pair.baseline in row.values and pair.own in row.values):
            raise ValueError(f"{pair.baseline} and {pair.own} of {pair.criterion}")
        if isfinite(pair.at_s):
            yield pair


def seconds_of(rows: Iterable[_Row]) -> Iterator[Second]:
    """The seconds in rows of ``SECOND_COLUMNS``; the rows of one second stand together. What lies outside of
    any run is left out."""
    for at_s, points in groupby(rows, key=itemgetter(0)):
        second = Second(moment_s(at_s), {str(row[1]): _second_figures(row[2:]) for row in points})
        if isfinite(second.at_s):
            yield second


def _second_figures(row: _Row) -> SecondFigures:
    requests, p50_ms, p95_ms, p99_ms, cost, filter_pct, error_pct, weight_pct, share_pct, throttled = row
    return SecondFigures(
        requests=int(requests),
        p50_ms=_optional(p50_ms),
        p95_ms=_optional(p95_ms),
        p99_ms=_optional(p99_ms),
        cost_per_1k_usd=_optional(cost),
        filter_pct=_optional(filter_pct),
        error_pct=_optional(error_pct),
        weight_pct=_real(weight_pct),
        share_pct=_optional(share_pct),
        throttled_pct=_optional(throttled),
    )


def _hits(fired: Mapping[str, Any]) -> FilterHits:
    blocked, annotated, below = (
        tuple(str(name) for name in fired.get(what, ())) for what in ("blocked", "annotated", "below_threshold")
    )
    return FilterHits(blocked, annotated, below, bool(fired.get("unfiltered")))


def _real(value: Any) -> float:
    return nan if value is None else float(value)


def _optional(value: Any) -> float | None:
    return None if value is None else float(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
