"""Simulators in a process of their own, so that they and what measures them do not share an interpreter.

Each line of standard input asks for one: ``{"deployments": [[name, model, version, role, {behaviour}]],
"scenario": NAME, "from_s": SECONDS, "key": KEY}``. The answer is a line with its URL. ``from_s`` is how far
into the scenario the first request comes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from tests.support.places import ROOT
from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.server import Simulator


class Simulators:
    """The process, seen from the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def serve(
        self,
        deployments: Sequence[PretendDeployment],
        *,
        scenario: str = "healthy",
        from_s: float = 0.0,
        seed: int = 0,
        key: str | None = None,
    ) -> str:
        """Start one more simulator and return its URL."""
        specs = [[d.name, d.model, d.version, d.role, asdict(d.behaviour)] for d in deployments]
        asked = {"deployments": specs, "scenario": scenario, "from_s": from_s, "seed": seed, "key": key}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def simulators() -> Iterator[Simulators]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.simulator_process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        # Leaving the block closes the pipes, which ends the process.
        yield Simulators(process)


def truth(url: str) -> dict[str, Any]:
    """What the simulator counted, by deployment."""
    with urllib.request.urlopen(f"{url}/sim/truth", timeout=10) as response:
        counted: dict[str, Any] = json.load(response)["deployments"]
    return counted


async def _serve(asked: dict[str, Any]) -> str:
    jumped_s = 0.0
    served = Simulator(
        [
            PretendDeployment(name, model, version, role, Behaviour(**behaviour))
            for name, model, version, role, behaviour in asked["deployments"]
        ],
        asked["scenario"],
        asked["seed"],
        key=asked["key"],
        clock=lambda: time.monotonic() + jumped_s,
    )
    port = await served.start()
    jumped_s = asked["from_s"]
    return f"http://127.0.0.1:{port}"


def _main() -> None:
    loop = asyncio.new_event_loop()

    def read() -> None:
        for line in sys.stdin:
            print(asyncio.run_coroutine_threadsafe(_serve(json.loads(line)), loop).result(), flush=True)
        loop.call_soon_threadsafe(loop.stop)

    threading.Thread(target=read, daemon=True).start()
    loop.run_forever()


if __name__ == "__main__":
    _main()
