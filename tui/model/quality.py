"""What is known of the quality room: what it asks, what it keeps, and whether its judge can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.model.judging import JudgeView


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
