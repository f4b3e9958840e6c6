"""Spans and log records of language-model calls: OpenTelemetry GenAI (OpenLLMetry too) and OpenInference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tui.base.recorded_request import BadRecord, Recorded, mapping, parse, recorded, unpack
from tui.traffic.attributes import attributes_of, events_of, flattened, numbered
from tui.traffic.bodies import read_body, tools_of
from tui.traffic.genai_messages import ends_call, has_ids, messages_of
from tui.traffic.joined_rows import rows_of

_CHAT = ("chat", "generate_content")
_PARAMS = ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "seed")


def read_otel(record: Mapping[str, Any]) -> Recorded | None:
    """A chat span by the GenAI semantic conventions of OpenTelemetry; spans of other operations give nothing.

    Source: opentelemetry.io, "Semantic conventions for generative AI": content is opt-in, messages have parts;
    traceloop/openllmetry, ``SpanAttributes``: ``gen_ai.prompt.N.*``, ``llm.request.functions.N.*``.
    """
    events = events_of(record)
    found = attributes_of(record)
    if isinstance(written := found.get("events"), str):
        # Pydantic AI writes the events of a call as JSON in an attribute.
        events = [event for event in parse(written, "events") if isinstance(event, dict)]
        events = [{"event_name": event.get("event.name"), "body": event} for event in events]
    return _call(found, events)


def read_otel_logs(call: Mapping[str, Any]) -> Recorded | None:
    """A call put together by ``OtelCalls`` from its log records and its span."""
    rows = rows_of(call)
    found: Mapping[str, Any] = {}
    for row in rows:
        found = {**found, **attributes_of(row)}
    if rows and not has_ids(rows[0]) and not ends_call(rows):
        raise BadRecord("no traceId, spanId or gen_ai.choice: which records belong together is not known")
    return _call(found, rows)


def read_openinference(record: Mapping[str, Any]) -> Recorded | None:
    """An LLM span by the OpenInference conventions; spans of other kinds give nothing.

    Source: Arize, OpenInference semantic conventions: ``llm.input_messages.N.message.*``, and the whole request
    as JSON in ``input.value``. Phoenix writes them as columns, ``attributes.llm.input_messages``.
    """
    found = flattened(attributes_of(record))
    if not any(key.startswith(("llm.", "openinference.")) for key in found):
        return None
    if found.get("openinference.span.kind", record.get("span_kind", "LLM")) != "LLM":
        return None
    params = unpack(found.get("llm.invocation_parameters") or {}, "llm.invocation_parameters")
    params = dict(mapping(params, "llm.invocation_parameters"))
    if tools := numbered(found, "llm.tools.", "."):
        schemas = [tool.get("tool.json_schema", tool.get("json_schema")) for tool in tools]
        params["tools"] = tools_of(schemas, "llm.tools")
    messages = numbered(found, "llm.input_messages.", ".")
    if messages:
        return recorded({**params, "messages": [_inference_message(fields) for fields in messages]})
    value = found.get("input.value")
    if not isinstance(value, str):
        raise BadRecord("neither llm.input_messages nor input.value: content was not captured")
    if found.get("input.mime_type") == "text/plain":
        return recorded({**params, "messages": [{"role": "user", "content": value}]})
    return read_body(
        {**params, **mapping(parse(value, "input.value"), "input.value")}, url=None, what="input.value"
    )


def _call(found: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Recorded | None:
    operation = found.get("gen_ai.operation.name")
    kind = found.get("llm.request.type", "chat")
    if operation not in (None, *_CHAT) or kind not in ("chat", "completion"):
        return None
    messages = messages_of(found, events)
    if messages is None:
        if operation is None and "gen_ai.request.model" not in found and "llm.request.type" not in found:
            return None
        if "gen_ai.input.messages_ref" in found:
            raise BadRecord("gen_ai.input.messages_ref: the content is in another file; replay that one")
        raise BadRecord(
            "no gen_ai.input.messages: content was not captured"
            " (OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is off)"
        )
    params = {name: found.get(f"gen_ai.request.{name}", found.get(f"llm.{name}")) for name in _PARAMS}
    return recorded(
        {
            "messages": messages,
            "n": found.get("gen_ai.request.choice.count"),
            "stop": found.get("gen_ai.request.stop_sequences", found.get("llm.chat.stop_sequences")),
            "tools": _tools(found),
            **params,
        }
    )


def _tools(found: Mapping[str, Any]) -> Any:
    """The definitions of tools that were offered: one attribute, or one for each of their fields."""
    if (whole := found.get("gen_ai.tool.definitions")) is not None:
        return tools_of(whole, "gen_ai.tool.definitions")
    for before in ("llm.request.functions.", "gen_ai.request.tools."):
        if fields := numbered(found, before, "."):
            return tools_of(fields, before.removesuffix("."))
    if (written := found.get("model_request_parameters")) is not None:
        offered = mapping(unpack(written, "model_request_parameters"), "model_request_parameters")
        return tools_of(offered.get("function_tools"), "model_request_parameters.function_tools")
    return None


def _inference_message(fields: Mapping[str, Any]) -> dict[str, Any]:
    fields = {key.removeprefix("message."): value for key, value in fields.items()}
    message: dict[str, Any] = {"role": fields.get("role")}
    content = fields.get("content")
    if content is None:
        parts = numbered(fields, "contents.", ".message_content.")
        content = [{"type": part.get("type"), "text": part.get("text")} for part in parts] or None
    message["content"] = content
    calls = numbered(fields, "tool_calls.", ".tool_call.")
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
    if "function_call_name" in fields:
        message["function_call"] = {
            "name": fields["function_call_name"],
            "arguments": fields.get("function_call_arguments_json", "{}"),
        }
    for key in ("name", "tool_call_id"):
        if key in fields:
            message[key] = fields[key]
    return message
