"""A rollout on a simulator whose calendar stands still, and what a check finds of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.arm_service import ACCOUNT, STARTS, TOKEN
from tests.support.engine_runs import rollout
from tests.support.simulator_service import quick
from tui.model import Deployment, Endpoint
from tui.preflight.check import check_online
from tui.preflight.finding import Finding
from tui.rollout import ControlPlane, Rollout
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.server import Simulator

KEY = "b1946ac92492d2347c6235b4d2611184"
ENV = {"KEY": KEY, "TOKEN": TOKEN}
OLD = PretendDeployment("d", "gpt-4o", "2024-11-20", "baseline", quick())


def noon(day: date = STARTS) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


async def no_sleep(_: float) -> None:
    """Waits no time."""


class Found:
    """The findings of a check by what they are about and where."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.all = tuple(findings)

    def __call__(self, what: str, where: str = "d") -> Finding:
        [one] = [f for f in self.all if (f.what, f.where) == (what, where)]
        return one

    def verdict(self, what: str, where: str = "d") -> str:
        return self(what, where).verdict

    def kinds(self, where: str = "d") -> list[str]:
        return [f.what for f in self.all if f.where == where]


async def found_at(url: str, of: Rollout, env: Mapping[str, str] = ENV) -> Found:
    """A check of a rollout that any server at ``url`` serves."""
    return Found(await check_online(of, env, now=noon, sleep=no_sleep, prices_url=url))


@dataclass
class Checked:
    """A simulator, and a rollout of its deployments with everything that a file may give."""

    simulator: Simulator
    url: str
    rollout: Rollout
    today: date = STARTS
    prices_url: str | None = None

    async def find(self, env: Mapping[str, str] = ENV, **changes: Any) -> Found:
        """Check it; ``changes`` are fields of the rollout."""
        of = replace(self.rollout, **changes)
        now = partial(noon, self.today)
        return Found(await check_online(of, env, now=now, sleep=no_sleep, prices_url=self.prices_url))

    def endpoint(self, **changes: Any) -> dict[str, Any]:
        """The field of the rollout with another endpoint."""
        return {"endpoints": {"main": replace(self.rollout.endpoints["main"], **changes)}}

    def deployment(self, name: str = "d", **changes: Any) -> dict[str, Any]:
        """The field of the rollout with another deployment."""
        all_ = self.rollout.deployments
        return {"deployments": {**all_, name: replace(all_[name], **changes)}}

    async def plan(self, *faults: dict[str, Any], **settings: Any) -> None:
        await self._post("/sim/control", {"faults": list(faults), "settings": settings})

    async def move(self, **to: Any) -> None:
        await self._post("/sim/calendar", to)

    async def put(self, name: str, body: dict[str, Any]) -> int:
        """A PUT to the control plane, as somebody else's."""
        url = f"{self.url}{ACCOUNT}/deployments/{name}?api-version=2025-09-01"
        headers = {"authorization": "Bearer other"}
        async with aiohttp.ClientSession() as session, session.put(url, json=body, headers=headers) as response:
            return response.status

    async def _post(self, path: str, body: Any) -> None:
        async with aiohttp.ClientSession() as session, session.post(self.url + path, json=body) as response:
            assert response.status == 200, await response.text()


NO_ARM: dict[str, Any] = {"control_plane": None}


@asynccontextmanager
async def checked(
    folder: Path, *deployments: PretendDeployment, key: str | None = None, **options: Any
) -> AsyncIterator[Checked]:
    """``deployments``, or ``d`` alone; ``options`` are the simulator's. The first one is the baseline."""
    served = deployments or (OLD,)
    noon_s = noon().timestamp()
    simulator = Simulator(served, wall_clock=lambda: noon_s, key=key, **options)
    url = f"http://127.0.0.1:{await simulator.start()}"
    endpoint = Endpoint("main", url, "azure", "2024-10-21", key_env="KEY", region="East US 2", resource=ACCOUNT)
    of = rollout(
        folder,
        url,
        endpoints={"main": endpoint},
        deployments={d.name: Deployment(d.name, "main", d.model, d.version) for d in served},
        weights={d.name: 0.0 if i else 100.0 for i, d in enumerate(served)},
        rate=5.0,
    )
    try:
        of = replace(of, control_plane=ControlPlane(url, token_env="TOKEN"))
        # Without a control plane the list would be that of the public cloud.
        yield Checked(simulator, url, of, prices_url=url)
    finally:
        await simulator.stop()
