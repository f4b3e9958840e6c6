"""Grades, made short and harmless to show; and what a task may do wrong."""

from __future__ import annotations

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
