"""The commands for a run that is live: attach and stop."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.base.exit_codes import BAD_INPUT, COULD_NOT_RUN
from tui.base.text import plain
from tui.cli.ends import Commands, fail, say

if TYPE_CHECKING:
    from tui.cockpit.connection import Connection

app = typer.Typer(cls=Commands, rich_markup_mode=None)

_ENDS_S = 60.0

Run = Annotated[
    str | None,
    typer.Argument(metavar="RUN", help="The id of a live run, or its beginning; else the newest one."),
]


@app.command()
def attach(
    run: Run = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look, but change nothing.")] = False,
    no_mouse: Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")] = False,
) -> None:
    """The cockpit on a run that is live: started by watch, demo or run, here or in another terminal."""
    from tui.cli.ending import Ending
    from tui.cli.viewing import CockpitFailed, show
    from tui.cockpit.connection import EngineGone

    connection = _connected(run, read_only=read_only)
    if not connection.is_same_version:
        _other_version(connection)
        return
    ending = Ending()
    try:
        with ending.on_signals():
            code = show(connection, ending, read_only=read_only, mouse=not no_mouse)
    except (CockpitFailed, EngineGone) as error:
        fail(str(error), COULD_NOT_RUN)
    raise typer.Exit(code)


@app.command()
def stop(run: Run = None) -> None:
    """End a live run: requests under way are cut, everything is saved, the weights stay as they are."""
    from tui.cockpit.connection import EngineGone
    from tui.routing.controller import CommandRefused

    with closing(_connected(run, read_only=False, looks=False)) as connection:
        try:
            connection.stop().result(_ENDS_S)
            connection.ended.result(_ENDS_S)
        except (CommandRefused, EngineGone, TimeoutError) as error:
            fail(f"run {connection.welcome.run_id} was not seen to end: {error}", COULD_NOT_RUN)
        say(f"run {connection.welcome.run_id} of {connection.welcome.rollout} has ended")
        say(f"record: {connection.welcome.record}")


def _connected(run: str | None, *, read_only: bool, looks: bool = True) -> Connection:
    from tui.cli.viewing import attached
    from tui.engine.sockets import NoSocket, live_sockets, sockets_folder

    try:
        found = live_sockets(sockets_folder(os.environ))
        fitting = [path for path in found if run is None or path.stem.startswith(run)]
        if not fitting:
            which = "no run is live" if run is None else f"no live run begins with {plain(run, 60)}"
            fail(f"{which}: {_live(found)}", COULD_NOT_RUN)
        if run is not None and len(fitting) > 1 and fitting[0].stem != run:
            fail(f"{plain(run, 60)} is the beginning of several runs: {_live(fitting)}", BAD_INPUT)
        return attached(fitting[0], read_only=read_only, looks=looks)
    except NoSocket as error:
        fail(str(error), COULD_NOT_RUN)


def _live(found: list[Path]) -> str:
    return f"live are {', '.join(path.stem for path in found)}" if found else "canarytop watch FILE starts one"


def _other_version(connection: Connection) -> None:
    """Roll back and end are understood across versions, and nothing else."""
    from tui.model.commands import RollBack
    from tui.routing.controller import CommandRefused

    welcome = connection.welcome
    say(f"run {welcome.run_id} is of canarytop {welcome.program}, which shows nothing to another version.")
    with closing(connection):
        match typer.prompt("r rolls back, s ends the run, anything else leaves", default="").strip():
            case "r":
                asked = connection.send(RollBack(), actor="")
            case "s":
                asked = connection.stop()
            case _:
                return
        try:
            event = asked.result(_ENDS_S)
        except CommandRefused as error:
            fail(str(error), COULD_NOT_RUN)
        say(event.text if hasattr(event, "text") else "it ends")
