"""Logs as people have them: each shape that a gateway, tracer or data set writes gives its request."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import said
from tests.support.places import SHARED
from tests.support.rollout_files import document, write
from tests.traffic.test_formats import user
from tui.base.recorded_request import Recorded
from tui.model import SourceView
from tui.rollout.values import SourceSpec
from tui.traffic.sampled import SampledSource
from tui.traffic.sources import Look, look

CASES = SHARED / "cases" / "logs"

needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="the cases (../shared/cases) are not here")

ASKED = [user("hi")]
BODY = {"model": "gpt-4o", "messages": ASKED, "temperature": 0.5}
HI = Recorded((user("hi"),))
HI_COOL = Recorded((user("hi"),), params={"temperature": 0.5})
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": PARAMETERS}}
FLAT = {"type": "function", "name": "f", "description": "d", "parameters": PARAMETERS}


def everything(path: Path, **more: Any) -> tuple[list[Recorded], SourceView, list[str]]:
    source = SampledSource(path, random.Random(1), redact=False, **more)
    found = []
    while not source.ended:
        if (sample := source.take()) is not None:
            found.append(sample.request)
    return found, source.view(), [f"{line.line}: {line.reason}" for line in source.bad_lines()]


def lines(path: Path, *records: object) -> Path:
    path.write_text(
        "".join(record if isinstance(record, str) else f"{json.dumps(record)}\n" for record in records)
    )
    return path


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


def spans(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "chat", "attributes": pairs(attributes)}]}]}]}


LLMETRY = {
    "llm.request.type": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": "hi",
    "gen_ai.completion.0.content": "hello",
}
LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.input": json.dumps(ASKED),
    "langfuse.observation.model.parameters": '{"temperature": 0.5}',
}
SEMCONV = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(ASKED)}
PHOENIX = {
    "name": "ChatCompletion",
    "span_kind": "LLM",
    "parent_id": None,
    "attributes.llm.input_messages": [{"message.role": "user", "message.content": "hi"}],
    "attributes.llm.invocation_parameters": '{"temperature": 0.5}',
    "attributes.retrieval.documents": None,
}


def shapes() -> dict[str, tuple[object, str, Recorded]]:
    spend = {"call_type": "acompletion", "messages": {}, "response": {}}
    proxied = {**spend, "proxy_server_request": BODY}
    as_text = {**spend, "messages": "{}", "proxy_server_request": json.dumps(BODY)}
    responses = {**spend, "call_type": "aresponses", "proxy_server_request": {"model": "m", "input": "hi"}}
    with_tools = json.dumps({"messages": ASKED, "tools": [FLAT]})
    stored = {"object": "chat.completion", "id": "c", "choices": [{"message": {"content": "hello"}}]}
    helicone = {"request_id": "r", "signed_body_url": "https://x", "request_path": "/v1/chat/completions"}
    span = spans(LLMETRY)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    jaeger = [{"key": key, "type": "string", "value": value} for key, value in LLMETRY.items()]
    turns = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    talk = [{"role": "user", "content": "hi", "redacted": False}, {"role": "assistant", "content": "hello"}]
    answered = Recorded((user("hi"),), expected="hello")
    return {
        "spend log": (proxied, "litellm", HI_COOL),
        "spend log, text": (as_text, "litellm", HI_COOL),
        "spend log, body": ({**spend, "proxy_server_request": {"url": "/x", "body": BODY}}, "litellm", HI_COOL),
        "spend logs of the API": ({"data": [proxied], "total": 1}, "litellm", HI_COOL),
        "spend log of responses": (responses, "litellm", HI),
        "openllmetry": (spans(LLMETRY), "otel", HI),
        "openllmetry, flat": ({"name": "openai.chat", "attributes": LLMETRY}, "otel", HI),
        "openllmetry, older": (spans({"llm.prompts.0.content": "hi"}), "otel", HI),
        "openllmetry, parts": (
            spans({**LLMETRY, "gen_ai.prompt.0.content": '[{"type": "text", "text": "hi"}]'}),
            "otel",
            Recorded(({"role": "user", "content": [{"type": "text", "text": "hi"}]},)),
        ),
        "a bare resourceSpans": (spans(LLMETRY)["resourceSpans"], "otel", HI),
        "a bare scopeSpans": (spans(LLMETRY)["resourceSpans"][0], "otel", HI),
        "bare spans": ({"spans": [span]}, "otel", HI),
        "a bare span": (span, "otel", HI),
        "Tempo": ({"batches": spans(LLMETRY)["resourceSpans"]}, "otel", HI),
        "Tempo 2": ({"trace": spans(LLMETRY)}, "otel", HI),
        "Jaeger": ({"data": [{"traceID": "t", "spans": [{"tags": jaeger}]}], "total": 0}, "otel", HI),
        "prompt in an attribute": (spans({**{}, "gen_ai.prompt": json.dumps({"messages": ASKED})}), "otel", HI),
        "Langfuse span": (spans(LANGFUSE), "langfuse", HI_COOL),
        "Langfuse span, text": (spans({**LANGFUSE, "langfuse.observation.input": "hi"}), "langfuse", HI_COOL),
        "Langfuse span, body": (
            {"attributes": {**LANGFUSE, "langfuse.observation.input": with_tools}},
            "langfuse",
            Recorded((user("hi"),), params={"temperature": 0.5, "tools": [TOOL]}),
        ),
        "Langfuse API": (
            {"data": [{"id": "g", "type": "GENERATION", "traceId": "t", "input": ASKED}], "meta": {}},
            "langfuse",
            HI,
        ),
        "Helicone": ({**helicone, "request_body": BODY}, "helicone", HI_COOL),
        "Helicone API": ({"data": [{**helicone, "request_body": BODY}], "error": None}, "helicone", HI_COOL),
        "Helicone, fetched": (
            {**helicone, "request_body": {}, "signed_body_content": {"request": BODY, "response": {}}},
            "helicone",
            HI_COOL,
        ),
        "stored with messages": ({**stored, "messages": talk}, "stored", answered),
        "stored, list": ({"object": "list", "data": [{**stored, **BODY}]}, "stored", HI_COOL),
        "stored, messages of one": (
            {"object": "list", "data": [{"id": "c-0", "content_parts": None, "name": None, **user("hi")}]},
            "stored",
            HI,
        ),
        "stored response": ({"object": "response", "input": "hi", "output": []}, "stored", HI),
        "Phoenix columns": (PHOENIX, "openinference", HI_COOL),
        "Phoenix columns, text": (
            {**PHOENIX, "attributes.llm.input_messages": '[{"message": {"role": "user", "content": "hi"}}]'},
            "openinference",
            HI_COOL,
        ),
        "wrapped": ({"request": BODY, "response": {"choices": []}}, "wrapped", HI_COOL),
        "wrapped, text": ({"request": json.dumps(BODY), "response": "{}"}, "wrapped", HI_COOL),
        "wrapped twice": ({"request": {"method": "POST", "body": json.dumps(BODY)}}, "wrapped", HI_COOL),
        "wrapped, camel": ({"requestBody": BODY, "responseBody": {}}, "wrapped", HI_COOL),
        "wrapped, Anthropic": (
            {"request": {"system": "s", "messages": ASKED, "max_tokens": 5}},
            "wrapped",
            Recorded(({"role": "system", "content": "s"}, user("hi")), max_tokens=5),
        ),
        "wrapped, url": ({"path": "/v1/responses", "body": {"input": "hi"}}, "wrapped", HI),
        "wrapped response": ({"request": {"input": "hi"}, "response": {"object": "response"}}, "wrapped", HI),
        "inputs": ({"inputs": BODY, "output": "hello"}, "wrapped", HI_COOL),
        "input of messages": ({"input": ASKED, "output": "hello"}, "wrapped", HI),
        "ShareGPT": ({"id": "1", "conversations": turns}, "sharegpt", answered),
        "ShareGPT, items": ({"id": "1", "items": turns}, "sharegpt", answered),
        "ShareGPT, open": ({"conversations": turns[:1]}, "sharegpt", HI),
        "ShareGPT, bare turns": (turns, "sharegpt", answered),
        "LMSYS": ({"conversation_id": "1", "model": "m", "conversation": talk, "turn": 1}, "lmsys", answered),
        "a battle": ({"conversation_a": talk, "conversation_b": talk, "winner": "a"}, "lmsys", answered),
        "data set viewer": ({"rows": [{"row_idx": 0, "row": {"conversation": talk}}]}, "lmsys", answered),
        "bare messages": (talk, "chat", answered),
    }  # fmt: skip


@pytest.mark.parametrize("name", shapes())
def test_every_shape_gives_its_request(tmp_path: Path, name: str) -> None:
    record, form, request = shapes()[name]
    compact, pretty = lines(tmp_path / "a.jsonl", record), tmp_path / "b.json"
    pretty.write_text(json.dumps(record, indent=1))
    for path in (compact, pretty):
        found, view, bad = everything(path)
        assert (found, view.format, bad) == ([request], form, [])
    assert everything(lines(tmp_path / "c.jsonl", {"log": f"{json.dumps(record)}\n", "stream": "stdout"}))[
        0
    ] == [request]


@needs_cases
@pytest.mark.parametrize(
    ("name", "form", "count"),
    [
        ("litellm_spend.jsonl", "litellm", 3),
        ("openllmetry.jsonl", "otel", 3),
        ("log.jsonl.gz", "chat", 3),
        ("utf16le_ps.jsonl", "chat", 3),
        ("docker_json.jsonl", "chat", 3),
        ("sharegpt.jsonl", "sharegpt", 3),
        ("roles.jsonl", "chat", 9),
    ],
)
def test_the_cases(name: str, form: str, count: int) -> None:
    found, view, bad = everything(CASES / name)
    assert (len(found), view.format, view.error) == (count, form, None)
    assert found[0].messages[-1]["role"] == "user"
    if name == "roles.jsonl":
        assert [line.split(" ")[:2] for line in bad] == [
            ["4:", "messages[0]"], ["5:", "messages[0]"], ["10:", "messages[0]"],
            ["11:", "max_tokens"], ["12:", "max_tokens"], ["14:", "temperature"],
        ]  # fmt: skip
        assert "type image_url" in bad[0]
        assert "type input_audio" in bad[1]
    else:
        assert bad == []


# --- older words --------------------------------------------------------------------------------


def test_functions_become_tools(tmp_path: Path) -> None:
    call = {"name": "f", "arguments": "{}"}
    record = {
        "messages": [
            user("x"),
            {"role": "assistant", "content": None, "function_call": call},
            {"role": "function", "name": "f", "content": "42"},
            {"role": "function", "name": "g", "content": "43"},
        ],
        "functions": [TOOL["function"]],
        "function_call": {"name": "f"},
        "max_completion_tokens": 256.0,
    }
    [request], _, _ = everything(lines(tmp_path / "r.jsonl", record))
    made = {"name": "g", "arguments": "{}"}
    assert list(request.messages) == [
        user("x"),
        {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        {"role": "assistant", "tool_calls": [{"id": "call_2", "type": "function", "function": made}]},
        {"role": "tool", "tool_call_id": "call_2", "content": "43"},
    ]
    assert request.params == {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}}
    assert request.max_tokens == 256


def test_calls_and_results_without_ids_are_paired_by_name_and_order(tmp_path: Path) -> None:
    calls = [{"function": {"name": name, "arguments": {"n": 1}}} for name in ("f", "g", "f")]
    results = [{"role": "tool", "name": name, "content": "r"} for name in ("g", "f", "f")]
    messages = [user("x"), {"role": "assistant", "tool_calls": calls}, *results]
    [request], _, _ = everything(lines(tmp_path / "r.jsonl", {"messages": messages}))
    assert [m["tool_call_id"] for m in request.messages[2:]] == ["call_2", "call_1", "call_3"]
    assert request.messages[1]["tool_calls"][0]["function"]["arguments"] == '{"n": 1}'


def test_a_data_set_with_functions_keeps_them(tmp_path: Path) -> None:
    turns = [
        {"from": "human", "value": "x"},
        {"from": "function_call", "value": '{"name": "f", "arguments": {"n": 1}}'},
        {"from": "observation", "value": "42"},
        {"from": "gpt", "value": "y"},
    ]
    record = {"conversations": turns, "system": "s", "tools": json.dumps([FLAT])}
    [request], _, _ = everything(lines(tmp_path / "r.jsonl", record))
    assert [m["role"] for m in request.messages] == ["system", "user", "assistant", "tool"]
    assert request.params == {"tools": [TOOL]}
    assert request.expected == "y"


# --- what collectors write around lines -----------------------------------------------------------


def docker(text: str, stream: str = "stdout") -> dict[str, str]:
    return {"log": text, "stream": stream, "time": "2026-11-30T10:00:00Z"}


def test_lines_that_docker_cut_are_put_together(tmp_path: Path) -> None:
    long = json.dumps({"messages": [user("x" * 40_000)]}) + "\n"
    pieces = [docker(long[at : at + 16_384]) for at in range(0, len(long), 16_384)]
    pieces.insert(1, docker("a warning\n", "stderr"))
    path = lines(tmp_path / "r.jsonl", *pieces, docker(json.dumps(BODY) + "\n"))
    for sample_pct in (100, 99.999_999):
        found, view, bad = everything(path, sample_pct=sample_pct)
        assert [len(str(request.messages[0]["content"])) for request in found] == [40_000, 2]
        assert view.format == "chat"
        assert bad == ["2: the text under log is not JSON: Expecting value at character 1"]


@pytest.mark.parametrize(
    "around",
    [
        '2026-11-30T10:00:00.123456789Z stdout F {}\n',
        "app-1  | {}\n",
        "Nov 30 10:00:00 host app[123]: {}\n",
        "INFO:app:{}\n",
    ],
)  # fmt: skip
def test_text_before_json_is_left_out(tmp_path: Path, around: str) -> None:
    path = lines(tmp_path / "r.jsonl", *(around.replace("{}", json.dumps(BODY)) for _ in range(3)))
    assert everything(path)[0] == [HI_COOL] * 3


def test_pieces_of_kubernetes_and_fields_of_other_collectors(tmp_path: Path) -> None:
    body = json.dumps(BODY)
    path = lines(tmp_path / "cri", f"T stdout P {body[:20]}\n", "T stderr F oh\n", f"T stdout F {body[20:]}\n")
    assert everything(path)[0] == [HI_COOL]
    for record in (
        {"message": body, "level": "info"},
        {"MESSAGE": body},
        {"jsonPayload": BODY},
        {"_source": BODY},
    ):
        assert everything(lines(tmp_path / "r.jsonl", record))[0] == [HI_COOL]


def test_pieces_without_an_end_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.traffic.envelopes.MAX_LINE_BYTES", 1024**2)
    path = lines(tmp_path / "r.jsonl", docker('{"a'), *(docker("x" * 50_000) for _ in range(30)), docker("\n"))
    _, view, bad = everything(path)
    assert bad == ["1: longer than 1 MB in all its pieces"]
    assert view.ended


@pytest.mark.parametrize("around", ["docker", "text", "nothing"])
def test_a_long_banner_before_the_first_request_hides_none(tmp_path: Path, around: str) -> None:
    texts = [*["starting up\n"] * 50, *[json.dumps(BODY) + "\n"] * 3]
    wrap: Any = {"docker": docker, "text": "app-1  | {}".format, "nothing": str}[around]
    found, _, bad = everything(lines(tmp_path / "r.jsonl", *map(wrap, texts)))
    assert (found, len(bad)) == ([HI_COOL] * 3, 50)


def test_a_packed_log_of_docker_goes_round(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "r.jsonl", *(docker(json.dumps({"messages": [user(text)]}) + "\n") for text in "ab")
    )
    path.write_bytes(gzip.compress(path.read_bytes()))
    source = SampledSource(path, random.Random(1), loop=True)
    found = [sample.request.messages[0]["content"] for _ in range(9) if (sample := source.take()) is not None]
    assert found[:5] == ["a", "b", "a", "b", "a"]
    source.close()


# --- what is not read says why --------------------------------------------------------------------

CUT = "x... (litellm_truncated 12982 chars)"


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"call_type": "", "messages": {}, "proxy_server_request": {}}, "store_prompts_in_spend_logs"),
        (
            {"call_type": "acompletion", "messages": {}, "proxy_server_request": {"messages": [user(CUT)]}},
            "proxy_server_request was cut by LiteLLM; set MAX_STRING_LENGTH_PROMPT_IN_DB",
        ),
        (
            {"call_type": "completion", "messages": [user("redacted-by-litellm")]},
            "messages was blanked by LiteLLM (turn_off_message_logging)",
        ),
        ({"request_body": {}, "signed_body_url": "u"}, "npx @helicone/export --include-body"),
        ({"object": "chat.completion", "choices": []}, "get /v1/chat/completions/ID/messages"),
        ({"object": "response", "output": []}, "get /v1/responses/ID/input_items"),
        ({"request": {"input": "x"}, "url": "/v1/embeddings"}, "url /v1/embeddings is neither"),
        ({"request": {"model": "e", "input": "x"}}, "request.input: neither messages nor known to be"),
        ({"request": {"prompt": "x"}}, "request.prompt: a body of /completions"),
        ({"request": {"messages": []}}, "messages is empty"),
        ({"prompt": "a", "completion": "b"}, "content:.prompt}],expected:.completion}' FILE"),
        ({"question": "a", "answer": "b"}, "content:.question}],expected:.answer}' FILE > requests.jsonl"),
        ({"contents": [{"parts": [{"text": "x"}]}]}, "jq -c '{messages:[.contents[]"),
        ({"custom_id": "a", "response": {"body": {}}}, "the answers of a batch; replay its input file"),
        ({"messages": {"0": ASKED, "1": ASKED}}, "to_json(FILE, orient='records', lines=True)"),
        ({"conversations": [{"from": "alien", "value": "x"}]}, "messages[0] has the role alien"),
        (spans({**SEMCONV, "gen_ai.tool.definitions": '[{"type": "web_search"}]'}), "of type web_search"),
        (spans({"gen_ai.request.model": "m", "gen_ai.input.messages_ref": "gs://x"}), "in another file"),
        (spans({"gen_ai.operation.name": "embeddings"}), "1 records of otel, none of them a chat request"),
        ("id,prompt\n1,hi\n", "csv.DictReader(open('FILE'))"),
        ("id\tprompt\n1\thi\n", "delimiter='\\t'"),
        ("", "it is empty"),
    ],
)  # fmt: skip
def test_a_file_without_requests_says_why_and_what_to_do(tmp_path: Path, record: object, says: str) -> None:
    found, view, _ = everything(lines(tmp_path / "r.jsonl", record))
    assert found == []
    assert view.error is not None
    assert says in view.error
    assert "UTF-8" not in view.error


def test_a_conversion_makes_what_it_says(tmp_path: Path) -> None:
    # What the line for a CSV file prints, run here: it is Python.
    path = tmp_path / "t.csv"
    path.write_text('role,messages\nx,"[{""role"": ""user""}]"\n')
    _, view, _ = everything(path)
    assert view.error is not None
    program = view.error.partition('python -c "')[2].rpartition('"')[0].replace("FILE", str(path))
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == {"role": "x", "messages": '[{"role": "user"}]'}


def test_a_named_format_and_a_sample_still_find_a_document(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps([{"request": BODY}] * 200, indent=1))
    found, view, bad = everything(path, form_name="wrapped", sample_pct=50.0)
    assert 60 < len(found) < 140
    assert (view.format, bad) == ("wrapped", [])


# --- check ----------------------------------------------------------------------------------------


def looked_at(path: Path, *, follow: bool = False) -> Look:
    seen = look(SourceSpec("sampled", path=path, follow=follow))
    assert seen is not None
    return seen


def test_a_look_says_what_a_log_is_and_why_it_gives_nothing(tmp_path: Path) -> None:
    path = lines(tmp_path / "log", *[BODY] * 300)
    assert looked_at(path) == Look("log: chat, 200 requests in its beginning")
    lines(path, {"x": 1})
    seen = looked_at(path)
    assert seen.text.startswith(
        "log: not recognised, 0 requests in all of it, 1 that cannot be used; the last:"
    )
    assert str(seen.problem).startswith("no usable request in the file; known formats are")
    path.write_bytes(b"\x1f\x8b\x08\x00")
    assert (
        looked_at(path).problem
        == "no usable request in the file: line 1: gzip: the file breaks off before its end"
    )
    assert looked_at(path, follow=True).problem == "gzip: a packed file is not followed; leave out follow"
    assert looked_at(tmp_path / "gone").problem == "No such file or directory"
    path.write_bytes(b"")
    assert str(looked_at(path).problem).endswith("it is empty")
    for quiet in (path, tmp_path / "gone"):
        assert look(SourceSpec("sampled", path=quiet, follow=True)) is None


def test_check_says_what_a_log_is_and_what_is_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend = {"call_type": "completion", "messages": {}, "proxy_server_request": BODY}
    path = lines(tmp_path / "log.jsonl", spend, {**spend, "proxy_server_request": {}}, spend)
    source = {"kind": "sampled", "path": "log.jsonl"}
    changes = {"endpoints/main/url": "simulator", "endpoints/main/key_env": None}
    file = write(tmp_path, document({**changes, "traffic": {"sources": [source]}}))
    code, out = said(tmp_path, monkeypatch, "check", str(file))
    assert code == 0
    assert "log.jsonl: litellm, 2 requests in all of it, 1 that cannot be used; the last: line 2: " in out
    lines(path, {"x": 1})
    code, out = said(tmp_path, monkeypatch, "check", str(file))
    assert code == 2
    assert "traffic.sources[1]: log.jsonl: not recognised, 0 requests in all of it" in out
