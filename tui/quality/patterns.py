"""Regular expressions that can be searched in time linear in the text.

Python's ``re`` backtracks: a reply made for it can keep ``.*a.*b.*c`` busy for minutes, and there is no time
limit. So a pattern becomes an ``Automaton``. Known are: literals, ``.``, classes in brackets, ``\\d \\w \\s``
and their opposites, ``\\b \\B \\A \\Z ^ $``, groups, ``|``, ``* + ? {m,n}`` (lazy ones too: they find the
same), and ``(?i) (?m) (?s)`` at the beginning, all as in ``re``. Refused, because they cannot be searched so:
back-references, looking ahead or behind, possessive and atomic forms; and patterns of more than 1,000
characters or 600 states.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tui.quality.automaton import Automaton, State

MAX_PATTERN_CHARS = 1_000
MAX_STATES = 600

_MAX_DEPTH = 50

_QUANTIFIER = re.compile(r"(?:([*+?])|\{(?!\})(\d*)(?:(,)(\d*))?\})([?+]?)")
_MAX_QUANTIFIER_CHARS = 12
_SIGNS: Mapping[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_FLAGS = re.compile(r"\(\?([ims]+)\)")
_GROUP = re.compile(r"\((?:\?:|\?P<[A-Za-z_]\w{0,40}>|(?!\?))")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:[dDwWsSnrtfv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^A-Za-z0-9])", re.DOTALL)


class BadPattern(ValueError):
    """A pattern that cannot be used; the text says what stands where."""


@lru_cache(maxsize=256)
def compile_pattern(source: str) -> Automaton:
    """The automaton of a pattern. Raises BadPattern."""
    if len(source) > MAX_PATTERN_CHARS:
        raise BadPattern(f"it has {len(source):,} characters; the limit is {MAX_PATTERN_CHARS:,}")
    return _Compiler(source).automaton()


_Node = tuple[Any, ...]


@dataclass(slots=True)
class _Compiler:
    """Reads a pattern from left to right into nodes, then makes states of them from the end."""

    source: str
    at: int = 0
    depth: int = 0
    built: int = 0
    flags: re.RegexFlag = re.NOFLAG
    states: list[State] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)

    def automaton(self) -> Automaton:
        while found := _FLAGS.match(self.source, self.at):
            for flag in found[1]:
                self.flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[flag]
            self.at = found.end()
        node = self._alternatives()
        if self.at < len(self.source):
            raise self._bad("a bracket that was not opened")
        start = self._build(node, self._new(State()))
        classes = tuple(re.compile(text, self.flags) for text in self.classes)
        return Automaton(tuple(self.states), classes, start, bool(self.flags & re.MULTILINE))

    def _alternatives(self) -> _Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self._bad("groups nested too deeply")
        found = [self._sequence()]
        while self.source.startswith("|", self.at):
            self.at += 1
            found.append(self._sequence())
        self.depth -= 1
        return ("any", found) if len(found) > 1 else found[0]

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            parts.append(self._repeated(self._atom()))
        return ("all", parts)

    def _repeated(self, node: _Node) -> _Node:
        found = _QUANTIFIER.match(self.source, self.at)
        if found is None:
            return node
        if found[5] == "+":
            raise self._bad("a possessive quantifier")
        if node[0] == "hold":
            raise self._bad("a quantifier after an assertion")
        if len(found[0]) > _MAX_QUANTIFIER_CHARS:
            raise self._bad("a quantifier with too large a number")
        if found[1]:
            low, high = _SIGNS[found[1]]
        else:
            low = int(found[2] or 0)
            high = low if not found[3] else int(found[4]) if found[4] else None
        if high is not None and high < low:
            raise self._bad("a quantifier whose least is more than its most")
        self.at = found.end()
        if _QUANTIFIER.match(self.source, self.at) and self.source[self.at] != "{":
            raise self._bad("a quantifier after a quantifier")
        return ("times", node, low, high)

    def _atom(self) -> _Node:
        character = self.source[self.at]
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        if character in "*+?" or (character == "{" and _QUANTIFIER.match(self.source, self.at)):
            raise self._bad("a quantifier with nothing before it")
        self.at += 1
        if character in "^$":
            return ("hold", character)
        return self._take("." if character == "." else re.escape(character))

    def _group(self) -> _Node:
        found = _GROUP.match(self.source, self.at)
        if found is None:
            raise self._bad("a group of a kind that is not searched (looking around, a condition, flags)")
        self.at = found.end()
        node = self._alternatives()
        if not self.source.startswith(")", self.at):
            raise self._bad("a bracket that is not closed")
        self.at += 1
        return node

    def _class(self) -> _Node:
        found = _CLASS.match(self.source, self.at)
        if found is None:
            raise self._bad("a class that is not closed")
        inner = found.group()[1:-1]
        if "[" in inner.replace("\\[", "") or any(pair in inner for pair in ("--", "&&", "~~", "||")):
            raise self._bad("a class with [, --, &&, ~~ or || in it; put a backslash before them")
        try:
            re.compile(found.group())
        except re.error as error:
            raise self._bad(error.msg) from error
        self.at = found.end()
        return self._take(found.group())

    def _escape(self) -> _Node:
        after = self.source[self.at + 1 : self.at + 2]
        if after and after in "bBAZ":
            self.at += 2
            return ("hold", after)
        found = _ESCAPE.match(self.source, self.at)
        if found is None:
            raise self._bad("an escape or a back-reference that is not known")
        self.at = found.end()
        return self._take(found.group())

    def _take(self, text: str) -> _Node:
        return ("take", self.classes.setdefault(text, len(self.classes)))

    def _build(self, node: _Node, after: int) -> int:
        """The state with which ``node`` begins when ``after`` follows it."""
        self.built += 1
        if self.built > 20 * MAX_STATES:
            raise BadPattern(f"it needs more than {MAX_STATES} states")
        kind = node[0]
        if kind == "take":
            return self._new(State(take=node[1], to=(after,)))
        if kind == "hold":
            return self._new(State(hold=node[1], to=(after,)))
        if kind == "any":
            return self._new(State(to=tuple(self._build(each, after) for each in node[1])))
        if kind == "all":
            for each in reversed(node[1]):
                after = self._build(each, after)
            return after
        _, inner, low, high = node
        start = after
        if high is None:
            start = self._new(State())
            self.states[start] = State(to=(self._build(inner, start), after))
        else:
            for _ in range(high - low):
                start = self._new(State(to=(self._build(inner, start), after)))
        for _ in range(low):
            start = self._build(inner, start)
        return start

    def _new(self, state: State) -> int:
        if len(self.states) >= MAX_STATES:
            raise BadPattern(f"it needs more than {MAX_STATES} states")
        self.states.append(state)
        return len(self.states) - 1

    def _bad(self, what: str) -> BadPattern:
        return BadPattern(f"{what} at character {self.at + 1}")
