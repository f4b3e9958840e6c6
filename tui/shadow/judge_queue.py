"""Queue before the judge: pairs of answers wait here and are scored, and the judge itself is watched."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from tui.grading.judgement import (
    DEFAULT_RUBRIC,
    RESPONSE_FORMAT,
    failed_judgement,
    in_random_order,
    question,
    read_judgement,
)
from tui.model import (
    ENGINE,
    Assignment,
    Context,
    EventKind,
    Judgement,
    JudgeView,
    Outcome,
    OutcomeKind,
    Request,
    Sample,
)
from tui.rollout import JudgeSpec, Rollout
from tui.service.budget import Budget
from tui.service.client import ServiceClient
from tui.service.prices import load_prices, price_for
from tui.shadow.judge_health import JudgeHealth
from tui.shadow.samples import Scores

ANCHORS = 20
"""The first pairs that got scores; they are scored again and again, to see whether the judge stays the same."""

JUDGE_TIMEOUT_S = 120.0
"""Longest that one call of the judging model may take."""

_CONNECTIONS = 8
_AT_FIRST = 3
_ANCHOR_EVERY = 10
_MOST_WAITING = 200
_AT_ONCE = 4


def judge_queue(
    rollout: Rollout, scores: Scores, env: Mapping[str, str], context: Context
) -> JudgeQueue | None:
    """The queue before the judge of a rollout; None where it names none: then people score."""
    spec = rollout.quality.judge
    if spec is None:
        return None
    judge = spec.deployment
    if judge.price is None:
        judge = replace(judge, price=price_for(judge.model, judge.version, load_prices()))
    client = ServiceClient(
        {judge.endpoint: rollout.endpoints[judge.endpoint]},
        {judge.name: judge},
        env=env,
        clock=context.clock,
        timeout_s=JUDGE_TIMEOUT_S,
        stream=False,
        max_in_flight=_CONNECTIONS,
        keep_text=True,
    )
    return JudgeQueue(spec, client, scores, context)


class JudgeQueue:
    """Has pairs of answers scored while the judge's own budget lasts."""

    def __init__(self, spec: JudgeSpec, client: ServiceClient, scores: Scores, context: Context) -> None:
        self.name = spec.deployment.name
        self.budget = Budget(spec.budget_usd)
        self.not_judged = 0
        self._client = client
        self._model = JudgingModel(client, spec, self.budget, context)
        self._scores = scores
        self._store = scores.store
        self._log = context.log
        self._health = JudgeHealth(context.rng("anchors"))
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

    async def close(self) -> None:
        await self._client.close()

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
        judgement = await self._model.judge(sample)
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
            self._scores.judged(sample)

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


SOURCE = "judge"
"""The ``source`` of the requests to the judging model."""

MAX_TOKENS = 4_000
"""Most tokens of one judgement; the thinking of a reasoning model is part of them."""


def can_be_judged(sample: Sample) -> bool:
    """Whether a sample has two whole answers, of two deployments."""
    return (
        len(sample.answers) == 2
        and sample.answers[0].deployment != sample.answers[1].deployment
        and all(answer.kind is OutcomeKind.OK for answer in sample.answers)
    )


class JudgingModel:
    """Judging model: the deployment that scores answers. ``budget`` counts what every call cost.

    It is asked with temperature 0; where the model takes no temperature, as reasoning models do, it is asked
    without from then on.
    """

    def __init__(self, client: ServiceClient, spec: JudgeSpec, budget: Budget, context: Context) -> None:
        self._client = client
        self._deployment = spec.deployment.name
        self._rubric = DEFAULT_RUBRIC if spec.rubric is None else spec.rubric
        self._budget = budget
        self._rng = context.rng("judge")
        self._context = context
        self._takes_temperature = True

    async def judge(self, sample: Sample) -> Judgement:
        """Have the two answers of a sample scored, in random order.

        A service that refuses, blocks, fails, is late or answers with nonsense gives a judgement that
        ``failed``. Raises ValueError for a sample that ``can_be_judged`` denies, and CancelledError where it is
        cancelled: that is no failure of the judge.
        """
        if not can_be_judged(sample):
            raise ValueError(f"sample {sample.id} has no two answers to compare")
        texts = {answer.deployment: answer.text for answer in sample.answers}
        one, other = texts
        first, second = in_random_order(one, other, self._rng)
        # A pattern is no answer that another could be held against.
        reference = sample.expected if sample.match != "regex" else None
        answers = texts[first], texts[second]
        messages = question(sample.messages, *answers, rubric=self._rubric, reference=reference)
        with_temperature = self._takes_temperature
        outcomes = [await self._ask(sample, messages)]
        if with_temperature and _refuses(outcomes[0], "temperature"):
            self._takes_temperature = False
            outcomes.append(await self._ask(sample, messages))
        outcome = outcomes[-1]
        costs = [call.cost_usd for call in outcomes if call.cost_usd is not None]
        cost_usd = sum(costs) if costs else None
        if (why := self._why_not(outcome)) is not None:
            return failed_judgement(why, first, self._context.now(), cost_usd)
        return read_judgement(outcome.answer_text, first, second, self._context.now(), cost_usd)

    async def _ask(self, sample: Sample, messages: tuple[Mapping[str, str], ...]) -> Outcome:
        params: dict[str, Any] = {"response_format": RESPONSE_FORMAT}
        if self._takes_temperature:
            params["temperature"] = 0
        request = Request(sample.id, sample.task, messages, SOURCE, max_tokens=MAX_TOKENS, params=params)
        due_s = self._context.clock()
        assignment = Assignment(sample.id, sample.task, self._deployment, 100.0, due_s)
        outcome = await self._client.complete(request, assignment, due_s)
        self._budget.add(outcome)
        if outcome.kind is OutcomeKind.CANCELLED:
            # The client makes an outcome of a cancellation; whoever is told to stop has to stop all the same.
            raise asyncio.CancelledError
        return outcome

    def _why_not(self, outcome: Outcome) -> str | None:
        """Why an outcome carries no judgement; None where it has to be read."""
        if _refuses(outcome, "response_format") or _refuses(outcome, "json_schema"):
            return (
                f"{self._deployment} takes no JSON schema: name a judge with structured outputs (gpt-4o "
                f"2024-08-06 or later, with api_version 2024-10-21 or later); it said {outcome.error}"
            )
        if outcome.kind is OutcomeKind.COMPLETION_FILTERED:
            return "the judge's answer was blocked by the content filter"
        if outcome.kind is not OutcomeKind.OK:
            return outcome.error or outcome.kind.value
        if outcome.finish_reason == "length":
            return f"the judge's answer was cut off at {MAX_TOKENS:,} tokens"
        return None


def _refuses(outcome: Outcome, parameter: str) -> bool:
    """Whether a service refused a request for one of its parameters.

    As seen: ``Unsupported value: 'temperature' does not support 0 with this model``, ``Unsupported parameter:
    'temperature' is not supported with this model``, ``Invalid parameter: 'response_format' of type
    'json_schema' is not supported with this model``, ``response_format value as json_schema is enabled only for
    api versions 2024-08-01-preview and later``; all with HTTP 400.
    """
    return outcome.kind is OutcomeKind.BAD_REQUEST and parameter in (outcome.error or "").lower()
