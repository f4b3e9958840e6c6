"""Requests kept with their answers, to be read, compared and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tui.model.outcomes import NO_HITS, FilterHits, OutcomeKind, Usage
from tui.model.quality import Grade

TIE = "tie"
"""In place of a deployment's name: neither answer is the better one."""


class SampleKind(StrEnum):
    """Why a request was kept."""

    LIVE = "live"
    """One of the weighted traffic, answered by the deployment that it was assigned to."""
    PAIR = "pair"
    """One of the traffic that the other version was asked too: the same prompt, two answers."""
    KNOWN = "known"
    """A task with a known answer, asked of both versions apart from the traffic."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one deployment made of a sample. ``text`` is the model's own: hostile, and up to a megabyte long."""

    deployment: str
    kind: OutcomeKind
    text: str = ""
    latency_ms: float | None = None
    ttft_ms: float | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    filters: FilterHits = NO_HITS
    served_model: str | None = None
    error: str | None = None
    finish_reason: str | None = None
    grade: Grade | None = None
    """Of a known answer."""
    answer_ttft_ms: float | None = None
    cost_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judging model said of the two answers of a pair.

    ``scores`` are 1 to 5 by deployment, empty where it gave none; then ``failed`` says why. ``better`` is a
    deployment or ``TIE``, ``first`` the deployment whose answer stood first in the question.
    """

    at: datetime
    first: str
    scores: Mapping[str, float] = field(default_factory=dict)
    better: str = TIE
    reason: str = ""
    failed: str = ""
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """What both versions made of one item: of ``quality`` scores of 1 to 5, of ``accuracy`` 1 for right and 0
    for wrong. ``baseline`` and ``own`` (the canary's) are these, ``at_s`` seconds of the run."""

    at_s: float
    task: str
    canary: str
    criterion: str
    baseline: int
    own: int


@dataclass(frozen=True, slots=True)
class HumanScore:
    """What a person thinks of one answer, 1 (useless) to 5 (as good as can be). ``blind`` is whether the
    version was hidden from them."""

    value: int
    by: str
    at: datetime
    note: str = ""
    blind: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """One request with its answers: one, or that of the baseline and then that of a canary.

    ``messages`` are chat messages as they were sent, ``at_s`` seconds of the run. ``expected`` and ``match``
    are of a task with a known answer. ``human`` has the score of each answer by deployment.
    """

    id: int
    at: datetime
    at_s: float
    task: str
    kind: SampleKind
    messages: tuple[Mapping[str, Any], ...]
    answers: tuple[Answer, ...]
    source: str = ""
    expected: str | None = None
    match: str | None = None
    judged: Judgement | None = None
    human: Mapping[str, HumanScore] = field(default_factory=dict)

    def answer(self, deployment: str) -> Answer | None:
        return next((answer for answer in self.answers if answer.deployment == deployment), None)
