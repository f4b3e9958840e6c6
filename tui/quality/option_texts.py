"""Options of a question named by their text instead of their letter."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tui.quality.number import only_number
from tui.quality.reading import flat
from tui.quality.weights import SEVERAL, Several

_AROUND_SIGNS = re.compile(r"\s*([-–—+*/=<>(),:×÷^])\s*")
_LEADING_ZEROS = re.compile(r"(?<![\d.,])0+(?=\d)")
_TRIMMED = " .,;:!?\"'"
_SHORT_CHARS = 5
_TOLD_BY_CHARS = 30
_NUMBER_CHARS = 60
_AROUND_CHARS = 200


class OptionTexts:
    """The texts of the options, comparable with pieces of a reply.

    Compared without case, quotes, blanks around signs, leading zeros and closing punctuation; ``p = 8`` and
    ``8`` are one where no other option has that number. Options with the same text are one: the wanted letter.
    """

    def __init__(self, options: Mapping[str, str], wanted: str) -> None:
        by_text: dict[str, str] = {}
        self._texts = {letter: _normal(text) for letter, text in options.items()}
        for letter, text in self._texts.items():
            if text and (text not in by_text or letter == wanted):
                by_text[text] = letter
        self._by_text = by_text
        self._longest = max(map(len, options.values()), default=0) + _AROUND_CHARS
        numbers = {letter: only_number(flat(text)) for letter, text in options.items()}
        self.all_numbers = bool(numbers) and None not in numbers.values()
        """Every option has one number."""
        self._by_number = {
            number: by_text[self._texts[letter]]
            for letter, number in numbers.items()
            if number is not None and len({self._texts[o] for o, n in numbers.items() if n == number}) == 1
        }

    def alike(self, one: str, other: str) -> bool:
        """Whether two letters stand for the same text."""
        return self._texts.get(one) == self._texts.get(other)

    def whole(self, text: str) -> str | None:
        """The option that ``text`` is, word for word."""
        return self._by_text.get(_normal(text)) if len(text) <= self._longest else None

    def begins(self, rest: str, letter: str) -> bool:
        """Whether ``rest`` begins as the option's text does."""
        option, given = self._texts.get(letter, ""), _normal(rest[: self._longest])
        return bool(option) and (
            _starts(given, option)
            or given.startswith(option[:_TOLD_BY_CHARS] + " ")
            or (len(option) > _TOLD_BY_CHARS and given.startswith(option[:_TOLD_BY_CHARS]))
        )

    def stated(self, text: str) -> str | None:
        """The option whose text a statement gives, with or without words around it."""
        if (letter := self.whole(text)) is not None:
            return letter
        given = _normal(text)
        short = [letter for option, letter in self._by_text.items() if _starts(given, option)]
        if short:
            return max(short, key=lambda letter: len(self._texts[letter]))
        named = self.named(text) or self.numbered(text)
        # A statement that only mentions several goes on about them: "correct, because 2 x 12 = 24".
        return None if isinstance(named, Several) else named

    def named(self, text: str) -> str | Several | None:
        """The only option whose text stands in ``text``; very short ones are not looked for in running text."""
        given = _normal(text)
        places: dict[str, list[tuple[int, int]]] = {}
        for option, letter in self._by_text.items():
            if len(option) > _SHORT_CHARS or any(c.isdigit() for c in option):
                places[letter] = _places(given, option)
        found = [
            letter for letter, own in places.items() if any(not _inside(place, letter, places) for place in own)
        ]
        return None if not found else found[0] if len(found) == 1 else SEVERAL

    def numbered(self, text: str) -> str | None:
        """The option with the only number of a short text."""
        number = only_number(text[:_NUMBER_CHARS]) if len(text) <= _NUMBER_CHARS else None
        return self._by_number.get(number) if number is not None else None


def _normal(text: str) -> str:
    text = _AROUND_SIGNS.sub(r"\1", flat(text).casefold().replace("–", "-").replace("—", "-"))
    return _LEADING_ZEROS.sub("", text).replace('"', "").strip(_TRIMMED)


def _starts(given: str, option: str) -> bool:
    return given.startswith(option) and _is_edge(given, len(option))


def _is_edge(text: str, at: int) -> bool:
    """Whether a word or number may end at ``at``."""
    after = text[at : at + 2]
    return not (after[:1].isalnum() or (after[:1] in (".", ",", "/") and after[1:].isdigit()))


def _places(text: str, option: str) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    at = text.find(option)
    while at >= 0 and len(places) < 100:
        end = at + len(option)
        before = text[at - 1 : at]
        joined = before.isalnum() or (option[0].isdigit() and before in ("-", ".", ",", "/"))
        if not joined and _is_edge(text, end):
            places.append((at, end))
        at = text.find(option, end)
    return places


def _inside(place: tuple[int, int], letter: str, places: Mapping[str, list[tuple[int, int]]]) -> bool:
    """Whether a place lies within a longer option's."""
    return any(
        start <= place[0] and place[1] <= end and (start, end) != place
        for other, others in places.items()
        if other != letter
        for start, end in others
    )
