"""Refusals of the data plane: status, body and kind of each error answer (azure.md A4, A7)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tui.model import OutcomeKind


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer. ``kind`` is how a client should count it; ``headers`` are those special to it."""

    kind: OutcomeKind
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def _refusal(kind: OutcomeKind, http_status: int, code: str, message: str, **more: Any) -> Refusal:
    body = json.dumps({"error": {"code": code, "message": message, **more}})
    return Refusal(kind, http_status, body.encode())


def bad_request(message: str, param: str | None, code: str, status: int = 400) -> Refusal:
    return _refusal(OutcomeKind.BAD_REQUEST, status, code, message, type="invalid_request_error", param=param)


WRONG_KEY = _refusal(
    OutcomeKind.REFUSED,
    401,
    "401",
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for "
    "an active subscription and use a correct regional API endpoint for your resource.",
)
FORBIDDEN = _refusal(
    OutcomeKind.REFUSED, 403, "403", "Access denied: this network may not reach the resource's public endpoint."
)
NO_DEPLOYMENT = _refusal(
    OutcomeKind.GONE,
    404,
    "DeploymentNotFound",
    "The API deployment for this resource does not exist. If you created the deployment within the last "
    "5 minutes, please wait a moment and try again.",
)
NO_RESOURCE = _refusal(OutcomeKind.GONE, 404, "404", "Resource not found")
RETIRED = _refusal(
    OutcomeKind.GONE,
    410,
    "ModelRetired",
    "The model of this deployment has been retired and no longer answers.",
)
PAUSED = _refusal(
    OutcomeKind.GONE, 423, "DeploymentPaused", "The deployment is paused. Resume it to use it again."
)
NO_CREDIT = _refusal(
    OutcomeKind.QUOTA_EXHAUSTED,
    429,
    "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details.",
    type="insufficient_quota",
    param=None,
)
TOO_LARGE = bad_request("The request body is too large.", None, "request_too_large", status=413)


def too_many(deployment: str, wait_s: float) -> Refusal:
    """429 with ``retry-after-ms`` and, in whole seconds, ``retry-after``; both rounded up."""
    seconds = math.ceil(wait_s)
    refusal = _refusal(
        OutcomeKind.RATE_LIMITED,
        429,
        "RateLimitReached",
        f"Requests to deployment {deployment} have exceeded the call or token rate limit of its pricing tier. "
        f"Please retry after {seconds} seconds.",
    )
    headers = {"retry-after-ms": str(math.ceil(wait_s * 1000)), "retry-after": str(seconds)}
    return Refusal(refusal.kind, refusal.status, refusal.body, headers)


def server_error(status: int, *, empty: bool) -> Refusal:
    """500 or 503; some of the service's own come without a body."""
    if empty:
        return Refusal(OutcomeKind.SERVER_ERROR, status, b"")
    code, message = {
        500: ("InternalServerError", "The server had an error while processing your request."),
        503: ("ServiceUnavailable", "The service is temporarily unable to process your request."),
    }[status]
    return _refusal(OutcomeKind.SERVER_ERROR, status, code, message)


def prompt_blocked(results: Mapping[str, Any]) -> Refusal:
    """400 of a blocked prompt: it says which categories fired, and nothing of usage."""
    return _refusal(
        OutcomeKind.PROMPT_FILTERED,
        400,
        "content_filter",
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry.",
        type=None,
        param="prompt",
        status=400,
        innererror={"code": "ResponsibleAIPolicyViolation", "content_filter_result": dict(results)},
    )


def plain_answer(refusal: Refusal) -> web.Response:
    """The answer to a request that is for no deployment."""
    return web.Response(status=refusal.status, body=refusal.body, content_type="application/json")
