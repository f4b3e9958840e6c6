"""The command for what lies ahead of a rollout's versions: lifecycle."""

from __future__ import annotations

import asyncio
import os
import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tui.base.exit_codes import BAD_INPUT, COULD_NOT_RUN, INTERRUPTED
from tui.cli.day import Today, instant
from tui.cli.ends import fail, say, write_whole

_WIDTHS = 80, 120

app = typer.Typer(rich_markup_mode=None)

Format = Literal["text", "md", "json", "ics"]


@app.command()
def lifecycle(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A rollout file; without it every model that is known is listed."),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="Text, a page for a runbook, JSON, or an iCalendar file.")
    ] = "text",
    out: Annotated[Path | None, typer.Option(help="Where to write it; else to standard output.")] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A lifecycle file (TOML) whose entries go before those that ship here."
        ),
    ] = None,
    today: Today = None,
) -> None:
    """When versions retire, what then becomes of each deployment, and when to begin the move.

    Phases, dates and pins are those of ARM where the file gives access to
    it ([control_plane], and resource at the endpoints); else, and without
    a file, those of the dated snapshot. Nothing else is asked.
    """
    from tui.lifecycle.report import lifecycle_report, table_report
    from tui.lifecycle.table import LifecycleError, load_lifecycle

    now = instant(today)
    try:
        table = load_lifecycle(snapshot)
    except LifecycleError as error:
        fail(str(error), BAD_INPUT)
    if file is None:
        text = _table_as(format_, table_report(table, now.date()), now)
    else:
        rollout = _rollout(file)
        arm, notes = _asked(rollout)
        report = lifecycle_report(rollout, table, now.date(), arm=arm, arm_notes=notes)
        text = _rollout_as(format_, report, now)
    if out is None or str(out) == "-":
        say(text, end="")
        return
    if problem := write_whole(out, text):
        fail(problem, COULD_NOT_RUN)
    say(out)


def _asked(rollout: Any) -> tuple[Any, tuple[str, ...]]:
    """What ARM says of the deployments, and why it does not say more."""
    from tui.engine.accounts import ask_accounts, may_be_asked
    from tui.lifecycle.report import arm_of

    if not may_be_asked(rollout):
        return {}, ()
    try:
        accounts, notes = asyncio.run(ask_accounts(rollout, os.environ, now=partial(datetime.now, UTC)))
    except KeyboardInterrupt:
        fail("interrupted while the accounts were asked", INTERRUPTED)
    return arm_of(rollout.deployments.values(), accounts), notes


def _rollout_as(format_: Format, report: Any, now: datetime) -> str:
    if format_ == "ics":
        from tui.lifecycle.calendar import rollout_calendar

        return rollout_calendar(report, now)
    from tui.lifecycle.report_pages import rollout_json, rollout_markdown
    from tui.lifecycle.report_text import rollout_text

    if format_ == "text":
        return rollout_text(report, _width())
    return rollout_json(report) if format_ == "json" else rollout_markdown(report)


def _table_as(format_: Format, report: Any, now: datetime) -> str:
    if format_ == "ics":
        from tui.lifecycle.calendar import table_calendar

        return table_calendar(report, now)
    from tui.lifecycle.report_pages import table_json, table_markdown
    from tui.lifecycle.report_text import table_text

    if format_ == "text":
        return table_text(report, _width())
    return table_json(report) if format_ == "json" else table_markdown(report)


def _width() -> int:
    """Cells of the terminal, within what reads well; of a pipe the least."""
    least, most = _WIDTHS
    return min(max(shutil.get_terminal_size().columns, least), most)


def _rollout(file: Path) -> Any:
    from tui.cli.rehearsal import EveryKey
    from tui.rollout import RolloutError, load_rollout

    try:
        # Nothing is sent, so no key is asked for.
        return load_rollout(file, env=EveryKey())
    except RolloutError as error:
        fail(str(error), BAD_INPUT)
