"""``label``: the reply names the expected label of a classification."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tui.grading.options import words_of
from tui.grading.reading import BadExpected, Reading, graded, is_left_open, ungraded
from tui.grading.statements import (
    SEVERAL,
    Candidate,
    Several,
    Strength,
    answers_in,
    few,
    first_sentence,
    only,
    settle,
    statements,
    strength_of,
)
from tui.model import Grade

_NOUNS = (
    "answer|ans|labels?|classification|category|class|section|clause type|type|verdict|conclusion|result|output"
    "|prediction|governed by|topic|heading|choice|option|response"
)
_CALLING = (
    r"classif(?:y|ied)(?: \w+){0,3}? as", r"label(?:l?ed)?(?: \w+){0,3}? as",
    r"categori[sz]ed?(?: \w+){0,3}? as", r"falls? (?:squarely )?(?:under|into|within)",
    r"belongs? (?:to|in|under)", r"fits?(?: best)?(?: under| into| in| with)?", r"best fits?",
    r"corresponds? to", r"go(?:es)? (?:under|with)", "governed by", r"file[ds]? under", "documented under",
    r"match(?:es)?", "is an?", "is the", "is about", "this is", "it is", "it's", "is called", "describes",
    "constitutes", "should be", "concerns", "relates to", "addresses", "choose", "select", "pick", "therefore",
    "thus", "hence", "so", "actually", "conclusion", "overall", "rather", "arrive at", "left with", "leaves",
    "left is", "remains is", "as it stands", "as (?:written|worded)",
    r"on (?:a )?(?:closer|careful|second|further) (?:reading|look|inspection|thought|reflection|consideration)",
)  # fmt: skip
_CALLED = re.compile(
    rf"\b(?:{'|'.join(_CALLING)})\b,?(?: (?:it is|it's|this is|the|an?|category|label|section)\b)*[ :]*[\"']?",
    re.IGNORECASE,
)
_BETTER = re.compile(
    r"['\"]? (?:is|seems|remains)(?: clearly)?(?: the| a)? (?:better|best|closest|right|correct|more \w+)\b",
    re.IGNORECASE,
)
_BUT_NOT = re.compile(
    r"(?:\bnot|\brather than|\binstead of|\bas opposed to|\bunlike|\bnor|n't(?: \w+){0,2}|\bno)(?: the| an?"
    r"| as| a)*\s*$"
)
_NOT_IT = re.compile(r"\W*(?:\w+ ){0,2}(?:not|no|\w+n't)\b", re.IGNORECASE)
_JOINED_BY = re.compile(r"\A(?:(?:either|or|and|also|maybe|perhaps|possibly|as well as) )*")
_ENDS_SENTENCE = (".", "!", "?", ";")
_ARTICLES = ("the ", "a ", "an ")
_BARE_CHARS = 200
_SHOWN_CHARS = 80


def grade_label(reading: Reading, expected: str, labels: Sequence[str]) -> Grade:
    """Whether the label named is the expected one. Looked for in this order:

    1. Statements (see ``statements``), where the label stands first or is the only one in the sentence; a first
       or last line that is a label or has one as its heading ("Audit rights: the clause ...").
    2. The only label in bold.
    3. "Classified as X", "falls under X", "this is a X clause", "so X", "X is the better fit" and the like.
    4. The only label that is named at all.

    Labels are compared word by word without case and punctuation: ``Non-Compete``, ``non_compete`` and, where
    it stands alone, ``noncompete`` are one. The longest label that fits counts, so "cap on liability" is not
    found in "uncapped liability". In running text a label in capitals (PLAN) must stand in capitals. "not X"
    and "rather than X" do not name X; what is left open (see ``undecided``) is no answer.
    ``labels`` are all that the prompt allows; when they are not known, a statement or a short reply is compared
    as a whole. Raises BadExpected.
    """
    wanted = label_expected(expected)
    found, why = _Labels(labels or [expected], closed=bool(labels)).given(reading)
    if isinstance(found, str):
        return graded(words_of(found) == wanted, found, why)
    return ungraded("contradicts itself, or names several labels" if found is SEVERAL else "no label found")


def label_expected(expected: str) -> str:
    """The words of the expected label. Raises BadExpected."""
    if not (words := words_of(expected)):
        raise BadExpected("expected is empty; give a label")
    return words


class _Labels:
    """The labels of one question, and how a reply may name one. Not ``closed``: others may exist."""

    def __init__(self, labels: Sequence[str], *, closed: bool) -> None:
        self._closed = closed
        self._by_words = {words_of(label): label for label in labels}
        self._longer = {
            words: [other for other in self._by_words if f" {words} " in f" {other} " and other != words]
            for words in self._by_words
        }
        self._joined = {words.replace(" ", ""): label for words, label in self._by_words.items()}
        self._singular = _unique(
            {_without_s(words): label for words, label in self._by_words.items()}, len(labels)
        )

    def given(self, reading: Reading) -> tuple[str | Several | None, str]:
        """The label that a reply gives, and how it was found."""
        if self._closed and is_left_open(reading, lambda sentence: self._named(sentence, strict=True)):
            return SEVERAL, ""
        for find, why in (
            (self._told, "stated as the answer"),
            (self._in_bold, "in bold"),
            (self._called, "what it is called"),
            (self._only, "the only label named"),
        ):
            if (answer := find(reading)) is not None:
                return answer, why
        return None, ""

    def _told(self, reading: Reading) -> str | Several | None:
        candidates = answers_in(statements(reading, _NOUNS), self._stated)
        ends = dict.fromkeys((*reading.lines[:1], *reading.lines[-1:]))
        candidates += [
            (line.start, Strength.STATED, label) for line in ends if (label := self._headed(line.text))
        ]
        return settle(candidates)

    def _in_bold(self, reading: Reading) -> str | None:
        return only(self._whole(span.text) for span in reading.bold)

    def _called(self, reading: Reading) -> str | Several | None:
        candidates: list[Candidate[str]] = []
        for found in few(_CALLED, reading.ends):
            following = reading.ends[found.end() : found.end() + _BARE_CHARS]
            strength = strength_of(reading.ends, found.start(), found.end(), found.group())
            if following[:1] in _ENDS_SENTENCE:
                continue
            if (label := self._first(following)) and strength is not None:
                candidates.append((found.start(), strength, label))
        candidates += [
            (found.start(), Strength.STATED, label)
            for found in few(_BETTER, reading.ends)
            if (label := self._at_end(reading.ends[max(found.start() - _BARE_CHARS, 0) : found.start()]))
        ]
        return settle(candidates)

    def _only(self, reading: Reading) -> str | Several | None:
        named = self._named(reading.text, strict=True) if self._closed else set()
        if named or self._closed:
            return SEVERAL if len(named) > 1 else named.pop() if named else None
        return self._open_reply(reading)

    def _open_reply(self, reading: Reading) -> str | None:
        """Without the other labels: the expected one where a short reply names it, else the reply itself."""
        lines = reading.lines
        if len(lines) != 1 or len(lines[0].text) > _BARE_CHARS:
            return None
        named = self._named(lines[0].text, strict=False)
        return named.pop() if named else lines[0].text[:_SHOWN_CHARS]

    def _stated(self, text: str) -> str | Several | None:
        sentence = first_sentence(text)
        if (label := self._whole(sentence) or self._first(sentence)) is not None:
            return SEVERAL if self._another_follows(sentence, label) else label
        named = self._named(sentence, strict=False)
        if named:
            return SEVERAL if len(named) > 1 else named.pop()
        return None if self._closed else sentence.strip(" \"'.:*")[:_SHOWN_CHARS] or None

    def _another_follows(self, sentence: str, label: str) -> bool:
        """Whether a sentence that begins with ``label`` goes on with "or" or "and" and another."""
        words = f"{words_of(sentence)} "
        for lead in _ARTICLES:
            words = words.removeprefix(lead)
        rest = _JOINED_BY.sub("", words.removeprefix(words_of(label)).strip())
        other = self._first(rest)
        return other not in (None, label)

    def _headed(self, line: str) -> str | Several | None:
        """The label with which a line begins as with a heading: a dash, a colon or the like follows."""
        label = self._whole(line) or self._first(line)
        if label is None or self._whole(line) is not None:
            return label
        heading = rf"\W*(?:(?:the|an?) )?{_PARTS.pattern.join(map(re.escape, words_of(label).split()))}"
        begins = re.match(rf"{heading}(?:\s*[–—:(.,;]|\s+-\s|\s+(?:because|since|as)\b)", line, re.IGNORECASE)
        if begins is None or _NOT_IT.match(line, begins.end()):
            return None
        return SEVERAL if self._another_follows(line, label) else label

    def _whole(self, text: str) -> str | None:
        """The label that a short text is, also in one word or without its plural s."""
        if len(text) > _BARE_CHARS:
            return None
        words = words_of(text)
        for lead in ("the ", "label ", "option "):
            words = words.removeprefix(lead)
        for tail in (" clause", " section", " provision", " label"):
            words = words if words in self._by_words else words.removesuffix(tail)
        return (
            self._by_words.get(words)
            or self._joined.get(words.replace(" ", ""))
            or self._singular.get(_without_s(words))
        )

    def _first(self, text: str) -> str | None:
        """The longest label with which a text begins."""
        words = words_of(text[:_BARE_CHARS])
        for lead in _ARTICLES:
            words = words.removeprefix(lead)
        fitting = [known for known in self._by_words if f"{words} ".startswith(f"{known} ")]
        return self._by_words[max(fitting, key=len)] if fitting else None

    def _at_end(self, text: str) -> str | None:
        """The longest label with which a text ends."""
        words = words_of(text)
        fitting = [known for known in self._by_words if f" {words}".endswith(f" {known}")]
        return self._by_words[max(fitting, key=len)] if fitting else None

    def _named(self, text: str, *, strict: bool) -> set[str]:
        """The labels that stand in a text; ``strict``: those in capitals only in capitals."""
        folded, exact = f" {words_of(text)} ", f" {' '.join(_PARTS.sub(' ', text).split())} "
        found = set()
        for words, label in self._by_words.items():
            shout = strict and label.isupper()
            if shout and f" {' '.join(_PARTS.sub(' ', label).split())} " not in exact:
                continue
            longer = [place for other in self._longer[words] for place in _places(folded, f" {other} ")]
            for start, end in _places(folded, f" {words} "):
                inside = any(first <= start and end <= last for first, last in longer)
                if not inside and not _BUT_NOT.search(folded[max(start - 30, 0) : start + 1]):
                    found.add(label)
                    break
        return found


_PARTS = re.compile(r"[\W_]+")


def _without_s(words: str) -> str:
    return " ".join(word.removesuffix("s") for word in words.split())


def _unique(labels: dict[str, str], count: int) -> dict[str, str]:
    return labels if len(labels) == count else {}


def _places(text: str, wanted: str) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    at = text.find(wanted)
    while at >= 0 and len(places) < 200:
        places.append((at, at + len(wanted)))
        at = text.find(wanted, at + len(wanted) - 1)
    return places
