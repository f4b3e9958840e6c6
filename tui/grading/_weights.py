"""Which of several sayings in a reply counts as its answer.

A statement has one of four weights:

- FINAL: ``#### 24``, ``\\boxed{24}``, "final answer: 24", "so the answer is 24", "actually, the answer is 24".
- SLOT: the answer in a place made for it, "Answer: 24", ``<answer>24</answer>``, ``{"answer": 24}``.
- SAID: "the correct answer is 24", "I choose B", and whatever a grader takes for an explicit statement, such as
  a first line with nothing but an answer.
- HEDGED: "one might think that the answer is 24", "the answer could be 24".

All that agree are one answer, repeats are fine. Where they differ, the last one counts if it is FINAL, or if it
is a SLOT and every other is less than that; otherwise the reply contradicts itself. The last one and those just
before it that agree with it are one, of the greatest weight among them. HEDGED ones do not count.
"The answer is not 24" and "is the answer 24?" are no statements.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")


class Weight(IntEnum):
    """How plainly a statement is meant as the answer."""

    HEDGED = 0
    SAID = 1
    SLOT = 2
    FINAL = 3


class Several:
    """More than one answer where one was asked for."""


SEVERAL: Final = Several()

Said: TypeAlias = tuple[int, Weight, T | Several]
"""Where in the reply something was said, how plainly, and the answer."""


def settle(answers: Iterable[Said[T]], agree: Callable[[T, T], bool] = operator.eq) -> T | Several | None:
    """The answer that the given ones amount to; SEVERAL for a contradiction, None for none."""
    told = [each for each in sorted(answers, key=_order) if each[1] > Weight.HEDGED]
    if not told:
        return None
    last = told[-1][2]
    run = itertools.takewhile(lambda each: _agree(each[2], last, agree), reversed(told))
    weight = max(each[1] for each in run)
    others = [other for _, other, answer in told if not _agree(answer, last, agree)]
    if not others or weight is Weight.FINAL:
        return last
    return last if weight is Weight.SLOT and max(others) < Weight.SLOT else SEVERAL


def _order(said: Said[T]) -> tuple[int, Weight]:
    return said[0], said[1]


def _agree(one: T | Several, other: T | Several, agree: Callable[[T, T], bool]) -> bool:
    if isinstance(one, Several) or isinstance(other, Several):
        return one is other
    return one is other or agree(one, other)


def only(answers: Iterable[T | Several | None]) -> T | None:
    """The answer that all of those given are, None when they differ or none is given."""
    found = {answer for answer in answers if answer is not None}
    answer = found.pop() if len(found) == 1 else None
    return None if isinstance(answer, Several) else answer
