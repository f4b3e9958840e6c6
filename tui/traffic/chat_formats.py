"""Bodies in files made for the service or by hand: batch lines, evals, TensorZero datapoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.recorded_request import BadRecord, Recorded, mapping, recorded, text_of, unpack
from tui.text import plain


def read_batch(record: Mapping[str, Any]) -> Recorded:
    """A line of an OpenAI or Azure batch input file, chat completions or responses; ``/v1`` may be absent.

    Source: Microsoft, "How to use global batch processing"; OpenAI, Batch API reference.
    """
    body = mapping(record.get("body"), "body")
    url = record.get("url", "/responses" if "input" in body else "/chat/completions")
    path = url.partition("?")[0].rstrip("/") if isinstance(url, str) else ""
    if path.endswith("/chat/completions"):
        return recorded(body)
    if path.endswith("/responses"):
        return recorded(_chat_body(body))
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


def _chat_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body of the Responses API as the same question to chat completions."""
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
        item = mapping(raw, f"input[{index}]")
        if item.get("type", "message") != "message":
            raise BadRecord(f"input[{index}] is of type {plain(str(item['type']), 30)}, not a message")
        content = text_of(item.get("content"), f"input[{index}]")
        messages.append({"role": item.get("role"), "content": content})
    chat: dict[str, Any] = {
        "messages": messages,
        "max_tokens": body.get("max_output_tokens"),
        "tool_choice": body.get("tool_choice"),
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
    }
    if isinstance(reasoning := body.get("reasoning"), dict):
        chat["reasoning_effort"] = reasoning.get("effort")
    if isinstance(text := body.get("text"), dict) and isinstance(form := text.get("format"), dict):
        chat["response_format"] = _response_format(form)
    if tools := body.get("tools"):
        chat["tools"] = [_tool(tool) for tool in tools] if isinstance(tools, list) else tools
    return chat


def _response_format(form: Mapping[str, Any]) -> dict[str, Any]:
    if form.get("type") != "json_schema":
        return dict(form)
    return {"type": "json_schema", "json_schema": {key: form[key] for key in form if key != "type"}}


def _tool(raw: object) -> dict[str, Any]:
    tool = mapping(raw, "a tool")
    if tool.get("type") != "function":
        raise BadRecord(f"a tool of type {plain(str(tool.get('type')), 30)} exists only in the Responses API")
    return {"type": "function", "function": {key: tool[key] for key in tool if key != "type"}}
