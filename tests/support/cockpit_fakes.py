"""An engine in memory: the real router and controller behind the cockpit's surface, with made-up figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from tests.support.contexts import RaiseAny, context_of
from tui.model import (
    ALL_TASKS,
    DEFAULT_TASK,
    WINDOWS_S,
    Deployment,
    DeploymentSpec,
    DeploymentView,
    Event,
    EventKind,
    Figures,
    HumanScore,
    OutcomeKind,
    PlanState,
    Price,
    Quantiles,
    Quota,
    RecordView,
    Sample,
    Second,
    SecondFigures,
    SenderView,
    Snapshot,
    SourceView,
    TrafficState,
)
from tui.model.commands import (
    AddToRollout,
    ApplyWeights,
    Command,
    ContinueTraffic,
    CreateDeployment,
    HoldPlan,
    Mark,
    Nudge,
    PauseTraffic,
    Promote,
    RemoveDeployment,
    ResumePlan,
    RetryStep,
    RollBack,
    SaveProfile,
    Score,
    Shift,
    SkipStep,
    ToggleGuard,
    Undo,
    Unscore,
)
from tui.routing.controller import CommandRefused, Controller
from tui.routing.router import Router
from tui.weight_profiles import BrokenProfile, WeightProfile

BASELINE, CANARY = "gpt4o-prod-v1120", "gpt4o-prod-v0513"
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
PRICE = Price(2.5, 10.0, 1.25, "bundled table", START.date())


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_s = 400.0

    def __call__(self) -> float:
        return self.now_s

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds


def figures(requests: int = 1000, p95: float = 402.0, **changes: Any) -> Figures:
    """Figures of one window; every field may be replaced."""
    answered = round(requests * 0.98)
    base = Figures(
        span_s=300.0,
        requests=requests,
        assigned=requests,
        kinds={OutcomeKind.OK: answered, OutcomeKind.SERVER_ERROR: requests - answered} if requests else {},
        latency_ms=Quantiles(p95 / 2, p95, p95 * 1.7, answered) if answered else None,
        ttft_ms=Quantiles(p95 / 4, p95 / 3, p95 / 2, answered) if answered else None,
        answer_ttft_ms=Quantiles(p95 / 4, p95 / 3, p95 / 2, answered) if answered else None,
        ms_per_output_token=Quantiles(8.0, 12.0, 20.0, answered) if answered else None,
        answers_with_usage=answered,
        prompt_tokens=answered * 250,
        cached_tokens=answered * 20,
        completion_tokens=answered * 70,
        priced=answered,
        cost_usd=answered * 0.000191 if answered else None,
        prompt_blocked=requests // 250,
        completion_blocked=requests // 500,
        annotated=requests // 100,
        filter_categories={"completion:hate": requests // 500} if requests >= 500 else {},
        served_models={"gpt-4o-2024-11-20": answered} if answered else {},
    )
    return replace(base, **changes)


def windows(per_window: Figures, task: str = DEFAULT_TASK) -> dict[str, dict[str, Figures]]:
    """The same figures in every window, for one task and for all."""
    return {window: {task: per_window, ALL_TASKS: per_window} for window in WINDOWS_S}


def history(
    seconds: int, weights: Callable[[int], float] = lambda _: 10.0, end_s: float = 400.0
) -> tuple[Second, ...]:
    """A smooth past; the canary's P95 rises in the last third."""

    def figure(i: int, factor: float, weight: float) -> SecondFigures:
        wave = 1 + 0.08 * math.sin(i / 7) + 0.04 * math.sin(i * factor)
        p95 = 400 * factor * wave
        return SecondFigures(
            requests=round(weight * 8),
            p50_ms=p95 / 2,
            p95_ms=p95,
            p99_ms=p95 * 1.6,
            cost_per_1k_usd=0.19 * factor * wave,
            filter_pct=0.4 * factor * wave,
            error_pct=0.1 * factor,
            weight_pct=weight,
            share_pct=weight,
        )

    past = []
    for i in range(seconds):
        weight = weights(i)
        rising = 1.0 + max(0.0, (i / seconds - 0.66) * 2)
        past.append(
            Second(
                end_s - seconds + 1 + i,
                {BASELINE: figure(i, 1.0, 100 - weight), CANARY: figure(i, rising, weight)},
            )
        )
    return tuple(past)


def made_snapshot(**changes: Any) -> Snapshot:
    """Two deployments under steady traffic; every field may be replaced."""
    deployments = {
        BASELINE: DeploymentView(
            Deployment(BASELINE, "main", "gpt-4o", "2024-11-20", PRICE),
            "baseline",
            windows(figures(9000, assigned_share_pct=90.0)),
            in_flight=12,
            quota=Quota(900, 149_000, 1000, 150_000),
            last_answer_s=399.9,
        ),
        CANARY: DeploymentView(
            Deployment(CANARY, "main", "gpt-4o", "2025-05-13", PRICE),
            "canary",
            windows(figures(1000, 655.0, assigned_share_pct=10.0)),
            in_flight=2,
            last_answer_s=399.8,
        ),
    }
    base = Snapshot(
        at=START + timedelta(seconds=400),
        at_s=400.0,
        run_id="run-1",
        rollout="summarise",
        environment="production",
        state=TrafficState.RUNNING,
        baseline=BASELINE,
        weights={DEFAULT_TASK: {BASELINE: 90.0, CANARY: 10.0}},
        deployments=deployments,
        history=history(300),
        sender=SenderView(in_flight=14, max_in_flight=200, sent=10_014, late_p99_ms=1.2, offered_rps=33.0),
        sources=(SourceView("email.jsonl", "sampled", "OpenAI batch", 10_014, 3, "line 17: not JSON"),),
        record=RecordView(path="runs/run-1.sqlite"),
        spent_usd=1.91,
        budget_usd=5.0,
    )
    return replace(base, **changes)


def event(id: int, kind: EventKind, text: str, at_s: float, **changes: Any) -> Event:
    """An event of the user at ``at_s`` seconds of the run."""
    base = Event(id, START + timedelta(seconds=at_s), at_s, "user", kind, text)
    return replace(base, **changes)


_CALLED: dict[type[Command], str] = {
    RollBack: "roll_back",
    Shift: "shift",
    Nudge: "nudge",
    Promote: "promote",
    Undo: "undo",
    ApplyWeights: "apply_weights",
    SaveProfile: "save_profile",
    PauseTraffic: "pause",
    ContinueTraffic: "continue",
    Mark: "mark",
    ToggleGuard: "toggle_guard",
    HoldPlan: "hold_plan",
    ResumePlan: "resume_plan",
    SkipStep: "skip_step",
    RetryStep: "retry_step",
    CreateDeployment: "create",
    AddToRollout: "add",
    RemoveDeployment: "remove",
}
"""What ``FakeControls.calls`` names them."""


class FakeControls:
    """Satisfies ``Controls``: commands act at once, their futures are done when they return.

    ``why_not_raise`` is the reason for which raising a canary is refused, empty for none; ``why_not_score``
    that for which a score is. ``sampled`` are the samples, ``note`` says why there are none.
    """

    def __init__(self, snapshot: Snapshot | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.current = snapshot or made_snapshot()
        self.calls: list[str] = []
        self.saved: list[WeightProfile | BrokenProfile] = []
        self.why_not_raise = ""
        self.wished: list[tuple[str, DeploymentSpec]] = []
        self.sampled: tuple[Sample, ...] = ()
        self.note = ""
        self.why_not_score = ""
        self._callbacks: list[Callable[[Snapshot], None]] = []
        context = context_of(self._log, self.clock)
        self._router = Router(self.current.weights, context)
        policy = RaiseAny(lambda _: self.why_not_raise or None)
        self._controller = Controller(self._router, policy, context, baseline=self.current.baseline)

    def snapshot(self) -> Snapshot:
        return self.current

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        self._callbacks.append(callback)

    def publish(self, **changes: Any) -> None:
        """A new snapshot, as the engine gives one every second."""
        self.current = replace(self.current, **changes)
        for callback in self._callbacks:
            callback(self.current)

    @property
    def canary_pct(self) -> float:
        return next(iter(self.current.weights.values()))[CANARY]

    def send(self, command: Command, *, actor: str) -> Future[Event]:
        hand, name = self._controller, _CALLED.get(type(command), "")
        match command:
            case RollBack(reason, task):
                return self._do(name, lambda: hand.roll_back(actor, reason, task))
            case Shift(deployment, pct, reason, task, force):
                return self._do(name, lambda: hand.shift(deployment, pct, actor, reason, task, force))
            case Nudge(deployment, points, task):
                return self._do(name, lambda: hand.nudge(deployment, points, actor, task))
            case Promote(deployment, task):
                return self._do(name, lambda: hand.promote(deployment, actor, task))
            case Undo():
                return self._do(name, lambda: hand.undo(actor))
            case ApplyWeights(weights, _, reason):
                return self._do(name, lambda: hand.apply(weights, actor, reason))
            case SaveProfile():
                return self._do(name, lambda: self._save(command, actor))
            case PauseTraffic():
                return self._do(name, lambda: self._traffic(TrafficState.PAUSED, EventKind.PAUSED, actor))
            case ContinueTraffic():
                return self._do(name, lambda: self._traffic(TrafficState.RUNNING, EventKind.CONTINUED, actor))
            case Mark(text):
                return self._do(name, lambda: self._log(EventKind.MARKED, actor, text))
            case ToggleGuard():
                return self._do(name, lambda: self._toggle_guard(actor))
            case HoldPlan():
                return self._do(name, lambda: self._plan(actor, PlanState.HELD, (PlanState.CLIMBING,)))
            case ResumePlan():
                return self._do(name, lambda: self._resume(actor))
            case SkipStep():
                skipped = (PlanState.CLIMBING, PlanState.HELD, PlanState.GATE)
                return self._do(name, lambda: self._plan(actor, PlanState.CLIMBING, skipped, steps=1))
            case RetryStep():
                retried = (PlanState.STOPPED, PlanState.HELD)
                return self._do(name, lambda: self._plan(actor, PlanState.CLIMBING, retried, again=True))
            case CreateDeployment(endpoint, spec):
                self.wished.append((endpoint, spec))
                return self._do(name, lambda: self._log(EventKind.CREATED, actor, spec.name))
            case AddToRollout(endpoint, deployment):
                return self._do(name, lambda: self._log(EventKind.ADDED, actor, f"{endpoint}/{deployment}"))
            case RemoveDeployment(endpoint, deployment):
                return self._do(name, lambda: self._log(EventKind.REMOVED, actor, f"{endpoint}/{deployment}"))
            case Score(sample, deployment, value, note, blind):
                score = HumanScore(value, actor, self.current.at, note, blind)
                called = f"score {sample} {deployment} {value}"
                return self._do(called, lambda: self._score(sample, deployment, score))
            case Unscore(sample, deployment):
                called = f"unscore {sample} {deployment}"
                return self._do(called, lambda: self._score(sample, deployment, None))
        raise AssertionError(command)

    def profiles(self) -> Future[tuple[WeightProfile | BrokenProfile, ...]]:
        future: Future[tuple[WeightProfile | BrokenProfile, ...]] = Future()
        future.set_result(tuple(self.saved))
        return future

    def samples(self) -> tuple[Sample, ...]:
        return self.sampled

    def samples_note(self) -> str:
        return self.note

    def _save(self, command: SaveProfile, actor: str) -> Event:
        name = command.name
        if any(isinstance(p, WeightProfile) and p.name == name for p in self.saved) and not command.replace:
            raise CommandRefused(f"{name} exists")
        self.saved = [p for p in self.saved if not (isinstance(p, WeightProfile) and p.name == name)]
        weights, now = self._router.weights, self.current.at
        self.saved.append(WeightProfile(name, self.current.rollout, weights, now, actor, command.note))
        return self._log(EventKind.PROFILE_SAVED, actor, name)

    def _toggle_guard(self, actor: str) -> Event:
        mode: Literal["off", "armed"] = "off" if self.current.guard.mode == "armed" else "armed"
        self.current = replace(self.current, guard=replace(self.current.guard, mode=mode))
        return self._log(EventKind.GUARD, actor, f"guard {mode}")

    def _resume(self, actor: str) -> Event:
        plan = self.current.plan
        if plan is not None and plan.state is PlanState.GATE:
            return self._plan(actor, PlanState.CLIMBING, (PlanState.GATE,), steps=1)
        return self._plan(actor, PlanState.CLIMBING, (PlanState.HELD,))

    def _score(self, sample: int, deployment: str, score: HumanScore | None) -> Event:
        if self.why_not_score or all(s.id != sample for s in self.sampled):
            raise CommandRefused(self.why_not_score or f"sample {sample} is no longer kept")

        def scored(one: Sample) -> Sample:
            others = {name: value for name, value in one.human.items() if name != deployment}
            return replace(one, human=others if score is None else {**others, deployment: score})

        self.sampled = tuple(scored(s) if s.id == sample else s for s in self.sampled)
        return self._log(EventKind.MARKED, "user" if score is None else score.by, f"scored {sample}")

    def _plan(
        self, actor: str, state: PlanState, legal: tuple[PlanState, ...], *, steps: int = 0, again: bool = False
    ) -> Event:
        """The plan into ``state``, ``steps`` rungs up; refused from any state but the legal ones."""
        plan = self.current.plan
        if plan is None or plan.state not in legal:
            raise CommandRefused(f"the plan is {plan.state.value if plan else 'not there'}")
        index = plan.index + steps
        if index >= len(plan.steps):
            raise CommandRefused("the plan is on its last step")
        if steps or again:
            self._controller.shift(plan.canary, plan.steps[index].weight_pct, actor)
            plan = replace(plan, index=index, in_step_s=0.0, step_requests=0)
        self.current = replace(self.current, plans=(replace(plan, state=state),))
        return self._log(EventKind.PLAN, actor, f"plan {state.value} at step {index + 1}")

    def _traffic(self, state: TrafficState, kind: EventKind, actor: str) -> Event:
        self.current = replace(self.current, state=state)
        return self._log(kind, actor, state.value)

    def _log(self, kind: EventKind, actor: str, text: str, **extra: Any) -> Event:
        made = event(len(self.current.events) + 1, kind, text, self.clock(), actor=actor, **extra)
        self.current = replace(self.current, events=(*self.current.events, made))
        return made

    def _do(self, name: str, act: Callable[[], Event]) -> Future[Event]:
        self.calls.append(name)
        future: Future[Event] = Future()
        try:
            future.set_result(act())
        except CommandRefused as error:
            future.set_exception(error)
        self.publish(weights=MappingProxyType(dict(self._router.weights)), can_undo=self._controller.can_undo)
        return future
