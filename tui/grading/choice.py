"""``choice``: the reply picks the expected option of a question, by its letter or by its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import ascii_uppercase
from types import MappingProxyType

from tui.base.text import plain
from tui.grading.number import Numeral, given_number
from tui.grading.options import OptionTexts, another_follows, letter_at_start, past_separator, word_at_start
from tui.grading.reading import BadExpected, Reading, Span, graded, is_left_open, ungraded
from tui.grading.statements import (
    SEVERAL,
    Candidate,
    Several,
    Strength,
    answers_in,
    few,
    only,
    settle,
    statements,
    strength_of,
)
from tui.model import Grade

_NOUNS = "answer|option|choice|solution|ans|letter|response|selection|alternative|statement|key|correct"
_EXPECTED = re.compile(r"\s*[(\[]?\s*([A-Za-z])\s*[)\].:]?\s*")

_NEXT_PART = re.compile(r"[.;,!?]\s+[(\[]([A-Za-z])[)\]]")
"""What follows the first of several parts: "(a) The momentum is 3. (b) The force is 4."."""
_RUNS_ON = re.compile(r"\s+(?!(?:because|since|as|for|due)\b)\w")
_SAYS_OF_IT = re.compile(
    r"\s+(?:is|was|looks?|seems?|appears?|could|might|may|would|can|has|does|speaks?|says?)\b"
)
_VERDICT = re.compile(
    r"\b(?:[Oo]ption |[Cc]hoice |[Aa]nswer |[Ss]tatement )?[(\[]?([A-Z])[)\]]?(?: \([^()\n]{0,200}\))?,?"
    r"(?: (?:must|would|has to|should|can only|therefore))? (?:is|be|seems|appears|looks|remains)(?: to be)?"
    r"(?: (?:the|clearly|therefore|thus|most|only|likely|definitely|indeed|our|my|also|one|that is|an?)){0,4}"
    r" (?:correct|right|best|true|accurate|appropriate|answer|choice|option|fit|match|suitable|valid"
    r"|better|closer|more \w+)\b(?! (?:about|that|to say|in))|\b([A-Z])\)? it is\b(?=\W|$)"
)
_PICKING = (
    "choose", "chose", "select", "selecting", "pick", "go with", "going with", "opt for", "it'?s", "it is",
    "must be", "has to be", "leaves", "left with", "left is", "remains is", "points? to",
    "matches", "corresponds to",
    "agree with",
    "settle on", "therefore", "thus", "hence", "so", "conclusion", "actually", "arrive at",
)  # fmt: skip
_PICKED = re.compile(
    rf"\b(?i:{'|'.join(_PICKING)})[,:]?"
    r" (?i:only |option |choice |answer |letter |it is |it's |it must be ){0,2}"
    r"(?:[(\[]([A-Z])[)\]]|([B-HJ-Z])(?![\w'])|([AI])(?=[.,;:!\n(&]|$| ?[–—(&]| -\s| it is\b))"
)
_NAMED = re.compile(
    r"(?<![\w'./-])(?:[(\[]([A-Z])[)\]]|(?:[Oo]ption|[Cc]hoice) ([A-Z])(?![\w'])|([B-HJ-Z])(?![\w'/]|\.\w)"
    r"|([AI])(?=[.!]?$|[.;:!?]\s|,? (?:is|are|was|seems|looks|makes|fits|works)\b"
    r"| (?:and|or|under)\b| ?[/&]|, [A-Z]\b)"
    r"|(?:(?<=[a-z] )|(?<=[a-z], ))(A)(?![\w'-]))",
    re.MULTILINE,
)
_APPROVED = re.compile(r"✓|✔|✅|\b(?:correct|right|true|yes)\b", re.IGNORECASE)
_REJECTED = re.compile(r"✗|✘|❌|\b(?:incorrect|wrong|false|not|no|never|neither)\b|n't\b", re.IGNORECASE)
_REMARK_BEGINS = re.compile(r"\s[–—-]\s|[:;]\s|\.\s(?=\S)|→|\s\(")
_NOT_BEFORE = re.compile(r"\b(?:not|nor)(?: option)? \Z", re.IGNORECASE)
_DROPPED = re.compile(
    r"[)\]]?[\s,]*(?:(?:is|was|are|seems)(?:n't| not)?)? ?(?:not|incorrect|wrong|false|ruled)\b"
)


def grade_choice(reading: Reading, expected: str, options: Mapping[str, str]) -> Grade:
    """Whether the option picked is the expected one. ``options`` are letter -> text, empty when not known.

    Looked for in this order:

    1. Statements (see ``statements``), and a first or last line that is an option; where lines list several
       options, only a bare letter. Letters may stand as B, b, (B), B., B), "option B". A letter with another
       option's text, "B or C", and what is left open (see ``undecided``), are no answer.
    2. The only option in bold.
    3. The option that the text picks or calls correct or the best ("I would go with B", "B is right", "so B"),
       or marks so in a list of all of them.
    4. The only option that is named at all; the number on which the reply ends, where every option has a
       number.

    "A" and "I" before a word count as words. An option's text counts as the option, whole or within a
    statement; where two options have the same text, as the expected one. Raises BadExpected.
    """
    wanted = letter_expected(expected, options)
    question = _Question(options, wanted)
    if is_left_open(reading, question.letters_in):
        return ungraded("leaves it open")
    for find, why in (
        (question.stated, "stated as the answer"),
        (question.in_bold, "in bold"),
        (question.called_right, "the option called right"),
        (question.named, "the only option named"),
    ):
        found = find(reading)
        if found is SEVERAL:
            return ungraded("contradicts itself, or names several options")
        if isinstance(found, str):
            return graded(found == wanted, found, why)
    return ungraded("no option found")


def letter_expected(expected: str, options: Mapping[str, str] = MappingProxyType({})) -> str:
    """The letter of the expected option. Raises BadExpected."""
    found = _EXPECTED.fullmatch(expected)
    letter = found[1].upper() if found else ""
    if not letter or (options and letter not in options):
        known = ", ".join(options) or "a letter such as B or (B)"
        raise BadExpected(f"expected is no option: {plain(expected, 40)}; the options are {known}")
    return letter


class _Question:
    """The options of one question, and how a reply may pick one."""

    def __init__(self, options: Mapping[str, str], wanted: str) -> None:
        self._texts = OptionTexts(options, wanted)
        self._letters = frozenset(options) or frozenset(ascii_uppercase)

    def stated(self, reading: Reading) -> str | Several | None:
        found = statements(reading, _NOUNS)
        picked = settle(answers_in(found, self._picked) + self._lines(reading, whole=True))
        if picked is not None:
            return picked
        return settle(answers_in(found, self._texts.stated) + self._lines(reading))

    def in_bold(self, reading: Reading) -> str | None:
        return only(self._whole(span.text) for span in reading.bold)

    def called_right(self, reading: Reading) -> str | Several | None:
        text = reading.ends
        candidates: list[Candidate[str]] = []
        for pattern in (_VERDICT, _PICKED):
            for found in few(pattern, text):
                letter = found[found.lastindex or 1]
                strength = strength_of(text, found.start(), found.end(), found.group())
                if strength is not None and strength > Strength.HEDGED and letter in self._letters:
                    candidates.append((found.start(), strength, letter))
        answer = settle(candidates)
        if answer is not None:
            return answer
        begun = [start for line in reading.lines if (start := self._letter(line.text)) is not None]
        ends = [(letter, _REMARK_BEGINS.split(rest)[-1]) for letter, rest in begun]
        approved = {letter for letter, end in ends if _APPROVED.search(end) and not _REJECTED.search(end)}
        return approved.pop() if len(approved) == 1 else None

    def letters_in(self, sentence: str) -> set[str]:
        """The letters named in a sentence."""
        letters = {found[found.lastindex or 1] for found in _NAMED.finditer(sentence)}
        return letters & self._letters

    def named(self, reading: Reading) -> str | Several | None:
        letters = set()
        for found in _NAMED.finditer(reading.text):
            letter = found[found.lastindex or 1]
            dropped = _DROPPED.match(reading.text, found.end()) or _NOT_BEFORE.search(
                reading.text[max(found.start() - 12, 0) : found.start()]
            )
            if letter in self._letters and not dropped:
                letters.add(letter)
                if len(letters) > 1:
                    return SEVERAL
        if letters:
            return letters.pop()
        if self._texts.all_numbers:
            number, _ = given_number(reading)
            return self._texts.numbered(number.text) if isinstance(number, Numeral) else None
        return self._texts.named(reading.ends)

    def _picked(self, text: str) -> str | Several | None:
        """The option that a statement gives by its letter, or by its text alone."""
        if (found := self._letter(text)) is not None:
            return self._checked(*found)
        return self._texts.whole(text)

    def _whole(self, text: str) -> str | Several | None:
        """The option that a short text is: a letter, a letter with its text, or the text."""
        if (found := self._letter(text)) is None:
            return self._texts.whole(text)
        letter, rest = found
        answer = self._checked(letter, rest)
        has_more = any(c.isalnum() for c in rest)
        return (
            answer
            if not has_more or answer is SEVERAL or self._texts.begins(past_separator(rest), letter)
            else None
        )

    def _lines(self, reading: Reading, *, whole: bool = False) -> list[Candidate[str]]:
        """What the first and the last line pick; ``whole``: such as are nothing but an option. In a list of
        several options only a bare one is."""
        if not reading.lines:
            return []
        lettered = {found[0] for line in reading.lines if (found := self._letter(line.text))}
        take = self._bare if len(lettered) != 1 else self._option if whole else self._marked
        ends = dict.fromkeys((reading.lines[0], reading.lines[-1]))
        return [(line.start, Strength.STATED, answer) for line in ends if (answer := take(line)) is not None]

    def _marked(self, line: Span) -> str | Several | None:
        """The option of a line that is one, or that goes on after its letter as after a heading."""
        found = self._letter(line.text)
        if found is None:
            return self._by_text(line.text)
        letter, rest = found
        if (next_part := _NEXT_PART.search(rest)) and ord(next_part[1].upper()) == ord(letter) + 1:
            return None
        answer = self._checked(letter, rest)
        runs_on = (_SAYS_OF_IT if line.text[0] in "([" else _RUNS_ON).match(rest)
        if runs_on and self._texts.begins(past_separator(rest), letter):
            return answer
        return None if runs_on and answer is not SEVERAL else answer

    def _option(self, line: Span) -> str | Several | None:
        """The option that a line is and nothing more."""
        if (found := self._letter(line.text)) is None:
            return self._texts.whole(line.text)
        text = past_separator(found[1])
        return self._checked(*found) if not text or self._texts.whole(text) else None

    def _bare(self, line: Span) -> str | Several | None:
        found = self._letter(line.text)
        if found is None:
            return self._by_text(line.text)
        return None if any(c.isalnum() for c in found[1]) or _REJECTED.search(found[1]) else found[0]

    def _by_text(self, line: str) -> str | Several | None:
        """The option whose text or number a line is; the number of a line with a letter in it is not."""
        return self._texts.whole(line) or (None if self.letters_in(line) else self._texts.numbered(line))

    def _letter(self, text: str) -> tuple[str, str] | None:
        """The letter with which a text begins, and the rest."""
        if (found := letter_at_start(text)) is not None:
            return found if found[0] in self._letters else None
        word, rest = word_at_start(text)
        if word in ("A", "I") and self._texts.begins(rest, word):
            return word, rest
        return None

    def _checked(self, letter: str, rest: str) -> str | Several:
        """The letter, unless another letter or another option's text follows it."""
        if another_follows(rest, letter, self._letters):
            return SEVERAL
        named = self._texts.whole(past_separator(rest))
        return letter if named is None or self._texts.alike(named, letter) else SEVERAL
