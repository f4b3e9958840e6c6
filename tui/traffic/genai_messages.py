"""Messages of a model call as OpenTelemetry's GenAI conventions record them, older and newer."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from tui.base.recorded_request import BadRecord, mapping, parse, unpack
from tui.base.text import plain
from tui.traffic.attributes import as_text, attributes_of, numbered, parts_in, plain_value
from tui.traffic.joined_rows import JoinedRows, Row

DETAILS = "gen_ai.client.inference.operation.details"

_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
_CHOICE = "gen_ai.choice"
_BODIES = ("body", "Body", "jsonPayload", "Content")
_TRACES = ("traceId", "trace_id", "TraceId", "traceID", "trace")
_SPANS = ("spanId", "span_id", "SpanId", "spanID")


def messages_of(found: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """The chat messages in the attributes of a call and its events; None where none were captured.

    They stand in ``gen_ai.input.messages`` (conventions from 1.37 on), in events named
    ``gen_ai.<role>.message`` (before), or in ``gen_ai.prompt.N.*`` (OpenLLMetry). Raises BadRecord.
    """
    given = found.get("gen_ai.input.messages")
    if given is not None:
        given = unpack(given, "gen_ai.input.messages")
        if not isinstance(given, list):
            raise BadRecord("gen_ai.input.messages is not a list")
        messages = _system(found.get("gen_ai.system_instructions"))
        for index, raw in enumerate(given):
            what = f"gen_ai.input.messages[{index}]"
            messages += _of_parts(mapping(raw, what), what)
        return messages
    told = [_of_event(role, event) for event in events if (role := _ROLES.get(event_name(event))) is not None]
    return told or _of_prompts(found) or None


def event_name(record: Mapping[str, Any]) -> str:
    """The name of an event or log record, empty where it has none."""
    for name in ("event_name", "eventName", "EventName", "name", "event.name"):
        if isinstance(value := record.get(name), str) and value.startswith("gen_ai."):
            return value
    for attributes in (attributes_of(record), record.get("labels"), record.get("body")):
        if isinstance(attributes, dict) and isinstance(value := attributes.get("event.name"), str):
            return value
    return ""


def is_event(record: Mapping[str, Any]) -> bool:
    """Whether this is a log record with a part of a call, or all of it, in it."""
    return event_name(record) in (*_ROLES, _CHOICE, DETAILS)


class OtelCalls(JoinedRows):
    """Log records of one span, and the span itself, put together to a call; after a choice the next one begins.

    Source: opentelemetry.io, "Semantic conventions for generative AI events".
    """

    def key(self, row: Row) -> Hashable | None:
        """Its trace and span; a row without any belongs to what is under way."""
        if not is_event(row) and not any(str(key).startswith("gen_ai.") for key in attributes_of(row)):
            return None
        context = row.get("context")
        places = (row, context) if isinstance(context, dict) else (row,)
        return tuple(_id(places, names) for names in (_TRACES, _SPANS))

    def kept(self, row: Row) -> Row:
        """All of it."""
        return row

    def begins(self, rows: list[Row], row: Row) -> bool:
        """A message after a choice, or a second description of a whole call."""
        name, before = event_name(row), {event_name(earlier) for earlier in rows}
        return (name in _ROLES and _CHOICE in before) or (name == DETAILS and DETAILS in before)


def has_ids(row: Row) -> bool:
    """Whether a log record says which span it belongs to."""
    return bool(_id((row,), _SPANS))


def ends_call(rows: Iterable[Row]) -> bool:
    """Whether one of the rows ends a call: its choice, or all of it."""
    return any(event_name(row) in (_CHOICE, DETAILS) for row in rows)


def _id(places: Iterable[Mapping[str, Any]], names: Iterable[str]) -> str:
    for place in places:
        for name in names:
            if isinstance(value := place.get(name), str):
                return value.removeprefix("0x").lstrip("0")
    return ""


def _system(value: object) -> list[dict[str, Any]]:
    if value is None:
        return []
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [{"role": "system", "content": value}]
    parts = unpack(value, "gen_ai.system_instructions")
    return _of_parts({"role": "system", "parts": parts}, "gen_ai.system_instructions")


def _of_parts(message: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    """The chat messages of one GenAI message; each tool response becomes a message of its own."""
    role, parts = message.get("role"), message.get("parts")
    if parts is None:
        return [dict(message)]
    if not isinstance(parts, list):
        raise BadRecord(f"{what}.parts is not a list")
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for raw in parts:
        part = mapping(raw, f"a part of {what}")
        kind, content = part.get("type"), part.get("content")
        if kind == "text":
            if not isinstance(content, str):
                raise BadRecord(f"{what}: a text part has no content: it was not captured")
            texts.append(content)
        elif kind == "tool_call":
            function = {"name": part.get("name"), "arguments": as_text(part.get("arguments"))}
            calls.append({"id": part.get("id"), "function": function})
        elif kind == "tool_call_response":
            answer = part.get("response", part.get("result"))
            results.append({"role": "tool", "tool_call_id": part.get("id"), "content": as_text(answer)})
        elif kind != "reasoning":
            raise BadRecord(f"{what} has a part of type {plain(str(kind), 30)}; only text is replayed")
    chat: dict[str, Any] = {"role": role}
    if texts:
        chat["content"] = "\n\n".join(texts)
    if calls:
        chat["tool_calls"] = calls
    return results + ([chat] if texts or calls else [])


def _of_event(role: str, event: Mapping[str, Any]) -> dict[str, Any]:
    body = plain_value(next((event[name] for name in _BODIES if event.get(name) is not None), None))
    attributes = attributes_of(event)
    if body is None:
        body = attributes.get("gen_ai.event.content", attributes)
    if isinstance(body, str):
        body = parse(body, "body") if body.lstrip()[:1] == "{" else {"content": body}
    what = f"gen_ai.{role}.message"
    body = mapping(body, f"the body of {what}")
    content, calls = parts_in(body.get("content")), body.get("tool_calls")
    if content is None and not calls:
        raise BadRecord(f"{what} has no content: it was not captured")
    given = body.get("role")
    message: dict[str, Any] = {"role": given if isinstance(given, str) and role != "tool" else role}
    if content is not None:
        message["content"] = as_text(content) if isinstance(content, dict) or role == "tool" else content
    if calls:
        message["tool_calls"] = unpack(calls, f"{what}.tool_calls")
    if role == "tool":
        message["tool_call_id"] = body.get("id", body.get("tool_call_id"))
    return message


def _of_prompts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``gen_ai.prompt.N.role`` and so on; ``llm.prompts.N`` before that; or all in ``gen_ai.prompt``."""
    prompts = numbered(found, "gen_ai.prompt.", ".") or numbered(found, "llm.prompts.", ".")
    if prompts:
        return [_of_fields(fields) for fields in prompts]
    whole = found.get("gen_ai.prompt")
    if isinstance(whole, str) and whole.lstrip()[:1] in ("[", "{"):
        whole = parse(whole, "gen_ai.prompt")
    if isinstance(whole, dict):
        whole = whole.get("messages", [whole])
    if isinstance(whole, str):
        return [{"role": "user", "content": whole}]
    return [dict(mapping(raw, "gen_ai.prompt")) for raw in whole] if isinstance(whole, list) else []


def _of_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": fields.get("role", "user"), "content": parts_in(fields.get("content"))}
    calls = numbered(fields, "tool_calls.", ".")
    if calls:
        message["tool_calls"] = [
            {
                "id": call.get("id"),
                "function": {
                    "name": call.get("name", call.get("function.name")),
                    "arguments": call.get("arguments", call.get("function.arguments")),
                },
            }
            for call in calls
        ]
    for key in ("name", "tool_call_id"):
        if key in fields:
            message[key] = fields[key]
    return message
