"""Every end of a call, over real HTTP, becomes one right outcome."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from tests.support.places import SHARED
from tests.support.service import ask, client_of, serving
from tests.support.typed import present
from tui.model import Outcome, OutcomeKind, Quota, Usage
from tui.service import transport
from tui.service.client import base_url_v1

WIRE = SHARED / "data" / "wire" / "responses.jsonl"
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 40}}
ANSWER = {
    "model": "gpt-4o-2024-11-20",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}],
    "usage": USAGE,
}


def sse(*events: dict[str, object] | str) -> bytes:
    return b"".join(b"data: " + (e if isinstance(e, str) else json.dumps(e)).encode() + b"\n\n" for e in events)


def piece(content: str, finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return {"model": "gpt-4o-2024-11-20", "choices": [choice]}


WHOLE_STREAM = sse(piece("Hel"), piece("lo"), piece("", "stop"), {"choices": [], "usage": USAGE}, "[DONE]")


async def outcome_of(
    body: bytes | dict[str, Any], status: int = 200, *, headers: dict[str, str] | None = None, **options: Any
) -> Outcome:
    async def handler(_: web.Request) -> web.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(
            body=data, status=status, headers={"Content-Type": "application/json", **(headers or {})}
        )

    async with serving(handler) as url, client_of(url, **options) as client:
        return await ask(client)


async def test_a_whole_answer() -> None:
    outcome = await outcome_of(ANSWER, stream=False)
    assert outcome.kind is OutcomeKind.OK
    assert outcome.served_model == "gpt-4o-2024-11-20"
    assert outcome.usage == Usage(100, 10, cached_tokens=40)
    # 60 tokens at 2.50, 40 cached at 1.25 and 10 out at 10.00 USD per million.
    assert outcome.cost_usd == pytest.approx((60 * 2.5 + 40 * 1.25 + 10 * 10) / 1e6)
    assert not outcome.cost_estimated
    assert outcome.latency_ms is not None
    assert outcome.latency_ms > 0
    assert outcome.ttft_ms is None
    assert outcome.prompt_text is None


async def test_a_streamed_answer_is_timed_at_its_first_content() -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()
    requests = []

    async def handler(request: web.Request) -> web.StreamResponse:
        requests.append(await request.json())
        arrived.set()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(sse({"model": "", "choices": []}, piece("")))
        await go_on.wait()
        await response.write(WHOLE_STREAM)
        return response

    async with serving(handler) as url, client_of(url) as client:
        asking = asyncio.create_task(ask(client, max_tokens=7))
        await arrived.wait()
        released_at = client._clock()
        go_on.set()
        outcome = await asking
    assert outcome.kind is OutcomeKind.OK
    assert outcome.ttft_ms is not None
    assert outcome.sent_s + outcome.ttft_ms / 1000 >= released_at
    assert present(outcome.latency_ms) >= present(outcome.ttft_ms)
    assert requests[0]["stream_options"] == {"include_usage": True}
    assert requests[0]["max_tokens"] == 7


@pytest.mark.parametrize("api", ["azure", "v1"])
async def test_both_shapes_of_the_url_and_of_the_key(api: str) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path_qs, request.headers, await request.json()))
        return web.json_response(ANSWER)

    async with serving(handler) as url, client_of(url, api=api, env={"KEY": "s3cret"}, stream=False) as client:
        assert (await ask(client)).kind is OutcomeKind.OK
    path, headers, body = seen[0]
    assert body["model"] == "gpt4o-v1120"
    if api == "azure":
        assert path == "/openai/deployments/gpt4o-v1120/chat/completions?api-version=2024-10-21"
        assert headers["api-key"] == "s3cret"
    else:
        assert path == "/v1/chat/completions"
        assert headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("model", "field"),
    [("gpt-4o", "max_tokens"), ("gpt-5.1", "max_completion_tokens"), ("o3", "max_completion_tokens")],
)
async def test_the_limit_is_named_as_the_model_knows_it(model: str, field: str) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(await request.json())
        return web.json_response(ANSWER)

    async with serving(handler) as url, client_of(url, model=model, stream=False) as client:
        await ask(client, max_tokens=5, params={"temperature": 0.5})
    assert seen[0][field] == 5
    assert seen[0]["temperature"] == 0.5


async def test_a_blocked_prompt_costs_an_estimate() -> None:
    error = {
        "code": "content_filter",
        "innererror": {"content_filter_result": {"hate": {"filtered": True, "severity": "high"}}},
    }
    outcome = await outcome_of({"error": error}, 400)
    assert outcome.kind is OutcomeKind.PROMPT_FILTERED
    assert outcome.filters.blocked == ("prompt:hate",)
    assert outcome.cost_estimated
    assert outcome.cost_usd is not None
    assert outcome.cost_usd > 0
    assert outcome.latency_ms is None


async def test_a_rate_limit_says_how_long_and_what_is_left() -> None:
    headers = {
        "retry-after-ms": "1500",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-limit-tokens": "-1",
    }
    outcome = await outcome_of({"error": {"code": "429", "message": "slow down"}}, 429, headers=headers)
    assert (outcome.kind, outcome.retry_after_s) == (OutcomeKind.RATE_LIMITED, 1.5)
    assert outcome.quota == Quota(remaining_requests=0)


async def test_a_spilled_request_does_not_count_for_the_version() -> None:
    outcome = await outcome_of(
        ANSWER,
        stream=False,
        headers={"x-ms-spillover-from-deployment": "gpt4o-v1120", "x-ms-deployment-name": "other"},
    )
    assert not outcome.counts_for_version
    assert outcome.served_by == "other"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        b"<html>it works!</html>",
        b"",
        b"\x00\xff" * 400,
        b'{"object": "response", "output": []}',
        b"data: nonsense\n\n",
    ],
)
async def test_garbage_is_a_server_error_that_says_so(body: bytes, stream: bool) -> None:
    outcome = await outcome_of(body, stream=stream)
    assert outcome.kind is OutcomeKind.SERVER_ERROR
    assert outcome.error
    assert outcome.latency_ms is None


@pytest.mark.parametrize("events", [sse(piece("Hel")), sse({"model": "", "choices": []}), b": ping\n\n"])
async def test_a_stream_that_stops_short_is_a_lost_connection(events: bytes) -> None:
    outcome = await outcome_of(events, headers={"Content-Type": "text/event-stream"})
    assert outcome.kind is OutcomeKind.CONNECTION_LOST


async def test_an_error_in_the_middle_of_a_stream() -> None:
    body = sse(piece("Hel"), {"error": {"code": "500", "message": "backend gone"}})
    outcome = await outcome_of(body, headers={"Content-Type": "text/event-stream"})
    assert outcome.kind is OutcomeKind.SERVER_ERROR
    assert "backend gone" in present(outcome.error)


async def test_a_large_answer_is_read_and_an_endless_one_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    large = {
        **ANSWER,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "x" * 5_000_000}}],
    }
    assert (await outcome_of(large, stream=False)).kind is OutcomeKind.OK
    monkeypatch.setattr(transport, "MAX_BODY_BYTES", 100_000)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(sse(piece("again ")) * 20)

    async with serving(endless) as url, client_of(url) as client:
        outcome = await ask(client)
    assert outcome.kind is OutcomeKind.CONNECTION_LOST
    assert "cut off" in present(outcome.error)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_never_comes_times_out(stream: bool) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(hang) as url, client_of(url, timeout_s=0.05, stream=stream) as client:
        outcome = await ask(client)
    assert outcome.kind is OutcomeKind.TIMEOUT


async def test_a_dropped_connection_and_a_dead_port_are_lost_connections() -> None:
    async def drop(request: web.Request) -> web.Response:
        present(request.transport).abort()
        return web.Response()

    async with serving(drop) as url, client_of(url) as client:
        outcome = await ask(client)
    assert outcome.kind is OutcomeKind.CONNECTION_LOST
    async with client_of(url) as client:
        outcome = await ask(client)
        assert (await client.probe("main")).verdict == "unreachable"
    assert outcome.kind is OutcomeKind.CONNECTION_LOST
    assert "Connect" in present(outcome.error)


async def test_a_cancelled_call_is_an_outcome_too() -> None:
    arrived = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(hang) as url, client_of(url) as client:
        asking = asyncio.create_task(ask(client))
        await arrived.wait()
        asking.cancel()
        assert (await asking).kind is OutcomeKind.CANCELLED


async def test_no_secret_comes_back_in_an_error() -> None:
    outcome = await outcome_of(
        {"error": {"code": "401", "message": "wrong key s3cret-key"}}, 401, env={"KEY": "s3cret-key"}
    )
    assert outcome.kind is OutcomeKind.REFUSED
    assert "s3cret" not in present(outcome.error)
    assert "[key]" in present(outcome.error)


async def test_text_is_kept_only_when_asked() -> None:
    kept = await outcome_of(WHOLE_STREAM, headers={"Content-Type": "text/event-stream"}, keep_text=True)
    assert (kept.prompt_text, kept.answer_text) == ("user: Say hello.", "Hello")
    dropped = await outcome_of(WHOLE_STREAM, headers={"Content-Type": "text/event-stream"})
    assert (dropped.prompt_text, dropped.answer_text) == (None, None)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/"),
        ("https://r.services.ai.azure.com/", "https://r.services.ai.azure.com/openai/v1/"),
        ("http://localhost:8000", "http://localhost:8000/v1/"),
        ("http://localhost:8000/api/v2/", "http://localhost:8000/api/v2/"),
    ],
)
def test_where_the_v1_api_lives(url: str, base: str) -> None:
    assert base_url_v1(url) == base


EXPECTED = {
    "w01": OutcomeKind.OK,
    "w03": OutcomeKind.OK,
    "w05": OutcomeKind.OK,
    "w07": OutcomeKind.OK,
    "w09": OutcomeKind.OK,
    "w11": OutcomeKind.OK,
    "w13": OutcomeKind.OK,
    "w15": OutcomeKind.OK,
    "w17": OutcomeKind.OK,
    "w18": OutcomeKind.OK,
    "w20": OutcomeKind.OK,
    "w22": OutcomeKind.SERVER_ERROR,  # an answer of the Responses API, which was not asked
    "w24": OutcomeKind.SERVER_ERROR,
    "w25": OutcomeKind.COMPLETION_FILTERED,
    "w30": OutcomeKind.RATE_LIMITED,
    "w37": OutcomeKind.GONE,
    "w39": OutcomeKind.REFUSED,
    "w41": OutcomeKind.BAD_REQUEST,
    "w43": OutcomeKind.BAD_REQUEST,
    "w45": OutcomeKind.BAD_REQUEST,
}


@pytest.mark.skipif(not WIRE.exists(), reason=f"recorded answers are not on this machine: {WIRE}")
async def test_recorded_answers_of_real_services() -> None:
    records = [json.loads(line) for line in WIRE.read_text().splitlines()]
    assert {record["id"] for record in records} == set(EXPECTED)
    skipped = {"content-length", "transfer-encoding", "connection", "date", "server"}

    for record in records:
        headers = {k: v for k, v in record["headers"].items() if k.lower() not in skipped}
        url = record["request"]["url"]
        name = url.split("/deployments/")[1].split("/")[0] if "/deployments/" in url else "deployment"

        async def handler(
            _: web.Request, record: dict[str, Any] = record, headers: dict[str, str] = headers
        ) -> web.Response:
            return web.Response(body=record["body"].encode(), status=record["status"], headers=headers)

        async with serving(handler) as url, client_of(url, name) as client:
            outcome = await ask(client, name)
        assert outcome.kind is EXPECTED[record["id"]], (record["id"], outcome)
        if record["api"] == "chat.completions" and outcome.kind is OutcomeKind.OK:
            # The served version as the body says it, wherever in the stream it first stands.
            text = record["body"]
            assert outcome.served_model
            assert f'"{outcome.served_model}"' in text
            assert outcome.latency_ms is not None
            assert outcome.counts_for_version, record["id"]
            assert (outcome.usage is not None) == ('"prompt_tokens"' in text), record["id"]
        if outcome.kind not in (OutcomeKind.OK, OutcomeKind.COMPLETION_FILTERED):
            assert outcome.error
            assert outcome.latency_ms is None
