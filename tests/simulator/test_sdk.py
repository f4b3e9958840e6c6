"""The simulator through the official SDK: both clients, both address shapes, and the errors that it raises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, DefaultAioHttpClient

from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.server import Simulator

QUICK: dict[str, Any] = {
    "ttft_ms": 1.0,
    "ms_per_token": 0.01,
    "answer_tokens": 30,
    "error_pct": 0,
    "prompt_blocked_pct": 0,
    "completion_blocked_pct": 0,
    "annotated_pct": 0,
    "below_threshold_pct": 0,
}
MESSAGES: list[Any] = [{"role": "user", "content": "Which clause limits liability?"}]


async def _token() -> str:
    return "entra-token"


def _client(shape: str, url: str) -> AsyncOpenAI:
    http = DefaultAioHttpClient()
    match shape:
        case "azure":
            return AsyncAzureOpenAI(
                azure_endpoint=url, api_version="2024-10-21", api_key="k", max_retries=0, http_client=http
            )
        case "azure-entra":
            return AsyncAzureOpenAI(
                azure_endpoint=url,
                api_version="2024-10-21",
                azure_ad_token_provider=_token,
                max_retries=0,
                http_client=http,
            )
        case "v1-entra":
            return AsyncOpenAI(base_url=f"{url}/openai/v1/", api_key=_token, max_retries=0, http_client=http)
        case _:
            base = f"{url}/openai/v1/" if shape == "v1" else f"{url}/v1"
            return AsyncOpenAI(base_url=base, api_key="k", max_retries=0, http_client=http)


@asynccontextmanager
async def connected(
    shape: str = "azure", *, key: str | None = None, **changes: Any
) -> AsyncIterator[tuple[AsyncOpenAI, Simulator]]:
    behaviour = Behaviour(**{**QUICK, **changes})
    simulator = Simulator([PretendDeployment("d", "gpt-4o", "2024-11-20", "canary", behaviour)], key=key)
    port = await simulator.start()
    try:
        async with _client(shape, f"http://127.0.0.1:{port}") as client:
            yield client, simulator
    finally:
        await simulator.stop()


def truth_of(simulator: Simulator) -> dict[str, Any]:
    counted: dict[str, Any] = simulator.truth.as_json()["deployments"]["d"]
    return counted


SHAPES = ["azure", "azure-entra", "v1", "v1-entra", "openai"]


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_whole_answer(shape: str) -> None:
    async with connected(shape) as (client, simulator):
        raw = await client.chat.completions.with_raw_response.create(model="d", messages=MESSAGES)
        answer = raw.parse()
    assert answer.model == "gpt-4o-2024-11-20"
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert raw.headers["x-ms-deployment-name"] == "d"
    assert answer.model_extra is not None
    assert answer.model_extra["prompt_filter_results"][0]["prompt_index"] == 0
    assert truth_of(simulator)["tokens"]["completion"] == answer.usage.completion_tokens


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_stream(shape: str) -> None:
    async with connected(shape) as (client, simulator):
        stream = await client.chat.completions.create(
            model="d", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert (chunks[0].choices, chunks[0].id) == ([], "")
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text
    assert chunks[-2].choices[0].finish_reason == "stop"
    usage = chunks[-1].usage
    assert usage is not None
    truth = truth_of(simulator)
    assert truth["outcomes"] == {"ok": 1}
    assert truth["tokens"]["completion"] == usage.completion_tokens


async def test_late_filter_chunks_have_no_delta() -> None:
    async with connected(async_filter=True, annotated_pct=100) as (client, simulator):
        stream = await client.chat.completions.create(model="d", messages=MESSAGES, stream=True)
        late = [c async for c in stream if c.choices and c.choices[0].delta is None]
    assert late
    assert truth_of(simulator)["filters"]["annotated"] == 1


async def test_a_blocked_answer_has_no_content() -> None:
    async with connected(completion_blocked_pct=100) as (client, _):
        answer = await client.chat.completions.create(model="d", messages=MESSAGES)
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.choices[0].message.content is None


@pytest.mark.parametrize("shape", ["azure", "v1"])
@pytest.mark.parametrize(
    ("change", "raised", "code", "kind"),
    [
        ({"prompt_blocked_pct": 100}, openai.BadRequestError, "content_filter", "prompt_filtered"),
        ({"forbidden": True}, openai.PermissionDeniedError, "403", "refused"),
        ({"missing": True}, openai.NotFoundError, "DeploymentNotFound", "gone"),
        ({"retired": True}, openai.APIStatusError, "ModelRetired", "gone"),
        ({"paused": True}, openai.APIStatusError, "DeploymentPaused", "gone"),
        ({"tokens_per_min": 1}, openai.RateLimitError, "RateLimitReached", "rate_limited"),
        ({"error_pct": 100}, openai.InternalServerError, None, "server_error"),
        ({"key": "other"}, openai.AuthenticationError, "401", "refused"),
    ],
)
async def test_errors_raise_what_the_service_would(
    shape: str, change: dict[str, Any], raised: type[openai.APIStatusError], code: str | None, kind: str
) -> None:
    async with connected(shape, **change) as (client, simulator):
        with pytest.raises(raised) as caught:
            await client.chat.completions.create(model="d", messages=MESSAGES)
        assert truth_of(simulator)["outcomes"] == {kind: 1}
    assert code is None or caught.value.code == code
    if kind == "prompt_filtered":
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["innererror"]["content_filter_result"]
    if kind == "rate_limited":
        assert int(caught.value.response.headers["retry-after-ms"]) == 60_000


async def test_a_dropped_connection_is_a_connection_error() -> None:
    async with connected(drop_pct=100) as (client, simulator):
        for _ in range(4):
            with pytest.raises(openai.APIConnectionError):
                await client.chat.completions.create(model="d", messages=MESSAGES)
        assert truth_of(simulator)["outcomes"] == {"connection_lost": 4}


async def test_a_hang_is_the_client_s_timeout() -> None:
    async with connected(hang_pct=100) as (client, _):
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model="d", messages=MESSAGES, timeout=0.05)


async def test_models_are_listed_and_not_counted() -> None:
    async with connected("v1") as (client, simulator):
        assert [m.id async for m in client.models.list()] == ["gpt-4o-2024-11-20"]
    assert truth_of(simulator)["requests"] == 0
