"""``exact`` and ``regex``: the reply is a text, or has a text of a form in it."""

from __future__ import annotations

import json
import re

from tui.model import Grade
from tui.quality.automaton import Automaton
from tui.quality.marks import BadExpected, graded, ungraded
from tui.quality.patterns import BadPattern, compile_pattern
from tui.quality.reading import Reading
from tui.quality.statements import answers_in, statements
from tui.quality.weights import SEVERAL, settle
from tui.quality.wrappers import plain_characters, without_ornaments

_NOUNS = "answer|ans|solution|result|output|response"
_QUOTES = "\"'`"
_TICKS = "✅✔✓☑→ "
_LAYERS = 3
_SEARCHED_HEAD, _SEARCHED_TAIL = 4_000, 16_000


_LEAD_IN = re.compile(
    r"\A(?!(?:\w{1,20} ){0,8}(?:not|never|no)\b)[A-Za-z][A-Za-z ,;']{0,40}:\s+(?=\S)", re.IGNORECASE
)
_ENTRY = re.compile(r"\A(?:[-*+•]|\d{1,3}[.)])\s+(?=\S)")
_KEYS = ("answer", "final_answer", "result", "output", "response", "value")


def grade_exact(reading: Reading, expected: str) -> Grade:
    """Whether the reply is the expected text, letter for letter: case and punctuation count.

    Passed over are blanks around and runs of blanks within, kinds of dashes and quotes, wrappers (Markdown, a
    code fence, quotes around the whole, a JSON object with an "answer") and, where the expected text has them
    not, one full stop at the end, emojis and the mark of a list's entry. If the whole reply is not it, what is
    stated as the answer is compared ("Answer: Paris"), else the last line, with or without a lead-in ("In
    short: Paris"). Raises BadExpected.
    """
    wanted = exact_expected(expected)
    if (keyed := _in_object(reading.text)) is not None:
        return graded(_same(_bare(keyed), wanted), keyed, "the answer in the JSON object")
    whole = _bare(reading.text)
    if not whole:
        return ungraded("the reply is empty")
    if _same(whole, wanted):
        return graded(True, whole, "the whole reply")
    told = answers_in(statements(reading, _NOUNS), lambda text: _bare(text) or None)
    answer = settle(told, _same)
    if answer is SEVERAL:
        return ungraded("contradicts itself")
    if isinstance(answer, str):
        return graded(_same(answer, wanted), answer, "stated as the answer")
    last = _bare(reading.lines[-1].text)
    is_it = _same(last, wanted) or _same(_bare(_LEAD_IN.sub("", last, count=1)), wanted)
    return graded(is_it, last, "the last line")


def grade_regex(reply: str, expected: str) -> Grade:
    """Whether the pattern is found anywhere in the reply.

    What patterns may hold and why no reply can make them slow: see ``patterns``. Of a reply longer than 20,000
    characters the first 4,000 and the last 16,000 are searched. The reply is taken as it is, wrappers and all;
    ``^`` and ``$`` stand for its ends, with ``(?m)`` for those of lines. Raises BadExpected.
    """
    pattern = pattern_expected(expected)
    text = reply.strip()
    if not text:
        return ungraded("the reply is empty")
    if len(text) > _SEARCHED_HEAD + _SEARCHED_TAIL:
        found = pattern.found_in(text[:_SEARCHED_HEAD]) or pattern.found_in(text[-_SEARCHED_TAIL:])
    else:
        found = pattern.found_in(text)
    return graded(found, text, "the pattern is found" if found else "the pattern is not found")


def exact_expected(expected: str) -> str:
    """The expected text as it is compared. Raises BadExpected."""
    if not (wanted := _bare(expected)):
        raise BadExpected("expected is empty; give a text")
    return wanted


def pattern_expected(expected: str) -> Automaton:
    """The expected pattern. Raises BadExpected."""
    try:
        return compile_pattern(expected)
    except BadPattern as error:
        raise BadExpected(f"expected is no usable pattern: {error}") from error


def _bare(text: str) -> str:
    text = " ".join(plain_characters(text).split())
    for _ in range(_LAYERS):
        if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
            text = text[1:-1].strip()
    return text


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


def _same(one: str, other: str) -> bool:
    if one.removesuffix(".") == other or one == other or one == other.removesuffix("."):
        return True
    plainer = _bare(_ENTRY.sub("", without_ornaments(one).strip(_TICKS)))
    return plainer != one and plainer.removesuffix(".") == other
