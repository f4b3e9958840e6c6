"""Bodies in files made for the service or by hand: batch lines, evals, TensorZero datapoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.recorded_request import BadRecord, Recorded, mapping, recorded, unpack
from tui.text import plain
from tui.traffic.bodies import read_body


def read_batch(record: Mapping[str, Any]) -> Recorded:
    """A line of an OpenAI or Azure batch input file, chat completions or responses; ``/v1`` may be absent.

    Source: Microsoft, "How to use global batch processing"; OpenAI, Batch API reference.
    """
    body = mapping(record.get("body"), "body")
    url = record.get("url", "/responses" if "input" in body else "/chat/completions")
    path = url.partition("?")[0].rstrip("/") if isinstance(url, str) else ""
    if path.endswith(("/chat/completions", "/responses")):
        return read_body(body, url=path, what="body")
    raise BadRecord(f"url {plain(str(url), 40)} is neither /chat/completions nor /responses")


def read_evals(record: Mapping[str, Any]) -> Recorded:
    """A sample of openai/evals: ``input`` is text or messages; of several ``ideal`` the first is expected."""
    given, ideal = record.get("input"), record.get("ideal")
    if isinstance(ideal, list) and ideal:
        ideal = ideal[0]
    if not isinstance(ideal, str):
        raise BadRecord("ideal is not text")
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return recorded({"messages": messages}, expected=ideal)


def read_tensorzero(record: Mapping[str, Any]) -> Recorded | None:
    """A TensorZero chat datapoint; its function is the task. A deleted datapoint gives nothing."""
    if record.get("is_deleted") is True:
        return None
    given = mapping(unpack(record.get("input"), "input"), "input")
    messages: list[dict[str, Any]] = []
    if (system := given.get("system")) is not None:
        if not isinstance(system, str):
            raise BadRecord("template reference, not text: system")
        messages.append({"role": "system", "content": system})
    turns = given.get("messages")
    if not isinstance(turns, list):
        raise BadRecord("input has no messages")
    for turn in turns:
        messages += _turn(mapping(turn, "a message of input"))
    task = record.get("function_name")
    return recorded(
        {"messages": messages},
        task=task if isinstance(task, str) else None,
        expected=_reference(record.get("output")),
    )


def _turn(turn: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The chat messages of one TensorZero message: results of tools become messages of their own."""
    role, content = turn.get("role"), turn.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list):
        raise BadRecord("a message of input has no content")
    texts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for raw in blocks:
        block = mapping(raw, "a content block")
        kind = block.get("type")
        if kind == "template" or (kind == "text" and not isinstance(block.get("text"), str)):
            raise BadRecord(f"template reference, not text: {plain(str(block.get('name', role)), 30)}")
        if kind == "text":
            texts.append({"type": "text", "text": block["text"]})
        elif kind == "tool_call":
            function = {"name": block.get("name"), "arguments": block.get("arguments")}
            calls.append({"id": block.get("id"), "function": function})
        elif kind == "tool_result":
            results.append({"role": "tool", "tool_call_id": block.get("id"), "content": block.get("result")})
        else:
            raise BadRecord(f"a content block of type {plain(str(kind), 30)}; only text is replayed")
    message: dict[str, Any] = {"role": role}
    if texts:
        message["content"] = texts[0]["text"] if len(texts) == 1 else texts
    if calls:
        message["tool_calls"] = calls
    return results + ([message] if texts or calls else [])


def _reference(output: object) -> str | None:
    """The reference answer of a datapoint, None unless it is text only."""
    if output is None:
        return None
    blocks = unpack(output, "output")
    if not isinstance(blocks, list):
        return None
    texts = [b.get("text") for b in blocks if isinstance(b, dict) and b.get("type") == "text"]
    if not texts or len(texts) != len(blocks):
        return None
    return "".join(text for text in texts if isinstance(text, str))
