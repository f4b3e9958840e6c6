"""One run: the rooms wired together on the engine's event loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from itertools import count
from typing import Any

from tui.engine.accounts import Managers
from tui.engine.automation import Automation
from tui.engine.control_plane import RunControlPlane
from tui.engine.deployment_changes import DeploymentChanger
from tui.engine.deployments import NO_CHANGES, Deployments
from tui.engine.events import EventLog, SelfMonitor
from tui.engine.first_requests import FirstRequests
from tui.engine.resume_weights import Standing
from tui.engine.setup import PreviousRun, Setup
from tui.engine.versions import said
from tui.engine.workload import Workload
from tui.lifecycle.table import load_lifecycle
from tui.measure.windows import Measures
from tui.model import (
    ANSWERED,
    ENGINE,
    FILTERED,
    WEIGHT_CHANGES,
    Ability,
    Assignment,
    Event,
    EventKind,
    Figures,
    Outcome,
    Pair,
    RecordView,
    Snapshot,
    TrafficState,
    VersionChange,
    held_back,
)
from tui.routing.controller import Controller
from tui.routing.router import Router, SinceChange
from tui.routing.weights import weights_said
from tui.service.budget import Budget, PayingClient
from tui.service.client import Probe, ServiceClient
from tui.shadow.sampler import ShadowSampler
from tui.shadow.setup import JUDGE_TIMEOUT_S, Judges, known_items
from tui.traffic.sender import Sender
from tui.traffic.trace_rows import TraceError

_DECISIONS = WEIGHT_CHANGES | {
    EventKind.VERDICT,
    EventKind.WORSE,
    EventKind.GUARD,
    EventKind.PLAN,
    EventKind.ADDED,
    EventKind.REMOVED,
}
_WARM_CONNECTIONS = 32
_DISK_S = 1.0


class Session:
    """Everything that lives on the engine's loop. Not thread-safe: the engine schedules calls onto the loop."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        members = setup.past.members if setup.past else NO_CHANGES
        rollout = replace(setup.rollout, deployments={**setup.rollout.deployments, **members.joined})
        self._started_s = setup.clock()
        self._state = TrafficState.STARTING
        self._budget = Budget(rollout.traffic.budget_usd)
        self._awaits_costs = False
        self._since_change = SinceChange()
        self._assigned = 0
        self._ended = 0
        self._written: Future[None] | None = None
        # One generator each, so that what one room draws does not change what another one draws.
        draws = (random.Random(f"{setup.seed}/{room}") for room in ("router", "arrivals", "sources", "quality"))
        router_rng, arrivals_rng, sources_rng, quality_rng = draws
        self.log = EventLog(keep=self._keep_event, clock=self.clock, now=setup.now)
        self._monitor = SelfMonitor(self.log)
        past = setup.past
        weights = setup.weights or (past.weights if past else rollout.weights)
        self.router = Router(weights, rng=router_rng, clock=self.clock)
        self._standing = Standing(setup, weights)
        self._managers = Managers(rollout, setup.env, sleep=setup.sleep)
        lifecycle = load_lifecycle()
        self.control_plane = RunControlPlane(
            self._managers.by_endpoint,
            ours=self._ours,
            lifecycle=lifecycle,
            log=self.log,
            now=setup.now,
            sleep=setup.sleep,
        )
        self.deployments = Deployments(
            rollout,
            control=self.control_plane,
            lifecycle=lifecycle,
            clock=self.clock,
            now=setup.now,
            figures=self._recent_figures,
        )
        self.controller = Controller(
            self.router,
            baseline=rollout.baseline,
            deployments=tuple(self.deployments.by_name),
            log=self.log,
            clock=self.clock,
            why_not_raise=lambda name, tasks: (
                self.deployments.why_not_raise(name) or self.automation.why_not_raise(name, tasks)
            ),
            why_never=self.deployments.removals.why_never,
            past=past.events if past else (),
        )
        self.automation = Automation(
            rollout,
            controller=self.controller,
            log=self.log,
            clock=self.clock,
            fresh=self._fresh,
            calibrated=setup.calibrated,
            ability=self._ability,
            ask_first=lambda name: self._first_requests.ask(name),
        )
        if past is not None and past.automation is not None:
            self._take_up(past)
        self._measures = Measures(tuple(self.deployments.by_name), tuple(rollout.weights))
        self.membership = DeploymentChanger(
            rollout.baseline,
            self.deployments,
            self.control_plane,
            self._measures,
            self.automation,
            self.controller,
            log=self.log,
            clock=self.clock,
            asked_anew=lambda name: self.sampler.version_changed(name),
            past=members,
        )
        next_id = count(1).__next__
        self._workload = Workload(
            rollout, arrivals_rng=arrivals_rng, sources_rng=sources_rng, next_id=next_id, log=self.log
        )
        self._client = ServiceClient(
            rollout.endpoints,
            self.deployments.by_name,
            env=setup.env,
            clock=self.clock,
            timeout_s=rollout.traffic.timeout_s,
            stream=rollout.traffic.stream,
            max_in_flight=rollout.traffic.max_in_flight,
            keep_text=rollout.keep_text,
        )
        self._judges = Judges(
            rollout, env=setup.env, seed=setup.seed, clock=self.clock, now=setup.now, log=self.log
        )
        paying = PayingClient(self._client, self._budget, self.deployments.by_name, self._watch_budget)
        self._first_requests = FirstRequests(
            paying,
            self.deployments.health,
            answered=self.automation.look,
            next_id=next_id,
            log=self.log,
            clock=self.clock,
        )
        self.sampler = ShadowSampler(
            rollout,
            client=paying,
            weights=lambda: self.router.weights,
            going=lambda: self._state is TrafficState.RUNNING and not self._awaits_costs,
            pauses=lambda name: self.deployments.health[name].pause.lasts,
            counts=self.deployments.is_on_trial,
            apart=self._asked_apart,
            pair=self._pair,
            next_id=next_id,
            log=self.log,
            clock=self.clock,
            now=setup.now,
            sleep=setup.sleep,
            rng=quality_rng,
            known=known_items(rollout, self.log),
            judge=self._judges.room,
        )
        self._sender = Sender(
            arrivals=self._workload.arrivals(),
            next_request=self._workload.next_request,
            exhausted=lambda: self._workload.sources.ended,
            assign=self.router.assign,
            admit=self._admit,
            complete=self.sampler.complete,
            on_outcome=self._on_outcome,
            clock=self.clock,
            max_in_flight=rollout.traffic.max_in_flight,
        )

    def clock(self) -> float:
        """Seconds since the run started."""
        return self.setup.clock() - self._started_s

    # --- the walk of a request ---

    def say_start(self) -> None:
        """Log what the run begins with, before anybody can change it."""
        setup, weights = self.setup, self.router.weights
        self.log(EventKind.STARTED, setup.actor, f"run {setup.run_id} of {setup.rollout.name}", after=weights)
        if setup.past is not None or setup.weights is not None:
            text = setup.taken_up or "taken up where the last run was left"
            self.log(EventKind.RESUMED, setup.actor, text, before=setup.rollout.weights, after=weights)
        elif setup.taken_up:
            self.log(EventKind.REFUSED, setup.actor, setup.taken_up)
        self.automation.hold_idle(setup.held)
        for lost in setup.past.lost if setup.past is not None else ():
            self.log(EventKind.REFUSED, ENGINE, f"not taken up from the run before, {lost}")
        if others := setup.others():
            self.log(EventKind.WARNING, ENGINE, others)
        for problem in setup.rollout.warnings:
            self.log(EventKind.WARNING, ENGINE, str(problem))

    async def preflight(self) -> tuple[Probe, ...]:
        """Open connections and ask every endpoint whether it is there."""
        most = self.setup.rollout.traffic.max_in_flight
        probes = await self._client.open_connections(min(_WARM_CONNECTIONS, most))
        for probe in probes:
            if probe.verdict != "ok":
                self.log(
                    EventKind.UNREACHABLE, ENGINE, f"endpoint {probe.endpoint} {probe.verdict}: {probe.text}"
                )
        return probes

    async def begin(self, probes: Sequence[Probe]) -> None:
        """From now on this is the last run of its file: before the first request, where every endpoint answers.

        A disk that is slow is waited for at most ``_DISK_S``.
        """
        if self.setup.kept is None or any(probe.verdict != "ok" for probe in probes):
            return
        # The record first: the small file names it.
        if self._written is not None:
            await asyncio.to_thread(wait, [self._written], _DISK_S)
        if (kept := self._standing.begun()) is not None:
            await asyncio.to_thread(wait, [kept], _DISK_S)

    async def send(self) -> None:
        """Send until the arrivals or the sources end, then wait for what is under way."""
        if self._state is TrafficState.STARTING:
            self._state = TrafficState.RUNNING
        why = "no more requests: the trace or every source has ended"
        try:
            await self._sender.run()
        except TraceError as error:
            why = f"no more requests: {error}"
        await self._sender.drain(self.setup.rollout.traffic.timeout_s + 1)
        self._state = TrafficState.ENDED
        self.log(EventKind.ENDED, ENGINE, why)

    def _admit(self, assignment: Assignment) -> bool:
        if self._budget.full:
            # Started in one burst with the request that took what was left: nobody's draw counts any more.
            return False
        # Drawn as it was asked for, also where it is held back: who its neighbours are is decided by the draw.
        self.automation.assigned(assignment)
        if not self.deployments.health[assignment.deployment].admit(assignment):
            self._held_back(assignment)
            return False
        self._assigned += 1
        self._since_change.add(assignment, self.router.weights)
        self._measures.assigned(assignment.task, assignment.deployment, assignment.at_s)
        return True

    def _held_back(self, assignment: Assignment) -> None:
        """An assignment that ends without a request: it is kept, and counted where it says something."""
        outcome = held_back(assignment)
        if self.setup.record is not None:
            self.setup.record.outcome(outcome)
        self.automation.ended(outcome)

    def _on_outcome(self, outcome: Outcome) -> None:
        self._ended += 1
        outcome, change = self.deployments.ended(outcome)
        if change is not None:
            self._version_changed(outcome.deployment, change)
        self._measures.add(outcome, self.clock())
        if outcome.kind in ANSWERED | FILTERED:
            self._standing.begun()
        if self.setup.record is not None:
            self.setup.record.outcome(outcome)
        for kind, text in self.deployments.news(outcome):
            self.log(kind, ENGINE, text)
        self.automation.ended(outcome)

    def _asked_apart(self, outcome: Outcome) -> None:
        """What is asked beside the traffic has a cost and nothing else in common with it."""
        if self.setup.record is not None:
            self.setup.record.texts(outcome)

    def _pair(self, task: str, canary: str, criterion: str, baseline: int, own: int) -> None:
        pair = Pair(self.clock(), task, canary, criterion, baseline, own)
        if self.setup.record is not None:
            self.setup.record.pair(pair)
        self.automation.compared(pair)

    def _watch_budget(self) -> None:
        """Stop the traffic where the budget is spent. Where it may be by what is under way, wait until all of
        that has ended, and go on with what is left then."""
        if self._state is not TrafficState.RUNNING:
            return
        if self._budget.over:
            self._sender.pause()
            self._state = TrafficState.BUDGET_SPENT
            spent = f"budget of {self._budget.budget_usd:.2f} USD spent"
            text = f"{spent}: traffic stopped; raise budget_usd to go on"
            self.log(EventKind.BUDGET_SPENT, ENGINE, text)
        elif self._budget.full:
            self._sender.pause()
            self._awaits_costs = True
        elif self._awaits_costs and not self._budget.under_way:
            self._awaits_costs = False
            self._sender.resume()

    def _version_changed(self, deployment: str, change: VersionChange) -> None:
        """Nothing of the version before is pooled with the one that answers now."""
        self._measures.restart(deployment, self.clock())
        text = said(deployment, change)
        self.log(EventKind.VERSION_CHANGED, ENGINE, text)
        self.sampler.version_changed(deployment)
        self.automation.version_changed(deployment, text)

    def _ours(self, endpoint: str) -> frozenset[str]:
        """The ids of the rollout's deployments at an endpoint."""
        return frozenset(d.wire_id for d in self.deployments.by_name.values() if d.endpoint == endpoint)

    def _recent_figures(self, deployment: str) -> Figures:
        return self._measures.pooled(deployment, "15m", self.clock())

    def _keep_event(self, event: Event) -> None:
        self.automation.heard(event)
        self._standing.heard(event)
        if self.setup.record is not None:
            # A run that is killed now must not decide it again: what is known goes with what was done.
            state = self._known() if event.kind in _DECISIONS else None
            self._written = self.setup.record.event(event, state)
        self.setup.hear(event, self.router.weights)

    def _fresh(self, deployment: str) -> bool:
        """Whether its outcomes keep coming in, failures included."""
        return self._state is TrafficState.RUNNING and self.deployments.health[deployment].stale_s is None

    def _ability(self, deployment: str) -> Ability:
        return self.deployments.health[deployment].ability()

    def _take_up(self, past: PreviousRun) -> None:
        offset_s = (past.started_at - self.setup.now()).total_seconds()
        for refused in self.automation.restore(past.automation or {}, offset_s):
            self.log(EventKind.REFUSED, ENGINE, f"not taken up from the run before, {refused}")

    # --- who takes part ---

    def add_to_rollout(self, endpoint: str, name: str, actor: str) -> Event:
        """A deployment of an account joins the run at weight 0. Raises CommandRefused."""
        event = self.membership.add(endpoint, name, actor)
        self._keep_state()
        return event

    async def remove_deployment(self, endpoint: str, name: str, actor: str) -> Event:
        """A deployment without traffic is removed from its account. Raises CommandRefused."""
        try:
            return await self.membership.remove(endpoint, name, actor)
        finally:
            self._keep_state()

    # --- traffic ---

    def pause(self, actor: str) -> Event:
        """Start no further request. In another state than running it changes nothing but is logged."""
        if self._state is TrafficState.RUNNING:
            self._sender.pause()
            self._state = TrafficState.PAUSED
        return self.log(EventKind.PAUSED, actor, f"traffic {self._state.value.replace('_', ' ')}")

    def proceed(self, actor: str) -> Event | None:
        """Start requests again; None where traffic did not rest because of ``pause``."""
        if self._state is not TrafficState.PAUSED:
            return None
        self._state = TrafficState.RUNNING
        if not self._awaits_costs:
            self._sender.resume()
        continued = self.log(EventKind.CONTINUED, actor, "traffic continues")
        self._watch_budget()
        return continued

    @property
    def state(self) -> TrafficState:
        return self._state

    # --- what is seen ---

    def tick(self) -> None:
        """Close the seconds that have ended, and say it when we can no longer keep the schedule."""
        for _ in self.ticking():
            pass

    def ticking(self) -> Iterator[None]:
        """The same in parts of some milliseconds: what is due meanwhile is sent between them."""
        self._monitor.sender(self._sender.view())
        if self._state is TrafficState.RUNNING:
            baseline = self.setup.rollout.baseline
            self._monitor.baseline(baseline, self._ability(baseline))
        if self._state is not TrafficState.STARTING:
            self.automation.tick()
            yield
            self.sampler.store.publish()
            for text in self.deployments.compared():
                self.log(EventKind.VERSION_COMPARED, ENGINE, text)
            self._keep_state()
            yield
            closed = self._measures.tick(self.clock(), self.router.weights)
            if self.setup.record is not None:
                for second in closed:
                    self.setup.record.second(second)
                self._monitor.record(self.setup.record.view())
            if self.setup.kept is not None:
                self._monitor.kept(self.setup.kept.error)

    def _keep_state(self) -> None:
        """Record what a run that takes this one up needs."""
        if self.setup.record is not None:
            self.setup.record.state(self._known())

    def _known(self) -> dict[str, Any]:
        return {**self.automation.state(), "members": self.membership.members().as_json()}

    def snapshot(self) -> Snapshot:
        rollout, now_s = self.setup.rollout, self.clock()
        figures = self._measures.figures(now_s)
        record = self.setup.record
        return Snapshot(
            at=self.setup.now(),
            at_s=now_s,
            run_id=self.setup.run_id,
            rollout=rollout.name,
            environment=rollout.environment,
            state=self._state,
            baseline=rollout.baseline,
            weights=self.router.weights,
            deployments=self.deployments.views(figures),
            assigned=self._since_change.counts(self.router.weights),
            history=self._measures.history(),
            task_history=self._measures.task_history(),
            events=self.log.newest(),
            roll_backs=self.log.roll_backs(),
            sender=self._sender.view(),
            sources=self._workload.sources.views(),
            record=record.view() if record is not None else RecordView(),
            spent_usd=self._budget.usd,
            spent_estimated_usd=self._budget.estimated_usd,
            reserved_usd=self._budget.reserved_usd,
            budget_usd=self._budget.budget_usd,
            verdicts=self.automation.verdicts(),
            alpha_pct=rollout.criteria.alpha_pct,
            guard=self.automation.guard(),
            plans=self.automation.plans(),
            quality=self.sampler.view(),
            requests_per_day=rollout.requests_per_day,
            accounts=self.control_plane.views(),
            can_undo=self.controller.can_undo,
            also_running=self.setup.others(),
        )

    # --- the end ---

    def cut(self) -> None:
        """Cancel what is under way."""
        self._sender.cut()
        self.sampler.cut()

    async def finish(self, drain_s: float, why: str = "") -> int:
        """Stop sending, wait for what is under way, close. Returns how many requests have no outcome (0).

        Requests may finish for ``drain_s`` seconds, those beside the traffic too; a judgement has its own
        time-out. With 0 all are cancelled at once.
        """
        self._sender.pause()
        self._awaits_costs = False
        ends_s = self.clock() + drain_s
        await self._sender.drain(drain_s)
        await self._first_requests.cut()
        await self.sampler.drain(max(ends_s - self.clock(), 0.0), JUDGE_TIMEOUT_S + 1 if drain_s else 0.0)
        self.tick()
        stay = weights_said(self.router.weights)
        text = f"run {self.setup.run_id} ended; weights stay: {stay}"
        self.log(EventKind.STOPPED, self.setup.actor, text, reason=why)
        self._state = TrafficState.STOPPED
        await self._client.close()
        await self._judges.close()
        await self._managers.close()
        self._workload.sources.close()
        return self._assigned - self._ended
