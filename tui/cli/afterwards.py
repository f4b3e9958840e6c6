"""The commands for a run that is over: replay, calibrate, report."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tui.base.exit_codes import BAD_INPUT, COULD_NOT_RUN, INTERRUPTED
from tui.cli.ends import cannot_use, fail, say, write_whole

app = typer.Typer(rich_markup_mode=None)

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run record, or the start of a run id.")]
Settings = Annotated[
    Path | None,
    typer.Option("--rollout", metavar="FILE", help="Judge with the criteria and guard of this rollout file."),
]


@app.command()
def replay(
    run: RunName,
    headless: Annotated[
        bool, typer.Option("--headless", help="Say what the judge and the guard would have done, and end.")
    ] = False,
    speed: Annotated[float, typer.Option(help="Seconds of the run per second.", min=0.01, max=10_000)] = 1.0,
    rollout: Settings = None,
) -> None:
    """Show a recorded run in the cockpit again, or judge it again with other criteria."""
    from tui.afterwards.replay import replay as evaluate_again
    from tui.afterwards.replay import replay_text
    from tui.evaluation.guard import Guard

    with _told():
        recording, settings = _recording(run), _settings(rollout)
        spec = (settings or recording.rollout).guard
        if headless or not _on_a_terminal():
            # What was off in the run is asked all the same: the question is what it would have done.
            guard = Guard(replace(spec, mode="dry_run"))
            say(replay_text(evaluate_again(recording, _evaluators(recording, settings), guard)))
        else:
            _show(recording, settings, speed)


@app.command()
def calibrate(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run records, or starts of run ids.")],
    rollout: Settings = None,
    draws: Annotated[int, typer.Option(help="How often a run of different versions is split.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write all figures here; - is standard output.")
    ] = None,
) -> None:
    """Which margins a service needs that wanders by itself, from runs of two equal versions, and how often
    these settings would have called a version worse that was the same."""
    from tui.afterwards.calibrate import calibrate as count
    from tui.afterwards.calibrate import calibration_json, calibration_text
    from tui.evaluation.evaluators import Evaluators

    with _told():
        settings = _settings(rollout)
        result = count(
            [_recording(name) for name in runs],
            Evaluators,
            criteria=settings.criteria_by_task if settings is not None else None,
            draws=draws,
            seed=seed,
        )
        text = json.dumps(calibration_json(result), indent=1) + "\n"
        say(text if str(json_path) == "-" else calibration_text(result))
        if json_path is not None and str(json_path) != "-" and (problem := write_whole(json_path, text)):
            fail(problem, COULD_NOT_RUN)


@app.command()
def report(
    run: RunName,
    format_: Annotated[
        Literal["md", "html", "json"], typer.Option("--format", help="How the report is written.")
    ] = "md",
    out: Annotated[
        Path | None, typer.Option(help="Where to write it, plots beside it; else to standard output.")
    ] = None,
) -> None:
    """The hand-over record: what was seen and decided, by whom and on which evidence."""
    from tui.afterwards.report import report as files_of

    with _told():
        recording = _recording(run)
        files = files_of(
            recording, format_, _evaluators(recording), name=out.stem if out is not None else "report"
        )
        for number, (name, text) in enumerate(files.items()):
            if out is None:
                say(text)
                return
            path = out if number == 0 else out.with_name(name)
            if problem := write_whole(path, text):
                fail(problem, COULD_NOT_RUN)
            say(path)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _recording(run: str) -> Any:
    from tui.afterwards.recording import Recording, find_recording
    from tui.record.record import runs_folder

    return Recording.open(find_recording(run, runs_folder(os.environ)))


def _settings(file: Path | None) -> Any:
    from tui.cli.rehearsal import EveryKey
    from tui.rollout import RolloutError, load_rollout

    try:
        return None if file is None else load_rollout(file, env=EveryKey())
    except RolloutError as error:
        fail(str(error), BAD_INPUT)


def _evaluators(recording: Any, settings: Any = None) -> Any:
    """The evaluators of a recording, with the criteria of ``settings`` or its own."""
    from tui.evaluation.evaluators import Evaluators

    rollout = recording.rollout
    return Evaluators(rollout.baseline, recording.canaries, (settings or rollout).criteria_by_task)


def _show(recording: Any, settings: Any, speed: float) -> None:
    from tui.afterwards.player import Player
    from tui.cli.ending import Ending, NothingRuns
    from tui.cli.whoami import whoami
    from tui.cockpit.actions import keymap_mistakes
    from tui.cockpit.app import CanarytopApp
    from tui.cockpit.plots.process import ProcessRenderer
    from tui.cockpit.terminal import driver_class
    from tui.engine.messages import screen_settings

    cockpit = (settings or recording.rollout).cockpit
    if mistakes := keymap_mistakes(cockpit.keys):
        remedy = (
            "" if settings else "; the recorded rollout file says so: give one with other keys by --rollout"
        )
        fail("\n".join(f"cockpit.{mistake}{remedy}" for mistake in mistakes), BAD_INPUT)
    ending = Ending()
    with (
        ending.on_signals(),
        closing(Player(recording, lambda: _evaluators(recording, settings), speed=speed)) as player,
        closing(ProcessRenderer()) as renderer,
    ):
        app = CanarytopApp(
            player,
            renderer,
            actor=whoami(),
            settings=screen_settings(cockpit),
            export_folder=Path.cwd() / "screenshots",
            player=player,
            driver_class=driver_class(),
            exits=ending,
        )
        ending.of(NothingRuns(), app.leave)
        app.run()
        ending.left()
        if player.error is not None:
            fail(player.error, COULD_NOT_RUN)
        if app.return_code:
            fail("the cockpit broke: report what stands above; the record is as it was", COULD_NOT_RUN)
    if ending.asked.is_set():
        raise typer.Exit(INTERRUPTED)


@contextmanager
def _told() -> Iterator[None]:
    from tui.record.reader import UnreadableRecord

    try:
        yield
    except UnreadableRecord as error:
        fail(str(error), COULD_NOT_RUN)
    except OSError as error:
        fail(cannot_use(error), COULD_NOT_RUN)
