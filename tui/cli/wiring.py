"""Putting a run together for the commands: rollout, service, record, engine; and taking it apart again."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tui.afterwards.recording import Recording, find_recording, limits_of
from tui.base.problems import Problem
from tui.cli.before_run import files_problem, room_for
from tui.cli.ends import tell
from tui.cli.whoami import whoami
from tui.engine.messages import PROTOCOL, Welcome, screen_settings
from tui.engine.resume import nothing_resumed, resumed
from tui.engine.resume_weights import StartOptions
from tui.engine.server import Server
from tui.engine.setup import Setup
from tui.engine.sockets import NoSocket, socket_path, sockets_folder
from tui.engine.thread import Engine
from tui.model import Snapshot
from tui.notify.bodies import Origin
from tui.notify.sender import Notifier
from tui.record.kept_weights import WeightsFile
from tui.record.record import RunRecord, record_path, runs_folder
from tui.rollout import Rollout

_CLOSE_S = 5.0
_UNATTENDED_S = 300.0


@dataclass(frozen=True, slots=True)
class RunOptions(StartOptions):
    """What was asked of a run beside its file. ``scenario`` rehearses it on the simulator; ``seed`` None draws
    one; ``calibrate_from`` names the earlier run that says how slow the baseline is."""

    scenario: str | None = None
    seed: int | None = None
    calibrate_from: str | None = None


@dataclass(slots=True)
class Run:
    """An engine that has been started, its seed and its record. ``begins`` says with which weights, where that
    is not plain, and what else runs; ``warnings`` are said before the traffic."""

    engine: Engine
    seed: int
    record: RunRecord
    warnings: tuple[Problem, ...] = ()
    begins: tuple[str, ...] = ()
    kept: WeightsFile | None = None
    notifier: Notifier | None = None
    server: Server | None = None
    """Where viewers attach; None where there is no place for a socket."""
    before_end: Snapshot | None = None
    """The newest snapshot when the run was first asked to end."""

    def end(self) -> None:
        """Stop sending and cut what is under way; returns at once."""
        if self.before_end is None:
            self.before_end = self.engine.snapshot()
        self.engine.end()
        # Again: the first may have let requests under way finish.
        self.engine.end()

    def has_ended(self, timeout_s: float) -> bool:
        """Whether the engine has ended, after waiting at most so long."""
        wait([self.engine.ended], timeout_s)
        return self.engine.ended.done()

    def close(self) -> tuple[str, ...]:
        """End the engine, save and close everything. Returns what went wrong in it, for who can still print: a
        terminal that nobody reads must not hold the end."""
        wrong = []
        self.engine.stop()
        self.record.close(_CLOSE_S)
        if self.kept is not None and not self.kept.close(_CLOSE_S):
            wrong.append(self.kept.error)
        if self.notifier is not None:
            wrong += [f"WARNING {text}" for text in self.notifier.close(_CLOSE_S)]
        return tuple(wrong)


@contextmanager
def running(
    rollout: Rollout, options: RunOptions, *, must_answer: bool = False, kept_by_viewers: bool = False
) -> Iterator[Run]:
    """The engine of a rollout, started and recording; at the end of the block everything is saved and closed.

    Viewers may attach to it. With ``must_answer`` nothing is sent where an endpoint does not answer before the
    traffic; with ``kept_by_viewers`` the run ends some time after the last of them was lost.

    Raises:
        EngineFailed: The engine could not be put together.
        IsLive: The run to resume has not ended.
        UnreadableRecord: The run to calibrate from cannot be read or used.
    """
    now = partial(datetime.now, UTC)
    folder = runs_folder(os.environ)
    warnings = tuple(p for p in rollout.warnings if not (options.scenario and p.field.startswith("endpoints.")))
    if (files := room_for(rollout)) is not None:
        warnings = (*warnings, files_problem(files))
    rollout = replace(rollout, warnings=warnings)
    calibrated = None
    if options.calibrate_from is not None:
        calibrated = limits_of(Recording.open(find_recording(options.calibrate_from, folder)), rollout)
    taken = nothing_resumed(options) if rollout.rehearsed else resumed(rollout, folder, options)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    run_id = secrets.token_hex(4)
    started_at = now()
    path = record_path(folder, rollout.name, run_id, started_at)
    others = taken.other_runs or str
    record = RunRecord.create(
        path,
        run_id=run_id,
        rollout_name=rollout.name,
        rollout_text=rollout.path.read_text(encoding="utf-8"),
        started_at=started_at,
        meta={
            "seed": seed,
            "environment": rollout.environment,
            "resumed": taken.previous.run_id if taken.previous is not None else None,
            "pid": os.getpid(),
            "rollout_path": None if taken.kept is None else str(rollout.path.resolve()),
        },
        keep_text=rollout.keep_text,
    )
    with ExitStack() as stack:
        # Whatever comes from here on, a signal too, the record is closed.
        stack.callback(record.close, _CLOSE_S)
        notifier = None
        if rollout.notify and not rollout.rehearsed:
            origin = Origin(rollout.name, rollout.environment, run_id)
            notifier = Notifier(rollout.notify, os.environ, origin)
        begins = tuple(filter(None, (taken.beginning.said, others())))
        server, no_door = _door(rollout, run_id, path, begins, kept_by_viewers=kept_by_viewers)
        warnings = (*warnings, *no_door)
        engine = Engine(
            Setup(
                rollout=rollout,
                run_id=run_id,
                env=os.environ,
                seed=seed,
                actor=whoami(),
                record=record,
                clock=time.perf_counter,
                now=now,
                previous=taken.previous,
                weights=taken.beginning.weights,
                begins=taken.beginning.said,
                stands=taken.beginning.stands,
                held=taken.beginning.held,
                kept=taken.kept,
                other_runs=others,
                hear=notifier.hear if notifier is not None else lambda *_: None,
                must_answer=must_answer,
                calibrated=calibrated,
            ),
            server=server,
        )
        if notifier is not None:
            notifier.failed = engine.warn
        run = Run(engine, seed, record, warnings, begins, taken.kept, notifier, server)
        if taken.other_runs is not None:
            taken.other_runs.watch(path)
            stack.callback(taken.other_runs.close)
        stack.callback(_close, run)
        engine.start()
        yield run


def _close(run: Run) -> None:
    for text in run.close():
        tell(text)


def _door(
    rollout: Rollout, run_id: str, record: Path, begins: tuple[str, ...], *, kept_by_viewers: bool
) -> tuple[Server | None, tuple[Problem, ...]]:
    """Where viewers of a run attach; without a place for it the run goes on, and says so."""
    cockpit = rollout.cockpit
    try:
        path = socket_path(sockets_folder(os.environ), run_id)
    except NoSocket as error:
        if kept_by_viewers:
            raise
        return None, (Problem("", "", f"nobody can attach to this run: {error}"),)
    welcome = Welcome(
        PROTOCOL,
        version("canarytop"),
        run_id,
        rollout.name,
        os.getpid(),
        viewer=0,
        rollout_path=str(rollout.path.resolve()),
        record=str(record),
        settings=screen_settings(cockpit),
        begins=begins,
        rehearsed=rollout.rehearsed,
        kept_by_viewers=kept_by_viewers,
    )
    unattended_s = cockpit.unattended_s
    if unattended_s is None:
        unattended_s = 0.0 if rollout.rehearsed else _UNATTENDED_S
    return Server(path, welcome, unattended_s=unattended_s, now=partial(datetime.now, UTC)), ()
