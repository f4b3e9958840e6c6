"""Answers as real services and gateways send them, through the real client over a socket: each rightly read."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.service import MESSAGES, PRICE, Handler, serving
from tui.model import Assignment, Deployment, Endpoint, Outcome, OutcomeKind, Request, Usage
from tui.service.client import ServiceClient

FILES = Path(__file__).with_name("wire_cases")
KIND = OutcomeKind
MODEL = "gpt-4o-2024-11-20"
RIGHT = Usage(100, 50)
COUNTS = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
EVENTS = "text/event-stream"
JSON = "application/json"


@dataclass(frozen=True)
class Reply:
    """What a service sends."""

    body: bytes
    status: int = 200
    content_type: str | None = EVENTS
    headers: Mapping[str, str] = field(default_factory=dict)


def piece(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return {"id": "c1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]}


def sse(*events: Mapping[str, Any] | str) -> bytes:
    return "".join(f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in events).encode()


ROLE, HELLO, STOP = piece({"role": "assistant", "content": ""}), piece({"content": "Hello"}), piece({}, "stop")
USED = {"id": "c1", "model": MODEL, "choices": [], "usage": COUNTS}
WHOLE_STREAM = sse(ROLE, HELLO, STOP, USED, "[DONE]")


def stream(*events: Mapping[str, Any] | str) -> Reply:
    return Reply(sse(*events))


def used(usage: Any, **more: Any) -> Reply:
    """A good stream that ends with this usage."""
    return stream(ROLE, HELLO, STOP, {**USED, "usage": usage, **more}, "[DONE]")


def whole(message: Any = None, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": message or {"role": "assistant", "content": "Hello"},
        "finish_reason": finish,
    }
    return {
        "id": "c1",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [choice],
        "usage": COUNTS,
        **more,
    }


def plain(document: Any, status: int = 200, content_type: str | None = JSON, **headers: str) -> Reply:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(body, status, content_type, headers)


@dataclass(frozen=True)
class Want:
    """What the outcome must be; None is not looked at."""

    kind: OutcomeKind
    says: str = ""
    usage: Usage | str | None = "any"
    blocked: tuple[str, ...] | None = None
    unfiltered: bool | None = None
    text: str | None = None
    pause_s: float | str | None = "any"


def ok(usage: Usage | None = RIGHT, **more: Any) -> Want:
    return Want(KIND.OK, usage=usage, **more)


def failed(says: str, kind: OutcomeKind = KIND.SERVER_ERROR, **more: Any) -> Want:
    return Want(kind, says, **more)


def filtered(*blocked: str, kind: OutcomeKind = KIND.PROMPT_FILTERED) -> Want:
    return Want(kind, blocked=blocked)


COMPLETION = KIND.COMPLETION_FILTERED
BLOCKED_HATE = {"hate": {"filtered": True, "severity": "high"}}
NOT_FILTERED = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}
QUOTED = (
    "litellm.BadRequestError: AzureException BadRequestError - Error code: 400 - {'error': {'message': \"The "
    "response was filtered due to the prompt triggering Azure OpenAI's content management policy.\", 'code': "
    "'content_filter', 'innererror': {'code': 'ResponsibleAIPolicyViolation', 'content_filter_result': {"
    "'hate': {'filtered': False, 'severity': 'safe'}, 'jailbreak': {'filtered': True, 'detected': True}}}}}"
)

FILE_WANTS: dict[str, Want] = {
    "bom.sse": ok(text="Hello"),
    "content_parts.sse": ok(text="Hello"),
    "done_without_finish.sse": failed("cut short: it has no finish_reason, then [DONE]"),
    "error_code_word_filter.sse": filtered("prompt:jailbreak"),
    "error_event.sse": failed("upstream died"),
    "error_field.sse": failed("context shift failed"),
    "error_string.sse": failed("model is overloaded"),
    "error_type_error.sse": failed("boom"),
    "filter_error_singular.sse": ok(unfiltered=True),
    "finish_error.sse": failed("finish_reason error"),
    "http400_litellm_filter.json": filtered("prompt:hate"),
    "http422_fastapi.json": failed("max_completion_tokens", KIND.BAD_REQUEST),
    "multiline_data.sse": ok(),
    "ping_text.sse": ok(),
    "usage_cached_anthropic.sse": ok(Usage(100, 50, cached_tokens=80)),
    "usage_empty.sse": ok(None),
    "usage_input_output.sse": ok(),
    "usage_prompt_only.sse": ok(),
    "usage_then_zeros.sse": ok(),
}

# --- a 200 that carries a failure ---
FAILURES: dict[str, tuple[Reply, Want]] = {
    "an error in words after content": (
        stream(ROLE, HELLO, {"error": "cuda out of memory"}),
        failed("cuda out of"),
    ),
    "an error object first": (stream({"error": {"message": "no backend", "code": 503}}), failed("no backend")),
    "errors in a list": (stream({"errors": [{"message": "no route"}]}), failed("no route")),
    "a detail in words": (stream(ROLE, HELLO, {"detail": "worker died"}), failed("worker died")),
    "an object of the kind error": (
        stream({"object": "error", "message": "engine dead", "type": "InternalServerError", "code": 500}),
        failed("engine dead"),
    ),
    "an event called error in words": (
        Reply(sse(ROLE, HELLO) + b"event: error\ndata: upstream reset\n\n"),
        failed("upstream reset"),
    ),
    "an event called error with details": (
        Reply(b'event: error\ndata: {"code": "500", "details": "x", "message": "tgi says no"}\n\n'),
        failed("tgi says no"),
    ),
    "an error inside the choice": (
        stream(ROLE, HELLO, piece({}, "error", error={"code": 502, "message": "provider hung up"})),
        failed("provider hung up"),
    ),
    "an error inside the choice and nothing else": (
        stream(piece({}, None, error={"message": "provider hung up"}), "[DONE]"),
        failed("provider hung up"),
    ),
    "another failed finish_reason": (
        stream(ROLE, HELLO, piece({}, "network_error"), "[DONE]"),
        failed("network_error"),
    ),
    "an aborted answer": (stream(ROLE, HELLO, piece({}, "abort"), "[DONE]"), failed("abort")),
    "only [DONE]": (stream("[DONE]"), failed("no choice")),
    "only usage": (stream(USED, "[DONE]"), failed("no choice")),
    "an empty finish_reason and then the end": (
        stream(ROLE, HELLO, piece({}, ""), USED, "[DONE]"),
        failed("no finish_reason"),
    ),
    "the end without anything": (stream(ROLE, HELLO), failed("ended before", KIND.CONNECTION_LOST)),
    "text in place of events": (
        Reply(b"upstream connect error", content_type="text/plain"),
        failed("upstream connect"),
    ),
    "a page in place of an answer": (
        plain(b"<!DOCTYPE html><html><title>Sign in</title>", content_type="text/html"),
        failed("an HTML page (Sign in)"),
    ),
    "nothing at all": (plain(b""), failed("empty body")),
    "not streamed, no choices": (plain(whole() | {"choices": []}), failed("no choices")),
    "not streamed, an error beside choices": (
        plain(whole(error={"message": "half done"})),
        failed("half done"),
    ),
    "not streamed, an error in words": (plain({"error": "model not loaded"}), failed("model not loaded")),
    "not streamed, no finish_reason": (plain(whole(finish=None)), failed("no finish_reason")),
    "not streamed, finish_reason error": (plain(whole(finish="error")), failed("finish_reason error")),
    "not streamed, a list with an error": (
        plain([{"error": {"code": 500, "message": "x"}}]),
        failed("error 500 inside the answer: x"),
    ),
    "a gateway's message with a code": (
        plain({"statusCode": 500, "message": "Internal error"}),
        failed("Internal error"),
    ),
    "a rate limit inside": (
        stream({"error": {"code": "rate_limit_exceeded", "message": "Please try again in 7.66s."}}),
        failed("7.66s", KIND.RATE_LIMITED, pause_s=7.66),
    ),
    "a rate limit by status inside": (
        stream({"error": {"code": 429, "message": "slow down"}}),
        failed("slow down", KIND.RATE_LIMITED, pause_s=None),
    ),
    "a bad request inside": (
        stream({"error": {"type": "invalid_request_error", "message": "too long"}}),
        failed("too long", KIND.BAD_REQUEST),
    ),
    "a used-up quota inside": (
        stream({"error": {"code": "insufficient_quota", "message": "check your plan"}}),
        failed("check your plan", KIND.QUOTA_EXHAUSTED),
    ),
    "the finish_reason function_call_filter: MALFORMED_FUNCTION_CALL": (
        stream(ROLE, HELLO, piece({}, "function_call_filter: MALFORMED_FUNCTION_CALL"), "[DONE]"),
        failed("finish_reason function_call_filter: MALFORMED_FUNCTION_CALL"),
    ),
    "the finish_reason timeout": (
        stream(ROLE, HELLO, piece({}, "timeout"), "[DONE]"),
        failed("finish_reason timeout"),
    ),
    "the finish_reason server_overloaded": (
        stream(ROLE, HELLO, piece({}, "server_overloaded"), "[DONE]"),
        failed("finish_reason server_overloaded"),
    ),
    "a finish_reason that is null in words": (
        stream(ROLE, piece({"content": "Hello"}, "null"), "[DONE]"),
        failed("cut short"),
    ),
    "Groq's error beside the choices": (
        stream(ROLE, HELLO, {"id": "c1", "choices": [], "x_groq": {"error": "over capacity"}}, STOP, "[DONE]"),
        failed("over capacity"),
    ),
    "an error inside the delta": (
        stream(ROLE, piece({"error": {"message": "boom"}}, "stop"), "[DONE]"),
        failed("boom"),
    ),
    "an error that is no event (Ollama)": (
        Reply(sse(ROLE, HELLO) + b'{"error": "unexpected EOF of the runner"}\n'),
        failed("unexpected EOF of the runner"),
    ),
    "an event of the type exception": (
        Reply(sse(ROLE, HELLO) + b'event: exception\ndata: {"message": "model stream broke"}\n\n'),
        failed("model stream broke"),
    ),
    "an event of Bedrock": (
        Reply(b'event: throttlingException\ndata: {"message": "Too many requests"}\n\n'),
        failed("Too many requests", KIND.RATE_LIMITED),
    ),
    "only a message": (plain({"message": "no Route matched"}), failed("no Route matched")),
    "an error of MiniMax": (
        plain({"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}}),
        failed("rate limit", KIND.RATE_LIMITED),
    ),
    "a rate limit behind a code that says nothing": (
        stream({"error": {"message": "Rate limit reached for gpt-4o", "type": "tokens", "code": None}}),
        failed("Rate limit reached", KIND.RATE_LIMITED),
    ),
    "a server's fault that speaks of a rate limit": (
        stream({"error": {"message": "Reading the rate limit failed", "type": "server_error"}}),
        failed("Reading the rate limit failed"),
    ),
}

# --- events as the standard defines them, and answers under a wrong type ---
GOOD: dict[str, tuple[Reply, Want]] = {
    "a stream": (Reply(WHOLE_STREAM), ok(text="Hello")),
    "CRLF": (Reply(WHOLE_STREAM.replace(b"\n", b"\r\n")), ok(text="Hello")),
    "CR": (Reply(WHOLE_STREAM.replace(b"\n", b"\r")), ok(text="Hello")),
    "no last blank line": (Reply(WHOLE_STREAM.rstrip(b"\n")), ok()),
    "no [DONE]": (stream(ROLE, HELLO, STOP, USED), ok()),
    "no blank after the colon": (Reply(WHOLE_STREAM.replace(b"data: ", b"data:")), ok(text="Hello")),
    "comments, ids and retries": (
        Reply(b": hi\nretry: 3000\n\n" + WHOLE_STREAM.replace(b"data:", b"id: 7\n: ping\ndata:")),
        ok(text="Hello"),
    ),
    "empty data": (Reply(b"data:\n\ndata: \n\n" + WHOLE_STREAM), ok()),
    "pings with an object": (Reply(b'event: ping\ndata: {"type": "ping"}\n\n' + WHOLE_STREAM), ok()),
    "pings without a type": (Reply(b"data: ping\n\n" + WHOLE_STREAM + b"data: bye\n\n"), ok()),
    "events with a type of their own": (
        Reply(WHOLE_STREAM.replace(b"data:", b"event: message\ndata:")),
        ok(text="Hello"),
    ),
    "events under application/json": (Reply(WHOLE_STREAM, content_type=JSON), ok(text="Hello")),
    "events without a type": (Reply(WHOLE_STREAM, content_type=None), ok(text="Hello")),
    "an object under text/plain": (plain(whole(), content_type="text/plain"), ok(text="Hello")),
    "an object without a type": (
        plain(b"\n " + json.dumps(whole()).encode(), content_type=None),
        ok(text="Hello"),
    ),
    "an object under text/event-stream": (plain(whole(), content_type=EVENTS), ok(text="Hello")),
    "an object behind a BOM": (plain(b"\xef\xbb\xbf" + json.dumps(whole()).encode()), ok(text="Hello")),
    "a stray surrogate": (
        Reply(
            sse(ROLE).decode().encode()
            + b'data: {"choices":[{"delta":{"content":"a\\ud83d b"}}]}\n\n'
            + sse(STOP, USED)
        ),
        ok(text="a\ufffd b"),
    ),
    "a stray surrogate in an object": (
        plain(json.dumps(whole({"content": "x"})).replace('"x"', '"\\udc00\\\\ud800\\ud83d\\ude00"').encode()),
        ok(text="\ufffd\\ud800\U0001f600"),
    ),
    "bytes that are no UTF-8": (
        plain(json.dumps(whole({"content": "xy"})).encode().replace(b"xy", b"x\xffy")),
        ok(text="x\ufffdy"),
    ),
    "an empty error beside a good answer": (plain(whole(error=None)), ok()),
    "message in place of delta": (
        stream({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}], "usage": COUNTS}),
        ok(text="Hello"),
    ),
    "the older completions": (
        stream({"choices": [{"text": "Hello", "finish_reason": "stop"}], "usage": COUNTS}),
        ok(),
    ),
    "a tool call": (
        plain(
            whole(
                {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}, "tool_calls"
            )
        ),
        ok(),
    ),
    "finish_reason kept through the usage event": (
        stream(ROLE, HELLO, STOP, piece({"content": ""}, None), USED, "[DONE]"),
        ok(),
    ),
    "an error of empty fields": (plain(whole(error={"message": "", "code": None})), ok()),
    "a first line of another kind": (Reply(b"served-by: edge 7\n" + WHOLE_STREAM), ok()),
    "blank lines before the answer": (plain(b"\n" * 200 + json.dumps(whole()).encode()), ok()),
    "content as one part": (
        stream(piece({"content": {"type": "text", "text": "Hello"}}), STOP, USED),
        ok(text="Hello"),
    ),
    "content as a list of words": (stream(piece({"content": ["Hel", "lo"]}), STOP, USED), ok(text="Hello")),
    "reasoning in details alone": (
        stream(piece({"reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]}), STOP, USED),
        ok(),
    ),
}

# --- what is no count is unknown ---
XAI = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 450,
    "completion_tokens_details": {"reasoning_tokens": 300},
}
USAGES: dict[str, tuple[Reply, Want]] = {
    "nulls": (used({"prompt_tokens": None, "completion_tokens": None}), ok(None)),
    "strings": (used({"prompt_tokens": "100", "completion_tokens": "50"}), ok(None)),
    "booleans": (used({"prompt_tokens": True, "completion_tokens": True}), ok(None)),
    "negative counts": (used({"prompt_tokens": -1, "completion_tokens": 50}), ok(None)),
    "fractions": (used({"prompt_tokens": 100.5, "completion_tokens": 50}), ok(None)),
    "whole floats": (used({"prompt_tokens": 100.0, "completion_tokens": 50.0}), ok()),
    "only a total": (used({"total_tokens": 150}), ok(None)),
    "a total that is too small": (used({"prompt_tokens": 100, "total_tokens": 50}), ok(None)),
    "only zeros": (used({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}), ok(None)),
    "no completion although there is text": (used({"prompt_tokens": 100, "completion_tokens": 0}), ok(None)),
    "no usage": (stream(ROLE, HELLO, STOP, "[DONE]"), ok(None)),
    "DeepSeek's cache": (
        used({**COUNTS, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}),
        ok(Usage(100, 50, 64)),
    ),
    "Anthropic's names": (
        used({"input_tokens": 20, "output_tokens": 50, "cache_read_input_tokens": 80}),
        ok(Usage(100, 50, 80)),
    ),
    "the Responses API's names": (
        used({"input_tokens": 100, "output_tokens": 50, "input_tokens_details": {"cached_tokens": 40}}),
        ok(Usage(100, 50, 40)),
    ),
    "Groq's place": (used(None, x_groq={"id": "r", "usage": COUNTS}), ok()),
    "in the choice": (stream(ROLE, HELLO, piece({}, "stop", usage=COUNTS), "[DONE]"), ok()),
    "in every event": (
        stream(
            {**ROLE, "usage": {**COUNTS, "completion_tokens": 1}}, {**HELLO, "usage": COUNTS}, STOP, "[DONE]"
        ),
        ok(),
    ),
    "reasoning on top (xAI)": (used(XAI), ok(Usage(100, 350, reasoning_tokens=300))),
    "reasoning within": (used({**XAI, "completion_tokens": 350}), ok(Usage(100, 350, reasoning_tokens=300))),
    "reasoning larger than the completion": (
        used({**XAI, "total_tokens": None}),
        ok(Usage(100, 350, reasoning_tokens=300)),
    ),
    "reasoning only in the total (Gemini)": (
        used({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 480}),
        ok(Usage(100, 380)),
    ),
    "a cache only in the total": (
        used({**COUNTS, "total_tokens": 950, "cache_creation_input_tokens": 800}),
        ok(),
    ),
}

# --- filters, in every spelling ---
LATE = {"index": 0, "content_filter_results": BLOCKED_HATE, "content_filter_offsets": {"check_offset": 1}}
FILTERS: dict[str, tuple[Reply, Want]] = {
    "Azure": (
        plain(
            {"error": {"code": "content_filter", "innererror": {"content_filter_result": BLOCKED_HATE}}}, 400
        ),
        filtered("prompt:hate"),
    ),
    "older LiteLLM, by its message": (
        plain({"error": {"message": QUOTED, "code": "400"}}, 400),
        filtered("prompt:jailbreak"),
    ),
    "content_policy_violation": (
        plain({"error": {"code": "content_policy_violation", "message": "no"}}, 400),
        filtered(),
    ),
    "invalid_prompt": (plain({"error": {"code": "invalid_prompt", "message": "flagged"}}, 400), filtered()),
    "OpenRouter's moderation": (
        plain(
            {"error": {"code": 403, "message": "Input was flagged", "metadata": {"reasons": ["violence"]}}}, 403
        ),
        filtered("prompt:violence"),
    ),
    "the Responses API's list in a refusal": (
        plain(
            {
                "error": {
                    "code": "content_filter",
                    "content_filters": [
                        {"blocked": True, "source_type": "prompt", "content_filter_results": BLOCKED_HATE}
                    ],
                }
            },
            400,
        ),
        filtered("prompt:hate"),
    ),
    "inside a stream, after content": (
        stream(
            ROLE,
            HELLO,
            {"error": {"code": "content_filter", "innererror": {"content_filter_result": BLOCKED_HATE}}},
        ),
        filtered("completion:hate", kind=COMPLETION),
    ),
    "by finish_reason": (stream(ROLE, HELLO, piece({}, "content_filter"), USED), filtered(kind=COMPLETION)),
    "sensitive": (stream(ROLE, HELLO, piece({}, "sensitive"), USED), filtered(kind=COMPLETION)),
    "content_policy_violation as finish_reason": (
        plain(whole(finish="content_policy_violation")),
        filtered(kind=COMPLETION),
    ),
    "after its stop": (
        stream(ROLE, HELLO, STOP, {"id": "", "model": "", "choices": [LATE]}, "[DONE]"),
        filtered("completion:hate", kind=COMPLETION),
    ),
    "blocklists as a list": (
        stream(
            ROLE,
            HELLO,
            piece(
                {},
                "content_filter",
                content_filter_results={"custom_blocklists": [{"id": "x", "filtered": True}]},
            ),
        ),
        filtered("completion:custom_blocklists", kind=COMPLETION),
    ),
    "a prompt blocked under 200": (
        stream({"choices": [], "prompt_filter_results": [{"content_filter_results": BLOCKED_HATE}]}, "[DONE]"),
        filtered("prompt:hate"),
    ),
    "content_filters beside an answer": (
        plain(
            whole(
                content_filters=[
                    {"blocked": False, "source_type": "prompt", "content_filter_results": BLOCKED_HATE}
                ]
            )
        ),
        ok(blocked=("prompt:hate",)),
    ),
    "not filtered, plural": (
        stream(ROLE, HELLO, piece({}, "stop", content_filter_results=NOT_FILTERED), USED),
        ok(unfiltered=True),
    ),
    "not filtered, as a list": (
        stream(
            ROLE, HELLO, piece({}, "stop", content_filter_results={"custom_blocklists": [NOT_FILTERED]}), USED
        ),
        ok(unfiltered=True),
    ),
    "not filtered, content_filters": (
        plain(whole(content_filters=[{"source_type": "completion", "content_filter_results": NOT_FILTERED}])),
        ok(unfiltered=True),
    ),
    "not filtered, prompt": (
        stream(
            {"choices": [], "prompt_filter_results": [{"content_filter_result": NOT_FILTERED}]},
            HELLO,
            STOP,
            USED,
        ),
        ok(unfiltered=True),
    ),
    "text that speaks of filters": (
        stream(piece({"content": '"filtered": true, "error": {}'}), STOP, USED),
        ok(blocked=()),
    ),
    "ended by content_filter: RECITATION": (
        stream(ROLE, HELLO, piece({}, "content_filter: RECITATION"), "[DONE]"),
        filtered(kind=COMPLETION),
    ),
    "ended by IMAGE_SAFETY": (
        stream(ROLE, HELLO, piece({}, "IMAGE_SAFETY"), "[DONE]"),
        filtered(kind=COMPLETION),
    ),
    "ended by refusal": (stream(ROLE, HELLO, piece({}, "refusal"), "[DONE]"), filtered(kind=COMPLETION)),
    "API Management's content safety": (
        plain({"statusCode": 403, "message": "Request failed content safety check."}, 403),
        filtered(),
    ),
    "Zhipu": (
        plain({"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}, 400),
        filtered(),
    ),
    "DashScope": (
        plain(
            {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."}, 400
        ),
        filtered(),
    ),
    "a guardrail of LiteLLM": (
        plain(
            {"error": {"message": "{'error': 'Violated guardrail policy'}", "type": "None", "code": "400"}}, 400
        ),
        filtered(),
    ),
    "a guardrail of Cloudflare": (
        plain({"error": [{"code": 2016, "message": "Prompt blocked due to security configurations"}]}, 424),
        filtered(),
    ),
}

# --- limits, money, pauses ---
LIMITS: dict[str, tuple[Reply, Want]] = {
    "seconds": (plain({}, 429, **{"Retry-After": "7"}), failed("HTTP 429", KIND.RATE_LIMITED, pause_s=7.0)),
    "a fraction": (plain({}, 429, **{"Retry-After": "0.5"}), failed("", KIND.RATE_LIMITED, pause_s=0.5)),
    "with a unit": (plain({}, 429, **{"Retry-After": "2s"}), failed("", KIND.RATE_LIMITED, pause_s=2.0)),
    "milliseconds of Azure": (
        plain({}, 429, **{"x-ms-retry-after-ms": "250"}),
        failed("", KIND.RATE_LIMITED, pause_s=0.25),
    ),
    "a date": (
        plain(
            {}, 429, **{"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:27:00 GMT"}
        ),
        failed("", KIND.RATE_LIMITED, pause_s=60.0),
    ),
    "more than a day": (
        plain({}, 429, **{"Retry-After": "172800"}),
        failed("", KIND.RATE_LIMITED, pause_s=172_800.0),
    ),
    "in words": (
        plain({"error": {"code": "429", "message": "Please retry after 45 seconds."}}, 429),
        failed("45 seconds", KIND.RATE_LIMITED, pause_s=45.0),
    ),
    "overloaded": (plain({}, 503, **{"Retry-After": "3"}), failed("HTTP 503", pause_s=3.0)),
    "API Management's quota": (
        plain(
            {"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 05:12:33."},
            403,
        ),
        failed("Out of call volume", KIND.QUOTA_EXHAUSTED, pause_s=18_753.0),
    ),
    "API Management's quota with a header": (
        plain({"statusCode": 403, "message": "Out of call volume quota."}, 403, **{"Retry-After": "60"}),
        failed("Out of call volume", KIND.QUOTA_EXHAUSTED, pause_s=60.0),
    ),
    "insufficient_quota": (
        plain({"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}, 429),
        failed("You exceeded your current quota", KIND.QUOTA_EXHAUSTED, pause_s=None),
    ),
    "no credit": (
        plain({"error": {"message": "Insufficient credits", "code": 402}}, 402),
        failed("Insufficient", KIND.QUOTA_EXHAUSTED),
    ),
    "a limit a minute in the words of a quota": (
        plain(
            [{"error": {"code": 429, "message": "You exceeded your current quota. Please retry in 7.2s."}}], 429
        ),
        failed("current quota", KIND.RATE_LIMITED, pause_s=7.2),
    ),
    "Azure's limit speaks of quota too": (
        plain(
            {
                "error": {
                    "code": "429",
                    "message": "exceeded token rate limit. Please retry after 7 seconds. https://aka.ms/oai/quotaincrease",
                }
            },
            429,
        ),
        failed("token rate limit", KIND.RATE_LIMITED, pause_s=7.0),
    ),
    "498": (plain({"error": {"message": "capacity_exceeded"}}, 498), failed("capacity_exceeded")),
    "529": (
        plain({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529),
        failed("Overloaded"),
    ),
    "499": (plain({}, 499), failed("HTTP 499", KIND.CANCELLED)),
    "a quota of Moonshot": (
        plain(
            {
                "error": {
                    "type": "exceeded_current_quota_error",
                    "message": "You exceeded your current token quota",
                }
            },
            429,
        ),
        failed("", KIND.QUOTA_EXHAUSTED),
    ),
    "a budget of LiteLLM": (
        plain(
            {"error": {"type": "budget_exceeded", "message": "Budget has been exceeded!", "code": "400"}}, 400
        ),
        failed("", KIND.QUOTA_EXHAUSTED),
    ),
    "a balance of Zhipu": (
        plain({"error": {"code": "1113", "message": "余额不足或无可用资源包"}}, 429),
        failed("", KIND.QUOTA_EXHAUSTED),
    ),
    "an account of DashScope": (
        plain({"error": {"code": "Arrearage", "message": "Access denied."}}, 400),
        failed("", KIND.QUOTA_EXHAUSTED),
    ),
    "a wait in the details (Gemini)": (
        plain(
            [
                {
                    "error": {
                        "code": 429,
                        "message": "You exceeded your current quota",
                        "details": [{"@type": "google.rpc.QuotaFailure"}, {"retryDelay": "34s"}],
                    }
                }
            ],
            429,
        ),
        failed("current quota (retry after 34s)", KIND.RATE_LIMITED, pause_s=34.0),
    ),
    "a wait in the metadata": (
        plain({"error": {"message": "slow", "code": 429, "metadata": {"retry_after_seconds": 12}}}, 429),
        failed("slow", KIND.RATE_LIMITED, pause_s=12.0),
    ),
    "503 that says when in words": (
        plain({"error": {"message": "Please retry after 20 seconds."}}, 503),
        failed("20 seconds", pause_s=20.0),
    ),
    "Retry-After PT1M30S": (
        plain({"error": "x"}, 429, **{"Retry-After": "PT1M30S"}),
        failed("x", KIND.RATE_LIMITED, pause_s=90.0),
    ),
    "Retry-After 30, 30": (
        plain({"error": "x"}, 429, **{"Retry-After": "30, 30"}),
        failed("x", KIND.RATE_LIMITED, pause_s=30.0),
    ),
    'Retry-After "15"': (
        plain({"error": "x"}, 429, **{"Retry-After": '"15"'}),
        failed("x", KIND.RATE_LIMITED, pause_s=15.0),
    ),
    "Retry-After Mon, 01 Jan 99999999999999 00:00:00 GMT": (
        plain({"error": "x"}, 429, **{"Retry-After": "Mon, 01 Jan 99999999999999 00:00:00 GMT"}),
        failed("x", KIND.RATE_LIMITED, pause_s=None),
    ),
}

# --- refusals whose words are kept ---
WORDS: dict[str, tuple[Reply, Want]] = {
    "vLLM": (
        plain(
            {"object": "error", "message": "max context is 4096", "type": "BadRequestError", "code": 400}, 400
        ),
        failed("max context is 4096", KIND.BAD_REQUEST),
    ),
    "an error in words and more beside it": (
        plain({"error": "Unauthorized", "message": "Your key expired"}, 401),
        failed("Unauthorized: Your key expired", KIND.REFUSED),
    ),
    "OpenRouter's provider": (
        plain({"error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "CUDA"}}}, 502),
        failed("Provider returned error: CUDA"),
    ),
    "a page": (
        plain(b"<html><head><title>502 Bad Gateway</title>", 502, "text/html"),
        failed("HTTP 502: an HTML page (502 Bad Gateway)"),
    ),
    "an empty refusal": (plain(b"", 500), failed("HTTP 500")),
    "API Management": (
        plain({"statusCode": 401, "message": "Access denied due to missing subscription key."}, 401),
        failed("missing subscription", KIND.REFUSED),
    ),
    "Kong": (
        plain({"message": "no Route matched with those values"}, 404),
        failed("no Route matched", KIND.GONE),
    ),
    "control characters": (
        plain({"error": {"message": "\x1b[2J[red]boom\n"}}, 500),
        failed("\\x1b[2J[red]boom"),
    ),
    "a refusal in base64, so it says": (
        plain(b"slow down", 429, "text/plain; charset=base64"),
        failed("slow down", KIND.RATE_LIMITED),
    ),
    "a refusal in undefined, so it says": (
        plain(b"slow down", 429, "text/plain; charset=undefined"),
        failed("slow down", KIND.RATE_LIMITED),
    ),
    "a refusal in utf-16, so it says": (
        plain(b"slow down", 429, "text/plain; charset=utf-16"),
        failed("slow down", KIND.RATE_LIMITED),
    ),
}

TABLES = {**FAILURES, **GOOD, **USAGES, **FILTERS, **LIMITS, **WORDS}


def from_file(path: Path) -> Reply:
    if path.suffix == ".sse":
        return Reply(path.read_bytes())
    return plain(path.read_bytes(), int(path.name[4:7]))


CASES: dict[str, tuple[Reply, Want]] = {
    **{name: (from_file(FILES / name), want) for name, want in FILE_WANTS.items()},
    **TABLES,
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Every case asked through one client, one after the other: none may harm those that follow."""
    return asyncio.run(_asked(list(CASES)))


def answering(names: list[str]) -> Handler:
    """Answers with the case whose place in ``names`` is the model of the request."""

    async def handler(request: web.Request) -> web.Response:
        reply = CASES[names[int((await request.json())["model"])]][0]
        # Without a type aiohttp names the bytes octets, as many a gateway does.
        types = {"Content-Type": reply.content_type} if reply.content_type is not None else {}
        return web.Response(body=reply.body, status=reply.status, headers={**reply.headers, **types})

    return handler


async def _asked(names: list[str]) -> dict[str, Outcome]:
    deployments = {str(n): Deployment(str(n), "main", "gpt-4o", "2024-11-20", PRICE) for n in range(len(names))}
    async with serving(answering(names)) as url:
        endpoints = {"main": Endpoint("main", url, "v1")}
        client = ServiceClient(endpoints, deployments, env={}, clock=time.perf_counter, keep_text=True)
        read = {}
        for n, name in enumerate(names):
            request = Request(id=n, task="default", messages=MESSAGES, source="test")
            read[name] = await client.complete(request, Assignment(n, "default", str(n), 100.0, 0.0), due_s=0.0)
        await client.close()
    return read


def test_every_file_has_its_right_value() -> None:
    assert sorted(FILE_WANTS) == sorted(p.name for p in FILES.iterdir() if p.suffix in (".sse", ".json"))
    assert len(CASES) == len(FILE_WANTS) + sum(map(len, (FAILURES, GOOD, USAGES, FILTERS, LIMITS, WORDS)))


@pytest.mark.parametrize("name", CASES)
async def test_a_case(outcomes: dict[str, Outcome], name: str) -> None:
    reply, want = CASES[name]
    outcome = outcomes[name]
    assert outcome.kind is want.kind, outcome.error
    if want.kind is not KIND.OK:
        assert want.says in (outcome.error or "")
    else:
        assert outcome.error is None
        assert outcome.latency_ms is not None
        streamed = b"data:" in reply.body.replace(b'content": "data', b"")
        assert (outcome.ttft_ms is not None) == streamed
    if want.kind not in (KIND.OK, COMPLETION):
        assert outcome.latency_ms is None
        assert outcome.ttft_ms is None
    if want.usage != "any":
        assert outcome.usage == want.usage
    if want.blocked is not None:
        assert outcome.filters.blocked == want.blocked
    if want.unfiltered is not None:
        assert outcome.filters.unfiltered is want.unfiltered
    if want.text is not None:
        assert outcome.answer_text == want.text
    if want.pause_s != "any":
        assert outcome.retry_after_s == (pytest.approx(want.pause_s) if want.pause_s else want.pause_s)
