"""A service for tests: real HTTP on a loopback port, answering whatever a test wants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.support.typed import present
from tui.model import Assignment, Deployment, Endpoint, Outcome, Price, Request
from tui.service.client import ServiceClient

Speech = Callable[["Heard"], Awaitable[bytes | None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PRICE = Price(input_usd=2.5, output_usd=10.0, cached_input_usd=1.25, source="test", as_of=None)
MESSAGES = ({"role": "user", "content": "Say hello."},)


@asynccontextmanager
async def serving(handler: Handler, *, models: Handler | None = None) -> AsyncIterator[str]:
    """The URL of a server that answers every POST with ``handler`` and every GET with ``models``; None is an
    empty list."""

    async def empty(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": []})

    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/{path:.*}", handler)
    app.router.add_get("/{path:.*}", models or empty)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Heard:
    """One request over a plain socket: on which connection (from 1), the how-many-th on it, and its bytes."""

    connection: int
    request: int
    head: bytes
    body: bytes
    writer: asyncio.StreamWriter


@asynccontextmanager
async def speaking(speech: Speech) -> AsyncIterator[str]:
    """The URL of a server that answers each request with the very bytes of ``speech``; None hangs up."""
    connections = 0
    open_now: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number, requests = connections, 0
        task = present(asyncio.current_task())
        open_now.add(task)
        try:
            # Cancelled at the end of the test, which is no fault of the server.
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = next(
                        (
                            int(line[15:])
                            for line in head.lower().split(b"\r\n")
                            if line[:15] == b"content-length:"
                        ),
                        0,
                    )
                    requests += 1
                    heard = Heard(number, requests, head, await reader.readexactly(length), writer)
                    answer = await speech(heard)
                    if answer is None:
                        return
                    writer.write(answer)
                    await writer.drain()
        finally:
            writer.close()
            open_now.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in open_now:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)


def http(body: bytes, status: str = "200 OK", *, fields: bytes = b"") -> bytes:
    """A whole answer; ``fields`` are lines of its head, each with its end."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode() + fields + b"\r\n" + body


@asynccontextmanager
async def client_of(url: str, name: str = "gpt4o-v1120", **options: Any) -> AsyncIterator[ServiceClient]:
    """A client of one deployment at ``url``, Azure-shaped or with ``api="v1"`` of the other shape."""
    api = options.pop("api", "azure")
    env = options.pop("env", {})
    endpoint = Endpoint("main", url, api, "2024-10-21", key_env="KEY" if env else None)
    deployment = Deployment(name, "main", options.pop("model", "gpt-4o"), "2024-11-20", PRICE)
    began = time.perf_counter()
    client = ServiceClient(
        {"main": endpoint},
        {name: deployment},
        env=env,
        clock=lambda: time.perf_counter() - began,
        **options,
    )
    try:
        yield client
    finally:
        await client.close()


async def ask(client: ServiceClient, name: str = "gpt4o-v1120", **request: Any) -> Outcome:
    """One request of the default task to the deployment ``name``."""
    fields: dict[str, Any] = {"messages": MESSAGES, "source": "test", **request}
    return await client.complete(
        Request(id=1, task="default", **fields), Assignment(1, "default", name, 100.0, 0.0), due_s=0.0
    )
