"""A request and its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

DEFAULT_TASK = "default"
ALL_TASKS = "*"
"""Key of the figures that pool every task."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be asked. ``messages`` are chat messages as the service takes them; ``params`` are the other
    fields of the recorded body that may be replayed (temperature, tools, ...)."""

    id: int
    task: str
    messages: tuple[Mapping[str, Any], ...]
    source: str
    max_tokens: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    expected: str | None = None

    @property
    def prompt_chars(self) -> int:
        """Characters of text in the messages: how large it is, before anybody answers."""
        return sum(_chars(message.get("content")) for message in self.messages)


def _chars(content: Any) -> int:
    if isinstance(content, str):
        return len(content)
    parts = content if isinstance(content, list | tuple) else ()
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return sum(len(text) for text in texts if isinstance(text, str))


@dataclass(frozen=True, slots=True)
class Assignment:
    """The deployment drawn for one request and the weight in force at that moment; it never changes.

    ``shares`` are all weights of the task at that moment, deployment -> percent. ``prompt_chars`` is the size
    of what is asked, None where it is not known; ``saturated``: this machine was behind its schedule.
    """

    request_id: int
    task: str
    deployment: str
    weight_pct: float
    at_s: float
    shares: Mapping[str, float] = field(default_factory=dict)
    prompt_chars: int | None = None
    saturated: bool = False


class OutcomeKind(StrEnum):
    """Every way in which a request can end."""

    OK = "ok"
    PROMPT_FILTERED = "prompt_filtered"
    COMPLETION_FILTERED = "completion_filtered"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    REFUSED = "refused"
    GONE = "gone"
    BAD_REQUEST = "bad_request"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    CLIENT_SATURATED = "client_saturated"
    CANCELLED = "cancelled"
    HELD_BACK = "held_back"
    """Drawn and not sent: its deployment had asked for a pause."""


ANSWERED = frozenset({OutcomeKind.OK, OutcomeKind.COMPLETION_FILTERED})
"""Kinds that carry an answer: only these enter latency, TTFT and ms per output token."""

FILTERED = frozenset({OutcomeKind.PROMPT_FILTERED, OutcomeKind.COMPLETION_FILTERED})

THROTTLED = frozenset({OutcomeKind.RATE_LIMITED, OutcomeKind.QUOTA_EXHAUSTED})
"""Kinds that say what an account may use, not how a version answers: a rate limit, or money that is used up."""

NEVER_SERVED = frozenset({OutcomeKind.CLIENT_SATURATED, OutcomeKind.CANCELLED})
"""Kinds that say nothing of the service: this machine had no socket left, or the caller went away."""

ERRORS = frozenset(OutcomeKind) - ANSWERED - FILTERED - THROTTLED - NEVER_SERVED - {OutcomeKind.HELD_BACK}
"""Kinds that the caller of a deployment would see as a failure of the version."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one answer. ``cached`` is part of ``prompt``; ``reasoning`` is part of ``completion``."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class FilterHits:
    """Content-filter categories that fired, as ``prompt:jailbreak`` or ``completion:hate``.

    ``blocked``: filtered. ``annotated``: detected, let through. ``below_threshold``: a severity above safe,
    let through. ``unfiltered``: the filter itself failed and the text went through unchecked.
    """

    blocked: tuple[str, ...] = ()
    annotated: tuple[str, ...] = ()
    below_threshold: tuple[str, ...] = ()
    unfiltered: bool = False


NO_HITS = FilterHits()


@dataclass(frozen=True, slots=True)
class Quota:
    """What the service said is left, None where it said nothing or a negative number."""

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    limit_requests: int | None = None
    limit_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is known of one finished request.

    ``latency_ms`` runs from the hand-over to the connection to the last byte. ``ttft_ms`` runs to the first
    token of any kind and ``answer_ttft_ms`` to the first that is no reasoning, both of streams only. Each is
    None where that moment never came. ``late_ms`` is how long after its due time our own sender handed the
    request over. ``cost_usd`` is None when unknown or not priced by token. ``counts_for_version`` is False when
    another deployment answered (spillover). ``reconnected``: a kept connection was closed before a byte came,
    and the request was sent once more on a fresh one.
    """

    request_id: int
    task: str
    deployment: str
    weight_pct: float
    kind: OutcomeKind
    due_s: float
    sent_s: float
    ended_s: float
    late_ms: float
    latency_ms: float | None = None
    ttft_ms: float | None = None
    answer_ttft_ms: float | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    cost_estimated: bool = False
    filters: FilterHits = NO_HITS
    http_status: int | None = None
    finish_reason: str | None = None
    error: str | None = None
    served_model: str | None = None
    system_fingerprint: str | None = None
    served_by: str | None = None
    counts_for_version: bool = True
    retry_after_s: float | None = None
    quota: Quota | None = None
    region: str | None = None
    service_request_id: str | None = None
    source: str = ""
    saturated: bool = False
    reconnected: bool = False
    prompt_chars: int | None = None
    """Characters of text in what was asked."""
    prompt_text: str | None = None
    answer_text: str | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    """All weights of the task at assignment, deployment -> percent."""

    @property
    def asks_for_pause(self) -> bool:
        """Whether the service wants nothing more for now: it throttles, or said when to come back."""
        return self.kind in THROTTLED or bool(self.retry_after_s)

    @property
    def ms_per_output_token(self) -> float | None:
        """Generation time per token after the first, reasoning included. None for answers of one token, and for
        those that were not streamed."""
        if self.usage is None or self.ttft_ms is None or self.latency_ms is None:
            return None
        after_first = self.usage.completion_tokens - 1
        return (self.latency_ms - self.ttft_ms) / after_first if after_first > 0 else None


def held_back(assignment: Assignment) -> Outcome:
    """What became of an assignment that was not sent because its deployment had asked for a pause."""
    at_s = assignment.at_s
    return Outcome(
        request_id=assignment.request_id,
        task=assignment.task,
        deployment=assignment.deployment,
        weight_pct=assignment.weight_pct,
        kind=OutcomeKind.HELD_BACK,
        due_s=at_s,
        sent_s=at_s,
        ended_s=at_s,
        late_ms=0.0,
        saturated=assignment.saturated,
        prompt_chars=assignment.prompt_chars,
        shares=assignment.shares,
    )
