"""Resuming: what a run takes up of the one before it, the newest weights and with --resume all that it knew,
fitted to the rollout file as it is now."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tui.base.text import plain
from tui.engine.resume_weights import Beginning, StartOptions, beginning, doubtful, newest, resumed_weights
from tui.engine.setup import Changes, PreviousRun
from tui.model import WEIGHT_CHANGES, Event, EventKind, WeightTable
from tui.record.kept_weights import (
    BrokenWeights,
    KeptWeights,
    WeightsFile,
    kept_path,
    read_kept,
    table_of,
)
from tui.record.lock import is_live
from tui.record.reader import (
    EmptyRecord,
    RunInfo,
    UnreadableRecord,
    last_state,
    live_runs,
    read_events,
    read_head,
    read_run,
)
from tui.record.record import records_of
from tui.rollout import Rollout


def previous_run(
    rollout: Rollout,
    run: RunInfo,
    weights: WeightTable,
    events: Sequence[Event],
    state: Mapping[str, Any] | None,
) -> PreviousRun:
    """An earlier run for one that takes it up and begins where it stood, at ``weights``.

    A deployment that joined it is part of this one too. Where neither the file nor the record says what it is,
    the baseline gets its weight, and ``lost`` says so.
    """
    known = Changes.of_state(state)
    recorded = {name for shares in weights.values() for name in shares}
    changes = Changes(
        {
            name: deployment
            for name, deployment in known.joined.items()
            if name in recorded and name not in rollout.deployments and deployment.endpoint in rollout.endpoints
        },
        known.removed,
        known.doubted,
    )
    lost = []
    for name in sorted(recorded - rollout.deployments.keys() - changes.joined.keys()):
        pct = max(shares.get(name, 0.0) for shares in weights.values())
        why = "neither the file nor the record says what it is"
        if (joined := known.joined.get(name)) is not None:
            why = f"it joined at endpoint {joined.endpoint}, which the file does not have"
        to_baseline = f"; its {pct:g}% go to {rollout.baseline}" if pct > 0 else ""
        lost.append(f"{name}: {why}{to_baseline}")
    file = with_joined(rollout.weights, changes)
    weights = resumed_weights(file, weights, rollout.baseline)
    return PreviousRun(run.run_id, weights, run.started_at, tuple(events), state, changes, tuple(lost))


def with_joined(file: WeightTable, changes: Changes) -> WeightTable:
    """The weights of a file with those that joined, which have none there."""
    return {task: {**shares, **dict.fromkeys(changes.joined, 0.0)} for task, shares in file.items()}


_LOOKS_EVERY_S = 1.0


class IsLive(Exception):
    """The run to resume has not ended; the text says which, and what to do."""


class OtherRuns:
    """Live runs of the same file, as a thread of its own sees them: nobody else waits for a disk.

    Calling it names them; empty as soon as none is left.
    """

    def __init__(self, runs_folder: Path, rollout: Path) -> None:
        self._look = partial(live_runs, runs_folder, rollout)
        self._runs = self._look()
        self._said = _said(self._runs)
        self._closing = threading.Event()

    def __call__(self) -> str:
        return self._said

    def watch(self, own: Path) -> None:
        """Go on looking, but not for the run whose record is ``own``. One that began in the same moment is seen
        at the first look; later ones see this one and say so themselves."""
        threading.Thread(target=self._watch, args=(own,), name="other-runs", daemon=True).start()

    def close(self) -> None:
        self._closing.set()

    def look(self, own: Path) -> None:
        """See which there are, but for ``own``."""
        self._hold(run for run in self._look() if run.path != own)

    def look_again(self) -> None:
        """See which of them still live."""
        self._hold(run for run in self._runs if is_live(run.path))

    def _watch(self, own: Path) -> None:
        if not self._closing.wait(_LOOKS_EVERY_S):
            self.look(own)
        while self._runs and not self._closing.wait(_LOOKS_EVERY_S):
            self.look_again()

    def _hold(self, runs: Iterable[RunInfo]) -> None:
        self._runs = tuple(runs)
        self._said = _said(self._runs)


def _said(runs: tuple[RunInfo, ...]) -> str:
    if not runs:
        return ""
    more = f" (and {len(runs) - 1} more)" if len(runs) > 1 else ""
    return f"{_named(runs[0])} is live{more}: both send, and neither knows the other's weights"


def _named(run: RunInfo) -> str:
    process = f", process {run.pid}" if run.pid is not None else ""
    return f"run {plain(run.run_id, 64)} of the same file (since {run.started_at:%Y-%m-%d %H:%M}Z{process})"


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a run begins with. ``kept`` is where its own weights go, ``other_runs`` names other live runs of
    the same file; both None for a rehearsal."""

    beginning: Beginning
    previous: PreviousRun | None = None
    kept: WeightsFile | None = None
    other_runs: OtherRuns | None = None


def nothing_resumed(options: StartOptions) -> Resumed:
    """Of a rehearsal or a demo: it neither reads nor leaves anything."""
    said = "nothing was resumed: a rehearsal keeps no weights" if options.resume else ""
    return Resumed(Beginning(said=said))


def resumed(rollout: Rollout, runs_folder: Path, options: StartOptions) -> Resumed:
    """What a run of this file begins with.

    Raises:
        IsLive: The run to resume has not ended.
    """
    place = kept_path(runs_folder.parent, rollout.path)
    broken = ""
    try:
        kept = read_kept(place)
        if kept is not None and kept.rollout != rollout.path.resolve():
            broken = (
                f"{place}, which keeps the newest weights, is of another file: {plain(str(kept.rollout), 200)}"
            )
    except BrokenWeights as error:
        broken = str(error)
    doubt = ""
    try:
        kept = by_records(rollout, runs_folder) if broken or kept is None else newest(kept)
    except UnreadableRecord as error:
        doubt = "; ".join(filter(None, (broken, str(error))))
    previous = None
    if doubt or (broken and kept is None):
        begins = doubtful(rollout.weights, rollout.baseline, doubt or broken, options)
    else:
        previous = _previous(rollout, kept) if options.resume and kept is not None else None
        weights = rollout.weights if previous is None else with_joined(rollout.weights, previous.changes)
        begins = beginning(weights, rollout.baseline, kept, options)
        if previous is not None:
            previous = replace(previous, weights=begins.weights or weights)
        if broken:
            begins = replace(begins, said=f"{broken}; by its records {begins.said or 'nothing is to be said'}")
    file = WeightsFile(place, partial(file_weights, rollout.path))
    return Resumed(begins, previous, file, OtherRuns(runs_folder, rollout.path.resolve()))


def by_records(rollout: Rollout, runs_folder: Path) -> KeptWeights | None:
    """Where the newest run of the file stood, by its record: where no small file says it. None where no record
    of a run that sent something is there; those of rehearsals do not count.

    Raises:
        UnreadableRecord: The newest may be one that cannot be read. An older one is not taken in its place: it
            may know nothing of a roll back.
    """
    for path in records_of(runs_folder, rollout.name):
        try:
            run, head, events = read_run(path), read_head(path), read_events(path)
        except EmptyRecord:
            continue
        rehearsed = str(head.meta.get("environment", "")).startswith("simulator: ")
        # Records of earlier versions do not say of which file they are.
        same = run.rollout_path in (None, str(rollout.path.resolve())) and run.rollout == rollout.name
        did = any(event.kind in WEIGHT_CHANGES - {EventKind.RESUMED} for event in events)
        began = next((event for event in events if event.after is not None), None)
        if rehearsed or not same or not (run.requests or did):
            continue
        try:
            if began is None:
                raise ValueError("no event has any")
            said = _weights_in(head.rollout_text)
            weights = table_of(began.after)
        except (TypeError, ValueError) as error:
            raise UnreadableRecord(
                f"{path} does not say with which weights its run began: {plain(str(error), 200)}"
            ) from error
        start = KeptWeights(
            rollout=rollout.path.resolve(),
            baseline=rollout.baseline,
            weights=weights,
            file_weights=said,
            run_id=plain(run.run_id, 64),
            record=path,
            event=began.id,
            kind=began.kind,
            actor=plain(began.actor, 40),
            reason="",
            at=began.at,
        )
        return newest(start)
    return None


def file_weights(rollout: Path) -> WeightTable | None:
    """What the rollout file says now; None where it does not, as while somebody is saving it."""
    try:
        return _weights_in(rollout.read_text(encoding="utf-8"))
    except (OSError, TypeError, ValueError):
        return None


def _weights_in(text: str) -> WeightTable:
    try:
        return table_of(tomllib.loads(text).get("weights"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _previous(rollout: Rollout, kept: KeptWeights) -> PreviousRun:
    """All that the run knew. Where its record cannot be read, what is taken up are the weights alone.

    Raises:
        IsLive: It has not ended.
    """
    live = is_live(kept.record)
    try:
        run = read_run(kept.record)
        if live:
            raise IsLive(
                f"{_named(run)} has not ended, so it cannot be resumed: end it first, or start without --resume"
            )
        events, state = read_events(kept.record), last_state(kept.record)
        return previous_run(rollout, run, kept.weights, events, state)
    except UnreadableRecord as error:
        if live:
            raise IsLive(
                f"run {kept.run_id} of the same file has not ended, so it cannot be resumed: end it first, or"
                " start without --resume"
            ) from error
        lost = f"all but the weights: {error}"
        return PreviousRun(kept.run_id, kept.weights, kept.at, (), None, Changes(), (lost,))
