"""Numbers in a text as people and models write them, each with the values that it may stand for.

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
