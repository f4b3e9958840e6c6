"""Collecting the mistakes of one rollout file, each with its line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from tui.base.problems import Problem, Severity, field_name

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
    """Problems in the order in which they are found; after 100 of them the rest is only counted."""

    def __init__(self, lines: Mapping[Place, int] = MappingProxyType({})) -> None:
        self._lines = lines
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
