"""The command that tries whether people are reached: notify."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tui.base.exit_codes import BAD_INPUT, COULD_NOT_RUN
from tui.cli.ends import fail, say

app = typer.Typer(rich_markup_mode=None)


@app.command()
def notify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rollout file (TOML).")],
    test: Annotated[
        bool, typer.Option("--test", help="Send everybody a message that says that it is a test.")
    ] = False,
) -> None:
    """Who is told of what during a run of this file; with --test, whether it arrives.

    Exit codes: 0 all arrived, or nothing was sent; 2 bad input; 3 somebody was not reached.
    """
    from tui.notify.bodies import Message, Origin
    from tui.notify.sender import tried
    from tui.rollout import RolloutError, load_rollout

    try:
        rollout = load_rollout(file, env=os.environ)
    except RolloutError as error:
        fail(str(error), BAD_INPUT)
    if not rollout.notify:
        fail(f"{file} tells nobody: add [[notify]] with kind and url_env", BAD_INPUT)
    if not test:
        for spec in rollout.notify:
            say(f"{spec.kind:<10} {spec.named_by}  on {', '.join(spec.on)}")
        return
    message = Message(
        occasion="worse",
        origin=Origin(rollout.name, rollout.environment, "test"),
        at=datetime.now(UTC),
        text="this is how a message looks",
        reason="",
        weights=rollout.weights,
    )
    reached = True
    for spec, why in tried(rollout.notify, os.environ, message):
        reached = reached and not why
        say(f"{spec.kind:<10} {spec.named_by}  {f'not reached: {why}' if why else 'reached'}")
    if not reached:
        fail(
            "not everybody was reached: look at the address or the key in the variable that is named",
            COULD_NOT_RUN,
        )
