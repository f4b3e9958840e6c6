"""Conversations of data sets: ShareGPT, LMSYS-Chat and WildChat."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tui.recorded_request import BadRecord, Recorded, mapping, parse, read_chat
from tui.traffic.bodies import tools_of

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
