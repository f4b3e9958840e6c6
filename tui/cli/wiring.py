"""Putting a run together for the commands: rollout, service, record, engine; and taking it apart again."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from tui.afterwards.earlier import limits_of
from tui.afterwards.recording import Recording, find_recording
from tui.base.exit_codes import INTERRUPTED
from tui.base.problems import Problem
from tui.cli.before_run import files_problem, room_for
from tui.cli.ending import Ending
from tui.cli.ends import tell
from tui.engine.resume import nothing_resumed, resumed
from tui.engine.setup import Setup
from tui.engine.thread import Engine
from tui.headless.run import check_endpoints, finish, follow
from tui.lifecycle.report import arm_of, lifecycle_report
from tui.lifecycle.report_text import rollout_text
from tui.lifecycle.table import LifecycleTable, load_lifecycle
from tui.model import EventKind, Snapshot
from tui.notify.sender import Notifier
from tui.record.kept_weights import WeightsFile
from tui.record.record import RunRecord, record_path, runs_folder
from tui.rollout import SIMULATOR, ControlPlane, Rollout

_CLOSE_S = 5.0
_PRETEND_ACCOUNT = (
    "/subscriptions/rehearsal/resourceGroups/simulator/providers/Microsoft.CognitiveServices/accounts/simulator"
)


def whoami() -> str:
    """The name under which this person's commands are logged."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def shipped(name: str) -> Path:
    """A rollout file that comes with the program."""
    package = Path(__file__).parents[1]
    folders = (package / "profiles", package.parent / "profiles")
    return next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)


class EveryKey(Mapping[str, str]):
    """An environment in which every key is set, to what opens nothing as a key and, as an
    address, leads nowhere (RFC 6761, 6.4)."""

    def __getitem__(self, name: str) -> str:
        return "https://rehearsal.invalid"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@contextmanager
def service(
    rollout: Rollout,
    *,
    scenario: str | None,
    seed: int,
    today: date | None = None,
) -> Iterator[Rollout]:
    """The rollout with every ``simulator`` endpoint replaced by the address of one that runs beside us.

    With a ``scenario`` all endpoints are: a rehearsal of the file that touches no real service. The pretend
    deployments know the answers that the rollout's task files know. Its calendar starts ``today``, None leaves
    it to the simulator.

    Raises:
        SimulatorFailed: It could not be started.
    """
    pretend = {
        name: endpoint
        for name, endpoint in rollout.endpoints.items()
        if scenario is not None or endpoint.url == SIMULATOR
    }
    if not pretend:
        yield rollout
        return
    from tui.simulator.child import deployment_spec, running

    rollout = _told_apart(rollout, pretend)
    specs = [
        deployment_spec(d.wire_id, d.model, d.version, "baseline" if d.name == rollout.baseline else "canary")
        for d in rollout.deployments.values()
        if d.endpoint in pretend
    ]
    judge = rollout.quality.judge
    if judge is not None and judge.deployment.endpoint in pretend:
        d = judge.deployment
        specs.append(deployment_spec(d.wire_id, d.model, d.version, "judge"))
    known = [spec.known.path for spec in rollout.tasks.values() if spec.known is not None]
    with running(scenario=scenario or "healthy", seed=seed, deployments=specs, known=known, today=today) as url:
        endpoints = {
            name: replace(
                e,
                url=url,
                key_env=None,
                key_header=None,
                headers_env={},
                entra=False,
                resource=_PRETEND_ACCOUNT,
            )
            if name in pretend
            # The control plane is that of the simulator, which has no other account.
            else replace(e, resource=None)
            for name, e in rollout.endpoints.items()
        }
        where = f"simulator: {scenario or 'healthy'}"
        yield replace(
            rollout,
            endpoints=endpoints,
            environment=where,
            profiles_dir=_own(rollout),
            # Nothing there is real, so everything may be tried.
            control_plane=ControlPlane(url, write=True),
            rehearsed=True,
        )


def _told_apart(rollout: Rollout, pretend: Container[str]) -> Rollout:
    """The rollout with deployments that one simulator can tell apart: those of two services may have one id."""
    judge = rollout.quality.judge
    judges = [] if judge is None else [judge.deployment]
    ids = [d.wire_id for d in (*rollout.deployments.values(), *judges) if d.endpoint in pretend]
    if len(set(ids)) == len(ids):
        return rollout
    names = {name: replace(d, id=None) for name, d in rollout.deployments.items() if d.endpoint in pretend}
    if judge is not None:
        # No name of a deployment has a blank.
        judge = replace(judge, deployment=replace(judge.deployment, id=f"judge {judge.deployment.wire_id}"))
    return replace(
        rollout,
        deployments={**rollout.deployments, **names},
        quality=replace(rollout.quality, judge=judge),
    )


def _own(rollout: Rollout) -> Path:
    """Where weight profiles go: beside the file, but never into the program's own folder."""
    package = Path(__file__).parents[1]
    if not rollout.path.is_relative_to(package) and not rollout.path.is_relative_to(
        package.parent / "profiles"
    ):
        return rollout.profiles_dir
    return runs_folder(os.environ).parent / rollout.profiles_dir.name


@dataclass(frozen=True, slots=True)
class How:
    """How a rollout is run. ``scenario`` rehearses it on the simulator; ``seed`` None draws one; ``resume``
    takes up the last run, ``from_file`` begins with the weights of the file whatever was before, and ``watch``
    is whether a person looks on; ``calibrate_from`` names the earlier run that says how slow the baseline
    is."""

    scenario: str | None = None
    seed: int | None = None
    resume: bool = False
    calibrate_from: str | None = None
    from_file: bool = False
    watch: bool = False


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
def running(rollout: Rollout, how: How, *, must_answer: bool = False) -> Iterator[Run]:
    """The engine of a rollout, started and recording; at the end of the block everything is saved and closed.

    With ``must_answer`` nothing is sent where an endpoint does not answer before the traffic.

    Raises:
        EngineFailed: The engine could not be put together.
        IsLive: The run to resume has not ended.
        UnreadableRecord: The run to calibrate from cannot be read or used.
    """
    now = partial(datetime.now, UTC)
    folder = runs_folder(os.environ)
    warnings = tuple(p for p in rollout.warnings if not (how.scenario and p.field.startswith("endpoints.")))
    if (files := room_for(rollout)) is not None:
        warnings = (*warnings, files_problem(files))
    rollout = replace(rollout, warnings=warnings)
    calibrated = None
    if how.calibrate_from is not None:
        calibrated = limits_of(Recording.open(find_recording(how.calibrate_from, folder)), rollout)
    taken = nothing_resumed(how) if rollout.rehearsed else resumed(rollout, folder, how)
    seed = secrets.randbelow(2**31) if how.seed is None else how.seed
    run_id = secrets.token_hex(4)
    started_at = now()
    path = record_path(folder, rollout.name, run_id, started_at)
    others = taken.others or str
    record = RunRecord.create(
        path,
        run_id=run_id,
        rollout_name=rollout.name,
        rollout_text=rollout.path.read_text(encoding="utf-8"),
        started_at=started_at,
        meta={
            "seed": seed,
            "environment": rollout.environment,
            "resumed": taken.past.run_id if taken.past is not None else None,
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
            notifier = Notifier(
                rollout.notify,
                os.environ,
                rollout=rollout.name,
                environment=rollout.environment,
                run_id=run_id,
            )
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
                past=taken.past,
                weights=taken.beginning.weights,
                taken_up=taken.beginning.said,
                stands=taken.beginning.stands,
                held=taken.beginning.held,
                kept=taken.kept,
                others=others,
                hear=notifier.hear if notifier is not None else lambda *_: None,
                must_answer=must_answer,
                calibrated=calibrated,
            )
        )
        begins = tuple(filter(None, (taken.beginning.said, others())))
        if notifier is not None:
            notifier.failed = engine.warn
        run = Run(engine, seed, record, warnings, begins, taken.kept, notifier)
        if taken.others is not None:
            taken.others.watch(path)
            stack.callback(taken.others.close)
        stack.callback(_close, run)
        engine.start()
        yield run


def _close(run: Run) -> None:
    for text in run.close():
        tell(text)


@dataclass(frozen=True, slots=True)
class Done:
    """How a run without a screen ended. ``lost`` requests have no outcome: 0 unless something broke."""

    snapshot: Snapshot
    seed: int
    lost: int
    interrupted: bool


def run_headless(rollout: Rollout, how: How, *, for_s: float | None, rate: float | None) -> Done:
    """Run without a screen until ``for_s`` seconds have passed, the traffic ends, or a signal asks for the end.

    Raises:
        CouldNotRun: An endpoint is unreachable or refuses us.
        EngineFailed: The engine broke.
        SimulatorFailed: The embedded simulator did not start.
        UnreadableRecord: The run to resume, or to calibrate from, cannot be read or used.
    """
    if rate is not None:
        rollout = replace(rollout, traffic=replace(rollout.traffic, rate=rate))
    ending = Ending()
    asked = ending.asked
    with ExitStack() as stack:
        stack.enter_context(ending.on_signals())
        usable = stack.enter_context(service(rollout, scenario=how.scenario, seed=how.seed or 0))
        run = stack.enter_context(running(usable, how, must_answer=True))
        ending.of(run)
        for text in (*run.begins, *(f"WARNING {problem}" for problem in run.warnings)):
            tell(text)
        check_endpoints(run.engine, asked)
        # Whoever had hang-ups ignored (``nohup``) wants it to go on without its terminal.
        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        terminal_lost: Callable[[], None] = (lambda: None) if nohup else ending.hang_up
        follow(run.engine, for_s=for_s, out=sys.stderr, asked=asked, terminal_lost=terminal_lost)
        lost = finish(run.engine, drain_s=usable.traffic.timeout_s + 1, asked=asked)
        ending.left()
        snapshot = run.engine.snapshot()
    return Done(replace(snapshot, record=run.record.view()), run.seed, lost, asked.is_set())


def show_cockpit(rollout: Rollout, how: How, *, read_only: bool, mouse: bool) -> int:
    """Run with the cockpit on the terminal until it is left, or a signal or a lost terminal ends it.

    Returns the exit code: 0 where a person left it, 130 where it was ended.

    Raises:
        CockpitFailed: The screen broke.
        EngineFailed: The engine broke.
        SimulatorFailed: The embedded simulator did not start.
        UnreadableRecord: The run to resume, or to calibrate from, cannot be read or used.
    """
    # Here, because a run without a screen needs neither, and before the first request: importing takes the
    # interpreter away from the engine.
    from tui.cockpit.app import CanarytopApp
    from tui.cockpit.renderer import ProcessRenderer
    from tui.cockpit.terminal import driver_class

    ending = Ending(unattended_s=rollout.cockpit.unattended_s)
    with ExitStack() as stack:
        stack.enter_context(ending.on_signals())
        usable = stack.enter_context(service(rollout, scenario=how.scenario, seed=how.seed or 0))
        run = stack.enter_context(running(usable, how))
        renderer = stack.enter_context(closing(ProcessRenderer()))
        app = CanarytopApp(
            run.engine,
            renderer,
            actor=whoami(),
            read_only=read_only,
            window=rollout.cockpit.window,
            step_pct=rollout.cockpit.step_pct,
            keymap=rollout.cockpit.keys,
            marker=rollout.cockpit.marker,
            export_folder=Path.cwd() / "screenshots",
            ahead=partial(_ahead, rollout, load_lifecycle()),
            greeting="; ".join(run.begins),
            driver_class=driver_class(),
            desktop_notes=rollout.cockpit.desktop_notes,
            on_quit=ending.quit,
            on_terminal_lost=ending.hang_up,
        )
        ending.of(run, app.leave)
        app.run(mouse=mouse)
        ending.left()
        on_screen = run.before_end or run.engine.snapshot()
        if run.engine.ended.done():
            run.engine.ended.result()
    for text in left_half_done(on_screen, run.engine.snapshot()):
        tell(text)
    if app.return_code:
        raise CockpitFailed("the cockpit broke: report what stands above; the run was ended and saved")
    return INTERRUPTED if ending.asked.is_set() else 0


def left_half_done(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """What was cut off on the way from one snapshot of a run to another, with the command to do it by hand."""
    last = max((event.id for event in before.events), default=0)
    for event in after.events:
        if event.kind is EventKind.HALF_DONE and event.id > last:
            yield event.text + (f"\nby hand: {event.reason}" if event.reason else "")


class CockpitFailed(Exception):
    """The screen broke; the run behind it was ended cleanly."""


def _ahead(rollout: Rollout, table: LifecycleTable, snapshot: Snapshot, width: int) -> str:
    """What lies ahead of the deployments of a run, as ``canarytop lifecycle`` says it."""
    arm = arm_of(rollout.deployments.values(), {account.endpoint: account for account in snapshot.accounts})
    served = {name: view.served for name, view in snapshot.deployments.items() if view.served is not None}
    return rollout_text(lifecycle_report(rollout, table, snapshot.at.date(), arm=arm, served=served), width)
