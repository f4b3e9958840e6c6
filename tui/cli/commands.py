"""The commands: parsing and wiring. What they do lives in the rooms, which are imported only when needed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tui.base.exit_codes import BAD_INPUT, COULD_NOT_RUN, OK
from tui.base.text import plain, seconds_in
from tui.cli import (
    afterwards as cli_afterwards,
)
from tui.cli import attach
from tui.cli import (
    check as cli_check,
)
from tui.cli import (
    lifecycle as cli_lifecycle,
)
from tui.cli import (
    notify as cli_notify,
)
from tui.cli.ends import (
    Commands,
    cannot_use,
    deliver,
    fail,
    no_output,
    say,
    stand_in_for_closed,
    tell,
    write_whole,
)

if TYPE_CHECKING:
    from tui.cli.wiring import RunOptions
    from tui.rollout import Rollout

_DEMO_S = 30.0
_PATH = 4096
"""Characters of a path that is shown; no system has longer ones."""

app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    name="canarytop",
    help="A terminal cockpit for live canary monitoring and control of LLM deployments.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cli_check.app)
app.add_typer(cli_afterwards.app)
app.add_typer(cli_lifecycle.app)
app.add_typer(cli_notify.app)
app.add_typer(attach.app)


def _known_scenario(name: str | None) -> str | None:
    from tui.simulator.scenarios import scenario_named

    try:
        return name if name is None else scenario_named(name).name
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _writable(path: Path | None) -> Path | None:
    # Asked before the run: a result that cannot be written after an hour is lost.
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise typer.BadParameter(f"{path} cannot be written: name a file in a folder that exists, or -")
    return path


RolloutFile = Annotated[Path, typer.Argument(metavar="FILE", help="The rollout file (TOML).")]
Seed = Annotated[int | None, typer.Option(help="Seed of every random draw; without it, a new one.")]
Scenario = Annotated[
    str | None,
    typer.Option(
        callback=_known_scenario,
        help="Rehearse on the embedded simulator with this scenario; no service is touched.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Begin where the last run of this file was left, with all that it knew."),
]
FromFile = Annotated[
    bool,
    typer.Option("--from-file", help="Begin with the weights of the file, wherever the last run was left."),
]
CalibrateFrom = Annotated[
    str | None,
    typer.Option(
        "--calibrate-from",
        metavar="RUN",
        help='Take what "slower" is measured against from an earlier run of the baseline\'s version.',
    ),
]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Look, but change neither weights nor traffic.")]
NoMouse = Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")]


def main() -> None:
    """The entry point of the ``canarytop`` command."""
    stand_in_for_closed()
    app(prog_name="canarytop")


@app.command()
def demo(
    scenario: Annotated[
        str,
        typer.Option(callback=_known_scenario, help="What happens to the canary; see `canarytop sim --list`."),
    ] = "slow-canary",
    seed: Seed = None,
    read_only: ReadOnly = False,
    no_mouse: NoMouse = False,
) -> None:
    """The cockpit on an embedded simulator: no account, no key, no network."""
    from tui.cli.rehearsal import shipped
    from tui.cli.wiring import RunOptions

    _cockpit(
        shipped("demo.toml"), RunOptions(scenario=scenario, seed=seed), read_only=read_only, no_mouse=no_mouse
    )


@app.command()
def watch(
    file: RolloutFile,
    scenario: Scenario = None,
    seed: Seed = None,
    resume: Resume = False,
    from_file: FromFile = False,
    calibrate_from: CalibrateFrom = None,
    read_only: ReadOnly = False,
    no_mouse: NoMouse = False,
) -> None:
    """The cockpit on a rollout file."""
    from tui.cli.wiring import RunOptions

    options = RunOptions(resume, from_file, True, scenario, seed, calibrate_from)
    _cockpit(file, options, read_only=read_only, no_mouse=no_mouse)


@app.command()
def run(
    file: RolloutFile,
    for_: Annotated[
        str | None, typer.Option("--for", help="How long, as 90s, 5m or 1h; else until the traffic ends.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Requests per second, instead of the file's.", min=0.001, max=1e6)
    ] = None,
    seed: Seed = None,
    scenario: Scenario = None,
    resume: Resume = False,
    from_file: FromFile = False,
    calibrate_from: CalibrateFrom = None,
    json_path: Annotated[
        Path | None,
        typer.Option("--json", callback=_writable, help="Write the result here; - is standard output."),
    ] = None,
    require_ok: Annotated[
        bool,
        typer.Option("--require-ok", help="Exit 1 unless every criterion that a plan would wait for is OK."),
    ] = False,
) -> None:
    """The same engine without a screen: a progress line, a final table, JSON.

    The last line of the table says the exit code and its reason. The first
    that holds of 130, 4, 1, 3, 0:

    \b
      0  traffic was sent and answered, and nothing is WORSE
      1  a criterion is WORSE (advisory ones aside), guard or tripwire acted,
         or with --require-ok: a criterion is not OK
      2  bad input: an option or the rollout file
      3  could not run: an endpoint, no request sent, no canary with weight
         got one, a deployment was sent at least 5 and answered none; or 0,
         and the result could not be written
      4  kept for production
    130  interrupted
    """
    from tui.cli.wiring import RunOptions

    options = RunOptions(resume, from_file, False, scenario, seed, calibrate_from)
    raise typer.Exit(
        _headless(file, options, for_s=_seconds(for_), rate=rate, json_path=json_path, require_ok=require_ok)
    )


@app.command()
def runs(
    folder: Annotated[
        Path | None, typer.Option(help="Where the run records are; else the usual place.")
    ] = None,
) -> None:
    """List the runs that were recorded, newest first."""
    from tui.record.reader import BrokenRun, list_runs
    from tui.record.record import runs_folder

    place = folder or runs_folder(os.environ)
    found = list_runs(place)
    if not found:
        say(f"no runs in {place}")
    for entry in found:
        if isinstance(entry, BrokenRun):
            say(f"broken       {plain(str(entry.path), _PATH)}: {plain(entry.error, _PATH)}")
            continue
        state = "live" if entry.live else "interrupted" if entry.ended_at is None else "ended"
        process = f"  process {entry.pid}{_viewers(entry.run_id)}" if entry.live else ""
        weights = " ".join(
            f"{plain(n, 64)}={p:g}" for n, p in (entry.last_weights or {}).get("default", {}).items()
        )
        say(
            f"{state:<12} {entry.started_at:%Y-%m-%d %H:%M:%S}Z  {plain(entry.rollout, 80)}"
            f"  {entry.requests} requests  {weights}{process}  {plain(str(entry.path), _PATH)}"
        )


def _viewers(run_id: str) -> str:
    """Who looks on at a live run; empty where it cannot be asked."""
    from tui.cli.viewing import attached
    from tui.engine.sockets import NoSocket, socket_path, sockets_folder

    try:
        with closing(attached(socket_path(sockets_folder(os.environ), run_id), looks=False)) as connection:
            names = ", ".join(plain(name, 100) for name in connection.welcome.viewers)
            return f"  viewers: {names or 'none'}  canarytop attach {plain(run_id, 64)}"
    except NoSocket:
        # It is of a user, a machine or a version that has no door here; the line says what is known.
        return ""


@app.command()
def sim(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65_535)] = 8089,
    scenario: Annotated[
        str, typer.Option(callback=_known_scenario, help="A named timeline; --list shows them.")
    ] = "healthy",
    seed: Annotated[int, typer.Option(help="Seed of every random draw.")] = 0,
    deployment: Annotated[
        list[str] | None,
        typer.Option(help="NAME=MODEL@VERSION[:baseline|canary|judge]; repeatable. A : in a name is %3A."),
    ] = None,
    upgrade_option: Annotated[
        list[str] | None,
        typer.Option(help="NAME=OPTION: the versionUpgradeOption of a deployment, or `absent`."),
    ] = None,
    known: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.jsonl", help="A task file whose answers the deployments know; repeatable."),
    ] = None,
    quality: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=TASK:ACCURACY,SCORE[,SPREAD]: how often (%) known answers are given, and how a judge "
            "scores (1-5); TASK * is every other; repeatable."
        ),
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Where the calendar starts; the default is the real date."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios and end.")] = False,
    exit_with_parent: Annotated[bool, typer.Option("--exit-with-parent", hidden=True)] = False,
) -> None:
    """A pretend Azure OpenAI on this machine; GET /sim/truth tells what it really did."""
    from tui.simulator.run import (
        DEFAULT_DEPLOYMENTS,
        parse_deployment,
        run_simulator,
        with_qualities,
        with_upgrades,
    )
    from tui.simulator.scenarios import SCENARIOS

    if list_:
        for name, one in SCENARIOS.items():
            say(f"{name:<14} {one.description}")
        return
    try:
        deployments = [parse_deployment(spec) for spec in deployment] if deployment else DEFAULT_DEPLOYMENTS
        deployments = with_qualities(with_upgrades(deployments, upgrade_option or ()), quality or ())
        run_simulator(
            port,
            scenario,
            seed,
            deployments,
            today=None if today is None else today.date(),
            known=known or (),
            exit_with_parent=exit_with_parent,
        )
    except ValueError as error:
        fail(str(error), BAD_INPUT)
    except OSError as error:
        why = error.strerror or str(error)
        fail(f"port {port} cannot be used: {plain(why, 200)}; choose another with --port", COULD_NOT_RUN)


def _cockpit(file: Path, options: RunOptions, *, read_only: bool, no_mouse: bool) -> NoReturn:
    if not ((sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TEXTUAL_DRIVER")):
        raise typer.Exit(_headless(file, options, for_s=_DEMO_S))
    from tui.cli.ending import Ending
    from tui.cli.engine import DidNotStart, EngineProcess
    from tui.cli.viewing import CockpitFailed, attached, show, starting
    from tui.engine.sockets import NoSocket

    ending = Ending()
    try:
        with ending.on_signals():
            with starting(f"canarytop {file.name}") as said:
                engine = EngineProcess(file, options)
                try:
                    # Meanwhile, on another core.
                    from tui.cockpit.app import CanarytopApp  # noqa: F401

                    connection = attached(engine.socket(said), read_only=read_only)
                except BaseException:
                    engine.end()
                    raise
            code = show(connection, ending, read_only=read_only, mouse=not no_mouse)
    except DidNotStart as error:
        fail(str(error), error.code)
    except (CockpitFailed, NoSocket) as error:
        fail(str(error), COULD_NOT_RUN)
    raise typer.Exit(code)


@app.command(hidden=True)
def engine(file: Path, options: str) -> None:
    """The process of an engine, for a cockpit that is started beside it."""
    from tui.cli.engine import doing, serve
    from tui.cli.wiring import RunOptions

    with _told():
        doing(f"reading {file}")
        wanted = RunOptions(**json.loads(options))
        serve(_rollout(file, wanted.scenario, keys=True), wanted)


def _headless(
    file: Path,
    options: RunOptions,
    *,
    for_s: float | None,
    rate: float | None = None,
    json_path: Path | None = None,
    require_ok: bool = False,
) -> int:
    from tui.cli.headless import run_headless
    from tui.headless.exit import exit_of
    from tui.headless.result import result
    from tui.headless.run import table

    with _told():
        rollout = _rollout(file, options.scenario)
        done = run_headless(rollout, options, for_s=for_s, rate=rate)
        ends = exit_of(
            done.snapshot,
            interrupted=done.interrupted,
            require_ok={task: spec.plan for task, spec in rollout.tasks.items()} if require_ok else None,
        )
        text = json.dumps(result(done.snapshot, seed=done.seed, lost=done.lost, ends=ends), indent=1)
        problems = [done.snapshot.record.error or ""]
        if json_path is not None and str(json_path) == "-":
            undelivered = _on_output(text)
        else:
            undelivered = _on_output(table(done.snapshot, ends))
            if json_path is not None:
                problems.append(undelivered)
                undelivered = write_whole(json_path, text + "\n")
        for problem in filter(None, (*problems, undelivered)):
            tell(f"ERROR {problem}")
        if undelivered and ends.code == OK:
            tell(f"ERROR exit {COULD_NOT_RUN}: the run ended with 0, but its result is lost")
            return COULD_NOT_RUN
        return ends.code


def _on_output(text: str) -> str:
    """Why a result could not be written on standard output, and what to do; empty where it could."""
    return no_output(why) if (why := deliver(text, sys.stdout)) else ""


def _rollout(file: Path, scenario: str | None, *, keys: bool = False) -> Rollout:
    from tui.base.problems import format_problems
    from tui.cli.before_run import further_problems
    from tui.cli.rehearsal import EveryKey
    from tui.rollout import RolloutError, load_rollout

    try:
        # A rehearsal sends no key anywhere, so it asks for none.
        rollout = load_rollout(file, env=os.environ if scenario is None else EveryKey())
    except RolloutError as error:
        fail(str(error), BAD_INPUT)
    if problems := further_problems(rollout, keys=keys, online=scenario is None):
        fail(format_problems(problems, file), BAD_INPUT)
    return rollout


@contextmanager
def _told() -> Iterator[None]:
    """Turn what can go wrong into one sentence and an exit code."""
    from tui.engine.resume import IsLive
    from tui.engine.sockets import NoSocket
    from tui.engine.thread import EngineFailed
    from tui.headless.run import CouldNotRun
    from tui.record.reader import UnreadableRecord
    from tui.simulator.child import SimulatorFailed

    try:
        yield
    except (CouldNotRun, SimulatorFailed, EngineFailed, NoSocket, IsLive, UnreadableRecord) as error:
        fail(str(error), COULD_NOT_RUN)
    except OSError as error:
        fail(cannot_use(error), COULD_NOT_RUN)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    seconds = seconds_in(text)
    if not seconds:
        fail(f"canarytop run: --for {plain(text, 60)}: write a duration such as 90s, 5m or 1h", BAD_INPUT)
    return seconds
