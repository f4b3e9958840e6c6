"""Shadow sampler of a run: asks the other version a share of the requests too, and keeps some answers.

None of what is asked beside the traffic enters latency, cost or the rates of the versions: their users did not
see it. What it costs is spent all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol

from tui.model import (
    NEVER_SERVED,
    Assignment,
    Context,
    Outcome,
    OutcomeKind,
    QualityView,
    Request,
    Sample,
    SampleKind,
)
from tui.record.record import RunRecord
from tui.rollout import Rollout
from tui.routing.router import Router
from tui.routing.weights import shares_of
from tui.service.budget import Budget, Client
from tui.shadow.judge_queue import JudgeQueue, can_be_judged
from tui.shadow.samples import SampleStore, Scores

SHADOW = "shadow"
"""The source of what is asked of the other version."""

_NOTABLE_PER_S = 1.0


class Deployments(Protocol):
    """Deployments of the run, as they matter beside its traffic."""

    def pauses(self, name: str) -> bool:
        """Whether its service asked for a pause: then it is asked for nothing beside the traffic."""
        ...

    def is_on_trial(self, outcome: Outcome) -> bool:
        """Whether the version that is on trial has answered."""
        ...


class SecondAnswers:
    """Second answers: requests beside the traffic, with a cost and nothing else in common with it.

    A canary without weight in a task is asked nothing for it. The texts of answers go into ``record``.
    """

    def __init__(
        self,
        client: Client,
        router: Router,
        deployments: Deployments,
        record: RunRecord | None,
        context: Context,
    ) -> None:
        self.spent = Budget(None)
        self.rng = context.rng("quality")
        self.pauses = deployments.pauses
        self.is_on_trial = deployments.is_on_trial
        self.client = client
        self._router = router
        self._record = record
        self._clock = context.clock
        self._work: set[asyncio.Task[None]] = set()

    def canaries(self, task: str, baseline: str) -> list[str]:
        """Those that may be asked for a task."""
        shares = shares_of(self._router.weights, task)
        return [n for n, pct in shares.items() if pct > 0 and n != baseline and not self.pauses(n)]

    async def ask(self, request: Request, deployment: str) -> Outcome:
        """Ask one deployment. Raises CancelledError where the call was cancelled."""
        assignment = Assignment(request.id, request.task, deployment, 0.0, self._clock())
        outcome = await self.client.complete(request, assignment, self._clock(), keep_text=True)
        self.spent.add(outcome)
        if self._record is not None:
            self._record.texts(outcome)
        if outcome.kind is OutcomeKind.CANCELLED:
            # The client makes an outcome of a cancellation; nothing is to be made of half a pair.
            raise asyncio.CancelledError
        return outcome

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have work done that asks; ``drain`` waits for it."""
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def drain(self, timeout_s: float) -> None:
        """Wait for the answers under way; what is not finished in time is cancelled."""
        if self._work:
            await asyncio.wait(tuple(self._work), timeout=timeout_s)
        self.cut()
        await asyncio.gather(*self._work, return_exceptions=True)

    def cut(self) -> None:
        """Cancel what is under way."""
        for task in self._work:
            task.cancel()


class ShadowSampler:
    """Stands between the sender and the client. ``judge`` None: people score the pairs."""

    def __init__(
        self,
        rollout: Rollout,
        second: SecondAnswers,
        scores: Scores,
        judge: JudgeQueue | None,
        context: Context,
    ) -> None:
        self.store: SampleStore = scores.store
        self.scores = scores
        self.second = second
        self._baseline = rollout.baseline
        self._quality = rollout.quality
        self._judge = judge
        self._clock = context.clock
        self._next_sample_s = self._next_notable_s = 0.0

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
            self.second.begin(self._shadow(request, other, answered))
        outcome = await self.second.client.complete(
            request, assignment, due_s, saturated=saturated, keep_text=True if sampled else None
        )
        if answered is not None:
            if not answered.done():
                answered.set_result(outcome)
        elif sampled or self._is_notable(outcome):
            self.scores.keep(request, SampleKind.LIVE, (outcome,))
        return outcome

    def _other_version(self, assignment: Assignment) -> str | None:
        """The version that is asked too; None where only one is."""
        if self.second.rng.random() * 100 >= self._quality.shadow_pct:
            return None
        baseline = self._baseline
        if assignment.deployment != baseline:
            return None if self.second.pauses(baseline) else baseline
        canaries = self.second.canaries(assignment.task, baseline)
        return self.second.rng.choice(canaries) if canaries else None

    def _is_sampled(self) -> bool:
        per_s = self._quality.samples_per_s
        if not per_s or self._clock() < self._next_sample_s:
            return False
        self._next_sample_s = self._clock() + 2 * self.second.rng.random() / per_s
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
        outcomes = [await self.second.ask(replace(request, source=SHADOW), other), await live]
        outcomes.sort(key=lambda outcome: outcome.deployment != self._baseline)
        self.have_judged(self.scores.keep(request, SampleKind.PAIR, outcomes), outcomes)

    def have_judged(self, sample: Sample, outcomes: Sequence[Outcome]) -> None:
        """Have the judge score a pair of answers, where there is one and both are of the versions on trial."""
        if self._judge is not None and can_be_judged(sample) and all(map(self.second.is_on_trial, outcomes)):
            self._judge.add(sample)

    # --- its life ---

    async def work(self) -> None:
        """Judge until cancelled."""
        if self._judge is not None:
            await self._judge.work()

    async def drain(self, timeout_s: float, judging_s: float) -> None:
        """Wait for the answers under way and, as long as one may take, for the judgements; what is not finished
        in time is cancelled. The traffic must have ended: a second answer waits for the first."""
        await self.second.drain(timeout_s)
        if self._judge is not None:
            await self._judge.drain(judging_s)

    def cut(self) -> None:
        """Cancel what is under way beside the traffic."""
        self.second.cut()
        if self._judge is not None:
            self._judge.cut()

    async def close(self) -> None:
        if self._judge is not None:
            await self._judge.close()

    # --- what is seen ---

    def view(self) -> QualityView:
        judge = self._judge
        counted = QualityView(
            samples=len(self.store),
            spent_usd=self.second.spent.usd,
            estimated_usd=self.second.spent.estimated_usd,
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
