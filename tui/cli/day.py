"""The option of a command that counts from another day than today."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

_YEARS = range(2000, 2100)


def _in_our_time(day: datetime | None) -> datetime | None:
    if day is not None and day.year not in _YEARS:
        raise typer.BadParameter(f"a day from {_YEARS.start} to {_YEARS.stop - 1}")
    return day


Today = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], callback=_in_our_time, help="Count from this day; else from today (UTC)."
    ),
]


def instant(today: datetime | None) -> datetime:
    """The beginning of that day, or now; in UTC."""
    return datetime.now(UTC) if today is None else today.replace(tzinfo=UTC)
