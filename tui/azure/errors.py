"""What a refusal of the service means: HTTP status and body -> kind of outcome, in words.

Statuses and bodies as documented in Microsoft's troubleshooting page for Azure OpenAI (2026-09-20) and its
model-retirement page (2026-10-05).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tui.azure.wire import Answer, read_filter_results
from tui.model import NO_HITS, FilterHits, OutcomeKind
from tui.text import plain

_BY_STATUS = {
    401: OutcomeKind.REFUSED,
    403: OutcomeKind.REFUSED,
    404: OutcomeKind.GONE,
    408: OutcomeKind.TIMEOUT,
    410: OutcomeKind.GONE,
    423: OutcomeKind.GONE,
    429: OutcomeKind.RATE_LIMITED,
}
_WHAT = {
    401: "key or endpoint refused",
    403: "access forbidden (network rule, or the resource is blocked)",
    404: "no such deployment",
    410: "the model version is retired",
    423: "the deployment is paused",
}
_RETIRED = re.compile(r"\b(retired|deprecated)\b|ServiceModelDeprecat", re.IGNORECASE)
# By a report of 2025 a retired version was refused so; a model that takes no chat completions is too.
_MAY_BE_RETIRED = re.compile(r"OperationNotSupported", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was not answered. ``text`` is one line for people."""

    kind: OutcomeKind
    text: str
    filters: FilterHits = NO_HITS


def classify(status: int, body: object) -> Refusal:
    """``body`` is the ``error`` object of the answer, or whatever stood in its place."""
    error = body if isinstance(body, Mapping) else {}
    inner = _first(error, "innererror", "inner_error")
    code = str(error.get("code") or "")
    message = str(error.get("message") or ("" if isinstance(body, Mapping) else body or ""))
    if status == 400 and (code == "content_filter" or inner.get("code") == "ResponsibleAIPolicyViolation"):
        hits = Answer()
        read_filter_results(_first(inner, "content_filter_result", "content_filter_results"), "prompt", hits)
        return Refusal(OutcomeKind.PROMPT_FILTERED, "prompt blocked by the content filter", hits.hits())
    kind = _BY_STATUS.get(status)
    if kind is None:
        kind = OutcomeKind.SERVER_ERROR if status >= 500 or status < 400 else OutcomeKind.BAD_REQUEST
    what = _WHAT.get(status, "")
    if status == 400 and _RETIRED.search(f"{code} {message}"):
        kind, what = OutcomeKind.GONE, _WHAT[410]
    elif status == 400 and _MAY_BE_RETIRED.search(f"{code} {message}"):
        kind, what = OutcomeKind.GONE, "the model version is retired, or takes no chat completions"
    return Refusal(kind, _sentence(status, what, code, message))


def classify_error_event(error: Mapping[str, object]) -> Refusal:
    """An ``error`` object inside a stream that had begun with status 200."""
    status = error.get("status") or error.get("code")
    number = int(status) if isinstance(status, int) or (isinstance(status, str) and status.isdigit()) else 500
    return classify(number if 400 <= number < 600 else 500, error)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``retry-after-ms``, else ``retry-after``; None where neither is a number."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is not None:
            try:
                seconds = float(value) * unit
            except ValueError:
                continue
            if 0 <= seconds < 86_400:
                return seconds
    return None


def _first(mapping: Mapping[str, object], *names: str) -> Mapping[str, object]:
    return next((value for name in names if isinstance(value := mapping.get(name), Mapping)), {})


def _sentence(status: int, what: str, code: str, message: str) -> str:
    detail = message or ("" if code == str(status) else code)
    return plain(": ".join(part for part in (f"HTTP {status}", what, detail) if part), 200)
