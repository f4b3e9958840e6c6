"""Chat bodies in older words, said in today's: functions as tools, and calls without ids with ids.

Nothing is checked here: what is not understood stays as it is, and whoever checks the body refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_SPECIAL = frozenset({"function_call", "tool_calls", "refusal"})


def in_todays_words(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with ``tools`` for ``functions``, ``tool_choice`` for ``function_call``, and its messages with
    ``tool_calls`` for ``function_call`` and the role ``tool`` for ``function``.

    Source: OpenAI, API reference, "Create chat completion" (deprecated fields).
    """
    new = dict(body)
    if isinstance(functions := new.pop("functions", None), list) and not new.get("tools"):
        new["tools"] = [{"type": "function", "function": function} for function in functions]
    choice = new.pop("function_call", None)
    if choice is not None and new.get("tool_choice") is None:
        named = isinstance(choice, dict)
        new["tool_choice"] = {"type": "function", "function": choice} if named else choice
    if isinstance(messages := new.get("messages"), list) and any(map(_is_special, messages)):
        new["messages"] = _Conversation().all(messages)
    return new


def _is_special(message: object) -> bool:
    """Whether there is more in a message than what somebody said."""
    return isinstance(message, dict) and (
        message.get("role") in ("function", "tool") or not _SPECIAL.isdisjoint(message)
    )


class _Conversation:
    """Messages one after the other, and the calls that wait for an answer."""

    def __init__(self) -> None:
        self._open: list[tuple[str, object]] = []
        self._used: set[str] = set()

    def all(self, messages: list[Any]) -> list[Any]:
        """The messages in today's words."""
        self._used = {
            call["id"]
            for message in messages
            if isinstance(message, dict) and isinstance(calls := message.get("tool_calls"), list)
            for call in calls
            if isinstance(call, dict) and isinstance(call.get("id"), str)
        }
        return [new for old in messages for new in (self._one(old) if isinstance(old, dict) else [old])]

    def _one(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        role = message.get("role")
        if role == "assistant":
            return [self._of_assistant(dict(message))]
        if role == "function":
            return self._result(message)
        if role == "tool":
            message = dict(message)
            if message.get("tool_call_id") is None and (found := self._answered(message)) is not None:
                message["tool_call_id"] = found
            self._open = [call for call in self._open if call[0] != message.get("tool_call_id")]
        return [message]

    def _of_assistant(self, message: dict[str, Any]) -> dict[str, Any]:
        old = message.pop("function_call", None)
        if isinstance(old, dict) and not message.get("tool_calls"):
            message["tool_calls"] = [{"function": old}]
        if isinstance(calls := message.get("tool_calls"), list):
            message["tool_calls"] = [self._call(call) for call in calls]
        if message.get("content") is None and isinstance(refusal := message.get("refusal"), str):
            message["content"] = refusal
        return message

    def _call(self, call: object) -> object:
        if not isinstance(call, dict) or not isinstance(function := call.get("function"), dict):
            return call
        arguments = function.get("arguments")
        if arguments is None or isinstance(arguments, dict):
            function = {**function, "arguments": json.dumps(arguments or {}, ensure_ascii=False)}
        name = call.get("id")
        if name is None:
            name = self._new_id()
        if isinstance(name, str):
            self._open.append((name, function.get("name")))
        return {**call, "id": name, "function": function}

    def _result(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """A result of a function; where no call waits for it, the call is put before it."""
        made: list[dict[str, Any]] = []
        found = self._answered(message)
        if found is None:
            found = self._new_id()
            call = {"id": found, "function": {"name": message.get("name"), "arguments": "{}"}}
            made = [{"role": "assistant", "content": None, "tool_calls": [call]}]
        self._open = [call for call in self._open if call[0] != found]
        return [*made, {"role": "tool", "tool_call_id": found, "content": message.get("content")}]

    def _answered(self, message: dict[str, Any]) -> str | None:
        """The oldest open call of that name, else the oldest."""
        name = message.get("name", message.get("tool_name"))
        return next((id for id, of in self._open if of == name), self._open[0][0] if self._open else None)

    def _new_id(self) -> str:
        number = len(self._used) + 1
        while (name := f"call_{number}") in self._used:
            number += 1
        self._used.add(name)
        return name
