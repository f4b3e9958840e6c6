"""Conversations of data sets: ShareGPT, LMSYS-Chat and WildChat.

Bodies in files made for the service or by hand: batch lines, evals, TensorZero datapoints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tui.base.recorded_request import BadRecord, Recorded, mapping, parse, read_chat, recorded, unpack
from tui.base.text import plain
from tui.traffic.bodies import read_body, tools_of

_LISTS = ("conversations", "conversation", "items", "conversation_a")
_ROLES = {
    **dict.fromkeys(("human", "prompter"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "model", "bot", "ai"), "assistant"),
    **dict.fromkeys(("tool", "observation", "function_response"), "function"),
}


def turns_of(record: Mapping[str, Any]) -> tuple[str, list[Any]] | None:
    """The name of the field that holds a conversation, and its turns; None where there is none."""
    for name in _LISTS:
        turns = record.get(name)
        if isinstance(turns, list) and turns and isinstance(turns[0], dict):
            if "from" in turns[0] and "value" in turns[0]:
                return name, turns
            if "role" in turns[0] and "content" in turns[0]:
                return name, turns
    return None


def read_conversation(record: Mapping[str, Any]) -> Recorded:
    """A conversation up to its last answer, which is not sent. Of a battle of two models the first is read.

    Turns have ``from`` and ``value`` (ShareGPT; with ``system`` and ``tools`` beside them as LLaMA-Factory
    writes it) or ``role`` and ``content`` (LMSYS-Chat-1M, WildChat).
    """
    found = turns_of(record)
    if found is None:
        raise BadRecord("conversations has no turns with from and value, or role and content")
    name, turns = found
    messages = [_message(mapping(turn, f"{name}[{i}]"), f"{name}[{i}]") for i, turn in enumerate(turns)]
    system = record.get("system") or record.get("system_prompt")
    if isinstance(system, str) and messages[0].get("role") != "system":
        messages.insert(0, {"role": "system", "content": system})
    return read_chat(
        {
            "messages": messages,
            "tools": tools_of(record.get("tools") or None, "tools"),
            "task": record.get("task"),
            "expected": record.get("expected"),
        }
    )


def _message(turn: Mapping[str, Any], what: str) -> dict[str, Any]:
    role = turn.get("role", turn.get("from"))
    content = turn.get("content", turn.get("value"))
    if role == "function_call":
        return {"role": "assistant", "content": None, "tool_calls": _calls(content, f"{what}.value")}
    kept = {key: turn[key] for key in ("tool_calls", "function_call", "tool_call_id", "name") if turn.get(key)}
    role = _ROLES.get(role, role) if isinstance(role, str) else role
    if role == "function":
        if "tool_call_id" in kept:
            role = "tool"
        else:
            kept.setdefault("name", "tool")
    return {"role": role, "content": content, **kept}


def _calls(content: object, what: str) -> list[dict[str, Any]]:
    if not isinstance(content, str):
        raise BadRecord(f"{what} is no text with a function call")
    parsed = parse(content, what)
    calls = []
    for raw in parsed if isinstance(parsed, list) else [parsed]:
        call = mapping(raw, what)
        arguments = call.get("arguments", {})
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        calls.append({"function": {"name": call.get("name"), "arguments": text}})
    return calls


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
