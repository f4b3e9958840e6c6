"""``exact``: the reply is a text, letter for letter."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator

from tui.grading._weights import SEVERAL, Several, Weight, settle
from tui.grading.grades import BadExpected, graded, ungraded
from tui.grading.reading import Reading, read, read_raw
from tui.grading.statements import answers_in, first_sentence, statements, weight_of
from tui.grading.wrappers import plain_characters, without_ornaments
from tui.model import Grade

_NOUNS = "answer|ans|solution|result|output|response"
_LAYERS = 6
_QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("**", "**"))
_WRAPPERS = (*_QUOTES, ("__", "__"), ("*", "*"), ("_", "_"), ("$", "$"), ("[", "]"), ("(", ")"))
_LINE_CHARS = 2_000
_FEW_WORDS = 3
_TICKS = "✅✔✓☑→ "
_KEYS = ("answer", "final_answer", "result", "output", "response", "value")

_LEAD_IN = re.compile(
    r"\A(?!(?:\w{1,20} ){0,8}(?:not|never|no)\b)[A-Za-z][A-Za-z ,;']{0,40}:\s+(?=\S)", re.IGNORECASE
)
_ENTRY = re.compile(r"\A(?:[-*+•]|\d{1,3}[.)])\s+(?=\S)")
_SAYING = re.compile(r"(?:\b(?:is|are|was|be)|'s):? (?=\S)")
_PIECE = re.compile(r"(?<!\w)(\"|'|`|\*\*)(?=\S)(.{1,400}?)(?<=\S)\1(?!\w)")
_ENDS_IT = re.compile(r"[.!;]|\s*$|,? (?:because|since|as|which)\b")


def grade_exact(reply: str, expected: str) -> Grade:
    """Whether the reply is the expected text, letter for letter: case and punctuation count.

    The reply is taken both as it stands and without its wrappers (Markdown, LaTeX, HTML). If the whole is not
    the text, what is stated as the answer is compared ("Answer: Paris"), else the last line, with or without a
    lead-in ("In short: Paris", "It is Paris"), the last thing in quotes, bold or code on it ("a `Paris` case"),
    and a first line that an explanation follows. Passed over are blanks around and runs of blanks within, kinds
    of dashes and quotes, and on both sides one full stop at the end and quotes or stars around the whole; on
    the reply's also a code fence, a JSON object with an "answer", brackets, emojis and the mark of a list's
    entry. Raises BadExpected.
    """
    wanted = exact_expected(expected)
    if reply.strip() == expected.strip():
        return graded(True, reply, "the whole reply")
    readings = (read_raw(reply), read(reply))
    if not readings[0].text.strip():
        return ungraded("the reply is empty")
    if any(_is_it(each.text, wanted) for each in readings):
        return graded(True, reply, "the whole reply")
    if (keyed := _in_object(reply)) is not None:
        return graded(_is_it(keyed, wanted), keyed, "the answer in the JSON object")
    told = [_told(each) for each in readings]
    stated = [each for each in told if isinstance(each, tuple)]
    if SEVERAL in told:
        return ungraded("contradicts itself")
    if stated:
        is_right = any(_is_it(text, wanted) for each in stated for text in each)
        return graded(is_right, stated[-1][0], "stated as the answer")
    for reading in readings:
        for text, why in _at_ends(reading):
            if _is_it(text, wanted):
                return graded(True, text, why)
    return graded(False, readings[0].lines[-1].text, "the last line")


def exact_expected(expected: str) -> frozenset[str]:
    """The forms in which the expected text is right. Raises BadExpected."""
    if not expected.strip():
        raise BadExpected("expected is empty; give a text")
    return frozenset(_forms(expected, _QUOTES))


def _is_it(text: str, wanted: Container[str]) -> bool:
    return any(form in wanted for form in _given(text))


def _at_ends(reading: Reading) -> Iterator[tuple[str, str]]:
    """What a reply that states nothing may give as its answer, and where it stands."""
    if not reading.lines:
        return
    first, last = reading.lines[0].text, reading.lines[-1].text
    yield last, "the last line"
    yield _LEAD_IN.sub("", last, count=1), "the last line"
    for said in list(_SAYING.finditer(last[:_LINE_CHARS]))[-_FEW_WORDS:]:
        if weight_of(last, said.start(), said.end()) not in (None, Weight.HEDGED):
            yield last[said.end() :], "said on the last line"
    pieces = [
        piece[2]
        for piece in _PIECE.finditer(last[-_LINE_CHARS:])
        if weight_of(piece.string, piece.start(), piece.end()) not in (None, Weight.HEDGED)
    ]
    if pieces:
        yield pieces[-1], "marked on the last line"
    if len(last.split()) > _FEW_WORDS:
        yield first, "the first line"


def _forms(text: str, wrappers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The text in one line as it stands, and without a full stop at its end and the wrappers around it."""
    text = " ".join(plain_characters(text).split())
    yield text
    for _ in range(_LAYERS):
        inner = next((inner for each in wrappers if (inner := _inside(text, *each))), text.removesuffix("."))
        if not inner or inner == text:
            return
        text = inner
        yield text


def _inside(text: str, opening: str, closing: str) -> str:
    """What a text has between its wrappers, empty where it has none."""
    wrapped = text.startswith(opening) and text.endswith(closing) and len(text) > len(opening) + len(closing)
    return text[len(opening) : -len(closing)].strip() if wrapped else ""


def _given(text: str) -> Iterator[str]:
    """The forms of a text in a reply."""
    yield from _forms(text, _WRAPPERS)
    if (plainer := _ENTRY.sub("", without_ornaments(text.strip()).strip(_TICKS))) != text.strip():
        yield from _forms(plainer, _WRAPPERS)


def _told(reading: Reading) -> tuple[str, ...] | Several | None:
    return settle(answers_in(statements(reading, _NOUNS), _stated), _agree)


def _stated(text: str) -> tuple[str, ...] | None:
    """What a statement may give: the whole of it, its first sentence, what is in quotes at its beginning."""
    text = text.strip()
    piece = _PIECE.match(text)
    quoted = [piece[2]] if piece and _ENDS_IT.match(text, piece.end()) else []
    return (text, first_sentence(text), *quoted) if text else None


def _agree(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    forms = {form for text in one for form in _given(text)}
    return any(_is_it(text, forms) for text in other)


def _in_object(text: str) -> str | None:
    """The text under a key such as "answer", where the whole is a JSON object."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = {key: value[key] for key in _KEYS if isinstance(value.get(key), str)}
    return next(iter(found.values())) if len(found) == 1 else None
