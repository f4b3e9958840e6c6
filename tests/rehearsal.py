"""Whole runs on a virtual clock: the engine's session and the simulator on one loop, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.warp import warped
from tui.engine.session import Session, Setup
from tui.model import Event, Outcome, Snapshot
from tui.record import RunRecord
from tui.record_reader import read_events, read_outcomes
from tui.rollout import Rollout
from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.scenarios import Scenario
from tui.simulator.server import Simulator

STARTED = datetime(2026, 1, 2, 14, 0, tzinfo=UTC)
_TICK_S = 1.0
_RUN = "rehearsal"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A run that is over. ``lost`` requests have no outcome; ``truth`` is what the simulator counted, by
    deployment. Instants in the record are virtual: an outcome and what it led to share theirs."""

    last: Snapshot
    lost: int
    truth: Mapping[str, Any]
    record: Path

    def events(self) -> tuple[Event, ...]:
        return read_events(self.record)

    def outcomes(self) -> tuple[Outcome, ...]:
        """In the order in which they ended."""
        return tuple(read_outcomes(self.record))


def rehearse(
    of: Rollout,
    scenario: str | Scenario,
    folder: Path,
    *,
    seed: int,
    for_s: float,
    behaviour: Behaviour | None = None,
) -> Rehearsal:
    """Run ``of`` for ``for_s`` virtual seconds on a simulator that plays ``scenario``, then let the requests
    under way end. Every endpoint is the simulator; the record is written into ``folder``."""
    return warped(lambda: _rehearse(of, scenario, folder, seed, for_s, behaviour or Behaviour()))


async def _rehearse(
    of: Rollout, scenario: str | Scenario, folder: Path, seed: int, for_s: float, behaviour: Behaviour
) -> Rehearsal:
    clock = asyncio.get_running_loop().time

    def now() -> datetime:
        return STARTED + timedelta(seconds=clock())

    served = Simulator(
        [
            PretendDeployment(
                d.name, d.model, d.version, "baseline" if d.name == of.baseline else "canary", behaviour
            )
            for d in of.deployments.values()
        ],
        scenario,
        seed,
        clock=clock,
        wall_clock=lambda: now().timestamp(),
    )
    url = f"http://127.0.0.1:{await served.start()}"
    endpoints = {name: replace(e, url=url, key_env=None, entra=False) for name, e in of.endpoints.items()}
    of = replace(of, endpoints=endpoints)
    path = folder / f"{_RUN}.sqlite"
    record = RunRecord.create(
        path,
        run_id=_RUN,
        rollout_name=of.name,
        rollout_text="",
        started_at=now(),
        meta={"seed": seed},
        now=now,
    )
    try:
        session = Session(
            Setup(
                rollout=of,
                run_id=_RUN,
                env={},
                seed=seed,
                actor="tester",
                record=record,
                clock=clock,
                now=now,
            )
        )
        lost = await _run(session, for_s, of.traffic.timeout_s + 1)
        return Rehearsal(session.snapshot(), lost, served.truth.as_json()["deployments"], path)
    finally:
        await served.stop()
        assert record.close(timeout_s=60.0)


async def _run(session: Session, for_s: float, drain_s: float) -> int:
    """What the engine's thread does with a session, until ``for_s`` seconds have passed."""
    await session.preflight()
    work = [asyncio.create_task(session.send()), asyncio.create_task(_tick(session))]
    await asyncio.wait(work, timeout=for_s, return_when=asyncio.FIRST_EXCEPTION)
    for task in work:
        task.cancel()
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return await session.finish(drain_s)


async def _tick(session: Session) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        session.tick()
        session.snapshot()
