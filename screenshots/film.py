"""A run on a clock that only we move: the real rooms, the simulator's behaviour, no sockets and no waiting."""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Literal

from screenshots.service import PretendService
from tests.support.cockpit_fakes import START, Clock
from tests.support.contexts import RaiseAny
from tests.support.places import ROOT
from tui.engine.events import EventLog
from tui.measure.windows import Measures
from tui.model import (
    DEFAULT_TASK,
    Context,
    DeploymentView,
    EventKind,
    Outcome,
    RecordView,
    SenderView,
    Snapshot,
    SourceView,
    TrafficState,
)
from tui.rollout import load_rollout
from tui.routing.controller import Controller
from tui.routing.router import Router
from tui.service.prices import price_for
from tui.simulator.scenarios import SCENARIOS, Scenario
from tui.traffic.arrivals import poisson
from tui.traffic.health import Health

ENGINE, OPERATOR = "canarytop", "ana"
_ROLLOUT = ROOT / "profiles" / "demo.toml"
_SPAN_S = 10.0
_KEPT = 4096


class Film:
    """The shipped demo rollout, named as in production, at ``rate`` requests per second.

    ``clock`` stands at 0 before the first request; ``roll_to`` moves it. The scenario begins at
    ``scenario_s``. Whatever happens follows from ``seed``.
    """

    def __init__(
        self,
        scenario: Scenario = SCENARIOS["healthy"],
        *,
        scenario_s: float = 0.0,
        rate: float = 40.0,
        max_in_flight: int = 200,
        budget_usd: float = 50.0,
        seed: int = 7,
    ) -> None:
        rollout = load_rollout(_ROLLOUT, env={})
        self._baseline = rollout.baseline
        self._deployments = {
            name: replace(d, price=price_for(d.model, d.version)) for name, d in rollout.deployments.items()
        }
        self._roles: dict[str, Literal["baseline", "canary"]] = {
            name: "baseline" if name == rollout.baseline else "canary" for name in self._deployments
        }
        self._services = {
            name: PretendService(d, self._roles[name], scenario, scenario_s, seed)
            for name, d in self._deployments.items()
        }
        self.clock = Clock()
        self.clock.now_s = 0.0
        self.log = EventLog(clock=self.clock, now=self._now)
        context = Context(self.clock, self._now, self.log, seed=seed)
        self._router = Router(rollout.weights, context)
        self._health = {name: Health(name, clock=self.clock) for name in self._deployments}
        self.controller = Controller(
            self._router,
            RaiseAny(lambda name: self._health[name].why_not_raise()),
            context,
            baseline=rollout.baseline,
        )
        self._measures = Measures(tuple(self._deployments), tuple(rollout.weights))
        self._arrivals = poisson(rate, random.Random(f"{seed}/arrivals"))
        self._next_due_s = next(self._arrivals).due_s
        self._next_tick_s = 1.0
        self._ids = count(1)
        self._under_way: list[tuple[float, int, Outcome]] = []
        self._late: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._offered: deque[float] = deque(maxlen=_KEPT)
        self._max_in_flight = max_in_flight
        self._budget_usd = budget_usd
        self._state = TrafficState.STARTING
        self._sent = self._skipped = 0
        self._shed_s = float("-inf")
        self._spent_usd = self._spent_estimated_usd = 0.0
        self._counted_under = self._router.weights
        self._since_change: dict[str, int] = {}
        self.log(EventKind.STARTED, OPERATOR, "run 7f3a91c2 of summarise", after=self._router.weights)

    def roll_to(self, until_s: float) -> None:
        """Let everything happen that happens before ``until_s``, in its order."""
        if self._state is TrafficState.STARTING:
            self._state = TrafficState.RUNNING
        while True:
            ends_s = self._under_way[0][0] if self._under_way else float("inf")
            at_s = min(self._next_due_s, ends_s, self._next_tick_s)
            if at_s > until_s:
                break
            self.clock.now_s = at_s
            if at_s == self._next_tick_s:
                self._measures.tick(at_s, self._router.weights)
                self._next_tick_s += 1.0
            elif at_s == ends_s:
                self._end(heapq.heappop(self._under_way)[2])
            else:
                self._next_due_s = next(self._arrivals).due_s
                if self._state is TrafficState.RUNNING:
                    self._send(at_s)
        self.clock.now_s = until_s

    def pause(self) -> None:
        """Start no further request."""
        self._state = TrafficState.PAUSED
        self.log(EventKind.PAUSED, OPERATOR, "traffic paused")

    def _send(self, now_s: float) -> None:
        self._offered.append(now_s)
        if len(self._under_way) >= self._max_in_flight:
            self._skipped += 1
            if not self._saturated:
                text = f"client saturated: {len(self._under_way)} in flight, {self._skipped} skipped"
                self.log(EventKind.SATURATED, ENGINE, text)
            self._shed_s = now_s
            return
        assignment = self._router.assign(next(self._ids), DEFAULT_TASK)
        name = assignment.deployment
        if not self._health[name].admit(assignment):
            return
        if self._router.weights is not self._counted_under:
            self._counted_under, self._since_change = self._router.weights, {}
        self._since_change[name] = self._since_change.get(name, 0) + 1
        self._measures.assigned(DEFAULT_TASK, name, now_s)
        self._sent += 1
        outcome = self._services[name].outcome(
            assignment, in_flight=self._health[name].in_flight, saturated=self._saturated
        )
        heapq.heappush(self._under_way, (outcome.ended_s, outcome.request_id, outcome))

    def _end(self, outcome: Outcome) -> None:
        self._late.append((outcome.sent_s, outcome.late_ms))
        self._measures.add(outcome, self.clock())
        for kind, text in self._health[outcome.deployment].ended(outcome):
            self.log(kind, ENGINE, text)
        self._spent_usd += outcome.cost_usd or 0.0
        self._spent_estimated_usd += (outcome.cost_usd or 0.0) if outcome.cost_estimated else 0.0
        if self._spent_usd >= self._budget_usd and self._state is TrafficState.RUNNING:
            self._state = TrafficState.BUDGET_SPENT
            text = f"budget of {self._budget_usd:.2f} USD spent: traffic stopped; raise budget_usd to go on"
            self.log(EventKind.BUDGET_SPENT, ENGINE, text)

    @property
    def _saturated(self) -> bool:
        return self._shed_s >= self.clock() - _SPAN_S

    def snapshot(self) -> Snapshot:
        """What the engine would publish now."""
        now_s = self.clock()
        figures = self._measures.figures(now_s)
        assigned = self._since_change if self._router.weights is self._counted_under else {}
        return Snapshot(
            at=self._now(),
            at_s=now_s,
            run_id="7f3a91c2",
            rollout="summarise",
            environment="production",
            state=self._state,
            baseline=self._baseline,
            weights=self._router.weights,
            deployments={
                name: DeploymentView(
                    deployment=deployment,
                    role=self._roles[name],
                    figures=figures[name],
                    in_flight=health.in_flight,
                    quota=health.quota,
                    throttled_s=health.throttled_s,
                    held_back=health.held_back,
                    unreachable=health.unreachable,
                    ability=health.ability(),
                    last_answer_s=health.last_answer_s,
                    stale_s=health.stale_s,
                    last_error=health.last_error,
                    last_error_s=health.last_error_s,
                )
                for (name, deployment), health in zip(
                    self._deployments.items(), self._health.values(), strict=True
                )
            },
            assigned={DEFAULT_TASK: dict(assigned)},
            history=self._measures.history(),
            events=self.log.newest(),
            sender=self._sender(now_s),
            sources=(SourceView("synthetic", "synthetic", given=self._sent),),
            record=RecordView(path="runs/summarise-20261123T140000-7f3a91c2.sqlite"),
            spent_usd=self._spent_usd,
            spent_estimated_usd=self._spent_estimated_usd,
            budget_usd=self._budget_usd,
            can_undo=self.controller.can_undo,
        )

    def _sender(self, now_s: float) -> SenderView:
        since_s = now_s - _SPAN_S
        late = sorted(ms for sent_s, ms in self._late if sent_s >= since_s)
        offered = sum(at_s >= since_s for at_s in self._offered)
        return SenderView(
            in_flight=len(self._under_way),
            max_in_flight=self._max_in_flight,
            sent=self._sent,
            skipped=self._skipped,
            late_p99_ms=late[-(-99 * len(late) // 100) - 1] if late else None,
            saturated=self._saturated,
            offered_rps=offered / min(_SPAN_S, max(now_s, 1.0)),
        )

    def _now(self) -> datetime:
        return START + timedelta(seconds=self.clock())
