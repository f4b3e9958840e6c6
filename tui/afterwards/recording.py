"""Recording of a run: what happened, in order of time, as the rooms saw it when it did, and what evaluates it
afterwards."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from math import isfinite
from pathlib import Path
from typing import Protocol, TypeVar

from tui.evaluation.calibration import limits_from
from tui.evaluation.canary_tests import Listener
from tui.model import DEFAULT_TASK, Assignment, Event, Outcome, Pair, Second, Verdict, WeightTable, held_back
from tui.record.reader import (
    RunInfo,
    UnreadableRecord,
    count_outside,
    last_moment_s,
    list_runs,
    read_assignments,
    read_events,
    read_head,
    read_held_back,
    read_outcomes,
    read_pairs,
    read_run,
    read_seconds,
)
from tui.record.schema import RunHead
from tui.rollout import Criteria, Rollout, RolloutError, recorded_rollout

Happening = Event | Assignment | Outcome | Pair

_Drawn = TypeVar("_Drawn", Assignment, Outcome)

_NOTHING: Mapping[str, float] = {}
_SAME_PCT = 1e-9


@dataclass(frozen=True, slots=True)
class Recording:
    """A run that can be looked at again. Outcomes are read from the file each time and never all held.
    ``outside`` counts moments that no run can have had; what has one is left out."""

    path: Path
    head: RunHead
    rollout: Rollout
    ended_at: datetime | None
    events: tuple[Event, ...]
    duration_s: float
    outside: int
    _changes_s: tuple[float, ...]
    _tables: tuple[WeightTable, ...]

    @classmethod
    def open(cls, path: Path) -> Recording:
        """Raises:
        UnreadableRecord: The file is no run record, or does not hold a rollout that can be read.
        """
        head, run = read_head(path), read_run(path)
        try:
            rollout = recorded_rollout(head.rollout_text, path)
        except RolloutError as error:
            raise UnreadableRecord(
                f"{path}: the rollout file that it keeps has mistakes; move it elsewhere\n{error}"
            ) from error
        events = tuple(e for e in read_events(path) if e.at_s is not None and isfinite(e.at_s))
        changes = [(e.at_s, e.after) for e in events if e.after is not None]
        return cls(
            path=path,
            head=head,
            rollout=rollout,
            ended_at=run.ended_at,
            events=events,
            duration_s=last_moment_s(path),
            outside=count_outside(path),
            _changes_s=tuple(at_s for at_s, _ in changes),
            _tables=tuple(table for _, table in changes),
        )

    @property
    def damage(self) -> str:
        """What was left out of it, in words; empty where it is whole."""
        if not self.outside:
            return ""
        lies = "moment lies" if self.outside == 1 else "moments lie"
        return f"{self.outside} {lies} outside of any run: such rows are left out"

    @property
    def canaries(self) -> tuple[str, ...]:
        """Every deployment but the baseline, in the order of the rollout file."""
        return tuple(name for name in self.rollout.deployments if name != self.rollout.baseline)

    def instant(self, at_s: float) -> datetime:
        """The UTC instant of a second of the run."""
        return self.head.started_at + timedelta(seconds=at_s)

    def weights(self, at_s: float) -> WeightTable:
        """The weights in force at a second of the run."""
        index = bisect_right(self._changes_s, at_s) - 1
        return self._tables[index] if index >= 0 else self.rollout.weights

    def happenings(self) -> Iterator[tuple[float, Happening]]:
        """What happened, with the second at which it did; at the same instant, events come first.

        An assignment is placed where its request was handed over. What a deployment answered that the rollout
        does not have is left out. Raises UnreadableRecord.
        """
        events: Iterator[tuple[float, int, Happening]] = ((e.at_s, 0, e) for e in self.events)
        assignments = ((a.at_s, 1, self._with_shares(a, a.at_s)) for a in read_assignments(self.path))
        kept = (self._with_shares(a, a.at_s) for a in read_held_back(self.path))
        not_sent = ((a.at_s, 1, one) for a in kept for one in (a, held_back(a)))
        outcomes = ((_end_s(o), 2, self._with_shares(o, o.sent_s)) for o in read_outcomes(self.path))
        pairs = ((p.at_s, 3, p) for p in read_pairs(self.path))
        now_s, sources = 0.0, (events, assignments, not_sent, outcomes, pairs)
        for at_s, _, happening in merge(*sources, key=lambda entry: entry[:2]):
            if isinstance(happening, Event) or _whose(happening) in self.rollout.deployments:
                # Outcomes end a moment before they are handed on: their order may be off by that much.
                now_s = max(now_s, at_s)
                yield now_s, happening

    def outcomes(self) -> Iterator[Outcome]:
        """Every outcome of a known deployment with the shares of its assignment. Raises UnreadableRecord."""
        for outcome in read_outcomes(self.path):
            if outcome.deployment in self.rollout.deployments:
                yield self._with_shares(outcome, outcome.sent_s)

    def seconds(self) -> Iterator[Second]:
        """The per-second history as it was shown. Raises UnreadableRecord."""
        return read_seconds(self.path)

    def _with_shares(self, one: _Drawn, sent_s: float) -> _Drawn:
        """With all weights at the draw: those of the newest table before ``sent_s`` that gives the deployment
        the weight it was drawn with, since they may change before the hand-over. None fits: none."""
        for index in range(bisect_right(self._changes_s, sent_s) - 1, -1, -1):
            shares = _shares(self._tables[index], one.task)
            if abs(shares.get(one.deployment, 0.0) - one.weight_pct) <= _SAME_PCT:
                return replace(one, shares=shares)
        return one


def _whose(one: Assignment | Outcome | Pair) -> str:
    return one.canary if isinstance(one, Pair) else one.deployment


def _shares(table: WeightTable, task: str) -> Mapping[str, float]:
    return table.get(task) or table.get(DEFAULT_TASK) or _NOTHING


def _end_s(outcome: Outcome) -> float:
    moments = (outcome.ended_s, outcome.sent_s, outcome.due_s)
    return next((moment for moment in moments if isfinite(moment)), 0.0)


def find_recording(name: str, folder: Path) -> Path:
    """The record that ``name`` means: a path, or the start of the id of one run in ``folder``.

    Raises:
        UnreadableRecord: No run or several runs have that id.
    """
    path = Path(name)
    if path.is_file():
        return path
    runs = [run for run in list_runs(folder) if isinstance(run, RunInfo)]
    found = [run.path for run in runs if name and run.run_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnreadableRecord(f"{len(found)} runs in {folder} have an id that starts with {name}: give more")
    raise UnreadableRecord(
        f"{name} is neither a file nor the start of a run id in {folder}: see `canarytop runs`"
    )


class RunEvaluator(Protocol):
    """Evaluator of a run: ``Evaluators`` of ``tui.evaluation``, or one made for a test. ``now_s`` is seconds of
    the run."""

    def assigned(self, assignment: Assignment, now_s: float) -> object: ...
    def add(self, outcome: Outcome, now_s: float) -> object: ...
    def add_pair(self, pair: Pair, now_s: float) -> object: ...
    def version_changed(self, name: str) -> object: ...
    def listen(self, canary: str, listener: Callable[[str], Listener]) -> object: ...
    def verdicts(self, now_s: float) -> Mapping[str, tuple[Verdict, ...]]: ...
    def worse(self, canary: str, now_s: float) -> tuple[Verdict, ...]: ...
    def changes(self) -> Sequence[tuple[str, Verdict]]: ...
    def tripwire(self, canary: str) -> str | None: ...


MakeEvaluator = Callable[[str, Sequence[str], Mapping[str, Criteria]], RunEvaluator]
"""An evaluator for a baseline, its canaries and the criteria of each task."""


def tell(evaluator: RunEvaluator, happening: Assignment | Outcome | Pair, now_s: float) -> None:
    """Let an evaluator hear of what happened."""
    if isinstance(happening, Assignment):
        evaluator.assigned(happening, now_s)
    elif isinstance(happening, Outcome):
        evaluator.add(happening, now_s)
    else:
        evaluator.add_pair(happening, now_s)


def limits_of(recording: Recording, rollout: Rollout) -> dict[str, dict[str, float]]:
    """Task -> criterion -> its limit in ms, from the answers that the version of today's baseline gave in a
    recording. A task that it has too few answers of is left out: its limits come from this run.

    Raises:
        UnreadableRecord: The recording has no deployment of that version, too few answers of it, or breaks off.
    """
    now = rollout.deployments[rollout.baseline]
    same = {
        name
        for name, then in recording.rollout.deployments.items()
        if (then.model, then.version) == (now.model, now.version)
    }
    if not same:
        raise UnreadableRecord(
            f"{recording.path}: the baseline's version, {now.model} {now.version}, was not in that run;"
            " name another run, or leave --calibrate-from out"
        )
    # One deployment, not several of one version: they may have stood in different regions.
    name = now.name if now.name in same else sorted(same)[0]
    by_task: dict[str, list[Outcome]] = {task: [] for task in rollout.tasks}
    marked = 0
    for outcome in recording.outcomes():
        if outcome.deployment != name or not outcome.counts_for_version:
            continue
        if outcome.saturated:
            marked += 1
        else:
            by_task[outcome.task if outcome.task in by_task else DEFAULT_TASK].append(outcome)
    limits = {task: limits_from(found, rollout.tasks[task].criteria) for task, found in by_task.items()}
    known = {task: found for task, found in limits.items() if "latency_p50" in found}
    if not known:
        raise UnreadableRecord(
            f"{recording.path}: fewer than {rollout.criteria.calibration_requests} answers of {name}"
            + (f" ({marked} more were sent while the client was saturated)" if marked else "")
            + ": name a longer run, or leave --calibrate-from out"
        )
    return known
