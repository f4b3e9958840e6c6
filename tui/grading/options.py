"""Options of a question: those that a prompt lets the model choose among, and which one a piece of a reply
names, by its letter or by its text."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from tui.grading.number import only_number
from tui.grading.reading import flat
from tui.grading.statements import SEVERAL, Several

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


_START_CHARS = 400

_LEAD = (
    r"[\s\"'<:*-]*(?:(?:the )?(?:correct |right |best )?(?:option|choice|letter|answer|alternative|statement)"
    r"\s?[:#]?\s?)"
)
_ON = r"(?:because|since|as|is|was|and|or|for|which|with|but|not|due|given|would|seems|rather|based|it)"
_AT_START = (
    re.compile(r"[\s\"'<:*-]*[(\[{]\s?([A-Za-z])\s?[)\]}]"),
    re.compile(
        _LEAD + r"[\"'(\[]?(?:([B-Zb-z])(?![\w'])|([Aa])(?=[\s.,:;!)\]\"']*$|[.,:;)\]]|\sis\b|\s[-–—]))",
        re.IGNORECASE,
    ),
    re.compile(
        r"[\s\"'<:*-]*(?:([A-Z])(?=[.):;,!|\"\]]|'(?!\w)|\s*$|\s*[&✅✔✓✗✘❌])|([a-z])(?=[.)\"'\]]*\s*$|[.):]\s))"
    ),
    re.compile(r"[\s\"'<:*-]*([A-Z])(?=\s?[–—=→(:]|\s?-\s|\s\|)"),
    re.compile(rf"[\s\"'<:*-]*(?:([B-HJ-Z])(?=\s)|([A-HJ-Zb-hj-z])(?=\s{_ON}\b)|(I)(?=\s(?:is|because)\b))"),
)
"""How a letter stands at the beginning: (B), option B, B., B - and plain B; "a" and "I" may be words."""

_ANOTHER = re.compile(
    r"[\s\"')\]}.]*(?:\b(?:or|and)\b|[/&,;])\s*(?:also |maybe |perhaps |possibly )?(?:[Oo]ption )?[(\[]?"
    r"(?![AI] [a-z])([A-Z])(?![\w'])"
)
_SEPARATOR = re.compile(r"[\s\"'.):,]*(?:[–—-]\s)?\s*")


def letter_at_start(text: str) -> tuple[str, str] | None:
    """The letter with which a text begins, in upper case, and the rest: (B), option B, B., B - text."""
    start = text[:_START_CHARS]
    for pattern in _AT_START:
        if found := pattern.match(start):
            return found[found.lastindex or 1].upper(), text[found.end() :]
    return None


def word_at_start(text: str) -> tuple[str, str]:
    """The first word of a text, and the rest."""
    word, _, rest = text[:_START_CHARS].lstrip(" \"'*:-").partition(" ")
    return word, rest


def another_follows(rest: str, letter: str, letters: Container[str]) -> bool:
    """Whether what stands after a letter goes on with "or C", "and C", "/C", ", C" or "; C"."""
    other = _ANOTHER.match(rest)
    return other is not None and other[1] in letters and other[1] != letter


def past_separator(rest: str) -> str:
    """What follows a letter's mark: past brackets, full stop, colon or dash, but not past a minus."""
    separator = _SEPARATOR.match(rest)
    return rest[separator.end() :] if separator else rest


_MAX_LABELS = 200
_MAX_LABEL_CHARS = 120
_END_CHARS = 20_000
_QUESTION_CHARS = 4_000

_NAMED = re.compile(r"^[ \t]*Option[ \t]+\(?([A-Z])[).:][ \t]*(\S[^\n]*)$", re.MULTILINE)
_LINES = re.compile(r"^[ \t]*\(?([A-Z])[).:][ \t]+(\S[^\n]*)$", re.MULTILINE)
_BRACKETED = re.compile(r"\[\s*(A\s?:[^\[\]\n]{1,2000})\]")
_IN_BRACKETS = re.compile(r"([A-Z])\s?:\s*([^;]+)")

_LISTED = re.compile(
    r"\b(?:(?:exactly )?one (?:label |category |word |class )?(?:from|of)(?: the)?(?: following)?(?: labels?"
    r"| categories| options| classes| values)?|labels?|options|categories|classes|choose from|choose between"
    r"|select from)\s?:\s*",
    re.IGNORECASE,
)
_ENTRIES = re.compile(r"(?:[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+[^\n]{1,200}(?:\n|$)){2,200}")
_ENTRY = re.compile(r"[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+([^\n]+)")
_EITHER = re.compile(r"([^?.!\n]{1,200}?) or (?:by )?(?:the |an? )?([^?.!\n]{1,60})\?")
_PARTS = re.compile(r"[\W_]+")


def prompt_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of all messages that a model is given, one after the other."""
    return "\n".join(text for message in messages for text in _texts(message.get("content")))


def options_of(prompt: str) -> dict[str, str]:
    """Letter -> text of the options of a multiple-choice question, empty when there is none.

    Recognised are lines such as ``A. text``, ``(A) text``, ``Option A: text``, with letters from A on without a
    gap, and ``[A: text; B: text]``. Of several such lists the last counts, lines with "Option" before others.
    """
    bracketed = _BRACKETED.search(prompt)
    for pairs in (
        _NAMED.findall(prompt),
        _LINES.findall(prompt),
        _IN_BRACKETS.findall(bracketed[1]) if bracketed else [],
    ):
        if (run := _last_run(pairs)) is not None:
            return {letter: text.strip() for letter, text in run}
    return {}


def labels_of(prompt: str, expected: str) -> tuple[str, ...]:
    """The labels of a classification, in the order of the prompt; empty when they are not found.

    Recognised are lists after words such as "exactly one label from:" or "options:", divided by semicolons,
    commas, bars or lines, and a question that ends with "X or Y?". Only a list with ``expected`` in it counts.
    Looked for in the first and last 20,000 characters.
    """
    if len(prompt) > 2 * _END_CHARS:
        prompt = f"{prompt[:_END_CHARS]}\n{prompt[-_END_CHARS:]}"
    wanted = words_of(expected)
    for labels in _label_lists(prompt, wanted):
        known = {words_of(label) for label in labels}
        if 2 <= len(labels) <= _MAX_LABELS and wanted in known and len(known) == len(labels):
            return tuple(labels)
    return ()


def words_of(text: str) -> str:
    """The words of a text in lower case with single blanks between them, without punctuation."""
    return " ".join(_PARTS.sub(" ", text.casefold()).split())


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


def _last_run(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]] | None:
    """The last A, B, ... without a gap among lettered lines."""
    runs: list[list[tuple[str, str]]] = []
    for letter, text in pairs:
        if letter == "A":
            runs.append([])
        if runs and letter == chr(ord("A") + len(runs[-1])):
            runs[-1].append((letter, text))
    return next((run for run in reversed(runs) if len(run) > 1), None)


def _label_lists(prompt: str, wanted: str) -> Iterator[list[str]]:
    for listed in _LISTED.finditer(prompt):
        if entries := _ENTRIES.match(prompt, listed.end()):
            yield _cleaned(_ENTRY.findall(entries.group()))
            continue
        line = prompt[listed.end() : listed.end() + _MAX_LABELS * _MAX_LABEL_CHARS].partition("\n")[0]
        sentence = re.split(r"\.(?:\s|$)", line)[0]
        for mark in (";", "|", ","):
            if mark in sentence:
                yield _cleaned(re.split(rf"\s?{re.escape(mark)}\s?(?:or |and )?", sentence))
                break
    for either in _EITHER.finditer(prompt[-_QUESTION_CHARS:]):
        one, other = either[1], either[2]
        if words_of(other) == wanted:
            yield _cleaned([one.split()[-1], other])
        elif words_of(one).endswith(f" {wanted}"):
            yield _cleaned([" ".join(one.split()[-len(wanted.split()) :]), other])


def _cleaned(labels: Sequence[str]) -> list[str]:
    stripped = (label.strip(" \t\"'`*.") for label in labels)
    return [label for label in stripped if 0 < len(label) <= _MAX_LABEL_CHARS and words_of(label)]
