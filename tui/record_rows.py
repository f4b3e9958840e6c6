"""How rows of a run record become values again; the other half of ``record_schema``.

A record may come from anywhere, so every value is converted on the way: what does not fit raises ValueError or
TypeError here, and not later in a room that trusts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from math import nan
from operator import itemgetter
from typing import Any

from tui.model import NO_HITS, FilterHits, Outcome, OutcomeKind, Second, SecondFigures, Usage

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
        due_s=_real(due_s),
        sent_s=_real(sent_s),
        ended_s=_real(ended_s),
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


def seconds_of(rows: Iterable[_Row]) -> Iterator[Second]:
    """The seconds in rows of ``SECOND_COLUMNS``; the rows of one second stand together."""
    for at_s, points in groupby(rows, key=itemgetter(0)):
        yield Second(_real(at_s), {str(row[1]): _second_figures(row[2:]) for row in points})


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
