"""``number``: the reply gives the expected number.

Numerals are numbers in a text as people and models write them, each with the values that it may stand for.

Read are: signs (also the Unicode minus), thousands in groups of three (``1,234``, ``1'234``, ``18 000``),
decimals, ``1e6`` and ``1.5 x 10^6``, fractions and mixed numbers (``1/2``, ``1 1/2``), percent (``60 %`` is 60
or 0.6), ``5k`` and ``2 million`` (2,000,000 or, since the question may be in millions, 2), and words from zero
to the millions ("twenty-four", "minus five", "two point six"). Left out are dates, clock times, version
numbers, ordinals and "Step 2".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tui.base.text import plain
from tui.grading.reading import BadExpected, Reading, flat, graded, is_left_open, ungraded
from tui.grading.statements import (
    SEVERAL,
    Candidate,
    Several,
    Strength,
    answers_in,
    first_sentence,
    settle,
    statements,
)
from tui.model import Grade

_MAX_DIGITS = 60
_MAX_EXPONENT = 60
_TOLERANCE = Fraction(1, 10**9)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text. ``values`` are what it may stand for, the plainest first; empty when it is beyond 60
    digits or an exponent of 60, or divided by zero. ``decimals``: how many are written; ``digits``: written
    with digits, not in words."""

    start: int
    end: int
    text: str
    values: tuple[Fraction, ...]
    decimals: int
    digits: bool


_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: value for value, word in enumerate(_ONES.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), start=2)
}
_TIMES = {"k": 10**3, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_CORE = r"(?:\d{1,3}(?:[,'_\u00a0]\d{3})+|\d{1,2}(?:\ \d{3})+|\d{3}(?:\ 000)+|\d+)(?!\d)(?:\.\d+)?|\.\d+"
# A dash with a number, letter or bracket before it is a subtraction or a range; one with a blank behind it is a
# minus only after "=".
_NUMERAL = re.compile(
    rf"""(?P<minus>\b(?:minus|negative)\ |(?<![\w)%\]])(?<![\d)%\]]\ )[-–](?=[€£¥₹\d.])|(?<==\ )-\ (?=[\d.]))?
    (?:[€£¥₹](?P<inner>-)?)?
    (?:(?<![\w.])(?<!\d,)
       (?:(?P<whole>\d{{1,9}})(?:\ and\ |[ -])(?=\d{{1,9}}/\d))?
       (?P<core>{_CORE})
       (?:e(?P<exp>[+-]?\d+)(?!\w)|\ {{0,2}}[×x·*]\ {{0,2}}10(?:\^|\*\*)\(?(?P<power>[+-]?\d+)\)?)?
       (?:\ ?/\ ?(?P<below>\d{{1,20}}(?:\.\d{{1,20}})?)(?![\d/]))?
       (?!\d|(?:st|nd|rd|th)\b|\.\d)
       (?P<percent>\ ?(?:%|percent\b|per\ cent\b))?
       (?:\ ?(?P<times>{"|".join(_TIMES)})\b)?
    |(?<![\w-])(?P<words>(?:{_WORD})(?:[ -](?:and\ )?(?:{_WORD}|hundred|thousand|million|point)\b){{0,12}})
       (?!\w|-[a-z]|'s))""",
    re.VERBOSE | re.IGNORECASE,
)
_NO_NUMBER = re.compile(
    r"\b\d{1,4}/\d{1,2}/\d{1,4}\b|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}:\d{2}(?::\d{2})?\b|\b\d+(?:\.\d+){2,20}\b"
    r"|(?<=[A-Za-z])\^\d{1,3}|\b(?:step|part|case|option|method|equation) ?#?\d{1,3}\b(?!\.?\d| ?[=/])",
    re.IGNORECASE,
)


def numerals(text: str) -> list[Numeral]:
    """The numbers in a short text in their order."""
    text = _NO_NUMBER.sub(lambda found: "_" * len(found.group()), text)
    return [numeral for found in _NUMERAL.finditer(text) if (numeral := _numeral(found)) is not None]


def same(one: Numeral, other: Numeral) -> bool:
    """Whether two numbers may stand for the same value, to within a part in 10^9: the last digits of a long
    decimal are chance."""
    return one.text == other.text or any(
        abs(a - b) <= _TOLERANCE * abs(b) for a in one.values for b in other.values
    )


def _numeral(found: re.Match[str]) -> Numeral | None:
    core = re.sub(r"[,'_ \u00a0]", "", found["core"] or "")
    values = _worded(found["words"].lower()) if found["words"] else _written(found, core)
    if values is None:
        return None
    if found["minus"] or found["inner"]:
        values = tuple(-value for value in values)
    decimals = len(core.partition(".")[2])
    return Numeral(found.start(), found.end(), found.group().strip(), values, decimals, bool(core))


def _written(found: re.Match[str], core: str) -> tuple[Fraction, ...]:
    exponent = found["exp"] or found["power"] or "0"
    below = Fraction(found["below"] or 1)
    if len(core) > _MAX_DIGITS or len(exponent) > 4 or abs(int(exponent)) > _MAX_EXPONENT or not below:
        return ()
    value = Fraction(core) * Fraction(10) ** int(exponent) / below + int(found["whole"] or 0)
    if found["percent"]:
        return (value, value / 100)
    return (value * _TIMES[found["times"].lower()], value) if found["times"] else (value,)


def _worded(text: str) -> tuple[Fraction, ...] | None:
    """The value of number words, None when they are not one number ("two three")."""
    counted, _, behind = text.replace("-", " ").partition(" point ")
    decimals = [_WORDS.get(word, 10) for word in behind.split()]
    total = group = 0
    below = 10**9  # The next word must be less: "twenty" may be followed by "four", "four" by nothing.
    for word in counted.split():
        if word in ("thousand", "million"):
            total, group, below = total + group * _TIMES[word], 0, 1_000
        elif word == "hundred" and 0 < group < 10:
            group, below = 100 * group, 100
        elif word != "and":
            value = _WORDS.get(word, below)
            if value >= below or not value < 100:
                return None
            group, below = group + value, 10 if value >= 20 else 0
    if any(digit > 9 for digit in decimals):
        return None
    part = sum(Fraction(digit, 10**place) for place, digit in enumerate(decimals, start=1))
    return (Fraction(total + group) + part,)


_NOUNS = "answer|solution|ans"
_EXACT_BELOW_DECIMALS = 2
_BARE_CHARS = 60
_UNIT_WORDS = 3
_LINES_LOOKED_AT = 12
_LINE_CHARS = 1_000

_ENTRY = re.compile(r"[ \t(]{0,8}\d{1,2}[.)][ \t]+(?=\S)")
_SENTENCE = re.compile(r"(?<=[.!?;])(?<!i\.e\.)(?<!e\.g\.)(?<!vs\.)\s+(?=\S)")
_CHECK = re.compile(r"(?:note|check|verif\w+|explanation)\b", re.IGNORECASE)
_SUM = re.compile(r"[=+*/×]")
_EQUALS = re.compile(r"[=≈→]")
_REMARK = re.compile(r"\(|\b(?:because|since|i\.e\.)")
_BY_THE_WAY = re.compile(
    r"\b(?:in|for|from|after|than|over|within|per|with|of (?:the|those))"
    r"(?: (?:the|those|all|each|original|only|spending|using|selling)){0,2}"
    r" [€£¥]?$",
    re.IGNORECASE,
)
_OF_WHICH = re.compile(r" of (?:which|whom|them|these|those)\b")
_JOINED = re.compile(
    r"\s?(?:[–-]|,? ?and|(?:[a-z€£%]{1,12} ?)?[,(]? ?or(?: (?:maybe|possibly|perhaps))?)\s?[€£]?", re.IGNORECASE
)


def grade_number(reading: Reading, expected: str) -> Grade:
    """Whether the number given as the answer is the expected one. Looked for in this order:

    1. Statements (see ``statements``); a first or last line with nothing but a number and its unit.
    2. The only number in bold.
    3. The last sentence with numbers that is no "Note:" or "Check:": the one after its last ``=``, else its
       last that is not given by the way ("for the 16 glasses", in brackets, after "because").

    A statement gives the number after its last ``=``, else its first. "24 or 25" and what is left open (see
    ``undecided``) are no answer. Units and currency are passed over, not converted: "1 hour 12 minutes" is not
    72. What a number may look like: see ``numerals``; where any is written with digits those in words do not
    count. Right is the value to within a part in 10^9: 1/2 is 0.5, 24.00 is 24. Where the expected number has
    two decimals or more, one that rounds to it is right too (2/3 for 0.67). Raises BadExpected.
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
    candidates = answers_in(statements(reading, _NOUNS), _stated) + _alone(reading)
    if (answer := settle(candidates, same)) is not None:
        return answer, "stated as the answer"
    bold = [number for span in reading.bold if (number := _stated(span.text[:_BARE_CHARS])) is not None]
    if bold and isinstance(bold[0], Numeral) and all(_agree(each, bold[0]) for each in bold):
        return bold[0], "the number in bold"
    return _last(reading), "the last number"


def number_expected(expected: str) -> Numeral:
    """The expected answer as a number. Raises BadExpected."""
    if (found := _only(flat(expected))) is None:
        raise BadExpected(f"expected is no number: {plain(expected, 40)}; give one number such as 24 or 1/2")
    return found


def only_number(text: str) -> Fraction | None:
    """The value of the only number in a short text, None for none or for several."""
    found = _only(text)
    # Within words "one" is a pronoun: "such as this one".
    is_meant = found is not None and (found.text.lower() != "one" or len(text.split()) == 1)
    return found.values[0] if found is not None and is_meant else None


def _only(text: str) -> Numeral | None:
    found = numerals(text)
    return found[0] if found and found[0].values and all(same(each, found[0]) for each in found) else None


def _agree(one: Numeral | Several, other: Numeral) -> bool:
    return isinstance(one, Numeral) and same(one, other)


def _distinct(sentence: str) -> set[Fraction]:
    """The values of the numbers in a sentence."""
    return {found.values[0] for found in numerals(sentence[-_LINE_CHARS:]) if found.values}


def _rounds_to(answer: Numeral, wanted: Numeral) -> bool:
    if wanted.decimals < _EXACT_BELOW_DECIMALS or (
        answer.decimals <= wanted.decimals and "/" not in answer.text
    ):
        return False
    return abs(answer.values[0] - wanted.values[0]) <= Fraction(1, 2 * 10**wanted.decimals)


def _stated(text: str) -> Numeral | Several | None:
    """The number that a statement gives."""
    sentence = first_sentence(text)
    if not (found := _plainest(sentence)):
        found, sentence = _plainest(text), text
    return (_after_equals(sentence, found) or _unless_joined(sentence, found, 0)) if found else None


def _alone(reading: Reading) -> list[Candidate[Numeral]]:
    """A first or last line that is a number with at most a unit."""
    ends = dict.fromkeys((*reading.lines[:1], *reading.lines[-1:]))
    return [
        (line.start, Strength.STATED, answer)
        for line in ends
        if len(line.text) <= _BARE_CHARS and (answer := _bare(line.text)) is not None
    ]


def _bare(line: str) -> Numeral | Several | None:
    line = _ENTRY.sub("", line, count=1)
    found = numerals(line)
    if not found or len(found) > 2 or line.endswith(":"):
        return None
    rest = line[found[-1].end :].strip(" .!,;:\"')%")
    if line[: found[0].start].strip(" \"'(=:€£¥+~≈") or len(rest.split()) > _UNIT_WORDS or _SUM.search(rest):
        return None
    answer = _unless_joined(line, found, 0)
    return answer if len(found) == 1 or answer is SEVERAL else None


def _last(reading: Reading) -> Numeral | Several | None:
    """The number on which a reply ends up: in its last sentence with digits, else in its last with a number."""
    lines = [line.text[-_LINE_CHARS:] for line in reading.lines[-_LINES_LOOKED_AT:]]
    if sum(_ENTRY.match(line) is not None for line in lines) > 1:
        lines = [_ENTRY.sub("", line, count=1) for line in lines]
    results = [line for line in lines if not _CHECK.match(line)] or lines
    sentences = [each for line in reversed(results) for each in reversed(_SENTENCE.split(line))]
    sentences.sort(key=lambda sentence: _CHECK.match(sentence) is not None)
    ended = ((sentence, numerals(sentence)) for sentence in sentences)
    with_numbers = [(sentence, found) for sentence, found in ended if found]
    with_digits = [each for each in with_numbers if any(number.digits for number in each[1])]
    for sentence, found in with_digits or with_numbers:
        # Without digits "one" is a pronoun: "no one", "the other one".
        meant = [each for each in found if each.digits] or [n for n in found if n.text.lower() != "one"]
        if meant:
            return _ended_up(sentence, meant)
    return None


def _ended_up(sentence: str, found: list[Numeral]) -> Numeral | Several:
    if (result := _after_equals(sentence, found)) is not None:
        return result
    remark = _REMARK.search(sentence, found[0].end)
    found = [each for each in found if remark is None or each.start < remark.start()]
    found = [each for each in found if not _is_by_the_way(sentence, each)] or found
    return _unless_joined(sentence, found, len(found) - 1)


def _is_by_the_way(sentence: str, number: Numeral) -> bool:
    before = sentence[max(number.start - _BARE_CHARS, 0) : number.start]
    after = sentence[number.end : number.end + _BARE_CHARS]
    return _BY_THE_WAY.search(before) is not None or _OF_WHICH.match(after) is not None


def _plainest(text: str) -> list[Numeral]:
    """The numbers written with digits; where there are none, those in words."""
    found = numerals(text)
    return [each for each in found if each.digits] or found


def _after_equals(sentence: str, found: list[Numeral]) -> Numeral | None:
    """The number after the last sign for "equals" that has numbers on both sides."""
    last = [sign.start() for sign in _EQUALS.finditer(sentence, found[0].end, found[-1].start + 1)]
    return next((each for each in found if last and each.start > last[-1]), None)


def _unless_joined(sentence: str, found: list[Numeral], place: int) -> Numeral | Several:
    """The number at ``place``, SEVERAL when it is one of two joined by "or", "and" or a dash."""
    one, other = found[max(place - 1, 0)], found[min(max(place, 1), len(found) - 1)]
    joined = _JOINED.fullmatch(sentence, one.end, other.start) if one.end <= other.start else None
    return found[place] if joined is None or same(one, other) else SEVERAL
