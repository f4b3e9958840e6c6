"""How a command ends that cannot go on: a sentence on standard error, and an exit code."""

from __future__ import annotations

from typing import NoReturn

import typer

BAD_INPUT, COULD_NOT_RUN, INTERRUPTED = 2, 3, 130


def fail(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
