"""A recorded request, checked: only what the service would take and what may be replayed.

Kept of a recorded chat-completions body: ``messages``, ``max_tokens`` or ``max_completion_tokens``, and the
parameters of ``_PARAMS``. Left out: ``model`` (a deployment is drawn instead), ``stream`` (decided by the
rollout file), ``logit_bias`` (token numbers differ between models), ``user``, ``metadata``, ``store``,
``logprobs``, ``service_tier`` and whatever is not named here. ``n`` above 1 is refused: it multiplies the cost.
Deprecated words (functions, calls without ids) are replayed in today's (``legacy_chat``). A refusal names the
field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.base._legacy_chat import in_todays_words
from tui.base.text import plain

MAX_REQUEST_BYTES = 1_000_000

_MAX_TOKENS = 10_000_000


class BadRecord(ValueError):
    """A record that cannot be replayed; the text says why, without quoting the prompt."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it was recorded. ``task`` and ``expected`` are None where the record names none."""

    messages: tuple[Mapping[str, Any], ...]
    task: str | None = None
    max_tokens: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    expected: str | None = None


def recorded(body: Mapping[str, Any], *, task: str | None = None, expected: str | None = None) -> Recorded:
    """The request in a chat-completions body. Raises BadRecord."""
    body = in_todays_words(body)
    messages = _messages(body.get("messages"))
    params = _params(body)
    name = "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens"
    limit = whole(body.get(name))
    if limit is not None and not (_is_int(limit) and 0 < limit <= _MAX_TOKENS):
        raise BadRecord(f"{name} is not a whole number from 1 to {_MAX_TOKENS:,}")
    _check_size({"messages": messages, "params": params, "expected": expected, "task": task})
    return Recorded(messages, task, limit, params, expected)


def read_chat(record: Mapping[str, Any]) -> Recorded:
    """A chat line: fine-tuning data, a stored body, or a task with its known answer.

    A trailing assistant message is the recorded answer: it is not sent, and is expected unless ``expected``
    says otherwise.
    """
    messages = record.get("messages")
    expected = record.get("expected")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        last = messages[-1]
        if last.get("role") == "assistant":
            if len(messages) == 1:
                raise BadRecord("messages: there is nothing but an answer")
            messages = messages[:-1]
            expected = last.get("content") if expected is None else expected
    task = record.get("task")
    return recorded(
        {**record, "messages": messages},
        task=task if isinstance(task, str) else None,
        expected=expected if isinstance(expected, str) else None,
    )


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """``value`` if it is a JSON object. Raises BadRecord naming ``what``."""
    if not isinstance(value, dict):
        raise BadRecord(f"{what} is {_kind(value)}, not an object")
    return value


def parse(text: str | bytes, what: str) -> Any:
    """The JSON value in ``text``. Raises BadRecord naming ``what``."""
    try:
        return json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except UnicodeDecodeError as error:
        raise BadRecord(f"{what} is not UTF-8 (byte {error.start + 1})") from error
    except json.JSONDecodeError as error:
        raise BadRecord(f"{what} is not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise BadRecord(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise BadRecord(f"{what} has a number with too many digits") from error


def unpack(value: object, what: str) -> Any:
    """``value``, parsed when it is JSON in a string. Raises BadRecord."""
    return parse(value, what) if isinstance(value, str) else value


def whole(value: Any) -> Any:
    """``value``, as an integer where it is a whole float: tables write 256.0 for 256."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def text_of(content: object, what: str) -> str | list[dict[str, str]]:
    """Message content: a string, or a list of text parts. Raises BadRecord for anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        raise BadRecord(f"{what} has {_kind(content)} as content")
    return [{"type": "text", "text": _part_text(part, what)} for part in content]


def _part_text(part: object, what: str) -> str:
    if not isinstance(part, dict):
        raise BadRecord(f"{what} has {_kind(part)} as a content part")
    kind = part.get("type", "text" if "text" in part else None)
    text = part.get("refusal" if kind == "refusal" else "text")
    if kind not in ("text", "input_text", "output_text", "refusal"):
        raise BadRecord(f"{what} has a part of type {plain(str(kind), 30)}; only text is replayed")
    if not isinstance(text, str):
        raise BadRecord(f"{what} has a text part without text")
    return text


def _messages(value: object) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not value:
        raise BadRecord(f"messages is {_kind(value)}, not a list of messages")
    checked: list[Mapping[str, Any]] = []
    unanswered: set[str] = set()
    for index, raw in enumerate(value):
        what = f"messages[{index}]"
        message = _message(mapping(raw, what), what)
        if message["role"] == "tool":
            if message["tool_call_id"] not in unanswered:
                raise BadRecord(f"{what} answers a tool call that was not made")
            unanswered.discard(message["tool_call_id"])
        elif unanswered:
            raise BadRecord(f"{what} comes before the answers to the tool calls")
        unanswered.update(call["id"] for call in message.get("tool_calls", ()))
        checked.append(message)
    if unanswered:
        raise BadRecord(f"messages[{len(value) - 1}]: the last tool_calls have no answers")
    return tuple(checked)


def _message(raw: Mapping[str, Any], what: str) -> dict[str, Any]:
    role, content = raw.get("role"), raw.get("content")
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise BadRecord(f"{what} has the role {plain(str(role), 30)}")
    message: dict[str, Any] = {"role": role}
    calls = raw.get("tool_calls") if role == "assistant" else None
    if calls:
        message["tool_calls"] = _tool_calls(calls, what)
    if content is not None or not calls:
        message["content"] = text_of(content, what)
    if isinstance(raw.get("name"), str) and role != "tool":
        message["name"] = raw["name"]
    if role == "tool":
        if not isinstance(raw.get("tool_call_id"), str):
            raise BadRecord(f"{what} is a tool message without tool_call_id")
        message["tool_call_id"] = raw["tool_call_id"]
    return message


def _tool_calls(calls: object, what: str) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise BadRecord(f"{what} has {_kind(calls)} as tool_calls")
    kept = []
    for call in calls:
        function = mapping(mapping(call, f"a tool call of {what}").get("function"), f"a tool call of {what}")
        name, arguments = function.get("name"), function.get("arguments")
        if not (isinstance(call.get("id"), str) and isinstance(name, str) and isinstance(arguments, str)):
            raise BadRecord(f"{what} has a tool call without id, name or arguments")
        kept.append({"id": call["id"], "type": "function", "function": {"name": name, "arguments": arguments}})
    return kept


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_str(value: object) -> bool:
    return isinstance(value, str)


def _is_stop(value: object) -> bool:
    return _is_str(value) or (isinstance(value, list) and all(map(_is_str, value)))


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))


_PARAMS: Mapping[str, Callable[[object], bool]] = {
    "temperature": _is_number,
    "top_p": _is_number,
    "presence_penalty": _is_number,
    "frequency_penalty": _is_number,
    "stop": _is_stop,
    "seed": _is_int,
    "response_format": _is_object,
    "tools": _is_objects,
    "tool_choice": lambda value: _is_str(value) or _is_object(value),
    "parallel_tool_calls": lambda value: isinstance(value, bool),
    "reasoning_effort": _is_str,
}


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
    if body.get("n", 1) not in (1, None):
        raise BadRecord("n asks for more than one answer, or is no number")
    kept = {}
    for name, right in _PARAMS.items():
        value = whole(body.get(name)) if name == "seed" else body.get(name)
        if value is None or value == []:
            continue
        if not right(value):
            raise BadRecord(f"{name} is {_kind(value)}, which the service does not take")
        kept[name] = value
    return kept


def _check_size(request: Mapping[str, Any]) -> None:
    try:
        size = len(json.dumps(request, ensure_ascii=False, allow_nan=False).encode())
    except UnicodeEncodeError as error:
        raise BadRecord("messages: the text has half of a surrogate pair") from error
    except ValueError as error:
        raise BadRecord("messages or a parameter: a number is NaN or infinite") from error
    except RecursionError as error:
        raise BadRecord("messages or a parameter: nested too deeply") from error
    if size > MAX_REQUEST_BYTES:
        raise BadRecord(f"messages: the request has {size:,} bytes; the limit is {MAX_REQUEST_BYTES:,}")


def _kind(value: object) -> str:
    if value is None:
        return "missing"
    if value in ([], {}, ""):
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
