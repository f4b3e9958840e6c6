"""Whole runs for the tests: a rollout in memory, services in a thread beside it, the engine in its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from tests.support.simulator_service import quick
from tests.support.typed import present
from tui.engine.resume import previous_run
from tui.engine.server import Server
from tui.engine.setup import PreviousRun, Setup
from tui.engine.thread import Engine
from tui.model import ALL_TASKS, Deployment, Endpoint, Event, EventKind, Figures, PlanView, Snapshot
from tui.record.reader import last_state, read_events, read_run
from tui.record.record import RunRecord
from tui.rollout import CockpitSettings, Criteria, PlanSpec, Rollout, SourceSpec, Traffic
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.server import Simulator

OLD, NEW = "gpt4o-prod-v1120", "gpt4o-prod-v0806"
WAIT_S = 20.0
_T = TypeVar("_T")


def planned(of: Rollout, plan: PlanSpec | None) -> Rollout:
    """The same rollout with this plan in every task."""
    return replace(of, tasks={task: replace(spec, plan=plan) for task, spec in of.tasks.items()})


def with_criteria(of: Rollout, criteria: Criteria) -> Rollout:
    """The same rollout with these criteria in every task."""
    return replace(of, tasks={task: replace(spec, criteria=criteria) for task, spec in of.tasks.items()})


def rollout(
    folder: Path,
    url: str,
    *,
    api: Literal["azure", "v1"] = "azure",
    weights: Mapping[str, float] | None = None,
    endpoints: Mapping[str, Endpoint] | None = None,
    deployments: Mapping[str, Deployment] | None = None,
    **traffic: Any,
) -> Rollout:
    """50 to 50 between ``OLD`` and ``NEW`` at ``url``, or what is given; ``traffic`` are fields of Traffic."""
    weights = weights or {OLD: 50.0, NEW: 50.0}
    folder.mkdir(exist_ok=True)
    path = folder / "rollout.toml"
    path.write_text("# made by a test\n")
    fields: dict[str, Any] = {
        "rate": 100.0,
        "arrivals": "constant",
        "timeout_s": 5.0,
        "sources": (SourceSpec("synthetic", task="email_summarisation"),),
        **traffic,
    }
    version = "2024-10-21" if api == "azure" else None
    return Rollout(
        name="test",
        environment="test",
        path=path,
        baseline=next(iter(weights)),
        endpoints=endpoints or {"main": Endpoint("main", url, api, version, key_env="KEY")},
        deployments=deployments or {name: Deployment(name, "main", "gpt-4o", "2024-11-20") for name in weights},
        weights={"default": dict(weights)},
        traffic=Traffic(**fields),
        cockpit=CockpitSettings(),
        keep_text=False,
        profiles_dir=folder / "rollout.weights",
    )


def recorded(folder: Path, of: Rollout, run_id: str = "run1", **options: Any) -> RunRecord:
    """A run record in ``folder`` that is written almost at once."""
    fields: dict[str, Any] = {"batch_s": 0.02, "retry_s": 0.05, **options}
    return RunRecord.create(
        folder / f"{run_id}.sqlite",
        run_id=run_id,
        rollout_name=of.name,
        rollout_text="",
        started_at=datetime.now(UTC),
        meta={},
        **fields,
    )


def engine_of(
    of: Rollout,
    *,
    record: RunRecord | None = None,
    previous: PreviousRun | None = None,
    calibrated: Mapping[str, Mapping[str, float]] | None = None,
    seed: int = 1,
    key: str = "k",
    tick_s: float = 0.05,
    server: Server | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    **more: Any,
) -> Engine:
    """An engine, not yet started, that ticks more often than a screen would need."""
    return Engine(
        Setup(
            rollout=of,
            run_id="run1",
            env={"KEY": key},
            seed=seed,
            actor="tester",
            record=record,
            clock=time.perf_counter,
            now=now,
            previous=previous,
            **more,
            sleep=sleep,
            calibrated=calibrated,
        ),
        tick_s=tick_s,
        server=server,
    )


@contextmanager
def running(of: Rollout, **options: Any) -> Iterator[Engine]:
    """A started engine; at the end of the block it is stopped and its record closed."""
    engine = engine_of(of, **options)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        if options.get("record") is not None:
            options["record"].close()


def left_by(path: Path, of: Rollout) -> PreviousRun:
    """What the run of a record left for one that resumes it."""
    run = read_run(path)
    assert run.last_weights is not None
    return previous_run(of, run, run.last_weights, read_events(path), last_state(path))


def plan_of(snapshot: Snapshot) -> PlanView:
    """The plan of a run that has one."""
    return present(snapshot.plan)


def until(engine: Engine, condition: Callable[[Snapshot], object]) -> Snapshot:
    """The first snapshot that meets ``condition``; fails when none does for ``WAIT_S`` seconds."""
    news = threading.Event()

    def tell(_: Snapshot) -> None:
        news.set()

    engine.subscribe(tell)
    gives_up_s = time.monotonic() + WAIT_S
    try:
        while not condition(snapshot := engine.snapshot()):
            if engine.ended.done():
                engine.ended.result()
                snapshot = engine.snapshot()
                assert condition(snapshot), f"the run ended before that: {snapshot}"
                return snapshot
            assert news.wait(gives_up_s - time.monotonic()), f"it never came to that: {snapshot}"
            news.clear()
    finally:
        engine.unsubscribe(tell)
    return snapshot


def finished(engine: Engine) -> Snapshot:
    """Let the requests under way end, stop, and give the last snapshot; no request may be lost."""
    engine.stop(drain_s=WAIT_S)
    assert engine.ended.result(WAIT_S) == 0
    return engine.snapshot()


def total(snapshot: Snapshot, deployment: str) -> Figures:
    """The figures of one deployment since the start, all tasks."""
    return snapshot.deployments[deployment].figures["run"][ALL_TASKS]


def done(snapshot: Snapshot) -> int:
    """Finished requests of all deployments."""
    return sum(total(snapshot, name).requests for name in snapshot.deployments)


def kinds(events: Sequence[Event]) -> list[EventKind]:
    return [event.kind for event in events]


def pretend(*names: str, **behaviour: Any) -> list[PretendDeployment]:
    """Quick deployments, the first of them the baseline; ``behaviour`` changes them all."""
    return [
        PretendDeployment(n, "gpt-4o", "2024-11-20", "canary" if i else "baseline", quick(**behaviour))
        for i, n in enumerate(names)
    ]


class Beside:
    """A loop in a thread, for a service that has to answer while the test waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service", daemon=True)
        self._thread.start()

    def run(self, work: Any) -> Any:
        """Run a coroutine there and wait for its result."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(WAIT_S)

    def close(self) -> None:
        self.run(_leave_nothing())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()


async def _leave_nothing() -> None:
    """A connection that is accepted or closed in the last moment takes some turns of the loop to be gone; one
    over which nothing was asked yet is known to nobody but the loop."""
    for _ in range(5):
        await asyncio.sleep(0)
    transports: Mapping[int, asyncio.Transport] = vars(asyncio.get_running_loop())["_transports"]
    for transport in list(transports.values()):
        transport.abort()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    for _ in range(5):
        await asyncio.sleep(0)


@contextmanager
def beside(service: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
    """What an asynchronous service gives, while it runs in a thread of its own."""
    there = Beside()
    try:
        value = there.run(service.__aenter__())
        try:
            yield value
        finally:
            there.run(service.__aexit__(None, None, None))
    finally:
        there.close()


@asynccontextmanager
async def simulator(deployments: Sequence[PretendDeployment], **options: Any) -> AsyncIterator[str]:
    """The URL of a simulator."""
    served = Simulator(deployments, **options)
    port = await served.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await served.stop()
