"""Every format of recorded requests: recognised, read, and refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.support.places import SHARED
from tui.base.recorded_request import MAX_REQUEST_BYTES, BadRecord, Recorded, recorded
from tui.rollout.values import FormatName
from tui.traffic.documents import read_document
from tui.traffic.formats import FORMATS, recognise, records_of
from tui.traffic.log_formats import ApimCalls

DATA = SHARED / "data"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="recorded samples (../shared/data) are not here")


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def read(record: dict[str, Any], name: str) -> Recorded | None:
    """Read a record that must be recognised as ``name``."""
    form = recognise([record])
    assert form is not None
    assert form.name == name
    return form.read(record)


def refused(record: dict[str, Any], name: str) -> str:
    with pytest.raises(BadRecord) as error:
        FORMATS[name].read(record)
    return str(error.value)


def test_the_names_are_those_that_a_rollout_file_may_use() -> None:
    assert set(FORMATS) == set(get_args(FormatName))


@needs_data
@pytest.mark.parametrize(
    ("name", "form", "first"),
    [
        ("azure_batch_input.jsonl", "batch", "When was Microsoft founded?"),
        ("openai_batch_responses.jsonl", "batch", '{"ticket_id": "T-001", "customer_id"'),
        ("openai_finetune_chat.jsonl", "chat", "I fell off my bike today."),
        ("openai_evals_samples.jsonl", "evals", "Once upon a "),
        ("otel_genai_span.json", "otel", "user_prompt"),
        ("openinference_span.json", "openinference", "Hello!"),
        ("litellm_standard_logging_payload.json", "litellm", "Hello, world!"),
        ("langfuse_ingestion_batch.json", "langfuse", "Hello!"),
    ],
)
def test_recorded_samples(name: str, form: str, first: str) -> None:
    records = [record for value in read_document(DATA / "formats" / name) for record in records_of(value)]
    found = recognise(records)
    assert found is not None
    assert found.name == form
    requests = [request for record in records if (request := found.read(record))]  # type: ignore[arg-type]
    assert requests[0].messages[-1]["content"].startswith(first)
    assert requests[0].messages[-1]["role"] == "user"


@needs_data
def test_template_references_are_refused() -> None:
    for record in read_document(DATA / "formats" / "tensorzero_datapoints.jsonl"):
        assert isinstance(record, dict)
        assert recognise([record]) is FORMATS["tensorzero"]
        assert refused(record, "tensorzero") == "template reference, not text: user"


@needs_data
@pytest.mark.parametrize("path", sorted((DATA / "tasks").glob("*.jsonl")), ids=lambda path: path.stem)
def test_task_files(path: Path) -> None:
    for line in path.read_bytes().splitlines():
        record = json.loads(line)
        request = read(record, "chat")
        assert request is not None
        assert [dict(message) for message in request.messages] == record["messages"]
        assert (request.task, request.expected) == (record["task"], record["expected"])


def test_a_batch_body_keeps_what_may_be_replayed() -> None:
    body = {
        "model": "elsewhere",
        "messages": [user("hi")],
        "temperature": 0.5,
        "stop": ["x"],
        "max_tokens": 1,
        "max_completion_tokens": 7,
        "logit_bias": {"1": 2},
        "stream": True,
        "user": "bob",
        "n": 1,
        "seed": None,
        "tools": [],
    }
    request = read({"custom_id": "a", "url": "/v1/chat/completions?x=1", "body": body}, "batch")
    assert request == Recorded((user("hi"),), None, 7, {"temperature": 0.5, "stop": ["x"]})


def test_a_responses_body_becomes_messages() -> None:
    body = {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "message", "role": "assistant", "content": "hello"},
            user("bye"),
        ],
        "max_output_tokens": 9,
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {}}},
        "tools": [{"type": "function", "name": "f", "parameters": {}}],
    }
    request = read({"custom_id": "a", "url": "/responses", "body": body}, "batch")
    assert request is not None
    assert [message["role"] for message in request.messages] == ["system", "user", "assistant", "user"]
    assert request.messages[1]["content"] == [{"type": "text", "text": "hi"}]
    assert request.max_tokens == 9
    assert request.params == {
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    }


@pytest.mark.parametrize(
    ("body", "url", "says"),
    [
        ({"input": "x"}, "/v1/embeddings", "url /v1/embeddings is neither"),
        ({"input": "x", "previous_response_id": "r"}, "/responses", "previous_response_id"),
        ({"input": [{"type": "reasoning"}]}, "/responses", "of type reasoning"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "/responses", "web_search"),
        ({"messages": [user("x")], "n": 2}, "/chat/completions", "more than one answer"),
        ({"messages": [user("x")], "temperature": "hot"}, "/chat/completions", "temperature is text"),
        ({"messages": [user("x")], "max_tokens": 0}, "/chat/completions", "max_tokens"),
        ({"messages": [user("x")], "top_p": float("nan")}, "/chat/completions", "NaN"),
        ({"messages": [user("\ud800")]}, "/chat/completions", "surrogate"),
        ({"messages": [user("x" * MAX_REQUEST_BYTES)]}, "/chat/completions", "the limit is 1,000,000"),
        ({"messages": []}, "/chat/completions", "messages is empty"),
        ({"messages": [{"role": "king", "content": "x"}]}, "/chat/completions", "the role king"),
        ({"messages": [user(None)]}, "/chat/completions", "missing as content"),  # type: ignore[arg-type]
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "/chat/completions",
            "a part of type image_url; only text is replayed",
        ),
    ],
)
def test_what_the_service_would_not_take_is_refused(body: dict[str, Any], url: str, says: str) -> None:
    assert says in refused({"custom_id": "a", "url": url, "body": body}, "batch")


def test_tool_calls_need_their_answers() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    asks = {"role": "assistant", "content": None, "tool_calls": [call], "weight": 1}
    answer = {"role": "tool", "tool_call_id": "c", "content": "42", "name": "f"}
    request = recorded({"messages": [user("x"), asks, answer]})
    assert request.messages[1] == {"role": "assistant", "tool_calls": [call]}
    assert request.messages[2] == {"role": "tool", "tool_call_id": "c", "content": "42"}
    for messages, says in (
        ([user("x"), answer], "a tool call that was not made"),
        ([asks, user("x"), answer], "before the answers"),
        ([user("x"), asks], "have no answers"),
        ([{**asks, "tool_calls": [{"id": "c"}]}], "missing, not an object"),
    ):
        with pytest.raises(BadRecord, match=says):
            recorded({"messages": messages})


def test_a_trailing_answer_is_expected_and_not_sent() -> None:
    request = read({"messages": [user("x"), {"role": "assistant", "content": "y"}]}, "chat")
    assert request == Recorded((user("x"),), expected="y")
    assert "nothing but an answer" in refused({"messages": [{"role": "assistant", "content": "y"}]}, "chat")


def test_evals_take_text_and_several_ideals() -> None:
    assert read({"input": "x", "ideal": ["a", "b"]}, "evals") == Recorded((user("x"),), expected="a")


OTEL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system_instructions": '[{"type": "text", "content": "Be brief."}]',
    "gen_ai.request.max_tokens": 5,
    "gen_ai.input.messages": json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "6*7?"}]},
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 6}}],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": 42}]},
        ]
    ),
}


def otlp(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {int: "intValue", str: "stringValue"}
    return [{"key": key, "value": {kinds[type(v)]: str(v)}} for key, v in attributes.items()]


@pytest.mark.parametrize("attributes", [OTEL, otlp(OTEL)], ids=["flat", "otlp"])
def test_otel_messages_with_parts_and_tools(attributes: object) -> None:
    request = read({"name": "chat", "attributes": attributes}, "otel")
    assert request is not None
    assert [message["role"] for message in request.messages] == ["system", "user", "assistant", "tool"]
    assert request.messages[2]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 6}'}
    assert request.messages[3]["content"] == "42"
    assert request.max_tokens == 5


def test_otel_content_on_events_other_spans_and_no_content() -> None:
    messages = OTEL["gen_ai.input.messages"]
    span = {
        "attributes": {"gen_ai.operation.name": "chat"},
        "events": [{"name": "e", "attributes": {"gen_ai.input.messages": messages}}],
    }
    assert read(span, "otel") is not None
    assert read({"attributes": {**OTEL, "gen_ai.operation.name": "invoke_agent"}}, "otel") is None
    assert FORMATS["otel"].read({"attributes": {"http.method": "GET"}}) is None
    assert "was not captured" in refused({"attributes": {"gen_ai.operation.name": "chat"}}, "otel")
    image = [{"role": "user", "parts": [{"type": "blob"}]}]
    assert "type blob" in refused({"attributes": {"gen_ai.input.messages": image}}, "otel")


def test_an_otlp_export_is_opened() -> None:
    span = {"attributes": otlp(OTEL)}
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [span, span]}]}, {}, 3]}
    assert records_of(export) == [span, span]
    assert records_of([export, {"x": 1}]) == [span, span, {"x": 1}]


def test_openinference_flat_nested_and_from_the_request() -> None:
    flat = {
        "openinference.span.kind": "LLM",
        "llm.invocation_parameters": '{"model": "m", "temperature": 0}',
        "llm.input_messages.1.message.contents.0.message_content.type": "text",
        "llm.input_messages.1.message.contents.0.message_content.text": "b",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "a",
    }
    nested = {
        "openinference": {"span": {"kind": "LLM"}},
        "llm": {
            "invocation_parameters": '{"temperature": 0}',
            "input_messages": [
                {"message": {"role": "system", "content": "a"}},
                {
                    "message": {
                        "role": "user",
                        "contents": [{"message_content": {"type": "text", "text": "b"}}],
                    }
                },
            ],
        },
    }
    expected = Recorded(
        ({"role": "system", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}]}),
        params={"temperature": 0},
    )
    assert read({"attributes": flat}, "openinference") == expected
    assert read({"attributes": nested}, "openinference") == expected
    whole = {"openinference.span.kind": "LLM", "input.value": json.dumps({"messages": [user("c")]})}
    assert read({"attributes": whole}, "openinference") == Recorded((user("c"),))
    assert read({"attributes": {"openinference.span.kind": "CHAIN"}}, "openinference") is None
    assert "not JSON" in refused({"attributes": {**whole, "input.value": "hello"}}, "openinference")


def test_litellm_calls() -> None:
    payload = {"call_type": "completion", "messages": "hi", "model_parameters": {"temperature": 1, "stream": 1}}
    assert read(payload, "litellm") == Recorded((user("hi"),), params={"temperature": 1})
    assert "aembedding" in refused({**payload, "call_type": "aembedding"}, "litellm")
    assert "messages is" in refused({**payload, "messages": None}, "litellm")


def test_langfuse_generations_only_and_once() -> None:
    body = {"id": "g", "input": [user("hi")], "modelParameters": {"temperature": "0.5", "max_tokens": "inf"}}
    batch = {
        "batch": [
            {"type": "trace-create", "body": {"id": "t", "input": [user("hi")]}},
            {"type": "generation-create", "body": body},
            {"type": "generation-update", "body": {"id": "g", "output": "x"}},
            {"type": "generation-update", "body": body},
        ]
    }
    requests = [FORMATS["langfuse"].read(event) for event in records_of(batch)]  # type: ignore[arg-type]
    assert [request for request in requests if request] == [
        Recorded((user("hi"),), params={"temperature": 0.5})
    ]
    assert read(
        {"type": "GENERATION", "id": "g", "input": '{"messages": [{"role":"user","content":"y"}]}'}, "langfuse"
    )
    assert read({"type": "SPAN", "traceId": "t", "input": "x"}, "langfuse") is None
    assert "a list of messages" in refused({"type": "GENERATION", "input": {"q": 1}}, "langfuse")


def apim(call: str, number: int, messages: object) -> dict[str, Any]:
    return {"CorrelationId": call, "SequenceNumber": number, "RequestMessages": messages}


def test_apim_rows_are_joined_by_call_and_sequence() -> None:
    whole = json.dumps([user("a long question")])
    rows = [
        apim("one", 0, ""),
        apim("two", 2, [user(" world")]),
        apim("one", 2, whole[20:]),
        apim("two", 1, [{"role": "system", "content": "s"}, user("hello")]),
        apim("one", 1, whole[:20]),
        apim("three", 0, None),
        apim("four", 1, json.dumps([user("x")])),
    ]
    assert recognise(rows) is FORMATS["apim"]
    calls = ApimCalls()
    assert [calls.add(number, row) for number, row in enumerate(rows, start=1)] == [[]] * 7
    found = [(number, FORMATS["apim"].read(call)) for number, call in calls.finish()]
    assert found == [
        (1, Recorded((user("a long question"),))),
        (2, Recorded(({"role": "system", "content": "s"}, user("hello world")))),
        (6, None),
        (7, Recorded((user("x"),))),
    ]


def test_apim_keeps_a_bounded_number_of_calls_and_bytes() -> None:
    calls = ApimCalls()
    done = [n for i in range(100) for n, _ in calls.add(i, apim(f"call {i}", 1, "[]"))]
    assert done == list(range(68))
    calls = ApimCalls()
    for number in range(5):
        calls.add(number, apim("big", number, "x" * 300_000))
    [(first, call)] = calls.finish()
    assert first == 0
    assert "more than 1,000,000 bytes" in refused(dict(call), "apim")
    with pytest.raises(BadRecord, match="no CorrelationId"):
        calls.add(1, {"SequenceNumber": 1})


def test_tensorzero_blocks() -> None:
    given = {
        "system": "s",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_call", "id": "c", "name": "f", "arguments": "{}"}],
            },
            {"role": "user", "content": [{"type": "tool_result", "id": "c", "name": "f", "result": "r"}]},
        ],
    }
    record = {"function_name": "fn", "input": json.dumps(given), "output": '[{"type":"text","text":"o"}]'}
    request = read(record, "tensorzero")
    assert request is not None
    assert [message["role"] for message in request.messages] == ["system", "user", "assistant", "tool"]
    assert (request.task, request.expected) == ("fn", "o")
    assert read({**record, "is_deleted": True}, "tensorzero") is None
    assert "template" in refused({**record, "input": {"system": {"a": 1}, "messages": []}}, "tensorzero")


def test_what_is_no_known_format_is_not_recognised() -> None:
    assert recognise([{"a": 1}, [1], None, "x", {"messages": "no list"}]) is None
