"""Replay of a recorded run through the evaluator and the guard, as fast as it can be read, without a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tui.afterwards.recording import Recording, RunEvaluator, tell
from tui.base.text import plain
from tui.engine.versions import Serving
from tui.evaluation.guard import Guard
from tui.model import Assignment, Event, EventKind, Outcome, Pair, Verdict


@dataclass(frozen=True, slots=True)
class Call:
    """The moment at which a criterion of a canary came to a verdict."""

    at: datetime
    at_s: float
    canary: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class WouldRollBack:
    """The first moment at which the guard would have acted on a canary, and on which evidence."""

    at: datetime
    at_s: float
    canary: str
    why: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What the settings make of the run. ``verdicts`` are those at its end."""

    run_id: str
    requests: int
    calls: tuple[Call, ...]
    actions: tuple[WouldRollBack, ...]
    verdicts: Mapping[str, tuple[Verdict, ...]]
    rolled_back: tuple[Event, ...]
    """What was really rolled back in the run."""
    damage: str = ""
    """What was left out of the record, in words."""


def replay(recording: Recording, evaluator: RunEvaluator, guard: Guard) -> ReplayResult:
    """Evaluate every recorded outcome anew. Traffic stays what it was: what the guard would have done to a
    canary is said once, and what followed in the run is evaluated all the same.

    ``guard`` must be armed or in ``dry_run`` to say anything. Raises UnreadableRecord.
    """
    rollout = recording.rollout
    calls: list[Call] = []
    actions: dict[str, WouldRollBack] = {}
    requests, now_s = 0, 0.0
    serving = {name: Serving(name) for name in rollout.deployments}
    for now_s, happening in recording.happenings():
        if isinstance(happening, Event):
            continue
        if isinstance(happening, Outcome):
            requests += 1
            happening, before = serving[happening.deployment].sorted_out(happening, now_s)
            if before is not None:
                evaluator.version_changed(happening.deployment)
        tell(evaluator, happening, now_s)
        if isinstance(happening, Assignment):
            continue
        canary = happening.canary if isinstance(happening, Pair) else happening.deployment
        at, changes = recording.instant(now_s), evaluator.changes()
        calls += [Call(at, now_s, name, verdict) for name, verdict in changes]
        asked = {name for name, _ in changes}
        if canary != rollout.baseline and evaluator.tripwire(canary):
            asked.add(canary)
        for name in sorted(asked - set(actions)):
            tables = recording.weights(now_s).values()
            action = guard.decide(
                name,
                evaluator.worse(name, now_s),
                weight_pct=max((shares.get(name, 0.0) for shares in tables), default=0.0),
                # Asked of what has just changed the evidence: it cannot be stale.
                fresh=True,
                tripwire=evaluator.tripwire(name),
            )
            if action is not None:
                actions[name] = WouldRollBack(at, now_s, name, action.reason)
    return ReplayResult(
        run_id=recording.head.run_id,
        requests=requests,
        calls=tuple(calls),
        actions=tuple(actions.values()),
        verdicts=evaluator.verdicts(now_s),
        rolled_back=tuple(e for e in recording.events if e.kind is EventKind.ROLLED_BACK),
        damage=recording.damage,
    )


def replay_text(result: ReplayResult) -> str:
    """The result in plain text, one fact a line."""
    lines = [f"run {plain(result.run_id, 80)}: {result.requests} requests judged again"]
    if result.damage:
        lines.append(f"the record is damaged: {result.damage}")
    lines += [
        f"{call.at:%H:%M:%S}Z  {plain(call.canary, 64)}  {plain(call.verdict.label, 60)}:"
        f" {call.verdict.state.value.replace('_', ' ').upper()}{_evidence(call.verdict)}"
        for call in result.calls
    ]
    lines += [
        f"with these settings the guard would have rolled back at {action.at:%H:%M:%S}Z:"
        f" {plain(action.canary, 64)}: {plain(action.why, 400)}"
        for action in result.actions
    ]
    if not result.actions:
        lines.append("with these settings the guard would not have rolled back")
    lines += [
        f"in the run {plain(event.actor, 40)} rolled back at {event.at:%H:%M:%S}Z"
        for event in result.rolled_back
    ]
    return "\n".join(lines)


def _evidence(verdict: Verdict) -> str:
    if verdict.baseline_value is None or verdict.canary_value is None:
        return ""
    return (
        f" ({verdict.canary_value:.4g} against {verdict.baseline_value:.4g} {plain(verdict.unit, 20)},"
        f" {verdict.canary_requests} canary requests)"
    ).replace(" ,", ",")
