"""Numbers in a text as people and models write them, each with the values that it may stand for.

Read are: signs (also the Unicode minus), thousands in groups of three (``1,234``, ``1'234``, ``18 000``),
decimals, ``1e6`` and ``1.5 x 10^6``, fractions and mixed numbers (``1/2``, ``1 1/2``), percent (``60 %`` is 60
or 0.6), ``5k`` and ``2 million`` (2,000,000 or, since the question may be in millions, 2), and words from zero
to the thousands ("twenty-four", "minus five", "two thirds"). Left out are dates, clock times, version and
section numbers, ordinals and the numbers of a list's entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

_MAX_DIGITS = 60
_MAX_EXPONENT = 60
_MAX_NUMBERS = 400


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text. ``values`` are what it may stand for, the plainest first; empty when it is beyond
    60 digits or an exponent of 60. ``digits``: written with digits, not in words."""

    start: int
    end: int
    text: str
    values: tuple[Fraction, ...]
    decimals: int = 0
    digits: bool = True


_CORE = (
    r"(?:\d{1,3}(?:[,'_\u00a0]\d{3})+(?!\d)|\d{1,2}(?:[ ]\d{3})+(?!\d)|\d{3}(?:[ ]000)+(?!\d)|\d+)"
    r"(?:\.\d+)?|\.\d+"
)
_NUMERAL = re.compile(
    rf"""(?<![A-Za-z0-9_.])(?<!\d,)
    (?:(?P<whole>\d{{1,9}})(?:\ and\ |[ -]|\ &\ )(?=\d{{1,9}}/\d))?
    (?P<core>{_CORE})
    (?:[eE](?P<exp>[+-]?\d+)(?!\w)|\ {{0,2}}(?:×|x|·|\*)\ {{0,2}}10\ ?(?:\^|\*\*)\ ?\(?(?P<power>[+-]?\d+)\)?)?
    (?:\ ?/\ ?(?P<below>\d{{1,20}}(?:\.\d{{1,20}})?)(?![\d/]))?
    (?!\d|st\b|nd\b|rd\b|th\b|\.\d)
    (?P<percent>\ ?(?:%|percent\b|per\ cent\b))?
    (?:\ ?(?P<times>thousand|million|billion|trillion)\b|(?P<kilo>[kK])\b)?""",
    re.VERBOSE,
)
_NO_NUMBER = re.compile(
    r"(?<=[A-Za-z])\^\d{1,3}|\b\d{1,4}/\d{1,2}/\d{1,4}\b|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}:\d{2}(?::\d{2})?\b"
    r"|\b\d+(?:\.\d+){2,20}\b"
    r"|(?i:\b(?:step|part|case|question|section|article|clause|page|option|day|example|method|equation|figure)"
    r" ?#?\d{1,3}\b(?!\.?\d| ?[=/]))"
)
_ENTRY = re.compile(r"(?m)^[ \t(]{0,8}(\d{1,2})[.)](?=[ \t]+\S)")

_TIMES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
_PARTS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
}
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_IN_WORDS = re.compile(
    rf"(?<![\w-])(?:{_WORD})(?:[ -](?:and )?(?:{_WORD}|hundred|thousand|million)(?![\w])){{0,12}}"
    rf"(?:[ -](?P<part>{'|'.join(_PARTS)})s?)?(?![\w]|-[A-Za-z]|'s)",
    re.IGNORECASE,
)
_MINUS_WORD = re.compile(r"(?<![\d%)]\s)(?<!\w)(?:minus|negative) ?$", re.IGNORECASE)


def numerals(text: str) -> list[Numeral]:
    """The numbers in a short text in their order, the first 400."""
    text = _NO_NUMBER.sub(lambda found: "_" * len(found.group()), text)
    entries = _entries(text)
    found = [each for each in _written(text) if each.start not in entries]
    found += _worded(text)
    return sorted(found, key=lambda each: each.start)[:_MAX_NUMBERS]


def single(text: str) -> Numeral | None:
    """The only number in ``text``, None for none or for several that differ."""
    found = numerals(text)
    return found[0] if found and all(each.values == found[0].values for each in found) else None


def same(one: Numeral, other: Numeral) -> bool:
    """Whether two numbers may stand for the same value."""
    return one.text == other.text or bool(set(one.values) & set(other.values))


def without_entries(lines: Sequence[str], *, least: int = 2) -> list[str]:
    """Lines without the numbers that only count them ("2. "), where at least ``least`` begin so."""
    if sum(_ENTRY.match(line) is not None for line in lines) < least:
        return list(lines)
    return [line[found.end() :] if (found := _ENTRY.match(line)) else line for line in lines]


def _entries(text: str) -> set[int]:
    """Where numbers stand that only count the entries of a list: 1., 2., 3. at the beginning of lines."""
    entries, wanted = set(), 1
    for entry in _ENTRY.finditer(text):
        if int(entry[1]) == wanted:
            entries.add(entry.start(1))
            wanted += 1
    return entries if len(entries) > 1 else set()


def _written(text: str) -> Iterator[Numeral]:
    for found in _NUMERAL.finditer(text):
        start, negative = _sign(text, found.start())
        core = re.sub(r"[,'_ \u00a0]", "", found["core"])
        decimals = len(core.partition(".")[2])
        values = _values(found, core, negative)
        yield Numeral(start, found.end(), text[start : found.end()].strip(), values, decimals)


def _values(found: re.Match[str], core: str, negative: bool) -> tuple[Fraction, ...]:
    exponent = found["exp"] or found["power"] or "0"
    if len(core) > _MAX_DIGITS or len(exponent) > 4 or abs(int(exponent)) > _MAX_EXPONENT:
        return ()
    value = Fraction(core) * Fraction(10) ** int(exponent)
    if found["below"]:
        below = Fraction(found["below"])
        if below == 0:
            return ()
        value /= below
    if found["whole"]:
        value += int(found["whole"])
    if negative:
        value = -value
    if found["percent"]:
        return (value, value / 100)
    if found["times"]:
        return (value * _TIMES[found["times"].lower()], value)
    return (value * 1000,) if found["kilo"] else (value,)


def _sign(text: str, at: int) -> tuple[int, bool]:
    """Where a number begins with its sign, and whether that is a minus.

    A dash with a number, letter or bracket before it is a subtraction or a range; one with blanks on both sides
    is a minus only after ``=``, a bracket or nothing.
    """
    head = text[max(at - 24, 0) : at]
    if word := _MINUS_WORD.search(head):
        return at - len(head) + word.start(), True
    bare = head.rstrip(" €£¥₹")
    if not bare.endswith(("-", "–")):
        return at, False
    place = at - len(head) + len(bare) - 1
    before = bare[:-1]
    last = before.rstrip()[-1:]
    joined = (last.isalnum() or last in (")", "]", "%")) and not before.endswith(" ")
    if joined or last.isdigit() or before[-1:] == bare[-1]:
        return at, False
    if head.endswith(" ") and not (bare.endswith("-") and last in ("=", "(", "≈", "")):
        return at, False
    return place, True


def _worded(text: str) -> Iterator[Numeral]:
    for found in _IN_WORDS.finditer(text):
        words = re.findall(r"[a-z]+", found.group().lower())
        part = found["part"]
        if part:
            words = words[:-1]
        value = _counted(words)
        if value is None:
            continue
        exact = Fraction(value, _PARTS[part.lower()]) if part else Fraction(value)
        head = text[max(found.start() - 24, 0) : found.start()]
        minus = _MINUS_WORD.search(head)
        start = found.start() - (len(head) - minus.start() if minus else 0)
        yield Numeral(
            start, found.end(), text[start : found.end()], (-exact if minus else exact,), digits=False
        )


def _counted(words: list[str]) -> int | None:
    """The value of number words, None when they are not one number ("two three")."""
    total = group = last = 0
    for place, word in enumerate(words):
        if word == "and":
            continue
        if word == "hundred":
            if not 0 < group < 10:
                return None
            group, last = group * 100, 100
        elif word in ("thousand", "million"):
            total, group, last = total + group * _TIMES[word], 0, 1000
        else:
            value = _WORDS[word]
            fits = place == 0 or last in (100, 1000) or (20 <= last < 100 and 0 < value < 10)
            if not fits:
                return None
            group, last = group + value, value
    return total + group
