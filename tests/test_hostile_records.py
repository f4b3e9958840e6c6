"""Records and documents that nobody meant to write: refused, never another exception."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.recorded_request import BadRecord, parse
from tui.traffic.documents import opens_document, read_document
from tui.traffic.formats import FORMATS, recognise, records_of
from tui.traffic.log_formats import ApimCalls


@pytest.mark.parametrize(
    ("line", "is_document"),
    [
        *((line, True) for line in (b"{", b"[", b'{"a": [', b'{"a": 1', b'[{"a": 1},')),
        *((line, False) for line in (b'{"a": 1}', b'{"a": "cut', b"oops", b"\xff{", b"{]")),
    ],
)
def test_a_document_is_told_by_its_first_line(line: bytes, is_document: bool) -> None:
    assert opens_document(line) is is_document


def test_documents_hold_one_or_several_values(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('\ufeff{\n "a": 1\n}\n{\n "b": 2\n}\n')
    assert read_document(path) == [{"a": 1}, {"b": 2}]
    for text, says in (('{\n "a": \n}', "in line 3"), ("[" * 100_000, "nested too deeply")):
        path.write_text(text)
        with pytest.raises(BadRecord, match=says):
            read_document(path)


NAMES = (
    "messages", "role", "content", "input", "ideal", "body", "url", "custom_id", "type", "batch",
    "attributes", "key", "value", "parts", "text", "function_name", "tool_calls", "tool_call_id",
    "function", "name", "id", "arguments", "call_type", "CorrelationId", "SequenceNumber",
    "RequestMessages", "events", "gen_ai.input.messages", "gen_ai.operation.name",
    "llm.input_messages.0.message.role", "input.value", "stringValue", "intValue", "arrayValue", "values",
    "openinference.span.kind", "modelParameters", "model_parameters", "max_tokens", "tools", "system",
    "output", "rows", "resourceSpans", "scopeSpans", "spans", "temperature", "n", "instructions", "format",
    "task", "expected", "traceId",
)  # fmt: skip
WORDS = (
    "user", "assistant", "tool", "system", "text", "chat", "LLM", "GENERATION", "generation-create",
    "completion", "[]", "{}",
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
HOSTILE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
)


@settings(max_examples=400)
@given(HOSTILE)
def test_a_hostile_record_is_a_request_nothing_or_a_bad_record(value: object) -> None:
    for record in records_of(value):
        if not isinstance(record, dict):
            continue
        recognise([record])
        for form in FORMATS.values():
            calls = ApimCalls()
            try:
                if form.joins_rows:
                    calls.add(1, record)
                    for _, call in calls.finish():
                        form.read(call)
                elif (request := form.read(record)) is not None:
                    assert request.messages
                    json.dumps(request.messages, allow_nan=False, ensure_ascii=False).encode()
            except BadRecord:
                continue  # refused with a reason: the other right answer


@given(st.binary(max_size=200) | HOSTILE.map(lambda value: json.dumps(value).encode()))
def test_hostile_bytes_parse_or_are_a_bad_record(data: bytes) -> None:
    assert opens_document(data) in (True, False)
    try:
        value = parse(data, "the line")
    except BadRecord:
        return
    assert value is None or isinstance(value, bool | int | float | str | list | dict)


@pytest.mark.parametrize("text", ["[" * 50_000, "9" * 5_000, "\ufeffx", ""])
def test_text_that_breaks_parsers_is_a_bad_record(text: str) -> None:
    with pytest.raises(BadRecord):
        parse(text, "it")
