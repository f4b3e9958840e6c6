"""The judging room: pairs of answers wait here, are scored by the judging model, and it is watched itself."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from tui.grading.judge import JudgingModel
from tui.model import ENGINE, EventKind, Judgement, JudgeView, Outcome, Sample
from tui.routing.controller import Log
from tui.service.budget import Budget
from tui.shadow.judge_health import JudgeHealth
from tui.shadow.samples import SampleStore

ANCHORS = 20
"""The first pairs that got scores; they are scored again and again, to see whether the judge stays the same."""

_AT_FIRST = 3
_ANCHOR_EVERY = 10
_MOST_WAITING = 200
_AT_ONCE = 4


class JudgeQueue:
    """Asks for scores while its own budget lasts. ``scored(sample)`` is called with every sample that got
    some."""

    def __init__(
        self,
        new_model: Callable[[Callable[[Outcome], None]], JudgingModel],
        *,
        name: str,
        rubric: str | None,
        budget_usd: float | None,
        store: SampleStore,
        scored: Callable[[Sample], None],
        log: Log,
        rng: random.Random,
    ) -> None:
        self.name = name
        self.budget = Budget(budget_usd)
        self.not_judged = 0
        self._model = new_model(self.budget.add)
        self._options = {} if rubric is None else {"rubric": rubric}
        self._store = store
        self._scored = scored
        self._log = log
        self._rng = rng
        self._health = JudgeHealth(rng)
        self._waiting: deque[int] = deque()
        self._come = asyncio.Event()
        self._anchors: dict[int, Sample] = {}
        self._rounds: dict[int, int] = {}
        self._asked = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._begun = self._answered = 0
        self._said: set[str] = set()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def view(self) -> JudgeView:
        view, unanswered = self._health.view(), self._begun - self._answered
        text = view.text or (f"asked {unanswered:,} times, no answer yet" if unanswered else "")
        return replace(view, unanswered=unanswered, text=text)

    def add(self, sample: Sample) -> None:
        """Have a pair scored in its turn; of more than 200 that wait the oldest is given up, and all are where
        the budget is spent."""
        if self.budget.over:
            self.not_judged += 1
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
            self.not_judged += 1
        self._waiting.append(sample.id)
        self._come.set()

    async def work(self) -> None:
        """Score what comes until cancelled; the judgements that are under way then go on (see ``drain``)."""
        await asyncio.gather(*(self._work() for _ in range(_AT_ONCE)))

    async def drain(self, timeout_s: float) -> None:
        """Wait for the judgements under way; what is not finished in time is cancelled."""
        if not self._under_way:
            return
        judging = tuple(self._under_way)
        await asyncio.wait(judging, timeout=timeout_s)
        self.cut()
        for result in await asyncio.gather(*judging, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def cut(self) -> None:
        """Cancel the judgements under way."""
        for task in self._under_way:
            task.cancel()

    async def _work(self) -> None:
        while True:
            await self._come.wait()
            if self.budget.over:
                self._give_up()
                return
            if not self._waiting:
                self._come.clear()
                continue
            sample = self._store.get(self._waiting.popleft())
            if sample is not None:
                await self._to_its_end(self._judge(sample))
            if (anchor := self._anchor()) is not None and not self.budget.over:
                self._rounds[anchor.id] += 1
                await self._to_its_end(self._judge_again(anchor))

    async def _to_its_end(self, judging: Coroutine[Any, Any, None]) -> None:
        """Wait for a judgement; it goes on where this is cancelled, since what was asked is paid for."""
        task = asyncio.ensure_future(judging)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.shield(task)

    async def _ask(self, sample: Sample) -> Judgement:
        self._begun += 1
        judgement = await self._model.judge(sample, **self._options)
        self._answered += 1
        return judgement

    def _give_up(self) -> None:
        self.not_judged += len(self._waiting)
        self._waiting.clear()
        self._say("budget", f"judge's budget of {self.budget.budget_usd:g} USD spent: no more scores")

    async def _judge(self, sample: Sample) -> None:
        judgement = await self._ask(sample)
        self._asked += 1
        if judgement.scores and len(self._anchors) < ANCHORS:
            self._anchors[sample.id] = sample
            self._rounds[sample.id] = 1
            self._health.add_anchor(str(sample.id), judgement)
        else:
            self._health.add(judgement)
        self._watch()
        # A person may have scored it meanwhile.
        sample = replace(self._store.get(sample.id) or sample, judged=judgement)
        if self._store.get(sample.id) is not None:
            self._store.put(sample)
        if judgement.scores:
            self._scored(sample)

    async def _judge_again(self, anchor: Sample) -> None:
        self._health.add_anchor(str(anchor.id), await self._ask(anchor))
        self._watch()

    def _anchor(self) -> Sample | None:
        """The anchor whose turn it is: at first each three times, later one for every tenth pair."""
        if not self._anchors:
            return None
        least = min(self._rounds, key=self._rounds.__getitem__)
        if self._rounds[least] < _AT_FIRST or self._asked % _ANCHOR_EVERY == 0:
            return self._anchors[least]
        return None

    def _watch(self) -> None:
        """Say once what speaks against the judge, and again when it has passed and comes back."""
        view = self.view()
        found = {
            "failing": (view.failing, view.text),
            "place": (view.position.biased, view.position.text),
            "drift": (view.anchors.drifted, view.anchors.text),
        }
        for what, (there, text) in found.items():
            if there:
                self._say(what, f"judge {self.name}: {text}")
            else:
                self._said.discard(what)

    def _say(self, what: str, text: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._log(EventKind.JUDGE, ENGINE, text)
