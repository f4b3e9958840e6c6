"""Outcome of a call that has ended: times, version, tokens, cost, filters, quota."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.base.retry_after import retry_after_s
from tui.model import (
    ANSWERED,
    NO_HITS,
    THROTTLED,
    Assignment,
    Deployment,
    FilterHits,
    Outcome,
    OutcomeKind,
    Quota,
    Request,
    Usage,
)
from tui.service.credentials import Secrets
from tui.service.errors import Refusal
from tui.service.prices import cost_usd, estimated_usage
from tui.service.transport import Exchange
from tui.service.wire import AnswerReader

_KEPT_TEXT_CHARS = 1_000_000
_PAUSES = (403, 503, 529)
"""Statuses beside 429 that come with a time to wait: a used-up call quota of API Management, and overload."""


@dataclass(slots=True)
class Call:
    """What is known so far of a call under way. ``overdue``: our own time-out ended it."""

    request: Request
    assignment: Assignment
    deployment: Deployment
    due_s: float
    saturated: bool
    keep_text: bool
    reader: AnswerReader
    exchange: Exchange = field(default_factory=Exchange)
    status: int | None = None
    overdue: bool = False


def outcome_of(call: Call, refusal: Refusal | None, now_s: float, secrets: Secrets) -> Outcome:
    """Everything that is known of a call; ``refusal`` says why it is no answer, None where it is one.

    Every text that the service chose is cleaned of ``secrets``.
    """
    request, assignment, shown = call.request, call.assignment, secrets.shown
    exchange, answer, headers = call.exchange, call.reader.answer, call.exchange.headers
    answered = refusal is None
    kind, hits = OutcomeKind.OK, answer.filters.hits()
    if refusal is not None:
        kind, hits = refusal.kind, refusal.filters if refusal.filters is not NO_HITS else hits
    elif answer.blocked():
        kind = OutcomeKind.COMPLETION_FILTERED
    sent_s = exchange.sent_s if exchange.sent_s is not None else now_s
    usage = answer.known_usage()
    ended_s = exchange.last_byte_s if answered and exchange.last_byte_s is not None else now_s
    cost, estimated = _cost(call, kind, usage)
    spilled = _spilled(headers, call.deployment.wire_id)

    def kept(text: str | None, limit: int) -> str | None:
        return shown(text, limit) if text else None

    def since_sent_ms(at_s: float | None) -> float | None:
        return (at_s - sent_s) * 1000 if answered and at_s is not None else None

    return Outcome(
        request_id=request.id,
        task=request.task,
        deployment=assignment.deployment,
        weight_pct=assignment.weight_pct,
        kind=kind,
        due_s=call.due_s,
        sent_s=sent_s,
        ended_s=ended_s,
        late_ms=max(0.0, (sent_s - call.due_s) * 1000),
        latency_ms=since_sent_ms(ended_s),
        ttft_ms=since_sent_ms(answer.first_token_s),
        answer_ttft_ms=since_sent_ms(answer.first_answer_s),
        usage=usage,
        cost_usd=cost,
        cost_estimated=estimated,
        filters=_shown_hits(hits, secrets),
        http_status=call.status,
        finish_reason=kept(answer.finish_reason, 32),
        error=shown(refusal.text, 240) if refusal is not None else None,
        served_model=kept(answer.model, 128),
        system_fingerprint=kept(answer.fingerprint, 64),
        served_by=kept(headers.get("x-ms-deployment-name"), 64) if spilled else None,
        counts_for_version=not spilled,
        retry_after_s=_pause_s(kind, call.status, headers, refusal),
        quota=_quota(headers),
        region=kept(headers.get("x-ms-region"), 64),
        service_request_id=kept(headers.get("apim-request-id") or headers.get("x-request-id"), 128),
        source=request.source,
        shares=assignment.shares,
        saturated=call.saturated or kind is OutcomeKind.CLIENT_SATURATED,
        reconnected=exchange.reconnected,
        prompt_chars=assignment.prompt_chars,
        prompt_text=_prompt_text(request) if call.keep_text else None,
        answer_text=secrets.clean("".join(answer.text))[:_KEPT_TEXT_CHARS] if answer.text else None,
    )


def _shown_hits(hits: FilterHits, secrets: Secrets) -> FilterHits:
    if hits is NO_HITS:
        return hits

    def names(side: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(secrets.shown(name, 60) for name in side)

    return FilterHits(names(hits.blocked), names(hits.annotated), names(hits.below_threshold), hits.unfiltered)


def _pause_s(
    kind: OutcomeKind, status: int | None, headers: Mapping[str, str], refusal: Refusal | None
) -> float | None:
    """How long the service asks to be left alone, None where nothing says that it does."""
    if kind not in THROTTLED and status not in _PAUSES:
        return None
    return retry_after_s(headers, refusal.text if refusal is not None else "")


def _spilled(headers: Mapping[str, str], wire_id: str) -> bool:
    """Whether another deployment answered. The names of the headers are from field reports, not documents."""
    served_by = headers.get("x-ms-deployment-name")
    return (
        "x-ms-spillover-from-deployment" in headers
        or headers.get("x-ms-is-spilled-over", "").lower() == "true"
        or (served_by is not None and served_by.lower() != wire_id.lower())
    )


def _cost(call: Call, kind: OutcomeKind, usage: Usage | None) -> tuple[float | None, bool]:
    """USD and whether it is an estimate.

    Where the service reports no usage, what it has done is estimated: an answer; a blocked prompt, which is
    charged (Microsoft, content filter documentation); the part of an answer that came before it broke off; and
    the prompt of a request that it was still at when we gave up, which is the least that it may charge.
    """
    price, answer = call.deployment.price, call.reader.answer
    if price is None or call.deployment.provisioned:
        return None, False
    if usage is not None:
        return cost_usd(usage, price), False
    if kind in ANSWERED or kind is OutcomeKind.PROMPT_FILTERED or answer.written_bytes or call.overdue:
        estimated = estimated_usage(
            call.request, answer.written_bytes, cut_off=answer.finish_reason == "length"
        )
        return cost_usd(estimated, price), True
    return None, False


_NO_QUOTA = Quota()


def _quota(headers: Mapping[str, str]) -> Quota | None:
    def left(name: str) -> int | None:
        value = headers.get(name)
        return int(value) if value is not None and value.isdecimal() and len(value) < 16 else None

    quota = Quota(
        left("x-ratelimit-remaining-requests"),
        left("x-ratelimit-remaining-tokens"),
        left("x-ratelimit-limit-requests"),
        left("x-ratelimit-limit-tokens"),
    )
    return quota if quota != _NO_QUOTA else None


def _prompt_text(request: Request) -> str:
    parts = (f"{m.get('role', '?')}: {m.get('content', '')}" for m in request.messages)
    return "\n".join(parts)[:_KEPT_TEXT_CHARS]
