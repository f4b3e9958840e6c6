"""From a call that has ended to its ``Outcome``: times, version, tokens, cost, filters, quota."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.azure.errors import Refusal, classify_error_event, retry_after_s
from tui.azure.prices import cost_usd, estimated_usage
from tui.azure.transport import Exchange
from tui.azure.wire import Answer, EventStream
from tui.model import (
    ANSWERED,
    NO_HITS,
    Assignment,
    Deployment,
    Outcome,
    OutcomeKind,
    Quota,
    Request,
    Usage,
)
from tui.text import plain

_KEPT_TEXT_CHARS = 1_000_000


@dataclass(slots=True)
class Call:
    """What is known so far of a call under way. ``overdue``: our own time-out ended it."""

    exchange: Exchange
    events: EventStream | None
    answer: Answer = field(init=False)
    status: int | None = None
    first_content_s: float | None = None
    overdue: bool = False

    def __post_init__(self) -> None:
        self.answer = self.events.answer if self.events is not None else Answer()

    def verdict(self) -> Refusal | None:
        """Why a body that was read to its end is no answer after all; None where it is one."""
        if self.answer.error is not None:
            return classify_error_event(self.answer.error)
        if self.events is not None and not self.events.done and self.answer.finish_reason is None:
            return Refusal(OutcomeKind.CONNECTION_LOST, "the stream ended before the answer did")
        return None


def outcome_of(
    call: Call,
    refusal: Refusal | None,
    request: Request,
    assignment: Assignment,
    deployment: Deployment,
    *,
    due_s: float,
    now_s: float,
    saturated: bool,
    keep_text: bool,
) -> Outcome:
    """Everything that is known of a call; ``refusal`` says why it is no answer, None where it is one."""
    exchange, answer, headers = call.exchange, call.answer, call.exchange.headers
    answered = refusal is None
    kind, hits = OutcomeKind.OK, answer.hits()
    if refusal is not None:
        kind, hits = refusal.kind, refusal.filters if refusal.filters is not NO_HITS else hits
    elif answer.finish_reason == "content_filter":
        kind = OutcomeKind.COMPLETION_FILTERED
    sent_s = exchange.sent_s if exchange.sent_s is not None else now_s
    first_s = call.first_content_s
    ended_s = exchange.last_byte_s if answered and exchange.last_byte_s is not None else now_s
    cost, estimated = _cost(request, deployment, kind, call)
    served_by = headers.get("x-ms-deployment-name")
    spilled = _spilled(headers, deployment.name)
    return Outcome(
        request_id=request.id,
        task=request.task,
        deployment=assignment.deployment,
        weight_pct=assignment.weight_pct,
        kind=kind,
        due_s=due_s,
        sent_s=sent_s,
        ended_s=ended_s,
        late_ms=max(0.0, (sent_s - due_s) * 1000),
        latency_ms=(ended_s - sent_s) * 1000 if answered else None,
        ttft_ms=(first_s - sent_s) * 1000 if answered and first_s is not None else None,
        usage=_usage(answer),
        cost_usd=cost,
        cost_estimated=estimated,
        filters=hits,
        http_status=call.status,
        finish_reason=answer.finish_reason,
        error=refusal.text if refusal is not None else None,
        served_model=answer.model,
        system_fingerprint=answer.fingerprint,
        served_by=plain(served_by, 64) if served_by is not None and spilled else None,
        counts_for_version=not spilled,
        retry_after_s=retry_after_s(headers) if kind is OutcomeKind.RATE_LIMITED else None,
        quota=_quota(headers),
        region=headers.get("x-ms-region"),
        service_request_id=headers.get("apim-request-id") or headers.get("x-request-id"),
        source=request.source,
        shares=assignment.shares,
        saturated=saturated,
        prompt_text=_prompt_text(request) if keep_text else None,
        answer_text="".join(answer.text)[:_KEPT_TEXT_CHARS] if keep_text and answer.text else None,
    )


def _spilled(headers: Mapping[str, str], deployment: str) -> bool:
    """Whether another deployment answered. The names of the headers are from field reports, not documents."""
    served_by = headers.get("x-ms-deployment-name")
    return (
        "x-ms-spillover-from-deployment" in headers
        or headers.get("x-ms-is-spilled-over", "").lower() == "true"
        or (served_by is not None and served_by.lower() != deployment.lower())
    )


def _cost(request: Request, deployment: Deployment, kind: OutcomeKind, call: Call) -> tuple[float | None, bool]:
    """USD and whether it is an estimate.

    Where the service reports no usage, what it has done is estimated: an answer; a blocked prompt, which is
    charged (Microsoft, content filter documentation); the part of an answer that came before it broke off; and
    the prompt of a request that it was still at when we gave up, which is the least that it may charge.
    """
    price, answer = deployment.price, call.answer
    if price is None or deployment.provisioned:
        return None, False
    if (usage := _usage(answer)) is not None:
        return cost_usd(usage, price), False
    if kind in ANSWERED or kind is OutcomeKind.PROMPT_FILTERED or answer.characters or call.overdue:
        estimated = estimated_usage(request, answer.characters, cut_off=answer.finish_reason == "length")
        return cost_usd(estimated, price), True
    return None, False


def _usage(answer: Answer) -> Usage | None:
    """What the service reported; every prompt has tokens, so a report of none says nothing."""
    return answer.usage if answer.usage is not None and answer.usage.prompt_tokens else None


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
