"""Quality of answers as it is shown: what is asked and kept, whether the judge can be believed, and how replies
are graded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class QualityView:
    """``samples`` are kept in memory, ``waiting`` of them for the judge, ``not_judged`` were dropped because it
    was too slow. ``known`` is how many items with a known answer were asked, by task. ``spent_usd`` is what
    known answers and second answers cost, which the budget of the traffic pays; ``judge_usd`` what the judge
    did; of both, the part is estimated that no service reported.

    ``agreement`` is one line on the scores of people and judge, empty where no answer has both.
    """

    samples: int = 0
    waiting: int = 0
    not_judged: int = 0
    known: Mapping[str, int] = field(default_factory=dict)
    spent_usd: float = 0.0
    estimated_usd: float = 0.0
    judge: JudgeView | None = None
    judge_name: str = ""
    judge_usd: float = 0.0
    judge_estimated_usd: float = 0.0
    judge_budget_usd: float | None = None
    agreement: str = ""


@dataclass(frozen=True, slots=True)
class PositionView:
    """Whether the judge prefers an answer for its place. Ties do not count.

    ``first`` and ``second`` are how often the answer in that place was the better one. ``biased`` stays once
    the evidence reached 1/alpha; ``progress`` is how far it is on its way there, 0 to 1.
    """

    first: int = 0
    second: int = 0
    biased: bool = False
    progress: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class AnchorView:
    """Whether the judge scores the anchors as it did at first.

    ``anchors`` have a first judgement, ``judgements`` came after those. ``difference`` is how much higher the
    latest ones score than the first ones, in points, None before there is any. ``drifted`` stays once the
    evidence reached 1/alpha; ``progress`` is how far it is on its way there, 0 to 1.
    """

    anchors: int = 0
    judgements: int = 0
    difference: float | None = None
    drifted: bool = False
    progress: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class JudgeView:
    """The judge's own health. ``asked`` and ``failed`` count judgements, ``unanswered`` those that were asked
    for and have not come (yet); ``recent_failed_pct`` is the share of failures among the latest ``recent``.
    Every ``text`` is one line for people, empty where nothing was asked.
    """

    asked: int = 0
    unanswered: int = 0
    failed: int = 0
    recent: int = 0
    recent_failed_pct: float | None = None
    failing: bool = False
    last_failure: str = ""
    text: str = ""
    position: PositionView = PositionView()
    anchors: AnchorView = AnchorView()

    @property
    def is_sound(self) -> bool:
        """Whether nothing speaks against its scores."""
        return not (self.failing or self.position.biased or self.anchors.drifted)


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
