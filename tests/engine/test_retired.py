"""A version that is retired during a run: named as such, with its date and the remedy, wherever it is told."""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.support.arm_service import ACCOUNT
from tests.support.engine_runs import (
    beside,
    engine_of,
    finished,
    recorded,
    rollout,
    running,
    until,
)
from tests.support.simulator_service import quick
from tui.headless.result import result
from tui.headless.run import follow, table
from tui.model import Deployment, Endpoint, EventKind, Snapshot
from tui.record.reader import read_events
from tui.rollout import ControlPlane, Rollout
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.scenarios import Ending, Scenario
from tui.simulator.server import Simulator

OLD, NEW = "gpt4o-prod-v1120", "gpt51-prod-v1113"
SERVED = [
    PretendDeployment(OLD, "gpt-4o", "2024-11-20", "baseline", quick()),
    PretendDeployment(NEW, "gpt-5.1", "2025-11-13", "canary", quick()),
]


@asynccontextmanager
async def ended() -> AsyncIterator[tuple[str, Simulator]]:
    """A simulator on which the baseline's version ends when the calendar is moved."""
    simulator = Simulator(SERVED, Scenario("end", "", (), (Ending(1e9, "baseline", "NoAutoUpgrade"),)))
    port = await simulator.start()
    try:
        yield f"http://127.0.0.1:{port}", simulator
    finally:
        await simulator.stop()


def of(folder: Path, url: str, *, arm: bool) -> Rollout:
    made = rollout(
        folder,
        url,
        rate=200.0,
        weights={OLD: 90.0, NEW: 10.0},
        endpoints={"main": Endpoint("main", url, "azure", "2024-10-21", key_env="KEY", resource=ACCOUNT)},
        deployments={d.name: Deployment(d.name, "main", d.model, d.version) for d in SERVED},
    )
    return replace(made, control_plane=ControlPlane(url) if arm else None)


def said(snapshot: Snapshot) -> str:
    [text] = [e.text for e in snapshot.events if e.kind is EventKind.FAILING]
    return text


def test_with_arm_it_is_named_with_the_date_of_arm_and_the_deployment_that_takes_over(tmp_path: Path) -> None:
    with beside(ended()) as (url, simulator), running(of(tmp_path, url, arm=True)) as engine:
        until(engine, lambda s: s.accounts and s.accounts[0].deployments is not None)
        table_of = simulator.control.deployments.table
        day = table_of.offer("gpt-4o", "2024-11-20").retires
        assert day is not None
        simulator.control.calendar.move_to(day)
        seen = until(engine, lambda s: s.deployments[OLD].retired and s.deployments[OLD].failing)
        text = said(seen)
        assert text.startswith(f"{OLD} no longer answers: its version was retired")
        assert f"{day}" in text
        assert "(ARM)" in text
        assert f"shift its traffic to {NEW} now; HTTP 410: the model version is retired" in text
        assert seen.deployments[OLD].last_error == text.removeprefix(f"{OLD} no longer answers: ")
        last = finished(engine)
    assert [e.kind for e in last.events].count(EventKind.FAILING) == 1, "not again for every request"


def test_without_arm_the_date_is_that_of_the_snapshot(tmp_path: Path) -> None:
    gone = [replace(SERVED[0], behaviour=quick(retired=True)), SERVED[1]]

    @asynccontextmanager
    async def service() -> AsyncIterator[str]:
        simulator = Simulator(gone)
        port = await simulator.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await simulator.stop()

    with beside(service()) as url:
        made = of(tmp_path, url, arm=False)
        record = recorded(tmp_path, made)
        engine = engine_of(made, record=record)
        engine.start()
        out, asked = io.StringIO(), threading.Event()
        until(engine, lambda s: s.deployments[OLD].retired)
        follow(engine, for_s=0.0, out=out, asked=asked)
        snapshot = finished(engine)
        record.close()
    text = said(snapshot)
    before = datetime.now(UTC).date().isoformat() < "2027-04-14"
    assert ("though its date is 2027-04-14 (snapshot of 2026-11-16)" in text) == before
    assert f"shift its traffic to {NEW} now" in text
    lines = table(snapshot).splitlines()
    assert any(line.startswith(f"{OLD}: RETIRED: its version was retired") for line in lines)
    document = result(snapshot, seed=1, lost=0)["deployments"]
    assert (document[OLD]["retired"], document[NEW]["retired"]) == (True, False)
    assert "was retired" in document[OLD]["last_error"]
    assert document[NEW]["last_error"] is None
    kept = [e.text for e in read_events(tmp_path / "run1.sqlite") if e.kind is EventKind.FAILING]
    assert kept == [text]
