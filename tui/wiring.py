"""Putting a run together for the commands: rollout, service, record, engine; and taking it apart again."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import FrameType

from tui.afterwards.earlier import limits_of
from tui.afterwards.recording import Recording, find_recording
from tui.azure.lifecycle_table import LifecycleTable, load_lifecycle
from tui.azure.outlook import arm_of, outlook_of
from tui.azure.outlook_text import rollout_text
from tui.engine import Engine
from tui.engine.resuming import DoesNotFit, past_of
from tui.engine.setup import Past, Setup
from tui.headless import check_endpoints, finish, follow
from tui.model import ALL_TASKS, ANSWERED, FILTERED, EventKind, Snapshot
from tui.preflight import files_problem, room_for
from tui.problems import Problem
from tui.record import RunRecord, record_path, runs_folder
from tui.record_reader import interrupted_run, last_state, read_events
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
    package = Path(__file__).parent
    folders = (package / "profiles", package.parent / "profiles")
    return next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)


class EveryKey(Mapping[str, str]):
    """An environment in which every key is set, to a word that opens nothing."""

    def __getitem__(self, name: str) -> str:
        return "rehearsal"

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
    package = Path(__file__).parent
    if not rollout.path.is_relative_to(package) and not rollout.path.is_relative_to(
        package.parent / "profiles"
    ):
        return rollout.profiles_dir
    return runs_folder(os.environ).parent / rollout.profiles_dir.name


def interrupted(rollout: Rollout, folder: Path) -> Past:
    """What the latest run of this rollout left, which has no clean end.

    Raises:
        DoesNotFit: There is none, or it cannot be taken up; the text says why.
        UnreadableRecord: Its record cannot be read.
    """
    run = interrupted_run(folder, rollout.name)
    if run is None:
        raise DoesNotFit(f"no run of {rollout.name} in {folder} was interrupted")
    events, state = read_events(run.path), last_state(run.path)
    return past_of(rollout, run.run_id, run.started_at, run.last_weights, events, state)


@dataclass(frozen=True, slots=True)
class How:
    """How a rollout is run. ``scenario`` rehearses it on the simulator; ``seed`` None draws one; ``resume``
    takes up the interrupted run; ``calibrate_from`` names the earlier run that says how slow the baseline
    is."""

    scenario: str | None = None
    seed: int | None = None
    resume: bool = False
    calibrate_from: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """An engine that has been started, its seed and its record. ``warnings`` are said before the traffic: of
    the way to the services (a rehearsal does not take it), and of this machine."""

    engine: Engine
    seed: int
    record: RunRecord
    warnings: tuple[Problem, ...] = ()


@contextmanager
def running(rollout: Rollout, how: How) -> Iterator[Run]:
    """The engine of a rollout, started and recording; at the end of the block everything is saved and closed.

    Raises:
        EngineFailed: The engine could not be put together.
        UnreadableRecord: The run to resume, or to calibrate from, cannot be read or used.
    """
    now = partial(datetime.now, UTC)
    folder = runs_folder(os.environ)
    warnings = (
        tuple(p for p in rollout.warnings if p.field.startswith("endpoints.")) if not how.scenario else ()
    )
    if (files := room_for(rollout)) is not None:
        warnings = (*warnings, files_problem(files))
    rollout = replace(rollout, warnings=warnings)
    calibrated = None
    if how.calibrate_from is not None:
        calibrated = limits_of(Recording.open(find_recording(how.calibrate_from, folder)), rollout)
    past, not_resumed = None, ""
    if how.resume:
        try:
            past = interrupted(rollout, folder)
        except DoesNotFit as error:
            not_resumed = str(error)
    seed = secrets.randbelow(2**31) if how.seed is None else how.seed
    run_id = secrets.token_hex(4)
    started_at = now()
    record = RunRecord.create(
        record_path(folder, rollout.name, run_id, started_at),
        run_id=run_id,
        rollout_name=rollout.name,
        rollout_text=rollout.path.read_text(encoding="utf-8"),
        started_at=started_at,
        meta={"seed": seed, "environment": rollout.environment, "resumed": past.run_id if past else None},
        keep_text=rollout.keep_text,
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
            past=past,
            not_resumed=not_resumed,
            calibrated=calibrated,
        )
    )
    try:
        engine.start()
        yield Run(engine, seed, record, warnings)
    finally:
        engine.stop()
        record.close(_CLOSE_S)


@dataclass(frozen=True, slots=True)
class Done:
    """How a run without a screen ended. ``lost`` requests have no outcome: 0 unless something broke."""

    snapshot: Snapshot
    seed: int
    lost: int
    interrupted: bool

    @property
    def nothing_worked(self) -> bool:
        """Requests were sent and not one got through to a model: no endpoint was usable."""
        totals = [view.figures["run"][ALL_TASKS] for view in self.snapshot.deployments.values()]
        through = sum(f.kinds.get(kind, 0) for f in totals for kind in ANSWERED | FILTERED)
        return sum(f.requests for f in totals) > 0 and through == 0


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
    asked = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(_on_signals(lambda *_: asked.set()))
        usable = stack.enter_context(service(rollout, scenario=how.scenario, seed=how.seed or 0))
        run = stack.enter_context(running(usable, how))
        for problem in run.warnings:
            print(f"WARNING {problem}", file=sys.stderr)
        check_endpoints(run.engine, asked)
        follow(run.engine, for_s=for_s, out=sys.stderr, asked=asked)
        lost = finish(run.engine, drain_s=usable.traffic.timeout_s + 1, asked=asked)
        snapshot = run.engine.snapshot()
    return Done(replace(snapshot, record=run.record.view()), run.seed, lost, asked.is_set())


def show_cockpit(rollout: Rollout, how: How, *, read_only: bool, mouse: bool) -> None:
    """Run with the cockpit on the terminal until it is left, or a signal (a closed terminal too) ends it.

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

    with ExitStack() as stack:
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
        )
        stack.enter_context(_on_signals(lambda *_: app.exit()))
        app.run(mouse=mouse)
        on_screen = run.engine.snapshot()
        if run.engine.ended.done():
            run.engine.ended.result()
    for text in left_half_done(on_screen, run.engine.snapshot()):
        print(text, file=sys.stderr)
    if app.return_code:
        raise CockpitFailed("the cockpit broke, see above; the run was saved")


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
    return rollout_text(outlook_of(rollout, table, snapshot.at.date(), arm=arm, served=served), width)


@contextmanager
def _on_signals(act: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Ctrl-C, a termination and a closed terminal all end the run cleanly, everything saved."""
    before = {number: signal.signal(number, act) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
