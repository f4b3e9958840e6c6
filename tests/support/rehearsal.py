"""Whole runs on a virtual clock: the engine's session and the simulator on one loop, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.warp import WarpLoop, warped
from tui.engine.session import Session
from tui.engine.setup import PreviousRun, Setup
from tui.evaluation.evaluators import Calibrated
from tui.model import Event, Outcome, Pair, Sample, Snapshot
from tui.record.reader import read_events, read_outcomes, read_pairs
from tui.record.record import RunRecord
from tui.rollout import Rollout
from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.known import read_known
from tui.simulator.scenarios import Scenario
from tui.simulator.server import Simulator

STARTED = datetime(2026, 1, 2, 14, 0, tzinfo=UTC)
_TICK_S = 1.0
_BUSY_EVERY_S = 0.1
_RUN = "rehearsal"

Hand = tuple[float, Callable[[Session], object]]
"""What somebody does, and at which second."""

Watch = Callable[[Snapshot], bool]
"""Sees the snapshot of each second; True ends the run."""

Busy = Callable[[float], float]
"""For how long, in seconds, this machine computes at a second of the run, and hears nothing meanwhile."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A run that is over. ``lost`` requests have no outcome; ``truth`` is what the simulator counted, by
    deployment; ``samples`` are those kept at the end. Instants in the record are virtual: an outcome and what
    it led to share theirs."""

    last: Snapshot
    lost: int
    truth: Mapping[str, Any]
    record: Path
    samples: tuple[Sample, ...]

    def events(self) -> tuple[Event, ...]:
        return read_events(self.record)

    def outcomes(self) -> tuple[Outcome, ...]:
        """In the order in which they ended."""
        return tuple(read_outcomes(self.record))

    def pairs(self) -> tuple[Pair, ...]:
        """In the order in which they were evaluated."""
        return tuple(read_pairs(self.record))


def rehearse(
    of: Rollout,
    scenario: str | Scenario,
    folder: Path,
    *,
    seed: int,
    for_s: float,
    behaviour: Behaviour | None = None,
    hands: Sequence[Hand] = (),
    previous: PreviousRun | None = None,
    watch: Watch = lambda _: False,
    busy: Busy | None = None,
    calibrated: Calibrated | None = None,
) -> Rehearsal:
    """Run ``of`` for ``for_s`` virtual seconds on a simulator that plays ``scenario``, then let the requests
    under way end. Every endpoint is the simulator, which knows the answers that the rollout's task files know;
    the record is written into ``folder``. ``hands`` act meanwhile, in order; ``previous`` is resumed; ``watch``
    may end it earlier; ``busy`` is asked ten times a second; ``calibrated`` limits are known before."""
    behaviour = behaviour or Behaviour()
    return warped(
        lambda: _rehearse(
            of, scenario, folder, seed, for_s, behaviour, hands, previous, watch, busy, calibrated
        )
    )


async def _rehearse(
    of: Rollout,
    scenario: str | Scenario,
    folder: Path,
    seed: int,
    for_s: float,
    behaviour: Behaviour,
    hands: Sequence[Hand],
    previous: PreviousRun | None,
    watch: Watch,
    busy: Busy | None,
    calibrated: Calibrated | None,
) -> Rehearsal:
    clock = asyncio.get_running_loop().time

    def now() -> datetime:
        return STARTED + timedelta(seconds=clock())

    known, _ = read_known([spec.known.path for spec in of.tasks.values() if spec.known is not None])
    served = Simulator(
        _pretend(of, behaviour),
        scenario,
        seed,
        clock=clock,
        wall_clock=lambda: now().timestamp(),
        known=known,
    )
    url = f"http://127.0.0.1:{await served.start()}"
    endpoints = {name: replace(e, url=url, key_env=None, entra=False) for name, e in of.endpoints.items()}
    of = replace(of, endpoints=endpoints)
    path = folder / f"{_RUN}.sqlite"
    record = RunRecord.create(
        path,
        run_id=_RUN,
        rollout_name=of.name,
        rollout_text=of.path.read_text(encoding="utf-8"),
        started_at=now(),
        meta={"seed": seed},
        keep_text=of.keep_text,
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
                previous=previous,
                calibrated=calibrated,
            )
        )
        lost = await _run(session, for_s, of.traffic.timeout_s + 1, hands, watch, busy)
        truth = served.truth.as_json()["deployments"]
        return Rehearsal(session.snapshot(), lost, truth, path, session.sampler.store.shown)
    finally:
        await served.stop()
        assert record.close(timeout_s=60.0)


def _pretend(of: Rollout, behaviour: Behaviour) -> list[PretendDeployment]:
    """The deployments of a rollout and, where it has one, its judge."""
    found = [
        PretendDeployment(
            d.name, d.model, d.version, "baseline" if d.name == of.baseline else "canary", behaviour
        )
        for d in of.deployments.values()
    ]
    if of.quality.judge is not None:
        d = of.quality.judge.deployment
        found.append(PretendDeployment(d.name, d.model, d.version, "judge"))
    return found


async def _run(
    session: Session, for_s: float, drain_s: float, hands: Sequence[Hand], watch: Watch, busy: Busy | None
) -> int:
    """What the engine's thread does with a session, until ``for_s`` seconds have passed or ``watch`` has seen
    enough."""
    session.say_start()
    await session.preflight()
    ticks = asyncio.create_task(_tick(session, watch))
    work = [
        ticks,
        asyncio.create_task(session.send()),
        asyncio.create_task(session.work()),
        asyncio.create_task(_act(session, hands)),
    ]
    if busy is not None:
        work.append(asyncio.create_task(_compute(busy)))
    # It ends with the first fault of any of them.
    whole = asyncio.create_task(_all(work))
    await asyncio.wait([whole, ticks], timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
    for task in work:
        task.cancel()
    for result in await asyncio.gather(*work, whole, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return await session.finish(drain_s)


async def _all(work: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*work)


async def _tick(session: Session, watch: Watch) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        session.tick()
        if watch(session.snapshot()):
            return


async def _act(session: Session, hands: Sequence[Hand]) -> None:
    for at_s, act in hands:
        await asyncio.sleep(at_s - asyncio.get_running_loop().time())
        act(session)


async def _compute(busy: Busy) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WarpLoop)
    while True:
        await asyncio.sleep(_BUSY_EVERY_S)
        loop.now_s += busy(loop.now_s)
