"""Judging model: asking it for a judgement, and what it answered. One call, one ``Judgement``, whatever
happened."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn, Protocol

from tui.base.text import plain
from tui.grading.question import DEFAULT_RUBRIC, RESPONSE_FORMAT, question
from tui.model import TIE, Assignment, Judgement, Outcome, OutcomeKind, Request, Sample

MAX_ANSWER_CHARS = 20_000
"""A judgement is a few sentences; an answer longer than this is none."""

_REASON_CHARS = 500
_FAILED_CHARS = 400
_SHOWN_CHARS = 60
_FIELDS = frozenset({"first", "second", "better", "reason"})


def in_random_order(one: str, other: str, rng: random.Random) -> tuple[str, str]:
    """The two in the order in which they are shown, each first half of the time.

    That which stands first is chance keeps a judge with a preference for a place fair to both versions, and it
    is what the test for such a preference rests on.
    """
    return (one, other) if rng.random() < 0.5 else (other, one)


def read_judgement(
    text: str | None, first: str, second: str, at: datetime, cost_usd: float | None
) -> Judgement:
    """The judgement in an answer of the judging model; ``first`` and ``second`` are deployments as shown.

    The answer is one JSON object with exactly ``first`` and ``second`` (whole numbers 1 to 5, not 4.0, not
    true), ``better`` (``first``, ``second`` or ``tie``) and ``reason`` (text). It contradicts itself where
    ``better`` names the answer with the lower score, or says tie to different scores; with equal scores either
    may be better, since whole numbers are coarse. Whatever breaks these rules has no score and no winner, and
    ``failed`` says why: a score that was not given is never guessed. No text raises.
    """
    try:
        scores, better, reason = _read(text)
    except _NoJudgement as why:
        return failed_judgement(str(why), first, at, cost_usd)
    names = {"first": first, "second": second, "tie": TIE}
    return Judgement(
        at=at,
        first=first,
        scores={first: float(scores[0]), second: float(scores[1])},
        better=names[better],
        reason=plain(reason, _REASON_CHARS),
        cost_usd=cost_usd,
    )


def failed_judgement(why: str, first: str, at: datetime, cost_usd: float | None) -> Judgement:
    """A judgement without scores, for a reason of one line. It costs what it costs all the same."""
    return Judgement(at=at, first=first, failed=plain(why, _FAILED_CHARS), cost_usd=cost_usd)


class _NoJudgement(ValueError):
    """Why an answer is no judgement, in words."""


def _read(text: str | None) -> tuple[tuple[int, int], str, str]:
    if text is None or not text.strip():
        raise _NoJudgement("the judge answered without text")
    if len(text) > MAX_ANSWER_CHARS:
        raise _NoJudgement(f"the judge answered with {len(text):,} characters, not with a judgement")
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_not_json)
    except _NoJudgement:
        raise
    except (ValueError, RecursionError) as error:
        raise _NoJudgement(f"the judge did not answer with JSON: {_shown(text)}") from error
    if not isinstance(found, dict):
        raise _NoJudgement(f"the judge answered with JSON that is no object: {_shown(text)}")
    if found.keys() != _FIELDS:
        raise _NoJudgement(_wrong_fields(found))
    first, second = _score(found["first"], "first"), _score(found["second"], "second")
    better, reason = found["better"], found["reason"]
    if better not in ("first", "second", "tie"):
        raise _NoJudgement(f"the judge's better is {_shown(better)}, not first, second or tie")
    if not isinstance(reason, str):
        raise _NoJudgement(f"the judge's reason is {_shown(reason)}, not text")
    if (
        (better == "tie" and first != second)
        or (better == "first" and first < second)
        or (better == "second" and second < first)
    ):
        raise _NoJudgement(f"the judge contradicts itself: scores {first} and {second}, better {better}")
    return (first, second), better, reason


def _score(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 5:
        raise _NoJudgement(f"the judge's score of {name} is {_shown(value)}, not a whole number 1 to 5")
    return value


def _wrong_fields(found: Mapping[str, Any]) -> str:
    missing = [name for name in sorted(_FIELDS) if name not in found]
    if missing:
        return f"the judge's answer has no {', '.join(missing)}"
    return (
        f"the judge's answer has an unknown field {_shown(next(name for name in found if name not in _FIELDS))}"
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one that says a field twice says two things."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NoJudgement("the judge's answer has a field twice")
    return found


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _shown(value: object) -> str:
    return plain(value if isinstance(value, str) else repr(value), _SHOWN_CHARS)


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
