"""Errors of the service, a proxy or this machine: HTTP status and body -> kind of outcome, in words.

Statuses and bodies as documented in Microsoft's troubleshooting page for Azure OpenAI (2026-09-20) and its
model-retirement page (2026-10-05), OpenAI's list of error codes, and what gateways make of them.

Faults below the SDK are put in its own terms: what timed out, could not connect or broke off.
"""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass

import aiohttp
import httpx2
from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError

from tui.base.text import plain
from tui.model import NO_HITS, FilterHits, OutcomeKind
from tui.service.complaint import Complaint, read_complaint
from tui.service.filters import FilterReport, category_name
from tui.service.proxies import Proxy

_BY_STATUS = {
    401: OutcomeKind.REFUSED,
    402: OutcomeKind.QUOTA_EXHAUSTED,
    403: OutcomeKind.REFUSED,
    404: OutcomeKind.GONE,
    407: OutcomeKind.REFUSED,
    408: OutcomeKind.TIMEOUT,
    410: OutcomeKind.GONE,
    423: OutcomeKind.GONE,
    429: OutcomeKind.RATE_LIMITED,
    498: OutcomeKind.SERVER_ERROR,
    499: OutcomeKind.CANCELLED,
}
_WHAT = {
    401: "key or endpoint refused",
    402: "no credit left",
    403: "access forbidden (network rule, or the resource is blocked)",
    404: "no such deployment",
    407: "the proxy wants a user name and password",
    410: "the model version is retired",
    423: "the deployment is paused",
    498: "no capacity",
    499: "a gateway says that the caller went away",
    529: "overloaded",
}
_RETIRED = re.compile(r"\b(retired|deprecated)\b|ServiceModelDeprecat", re.IGNORECASE)
# By a report of 2025 a retired version was refused so; a model that takes no chat completions is too.
_MAY_BE_RETIRED = re.compile(r"OperationNotSupported", re.IGNORECASE)

_FILTER_CODE = re.compile(
    r"content_?filter|content_policy|ContentPolicyViolation|ResponsibleAIPolicy|invalid_prompt"
    r"|data_?inspection_?failed|guardrail|\bmoderation\b|\b1301\b",
    re.IGNORECASE,
)
_FILTER_WORDS = re.compile(
    r"content management policy|ContentPolicyViolation|ResponsibleAIPolicyViolation|content.?filter"
    r"|violating our usage policy|violates usage guidelines|Content Exists Risk|flagged for |was flagged"
    r"|content safety (?:check|policy)|violated \w+ policy|blocked due to security configurations|不安全或敏感",
    re.IGNORECASE,
)
# A refusal that a gateway quotes inside its own message: 'hate': {'filtered': True, ...
_QUOTED_CATEGORY = re.compile(
    r"[\"'\\](\w[\w-]{0,39})[\"'\\]+:\s*\{[^{}]{0,200}?filtered[\"'\\]+:\s*true", re.IGNORECASE
)
_QUOTA = re.compile(
    r"insufficient_quota|exceeded_current_quota|budget_exceeded|over budget|billing_(?:hard_limit|not_active)"
    r"|quota_exceeded|insufficient.(?:credit|balance|fund)"
    r"|out of (?:call volume|bandwidth) quota|credit balance is too low|reached its (?:monthly )?spending limit"
    r"|used all available credits|exceeded your monthly included credits|Arrearage|余额不足",
    re.IGNORECASE,
)
# Gemini's compatible API says so of its limits a minute too, and then adds when to come back.
_QUOTA_OR_RATE = re.compile(r"exceeded your current quota", re.IGNORECASE)
_COMES_BACK = re.compile(r"(?:retry|try again)\s+(?:after|in)\s+\d", re.IGNORECASE)

_RATE = re.compile(r"rate.?limit|too.?many.?requests|throttl|resource_exhausted|tokens_limit", re.IGNORECASE)
_OWN_FAULT = re.compile(r"server|internal|overload|unavailable", re.IGNORECASE)
_WORDS = (
    (_RATE, OutcomeKind.RATE_LIMITED),
    (
        re.compile(r"authenticat|unauthorized|permission|invalid_api_key|forbidden", re.IGNORECASE),
        OutcomeKind.REFUSED,
    ),
    (re.compile(r"not_found|NotFound", re.IGNORECASE), OutcomeKind.GONE),
    (
        re.compile(r"invalid_request|bad_?request|context_length|unsupported_|validation", re.IGNORECASE),
        OutcomeKind.BAD_REQUEST,
    ),
)
"""Kinds by a code or type where no status says it: inside an answer that had begun with 200."""

_FAILED_REASON = re.compile(
    r"error|exception|fail|malformed|overload|unavailable|time.?out"
    r"|^(?:abort(?:ed)?|cancell?ed|interrupted|insufficient_system_resource)$|^function_call_filter\b",
    re.IGNORECASE,
)
_GOOD_REASONS = frozenset({"", "stop", "length", "tool_calls", "function_call"})
"""Those of OpenAI, which end nearly every answer."""

# Gemini's compatible API adds its own word: "content_filter: RECITATION".
_FILTERED_REASON = re.compile(
    r"(?:image_)?(?:content.?filter(?:ed)?|content_policy_violation|sensitive|safety|prohibited_content|blocklist"
    r"|recitation|spii|guardrail_intervened|moderation|refusal|blocked)(?:\W|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was not answered. ``text`` holds the service's words whole: whoever keeps it cleans it of
    secrets first, and cuts it then."""

    kind: OutcomeKind
    text: str
    filters: FilterHits = NO_HITS


def classify(status: int, body: object, *, after_content: bool = False) -> Refusal:
    """The meaning of a refusal. ``body`` is the parsed JSON of the answer, or its text where it is none.

    ``status`` 200 is a refusal inside an answer that had begun well; ``after_content`` says that a part of the
    completion had come by then.
    """
    said = read_complaint(body)
    inside = status == 200
    meant = (said.status or 0) if inside else status
    blocked = _blocked(said, meant, after_content)
    if blocked is not None:
        return blocked
    kind = _kind(meant, said)
    what = _WHAT.get(meant, "")
    if kind is OutcomeKind.QUOTA_EXHAUSTED:
        what = "no quota or credit left"
    elif meant == 400 and _RETIRED.search(f"{said.codes} {said.message}"):
        kind, what = OutcomeKind.GONE, _WHAT[410]
    elif meant == 400 and _MAY_BE_RETIRED.search(f"{said.codes} {said.message}"):
        kind, what = OutcomeKind.GONE, "the model version is retired, or takes no chat completions"
    place = f"error{f' {meant}' if meant else ''} inside the answer" if inside else f"HTTP {status}"
    words = said.message or ("" if said.codes in ("", str(meant)) else said.codes)
    return Refusal(kind, ": ".join(part for part in (place, what, words) if part))


def failed_reason(finish_reason: str) -> bool:
    """Whether a ``finish_reason`` is that of a failure: ``error``, or a word of vLLM, GLM or DeepSeek."""
    return finish_reason not in _GOOD_REASONS and _FAILED_REASON.search(finish_reason) is not None


def filtered_reason(finish_reason: str) -> bool:
    """Whether a ``finish_reason`` says that a filter ended the answer, in the words of any service."""
    return finish_reason not in _GOOD_REASONS and _FILTERED_REASON.match(finish_reason) is not None


def _kind(status: int, said: Complaint) -> OutcomeKind:
    words = f"{said.codes} {said.message}"
    quota = _QUOTA.search(words) or (_QUOTA_OR_RATE.search(words) and not _COMES_BACK.search(words))
    if quota and status in (0, 400, 402, 403, 429):
        return OutcomeKind.QUOTA_EXHAUSTED
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 0:
        # Codes are chosen words; a message may speak of anything, and decides only where there is no code. A
        # rate limit may hide behind a code that says nothing: "tokens", "upstream_error", "None".
        told = said.codes or said.message
        kind = next((kind for pattern, kind in _WORDS if pattern.search(told)), OutcomeKind.SERVER_ERROR)
        vague = kind is OutcomeKind.SERVER_ERROR and not _OWN_FAULT.search(said.codes)
        return OutcomeKind.RATE_LIMITED if vague and _RATE.search(said.message) else kind
    return OutcomeKind.SERVER_ERROR if status >= 500 or status < 400 else OutcomeKind.BAD_REQUEST


def _blocked(said: Complaint, status: int, after_content: bool) -> Refusal | None:
    """A refusal by a content filter: by its code, or by its words where a gateway changed the code."""
    in_words = status in (0, 400, 403, 422, 424, 451) and _FILTER_WORDS.search(said.message)
    if status in (401, 429) or not (_FILTER_CODE.search(said.codes) or in_words):
        return None
    side = "completion" if after_content else "prompt"
    report = FilterReport()
    for part in said.parts:
        report.read_side(part, side)
        for reason in part.get("reasons") or () if isinstance(part.get("reasons"), list) else ():
            report.blocked[f"{side}:{category_name(reason)}"] = None
    if not report.blocked:
        for category in _QUOTED_CATEGORY.findall(said.message[:20_000]):
            report.blocked[f"{side}:{category_name(category)}"] = None
    kind = OutcomeKind.COMPLETION_FILTERED if after_content else OutcomeKind.PROMPT_FILTERED
    return Refusal(kind, f"{side} blocked by the content filter", report.hits())


FAULTS = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, ValueError)
"""What aiohttp raises for what comes, or does not come, over a connection."""

_WHY_NO_SOCKET = {
    errno.EMFILE: "this process has too many open files: raise the limit (ulimit -n), or lower max_in_flight",
    errno.ENFILE: "this machine has too many open files: close what is not needed, or lower max_in_flight",
    errno.EADDRNOTAVAIL: "this machine has no free port or address for a connection: lower the rate",
    errno.ENOBUFS: "this machine has no memory left for sockets: lower the rate",
}


class NoSocketLeft(httpx2.ConnectError):
    """This machine had no socket for the request: it was never sent, and says nothing of the service."""


def translated(error: Exception, proxy: Proxy | None) -> httpx2.TransportError:
    """An exception of aiohttp as the SDK knows it. Its cause is set where that says more than our own text."""
    fault = _own_words(error, proxy)
    if fault is None:
        said = str(error) or type(error).__name__
        fault = _kind_for_sdk(error)(said if proxy is None else f"{said}, through {proxy}")
        fault.__cause__ = error if proxy is None else None
    return fault


def closed_early(error: Exception) -> bool:
    """Whether a kept connection was closed before any of an answer came. After a reset aiohttp does not tell a
    head that had begun from none. A first line that is no HTTP is the rest of the answer before it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BadStatusLine):
            return True
        cause = cause.__cause__
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # else it is the part of a head that came
    return isinstance(error, (aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)) and not isinstance(
        error, aiohttp.ClientConnectorError
    )


def _own_words(error: Exception, proxy: Proxy | None) -> httpx2.TransportError | None:
    """What the exception itself would not say, or would say with a password in it."""
    if (why := _no_socket(error)) is not None:
        return NoSocketLeft(why)
    if proxy is not None and (of_proxy := _of_proxy(error, proxy)) is not None:
        return of_proxy
    if isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str):
        return httpx2.RemoteProtocolError("the connection was closed within the head of the answer")
    if isinstance(error, aiohttp.ClientPayloadError) and (said := getattr(error.__cause__, "message", "")):
        return httpx2.ReadError(f"the answer broke off: {plain(said, 200)}")
    if isinstance(error, (aiohttp.ClientResponseError, HttpProcessingError)):
        return httpx2.RemoteProtocolError(f"the answer is no HTTP: {plain(error.message, 1000)}")
    return None


def _of_proxy(error: Exception, proxy: Proxy) -> httpx2.ProxyError | None:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return refused_by(proxy, error.status, error.message)
    at_proxy = isinstance(error, aiohttp.ClientConnectorError) and error.host == httpx2.URL(proxy.url).host
    if isinstance(error, (aiohttp.ClientProxyConnectionError, aiohttp.ConnectionTimeoutError)) or at_proxy:
        os_error = getattr(error, "os_error", None)
        why = "it does not answer in time" if os_error is None else os_error.strerror or str(os_error)
        return httpx2.ProxyError(f"{proxy} cannot be reached: {plain(why, 120)}")
    if isinstance(error, aiohttp.ClientConnectionError) and "proxy" in str(error):
        return httpx2.ProxyError(f"no TLS through {proxy}; an http:// proxy may do")
    return None


def refused_by(proxy: Proxy, status: int, reason: str | None) -> httpx2.ProxyError:
    """A proxy that answers itself in place of the service."""
    remedy = ""
    if status == 407:
        remedy = "; is its login wrong?" if proxy.login else "; put USER:PASSWORD@ before its host"
    return httpx2.ProxyError(f"{proxy} refuses: HTTP {status} {plain(reason or '', 60)}{remedy}")


def _no_socket(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            # Names are looked up through sockets too, and that failure has no errno of its own.
            return _no_socket_for_anything()
        return _WHY_NO_SOCKET.get(error.errno or 0)
    return None


def _no_socket_for_anything() -> str | None:
    try:
        socket.socket().close()
    except OSError as error:
        return _WHY_NO_SOCKET.get(error.errno or 0)
    return None


def _kind_for_sdk(error: Exception) -> type[httpx2.TransportError]:
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout if isinstance(error, aiohttp.SocketTimeoutError) else httpx2.ConnectTimeout
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx2.ConnectError
    if isinstance(error, ValueError):
        return httpx2.UnsupportedProtocol
    return httpx2.ReadError
