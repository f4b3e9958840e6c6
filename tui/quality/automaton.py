"""Searching a text with an automaton: one pass, whatever the text.

All ways to match are followed at once (Thompson's construction; R. Cox, "Regular Expression Matching Can Be
Simple And Fast", 2007). Asked is only "is it found?". What was once worked out for a set of states and a kind
of character is remembered, so that most characters cost one look-up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Assertion = Literal["^", "$", "b", "B", "A", "Z"]

# What stands on one side of a place: nothing, a line end, a letter of a word, another character.
_NOTHING, _LINE_END, _IN_WORD, _OTHER = range(4)

_MAX_REMEMBERED = 20_000
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class State:
    """One step: take a character of a class, hold to an assertion, or go on in several ways."""

    take: int | None = None
    hold: Assertion | None = None
    to: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Automaton:
    """A compiled pattern. ``classes`` match one character each; a state without a way on is the end."""

    states: tuple[State, ...]
    classes: tuple[re.Pattern[str], ...]
    start: int
    multiline: bool

    def found_in(self, text: str) -> bool:
        """Whether the pattern matches anywhere in ``text``."""
        return _Search(self).run(text)


class _Search:
    """One search: the sets of states that are possible at once, and where each kind of character leads."""

    def __init__(self, automaton: Automaton) -> None:
        self._automaton = automaton
        self._kinds: dict[str, tuple[int, int]] = {}
        self._known: dict[tuple[frozenset[int], int, int, int], frozenset[int] | None] = {}

    def run(self, text: str) -> bool:
        possible, before = frozenset({self._automaton.start}), _NOTHING
        last = len(text) - 1
        for place, character in enumerate(text):
            kind = self._kinds.get(character)
            if kind is None:
                kind = self._kinds[character] = self._kind(character)
            taken, side = kind
            # $ also holds before a line end that is the last character, as in re.
            ending = place == last and side == _LINE_END
            key = (possible, before, taken, side + 4 * ending)
            if key in self._known:
                after = self._known[key]
            else:
                if len(self._known) >= _MAX_REMEMBERED:
                    self._known.clear()
                after = self._known[key] = self._step(possible, before, taken, side, ending)
            if after is None:
                return True
            possible, before = after, side
        return self._step(possible, before, 0, _NOTHING, True) is None

    def _kind(self, character: str) -> tuple[int, int]:
        """The classes that a character belongs to, as bits, and what it is to its neighbours."""
        bits = sum(1 << i for i, each in enumerate(self._automaton.classes) if each.fullmatch(character))
        side = _LINE_END if character == "\n" else _IN_WORD if _WORD.match(character) else _OTHER
        return bits, side

    def _step(
        self, possible: frozenset[int], before: int, taken: int, side: int, ending: bool
    ) -> frozenset[int] | None:
        """The states after a character; None when the pattern is found before it."""
        states = self._automaton.states
        seen, left = set(possible), list(possible)
        after = {self._automaton.start}
        while left:
            state = states[left.pop()]
            if state.take is not None:
                if taken >> state.take & 1:
                    after.update(state.to)
                continue
            if state.hold is not None and not self._holds(state.hold, before, side, ending):
                continue
            if not state.to:
                return None
            left += [each for each in state.to if each not in seen]
            seen.update(state.to)
        return frozenset(after)

    def _holds(self, assertion: Assertion, before: int, side: int, ending: bool) -> bool:
        lines = self._automaton.multiline
        if assertion == "A" or (assertion == "^" and not lines):
            return before == _NOTHING
        if assertion == "^":
            return before in (_NOTHING, _LINE_END)
        if assertion == "$":
            return ending or (lines and side == _LINE_END)
        if assertion == "Z":
            return side == _NOTHING
        return ((before == _IN_WORD) != (side == _IN_WORD)) is (assertion == "b")
