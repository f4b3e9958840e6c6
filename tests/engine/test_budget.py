"""The budget of a run whose service reports no usage, held against what the service knows itself."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.engine_runs import (
    NEW,
    OLD,
    WAIT_S,
    beside,
    finished,
    kinds,
    rollout,
    running,
    total,
    until,
)
from tests.support.service import PRICE, ask, client_of, serving
from tests.support.warp import warped
from tui.model import Deployment, EventKind, Outcome, OutcomeKind, Price, Request, Snapshot, TrafficState, Usage
from tui.model.commands import ContinueTraffic, PauseTraffic
from tui.rollout import Rollout, SourceSpec
from tui.service.budget import Budget
from tui.service.prices import cost_usd

# Each with its number of tokens, as o200k_base counts them.
ENGLISH = ("The parties agree that the supplier delivers the goods within thirty days. ", 13)
CHINESE = ("你好，我的名字是GPT-4o。我是一种新型的语言模型，很高兴见到你!", 24)
RUSSIAN = ("Привет, меня зовут GPT-4o. Я — новая языковая модель, приятно познакомиться! ", 23)


@dataclass
class Truth:
    """A service that counts tokens and tells nobody. Prompts and answers are copies of one sentence; the k-th
    answer has ``copies[k]`` of them. It answers nothing before ``answering`` is set."""

    sentence: tuple[str, int]
    copies: tuple[int, ...]
    usd: float = 0.0
    requests: int = 0
    answering: threading.Event = field(default_factory=threading.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        text, tokens = self.sentence
        copies = self.copies[self.requests % len(self.copies)]
        self.requests += 1
        prompt_tokens = 7 + tokens * body["messages"][0]["content"].count(text.strip())
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        written, finish = text * copies, "stop"
        if limit is not None and limit < tokens * copies:
            written, finish = (text * copies)[: len(text) * limit // tokens], "length"
        answer_tokens = tokens * copies if finish == "stop" else limit
        self.usd += cost_usd(Usage(prompt_tokens, answer_tokens), PRICE)
        if not self.answering.is_set():
            await asyncio.to_thread(self.answering.wait, WAIT_S)
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": written}, "finish_reason": finish}
            return web.json_response({"model": "gpt-4o-2024-11-20", "choices": [choice]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        pieces = [written[i : i + 5] for i in range(0, len(written), 5)]
        events: list[dict[str, Any]] = [
            {"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces
        ]
        events.append({"index": 0, "delta": {}, "finish_reason": finish})
        lines = [json.dumps({"model": "gpt-4o-2024-11-20", "choices": [event]}) for event in events]
        await response.write("".join(f"data: {line}\n\n" for line in (*lines, "[DONE]")).encode())
        return response


@asynccontextmanager
async def service(truth: Truth) -> AsyncIterator[str]:
    async with serving(truth.answer) as url:
        yield url


def asked(folder: Path, url: str, truth: Truth, prompt_copies: int, **options: Any) -> Rollout:
    """A rollout of two deployments that ask for ``prompt_copies`` of the sentence."""
    path = folder / "requests.jsonl"
    limit = options.pop("max_tokens", None)
    body = {"messages": [{"role": "user", "content": truth.sentence[0] * prompt_copies}]}
    path.write_text(json.dumps(body if limit is None else {**body, "max_tokens": limit}) + "\n")
    deployments = {name: Deployment(name, "main", "gpt-4o", "2024-11-20", PRICE) for name in (OLD, NEW)}
    sources = (SourceSpec("sampled", path=path, loop=True, redact=False),)
    return rollout(
        folder, url, api="v1", deployments=deployments, sources=sources, **{"rate": 400.0, **options}
    )


def is_spent(snapshot: Snapshot) -> bool:
    return snapshot.state is TrafficState.BUDGET_SPENT and snapshot.sender.in_flight == 0


@pytest.mark.parametrize(
    ("sentence", "prompt_copies", "copies", "stream", "max_tokens"),
    [
        (ENGLISH, 40, (3,), True, None),
        (ENGLISH, 2, (1, 30, 5), True, None),
        (ENGLISH, 2, (1, 30, 5), False, None),
        (ENGLISH, 10, (80, 100), True, 200),
        (CHINESE, 10, (10, 2), True, None),
        (CHINESE, 3, (20,), False, 100),
        (RUSSIAN, 10, (10, 2), True, None),
        (RUSSIAN, 30, (1,), False, None),
    ],
)
def test_a_run_of_unknown_usage_spends_its_budget_and_no_more(
    tmp_path: Path,
    sentence: tuple[str, int],
    prompt_copies: int,
    copies: tuple[int, ...],
    stream: bool,
    max_tokens: int | None,
) -> None:
    truth, budget_usd = Truth(sentence, copies), 0.08
    truth.answering.set()
    with beside(service(truth)) as url:
        of = asked(
            tmp_path, url, truth, prompt_copies, stream=stream, max_tokens=max_tokens, budget_usd=budget_usd
        )
        with running(of) as engine:
            spent = until(engine, is_spent)
            assert finished(engine).sender.sent == truth.requests > 15
    assert 0.5 <= truth.usd / budget_usd <= 1.1
    assert (
        spent.spent_usd
        == spent.spent_estimated_usd
        == pytest.approx(sum(total(spent, name).cost_usd or 0.0 for name in (OLD, NEW)))
    )
    assert budget_usd <= spent.spent_usd <= 1.15 * budget_usd
    assert all(total(spent, name).tokens_per_request is None for name in (OLD, NEW))


def test_what_is_under_way_is_reserved_and_the_traffic_goes_on_with_what_is_left(tmp_path: Path) -> None:
    # An answer of 13 tokens is far below the 1,000 that are reserved for it before any was seen.
    truth, budget_usd = Truth(ENGLISH, (1,)), 0.05
    with (
        beside(service(truth)) as url,
        running(asked(tmp_path, url, truth, 20, budget_usd=budget_usd)) as engine,
    ):
        full = until(engine, lambda s: s.spent_usd + s.reserved_usd >= budget_usd)
        waiting = until(engine, lambda s: s.at_s > full.at_s + 0.1)
        assert (waiting.state, waiting.spent_usd) == (TrafficState.RUNNING, 0.0)
        assert full.sender.sent == waiting.sender.sent == full.sender.in_flight == 5
        truth.answering.set()
        spent = until(engine, is_spent)
        assert spent.sender.sent > 5 * waiting.sender.sent
        assert spent.reserved_usd == 0.0
        assert kinds(spent.events).count(EventKind.BUDGET_SPENT) == 1
    assert 0.5 <= truth.usd / budget_usd <= 1.1


def test_a_pause_by_hand_outlasts_the_wait_for_costs(tmp_path: Path) -> None:
    truth = Truth(ENGLISH, (1,))
    with beside(service(truth)) as url, running(asked(tmp_path, url, truth, 20, budget_usd=0.05)) as engine:
        until(engine, lambda s: s.spent_usd + s.reserved_usd >= 0.05)
        engine.send(PauseTraffic(), actor="ann").result(WAIT_S)
        truth.answering.set()
        quiet = until(engine, lambda s: s.sender.in_flight == 0)
        later = until(engine, lambda s: s.at_s > quiet.at_s + 0.1)
        assert (later.state, later.sender.sent) == (TrafficState.PAUSED, quiet.sender.sent)
        engine.send(ContinueTraffic(), actor="ann").result(WAIT_S)
        assert until(engine, is_spent).sender.sent > quiet.sender.sent


def test_a_run_that_is_ended_while_it_awaits_costs_sends_nothing_more(tmp_path: Path) -> None:
    truth = Truth(ENGLISH, (1,))
    with beside(service(truth)) as url, running(asked(tmp_path, url, truth, 20, budget_usd=0.05)) as engine:
        full = until(engine, lambda s: s.spent_usd + s.reserved_usd >= 0.05)
        engine.end(WAIT_S)
        truth.answering.set()
        assert engine.ended.result(WAIT_S) == 0
        assert engine.snapshot().sender.sent == full.sender.sent == truth.requests


# --- one request --------------------------------------------------------------------------------------


def reserved(budget: Budget, deployment: Deployment, **fields: Any) -> float:
    return budget.reserve(Request(1, "default", MESSAGE, "test", **fields), deployment).usd


MESSAGE = ({"role": "user", "content": "x" * 40},)
PROMPT_USD = 14 * 2.5e-6
DEPLOYMENT = Deployment(OLD, "main", "gpt-4o", "2024-11-20", PRICE)


def ended(cost_usd: float | None, deployment: str = OLD) -> Outcome:
    return Outcome(1, "default", deployment, 100.0, OutcomeKind.OK, 0.0, 0.0, 1.0, 0.0, cost_usd=cost_usd)


def test_what_is_reserved_is_first_a_limit_then_what_answers_cost() -> None:
    budget = Budget(1.0)
    assert reserved(budget, DEPLOYMENT) == pytest.approx(PROMPT_USD + 1000 * 10e-6)
    assert reserved(budget, DEPLOYMENT, max_tokens=50) == pytest.approx(PROMPT_USD + 50 * 10e-6)
    for tokens in (100, 300):
        one = budget.reserve(Request(1, "default", MESSAGE, "test"), DEPLOYMENT)
        budget.settle(one, ended(PROMPT_USD + tokens * 10e-6))
    # Under way at some moment are 3 of the long ones for 1 of the short ones.
    assert reserved(budget, DEPLOYMENT) == pytest.approx(PROMPT_USD + (3 * 300 + 100) / 4 * 10e-6)
    assert reserved(budget, DEPLOYMENT, max_tokens=50) == pytest.approx(PROMPT_USD + 50 * 10e-6)
    assert reserved(budget, replace(DEPLOYMENT, name=NEW)) == pytest.approx(PROMPT_USD + 1000 * 10e-6)


def test_what_has_no_price_reserves_nothing_and_what_failed_teaches_nothing() -> None:
    budget = Budget(1.0)
    assert reserved(budget, replace(DEPLOYMENT, price=None)) == 0.0
    assert reserved(budget, replace(DEPLOYMENT, provisioned=True)) == 0.0
    one = budget.reserve(Request(1, "default", MESSAGE, "test"), DEPLOYMENT)
    budget.settle(one, ended(None))
    assert (budget.usd, budget.reserved_usd, budget.under_way) == (0.0, 0.0, 2)
    assert reserved(budget, DEPLOYMENT) == pytest.approx(PROMPT_USD + 1000 * 10e-6)


def test_a_free_model_never_fills_a_budget() -> None:
    free = replace(DEPLOYMENT, price=Price(0.0, 0.0, None, "test", None))
    budget = Budget(0.01)
    for _ in range(3):
        budget.settle(budget.reserve(Request(1, "default", MESSAGE, "test"), free), ended(0.0))
    assert (budget.usd, budget.full) == (0.0, False)


# --- what a request cost ------------------------------------------------------------------------------

HELLO = {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "x" * 80}, "finish_reason": None}]}
PROMPT_HELLO_USD = (4 + 3) * 2.5e-6


def events(*bodies: dict[str, Any] | str) -> bytes:
    return "".join(f"data: {b if isinstance(b, str) else json.dumps(b)}\n\n" for b in bodies).encode()


@pytest.mark.parametrize(
    ("kind", "body", "answer_tokens"),
    [
        (OutcomeKind.SERVER_ERROR, events(HELLO, {"error": {"code": "500", "message": "gone"}}), 20),
        (OutcomeKind.CONNECTION_LOST, events(HELLO, HELLO), 40),
        (OutcomeKind.SERVER_ERROR, events({"error": {"code": "500", "message": "gone"}}), None),
        (OutcomeKind.SERVER_ERROR, b"", None),
    ],
)
async def test_what_came_before_an_answer_broke_off_is_charged(
    kind: OutcomeKind, body: bytes, answer_tokens: int | None
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": "text/event-stream"})

    async with serving(handler) as url, client_of(url) as client:
        outcome = await ask(client)
    assert (outcome.kind, outcome.latency_ms) == (kind, None)
    if answer_tokens is None:
        assert (outcome.cost_usd, outcome.cost_estimated) == (None, False)
    else:
        assert outcome.cost_usd == pytest.approx(PROMPT_HELLO_USD + answer_tokens * 10e-6)
        assert outcome.cost_estimated


@pytest.mark.parametrize("stream", [True, False])
def test_a_request_that_we_gave_up_is_charged_its_prompt_and_what_came(stream: bool) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        if stream:
            await response.prepare(request)
            await response.write(events(HELLO))
        await asyncio.Event().wait()
        return response

    async def asked_in_vain() -> Outcome:
        async with serving(hang) as url, client_of(url, timeout_s=60.0, stream=stream) as client:
            return await ask(client)

    outcome = warped(asked_in_vain)
    came_usd = 20 * 10e-6 if stream else 0.0
    assert (outcome.kind, outcome.cost_estimated) == (OutcomeKind.TIMEOUT, True)
    assert outcome.cost_usd == pytest.approx(PROMPT_HELLO_USD + came_usd)


async def test_what_never_reached_a_service_costs_nothing() -> None:
    async with client_of("http://127.0.0.1:9") as client:
        outcome = await ask(client)
    assert (outcome.kind, outcome.cost_usd) == (OutcomeKind.CONNECTION_LOST, None)
