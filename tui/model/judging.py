"""What is known of the judging model itself: whether its scores can be believed."""

from __future__ import annotations

from dataclasses import dataclass


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
