"""The judging model over real HTTP: every end of the call is one judgement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from tests.support.contexts import context_of
from tests.support.service import client_of, serving
from tui.grading.judgement import RESPONSE_FORMAT
from tui.model import Answer, Deployment, Judgement, Outcome, OutcomeKind, Sample, SampleKind
from tui.rollout import JudgeSpec
from tui.service.budget import Budget
from tui.service.client import ServiceClient
from tui.shadow.judge_queue import MAX_TOKENS, JudgingModel, can_be_judged

JUDGE = "judge-4o"
AT = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
SAMPLE = Sample(
    id=7,
    at=AT,
    at_s=1.0,
    task="email_summarisation",
    kind=SampleKind.PAIR,
    messages=({"role": "user", "content": "Summarise: the meeting moved to Monday."},),
    answers=(Answer("old", OutcomeKind.OK, "It moved to Monday."), Answer("new", OutcomeKind.OK, "It is off.")),
)
USAGE = {"prompt_tokens": 400, "completion_tokens": 100}
COST_USD = (400 * 2.5 + 100 * 10) / 1e6
Handler = Callable[[dict[str, Any]], Awaitable[web.StreamResponse]]


def says(content: str | None, finish: str = "stop") -> web.Response:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}
    return web.json_response({"model": "gpt-4o-2024-11-20", "choices": [choice], "usage": USAGE})


def refuses(message: str, param: str | None = None, code: str | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return web.json_response({"error": error}, status=400)


def verdict(asked: dict[str, Any]) -> str:
    """What a judge says that likes the answer with Monday in it."""
    text = asked["messages"][1]["content"]
    first = text.partition("<<<ANSWER 1\n")[2].partition("\nANSWER 1>>>")[0]
    likes_first = "Monday" in first
    scores = (5, 1) if likes_first else (1, 5)
    better = "first" if likes_first else "second"
    return json.dumps({"first": scores[0], "second": scores[1], "better": better, "reason": "The date."})


class Told(Budget):
    """Keeps the outcomes that it is told."""

    def __init__(self) -> None:
        super().__init__(None)
        self.outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


def model_of(client: ServiceClient, budget: Budget, rubric: str | None = None) -> JudgingModel:
    spec = JudgeSpec(Deployment(JUDGE, "main", "gpt-4o", "2024-11-20"), rubric)
    return JudgingModel(client, spec, budget, context_of(now=lambda: AT))


@asynccontextmanager
async def judging(
    handler: Handler, rubric: str | None = None, **options: Any
) -> AsyncIterator[tuple[JudgingModel, list[dict[str, Any]], list[Outcome]]]:
    """A judging model behind ``handler``, the bodies that it was sent, and the outcomes told to the ledger."""
    bodies: list[dict[str, Any]] = []
    budget = Told()

    async def post(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        return await handler(bodies[-1])

    options = {"keep_text": True, "stream": False, **options}
    async with serving(post) as url, client_of(url, JUDGE, **options) as client:
        yield model_of(client, budget, rubric), bodies, budget.outcomes


async def judged(handler: Handler, sample: Sample = SAMPLE, **options: Any) -> Judgement:
    async with judging(handler, **options) as (model, _, _):
        return await model.judge(sample)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_good_judge_scores_by_deployment_whichever_stands_first(stream: bool) -> None:
    async def handler(asked: dict[str, Any]) -> web.Response:
        return says(verdict(asked))

    async with judging(handler, stream=stream) as (model, bodies, outcomes):
        found = [await model.judge(SAMPLE) for _ in range(12)]
    assert {judgement.first for judgement in found} == {"old", "new"}
    for judgement in found:
        assert judgement.scores == {"old": 5.0, "new": 1.0}
        assert (judgement.better, judgement.failed, judgement.at) == ("old", "", AT)
        assert judgement.cost_usd == pytest.approx(COST_USD)
    body = bodies[0]
    assert (body["model"], body["temperature"], body["max_tokens"]) == (JUDGE, 0, MAX_TOKENS)
    assert body["response_format"] == RESPONSE_FORMAT
    assert [(o.source, o.task, o.deployment) for o in outcomes[:1]] == [("judge", SAMPLE.task, JUDGE)]
    assert len(outcomes) == 12


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value "
            "is supported.",
            "unsupported_value",
        ),
        ("Unsupported parameter: 'temperature' is not supported with this model.", "unsupported_parameter"),
    ],
)
async def test_a_model_that_takes_no_temperature_is_asked_without_from_then_on(message: str, code: str) -> None:
    async def handler(asked: dict[str, Any]) -> web.Response:
        return refuses(message, "temperature", code) if "temperature" in asked else says(verdict(asked))

    async with judging(handler) as (model, bodies, outcomes):
        found = [await model.judge(SAMPLE) for _ in range(3)]
    assert [judgement.scores for judgement in found] == [{"old": 5.0, "new": 1.0}] * 3
    assert ["temperature" in body for body in bodies] == [True, False, False, False]
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.BAD_REQUEST] + 3 * [OutcomeKind.OK]
    assert found[0].cost_usd == pytest.approx(COST_USD)


async def test_questions_under_way_together_all_learn_that_the_model_takes_no_temperature() -> None:
    waiting, all_there = 0, asyncio.Event()

    async def handler(asked: dict[str, Any]) -> web.Response:
        nonlocal waiting
        if "temperature" not in asked:
            return says(verdict(asked))
        waiting += 1
        if waiting == 3:
            all_there.set()
        await all_there.wait()
        return refuses("Unsupported parameter: 'temperature' is not supported with this model.", "temperature")

    async with judging(handler) as (model, bodies, _):
        found = await asyncio.gather(*(model.judge(SAMPLE) for _ in range(3)))
    assert all(judgement.scores for judgement in found)
    assert len(bodies) == 6


async def test_a_model_that_refuses_twice_is_not_asked_for_ever() -> None:
    async def handler(_: dict[str, Any]) -> web.Response:
        return refuses("temperature is out of order today")

    async with judging(handler) as (model, bodies, _):
        found = await model.judge(SAMPLE)
    assert found.failed == "HTTP 400: temperature is out of order today"
    assert len(bodies) == 2


@pytest.mark.parametrize(
    "message",
    [
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",
    ],
)
async def test_a_model_without_structured_outputs_is_named_with_the_remedy(message: str) -> None:
    async def handler(_: dict[str, Any]) -> web.Response:
        return refuses(message)

    found = await judged(handler)
    assert found.failed.startswith(
        f"{JUDGE} takes no JSON schema: name a judge with structured outputs (gpt-4o "
    )
    assert "api_version 2024-10-21 or later); it said HTTP 400: " in found.failed
    assert message[:60] in found.failed
    assert not found.scores
    assert found.cost_usd is None


BLOCKED = {
    "message": "The response was filtered due to the prompt triggering the content management policy.",
    "code": "content_filter",
    "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation"},
}


@pytest.mark.parametrize(
    ("answer", "why", "costs"),
    [
        (lambda: says("I liked the first one better."), "the judge did not answer with JSON", True),
        (lambda: says(None), "the judge answered without text", True),
        (lambda: says("x" * 3_000_000), "the judge answered with 1,000,000 characters", True),
        (lambda: says('{"first": 5,', "length"), "the judge's answer was cut off at 4,000 tokens", True),
        (lambda: says("{", "content_filter"), "blocked by the content filter", True),
        (lambda: web.json_response({"error": BLOCKED}, status=400), "prompt blocked by the content", True),
        (lambda: web.Response(status=503), "HTTP 503", False),
        (lambda: web.json_response({"error": {"code": "429"}}, status=429), "HTTP 429", False),
        (lambda: web.json_response({"error": {"message": "gone"}}, status=404), "no such deployment", False),
        (lambda: web.Response(text="<html>"), "an HTML page", False),
        (lambda: web.json_response({"object": "list"}), "not a chat completion", False),
    ],
)  # fmt: skip
async def test_whatever_else_comes_back_is_no_score(
    answer: Callable[[], web.Response], why: str, costs: bool
) -> None:
    async def handler(_: dict[str, Any]) -> web.Response:
        return answer()

    async with judging(handler) as (model, bodies, outcomes):
        found = await model.judge(SAMPLE)
    assert why in found.failed
    assert not found.scores
    assert found.first in ("old", "new")
    assert (found.cost_usd is not None) is costs
    assert len(bodies) == len(outcomes) == 1


async def test_a_judge_that_is_late_gives_no_score() -> None:
    done = asyncio.Event()

    async def handler(_: dict[str, Any]) -> web.Response:
        await done.wait()
        return says("{}")

    async with judging(handler, timeout_s=0.05) as (model, _, _):
        found = await model.judge(SAMPLE)
        done.set()
    assert found.failed == "not finished within 0.05 s"


async def test_a_judge_that_is_not_there_gives_no_score() -> None:
    async def hangs_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with serving(hangs_up) as url, client_of(url, JUDGE, keep_text=True) as client:
        found = await model_of(client, Budget(None)).judge(SAMPLE)
    assert "ServerDisconnectedError" in found.failed
    assert not found.scores


@pytest.mark.parametrize(
    ("match", "shown"), [("reference", True), ("number", True), (None, True), ("regex", False)]
)
async def test_a_known_answer_is_shown_to_the_judge_but_a_pattern_is_not(
    match: str | None, shown: bool
) -> None:
    async def handler(asked: dict[str, Any]) -> web.Response:
        return says(verdict(asked))

    async with judging(handler, "5: has a date.") as (model, bodies, _):
        await model.judge(replace(SAMPLE, expected="It moved.", match=match))
    assert ("<<<REFERENCE\nIt moved.\nREFERENCE>>>" in bodies[0]["messages"][1]["content"]) is shown
    assert "5: has a date." in bodies[0]["messages"][0]["content"]


async def test_only_two_whole_answers_of_two_deployments_are_judged() -> None:
    async def handler(asked: dict[str, Any]) -> web.Response:
        return says(verdict(asked))

    old, new = SAMPLE.answers
    late, third = replace(new, kind=OutcomeKind.TIMEOUT), replace(new, deployment="third")
    assert can_be_judged(SAMPLE)
    async with judging(handler) as (model, bodies, _):
        for answers in ((old,), (old, old), (old, late), (old, new, third)):
            sample = replace(SAMPLE, answers=answers)
            assert not can_be_judged(sample)
            with pytest.raises(ValueError, match="sample 7"):
                await model.judge(sample)
    assert not bodies
