"""The engine as a process of its own: what it does, and how a cockpit starts it.

On its standard output it says, a line each, what it is doing until it can be attached to (``doing ...``), then
where (``at PATH``). What it says on standard error and its exit code tell why it did not start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tui.base.exit_codes import COULD_NOT_RUN
from tui.base.text import plain

if TYPE_CHECKING:
    from tui.cli.wiring import RunOptions
    from tui.rollout import Rollout

_DOING, _AT = "doing ", "at "
_SAID_CHARS = 20_000
_ENDS_S = 10.0


class DidNotStart(Exception):
    """The engine ended before it could be attached to; ``code`` is its exit code, the text what it said."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


# --- inside the process ---


def doing(text: str) -> None:
    """Say what is being done; whoever started this process may be gone."""
    _say(_DOING + text)


def serve(rollout: Rollout, options: RunOptions) -> None:
    """Run until a signal, a viewer or the end of the traffic ends the run, and save everything.

    Raises:
        EngineFailed: The engine broke.
        NoSocket: There is no place where anybody could attach.
        SimulatorFailed: The embedded simulator did not start.
        UnreadableRecord: The run to resume, or to calibrate from, cannot be read or used.
    """
    from tui.cli.ending import Ending
    from tui.cli.rehearsal import service
    from tui.cli.wiring import running

    ending = Ending()
    with ExitStack() as stack:
        stack.enter_context(ending.on_signals())
        if options.scenario is not None:
            doing("starting the simulator")
        usable = stack.enter_context(service(rollout, scenario=options.scenario, seed=options.seed or 0))
        doing("starting the engine")
        run = stack.enter_context(running(usable, options, kept_by_viewers=True))
        ending.of(run)
        assert run.server is not None, "a run that is kept by viewers has a door"
        _say(_AT + str(run.server.path))
        _let_go_of_output()
        wait([run.engine.ended])
        ending.left()
        run.engine.ended.result()


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError:
        # Nobody waits for it any more: without a viewer the run ends by itself.
        _let_go_of_output()


def _let_go_of_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


# --- outside of it ---


class EngineProcess:
    """An engine that was started for a cockpit. It outlives both the cockpit and its terminal."""

    def __init__(self, file: Path, options: RunOptions) -> None:
        command = [sys.executable, "-m", "tui", "engine", str(file), json.dumps(asdict(options))]
        # Open as long as the engine writes to it.
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            errors="replace",
            # Ctrl-C and the end of the terminal are for the cockpit.
            start_new_session=True,
        )

    def socket(self, said: Callable[[str], None]) -> Path:
        """Wait until it can be attached to, and give its socket; ``said`` hears what it does meanwhile.

        Raises:
            DidNotStart: It ended first.
        """
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line.startswith(_AT):
                    return Path(line.removeprefix(_AT).rstrip("\n"))
                said(plain(line.removeprefix(_DOING).strip(), 200))
        code = self._process.wait()
        self._said.seek(0)
        text = plain_lines(self._said.read(_SAID_CHARS))
        raise DidNotStart(
            text or f"the engine ended with {code} and said nothing", code if code > 0 else COULD_NOT_RUN
        )

    def end(self) -> None:
        """End it, and wait until it is gone."""
        self._process.terminate()
        try:
            self._process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def plain_lines(text: str) -> str:
    """Lines of another process, made harmless; ``ERROR`` at their start is left to whoever says them."""
    return "\n".join(plain(line.removeprefix("ERROR "), 2000) for line in text.strip().splitlines())
