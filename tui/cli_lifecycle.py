"""The command for what lies ahead of a rollout's versions: lifecycle."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

BAD_INPUT, COULD_NOT_RUN = 2, 3

_YEARS = range(2000, 2100)
_WIDTHS = 80, 120

app = typer.Typer()

Format = Literal["text", "md", "json", "ics"]


def _in_our_time(day: datetime | None) -> datetime | None:
    if day is not None and day.year not in _YEARS:
        raise typer.BadParameter(f"a day from {_YEARS.start} to {_YEARS.stop - 1}")
    return day


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
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], callback=_in_our_time, help="Count from this day; else from today (UTC)."
        ),
    ] = None,
) -> None:
    """When versions retire, what then becomes of each deployment, and when to begin the move."""
    from tui.azure.lifecycle_table import LifecycleError, load_lifecycle
    from tui.azure.outlook import outlook_of, outlook_of_table

    now = datetime.now(UTC) if today is None else today.replace(tzinfo=UTC)
    try:
        table = load_lifecycle(snapshot)
    except LifecycleError as error:
        _fail(str(error), BAD_INPUT)
    if file is None:
        text = _table_as(format_, outlook_of_table(table, now.date()), now)
    else:
        text = _rollout_as(format_, outlook_of(_rollout(file), table, now.date()), now)
    if out is None or str(out) == "-":
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        _fail(f"{out} cannot be written: {error.strerror or error}", COULD_NOT_RUN)
    typer.echo(out)


def _rollout_as(format_: Format, outlook: Any, now: datetime) -> str:
    if format_ == "ics":
        from tui.azure.outlook_calendar import rollout_calendar

        return rollout_calendar(outlook, now)
    from tui.azure.outlook_pages import rollout_json, rollout_markdown
    from tui.azure.outlook_text import rollout_text

    if format_ == "text":
        return rollout_text(outlook, _width())
    return rollout_json(outlook) if format_ == "json" else rollout_markdown(outlook)


def _table_as(format_: Format, outlook: Any, now: datetime) -> str:
    if format_ == "ics":
        from tui.azure.outlook_calendar import table_calendar

        return table_calendar(outlook, now)
    from tui.azure.outlook_pages import table_json, table_markdown
    from tui.azure.outlook_text import table_text

    if format_ == "text":
        return table_text(outlook, _width())
    return table_json(outlook) if format_ == "json" else table_markdown(outlook)


def _width() -> int:
    """Cells of the terminal, within what reads well; of a pipe the least."""
    least, most = _WIDTHS
    return min(max(shutil.get_terminal_size().columns, least), most)


def _rollout(file: Path) -> Any:
    from tui.rollout import RolloutError, load_rollout
    from tui.wiring import EveryKey

    try:
        # Nothing is sent, so no key is asked for.
        return load_rollout(file, env=EveryKey())
    except RolloutError as error:
        _fail(str(error), BAD_INPUT)


def _fail(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
