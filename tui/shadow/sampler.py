"""The quality room: what is asked of both versions, apart from the live traffic, and what becomes of the
answers.

A share of the requests is sent to the other version too, and items with a known answer to both. None of that
enters latency, cost or the rates of the versions: their users did not see it. What it costs is spent all the
same.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tui.grading import TaskItem, grade_item
from tui.grading.judge import can_be_judged
from tui.model import (
    DEFAULT_TASK,
    NEVER_SERVED,
    Answer,
    Assignment,
    Grade,
    Mark,
    Outcome,
    OutcomeKind,
    QualityView,
    Request,
    Sample,
    SampleKind,
    WeightTable,
)
from tui.rollout import KnownAnswers, Rollout
from tui.routing.controller import Log
from tui.service.budget import Budget, Client
from tui.shadow.judge_queue import JudgeQueue
from tui.shadow.samples import SampleStore, Scores

SHADOW, KNOWN = "shadow", "known"
"""The sources of what the quality room asks for itself."""

_NOTABLE_PER_S = 1.0
_NOTE_CHARS = 500
_BEST = 5


class ShadowSampler:
    """``weights`` are those in force; a canary without weight in a task is asked nothing for it. ``going`` is
    whether traffic runs, ``pauses(deployment)`` whether its service asked for a pause: then it is asked for
    nothing beside the traffic. ``counts(outcome)`` is whether the version that is on trial has answered.
    ``apart(outcome)`` is told of what is asked beside the traffic, ``pair(task, canary, criterion, baseline,
    own)`` of every two values of one item.
    """

    def __init__(
        self,
        rollout: Rollout,
        *,
        client: Client,
        weights: Callable[[], WeightTable],
        going: Callable[[], bool],
        pauses: Callable[[str], bool],
        counts: Callable[[Outcome], bool],
        apart: Callable[[Outcome], None],
        pair: Callable[[str, str, str, int, int], None],
        next_id: Callable[[], int],
        log: Log,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        rng: random.Random,
        known: Mapping[str, Sequence[TaskItem]],
        judge: Callable[[SampleStore, Callable[[Sample], None]], JudgeQueue | None],
    ) -> None:
        self.store = SampleStore()
        self._rollout = rollout
        self._client = client
        self._weights = weights
        self._going = going
        self._pauses = pauses
        self._counts = counts
        self._apart = apart
        self._pair = pair
        self._next_id = next_id
        self._log = log
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._rng = rng
        self._known = known
        self.scores = Scores(self.store, by_people=rollout.quality.judge is None, pair=pair, log=log, now=now)
        self._judge = judge(self.store, self.scores.judged)
        self._asked = dict.fromkeys(known, 0)
        self._spent = Budget(None)
        self._next_sample_s = self._next_notable_s = 0.0
        self._work: set[asyncio.Task[None]] = set()

    # --- the walk of a request ---

    async def complete(
        self, request: Request, assignment: Assignment, due_s: float, *, saturated: bool = False
    ) -> Outcome:
        """Send a request of the traffic; a sample of them is kept, and some are sent to the other version
        too."""
        other = self._other_version(assignment)
        sampled = other is not None or self._is_sampled()
        answered: asyncio.Future[Outcome] | None = None
        if other is not None:
            answered = asyncio.get_running_loop().create_future()
            self._begin(self._shadow(request, other, answered))
        outcome = await self._client.complete(
            request, assignment, due_s, saturated=saturated, keep_text=True if sampled else None
        )
        if answered is not None:
            if not answered.done():
                answered.set_result(outcome)
        elif sampled or self._is_notable(outcome):
            self.store.put(self._sample(request, SampleKind.LIVE, (outcome,)))
        return outcome

    def _other_version(self, assignment: Assignment) -> str | None:
        """The version that is asked too; None where only one is."""
        if self._rng.random() * 100 >= self._rollout.quality.shadow_pct:
            return None
        baseline = self._rollout.baseline
        if assignment.deployment != baseline:
            return None if self._pauses(baseline) else baseline
        canaries = self._on_trial(assignment.task)
        return self._rng.choice(canaries) if canaries else None

    def _on_trial(self, task: str) -> list[str]:
        table = self._weights()
        shares = table.get(task) or table[DEFAULT_TASK]
        names = (name for name, pct in shares.items() if pct > 0 and name != self._rollout.baseline)
        return [name for name in names if not self._pauses(name)]

    def _is_sampled(self) -> bool:
        per_s = self._rollout.quality.samples_per_s
        if not per_s or self._clock() < self._next_sample_s:
            return False
        self._next_sample_s = self._clock() + 2 * self._rng.random() / per_s
        return True

    def _is_notable(self, outcome: Outcome) -> bool:
        """What went wrong is worth a look, though its text was not kept."""
        if (
            outcome.kind is OutcomeKind.OK
            or outcome.kind in NEVER_SERVED
            or self._clock() < self._next_notable_s
        ):
            return False
        self._next_notable_s = self._clock() + 1 / _NOTABLE_PER_S
        return True

    async def _shadow(self, request: Request, other: str, live: asyncio.Future[Outcome]) -> None:
        outcomes = [await self._ask(replace(request, source=SHADOW), other), await live]
        outcomes.sort(key=lambda outcome: outcome.deployment != self._rollout.baseline)
        sample = self._sample(request, SampleKind.PAIR, outcomes)
        self.store.put(sample)
        if self._judge is not None and can_be_judged(sample) and all(map(self._counts, outcomes)):
            self._judge.add(sample)

    # --- known answers ---

    async def work(self) -> None:
        """Ask and judge until cancelled."""
        waits: list[Awaitable[Any]] = [
            self._ask_known(task, spec.known, self._known[task])
            for task, spec in self._rollout.tasks.items()
            if spec.known is not None and self._known.get(task)
        ]
        if self._judge is not None:
            waits.append(self._judge.work())
        await asyncio.gather(*waits)

    async def drain(self, timeout_s: float, judging_s: float) -> None:
        """Wait for the answers under way and, as long as one may take, for the judgements; what is not finished
        in time is cancelled. The traffic must have ended: a second answer waits for the first."""
        if self._work:
            await asyncio.wait(tuple(self._work), timeout=timeout_s)
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        if self._judge is not None:
            await self._judge.drain(judging_s)

    def cut(self) -> None:
        """Cancel what is under way beside the traffic."""
        for task in self._work:
            task.cancel()
        if self._judge is not None:
            self._judge.cut()

    async def _ask_known(self, task: str, known: KnownAnswers, items: Sequence[TaskItem]) -> None:
        while True:
            await self._sleep(1 / known.per_s)
            canaries = self._on_trial(task)
            if self._going() and canaries and not self._pauses(self._rollout.baseline):
                # Drawn with replacement: what was asked before says nothing of the next one.
                self._begin(self._both(task, self._rng.choice(items), canaries))

    async def _both(self, task: str, item: TaskItem, canaries: Sequence[str]) -> None:
        self._asked[task] += 1
        request = Request(
            self._next_id(), task, item.messages, KNOWN, item.max_tokens, item.params, item.expected
        )
        asked = (self._rollout.baseline, *canaries)
        base, *others = await asyncio.gather(*(self._ask(request, name) for name in asked))
        of_base = _grade(item, base)
        for other in others:
            of_other = _grade(item, other)
            grades = (of_base, of_other)
            sample = self._sample(request, SampleKind.KNOWN, (base, other), grades, item.match)
            self.store.put(sample)
            right = [None if grade is None else grade.is_right for grade in grades]
            counted = self._counts(base) and self._counts(other)
            if counted and right[0] is not None and right[1] is not None:
                self._pair(task, other.deployment, "accuracy", int(right[0]), int(right[1]))
            to_judge = of_base is not None and of_base.mark is Mark.FOR_JUDGE
            if self._judge is not None and to_judge and counted and can_be_judged(sample):
                self._judge.add(sample)

    async def _ask(self, request: Request, deployment: str) -> Outcome:
        assignment = Assignment(request.id, request.task, deployment, 0.0, self._clock())
        outcome = await self._client.complete(request, assignment, self._clock(), keep_text=True)
        self._spent.add(outcome)
        self._apart(outcome)
        if outcome.kind is OutcomeKind.CANCELLED:
            # The client makes an outcome of a cancellation; nothing is to be made of half a pair.
            raise asyncio.CancelledError
        return outcome

    def _sample(
        self,
        request: Request,
        kind: SampleKind,
        outcomes: Sequence[Outcome],
        grades: Sequence[Grade | None] = (),
        match: str | None = None,
    ) -> Sample:
        grades = grades or [None] * len(outcomes)
        return Sample(
            id=self.store.next_id(),
            at=self._now(),
            at_s=self._clock(),
            task=request.task,
            kind=kind,
            messages=request.messages,
            answers=tuple(_answer(o, grade) for o, grade in zip(outcomes, grades, strict=True)),
            source=request.source,
            expected=request.expected,
            match=match,
        )

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    # --- scores ---

    def version_changed(self, deployment: str) -> None:
        """What was asked of a deployment until now says nothing of the version that answers from now on."""
        self.scores.version_changed(deployment, self._clock())

    # --- what is seen ---

    def view(self) -> QualityView:
        judge = self._judge
        counted = QualityView(
            samples=len(self.store),
            known=dict(self._asked),
            spent_usd=self._spent.usd,
            estimated_usd=self._spent.estimated_usd,
            agreement=self.scores.agreement,
        )
        if judge is None:
            return counted
        return replace(
            counted,
            waiting=judge.waiting,
            not_judged=judge.not_judged,
            judge=judge.view(),
            judge_name=judge.name,
            judge_usd=judge.budget.usd,
            judge_estimated_usd=judge.budget.estimated_usd,
            judge_budget_usd=judge.budget.budget_usd,
        )


def _grade(item: TaskItem, outcome: Outcome) -> Grade | None:
    """None where the service gave no answer: that says nothing of what the version knows."""
    if outcome.kind is not OutcomeKind.OK:
        return None
    return grade_item(item, outcome.answer_text or "")


def _answer(outcome: Outcome, grade: Grade | None) -> Answer:
    return Answer(
        deployment=outcome.deployment,
        kind=outcome.kind,
        text=outcome.answer_text or "",
        latency_ms=outcome.latency_ms,
        ttft_ms=outcome.ttft_ms,
        answer_ttft_ms=outcome.answer_ttft_ms,
        usage=outcome.usage,
        cost_usd=outcome.cost_usd,
        cost_estimated=outcome.cost_estimated,
        filters=outcome.filters,
        served_model=outcome.served_model,
        error=outcome.error,
        finish_reason=outcome.finish_reason,
        grade=grade,
    )
