"""Mistakes of one rollout file, each with its line: those that a single value shows, and a place for others."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tui.base.problems import Problem, Severity, field_name, nearest, quoted
from tui.rollout._types import RULE, keys_of
from tui.rollout.rollout import TABLES, RolloutFile, adapter

Place = tuple[str | int, ...]
"""The way to a value from the top of the document: keys, and positions in lists from 0."""

_MAX_PROBLEMS = 100
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\\]*"|'[^']*')"""
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEYS})[ \t]*\]\]?[ \t]*(?:#.*)?")
_PAIR = re.compile(rf"[ \t]*({_KEYS})[ \t]*=")
_ONE_KEY = re.compile(_KEY)
_FENCES = ('"""', "'''")


class Findings:
    """Problems of ``document``, written as ``text``, in the order in which they are found; after 100 of them
    the rest is only counted."""

    def __init__(self, document: dict[str, Any], text: str) -> None:
        self.document = document
        self._lines = key_lines(text)
        self._problems: list[Problem] = []
        self._places: set[Place] = set()
        self._more = 0

    def error(self, place: Place, value: str, remedy: str) -> None:
        self._places.update(place[:n] for n in range(1, len(place) + 1))
        self._add(place, value, remedy, "error")

    def warning(self, place: Place, value: str, remedy: str) -> None:
        self._add(place, value, remedy, "warning")

    def require(self, place: Place, value: object, remedy: str) -> None:
        """A missing value is a mistake unless a wrong one stood there: that one was already reported."""
        if value is None and not self.wrong(*place):
            self.error(place, "", f"missing; {remedy}")

    def wrong(self, *place: str | int) -> bool:
        """Whether a mistake was found at this place or inside it."""
        return place in self._places

    def stands(self, *place: str | int) -> Any:
        """What the file says at this place; None where it says nothing, or something wrong in itself."""
        value: Any = self.document
        for part in place:
            if isinstance(value, dict):
                value = value.get(part)
            else:
                value = value[part] if isinstance(value, list) and isinstance(part, int) else None
        return value

    @property
    def any_error(self) -> bool:
        return any(p.severity == "error" for p in self._problems) or self._more > 0

    def problems(self) -> tuple[Problem, ...]:
        if not self._more:
            return tuple(self._problems)
        return (*self._problems, Problem("", "", f"and {self._more} more; mend these first"))

    def _add(self, place: Place, value: str, remedy: str, severity: Severity) -> None:
        if len(self._problems) >= _MAX_PROBLEMS:
            self._more += severity == "error"
            return
        self._problems.append(Problem(field_name(place), value, remedy, severity, self._line(place)))

    def _line(self, place: Place) -> int | None:
        for n in range(len(place), 0, -1):
            if place[:n] in self._lines:
                return self._lines[place[:n]]
        return None


def key_lines(text: str) -> dict[Place, int]:
    """The line, from 1, of each table header and key. A key inside an inline table has none of its own.

    tomllib keeps no positions, so the lines are read once more for their headers and keys alone.
    """
    lines: dict[Place, int] = {}
    entries: Counter[Place] = Counter()
    table: Place = ()
    fence: str | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if fence is not None:
            fence = None if fence in line else fence
        elif header := _HEADER.fullmatch(line.rstrip()):
            table = _keys(header[2])
            if header[1] == "[[":
                entries[table] += 1
                table = (*table, entries[table] - 1)
            lines.setdefault(table, number)
        elif pair := _PAIR.match(line):
            lines.setdefault((*table, *_keys(pair[1])), number)
            value = line[pair.end() :].lstrip()
            fence = next((f for f in _FENCES if value.startswith(f) and f not in value[3:]), None)
    return lines


def _keys(dotted: str) -> Place:
    return tuple(key.strip("\"'") for key in _ONE_KEY.findall(dotted))


_SHOWABLE_OF_ENDPOINT = frozenset({"api", "api_version", "entra", "max_tokens_key", "resource"})
_KEYS_OF_ENDPOINT = ("key_env", "key_header", "max_tokens_key")
_TYPE_RULES = {
    "string_type": "must be text in quotes",
    "float_type": "must be a number, without quotes",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "dict_type": "must be a table",
    "dataclass_type": "must be a table",
    "list_type": "must be a list in square brackets",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
}
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def parse(findings: Findings, folder: Path) -> RolloutFile:
    """The document as tables, without the values that are wrong in themselves: each goes to ``findings``.

    The wrong values are taken out of the document, so that the rest can still be judged.
    """
    while True:
        try:
            return adapter().validate_python(findings.document, context=folder)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                _report(details, findings)


def _report(details: ErrorDetails, findings: Findings) -> None:
    unknown = details["type"] == "unexpected_keyword_argument"
    of_key = details["loc"][-1] == "[key]" and not unknown
    place: Place = details["loc"][:-1] if of_key else details["loc"]
    if unknown:
        findings.error(place, "", _unknown_key(place, details["input"]))
    else:
        shown = quoted(details["input"]) if not of_key and _showable(place) else ""
        findings.error(place, shown, _remedy(details))
    _remove(findings.document, place)


def _unknown_key(place: Place, value: object) -> str:
    """The value is never shown: ``api_key = "..."`` is the likeliest unknown key."""
    key, top = str(place[-1]), str(place[0]) if len(place) > 1 else ""
    table = TABLES[tuple("*" if _is_free(place, i) else str(part) for i, part in enumerate(place[:-1]))]
    known = keys_of(table)
    guess = nearest(key, known)
    if isinstance(value, dict) and len(place) == 3 and _is_free(place, 1) and guess is None:
        name = quoted(f"{place[1]}.{key}")
        return f"unknown key; if the name is {name}, it needs the quotes: [{place[0]}.{name}]"
    if top == "endpoints" and "key" in key.lower() and nearest(key, _KEYS_OF_ENDPOINT) is None:
        return "unknown key; put the key in an environment variable and name that with key_env"
    if top == "notify" and ("url" in key.lower() or "key" in key.lower()) and not key.endswith("_env"):
        return "unknown key; put it into an environment variable and name that with url_env or key_env"
    if top == "control_plane" and "token" in key.lower():
        return "unknown key; put the token in an environment variable and name that with token_env"
    return f"unknown key; did you mean {guess}?" if guess else f"unknown key; known here: {', '.join(known)}"


def _is_free(place: Place, index: int) -> bool:
    """Whether the part is a name that the user chose, or a position in a list."""
    return isinstance(place[index], int) or (index == 1 and place[0] in ("endpoints", "deployments", "tasks"))


def _showable(place: Place) -> bool:
    """Whether a wrong value may be shown: about what needs a credential only what cannot be a secret."""
    if place[0] == "control_plane":
        return place[-1] in ("entra", "write")
    if place[0] == "notify":
        return "url_env" not in place and "key_env" not in place
    return place[0] != "endpoints" or (len(place) == 3 and place[2] in _SHOWABLE_OF_ENDPOINT)


def _remedy(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == RULE:
        return details["msg"]
    if kind == "literal_error":
        choices = re.findall(r"'([^']+)'", str(context["expected"]))
        guess = nearest(details["input"], choices) if isinstance(details["input"], str) else None
        rule = " | ".join(f'"{choice}"' for choice in choices)
        return f"must be {rule}" + (f"; did you mean {guess}?" if guess and len(choices) > 1 else "")
    if kind in ("too_long", "string_too_long"):
        return f"too long: at most {context['max_length']}"
    if bounds := [f"{_BOUNDS[name]} {limit:g}" for name, limit in context.items() if name in _BOUNDS]:
        return f"must be {bounds[0]}"
    return _TYPE_RULES.get(kind, details["msg"])


def _remove(document: Any, place: Place) -> None:
    try:
        for part in place[:-1]:
            document = document[part]
        if isinstance(document, list):
            document[int(place[-1])] = {}  # kept in its position, so that the others keep theirs
        else:
            del document[place[-1]]
    except KeyError:
        return  # went with the table around it: both had a mistake
