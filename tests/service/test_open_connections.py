"""Connections that are opened before the traffic: sockets, not requests, and the requests use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.service.test_client import ANSWER
from tests.support.service import ask, client_of

COUNT = 12


class Service:
    """A server that counts its connections and keeps what is asked."""

    def __init__(self) -> None:
        self.connections = 0
        self.asked: list[str] = []
        self.all_here = asyncio.Event()
        self.connected = asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if request.method == "GET":
            return web.json_response({"data": []})
        if sum(asked.startswith("POST") for asked in self.asked) == COUNT:
            self.all_here.set()
        # All at once: otherwise one connection would do for all of them.
        await self.all_here.wait()
        return web.json_response(ANSWER)


@asynccontextmanager
async def counting() -> AsyncIterator[tuple[Service, str]]:
    service = Service()
    server = web.Server(service.handle, access_log=None)

    def connected() -> asyncio.Protocol:
        service.connections += 1
        if service.connections == COUNT:
            service.connected.set()
        return server()

    listening = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
    try:
        yield service, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        await server.shutdown(0.1)


async def test_connections_are_opened_with_one_request_and_used_by_the_next() -> None:
    for api, models in (("azure", "GET /openai/models"), ("v1", "GET /v1/models")):
        async with counting() as (service, url), client_of(url, api=api, stream=False) as client:
            [probe] = await client.open_connections(COUNT)
            assert probe.verdict == "ok"
            assert service.asked == [models]
            await asyncio.wait_for(service.connected.wait(), 10)
            outcomes = await asyncio.gather(*(ask(client) for _ in range(COUNT)))
            assert {outcome.kind.value for outcome in outcomes} == {"ok"}
            assert service.connections == COUNT


async def test_where_nobody_is_there_nothing_is_opened_and_nothing_raised() -> None:
    async with counting() as (_, url):
        pass
    async with client_of(url) as client:
        [probe] = await client.open_connections(COUNT)
        assert probe.verdict == "unreachable"
