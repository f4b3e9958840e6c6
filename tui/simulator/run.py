"""Simulator as a program of its own."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast
from urllib.parse import unquote

from tui.simulator.behaviour import UPGRADES, PretendDeployment, Role, TaskQuality, Upgrades
from tui.simulator.known import read_known
from tui.simulator.scenarios import scenario_named
from tui.simulator.server import Simulator

_STDIN = 0

_SPEC = re.compile(r"(?P<name>[^=]+)=(?P<model>[^@]+)@(?P<version>[^:]+)(?::(?P<role>.*))?")
_QUALITY = re.compile(
    r"(?P<name>[^=]+)=(?P<task>[^:]+):(?P<accuracy>\d+(?:\.\d+)?),(?P<mean>\d+(?:\.\d+)?)(?:,(?P<spread>\d+(?:\.\d+)?))?"
)


def parse_deployment(spec: str) -> PretendDeployment:
    """Read ``NAME=MODEL@VERSION[:baseline|canary|judge]``; without a role it is a canary.

    In a name ``=``, ``@``, ``:`` and ``%`` are written as in a URL: ``llama3.1%3A8b``.

    Raises ``ValueError`` that says what is wrong and shows a right one.
    """
    match = _SPEC.fullmatch(spec.strip())
    if match is None:
        raise ValueError(
            f"deployment {spec!r}: write NAME=MODEL@VERSION[:baseline|canary|judge], "
            "for example gpt4o-prod-v1120=gpt-4o@2024-11-20:baseline"
        )
    role = match["role"] or "canary"
    name, model, version = (unquote(match[part]) for part in ("name", "model", "version"))
    return PretendDeployment(name, model, version, cast(Role, role))


def with_upgrades(deployments: Sequence[PretendDeployment], options: Sequence[str]) -> list[PretendDeployment]:
    """The deployments with upgrade options read from ``NAME=OPTION``.

    Raises ``ValueError`` that says what is wrong and what would be right.
    """
    known = [d.name for d in deployments]
    chosen: dict[str, Upgrades] = {}
    for text in options:
        name, _, option = text.strip().partition("=")
        if name not in known:
            raise ValueError(
                f"upgrade option {text!r}: no deployment is called {name!r}; known: {', '.join(known)}"
            )
        if option not in UPGRADES:
            raise ValueError(f"upgrade option {text!r}: write {name}=OPTION with one of {', '.join(UPGRADES)}")
        chosen[name] = cast(Upgrades, option)
    return [replace(d, upgrades=chosen.get(d.name, d.upgrades)) for d in deployments]


def with_qualities(deployments: Sequence[PretendDeployment], specs: Sequence[str]) -> list[PretendDeployment]:
    """The deployments with qualities read from ``NAME=TASK:ACCURACY,SCORE[,SPREAD]``; TASK ``*`` is any other.

    Raises ``ValueError`` that says what is wrong and what would be right.
    """
    known = [d.name for d in deployments]
    told: dict[str, dict[str, TaskQuality]] = {name: {} for name in known}
    for spec in specs:
        match = _QUALITY.fullmatch(spec.strip())
        if match is None:
            raise ValueError(
                f"quality {spec!r}: write NAME=TASK:ACCURACY,SCORE[,SPREAD], "
                f"for example {known[-1]}=contract_analysis:80,3.1"
            )
        if match["name"] not in told:
            raise ValueError(
                f"quality {spec!r}: no deployment is called {match['name']!r}; known: {', '.join(known)}"
            )
        more = {"score_spread": float(match["spread"])} if match["spread"] else {}
        quality = TaskQuality(match["task"], float(match["accuracy"]), float(match["mean"]), **more)
        told[match["name"]][quality.task] = quality
    return [
        replace(d, behaviour=replace(d.behaviour, quality=tuple(told[d.name].values()))) if told[d.name] else d
        for d in deployments
    ]


DEFAULT_DEPLOYMENTS = (
    parse_deployment("gpt4o-prod-v1120=gpt-4o@2024-11-20:baseline"),
    parse_deployment("gpt4o-prod-v0806=gpt-4o@2024-08-06:canary"),
)


def run_simulator(
    port: int = 0,
    scenario: str = "healthy",
    seed: int = 0,
    deployments: Sequence[PretendDeployment] = DEFAULT_DEPLOYMENTS,
    *,
    today: date | None = None,
    known: Sequence[Path] = (),
    exit_with_parent: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM; with ``exit_with_parent`` also until standard input ends.

    The first line printed is ``canarytop-sim http://127.0.0.1:PORT`` for programs, the rest is for people.
    ``today`` is where the calendar starts, None is the real date; ``known`` are task files whose answers the
    deployments know. Raises ``ValueError`` for an unknown scenario, unusable deployments or files, a day out of
    range, or qualities where the scenario has its own, ``OSError`` when the port is taken.
    """
    sets_quality = any(change.what == "quality" for change in scenario_named(scenario).changes)
    if sets_quality and any(deployment.behaviour.quality for deployment in deployments):
        raise ValueError(f"scenario {scenario} sets the qualities itself: leave out --quality, or the scenario")
    items, notes = read_known(known)
    simulator = Simulator(deployments, scenario_named(scenario), seed, port=port, today=today, known=items)
    asyncio.run(_serve(simulator, scenario, seed, deployments, notes, exit_with_parent))


async def _serve(
    simulator: Simulator,
    scenario: str,
    seed: int,
    deployments: Sequence[PretendDeployment],
    notes: Sequence[str],
    exit_with_parent: bool,
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if exit_with_parent:
        threading.Thread(target=_wait_for_end_of_input, args=(loop, stop), daemon=True).start()
    port = await simulator.start()
    print(f"canarytop-sim http://127.0.0.1:{port}", flush=True)
    print(f"scenario {scenario}, seed {seed}: {scenario_named(scenario).description}")
    for deployment in deployments:
        print(f"  {deployment.name}  {deployment.served_model}  {deployment.role}")
    for note in notes:
        print(f"known answers: {note}")
    print(f"calendar: {simulator.control.calendar.today}; it moves with POST /sim/calendar")
    print(
        "any key is accepted; the truth is at /sim/truth, the control plane at /subscriptions/...", flush=True
    )
    _calm_collector()
    try:
        await stop.wait()
    finally:
        await simulator.stop()


def _calm_collector() -> None:
    """Keep the garbage collector's pauses out of the times that clients measure."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # Unbuffered: a lock on sys.stdin held by a daemon thread would abort the interpreter at its end.
    try:
        while os.read(_STDIN, 4096):
            pass
    except OSError as error:
        print(f"standard input cannot be watched ({error}): stopping", file=sys.stderr)
    if not loop.is_closed():
        loop.call_soon_threadsafe(stop.set)
