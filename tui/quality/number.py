"""``number``: the reply gives the expected number."""

from __future__ import annotations

import re
from fractions import Fraction

from tui.model import Grade
from tui.quality.marks import BadExpected, graded, ungraded
from tui.quality.numerals import Numeral, numerals, same, single, without_entries
from tui.quality.reading import Reading, Span, flat
from tui.quality.sentence_numbers import after_equals, first_meant, last_meant, unless_either, without_pronouns
from tui.quality.statements import answers_in, statements
from tui.quality.undecided import is_left_open
from tui.quality.weights import SEVERAL, Several, Weight, settle
from tui.text import plain

_NOUNS = "answer|solution|ans|final (?:result|total|value|amount|count|number)|grand total"
_EXACT_BELOW_DECIMALS = 2
_BARE_CHARS = 60
_UNIT_WORDS = 3
_LINES_LOOKED_AT = 12
_LINE_CHARS = 1_000

_SENTENCE = re.compile(r"(?<![.\s(][A-Za-z])(?<!\bvs)(?<!\bapprox)[.!?;]\s+(?=\S)")
_NOTE = re.compile(
    r"(?:note|check|checking|verification|verify|explanation|breakdown|here's how)\b", re.IGNORECASE
)


def grade_number(reading: Reading, expected: str) -> Grade:
    """Whether the number given as the answer is the expected one. Looked for in this order:

    1. Statements (see ``statements``), where the first number after the marker counts, or the one after the
       last ``=`` of its sentence; and a first or last line with nothing but a number and its unit.
    2. The only number in bold.
    3. The last sentence with numbers, those that begin with "Note" or "Check" left out: the one after the last
       ``=``, "gives", "makes" and the like, else the last that is not said by the way ("left from the original
       30", "in 3 days", in brackets).

    "24 or 25", "from 24 to 25" and what is left open (see ``undecided``) are no answer.
    Units and currency are passed over, not converted: "1 hour 12
    minutes" is 1. What a number may look like: see ``numerals``; "one" is a number only where an answer stands.
    Right is the exact value: 1/2 is 0.5, 24.00 is 24. Where the expected number has two decimals or more, one
    that rounds to it is right too (2/3 for 0.67). Raises BadExpected.
    """
    wanted = number_expected(expected)
    answer, why = given_number(reading)
    if isinstance(answer, Several):
        return ungraded("contradicts itself, or names several numbers")
    if answer is None:
        return ungraded("no number found")
    if is_left_open(reading, _distinct):
        return ungraded("leaves it open")
    if not answer.values:
        return graded(False, answer.text, "a number that cannot be compared")
    return graded(same(answer, wanted) or _rounds_to(answer, wanted), answer.text, why)


def given_number(reading: Reading) -> tuple[Numeral | Several | None, str]:
    """The number given as the answer and how it was found; None for no number, SEVERAL for more than one."""
    told = answers_in(statements(reading, _NOUNS), first_meant) + _alone(reading)
    if (answer := settle(told, same)) is not None:
        return (SEVERAL if _undecided(reading, answer) else answer), "stated as the answer"
    if (bold := _only_bold(reading)) is not None:
        return bold, "the number in bold"
    return _last(reading), "the last number"


def _distinct(sentence: str) -> set[Fraction]:
    """The values of the numbers in a sentence."""
    return {found.values[0] for found in numerals(sentence[-_LINE_CHARS:]) if found.values}


def number_expected(expected: str) -> Numeral:
    """The expected answer as a number. Raises BadExpected."""
    found = single(flat(expected))
    if found is None or not found.values:
        raise BadExpected(f"expected is no number: {plain(expected, 40)}; give one number such as 24 or 1/2")
    return found


def only_number(text: str) -> Fraction | None:
    """The value of the only number in a short text, None for none or for several."""
    found = without_pronouns(numerals(text), text, anchored=True)
    if not found or not all(same(each, found[0]) for each in found):
        return None
    return found[0].values[0] if found[0].values else None


def _rounds_to(answer: Numeral, wanted: Numeral) -> bool:
    if wanted.decimals < _EXACT_BELOW_DECIMALS or (
        answer.decimals <= wanted.decimals and "/" not in answer.text
    ):
        return False
    half = Fraction(1, 2 * 10**wanted.decimals)
    return abs(answer.values[0] - wanted.values[0]) <= half


def _undecided(reading: Reading, answer: Numeral | Several) -> bool:
    """Whether the last line takes the answer back: "it is 24 or 25"."""
    line = reading.lines[-1].text[-_LINE_CHARS:]
    found = numerals(line)
    return isinstance(answer, Numeral) and any(
        same(each, answer) and unless_either(line, found, place) is SEVERAL for place, each in enumerate(found)
    )


def _alone(reading: Reading) -> list[tuple[int, Weight, Numeral | Several]]:
    """A first or last line that is a number with at most a unit."""
    lines = reading.lines
    ends = dict.fromkeys((*lines[:1], *lines[-1:]))
    return [
        (line.start, Weight.SAID, number)
        for line in ends
        if len(line.text) <= _BARE_CHARS and (number := _bare(line.text)) is not None
    ]


def _bare(line: str) -> Numeral | Several | None:
    [line] = without_entries([line], least=1)
    found = numerals(line)
    if not found or found[0].start > len(line) - len(line.lstrip(" \"'(=:€£¥+~≈-–")):
        return None
    rest = line[found[-1].end :].strip(" .!,;:\"')%")
    if len(rest.split()) > _UNIT_WORDS or any(c in "=+*/×" for c in rest):
        return None
    if len(found) == 1:
        return found[0]
    return SEVERAL if len(found) == 2 and unless_either(line, found, 0) is SEVERAL else None


def _only_bold(reading: Reading) -> Numeral | None:
    bold = [found for span in reading.bold if (found := _bold(span)) is not None]
    return bold[0] if bold and all(same(each, bold[0]) for each in bold) else None


def _bold(span: Span) -> Numeral | None:
    if len(span.text) > _BARE_CHARS or span.text.rstrip().endswith(":"):
        return None
    found = numerals(span.text)
    if len(found) > 1 and (result := after_equals(span.text, found)) is not None:
        return result
    return single(span.text)


def _last(reading: Reading) -> Numeral | Several | None:
    lines = without_entries([line.text for line in reading.lines[-_LINES_LOOKED_AT:]])
    noted: Numeral | Several | None = None
    # Notes after the answer go over the sums again.
    for line in [line for line in reversed(lines) if not _NOTE.match(line)] or lines:
        text = line[-_LINE_CHARS:]
        while text:
            begin = max((found.end() for found in _SENTENCE.finditer(text[:-1].rstrip())), default=0)
            if (answer := last_meant(text[begin:])) is not None:
                if not _NOTE.match(text[begin:]):
                    return answer
                noted = noted or answer
            text = text[:begin].rstrip()
    return noted
