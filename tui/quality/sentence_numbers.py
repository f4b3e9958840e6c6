"""Which number of a sentence is meant."""

from __future__ import annotations

import itertools
import re

from tui.quality.numerals import Numeral, numerals, same
from tui.quality.statements import first_sentence
from tui.quality.weights import SEVERAL, Several

_EQUALS = re.compile(
    r"[=≈→]|\b(?:equals|gives|makes|gets?|yields|totals|leaves|comes to|amounts to|adds? up to)\b",
    re.IGNORECASE,
)
_EITHER = re.compile(
    r"[\s€£¥%]*(?:[a-z]{1,12} )?"
    r"(?:(?:,? ?(?:or|to|and|maybe|perhaps|possibly|even)){1,3}|\((?:or|maybe|perhaps|possibly))"
    r"[\s€£¥]*|[ ]?[–-][ ]?",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\([^()]{0,200}\)")
_TAIL = re.compile(
    r",? (?:vs\.?|versus|compared)\b|,? which (?:is|are|was|means|makes|leaves)\b|,? (?:since|because|i\.e\.)",
    re.IGNORECASE,
)
_BY_THE_WAY = re.compile(
    r"(?:(?<!result )(?<!results )(?<!resulting )\bin|\b(?:from|after|than|over|within|during|out of|per|with"
    r"|across"
    r"|among|against|of (?:the|those|these|his|her|its|their|all)))"
    r"(?: (?:the|those|these|that|his|her|its|their|all|each|original|initial|about|first|last|other|just|only"
    r"|giving"
    r"|spending|using|selling|eating)){0,4} [€£¥]?$",
    re.IGNORECASE,
)
_ONE_MEANT = re.compile(
    r"(?:\b(?:exactly|is|equals|has|have)|(?<!the )\b(?:only|just)|=)\W{0,3}$", re.IGNORECASE
)
_ONE_OF = re.compile(r" (?:of|that|which|who|more|another|fits)\b", re.IGNORECASE)


def first_meant(text: str) -> Numeral | Several | None:
    """The number that a statement gives: of its first sentence with numbers the one after the last sign or word
    for "equals", else the first that stands in no brackets. SEVERAL for "24 or 25"."""
    sentence = first_sentence(text)
    found = numerals(sentence)
    if not found:
        found, sentence = numerals(text), text
    found = without_pronouns(found, sentence, anchored=True)
    if not found:
        return None
    if (result := after_equals(sentence, found)) is not None:
        return result
    outside = [each for each in found if not _in_aside(sentence, each)] or found
    return unless_either(sentence, found, found.index(outside[0]))


def last_meant(sentence: str) -> Numeral | Several | None:
    """The number on which a sentence ends up: the one after the last "equals", else the last that is not said
    by the way. None when there is no number."""
    found = without_pronouns(numerals(sentence), sentence, anchored=False)
    if not found:
        return None
    if tail := _TAIL.search(sentence, found[0].end):
        found = [each for each in found if each.start < tail.start()]
    if (result := after_equals(sentence, found)) is not None:
        return result
    found = _before_list(sentence, found)
    outside = [each for each in found if not _in_aside(sentence, each)] or found
    meant = [each for each in outside if not _BY_THE_WAY.search(sentence[: each.start])] or outside
    return unless_either(sentence, meant, len(meant) - 1)


def _before_list(sentence: str, found: list[Numeral]) -> list[Numeral]:
    """Without what a colon after a number only lists: "15 fruits: one apple, three bananas"."""
    colon = sentence.find(": ", found[0].end)
    listed = [each for each in found if colon >= 0 and each.start > colon]
    is_list = len(listed) > 1 or any(not each.digits for each in listed)
    return [each for each in found if each.start < colon] if is_list else found


def after_equals(sentence: str, found: list[Numeral]) -> Numeral | None:
    """The number after the last sign or word for "equals" that has numbers on both sides."""
    for sign in reversed(list(_EQUALS.finditer(sentence))):
        after = [each for each in found if each.start >= sign.end()]
        if after and after[0] is not found[0] and not _in_aside(sentence, after[0]):
            return (
                after[0]
                if sign.group() not in ("=", "≈", "→") or len(after) == 1
                else _unmixed(sentence, after)
            )
    return None


def _unmixed(sentence: str, after: list[Numeral]) -> Numeral | None:
    """The number after ``=``, None when a calculation follows instead."""
    between = sentence[after[0].end : after[1].start].strip()
    return None if between in ("+", "-", "–", "*", "×", "x", "·", "/", "÷") else after[0]


def unless_either(sentence: str, found: list[Numeral], place: int) -> Numeral | Several:
    """The number at ``place``, SEVERAL when it is one of two joined by "or", "and", "to" or a dash."""
    chosen = found[place]
    for one, other in itertools.pairwise(found):
        joined = _EITHER.fullmatch(sentence[one.end : other.start])
        if joined and chosen in (one, other) and not same(one, other):
            return SEVERAL
    return chosen


def _in_aside(sentence: str, number: Numeral) -> bool:
    return any(found.start() < number.start < found.end() for found in _ASIDE.finditer(sentence))


def without_pronouns(found: list[Numeral], sentence: str, *, anchored: bool) -> list[Numeral]:
    """Without "one" where it may be a pronoun."""

    def meant(each: Numeral) -> bool:
        if each.digits or each.text.lower() != "one":
            return True
        if _ONE_OF.match(sentence, each.end):
            return False
        before = sentence[: each.start].strip(" \t:\"'")
        return (anchored and not before) or _ONE_MEANT.search(sentence[: each.start]) is not None

    return [each for each in found if meant(each)]
