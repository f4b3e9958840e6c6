"""Simulator as a child process of a program that wants a service to speak to."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from urllib.parse import quote

from tui.base.text import plain

_SAID_CHARS = 20_000


class SimulatorFailed(Exception):
    """The child process did not come up; the text says what it printed last."""


def deployment_spec(name: str, model: str, version: str, role: str) -> str:
    """What ``parse_deployment`` reads as this deployment."""
    name, model, version = (quote(part, safe="/ ") for part in (name, model, version))
    return f"{name}={model}@{version}:{role}"


@contextmanager
def running(
    *,
    scenario: str,
    seed: int,
    deployments: Sequence[str],
    known: Sequence[Path] = (),
    qualities: Sequence[str] = (),
    today: date | None = None,
) -> Iterator[str]:
    """Run ``canarytop sim`` beside this process and give its URL; it ends with the block, or with us.

    ``deployments`` are specs as ``parse_deployment`` reads them, ``qualities`` as ``with_qualities`` does;
    ``known`` are task files whose answers the deployments know; ``today`` is where its calendar starts.

    Raises:
        SimulatorFailed: It ended before it listened.
    """
    command = [sys.executable, "-m", "tui", "sim", "--port", "0", "--scenario", scenario, "--seed", str(seed)]
    command += [part for spec in deployments for part in ("--deployment", spec)]
    command += [part for path in known for part in ("--known", str(path))]
    command += [part for spec in qualities for part in ("--quality", spec)]
    command += [] if today is None else ["--today", today.isoformat()]
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(
            [*command, "--exit-with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            # Ctrl-C in the terminal is for the program in front; the child ends when its standard input does.
            start_new_session=True,
        )
        # Leaving the block closes the pipes, which ends the child, and waits for it.
        with child:
            assert child.stdout is not None
            first = child.stdout.readline().split()
            if first[:1] != ["canarytop-sim"]:
                child.kill()
                child.wait()
                said.seek(0)
                last = said.read(_SAID_CHARS).strip().splitlines()[-1:] or ["nothing"]
                said_last = plain(last[0], 400)
                raise SimulatorFailed(
                    f"the simulator did not start; it said: {said_last}; canarytop sim starts it by itself"
                )
            yield first[1]
