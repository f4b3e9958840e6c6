"""Session of a run: its parts, built leaves first, and the walk of each request through them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from tui.engine.accounts import Managers
from tui.engine.automation import Automation, EvidencePolicy, evaluators_of
from tui.engine.control_plane import RunControlPlane
from tui.engine.deployments import Deployments
from tui.engine.events import EventLog, SelfMonitor
from tui.engine.keeper import Keeper
from tui.engine.readiness import Readiness
from tui.engine.setup import Setup
from tui.engine.versions import said
from tui.lifecycle.table import load_lifecycle
from tui.measure.windows import Measures
from tui.model import (
    ENGINE,
    Assignment,
    Context,
    EventKind,
    Outcome,
    Pair,
    Request,
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
from tui.shadow.judge_queue import JUDGE_TIMEOUT_S, judge_queue
from tui.shadow.known import KnownItems
from tui.shadow.sampler import SecondAnswers, ShadowSampler
from tui.shadow.samples import Scores
from tui.traffic.control import TrafficControl, Workload
from tui.traffic.sender import Sender
from tui.traffic.trace_rows import TraceError

_WARM_CONNECTIONS = 32


class Session:
    """Everything that lives on the engine's loop. Not thread-safe: the engine schedules calls onto the loop."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._started_s = setup.clock()
        self._assigned = self._ended = 0
        rollout, weights, past = setup.whole_rollout, setup.first_weights, setup.previous
        # Leaves first: whatever a part is handed exists already.
        self.log = EventLog(clock=self.clock, now=setup.now)
        context = Context(self.clock, setup.now, self.log, setup.sleep, setup.seed)
        self._monitor = SelfMonitor(self.log)
        self._since_change = SinceChange()
        self.router = Router(weights, context)
        self.traffic = TrafficControl(Budget(rollout.traffic.budget_usd), context)
        self._measures = Measures(tuple(rollout.deployments), tuple(rollout.weights))
        self._managers = Managers(rollout, setup.env, sleep=setup.sleep)
        by_name = dict(rollout.deployments)
        lifecycle = load_lifecycle()
        self.control_plane = RunControlPlane(self._managers.by_endpoint, by_name, lifecycle, context)
        self.deployments = Deployments(rollout, by_name, self.control_plane, self._measures, context)
        self._client = ServiceClient(
            rollout.endpoints,
            by_name,
            env=setup.env,
            clock=self.clock,
            timeout_s=rollout.traffic.timeout_s,
            stream=rollout.traffic.stream,
            max_in_flight=rollout.traffic.max_in_flight,
            keep_text=rollout.keep_text,
        )
        paying = PayingClient(self._client, self.traffic.budget, by_name, self.traffic.watch_budget)
        self._readiness = Readiness(paying, self.deployments.health, self.traffic, context)
        state, offset_s = past.automation if past else None, setup.offset_s
        evaluators, refused = evaluators_of(rollout, setup.calibrated, state, offset_s)
        self.controller = Controller(
            self.router,
            EvidencePolicy(self.deployments, evaluators, context),
            context,
            baseline=rollout.baseline,
            past=past.events if past else (),
        )
        self.automation = Automation(rollout, evaluators, self.controller, self._readiness, context)
        if past is not None:
            self.deployments.resume(past.changes)
            refused += self.automation.restore(state or {}, offset_s)
        for text in refused:
            self.log(EventKind.REFUSED, ENGINE, f"not taken up from the run before, {text}")
        self.keeper = Keeper(setup, self.router, self.automation, self.deployments)
        second = SecondAnswers(paying, self.router, self.deployments, setup.record, context)
        scores = Scores(self._compared, context, by_people=rollout.quality.judge is None)
        judge = judge_queue(rollout, scores, setup.env, context)
        self.sampler = ShadowSampler(rollout, second, scores, judge, context)
        self._known_items = KnownItems(rollout, self.sampler, self.traffic, context)
        self._workload = Workload(rollout, context)
        max_in_flight = rollout.traffic.max_in_flight
        self._sender = Sender(
            self._workload, self, self.traffic.gate, clock=self.clock, max_in_flight=max_in_flight
        )
        self.log.listen(self.automation.heard)
        self.log.listen(self.keeper.heard)

    def clock(self) -> float:
        """Seconds since the run started."""
        return self.setup.clock() - self._started_s

    # --- its beginning ---

    def say_start(self) -> None:
        """Log what the run begins with, before anybody can change it."""
        setup, weights = self.setup, self.router.weights
        self.log(EventKind.STARTED, setup.actor, f"run {setup.run_id} of {setup.rollout.name}", after=weights)
        if setup.previous is not None or setup.weights is not None:
            text = setup.begins or "taken up where the last run was left"
            self.log(EventKind.RESUMED, setup.actor, text, before=setup.rollout.weights, after=weights)
        elif setup.begins:
            self.log(EventKind.REFUSED, setup.actor, setup.begins)
        self.automation.hold_idle(setup.held)
        for lost in setup.previous.lost if setup.previous is not None else ():
            self.log(EventKind.REFUSED, ENGINE, f"not taken up from the run before, {lost}")
        if others := setup.other_runs():
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
        """From now on this is the last run of its file: before the first request, if every endpoint answers."""
        if self.setup.kept is not None and all(probe.verdict == "ok" for probe in probes):
            await self.keeper.begin()

    # --- the walk of a request ---

    async def send(self) -> None:
        """Send until the arrivals or the sources end, then wait for what is under way."""
        self.traffic.begin()
        why = "no more requests: the trace or every source has ended"
        try:
            await self._sender.run()
        except TraceError as error:
            why = f"no more requests: {error}"
        await self._sender.drain(self.setup.rollout.traffic.timeout_s + 1)
        self.traffic.end(why)

    def assign(self, request: Request, *, saturated: bool) -> Assignment | None:
        """Draw the deployment of a request that is due; None where it may not be sent there now."""
        assignment = self.router.assign(
            request.id, request.task, prompt_chars=request.prompt_chars, saturated=saturated
        )
        if self.traffic.budget.full:
            # Started in one burst with the request that took what was left: nobody's draw counts any more.
            return None
        # Drawn as it was asked for, also where it is held back: who its neighbours are is decided by the draw.
        self.automation.assigned(assignment)
        if not self.deployments.health[assignment.deployment].admit(assignment):
            outcome = held_back(assignment)
            self.keeper.outcome(outcome)
            self.automation.ended(outcome)
            return None
        self._assigned += 1
        self._since_change.add(assignment, self.router.weights)
        self._measures.assigned(assignment.task, assignment.deployment, assignment.at_s)
        return assignment

    async def complete(self, request: Request, assignment: Assignment, due_s: float) -> Outcome:
        """Make the call; the shadow sampler asks the other version too where it draws the request."""
        return await self.sampler.complete(request, assignment, due_s, saturated=assignment.saturated)

    def ended(self, outcome: Outcome) -> None:
        """Hand an outcome to everything that counts, keeps or weighs it."""
        self._ended += 1
        outcome, change = self.deployments.ended(outcome)
        if change is not None:
            self._version_changed(outcome.deployment, change)
        self._measures.add(outcome, self.clock())
        self.keeper.outcome(outcome)
        for kind, text in self.deployments.news(outcome):
            self.log(kind, ENGINE, text)
        self.automation.ended(outcome)

    def _compared(self, pair: Pair) -> None:
        self.keeper.pair(pair)
        self.automation.compared(pair)

    def _version_changed(self, deployment: str, change: VersionChange) -> None:
        """Nothing of the version before is pooled with the one that answers now."""
        self._measures.restart(deployment, self.clock())
        text = said(deployment, change)
        self.log(EventKind.VERSION_CHANGED, ENGINE, text)
        self.sampler.scores.version_changed(deployment)
        self.automation.version_changed(deployment, text)

    async def work(self) -> None:
        """Ask what has a known answer, and have pairs judged, until cancelled."""
        await asyncio.gather(self._known_items.work(), self.sampler.work())

    # --- what is seen ---

    def tick(self) -> None:
        """Close the seconds that have ended, and say it when we can no longer keep the schedule."""
        for _ in self.ticking():
            pass

    def ticking(self) -> Iterator[None]:
        """The same in parts of some milliseconds: what is due meanwhile is sent between them."""
        self._monitor.sender(self._sender.view())
        if self.traffic.runs:
            baseline = self.setup.rollout.baseline
            self._monitor.baseline(baseline, self._readiness.ability(baseline))
        if self.traffic.state is not TrafficState.STARTING:
            self.automation.tick()
            yield
            self.sampler.store.publish()
            for text in self.deployments.compared():
                self.log(EventKind.VERSION_COMPARED, ENGINE, text)
            self.keeper.state()
            yield
            self.keeper.seconds(self._measures.tick(self.clock(), self.router.weights))
            self._monitor.record(self.keeper.view())
            if self.setup.kept is not None:
                self._monitor.kept(self.setup.kept.error)

    def snapshot(self) -> Snapshot:
        rollout, now_s = self.setup.rollout, self.clock()
        figures = self._measures.figures(now_s)
        budget = self.traffic.budget
        return Snapshot(
            at=self.setup.now(),
            at_s=now_s,
            run_id=self.setup.run_id,
            rollout=rollout.name,
            environment=rollout.environment,
            state=self.traffic.state,
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
            record=self.keeper.view(),
            spent_usd=budget.usd,
            spent_estimated_usd=budget.estimated_usd,
            reserved_usd=budget.reserved_usd,
            budget_usd=budget.budget_usd,
            verdicts=self.automation.verdicts(),
            alpha_pct=rollout.criteria.alpha_pct,
            guard=self.automation.guard(),
            plans=self.automation.plans(),
            quality=self._known_items.view(self.sampler.view()),
            requests_per_day=rollout.requests_per_day,
            accounts=self.control_plane.views(),
            can_undo=self.controller.can_undo,
            also_running=self.setup.other_runs(),
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
        self.traffic.stop()
        ends_s = self.clock() + drain_s
        await self._sender.drain(drain_s)
        await self._readiness.cut()
        await self.sampler.drain(max(ends_s - self.clock(), 0.0), JUDGE_TIMEOUT_S + 1 if drain_s else 0.0)
        self.tick()
        stay = weights_said(self.router.weights)
        text = f"run {self.setup.run_id} ended; weights stay: {stay}"
        self.log(EventKind.STOPPED, self.setup.actor, text, reason=why)
        self.traffic.state = TrafficState.STOPPED
        await self._client.close()
        await self.sampler.close()
        await self._managers.close()
        self._workload.sources.close()
        return self._assigned - self._ended
