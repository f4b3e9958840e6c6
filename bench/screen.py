"""Rows on the cockpit: what it costs, what it does to the figures, and how fast its keys act."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.load import CANARY, Load, engine_on
from bench.terminal import terminal
from tests.support.places import ROOT
from tui.model.commands import RollBack, Shift

_WARM_S = 4.0
_MORE_S = 30.0
_KEY_EVERY_S = 0.2


def cockpit(load: Load, for_s: float, keys: int = 0) -> dict[str, Any]:
    """The report of a cockpit in a real terminal; ``r`` is typed ``keys`` times in ``for_s`` seconds."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "report.json"
        with terminal(_command("cockpit", load, folder, out, for_s), {"XDG_STATE_HOME": name}) as screen:
            pressed_s = []
            time.sleep(_WARM_S if keys else 0)
            for _ in range(keys):
                time.sleep(_KEY_EVERY_S)
                pressed_s.append(screen.press("r"))
            deadline_s = time.monotonic() + _WARM_S + for_s + _MORE_S
            while not out.exists():
                if time.monotonic() > deadline_s or screen.process.poll() is not None:
                    raise RuntimeError(f"the cockpit ended or hung: exit code {screen.process.poll()}")
                time.sleep(0.1)
            report = json.loads(out.read_text())
        return {**report, "pressed_s": pressed_s, "written_bytes": screen.read_bytes}


def no_cockpit(load: Load, for_s: float) -> dict[str, Any]:
    """The report of the same traffic without a screen."""
    with TemporaryDirectory() as name:
        out = Path(name) / "report.json"
        command = _command("engine", load, Path(name), out, for_s)
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "XDG_STATE_HOME": name})
        report: dict[str, Any] = json.loads(out.read_text())
        return report


def _command(what: str, load: Load, folder: Path, out: Path, for_s: float) -> list[str]:
    rollout = load.write(folder)
    return [sys.executable, "-m", "bench.watched", what, str(rollout), str(out), str(_WARM_S), str(for_s)]


def key_to_last_ms(report: dict[str, Any]) -> list[float]:
    """For each key: ms until the last request that was still assigned to the canary, 0 where none was.

    Until the traffic is shifted back, that is: before the next key, and within 100 ms of the rollback.
    """
    delays = []
    for pressed_s in report["pressed_s"]:
        done_s = min((s for s in report["rolled_back_s"] if s > pressed_s), default=float("inf"))
        late = [s - pressed_s for s in report["canary_s"] if pressed_s < s < done_s + 0.1]
        delays.append(1000 * max(late, default=0.0))
    return delays


def command_to_last_ms(load: Load, tries: int) -> list[float]:
    """As ``key_to_last_ms``, for ``engine.roll_back`` called from another thread."""
    # Only here: the process that prints the table does without the program.
    from bench import watched

    watched.instrument()
    delays = []
    with engine_on(load) as engine:
        time.sleep(_WARM_S)
        for _ in range(tries):
            called_s = time.perf_counter()
            engine.send(RollBack(), actor="bench").result()
            time.sleep(0.06)
            late = [s - called_s for s in watched.SEEN.canary_s if s > called_s]
            delays.append(1000 * max(late, default=0.0))
            engine.send(Shift(CANARY, 50.0, force=True), actor="bench").result()
            time.sleep(0.04)
    return delays
