"""What a grader says of one reply to a task with a known answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """Every way in which a reply can be graded."""

    RIGHT = "right"
    WRONG = "wrong"
    UNGRADED = "ungraded"
    """No answer could be found in the reply, or it contradicts itself."""
    FOR_JUDGE = "for judge"
    """The task has a reference text, not a right answer."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One reply, graded. ``answer`` is what was taken as the answer, short and harmless to show, empty where
    none was found; ``why`` says in a few words how it was found or why it was not."""

    mark: Mark
    answer: str
    why: str

    @property
    def is_right(self) -> bool | None:
        """What the reply counts as in accuracy: an ungraded reply is not right, since the user did not get the
        answer; None where there is no right or wrong."""
        return None if self.mark is Mark.FOR_JUDGE else self.mark is Mark.RIGHT
