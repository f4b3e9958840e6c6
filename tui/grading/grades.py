"""Grades, made short and harmless to show; and what a task may do wrong.

How the run record says that a person scored an answer: the text of such an event, written and read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui.base.text import plain
from tui.model import Grade, Mark

_ANSWER_CHARS = 80


class BadExpected(ValueError):
    """A task whose expected answer cannot be graded against; the text says why and what would be accepted."""


def graded(is_right: bool, answer: str, why: str) -> Grade:
    """The grade of a reply in which an answer was found."""
    return Grade(Mark.RIGHT if is_right else Mark.WRONG, _shown(answer), why)


def ungraded(why: str, answer: str = "") -> Grade:
    """The grade of a reply without one clear answer."""
    return Grade(Mark.UNGRADED, _shown(answer), why)


def _shown(answer: str) -> str:
    return plain(" ".join(answer[: 4 * _ANSWER_CHARS].split()), _ANSWER_CHARS)


_SCORED = re.compile(r"sample (\d{1,18}): (.+) ([1-5]) of 5( blind)?", re.DOTALL)
_TAKEN_BACK = re.compile(r"sample (\d{1,18}): score of (.+) taken back", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Scored:
    """The answer of one deployment in one sample. ``value`` is 1 to 5, None where a score was taken back."""

    sample: int
    deployment: str
    value: int | None
    blind: bool = False


def scored_text(scored: Scored) -> str:
    """``sample 12: gpt4o-prod-v0513 4 of 5 blind``."""
    if scored.value is None:
        return f"sample {scored.sample}: score of {scored.deployment} taken back"
    return f"sample {scored.sample}: {scored.deployment} {scored.value} of 5{' blind' if scored.blind else ''}"


def read_scored(text: str) -> Scored | None:
    """What such a text says; None for any other."""
    if found := _TAKEN_BACK.fullmatch(text):
        return Scored(int(found[1]), found[2], None)
    if found := _SCORED.fullmatch(text):
        return Scored(int(found[1]), found[2], int(found[3]), found[4] is not None)
    return None
