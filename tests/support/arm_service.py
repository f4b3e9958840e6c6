"""The simulator's control plane on a real socket with a client of it, in a time that only waiting moves on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from tests.support.simulator_service import Clock, Service, quick, serve
from tui.control_plane.resource_manager import ResourceManager
from tui.model import DeploymentSpec
from tui.simulator.behaviour import PretendDeployment

ACCOUNT = "/subscriptions/sub-1/resourceGroups/group-1/providers/Microsoft.CognitiveServices/accounts/acct-1"
TOKEN = "s3cret-token"
SPEC = DeploymentSpec("gpt51-prod-v1113", "gpt-5.1", "2025-11-13", "GlobalStandard", 10)
STARTS = date(2026, 11, 25)
"""The day on which the simulators of these tests begin."""


async def token() -> str:
    return TOKEN


class Arm:
    """A simulator with one deployment ``d``, a client of its control plane, and what that said on the way."""

    def __init__(self, service: Service, clock: Clock, **options: Any) -> None:
        self.service = service
        self.simulator = service.simulator
        self.clock = clock
        self.slept: list[float] = []
        self.steps: list[str] = []
        base = str(service.client._base_url).rstrip("/")
        self.manager = ResourceManager(
            ACCOUNT,
            options.pop("token", token),
            **{"write": True, "base_url": base, "clock": clock, "sleep": self._sleep, **options},
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now_s += seconds

    async def plan(self, *faults: dict[str, Any], **settings: Any) -> None:
        """Give the control plane faults and settings, over HTTP as a person would."""
        asked = {"faults": list(faults), "settings": settings}
        async with self.service.client.post("/sim/control", json=asked) as response:
            assert response.status == 200, await response.text()

    async def move(self, **to: Any) -> None:
        """Move the calendar: ``today`` or ``days``."""
        async with self.service.client.post("/sim/calendar", json=to) as response:
            assert response.status == 200, await response.text()

    async def requests(self) -> list[dict[str, Any]]:
        """The requests that the control plane has had."""
        async with self.service.client.get("/sim/control") as response:
            sent: list[dict[str, Any]] = (await response.json())["requests"]
            return sent

    def truth(self, name: str) -> tuple[str, str] | None:
        """Model and version of a deployment as the simulator has it, None where it has none."""
        managed = self.simulator.control.deployments.get(name)
        return None if managed is None else (managed.settings.model, managed.settings.version)

    async def ask(self, name: str) -> tuple[int, dict[str, Any]]:
        """One chat completion of a deployment: status and body."""
        url = f"/openai/deployments/{name}/chat/completions?api-version=2024-10-21"
        body = {"messages": [{"role": "user", "content": "hi"}]}
        async with self.service.client.post(url, json=body, headers={"api-key": "k"}) as response:
            return response.status, await response.json()

    async def create(self, spec: DeploymentSpec = SPEC, **options: Any) -> Any:
        return await self.manager.create(spec, on_step=self.steps.append, **options)

    async def delete(self, name: str) -> bool:
        return await self.manager.delete(name, on_step=self.steps.append)


@asynccontextmanager
async def arm(**options: Any) -> AsyncIterator[Arm]:
    """``options`` beginning with ``sim_`` are the simulator's, the others the client's."""
    clock = Clock()
    start_s = datetime(STARTS.year, STARTS.month, STARTS.day, 12, tzinfo=UTC).timestamp() - clock.now_s
    sim = {name[4:]: options.pop(name) for name in list(options) if name.startswith("sim_")}
    sim = {"clock": clock, "wall_clock": lambda: start_s + clock.now_s, **sim}
    async with serve(quick(), **sim) as service:
        client = Arm(service, clock, **options)
        try:
            yield client
        finally:
            await client.manager.close()


@asynccontextmanager
async def answering(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **options: Any
) -> AsyncIterator[tuple[ResourceManager, list[float]]]:
    """A client of a server that answers everything with ``handler``, and how long it has waited each time."""
    clock = Clock()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now_s += seconds

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    manager = ResourceManager(
        ACCOUNT,
        options.pop("token", token),
        base_url=f"http://127.0.0.1:{runner.addresses[0][1]}",
        clock=clock,
        sleep=sleep,
        **{"write": True, **options},
    )
    try:
        yield manager, slept
    finally:
        await manager.close()
        await runner.cleanup()


def pretend(name: str, model: str, version: str, **settings: Any) -> PretendDeployment:
    return PretendDeployment(name, model, version, behaviour=quick(), **settings)
