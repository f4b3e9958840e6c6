"""Records and documents that nobody meant to write: refused, never another exception."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traffic.test_genai_logs import records
from tests.traffic.test_log_files import shapes
from tui.base.recorded_request import BadRecord, parse
from tui.traffic.documents import opens_document, read_document
from tui.traffic.formats import FORMATS, conversion, recognise, records_of


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
    "task", "expected", "traceId", "conversations", "conversation", "items", "from", "request", "request_body",
    "proxy_server_request", "object", "data", "choices", "signed_body_url", "event_name",
    "gen_ai.prompt.0.content", "gen_ai.prompt.0.role", "gen_ai.prompt", "gen_ai.tool.definitions",
    "langfuse.observation.type",
    "langfuse.observation.input", "attributes.llm.input_messages", "functions", "function_call", "parameters",
    "llm.tools.0.tool.json_schema", "llm.request.functions.0.name", "tags", "logRecords", "rows", "event.name",
)  # fmt: skip
WORDS = (
    "user", "assistant", "tool", "system", "text", "chat", "LLM", "GENERATION", "generation-create",
    "completion", "[]", "{}", "function", "human", "gpt", "generation", "chat.completion", "list",
    "gen_ai.user.message", "gen_ai.choice", "observation", '[{"role": "user"}]', '{"messages": 1}',
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
ODD: tuple[Any, ...] = (
    None, 0, -1, 1.5, True, "", "x", [], {}, [None], [[]], [{}], {"a": 1}, "[", "{", "[1]", '[{"text": 1}]',
    "\ud800",
    {"type": 1}, {"stringValue": 5}, {"kvlistValue": 3}, {"arrayValue": {"values": [1]}}, 10**30, float("nan"),
)  # fmt: skip
HOSTILE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
)


@settings(max_examples=400)
@given(HOSTILE)
def test_a_hostile_record_is_a_request_nothing_or_a_bad_record(value: object) -> None:
    read_by_all(value)


def test_a_right_record_with_something_wrong_in_it_is_too() -> None:
    rng = random.Random(1)
    seeds = [record for record, _, _ in shapes().values()]
    seeds.append({"resourceLogs": [{"scopeLogs": [{"logRecords": records("s1", "a")}]}]})
    requests = sum(read_by_all(mutated(copy.deepcopy(rng.choice(seeds)), rng)) for _ in range(2000))
    assert 500 < requests < 2000


def read_by_all(value: object) -> int:
    """Read what is in ``value`` by every format; how many requests came."""
    count = 0
    for record in records_of(value):
        if not isinstance(record, dict):
            continue
        recognise([record])
        conversion(record)
        for form in FORMATS.values():
            try:
                calls = form.joins_rows() if form.joins_rows is not None else None
                if calls is not None:
                    calls.add(1, record)
                for read in [record] if calls is None else [call for _, call in calls.finish()]:
                    if (request := form.read(read)) is not None:
                        assert request.messages
                        json.dumps(request.messages, allow_nan=False, ensure_ascii=False).encode()
                        count += 1
            except BadRecord:
                continue  # refused with a reason: the other right answer
    return count


def mutated(value: Any, rng: random.Random) -> Any:
    """``value`` with one thing in it replaced or gone, inside of JSON in a string too."""
    if isinstance(value, str) and value[:1] in ("[", "{") and rng.random() < 0.8:
        return json.dumps(mutated(json.loads(value), rng))
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return rng.choice(ODD)
    key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    if rng.random() < 0.1:
        del value[key]
    else:
        value[key] = mutated(value[key], rng)
    return value


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
