"""A cockpit attached to a run: until a person leaves it, or its terminal is lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tui.base.exit_codes import COULD_NOT_RUN, INTERRUPTED, OK
from tui.base.text import plain
from tui.cli.ends import tell
from tui.cli.whoami import terminal, whoami
from tui.engine.messages import PROTOCOL, Hello
from tui.model import EventKind, Snapshot
from tui.routing.weights import weights_said

if TYPE_CHECKING:
    from tui.cli.ending import Ending
    from tui.cockpit.connection import Connection

_FIRST_S = 20.0
"""How long the first picture may take once the engine listens: an hour of history of many deployments."""

_ENDS_S = 15.0


class CockpitFailed(Exception):
    """The screen broke, and the run behind it goes on."""


class _Detached:
    """The end of a cockpit: the run goes on without it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def end(self) -> None:
        """Nothing of the run is touched."""

    def has_ended(self, timeout_s: float) -> bool:
        """A run that was asked to end is waited for."""
        if self._connection.was_stopped:
            wait([self._connection.ended], timeout_s)
        return True

    def close(self) -> None:
        self._connection.close()


@contextmanager
def starting(what: str) -> Iterator[Callable[[str], None]]:
    """A screen of its own while nothing can be shown yet; give it what is being done."""
    if os.environ.get("TEXTUAL_DRIVER"):
        # What the driver's other end shows is no terminal.
        yield lambda text: None
        return
    out = sys.stdout
    out.write(f"\x1b[?1049h\x1b[2J\x1b[H{plain(what, 200)}\r\n")

    def show(text: str) -> None:
        out.write(f"starting: {text}\r\n")
        out.flush()

    out.flush()
    try:
        yield show
    except BaseException:
        out.write("\x1b[?1049l")
        out.flush()
        raise


def attached(path: Path, *, read_only: bool = False, looks: bool = True) -> Connection:
    """The run that listens at ``path``.

    Raises:
        NoSocket: Nobody listens there.
    """
    from tui.cockpit.connection import Connection

    return Connection(path, Hello(PROTOCOL, version("canarytop"), whoami(), terminal(), read_only, looks))


def show(connection: Connection, ending: Ending, *, read_only: bool, mouse: bool) -> int:
    """The cockpit until it is left. Returns the exit code: 0 where a person left it, 130 where its terminal or
    a signal ended it, 3 where the engine was gone.

    Raises:
        CockpitFailed: The screen broke.
    """
    from tui.cockpit.app import CanarytopApp
    from tui.cockpit.plots.process import ProcessRenderer
    from tui.cockpit.terminal import driver_class

    welcome = connection.welcome

    with ExitStack() as stack:
        stack.callback(connection.close)
        connection.first_snapshot(_FIRST_S)
        renderer = stack.enter_context(closing(ProcessRenderer()))
        app = CanarytopApp(
            connection,
            renderer,
            actor=whoami(),
            read_only=read_only,
            settings=welcome.settings,
            export_folder=Path.cwd() / "screenshots",
            lifecycle=_lifecycle(welcome.record),
            greeting="; ".join(welcome.begins),
            driver_class=driver_class(),
            run=connection,
            exits=ending,
        )
        ending.of(_Detached(connection), app.leave)
        app.run(mouse=mouse)
        ending.left()
        before = connection.snapshot()
        if app.ends_run:
            connection.stop()
            wait([connection.ended], _ENDS_S)
        if app.return_code:
            on = _goes_on(connection, connection.snapshot())
            raise CockpitFailed(f"the cockpit broke: report what stands above; {on}")
        return _said(connection, before, asked=ending.asked.is_set())


def _said(connection: Connection, before: Snapshot, *, asked: bool) -> int:
    """Say what became of the run, and give the exit code."""
    last = connection.snapshot()
    for text in left_half_done(before, last):
        tell(text)
    gone = connection.ended.exception() if connection.ended.done() and not connection.was_closed else None
    if gone is not None:
        tell(f"ERROR {gone}")
    elif connection.ended.done() and not connection.was_closed:
        tell(f"run {connection.welcome.run_id} has ended; weights stay: {weights_said(last.weights)}")
    else:
        tell(_goes_on(connection, last))
    tell(f"record: {connection.welcome.record}")
    return INTERRUPTED if asked else OK if gone is None else COULD_NOT_RUN


def _goes_on(connection: Connection, last: Snapshot) -> str:
    run = connection.welcome.run_id
    ends = f" until {last.ends_at:%Y-%m-%d %H:%M}Z" if last.ends_at is not None else ""
    return f"run {run} goes on{ends}: canarytop attach {run} comes back to it, canarytop stop {run} ends it"


def left_half_done(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """What was cut off on the way from one snapshot of a run to another, with the command to do it by hand."""
    last = max((event.id for event in before.events), default=0)
    for event in after.events:
        if event.kind is EventKind.HALF_DONE and event.id > last:
            yield event.text + (f"\nby hand: {event.reason}" if event.reason else "")


def _lifecycle(record: str) -> Callable[[Snapshot, int], str]:
    """What lies ahead of the deployments of a run, as ``canarytop lifecycle`` says it."""

    def text(snapshot: Snapshot, width: int) -> str:
        from tui.lifecycle.report import arm_of, lifecycle_report
        from tui.lifecycle.report_text import rollout_text
        from tui.lifecycle.table import load_lifecycle
        from tui.record.reader import UnreadableRecord, read_head
        from tui.rollout import RolloutError, recorded_rollout

        try:
            rollout = recorded_rollout(read_head(Path(record)).rollout_text, Path(record))
        except (OSError, RolloutError, UnreadableRecord) as error:
            return f"the rollout file of this run cannot be read any more: {plain(str(error), 500)}"
        arm = arm_of(rollout.deployments.values(), {account.endpoint: account for account in snapshot.accounts})
        served = {name: view.served for name, view in snapshot.deployments.items() if view.served is not None}
        report = lifecycle_report(rollout, load_lifecycle(), snapshot.at.date(), arm=arm, served=served)
        return rollout_text(report, width)

    return text
