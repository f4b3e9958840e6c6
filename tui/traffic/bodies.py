"""Bodies of recorded requests: chat completions or responses, bare or in what a logger wrote around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.base.recorded_request import (
    BadRecord,
    Recorded,
    mapping,
    parse,
    recorded,
    text_of,
    unpack,
)
from tui.base.text import plain

# Where loggers put a request, in the order of trust; written in small letters without "_" and "-".
_WRAPPERS = (
    "request", "requestbody", "requestjson", "requestpayload", "requestdata", "requestkwargs", "rawrequest",
    "modelrequest", "req", "reqbody", "inputs", "kwargs", "params", "body", "json", "payload", "properties",
    "httprequest", "event", "item", "data",
)  # fmt: skip
_URLS = ("url", "path", "request_path", "uri", "endpoint")
_DEPTH = 4
# What a body of the Responses API has and no other body with an ``input``.
_RESPONSES_ONLY = frozenset({"instructions", "max_output_tokens", "previous_response_id", "reasoning", "text"})


@dataclass(frozen=True, slots=True)
class Found:
    """A body in a record: where it stands (``request.body``), and the url beside it where there is one."""

    place: str
    body: Mapping[str, Any]
    url: str | None


def find_body(record: Mapping[str, Any]) -> Found | None:
    """The request inside of a record, None where there is none. Raises BadRecord for one that is not JSON."""
    if _has_roles(record.get("input")):
        return Found("the record", record, "/responses")
    return _inside(record, "", None, _DEPTH)


def read_wrapped(record: Mapping[str, Any]) -> Recorded:
    """A request with its answer or other things around it: ``{"request": {...}, "response": ...}``."""
    found = find_body(record)
    if found is None:
        raise BadRecord("no request: none of request, request_body, body, inputs, payload has messages")
    response = record.get("response")
    url = found.url
    if isinstance(response, dict) and response.get("object") == "response":
        url = "/responses"
    return read_body(found.body, url=url, what=found.place)


def read_body(body: Mapping[str, Any], *, url: str | None, what: str) -> Recorded:
    """A body of chat completions or of the Responses API; without a ``url`` its fields tell which.

    Source: OpenAI, API reference, "Create chat completion" and "Create a model response".
    """
    path = url.partition("?")[0].rstrip("/") if url is not None else ""
    if path.endswith(("/embeddings", "/moderations", "/generations", "/speech", "/transcriptions", "/images")):
        raise BadRecord(f"url {plain(path, 60)} is neither /chat/completions nor /responses")
    if (messages := body.get("messages")) is not None:
        if (system := body.get("system")) and isinstance(messages, list):  # Anthropic's place for it
            messages = [{"role": "system", "content": system}, *messages]
        return recorded({**body, "messages": messages, "tools": tools_of(body.get("tools"), "tools")})
    given = body.get("input")
    if given is None:
        field = "prompt: a body of /completions" if "prompt" in body else "messages: missing"
        raise BadRecord(f"{what}.{field}; only chat completions and responses are replayed")
    if path.endswith("/responses") or _has_roles(given) or _RESPONSES_ONLY & body.keys():
        return recorded(responses_as_chat(body))
    raise BadRecord(f"{what}.input: neither messages nor known to be of /responses: an embedding?")


def responses_as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body of the Responses API as the same question to chat completions. Raises BadRecord."""
    for earlier in ("previous_response_id", "conversation"):
        if body.get(earlier) is not None:
            raise BadRecord(f"{earlier} refers to messages that are not in the file")
    messages: list[dict[str, Any]] = []
    if body.get("instructions") is not None:
        messages.append({"role": "system", "content": body["instructions"]})
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list):
        raise BadRecord("input is neither text nor a list")
    for index, raw in enumerate(items):
        messages += _item(mapping(raw, f"input[{index}]"), f"input[{index}]")
    chat: dict[str, Any] = {
        "messages": messages,
        "max_tokens": body.get("max_output_tokens"),
        "tool_choice": body.get("tool_choice"),
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "tools": tools_of(body.get("tools"), "tools"),
    }
    if isinstance(reasoning := body.get("reasoning"), dict):
        chat["reasoning_effort"] = reasoning.get("effort")
    if isinstance(text := body.get("text"), dict) and isinstance(form := text.get("format"), dict):
        chat["response_format"] = _response_format(form)
    return chat


def tools_of(value: object, what: str) -> Any:
    """Definitions of tools as chat completions take them: ``{"type": "function", "function": {...}}``.

    They are taken flat (Responses API, OpenTelemetry), nested, and with ``input_schema`` or
    ``parameters_json_schema`` for ``parameters``; lists and objects may be JSON in a string. None gives None.
    Raises BadRecord.
    """
    if value in (None, ""):
        return None
    tools = unpack(value, what)
    if not isinstance(tools, list):
        raise BadRecord(f"{what} is not a list")
    return [_tool(unpack(tool, what), f"{what}[{index}]") for index, tool in enumerate(tools)]


def _tool(raw: object, what: str) -> dict[str, Any]:
    tool = mapping(raw, what)
    kind = tool.get("type", "function")
    nested = tool.get(kind) if isinstance(kind, str) else None
    if isinstance(nested, dict) and not isinstance(nested.get("parameters"), str):
        return dict(tool)
    if kind not in ("function", "custom") or (kind == "custom" and "input_schema" not in tool):
        raise BadRecord(f"{what} is a tool of type {plain(str(kind), 30)}; only functions are replayed")
    given = mapping(unpack(tool.get("function", tool), what), what)
    function = {key: given[key] for key in ("name", "description", "strict") if given.get(key) is not None}
    if not isinstance(function.get("name"), str):
        raise BadRecord(f"{what} has no name")
    for key in ("parameters", "input_schema", "parameters_json_schema"):
        if given.get(key) not in (None, ""):
            function["parameters"] = mapping(unpack(given[key], f"{what}.{key}"), f"{what}.{key}")
            break
    return {"type": "function", "function": function}


def _inside(value: object, place: str, url: str | None, depth: int) -> Found | None:
    if isinstance(value, str) and place and value.lstrip()[:1] == "{":
        value = parse(value, place)
    if not isinstance(value, dict):
        return None
    url = next((value[key] for key in _URLS if isinstance(value.get(key), str)), url)
    if place and ("input" in value or isinstance(value.get("messages"), list) or "prompt" in value):
        return Found(place, value, url)
    if depth == 0:
        return None
    names = {str(key).replace("_", "").replace("-", "").lower(): key for key in value}
    for name in _WRAPPERS:
        if name in names:
            key = names[name]
            shown = plain(str(key), 40)
            if found := _inside(value[key], f"{place}.{shown}" if place else shown, url, depth - 1):
                return found
    return None


def _has_roles(given: object) -> bool:
    """Whether these are messages, and not texts to embed."""
    return isinstance(given, list) and any(isinstance(item, dict) and "role" in item for item in given)


def _item(item: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    """The chat message of one input item of the Responses API; reasoning gives none."""
    kind = item.get("type", "message")
    if kind == "message":
        return [{"role": item.get("role"), "content": text_of(item.get("content"), what)}]
    if kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments")}
        calls = [{"id": item.get("call_id"), "function": function}]
        return [{"role": "assistant", "content": None, "tool_calls": calls}]
    if kind == "function_call_output":
        return [{"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")}]
    raise BadRecord(f"{what} is of type {plain(str(kind), 30)}, not a message")


def _response_format(form: Mapping[str, Any]) -> dict[str, Any]:
    if form.get("type") != "json_schema":
        return dict(form)
    return {"type": "json_schema", "json_schema": {key: form[key] for key in form if key != "type"}}
