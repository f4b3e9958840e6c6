"""The command that looks for mistakes before traffic does: check."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tui.base.exit_codes import BAD_INPUT, COULD_NOT_RUN, INTERRUPTED
from tui.cli.day import Today, instant
from tui.cli.ends import fail, say

app = typer.Typer(rich_markup_mode=None)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rollout file (TOML).")],
    online: Annotated[
        bool,
        typer.Option(
            "--online",
            help="Also ask its services. Sends one short request (16 tokens) to every deployment and the judge;"
            " reads the accounts where the file gives access to them, and the public price list. Changes"
            " nothing.",
        ),
    ] = False,
    today: Today = None,
) -> None:
    """Say every mistake of a rollout file at once; with --online, whether its services agree.

    --online looks at each endpoint (is it there, does the key let us in,
    is it where the file says) and at each deployment and the judge (answer,
    state, pin, region, quota, limit of requests and price). Where the file names
    the simulator, one is started, on the day of --today, and asked.

    Exit codes: 0 nothing is wrong; 1 something is wrong; 2 the file has
    mistakes; 3 an endpoint or the control plane could not be asked at all;
    130 interrupted.
    """
    from tui.base.problems import Problem, format_problems
    from tui.cli.before_run import files_problem, further_problems, room_for, trace_said
    from tui.rollout import check_rollout
    from tui.traffic.sources import look

    if today is not None and not online:
        raise typer.BadParameter("only --online compares dates: give both", param_hint="--today")
    rollout, problems = check_rollout(file, os.environ)
    more = further_problems(rollout, keys=True) if rollout is not None else ()
    looks = [look(spec) for spec in rollout.traffic.sources] if rollout is not None else []
    for number, seen in enumerate(looks, start=1):
        if seen is not None and seen.problem is not None:
            more = (*more, Problem(f"traffic.sources[{number}]", seen.text, seen.problem))
    files = room_for(rollout) if rollout is not None else None
    # What a run may raise for itself is no doubt.
    doubts = () if files is None or files.enough else (files_problem(files),)
    say(format_problems((*problems, *more, *doubts), file))
    if rollout is None or more:
        raise typer.Exit(BAD_INPUT)
    for name, deployment in rollout.deployments.items():
        say(f"{name}: {deployment.model} {deployment.version}, {_price(deployment)}")
    for seen in looks:
        if seen is not None:
            say(seen.text)
    if said := trace_said(rollout):
        say(said)
    if online:
        raise typer.Exit(_online(rollout, today))


def _online(rollout: Any, today: datetime | None) -> int:
    from tui.cli.rehearsal import service
    from tui.preflight.check import check_online
    from tui.preflight.finding import CannotAsk, exit_code, findings_text
    from tui.simulator.child import SimulatorFailed

    now = partial(instant, today)
    day = None if today is None else today.date()
    try:
        with service(rollout, scenario=None, seed=0, today=day) as usable:
            findings = asyncio.run(check_online(usable, os.environ, now=now))
    except (CannotAsk, SimulatorFailed) as error:
        fail(str(error), COULD_NOT_RUN)
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    head = f"{_asked(rollout)}, {now():%Y-%m-%d %H:%M:%S}Z"
    # In a pipe a finding is a line, however long.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    say(f"\n{findings_text(head, findings, width)}")
    return exit_code(findings)


def _asked(rollout: Any) -> str:
    """Which services were asked."""
    from tui.rollout import SIMULATOR

    names = [name for name, endpoint in rollout.endpoints.items() if endpoint.url == SIMULATOR]
    if not names:
        return f"{rollout.name} against its services"
    alone = len(names) == len(rollout.endpoints)
    return f"{rollout.name} against the embedded simulator, no real service" + (
        "" if alone else f", at {', '.join(names)}"
    )


def _price(deployment: Any) -> str:
    from tui.service.prices import price_for, price_words

    if deployment.provisioned:
        return "provisioned: no price per token"
    price = deployment.price or price_for(deployment.model, deployment.version)
    if price is None:
        return "price unknown: give `price` in the file to see costs"
    words = price_words(price.input_usd, price.cached_input_usd, price.output_usd)
    return f"{words} ({price.source}{f', {price.as_of}' if price.as_of else ''})"
