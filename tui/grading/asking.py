"""Asking the judging model for a judgement: one call, one ``Judgement``, whatever happened."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from tui.grading.judge import failed_judgement, in_random_order, read_judgement
from tui.grading.question import DEFAULT_RUBRIC, RESPONSE_FORMAT, question
from tui.model import Assignment, Judgement, Outcome, OutcomeKind, Request, Sample

SOURCE = "judge"
"""The ``source`` of the requests to the judging model."""

MAX_TOKENS = 4_000
"""Most tokens of one judgement; the thinking of a reasoning model is part of them."""


class Client(Protocol):
    """What makes the call: the service client, which has to keep the text of answers."""

    async def complete(self, request: Request, assignment: Assignment, due_s: float) -> Outcome:
        """Send one request; every end is an outcome."""
        ...


def can_be_judged(sample: Sample) -> bool:
    """Whether a sample has two whole answers, of two deployments."""
    return (
        len(sample.answers) == 2
        and sample.answers[0].deployment != sample.answers[1].deployment
        and all(answer.kind is OutcomeKind.OK for answer in sample.answers)
    )


class JudgingModel:
    """The deployment that scores answers.

    It is asked with temperature 0; where the model takes no temperature, as reasoning models do, it is asked
    without from then on. ``clock`` reads seconds of the run, ``now`` the UTC time. ``spent`` is told of every
    call's outcome, for the cost and the budget: of a judgement that took two calls, of both.
    """

    def __init__(
        self,
        client: Client,
        deployment: str,
        *,
        rng: random.Random,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        spent: Callable[[Outcome], None],
    ) -> None:
        self._client = client
        self._deployment = deployment
        self._rng = rng
        self._clock = clock
        self._now = now
        self._spent = spent
        self._takes_temperature = True

    async def judge(self, sample: Sample, rubric: str = DEFAULT_RUBRIC) -> Judgement:
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
        messages = question(sample.messages, texts[first], texts[second], rubric=rubric, reference=reference)
        with_temperature = self._takes_temperature
        outcomes = [await self._ask(sample, messages)]
        if with_temperature and _refuses(outcomes[0], "temperature"):
            self._takes_temperature = False
            outcomes.append(await self._ask(sample, messages))
        outcome = outcomes[-1]
        costs = [call.cost_usd for call in outcomes if call.cost_usd is not None]
        cost_usd = sum(costs) if costs else None
        if (why := self._why_not(outcome)) is not None:
            return failed_judgement(why, first, self._now(), cost_usd)
        return read_judgement(outcome.answer_text, first, second, self._now(), cost_usd)

    async def _ask(self, sample: Sample, messages: tuple[Mapping[str, str], ...]) -> Outcome:
        params: dict[str, Any] = {"response_format": RESPONSE_FORMAT}
        if self._takes_temperature:
            params["temperature"] = 0
        request = Request(sample.id, sample.task, messages, SOURCE, max_tokens=MAX_TOKENS, params=params)
        due_s = self._clock()
        assignment = Assignment(sample.id, sample.task, self._deployment, 100.0, due_s)
        outcome = await self._client.complete(request, assignment, due_s)
        self._spent(outcome)
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
