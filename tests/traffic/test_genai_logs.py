"""Spans and log events of model calls: messages, tools, what belongs together and what is of another kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.traffic.test_formats import user
from tests.traffic.test_log_files import (
    FLAT,
    HI,
    HI_COOL,
    LANGFUSE,
    LLMETRY,
    PARAMETERS,
    SEMCONV,
    TOOL,
    everything,
    lines,
    spans,
)
from tui.base.recorded_request import Recorded

CALLED = {
    "gen_ai.prompt.1.role": "assistant",
    "gen_ai.prompt.1.tool_calls.0.name": "f",
    "gen_ai.prompt.1.tool_calls.0.arguments": "{}",
    "gen_ai.prompt.2.role": "tool",
    "gen_ai.prompt.2.content": "42",
}


@pytest.mark.parametrize(
    "attributes",
    [
        {**SEMCONV, "gen_ai.tool.definitions": json.dumps([FLAT])},
        {**SEMCONV, "gen_ai.tool.definitions": json.dumps([TOOL])},
        {
            **LLMETRY,
            "llm.request.functions.0.name": "f",
            "llm.request.functions.0.description": "d",
            "llm.request.functions.0.parameters": json.dumps(PARAMETERS),
        },
        {
            **SEMCONV,
            "model_request_parameters": json.dumps(
                {"function_tools": [{"name": "f", "description": "d", "parameters_json_schema": PARAMETERS}]}
            ),
        },
        {
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "hi",
            "llm.tools.0.tool.json_schema": json.dumps(TOOL),
        },
    ],
    ids=["flat", "nested", "openllmetry", "pydantic", "openinference"],
)
def test_the_tools_of_a_span_are_replayed(tmp_path: Path, attributes: dict[str, str]) -> None:
    [request], _, bad = everything(lines(tmp_path / "r.jsonl", spans(attributes)))
    assert bad == []
    assert request == Recorded((user("hi"),), params={"tools": [TOOL]})


def test_tool_calls_of_openllmetry_and_spans_of_other_things(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "r.jsonl",
        spans({**LLMETRY, **CALLED}),
        spans({"http.method": "GET"}),
        spans({"traceloop.span.kind": "workflow", "traceloop.entity.input": "{}"}),
        spans({"llm.request.type": "embedding", "gen_ai.request.model": "e", "gen_ai.prompt.0.content": "hi"}),
        {"resourceMetrics": []},
        spans({"llm.request.type": "chat", "gen_ai.request.model": "gpt-4o"}),
    )
    found, view, bad = everything(path)
    assert [m["role"] for m in found[0].messages] == ["user", "assistant", "tool"]
    assert (view.given, len(bad)) == (1, 1)
    assert "6: no gen_ai.input.messages: content was not captured" in bad[0]


def event(name: str, body: object, span: str | None = "s1", **more: object) -> dict[str, Any]:
    ids = {"traceId": "t1", "spanId": span} if span else {}
    return {"eventName": f"gen_ai.{name}", "body": body, "attributes": [], **ids, **more}


def any_value(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": k, "value": any_value(v)} for k, v in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    return {"stringValue": value}


CHOICE = {"index": 0, "finish_reason": "stop", "message": {"content": "hello"}}


def records(span: str | None, text: str) -> list[dict[str, Any]]:
    return [
        event("system.message", {"content": "s"}, span),
        event("user.message", {"content": text}, span),
        event("choice", CHOICE, span),
    ]


def test_log_events_of_a_span_make_one_request(tmp_path: Path) -> None:
    system = {"role": "system", "content": "s"}
    one, two = records("s1", "a"), records("s2", "b")
    interleaved = [record for pair in zip(one, two, strict=True) for record in pair]
    [a, b], view, bad = everything(lines(tmp_path / "r.jsonl", *interleaved))
    assert (view.format, bad) == ("otel_logs", [])
    assert [a.messages, b.messages] == [(system, user("a")), (system, user("b"))]
    typed_bodies = [{**record, "body": any_value(record["body"])} for record in one]
    export = {"resourceLogs": [{"scopeLogs": [{"logRecords": typed_bodies}]}]}
    [c], _, _ = everything(lines(tmp_path / "export.jsonl", export))
    assert c == a
    # A console exporter's names, a span that has the settings, and a second call under the same span.
    console = [
        {"event_name": record["eventName"], "body": record["body"], "trace_id": "0x0t1", "span_id": "0xs1"}
        for record in one
    ]
    span = {
        "name": "chat gpt-4o",
        "context": {"trace_id": "0x0t1", "span_id": "0xs1"},
        "attributes": {"gen_ai.request.model": "gpt-4o", "gen_ai.request.temperature": 0.5},
    }
    for given in ([*console, span], [span, *console]):
        [d], _, bad = everything(lines(tmp_path / "console.jsonl", *given))
        assert (d.messages, d.params, bad) == (a.messages, {"temperature": 0.5}, [])
    assert len(everything(lines(tmp_path / "twice.jsonl", *one, *one))[0]) == 2


def test_log_events_by_attribute_without_ids_and_without_content(tmp_path: Path) -> None:
    attribute = {
        "attributes": {"event.name": "gen_ai.user.message", "gen_ai.event.content": '{"content": "hi"}'},
        "trace_id": "t", "span_id": "s",
    }  # fmt: skip
    assert everything(lines(tmp_path / "a.jsonl", attribute))[0] == [HI]
    found, _, _ = everything(lines(tmp_path / "b.jsonl", *records(None, "a"), *records(None, "b")))
    assert [request.messages[-1] for request in found] == [user("a"), user("b")]
    _, view, _ = everything(lines(tmp_path / "c.jsonl", event("user.message", {"content": "hi"}, None)))
    assert "no traceId, spanId or gen_ai.choice" in str(view.error)
    _, view, _ = everything(lines(tmp_path / "d.jsonl", event("user.message", {}), event("choice", CHOICE)))
    assert "gen_ai.user.message has no content: it was not captured" in str(view.error)


def test_tool_calls_in_log_events(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    path = lines(
        tmp_path / "r.jsonl",
        event("user.message", {"content": "x"}),
        event("assistant.message", {"tool_calls": [call]}),
        event("tool.message", {"id": "c", "content": {"n": 42}}),
        event("choice", CHOICE),
    )
    [request], _, _ = everything(path)
    assert list(request.messages[1:]) == [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": '{"n": 42}'},
    ]


@pytest.mark.parametrize("where", ["log", "span event", "span events", "pydantic"])
def test_the_newer_event_and_events_of_spans(tmp_path: Path, where: str) -> None:
    details = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": [{"role": "user", "parts": [
        {"type": "text", "content": "hi"}]}]}  # fmt: skip
    name = "gen_ai.client.inference.operation.details"
    records: dict[str, dict[str, Any]] = {
        "log": {
            "eventName": name,
            "attributes": [{"key": k, "value": any_value(v)} for k, v in details.items()],
        },
        "span event": {
            "attributes": {"gen_ai.system": "openai"},
            "events": [{"name": name, "attributes": details}],
        },
        "span events": {
            "attributes": {"gen_ai.system": "openai"},
            "events": [{"name": "gen_ai.user.message", "attributes": {"content": "hi"}}],
        },
        "pydantic": {
            "attributes": {
                "gen_ai.operation.name": "chat",
                "events": json.dumps([{"event.name": "gen_ai.user.message", "content": "hi", "role": "user"}]),
            }
        },
    }
    found, view, bad = everything(lines(tmp_path / "r.jsonl", records[where]))
    assert (found, bad) == ([HI], [])
    assert view.format == ("otel_logs" if where == "log" else "otel")


def test_a_file_of_several_tracers_gives_the_requests_of_each(tmp_path: Path) -> None:
    inference = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi"}
    path = lines(tmp_path / "r.jsonl", spans(LLMETRY), spans(LLMETRY), spans(LANGFUSE), spans(inference))
    assert everything(path)[0] == [HI, HI, HI_COOL, HI]
    assert len(everything(path, form_name="otel")[0]) == 2
