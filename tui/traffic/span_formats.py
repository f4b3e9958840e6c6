"""Spans of language-model calls: OpenTelemetry GenAI and OpenInference, plain or as OTLP exports write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tui.recorded_request import BadRecord, Recorded, mapping, parse, recorded, unpack
from tui.text import plain

_MAX_NESTING = 20


def attributes_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of a span or event, whether a flat object or an OTLP list of keys and typed values.

    Content that was recorded on the span's events is included.
    """
    found = _attributes(record.get("attributes"))
    events = record.get("events")
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict):
            found = {**_attributes(event.get("attributes")), **found}
    return found


def read_otel(record: Mapping[str, Any]) -> Recorded | None:
    """A chat span by the GenAI semantic conventions of OpenTelemetry; spans of other operations give nothing.

    Source: opentelemetry.io, "Semantic conventions for generative AI": content is opt-in, messages have parts.
    """
    found = attributes_of(record)
    if not any(str(key).startswith("gen_ai.") for key in found):
        return None
    if found.get("gen_ai.operation.name", "chat") not in ("chat", "generate_content"):
        return None
    given = found.get("gen_ai.input.messages")
    if given is None:
        raise BadRecord("no gen_ai.input.messages: content was not captured")
    given = unpack(given, "gen_ai.input.messages")
    if not isinstance(given, list):
        raise BadRecord("gen_ai.input.messages is not a list")
    messages = _system(found.get("gen_ai.system_instructions"))
    for raw in given:
        messages += _otel_messages(mapping(raw, "a message"))
    request = "gen_ai.request."
    return recorded(
        {
            "messages": messages,
            "n": found.get(f"{request}choice.count"),
            "stop": found.get(f"{request}stop_sequences"),
            **{
                name: found.get(request + name)
                for name in (
                    "temperature",
                    "top_p",
                    "max_tokens",
                    "presence_penalty",
                    "frequency_penalty",
                    "seed",
                )
            },
        }
    )


def read_openinference(record: Mapping[str, Any]) -> Recorded | None:
    """An LLM span by the OpenInference conventions; spans of other kinds give nothing.

    Source: Arize, OpenInference semantic conventions: ``llm.input_messages.N.message.*``, and the whole request
    as JSON in ``input.value``.
    """
    found: dict[str, Any] = {}
    _flatten(attributes_of(record), "", found, _MAX_NESTING)
    if not any(key.startswith(("llm.", "openinference.")) for key in found):
        return None
    if found.get("openinference.span.kind", "LLM") != "LLM":
        return None
    params = unpack(found.get("llm.invocation_parameters") or {}, "llm.invocation_parameters")
    params = mapping(params, "llm.invocation_parameters")
    messages = _numbered(found, "llm.input_messages.", ".message.")
    if messages:
        return recorded({**params, "messages": [_inference_message(fields) for fields in messages]})
    value = found.get("input.value")
    if not isinstance(value, str):
        raise BadRecord("neither llm.input_messages nor input.value: content was not captured")
    if found.get("input.mime_type") == "text/plain":
        return recorded({**params, "messages": [{"role": "user", "content": value}]})
    return recorded({**params, **mapping(parse(value, "input.value"), "input.value")})


def _attributes(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return {}
    pairs = [pair for pair in value if isinstance(pair, dict) and isinstance(pair.get("key"), str)]
    return {pair["key"]: _plain_value(pair.get("value"), _MAX_NESTING) for pair in pairs}


def _plain_value(value: object, depth: int) -> Any:
    """An OTLP AnyValue as plain JSON (opentelemetry-proto, common.proto; 64-bit integers are strings)."""
    if not isinstance(value, dict) or depth == 0:
        return None
    for kind, inner in value.items():
        if kind in ("stringValue", "boolValue", "doubleValue"):
            return inner
        if kind == "intValue":
            try:
                return int(inner)
            except (TypeError, ValueError, OverflowError) as error:
                raise BadRecord("an intValue is not a whole number") from error
        items = inner.get("values") if isinstance(inner, dict) else None
        if kind == "arrayValue" and isinstance(items, list):
            return [_plain_value(item, depth - 1) for item in items]
        if kind == "kvlistValue" and isinstance(items, list):
            pairs = [item for item in items if isinstance(item, dict)]
            return {str(pair.get("key")): _plain_value(pair.get("value"), depth - 1) for pair in pairs}
    return None


def _system(value: object) -> list[dict[str, Any]]:
    if value is None:
        return []
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [{"role": "system", "content": value}]
    parts = unpack(value, "gen_ai.system_instructions")
    return _otel_messages({"role": "system", "parts": parts})


def _otel_messages(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The chat messages of one GenAI message; each tool response becomes a message of its own."""
    role, parts = message.get("role"), message.get("parts")
    if parts is None:
        return [dict(message)]
    if not isinstance(parts, list):
        raise BadRecord("parts of a message is not a list")
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for raw in parts:
        part = mapping(raw, "a part of a message")
        kind, content = part.get("type"), part.get("content")
        if kind == "text":
            if not isinstance(content, str):
                raise BadRecord("a text part has no content: it was not captured")
            texts.append(content)
        elif kind == "tool_call":
            function = {"name": part.get("name"), "arguments": _as_text(part.get("arguments"))}
            calls.append({"id": part.get("id"), "function": function})
        elif kind == "tool_call_response":
            answer = part.get("response", part.get("result"))
            results.append({"role": "tool", "tool_call_id": part.get("id"), "content": _as_text(answer)})
        elif kind != "reasoning":
            raise BadRecord(f"a part of type {plain(str(kind), 30)}; only text is replayed")
    chat: dict[str, Any] = {"role": role}
    if texts:
        chat["content"] = "\n\n".join(texts)
    if calls:
        chat["tool_calls"] = calls
    return results + ([chat] if texts or calls else [])


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _flatten(value: object, prefix: str, into: dict[str, Any], depth: int) -> None:
    """Nested attributes as dotted keys, the way OpenInference writes them."""
    if depth and isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{prefix}.{key}" if prefix else str(key), into, depth - 1)
    elif depth and isinstance(value, list):
        for index, inner in enumerate(value):
            _flatten(inner, f"{prefix}.{index}", into, depth - 1)
    else:
        into[prefix] = value


def _numbered(found: Mapping[str, Any], before: str, after: str) -> list[dict[str, Any]]:
    """Fields of ``<before>N<after>FIELD`` grouped by N, in the order of N."""
    groups: dict[int, dict[str, Any]] = {}
    for key, value in found.items():
        if not key.startswith(before):
            continue
        number, separator, name = key[len(before) :].partition(after)
        if separator and number.isdecimal() and len(number) < 6:
            groups.setdefault(int(number), {})[name] = value
    return [groups[number] for number in sorted(groups)]


def _inference_message(fields: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": fields.get("role")}
    content = fields.get("content")
    if content is None:
        parts = _numbered(fields, "contents.", ".message_content.")
        content = [{"type": part.get("type"), "text": part.get("text")} for part in parts] or None
    message["content"] = content
    calls = _numbered(fields, "tool_calls.", ".tool_call.")
    if calls:
        message["tool_calls"] = [
            {
                "id": call.get("id"),
                "function": {
                    "name": call.get("function.name"),
                    "arguments": call.get("function.arguments"),
                },
            }
            for call in calls
        ]
    for key in ("name", "tool_call_id"):
        if key in fields:
            message[key] = fields[key]
    return message
