"""The program with instruments in it: ``python -m bench.watched cockpit|engine FILE OUT WARM_S FOR_S``.

It runs the real cockpit with the engine as a thread beside it, or the engine without a screen, for ``FOR_S``
seconds after ``WARM_S`` and writes what it saw as JSON to OUT. In the cockpit the stalls of its loop are timed
for ``STALLS_S`` seconds more.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import tui.engine.session
from bench.load import CANARY
from bench.processes import cpu_of_s, rss_mb
from tui.cli.wiring import RunOptions, running
from tui.cockpit.plots.process import ProcessRenderer
from tui.model import Assignment, Outcome, Request, Snapshot
from tui.model.commands import Shift
from tui.rollout import load_rollout
from tui.routing.router import Router
from tui.service.client import ServiceClient
from tui.service.transport import current_exchange

STALLS_S = 4.0
_BEAT_S = 0.005
_SHIFT_BACK_S = 0.12


class _Seen:
    """What the instruments have seen; instants are readings of ``time.perf_counter``."""

    def __init__(self) -> None:
        self.errors_ms: list[tuple[float, float]] = []
        self.canary_s: list[float] = []
        self.rolled_back_s: list[float] = []
        self.stalls_ms: list[float] = []
        self.plot_pids: list[int] = []


SEEN = _Seen()


class _Client(ServiceClient):
    """Compares every latency with the time that the service says it took."""

    async def complete(
        self,
        request: Request,
        assignment: Assignment,
        due_s: float,
        *,
        saturated: bool = False,
        keep_text: bool | None = None,
    ) -> Outcome:
        outcome = await super().complete(request, assignment, due_s, saturated=saturated, keep_text=keep_text)
        served_us = current_exchange.get().headers.get("x-svc-us")
        if served_us is not None and outcome.latency_ms is not None:
            SEEN.errors_ms.append((time.perf_counter(), outcome.latency_ms - int(served_us) / 1000))
        return outcome


class _Router(Router):
    """Notes when a request was assigned to the canary."""

    def assign(
        self, request_id: int, task: str, *, prompt_chars: int | None = None, saturated: bool = False
    ) -> Assignment:
        assignment = super().assign(request_id, task, prompt_chars=prompt_chars, saturated=saturated)
        if assignment.deployment == CANARY:
            SEEN.canary_s.append(time.perf_counter())
        return assignment


class _Renderer(ProcessRenderer):
    """Tells which process draws."""

    def __init__(self) -> None:
        super().__init__()
        SEEN.plot_pids.append(self.pid)


class _Clocks:
    """CPU of this process, of this thread and of the process that draws, since it was made.

    The app's loop has the main thread to itself; other threads of the cockpit write to the terminal.
    """

    def __init__(self) -> None:
        self._at_s, self._cpu_s, self._thread_s, self._plots_s = self._read()

    @staticmethod
    def _read() -> tuple[float, float, float, float]:
        return time.perf_counter(), time.process_time(), time.thread_time(), sum(map(cpu_of_s, SEEN.plot_pids))

    def report(self) -> dict[str, Any]:
        at_s, cpu_s, thread_s, plots_s = self._read()
        took_s = at_s - self._at_s
        return {
            "cpu_pct": 100 * (cpu_s - self._cpu_s) / took_s,
            "thread_cpu_pct": 100 * (thread_s - self._thread_s) / took_s,
            "plots_cpu_pct": 100 * (plots_s - self._plots_s) / took_s,
            "errors_ms": [ms for seen_s, ms in SEEN.errors_ms if seen_s >= self._at_s],
            "rss_mb": rss_mb(os.getpid()) + sum(map(rss_mb, SEEN.plot_pids)),
        }


async def _beat(for_s: float) -> None:
    """A task that wants to run every 5 ms: how late it is, is how long a key would have waited."""
    ends_s = time.perf_counter() + for_s
    while (due_s := time.perf_counter() + _BEAT_S) < ends_s:
        await asyncio.sleep(_BEAT_S)
        SEEN.stalls_ms.append(1000 * (time.perf_counter() - due_s))


def _cockpit(rollout: Path, out: Path, warm_s: float, for_s: float) -> None:
    import tui.cockpit.app

    class Watched(tui.cockpit.app.CanarytopApp):
        CSS_PATH = str(Path(tui.cockpit.app.__file__).with_name("cockpit.tcss"))

        async def on_mount(self) -> None:  # Textual calls that of the base class too
            self._controls.subscribe(self._shift_back)
            self._watching = asyncio.create_task(self._watch())

        async def _watch(self) -> None:
            await asyncio.sleep(warm_s)
            clocks = _Clocks()
            await asyncio.sleep(for_s)
            report = clocks.report()
            await _beat(STALLS_S)
            _write(out, report)
            self.exit()

        def _shift_back(self, snapshot: Snapshot) -> None:
            """After a rollback the canary gets its traffic again, for the next one."""
            if snapshot.weights["default"][CANARY] == 0 and not self._due_back:
                SEEN.rolled_back_s.append(time.perf_counter())
                self._due_back = True
                asyncio.get_running_loop().call_later(_SHIFT_BACK_S, self._shift)

        _due_back = False

        def _shift(self) -> None:
            self._controls.send(Shift(CANARY, 50.0, force=True), actor="bench")
            self._due_back = False

    with (
        running(load_rollout(rollout, env=os.environ), RunOptions(seed=1)) as run,
        closing(_Renderer()) as renderer,
    ):
        Watched(run.engine, renderer, actor="bench", export_folder=out.parent).run(mouse=False)


def _engine(rollout: Path, out: Path, warm_s: float, for_s: float) -> None:
    with running(load_rollout(rollout, env=os.environ), RunOptions(seed=1)):
        time.sleep(warm_s)
        clocks = _Clocks()
        time.sleep(for_s)
        _write(out, clocks.report())


def _write(out: Path, report: dict[str, Any]) -> None:
    seen = {name: getattr(SEEN, name) for name in ("canary_s", "rolled_back_s", "stalls_ms")}
    # Renamed when whole: whoever waits for the file never reads half of it.
    part = out.with_suffix(".part")
    part.write_text(json.dumps({**report, **seen}))
    part.rename(out)


def instrument() -> None:
    """Every engine made in this process from now on is watched."""
    _put(tui.engine.session, ServiceClient=_Client, Router=_Router)


def _put(module: ModuleType, **classes: type) -> None:
    """Put classes with instruments where the program looks for its own."""
    for name, instrumented in classes.items():
        setattr(module, name, instrumented)


def main(what: str, rollout: str, out: str, warm_s: str, for_s: str) -> None:
    instrument()
    run = _cockpit if what == "cockpit" else _engine
    run(Path(rollout), Path(out), float(warm_s), float(for_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
