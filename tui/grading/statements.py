"""Statements of a reply: where it says "this is my answer", how plainly, and which of several counts.

A statement has one of four strengths:

- FINAL: ``#### 24``, ``\boxed{24}``, "final answer: 24", "so the answer is 24", "actually, the answer is 24".
- SLOT: the answer in a place made for it, "Answer: 24", ``<answer>24</answer>``, ``{"answer": 24}``.
- STATED: "the correct answer is 24", "I choose B", and whatever a grader takes for an explicit statement, such
as a first line with nothing but an answer.
- HEDGED: "one might think that the answer is 24", "the answer could be 24".

All that agree are one answer, repeats are fine. Where they differ, the last one counts if it is FINAL, or if it
is a SLOT and every other is less than that; otherwise the reply contradicts itself. The last one and those just
before it that agree with it are one, of the greatest strength among them. HEDGED ones do not count.
"The answer is not 24" and "is the answer 24?" are no statements.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

from tui.grading.reading import Reading

T = TypeVar("T")


class Strength(IntEnum):
    """How plainly a statement is meant as the answer."""

    HEDGED = 0
    STATED = 1
    SLOT = 2
    FINAL = 3


class Several:
    """More than one answer where one was asked for."""


SEVERAL: Final = Several()

Candidate: TypeAlias = tuple[int, Strength, T | Several]
"""Candidate for the answer: its place in the reply, its strength, and the answer."""


def settle(answers: Iterable[Candidate[T]], agree: Callable[[T, T], bool] = operator.eq) -> T | Several | None:
    """The answer that the given ones amount to; SEVERAL for a contradiction, None for none."""
    stated = [each for each in sorted(answers, key=_order) if each[1] > Strength.HEDGED]
    if not stated:
        return None
    last = stated[-1][2]
    run = itertools.takewhile(lambda each: _agree(each[2], last, agree), reversed(stated))
    strength = max(each[1] for each in run)
    others = [other for _, other, answer in stated if not _agree(answer, last, agree)]
    if not others or strength is Strength.FINAL:
        return last
    return last if strength is Strength.SLOT and max(others) < Strength.SLOT else SEVERAL


def _order(of: Candidate[T]) -> tuple[int, Strength]:
    return of[0], of[1]


def _agree(one: T | Several, other: T | Several, agree: Callable[[T, T], bool]) -> bool:
    if isinstance(one, Several) or isinstance(other, Several):
        return one is other
    return one is other or agree(one, other)


def only(answers: Iterable[T | Several | None]) -> T | None:
    """The answer that all of those given are, None when they differ or none is given."""
    found = {answer for answer in answers if answer is not None}
    answer = found.pop() if len(found) == 1 else None
    return None if isinstance(answer, Several) else answer


@dataclass(frozen=True, slots=True)
class Statement:
    """What follows a marker, to the end of the line at most. ``at`` is its place in the reply."""

    at: int
    strength: Strength
    text: str


_MAX_CHARS = 400
_BEFORE = 90
_CLAUSE_BEFORE = 160
_FIRST, _LAST = 60, 140

_FINALLY = re.compile(
    r"\b(?:final|finally|therefore|thus|hence|so|conclusion|conclude|correction|corrected|actually|wait|instead"
    r"|revised|updated|summary|ultimately|overall|end|sorry|oops|rather|scratch that|make that|I mean)\b"
    r"|\bno,",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:might|may|could|(?:one|you|someone|people|some|many|students?) would|thought|assum\w*|suppos\w*"
    r"|tempt\w*|at first|initially|guess|first draft|previous(?:ly)?|originally|e\.g\.|for example)\b"
    r"|\b(?:whether|if|unless|why|wrong|incorrect|mistaken)\b[^,]*$",
    re.IGNORECASE,
)
_IF, _WOULD = re.compile(r"\b[Ii]f\b"), re.compile(r"\bwould\b")
_DENIAL = re.compile(r"(?:\b(?:not|never|cannot|neither)|n't)\b", re.IGNORECASE)
_DENIED = re.compile(rf"{_DENIAL.pattern}(?:\s+\w+){{0,3}}\s*$", re.IGNORECASE)
_RETRACTING = re.compile(
    r"\b(?:edit:|wait\b|sorry\b|oops\b|correction\b"
    r"|(?:I|was) (?:misread|mistaken|wrong)\b|on (?:second|closer) )",
    re.IGNORECASE,
)
_CONCEDED = re.compile(
    r"^\W*(?:while|although|though|whereas|even (?:if|though)|despite|much as)\b.*,\s",
    re.IGNORECASE | re.DOTALL,
)
_CLAUSE_BEGINS = re.compile(r"[.!?;\n](?=\s)|\n|\b(?:but|however|yet|whereas)\b", re.IGNORECASE)

_ADJECTIVES = (
    r"(?:(?:final|correct|right|best|better|only|true|overall|most|likely|accurate|appropriate|suitable|short"
    r"|numeric(?:al)?"
    r"|exact|proper|selected|chosen|predicted|resulting|required|single|clear|actual|revised|corrected|full"
    r"|complete|multiple[ -]choice|main|primary|principal|dominant|key)[\s_]+){0,4}"
)
_SLOT_BEFORE = re.compile(
    rf"(?:^|[.!?;,{{(]\s)[ \t{{\"'(\[✅✔✓☑]*+(?P<lead>(?:(?:so|therefore|thus|hence|and|then),? )?(?:(?:my|the"
    rf"|your) )?"
    rf"{_ADJECTIVES})\Z",
    re.IGNORECASE,
)
_SLOT_AFTER = re.compile(
    r"(?: (?:choice|option|letter|label|value|category|type"
    r"|section|first|here|now|again|then|up ?front))?(?:[ \t]*\([^()\n]{0,40}\))?[\"'\])]*[ \t]*"
    r"(?::|=|→|->|–|—|-[ \t])",
    re.IGNORECASE,
)
_SENTENCE_BEFORE = re.compile(
    rf"(?:\b(?:the|my|our|this|that|its|whose|an?)\s|^[\"'(]*|[.!?;:]\s)(?P<lead>{_ADJECTIVES})\Z",
    re.IGNORECASE,
)
_SENTENCE_AFTER = re.compile(
    r"(?!s? (?:choices|options)\b)(?:\s*=|(?P<between>[^.:;!?\n]{0,80}?)\s*"
    r"(?:\bis\b|\bare\b|\bwas\b|\bbe\b|\bbecomes\b|\bequals\b|\bremains\b|\bcomes (?:out )?to\b|'s\b))"
    r"[ \t]*:?",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"\bI(?:'d| would|'ll| will| shall)?(?: (?:have to|therefore|thus|also|still))?\s+(?:choose|chose|select"
    r"|pick|go with"
    r"|answer|say|opt for|conclude(?: that)?(?: it is| it's)?|classif(?:y|ied) (?:it|this|this clause"
    r"|the clause|the conversation|this conversation) as|label (?:it|this) (?:as )?)"
    r"(?: the (?:first|second|third|last|former|latter)(?: one| option)?(?=[:,]))?[ \t]*[:,]?",
    re.IGNORECASE,
)
_NOT_AN_ANSWER = re.compile(r"\s*(?:not\b|n't\b|never\b|wrong\b|incorrect\b)", re.IGNORECASE)
_UNSURE = re.compile(r"\s*(?:possibly|perhaps|maybe|either)\b", re.IGNORECASE)


def statements(reading: Reading, nouns: str) -> list[Statement]:
    """The statements of a reply in order. ``nouns`` are the words for the answer, as a regular expression."""
    text = reading.text
    found = [
        Statement(span.start, Strength.FINAL, span.text.strip() or _following(text, span.start, span.end))
        for span in (*reading.hashed[-_LAST:], *reading.boxed[-_LAST:])
    ]
    for noun in few(_noun(nouns), reading.lower):
        inside_word = text[noun.start() - 1 : noun.start()].isalnum()
        if not inside_word and (statement := _slot(text, noun) or _sentence(text, noun)) is not None:
            found.append(statement)
    found += [
        Statement(chosen.start(), strength, _following(text, chosen.end(), chosen.end()))
        for chosen in few(_CHOSEN, text)
        if (strength := strength_of(text, chosen.start(), chosen.end())) is not None
    ]
    found.sort(key=lambda statement: statement.at)
    return [each for each in found if not _NOT_AN_ANSWER.match(each.text)]


@lru_cache(maxsize=16)
def _noun(nouns: str) -> re.Pattern[str]:
    # No \b in front: beginning with letters, the pattern is searched several times as fast.
    return re.compile(rf"(?:{nouns})\b")


def _slot(text: str, noun: re.Match[str]) -> Statement | None:
    """``Answer: ...`` at the beginning of a line or sentence, also as a key in JSON."""
    after = _SLOT_AFTER.match(text, noun.end())
    before = _SLOT_BEFORE.search(_before(text, noun.start())) if after else None
    if after is None or before is None:
        return None
    is_final = _FINALLY.search(before["lead"] + noun.group()) or _RETRACTING.search(_before(text, noun.start()))
    strength = Strength.FINAL if is_final else Strength.SLOT
    return Statement(noun.start(), strength, _following(text, after.end(), after.end()))


def _sentence(text: str, noun: re.Match[str]) -> Statement | None:
    """``the answer to the question is ...``"""
    after = _SENTENCE_AFTER.match(text, noun.end())
    before = _SENTENCE_BEFORE.search(_before(text, noun.start())) if after else None
    if after is None or before is None:
        return None
    start = noun.start() - len(before.group())
    strength = strength_of(text, start, after.end(), f"{before['lead']} {after['between'] or ''}")
    if strength is None:
        return None
    return Statement(noun.start(), strength, _following(text, after.end(), after.end()))


def _before(text: str, at: int) -> str:
    """What stands before a place on its line, at most 90 characters. A cut beginning cannot pass for a
    line's."""
    begin = max(text.rfind("\n", 0, at) + 1, at - _BEFORE)
    piece = text[begin:at]
    return piece if begin == 0 or text[begin - 1] == "\n" else f"x{piece}"


def answers_in(found: Iterable[Statement], take: Callable[[str], T | Several | None]) -> list[Candidate[T]]:
    """What ``take`` finds in each statement: place, strength, answer."""
    taken = ((each.at, each.strength, take(each.text)) for each in found)
    return [(at, strength, answer) for at, strength, answer in taken if answer is not None]


def first_sentence(text: str) -> str:
    """``text`` up to the first full stop, question or exclamation mark that ends a sentence."""
    end = _SENTENCE_END.search(text)
    return text[: end.start() + 1] if end else text


_SENTENCE_END = re.compile(
    r"(?<![.\s(][A-Za-z])(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bapprox)[.!?](?=[\s\"')\]]|$)"
)


def few(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """The first 60 and the last 140 matches: more than any honest reply has."""
    matches = list(pattern.finditer(text))
    return matches if len(matches) <= _FIRST + _LAST else matches[:_FIRST] + matches[-_LAST:]


def strength_of(text: str, start: int, end: int, inside: str = "") -> Strength | None:
    """The strength of what is stated from ``start`` to ``end``, from the words before and ``inside`` it; None
    when it is denied or asked."""
    before = _CLAUSE_BEGINS.split(text[max(start - _CLAUSE_BEFORE, 0) : start])[-1]
    before = _CONCEDED.sub("", before)[-_BEFORE:]
    if _DENIED.search(before) or _DENIAL.search(inside):
        return None
    if first_sentence(text[end : end + _MAX_CHARS].partition("\n")[0]).endswith("?"):
        return None
    if _HEDGE.search(inside) or _UNSURE.match(text, end) or (_IF.search(before) and _WOULD.search(inside)):
        return Strength.HEDGED
    # What stands nearer counts: "I thought of 12, so the answer is 24".
    hedged = max((found.start() for found in _HEDGE.finditer(before)), default=-1)
    finally_ = max((found.start() for found in _FINALLY.finditer(before)), default=-1)
    if _FINALLY.search(inside):
        return Strength.FINAL
    if hedged > finally_:
        return Strength.HEDGED
    return Strength.FINAL if finally_ >= 0 else Strength.STATED


def _following(text: str, start: int, end: int) -> str:
    """The rest of the line from ``start``, or the next line with anything in it."""
    stop = text.find("\n", end)
    rest = text[start : stop if stop >= 0 else len(text)][:_MAX_CHARS]
    if rest.strip(" \t:*\"'") or stop < 0:
        return rest
    following = text[stop : stop + _MAX_CHARS].lstrip()
    return following.partition("\n")[0]
