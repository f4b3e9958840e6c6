"""A service for tests: real HTTP on a loopback port, answering whatever a test wants."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tui.azure.client import ServiceClient
from tui.model import Assignment, Deployment, Endpoint, Outcome, Price, Request

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


@asynccontextmanager
async def client_of(url: str, name: str = "gpt4o-v1120", **options) -> AsyncIterator[ServiceClient]:
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


async def ask(client: ServiceClient, name: str = "gpt4o-v1120", **request) -> Outcome:
    """One request of the default task to the deployment ``name``."""
    fields = {"messages": MESSAGES, "source": "test", **request}
    return await client.complete(
        Request(id=1, task="default", **fields), Assignment(1, "default", name, 100.0, 0.0), due_s=0.0
    )
