"""Nobody is sent where nobody can answer: guard, plan and keys in a running engine, over real sockets."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.contexts import context_of
from tests.support.engine_runs import (
    NEW,
    OLD,
    Beside,
    kinds,
    plan_of,
    planned,
    pretend,
    rollout,
    running,
    until,
)
from tests.support.simulator_service import Clock
from tui.engine.readiness import PROBE, Readiness
from tui.model import (
    Assignment,
    Deployment,
    Endpoint,
    Event,
    EventKind,
    Outcome,
    OutcomeKind,
    PlanState,
    PlanStep,
    Request,
)
from tui.model.commands import Nudge, RollBack, Shift, ToggleGuard
from tui.rollout import Rollout
from tui.rollout.values import GuardSpec, PlanSpec
from tui.routing.controller import CommandRefused, NothingToDo
from tui.service.budget import Budget
from tui.simulator.server import Simulator
from tui.traffic.control import TrafficControl
from tui.traffic.health import Health

WAIT_S = 20.0


class Two:
    """Both deployments on a service of their own, that can be killed and come back."""

    def __init__(self, there: Beside, folder: Path, weights: tuple[float, float]) -> None:
        self._there = there
        self._ports: dict[str, int] = {}
        self._live: dict[str, Simulator] = {}
        self._served = dict(zip((OLD, NEW), pretend(OLD, NEW), strict=True))
        new = self._served[NEW]
        self._served[NEW] = replace(new, behaviour=replace(new.behaviour, error_pct=100.0))
        for name in (OLD, NEW):
            self.come_back(name)
        urls = {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}
        self.of: Rollout = rollout(
            folder,
            "",
            weights={OLD: weights[0], NEW: weights[1]},
            endpoints={n: Endpoint(n, url, "azure", "2024-10-21", key_env="KEY") for n, url in urls.items()},
            deployments={n: Deployment(n, n, "gpt-4o", "2024-11-20") for n in urls},
        )

    def come_back(self, name: str, *, well: bool = False) -> None:
        made = self._served[name]
        if well:
            made = replace(made, behaviour=replace(made.behaviour, error_pct=0.0))
        self._live[name] = Simulator([made], port=self._ports.get(name, 0))
        self._ports[name] = self._there.run(self._live[name].start())

    def kill(self, name: str) -> None:
        self._there.run(self._live.pop(name).stop())

    def close(self) -> None:
        for name in tuple(self._live):
            self.kill(name)


@contextmanager
def two(folder: Path, *weights: float) -> Iterator[Two]:
    there = Beside()
    services = Two(there, folder, (weights[0], weights[1]))
    try:
        yield services
    finally:
        services.close()
        there.close()


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine every request would be marked as late, and be no evidence.
    monkeypatch.setattr("tui.traffic.sender.LATE_LIMIT_MS", math.inf)
    monkeypatch.setattr("tui.traffic.sender.SKIP_AFTER_S", math.inf)


def texts(events: tuple[Event, ...], kind: EventKind) -> list[str]:
    return [event.text for event in events if event.kind is kind]


def test_a_killed_baseline_gets_nothing_from_an_armed_guard_until_it_is_back(tmp_path: Path) -> None:
    with two(tmp_path, 50.0, 50.0) as there:
        of = replace(there.of, guard=GuardSpec("off", tripwire=False))
        with running(of) as engine:
            until(engine, lambda s: EventKind.WORSE in kinds(s.events))
            there.kill(OLD)
            until(engine, lambda s: s.deployments[OLD].ability.state == "unable")
            engine.send(ToggleGuard(), actor="ann").result(WAIT_S)
            seen = until(engine, lambda s: EventKind.NOT_ROLLED_BACK in kinds(s.events))
            [why] = texts(seen.events, EventKind.NOT_ROLLED_BACK)
            assert why.startswith(f"not rolled back: {NEW} is WORSE: errors 100% vs 0%")
            assert f"; {OLD} " in why
            assert why.endswith(": weights stay, look now")
            assert seen.guard.said.endswith(": weights stay, look now")
            assert EventKind.BASELINE_DEAD in kinds(until(engine, lambda s: s.at_s > seen.at_s + 0.5).events)
            now = engine.snapshot()
            assert now.weights["default"] == {OLD: 50.0, NEW: 50.0}
            assert (now.guard.acted, now.can_undo) == (0, None)
            assert kinds(now.events).count(EventKind.NOT_ROLLED_BACK) == 1, "once an episode"
            assert kinds(now.events).count(EventKind.BASELINE_DEAD) == 1
            there.come_back(OLD)
            last = until(engine, lambda s: s.weights["default"][NEW] == 0)
            rolled = next(e for e in last.events if e.kind is EventKind.ROLLED_BACK)
            assert (rolled.actor, last.guard.acted) == ("guard", 1)
            until(engine, lambda s: f"{OLD} is able to serve again" in texts(s.events, EventKind.REACHABLE))


def test_a_person_rolls_back_wherever_they_want(tmp_path: Path) -> None:
    with two(tmp_path, 50.0, 50.0) as there, running(there.of) as engine:
        there.kill(OLD)
        until(engine, lambda s: s.deployments[OLD].ability.state == "unable")
        engine.send(Nudge(NEW, -5.0), actor="ann").result(WAIT_S)
        engine.send(Shift(OLD, 60.0), actor="ann").result(WAIT_S)
        engine.send(RollBack(), actor="ann").result(WAIT_S)
        assert engine.snapshot().weights["default"][OLD] == 100.0


@pytest.mark.parametrize("alive", [True, False])
def test_the_guard_asks_a_baseline_without_traffic_first(tmp_path: Path, alive: bool) -> None:
    with two(tmp_path, 0.0, 100.0) as there:
        if not alive:
            there.kill(OLD)
        with running(replace(there.of, guard=GuardSpec("armed"))) as engine:
            wanted = EventKind.ROLLED_BACK if alive else EventKind.NOT_ROLLED_BACK
            seen = until(engine, lambda s: wanted in kinds(s.events))
            assert seen.weights["default"][OLD] == (100.0 if alive else 0.0)
            if not alive:
                [why] = texts(seen.events, EventKind.NOT_ROLLED_BACK)
                assert f"; {OLD} did not answer one request: " in why
                assert seen.deployments[OLD].figures["run"]["default"].requests == 0, "no figure of it"
                assert len(texts(seen.events, EventKind.UNREACHABLE)) <= 2, "the endpoint, and that try"


@pytest.mark.parametrize("alive", [True, False])
def test_a_plan_asks_a_canary_without_traffic_first(tmp_path: Path, alive: bool) -> None:
    with two(tmp_path, 100.0, 0.0) as there:
        there.kill(NEW)
        if alive:
            there.come_back(NEW, well=True)
        plan = PlanSpec(NEW, (PlanStep(20.0, 3600.0), PlanStep(100.0, 0.0)), ("none",), start="climbing")
        with running(planned(there.of, plan)) as engine:
            if alive:
                until(engine, lambda s: s.weights["default"][NEW] == 20.0)
                return
            seen = until(
                engine, lambda s: s.deployments[NEW].ability.state == "unable" and plan_of(s).waiting_for
            )
            assert plan_of(seen).state is PlanState.CLIMBING
            seen = until(engine, lambda s: "to serve: it did not answer one request" in plan_of(s).waiting_for)
            waits = [e for e in seen.events if e.kind is EventKind.PLAN and e.text == "plan: waits"]
            assert [e.reason.partition(":")[0] for e in waits] == [f"{NEW} did not answer one request"]
            assert seen.weights["default"][NEW] == 0.0


def test_a_roll_back_that_changes_nothing_says_so_and_holds_a_plan_that_would(tmp_path: Path) -> None:
    plan = PlanSpec(NEW, (PlanStep(20.0, 3600.0), PlanStep(100.0, 0.0)), ("none",), start="climbing")
    with two(tmp_path, 100.0, 0.0) as there:
        there.kill(NEW)
        with running(planned(there.of, plan)) as engine:
            until(engine, lambda s: s.deployments[NEW].ability.state == "unable")
            held = engine.send(RollBack(), actor="ann").result(WAIT_S)
            assert (held.kind, held.reason) == (EventKind.PLAN, "rolled back by ann")
            assert plan_of(engine.snapshot()).state is PlanState.HELD
            with pytest.raises(NothingToDo, match=f"nothing to roll back: all traffic is on {OLD}"):
                engine.send(RollBack(), actor="ann").result(WAIT_S)
            assert engine.snapshot().can_undo is None
            with pytest.raises(CommandRefused, match="did not answer one request"):
                engine.send(Nudge(NEW, 5.0), actor="ann").result(WAIT_S)


class Silent:
    """A client that never answers; cancelled, it says so, as the real one does."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def complete(
        self,
        request: Request,
        assignment: Assignment,
        due_s: float,
        *,
        saturated: bool = False,
        keep_text: bool | None = None,
    ) -> Outcome:
        self.asked.append(request)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            kind = OutcomeKind.CANCELLED
        return Outcome(request.id, request.task, assignment.deployment, 0.0, kind, 0.0, 0.0, 0.0, 0.0)


async def test_one_that_does_not_answer_in_time_is_asked_again_a_minute_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.engine.readiness.ANSWER_WITHIN_S", 0.0)
    clock, client, said = Clock(), Silent(), []
    health, known = Health("d", clock=clock), asyncio.Event()

    def log(kind: EventKind, actor: str, text: str, **_: object) -> Event:
        said.append(text)
        return None  # type: ignore[return-value]

    context = context_of(log, clock, next_id=lambda: 7)
    traffic = TrafficControl(Budget(None), context)
    readiness = Readiness(client, {"d": health}, traffic, context)
    for _ in range(2):
        assert health.ability().state == "unknown"
        for _ in range(3):
            readiness.probe("d", known.set)
        await known.wait()
        known.clear()
        assert health.ability().why == "did not answer one request within 0 s"
        clock.now_s += 61.0
    assert [(request.source, request.max_tokens) for request in client.asked] == [(PROBE, 16)] * 2
    assert said == ["d did not answer one request within 0 s"], "said once"
    readiness.probe("d", known.set)
    await asyncio.sleep(0)
    await readiness.cut()
    assert len(asyncio.all_tasks()) == 1, "nothing is left of it"
