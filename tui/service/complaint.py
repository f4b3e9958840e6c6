"""Complaint of a service that does not answer, in every shape that services and gateways give it.

Where it is about the name of the limit of output tokens, this says which name to use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.base.problems import field_name
from tui.model import Deployment, Endpoint

_DEPTH = 4
_FEW = 3
_ERROR_KEYS = ("error", "errors", "detail", "fault", "exception", "base_resp")
_MESSAGE_KEYS = (
    "message",
    "msg",
    "error_description",
    "detail",
    "description",
    "faultstring",
    "title",
    "reason",
    "Message",
    "error_msg",
    "status_msg",
)
_CODE_KEYS = ("code", "status", "statusCode", "status_code", "http_code", "error_code", "errorcode", "Code")
_STATUS_KEYS = ("status", "code", "statusCode", "status_code", "http_code", "error_code")
_INNER_KEYS = ("innererror", "inner_error")
_WAITS = {"retry_after": "s", "retry_after_seconds": "s", "retry_after_ms": "ms", "retryDelay": ""}
"""Fields that say when to come back, and the unit of their numbers (Google's ``RetryInfo`` writes ``34s``)."""
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_TITLE = re.compile(r"<(?:title|h1)[^>]*>([^<]{1,400})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """``status`` is an HTTP status that stands in the body. ``codes`` are its codes and types in one text,
    ``message`` its words whole. ``parts`` are the objects that may name categories of a content filter."""

    message: str = ""
    codes: str = ""
    status: int | None = None
    parts: tuple[Mapping[str, Any], ...] = field(default=())


def carries_complaint(document: Mapping[str, Any]) -> bool:
    """Whether a JSON object that should be an answer, or a part of one, is a refusal.

    Seen: OpenAI and Azure (``error``), FastAPI (``detail``), vLLM (``object: error``), Anthropic's shape
    (``type: error``), gateways that send only a message with a code.
    """
    if (
        (document.get("error") and says_error(document["error"]))
        or document.get("object") == "error"
        or document.get("type") == "error"
    ):
        return True
    if document.get("choices"):
        return bool(document.get("detail"))
    return any(says_error(document.get(key)) for key in _ERROR_KEYS) or (
        any(isinstance(document.get(key), str) for key in ("message", "msg", "Message"))
        and any(document.get(key) for key in _CODE_KEYS)
    )


def says_error(error: object) -> bool:
    """Whether what stands in the place of an error says anything: some gateways write one of empty fields."""
    return any(error.values()) if isinstance(error, Mapping) else bool(error)


def read_complaint(body: object) -> Complaint:
    """The parts of a refusal. ``body`` is parsed JSON, or the text where it is none."""
    return _read(body, _DEPTH)


def _read(body: object, depth: int) -> Complaint:
    if isinstance(body, str):
        return Complaint(message=_of_text(body))
    if isinstance(body, list):
        read = [_read(item, depth - 1) for item in body[:_FEW]] if depth else []
        return Complaint(
            "; ".join(c.message for c in read if c.message),
            " ".join(c.codes for c in read if c.codes),
            next((c.status for c in read if c.status), None),
            tuple(part for c in read for part in c.parts),
        )
    if not isinstance(body, Mapping):
        return Complaint(message="" if body is None or isinstance(body, bool) else str(body))
    below = Complaint()
    if depth:
        inner = next((body[key] for key in _ERROR_KEYS if body.get(key)), None)
        below = _read(inner, depth - 1) if inner is not None else below
    message = below.message or _own_message(body, depth)
    also = body.get("message")
    if below.message and isinstance(also, str) and also not in below.message:
        message = f"{below.message}: {also}"
    if (wait := _wait(body)) is not None:
        message = f"{message} (retry after {wait})".lstrip()
    inner_errors = tuple(value for key in _INNER_KEYS if isinstance(value := body.get(key), Mapping))
    codes = [below.codes, *(str(body[k]) for k in (*_CODE_KEYS, "type") if isinstance(body.get(k), str | int))]
    codes += [str(inner["code"]) for inner in inner_errors if inner.get("code")]
    parts = below.parts
    for key in ("provider_specific_fields", "metadata"):
        if depth and isinstance(holder := body.get(key), Mapping):
            deeper = _read(holder, 1)
            codes.append(deeper.codes)
            parts += deeper.parts
    return Complaint(
        message,
        " ".join(code for code in codes if code),
        below.status or next((n for key in _STATUS_KEYS if (n := _status(body.get(key)))), None),
        (*parts, body, *inner_errors),
    )


def _own_message(body: Mapping[str, Any], depth: int) -> str:
    message = next((body[k] for k in _MESSAGE_KEYS if body.get(k)), None)
    if message is not None and not isinstance(message, str):
        return _read(message, depth - 1).message if depth else ""
    where = body.get("loc")
    if message and isinstance(where, list):
        # FastAPI: which field of the request is meant.
        message = f"{'.'.join(str(part) for part in where[:8])}: {message}"
    holder = body.get("metadata")
    raw = holder.get("raw") if isinstance(holder, Mapping) else None
    # OpenRouter: "Provider returned error", and below it what the provider said.
    return f"{message}: {raw}" if message and isinstance(raw, str) and raw else message or ""


def _wait(body: Mapping[str, Any]) -> str | None:
    details = body.get("details")
    for holder in (body, body.get("metadata"), *(details[:8] if isinstance(details, list) else ())):
        for key, unit in _WAITS.items() if isinstance(holder, Mapping) else ():
            value = holder.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return f"{value:.12g} {unit}"
            if isinstance(value, str) and value[:1].isdigit():
                return value if value[-1].isalpha() else f"{value} {unit}"
    return None


def _of_text(text: str) -> str:
    if _HTML.match(text) is None:
        return text.strip()
    title = _TITLE.search(text)
    return f"an HTML page ({title[1].strip()})" if title else "an HTML page"


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600 else None


_LIMIT_NAMES = ("max_tokens", "max_completion_tokens")
_NAMED = re.compile(rf"\b(?:{'|'.join(_LIMIT_NAMES)})\b")
_REASONING = re.compile(r"(?:ft:)?(?:o\d|codex|model-router|gpt-(?!3|4|oss))", re.IGNORECASE)
_NOT_TAKEN = re.compile(
    r"not supported|unsupported|does not support|unrecognized|not recognized|unknown|unexpected|not permitted"
    r"|not allowed|additional propert|extra_forbidden|extra (?:input|field)"
    r"|invalid (?:parameter|argument|field)",
    re.IGNORECASE,
)
_TOO_MUCH = re.compile(r"too (?:large|long|high)|above|exceed|greater|at most|at least|maximum", re.IGNORECASE)
_READ = 20_000


def limit_name(deployment: Deployment, endpoint: Endpoint) -> str:
    """What the limit of output tokens is called: as the file says, else as this kind of model knows it.

    OpenAI's reasoning models refuse ``max_tokens``; every other model and server takes it, and the older ones
    nothing else.
    """
    if endpoint.max_tokens_key is not None:
        return endpoint.max_tokens_key
    family = deployment.model.rpartition("/")[2]
    return "max_completion_tokens" if _REASONING.match(family) else "max_tokens"


def limit_remedy(status: int, body: str, sent: str, endpoint: Endpoint) -> str | None:
    """What to do about a refusal that is about the name of the output limit, as it was ``sent``; None where it
    is about something else.

    As seen: ``Unsupported parameter: 'max_tokens' is not supported with this model. Use
    'max_completion_tokens' instead.`` (OpenAI, Azure), ``Unrecognized request argument supplied:
    max_completion_tokens`` (Azure), ``extra_forbidden`` at ``max_completion_tokens`` (Mistral, vLLM).
    """
    if not 400 <= status < 500:
        return None
    said = body[:_READ]
    # The one that is refused is named first, what to use instead after it.
    named = _NAMED.search(said)
    about_it = named is not None and named[0] == sent
    if not about_it or _NOT_TAKEN.search(said) is None or _TOO_MUCH.search(said) is not None:
        return None
    other = next(name for name in _LIMIT_NAMES if name != sent)
    where = f"[{field_name(('endpoints', endpoint.name))}]"
    return f'it knows no {sent}: set max_tokens_key = "{other}" under {where}'
