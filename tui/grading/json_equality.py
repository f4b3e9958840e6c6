"""``json``: the reply is the expected JSON value."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tui.grading.reading import BadExpected, graded, ungraded
from tui.model import Grade

MAX_JSON_CHARS = 2_000_000

_FENCE = re.compile(r"^[ \t>]{0,8}(?:```|~~~)[`~]{0,8}[ \t]{0,8}(\w{0,20})[ \t]{0,8}\r?$", re.MULTILINE)
_OPENING = re.compile(r"\{\s*[\"}]|\[\s*[\"{\[\]\dtfn-]")
_MAX_TRIES = 100


class _Broken(ValueError):
    """What began as JSON does not go on as JSON."""


def grade_json(reply: str, expected: str) -> Grade:
    """Whether the JSON in the reply has the expected value.

    Equal are objects whatever the order of their keys, numbers by value (1 and 1.0, but not true), arrays in
    order, strings letter for letter. What counts as the answer: the whole reply; else what stands in code
    fences; else, where an object or an array is expected, the objects or arrays in the running text, each taken
    whole, never a part of a broken one. Passed over are what stands before ``</think>`` and, next to other
    arrays, those like ``[1]`` that point to a source. Several that are equal are one; several that differ are
    no answer. NaN and Infinity are not JSON; of a key that stands twice the last counts. A reply of more than
    2,000,000 characters is not read. Raises BadExpected.
    """
    wanted = json_expected(expected)
    if not reply.strip():
        return ungraded("the reply is empty")
    if len(reply) > MAX_JSON_CHARS:
        return ungraded("too long to be read as JSON", reply)
    try:
        found = _values(reply, type(wanted))
    except _Broken as error:
        return ungraded(str(error), reply)
    if not found:
        return ungraded("no JSON found", reply)
    text, value = found[0]
    if not all(_equal(value, other) for _, other in found[1:]):
        return ungraded("several JSON values that differ", text)
    return graded(_equal(value, wanted), text, "the JSON in the reply")


def json_expected(expected: str) -> Any:
    """The expected value. Raises BadExpected."""
    try:
        return _parsed(expected)
    except _Broken as error:
        raise BadExpected(f"expected is no JSON value: {error}") from error


_THOUGHT = "</think>"
_CITED = re.compile(r"\[\d{1,3}(?:, ?\d{1,3})?\]")
"""An array that may as well point to a source, in one line."""


def _values(reply: str, kind: type) -> list[tuple[str, Any]]:
    """The JSON values that may be the answer, each with its text. Raises _Broken."""
    try:
        return [(reply, _parsed(reply))]
    except _Broken:
        reply = reply[reply.rfind(_THOUGHT) + len(_THOUGHT) :] if _THOUGHT in reply else reply
        blocks = list(_fenced(reply))
    found = []
    for block in blocks:
        try:
            found.append((block, _parsed(block)))
        except _Broken:
            continue  # a block may hold code; what is no JSON is looked through below
    if found or kind not in (dict, list):
        return found
    inline = list(_inline(reply, kind))
    return [each for each in inline if not _CITED.fullmatch(each[0])] or inline


def _fenced(reply: str) -> Iterator[str]:
    """What stands between lines of three backticks or tildes, of the first 200 such lines."""
    begin: int | None = None
    for fence in itertools.islice(_FENCE.finditer(reply), 2 * _MAX_TRIES):
        if begin is None:
            begin = fence.end()
        else:
            yield reply[begin : fence.start()]
            begin = fence.end() if fence[1] else None


def _inline(reply: str, kind: type) -> Iterator[tuple[str, Any]]:
    """The objects or arrays in running text. A bracket that no JSON follows is punctuation. Raises _Broken."""
    at = 0
    for _ in range(_MAX_TRIES):
        opening = _OPENING.search(reply, at)
        if opening is None:
            return
        at = opening.start()
        try:
            value, end = _DECODER.raw_decode(reply, at)
        except json.JSONDecodeError as error:
            if reply[at + 1 : error.pos].strip():
                raise _Broken("broken JSON") from error
            at += 1
            continue
        except (RecursionError, ValueError, ArithmeticError) as error:
            raise _Broken(_reason(error)) from error
        if type(value) is kind:
            yield reply[at:end], value
        at = end


def _parsed(text: str) -> Any:
    try:
        return _DECODER.decode(text.strip().removeprefix("\ufeff"))
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise _Broken(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "JSON nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "a number that is not known in JSON"


def _no_constant(name: str) -> Any:
    raise ValueError(name)


# Decimals: no number is rounded, and none is too large to be read or compared.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant)


def _equal(one: Any, other: Any) -> bool:
    left = [(one, other)]
    while left:
        a, b = left.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, dict):
            if a.keys() != b.keys():
                return False
            left += [(value, b[key]) for key, value in a.items()]
        elif isinstance(a, list):
            if len(a) != len(b):
                return False
            left += zip(a, b, strict=True)
        elif a != b:
            return False
    return True
