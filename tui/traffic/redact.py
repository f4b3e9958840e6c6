"""E-mail addresses, phone and card numbers out of recorded requests, before anything else sees them.

Taken for a phone number: an international one (``+`` or ``00``, then 7 to 15 digits), a national one with its
leading 0 (8 to 12 digits), and the North American grouping 3-3-4. Digits without any of these marks are left
alone, and so are dates, years and amounts. A card number has 13 to 19 digits in groups of at least three and a
right Luhn check digit (ISO/IEC 7812-1).

The time is linear in the length of the text, whatever it holds: a pattern gives no characters back, or it is
bounded to a few dozen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tui.base.recorded_request import Recorded

_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]++@[\w-]++(?:\.[\w-]++)++")

_DASH = r"\-\u2010-\u2013"
_NUMBERS = re.compile(rf"[+(]?[0-9][0-9 ()./+\u00a0{_DASH}]{{5,}}+")
_GLUED = re.compile(r"(?:\w|[0-9][:,.]|[$€£#])\Z")
_GROUP = re.compile(r"[0-9]+")
_DECIMALS = re.compile(r"(?<=[0-9])\.\Z")
_CARD_GAP = re.compile(rf"[ .\u00a0{_DASH}]{{1,3}}")

_NEXT_DIGIT = rf"[ ()./\u00a0{_DASH}]{{0,3}}[0-9]"
_DATE = r"\(?[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}(?![0-9])"
_PHONE = re.compile(
    rf"(?<![\w+])\+\(?[1-9](?:{_NEXT_DIGIT}){{6,14}}(?![0-9])"
    rf"|(?<![\w.+/-])00 ?[1-9](?:{_NEXT_DIGIT}){{6,14}}(?![0-9])"
    rf"|(?<![\w.+/-])(?!{_DATE})\(?0[1-9](?:{_NEXT_DIGIT}){{6,10}}(?![0-9])"
    r"|(?<![\w.+-])(?:1[ .-]{1,2})?(?:\([0-9]{3}\) {0,2}|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?![0-9])"
)

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def redact(text: str) -> str:
    """``text`` with ``[email]``, ``[phone]`` and ``[card]`` in place of what they name."""
    if "@" in text:
        text = _EMAIL.sub(_hide_address, text)
    return _NUMBERS.sub(_hide_numbers, text)


def redact_request(request: Recorded) -> Recorded:
    """The request with its messages, tool-call arguments and expected answer redacted."""
    return replace(
        request,
        messages=tuple(_redact_message(message) for message in request.messages),
        expected=None if request.expected is None else redact(request.expected),
    )


def _redact_message(message: Mapping[str, Any]) -> dict[str, Any]:
    clean = dict(message)
    content = message.get("content")
    if isinstance(content, str):
        clean["content"] = redact(content)
    elif isinstance(content, list):
        clean["content"] = [{**part, "text": redact(part["text"])} for part in content]
    if calls := message.get("tool_calls"):
        clean["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": _arguments(call["function"]["arguments"])}}
            for call in calls
        ]
    return clean


def _arguments(text: str) -> str:
    """Tool-call arguments stay JSON when they are JSON: a redacted number becomes text."""
    try:
        return json.dumps(_redact_value(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return redact(text)


def _redact_value(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(key): _redact_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_redact_value(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        text = str(value)
        clean = redact(text)
        return value if clean == text else clean
    return value


def _hide_address(match: re.Match[str]) -> str:
    # "pkg@1.2.3" is a version, not an address: a top-level domain has a letter first.
    return "[email]" if match[0].rpartition(".")[2][:1].isalpha() else match[0]


def _hide_numbers(match: re.Match[str]) -> str:
    text, start = _hide_cards(match[0]), match.start()
    head = ""
    if _GLUED.search(match.string, max(0, start - 2), start) and (first := _GROUP.match(text)):
        head, text = first[0], text[first.end() :]
    return head + _PHONE.sub("[phone]", text)


def _hide_cards(text: str) -> str:
    groups = [group.span() for group in _GROUP.finditer(text)]
    clean: list[str] = []
    done, index = 0, 0
    while index < len(groups):
        last = _card_end(text, groups, index)
        if last is None:
            index += 1
            continue
        clean += [text[done : groups[index][0]], "[card]"]
        done = groups[last][1]
        index = last + 1
    return "".join([*clean, text[done:]])


def _card_end(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last group of the longest card number that starts at the group ``first``."""
    digits, found = "", None
    if _DECIMALS.match(text, max(0, groups[first][0] - 1), groups[first][0]):
        return None
    for index in range(first, len(groups)):
        start, end = groups[index]
        if end - start < 3 or len(digits) + end - start > 19:
            break
        if index > first and not _CARD_GAP.fullmatch(text, groups[index - 1][1], start):
            break
        digits += text[start:end]
        if len(digits) >= 13 and _luhn(digits):
            found = index
    return found


def _luhn(digits: str) -> bool:
    """The check digit is right: every second digit from the right doubled, the sum a multiple of ten."""
    reverse = digits.encode()[::-1]
    total = sum(reverse[::2]) + sum(reverse[1::2].translate(_DOUBLED)) - 48 * len(reverse)
    return total % 10 == 0
