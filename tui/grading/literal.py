"""``exact``: the reply is a text, letter for letter; and ``regex``: it has a text of a form in it.

Patterns are searched by RE2, in time linear in the reply: Python's ``re`` backtracks, and a reply made for it
can keep ``.*a.*b.*c`` busy for minutes. RE2 comes with an extra; without it there are no patterns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from typing import Any

from tui.grading.reading import (
    HEAD_CHARS,
    TAIL_CHARS,
    BadExpected,
    Reading,
    graded,
    read,
    read_raw,
    ungraded,
    without_middle,
)
from tui.grading.statements import (
    SEVERAL,
    Several,
    Strength,
    answers_in,
    first_sentence,
    settle,
    statements,
    strength_of,
)
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
_VERB = re.compile(r"(?:\b(?:is|are|was|be)|'s):? (?=\S)")
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
    found = [_settled(each) for each in readings]
    stated = [each for each in found if isinstance(each, tuple)]
    if SEVERAL in found:
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
    for verb in list(_VERB.finditer(last[:_LINE_CHARS]))[-_FEW_WORDS:]:
        if strength_of(last, verb.start(), verb.end()) not in (None, Strength.HEDGED):
            yield last[verb.end() :], "said on the last line"
    pieces = [
        piece[2]
        for piece in _PIECE.finditer(last[-_LINE_CHARS:])
        if strength_of(piece.string, piece.start(), piece.end()) not in (None, Strength.HEDGED)
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


def _settled(reading: Reading) -> tuple[str, ...] | Several | None:
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


try:
    import re2
except ImportError:
    re2 = None

MAX_PATTERN_CHARS = 1_000

_MAX_MEMORY_BYTES = 1024**2
"""A larger pattern is refused. It also bounds what a search costs: it grows with pattern times reply."""


class PatternsNotInstalled(BadExpected):
    """A task with a pattern where RE2 is not installed; the text says how to install it."""


def grade_regex(reply: str, expected: str) -> Grade:
    """Whether the pattern is found anywhere in the reply.

    Patterns are those of RE2 (https://github.com/google/re2/wiki/Syntax): no back-references, no looking
    around, ``\\z`` for ``\\Z``; ``\\d``, ``\\w`` and ``\\b`` know ASCII only. The reply is taken as it is,
    wrappers and all; ``^`` and ``$`` stand for its ends, with ``(?m)`` for those of lines. Of a long reply the
    first 28,000 and the last 100,000 characters are searched. Raises BadExpected.
    """
    pattern = pattern_expected(expected)
    text = reply.strip()
    if not text:
        return ungraded("the reply is empty")
    # RE2 takes UTF-8, which has no surrogates.
    searched = without_middle(text, HEAD_CHARS, TAIL_CHARS).encode("utf-8", "replace").decode()
    found = pattern.search(searched) is not None
    return graded(found, text, "the pattern is found" if found else "the pattern is not found")


def pattern_expected(expected: str) -> Any:
    """The expected pattern, compiled. Raises BadExpected, and PatternsNotInstalled where there is no RE2."""
    if not patterns_installed():
        raise PatternsNotInstalled("patterns need RE2: pip install 'canarytop[patterns]'")
    if len(expected) > MAX_PATTERN_CHARS:
        size = f"{len(expected):,} characters; the limit is {MAX_PATTERN_CHARS:,}"
        raise BadExpected(f"expected is no usable pattern: it has {size}")
    return _compiled(expected)


def patterns_installed() -> bool:
    """Whether patterns can be searched."""
    return re2 is not None


@lru_cache(maxsize=256)
def _compiled(source: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        return re2.compile(source, options=options)
    except re2.error as error:
        why = error.args[0]
        why = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise BadExpected(f"expected is no usable pattern: {why}") from error
    except UnicodeEncodeError as error:
        raise BadExpected("expected is no usable pattern: it has half of a surrogate pair") from error
