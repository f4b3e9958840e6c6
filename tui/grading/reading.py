"""Reading of a reply as a person reads it: wrappers of Markdown, LaTeX and HTML gone, what stood out kept as
marks.

Of a long reply the first 28,000 and the last 100,000 characters are read: an answer that a person finds stands
at one of its ends. Every step is linear in that; no reply raises. It may end without a decision: "torn
between 3 and 4", "A under one reading, B under another".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import cached_property

from tui.base.text import plain
from tui.grading.wrappers import (
    BOLD,
    BOX,
    END,
    HASH,
    plain_characters,
    unwrapped,
    without_fences,
    without_ornaments,
)
from tui.model import Grade, Mark

HEAD_CHARS = 28_000
TAIL_CHARS = 100_000
ENDS_HEAD = 6_000
ENDS_TAIL = 18_000

_LINES = 150
_FIRST_MARKS, _LAST_MARKS = 240, 560


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text that stood out, and where it begins and ends."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Reading:
    """The plain text of a reply. ``boxed``: what stood in ``\\boxed{}``; ``bold``: in bold; ``hashed``: rests
    of lines after ``####``. ``cut`` is true when the middle of the reply was left out."""

    text: str
    boxed: tuple[Span, ...] = ()
    bold: tuple[Span, ...] = ()
    hashed: tuple[Span, ...] = ()
    cut: bool = False

    @cached_property
    def ends(self) -> str:
        """The text; of a long one the first 6,000 and the last 18,000 characters, where a reply says in its own
        words what it comes to."""
        return without_middle(self.text, ENDS_HEAD, ENDS_TAIL)

    def place(self, at: int) -> int:
        """The place in the text of a place in ``ends``."""
        return at if at < ENDS_HEAD or self.ends is self.text else at + len(self.text) - len(self.ends)

    @cached_property
    def lower(self) -> str:
        """The text in lower case, place by place."""
        return self.text.lower()

    @cached_property
    def lines(self) -> tuple[Span, ...]:
        """The lines that are not blank, without the blanks around them: the first 150 and the last 150."""
        pieces = self.text.split("\n")
        starts = itertools.accumulate((len(piece) + 1 for piece in pieces), initial=0)
        placed = [
            (start, piece)
            for start, piece in zip(starts, pieces, strict=False)
            if not piece.isspace() and piece
        ]
        if len(placed) > 2 * _LINES:
            placed = placed[:_LINES] + placed[-_LINES:]
        return tuple(
            Span(start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()), piece.strip())
            for start, piece in placed
        )


def read(reply: str) -> Reading:
    """The reply without its wrappers and emojis."""
    text, cut = _bounded(reply)
    return _marked(unwrapped(_even(without_ornaments(text))), cut)


def read_raw(reply: str) -> Reading:
    """The reply with its wrappers, save for code fences."""
    text, cut = _bounded(reply)
    return Reading(without_fences(_even(text)), cut=cut)


def _bounded(reply: str) -> tuple[str, bool]:
    """What follows the thoughts of a reply, and whether the middle of it was left out."""
    thought = reply.rfind("</think>")
    if thought >= 0:
        reply = reply[thought + len("</think>") :]
    return without_middle(reply, HEAD_CHARS, TAIL_CHARS), len(reply) > HEAD_CHARS + TAIL_CHARS


def _even(text: str) -> str:
    """A text in plain characters. Without long runs of blanks no pattern here or in the graders can take more
    than linear time over it."""
    return _NEWLINES.sub("\n\n", _BLANKS.sub(" ", plain_characters(text)))


def without_middle(text: str, head: int, tail: int) -> str:
    """The first ``head`` and the last ``tail`` characters, without words cut in two where there are blanks."""
    if len(text) <= head + tail:
        return text
    first, last = text[:head], text[-tail:]
    cut = _LAST_BLANK.search(first, max(head - 100, 0))
    blank = _FIRST_BLANK.match(last)
    return f"{first[: cut.start()] if cut else first}\n\n{last[blank.end() :] if blank else last}"


def flat(text: str) -> str:
    """A short text, such as an option in a prompt, as ``read`` would give it, in one line."""
    return " ".join(read(text).text.split())


_LAST_BLANK = re.compile(r"\s\S{0,80}\Z")
_FIRST_BLANK = re.compile(r"\S{0,80}\s")
_BLANKS = re.compile("[ \t\u00a0]{2,}")
_NEWLINES = re.compile(r"\n(?:[ \t\u00a0]?\n){2,}")

_MARK = re.compile(f"[{BOX}{BOLD}{HASH}{END}]")


def _marked(text: str, cut: bool) -> Reading:
    """Take the marks out of the text and remember where they stood: the first 240 and the last 560 of them."""
    marks = [(found.start() - number, found.group()) for number, found in enumerate(_MARK.finditer(text))]
    plain = _MARK.sub("", text) if marks else text
    spans: dict[str, list[Span]] = {BOX: [], BOLD: [], HASH: []}
    ends = [marks] if len(marks) <= _FIRST_MARKS + _LAST_MARKS else [marks[:_FIRST_MARKS], marks[-_LAST_MARKS:]]
    for part in ends:
        opened: list[tuple[int, str]] = []
        for at, mark in part:
            if mark != END:
                opened.append((at, mark))
            elif opened:
                start, kind = opened.pop()
                spans[kind].append(Span(start, at, plain[start:at]))
    return Reading(plain, tuple(spans[BOX]), tuple(spans[BOLD]), tuple(spans[HASH]), cut)


_CHARS = 600
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_PLAUSIBLE = r"(?:correct|right|possible|valid|plausible|defensible|true|acceptable|reasonable)"
_OPEN = re.compile(
    r"\btorn between\b|\b(?:it|that|this|answer) (?:all |really |largely )?depends\b|\bdepending on\b"
    r"|\bunder (?:one|another)\b|\b(?:possible|potential|candidate) (?:answers|labels|options)\b"
    rf"|\beither\b.*\bor\b|\bboth\b.*\b(?:{_PLAUSIBLE}|apply|fit|work)\b|\bor\b.*\b(?:both|each) (?:are|is)\b"
    r"|\b(could|may|might|possibly|perhaps|maybe)\b.*\b\1\b|\btoss-?up\b"
    r"|\b(?:can't|cannot|can not|hard to|unable to) (?:decide|choose|pick|say|tell)\b",
    re.IGNORECASE,
)
_GIVEN_UP = re.compile(
    r"(?:\b(?:can't|cannot|can not|couldn't|could not|unable to|not able to|hard to|impossible to)"
    r" (?:tell|decide|say|choose)|\bnot sure|\bundecided)(?: which(?: one)?(?: it is)?| between them)?\W*\Z"
    r"|(?:\A|[.!?]\s+|\n)or\b[^.!?\n]{1,60}\?\W*\Z",
    re.IGNORECASE,
)
_BUT = re.compile(r"\b(?:but|however|yet|still|though)\b", re.IGNORECASE)


def is_left_open(reading: Reading, named: Callable[[str], Sized]) -> bool:
    """Whether the reply's last sentence that names an answer leaves it open among several, or its last words
    give up or ask again ("Or yes after all?"). ``named`` are the answers in a
    sentence. Looked at are the last 600 characters."""
    tail = reading.text[-_CHARS:].rstrip()
    if _GIVEN_UP.search(tail):
        return True
    for sentence in reversed(_SENTENCE.split(tail)):
        if answers := len(named(sentence)):
            found = _OPEN.search(sentence) if answers > 1 else None
            return found is not None and not _BUT.search(sentence)
    return False


_ANSWER_CHARS = 80


class BadExpected(ValueError):
    """A task whose expected answer cannot be graded against; the text says why and what would be accepted."""


def graded(is_right: bool, answer: str, why: str) -> Grade:
    """The grade of a reply in which an answer was found."""
    return Grade(Mark.RIGHT if is_right else Mark.WRONG, _shown(answer), why)


def ungraded(why: str, answer: str = "") -> Grade:
    """The grade of a reply without one clear answer."""
    return Grade(Mark.UNGRADED, _shown(answer), why)


def _shown(answer: str) -> str:
    return plain(" ".join(answer[: 4 * _ANSWER_CHARS].split()), _ANSWER_CHARS)
