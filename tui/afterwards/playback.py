"""Playback of a recording: figures, weights, events and verdicts as they stood at any moment of the run."""

from __future__ import annotations

from collections import deque
from itertools import chain
from math import floor, inf

from tui.afterwards.recording import Recording, RunEvaluator, tell
from tui.engine.versions import Versions
from tui.measure.windows import Measures
from tui.model import (
    ANSWERED,
    DEFAULT_TASK,
    ERRORS,
    THROTTLED,
    Ability,
    Assignment,
    DeploymentView,
    Event,
    EventKind,
    GuardView,
    Outcome,
    Pair,
    RecordView,
    SenderView,
    Snapshot,
    TrafficState,
    able_again,
)

_EVENTS_SHOWN = 1000


class Playback:
    """Goes forward only: to go back, play from the start. To be used from one thread at a time.

    Raises ValueError when a task of the recording has the name that stands for all tasks.
    """

    def __init__(self, recording: Recording, evaluator: RunEvaluator | None = None) -> None:
        self.recording = recording
        self.at_s = 0.0
        self._evaluator = evaluator
        self._coming = recording.happenings()
        self._next = next(self._coming, None)
        self._measures = Measures(tuple(recording.rollout.deployments), tuple(recording.rollout.weights))
        self._versions = Versions(self._measures)
        for name in recording.rollout.deployments:
            self._versions.add(name)
        self._events: deque[Event] = deque(maxlen=_EVENTS_SHOWN)
        self._weights = recording.weights(0.0)
        self._since_change: dict[str, dict[str, int]] = {}
        self._in_flight = dict.fromkeys(recording.rollout.deployments, 0)
        self._answered_s: dict[str, float] = {}
        self._failed: dict[str, tuple[str, float]] = {}
        self._sent = 0
        self._spent_usd = 0.0
        self._estimated_usd = 0.0
        self._state = TrafficState.STARTING
        self._guard_said = ""
        self._baseline = Ability()

    def advance(self, to_s: float, most: float = inf) -> bool:
        """Take in what happened up to ``to_s``, but no more than ``most`` happenings: then ``at_s`` is when the
        last of them was. Returns whether ``to_s`` is reached. Raises UnreadableRecord.
        """
        taken = 0
        while self._next is not None and self._next[0] <= to_s:
            if taken >= most:
                return False
            now_s, happening = self._next
            self._close_seconds(now_s)
            if isinstance(happening, Event):
                self._event(happening)
            elif isinstance(happening, Assignment):
                self._assigned(happening, now_s)
            elif isinstance(happening, Outcome):
                self._ended(happening, now_s)
            else:
                self._tell(happening, now_s)
            self.at_s = max(self.at_s, now_s)
            taken += 1
            self._next = next(self._coming, None)
        self.at_s = max(self.at_s, min(to_s, self.recording.duration_s))
        self._close_seconds(self.at_s)
        return True

    def close(self) -> None:
        """Let go of the file."""
        self._next = None
        self._coming = chain()

    def snapshot(self) -> Snapshot:
        """What a screen would have shown; ``at`` is the instant of the run."""
        recording, rollout = self.recording, self.recording.rollout
        figures = self._measures.figures(self.at_s)
        ended = self._next is None and self.at_s >= recording.duration_s
        return Snapshot(
            at=recording.instant(self.at_s),
            at_s=self.at_s,
            run_id=recording.head.run_id,
            rollout=rollout.name,
            environment="recording",
            state=TrafficState.STOPPED if ended else self._state,
            baseline=rollout.baseline,
            weights=self._weights,
            deployments={
                name: DeploymentView(
                    deployment=deployment,
                    role="baseline" if name == rollout.baseline else "canary",
                    figures=figures[name],
                    in_flight=self._in_flight[name],
                    last_answer_s=self._answered_s.get(name),
                    served=self._versions.served(name),
                    changed=self._versions.last_change(name),
                    last_error=self._failed[name][0] if name in self._failed else None,
                    last_error_s=self._failed[name][1] if name in self._failed else None,
                    ability=self._baseline if name == rollout.baseline else Ability(),
                )
                for name, deployment in rollout.deployments.items()
            },
            assigned={task: dict(counts) for task, counts in self._since_change.items()},
            history=self._measures.history(),
            task_history=self._measures.task_history(),
            events=tuple(self._events),
            sender=SenderView(in_flight=sum(self._in_flight.values()), sent=self._sent),
            record=RecordView(str(recording.path)),
            spent_usd=self._spent_usd,
            spent_estimated_usd=self._estimated_usd,
            verdicts=self._evaluator.verdicts(self.at_s) if self._evaluator is not None else {},
            alpha_pct=rollout.criteria.alpha_pct,
            guard=GuardView(said=self._guard_said),
            requests_per_day=rollout.requests_per_day,
        )

    def _tell(self, happening: Assignment | Outcome | Pair, now_s: float) -> None:
        if self._evaluator is not None:
            tell(self._evaluator, happening, now_s)

    def _close_seconds(self, now_s: float) -> None:
        # Before the weights of a later second are in force: the history keeps those of its own.
        self._measures.tick(floor(now_s), self._weights)

    def _event(self, event: Event) -> None:
        self._events.append(event)
        if event.after is not None:
            self._weights, self._since_change = event.after, {}
        if event.kind is EventKind.PAUSED:
            self._state = TrafficState.PAUSED
        elif event.kind is EventKind.BUDGET_SPENT:
            self._state = TrafficState.BUDGET_SPENT
        elif event.kind in (EventKind.STARTED, EventKind.CONTINUED):
            self._state = TrafficState.RUNNING
        elif event.kind in (EventKind.GUARD, EventKind.NOT_ROLLED_BACK):
            self._guard_said = event.text
        self._baseline_was(event)

    def _baseline_was(self, event: Event) -> None:
        """Whether the baseline was able to serve, as the run itself noticed it."""
        name = self.recording.rollout.baseline
        if event.kind is EventKind.BASELINE_DEAD:
            self._baseline = Ability("unable", event.text.removeprefix(f"{name} "), event.at_s)
        elif event.kind is EventKind.REACHABLE and event.text == able_again(name):
            self._baseline = Ability()

    def _assigned(self, assignment: Assignment, now_s: float) -> None:
        self._sent += 1
        self._in_flight[assignment.deployment] += 1
        task = assignment.task if assignment.task in self._weights else DEFAULT_TASK
        counts = self._since_change.setdefault(task, {})
        counts[assignment.deployment] = counts.get(assignment.deployment, 0) + 1
        self._measures.assigned(assignment.task, assignment.deployment, now_s)
        self._tell(assignment, now_s)

    def _ended(self, outcome: Outcome, now_s: float) -> None:
        name = outcome.deployment
        self._in_flight[name] = max(0, self._in_flight[name] - 1)
        outcome, change = self._versions.ended(outcome, self.recording.instant(now_s), now_s)
        if change is not None:
            self._measures.restart(name, now_s)
            if self._evaluator is not None:
                self._evaluator.version_changed(name)
        self._measures.add(outcome, now_s)
        self._tell(outcome, now_s)
        if outcome.kind in ANSWERED:
            self._answered_s[name] = now_s
        elif outcome.kind in ERRORS | THROTTLED:
            self._failed[name] = (outcome.error or outcome.kind.value, now_s)
        if outcome.cost_usd is not None:
            self._spent_usd += outcome.cost_usd
            if outcome.cost_estimated:
                self._estimated_usd += outcome.cost_usd
