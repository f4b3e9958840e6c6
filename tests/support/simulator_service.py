"""A simulator on a real socket with a plain HTTP client, for the tests."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp

from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.server import Simulator

QUICK = Behaviour(
    ttft_ms=1.0,
    ms_per_token=0.01,
    answer_tokens=30,
    error_pct=0,
    prompt_blocked_pct=0,
    completion_blocked_pct=0,
    annotated_pct=0,
    below_threshold_pct=0,
)
MESSAGES = [{"role": "user", "content": "Summarise this e-mail, please."}]
KEY = {"api-key": "k"}


def quick(**changes: Any) -> Behaviour:
    """Answers within a few milliseconds, without errors and hits, but for the changes."""
    return replace(QUICK, **changes)


class Service:
    """A running simulator with one deployment ``d``, and a client of it."""

    def __init__(self, simulator: Simulator, client: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.client = client

    async def ask(
        self, *, headers: Any = None, raw: bytes | io.BytesIO | None = None, **body: Any
    ) -> tuple[Any, str]:
        """POST to the Azure address; the response with its text."""
        data = raw if raw is not None else json.dumps({"messages": MESSAGES, **body}).encode()
        url = "/openai/deployments/d/chat/completions?api-version=2024-10-21"
        async with self.client.post(url, data=data, headers=KEY if headers is None else headers) as response:
            return response, await response.text()

    async def events(self, **body: Any) -> list[dict[str, Any]]:
        """The events of a stream, without its ``[DONE]``, which has to be there."""
        response, text = await self.ask(stream=True, **body)
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
        assert events.pop() == "[DONE]"
        return [json.loads(event) for event in events]

    async def truth(self, deployment: str = "d") -> dict[str, Any]:
        async with self.client.get("/sim/truth") as response:
            counted: dict[str, Any] = (await response.json())["deployments"][deployment]
            return counted

    async def counted(self, outcomes: dict[str, int]) -> None:
        """Wait until the server has noticed how everything ended."""
        async with asyncio.timeout(5):
            while True:
                if (await self.truth())["outcomes"] == outcomes:
                    return


@asynccontextmanager
async def serve(behaviour: Behaviour = QUICK, **options: Any) -> AsyncIterator[Service]:
    simulator = Simulator([PretendDeployment("d", "gpt-4o", "2024-11-20", "canary", behaviour)], **options)
    port = await simulator.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            yield Service(simulator, client)
    finally:
        await simulator.stop()


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s
