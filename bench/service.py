"""The service that is measured against: a process of its own that states its true service time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.places import ROOT

_MOCK = ROOT.parent / "shared" / "tools" / "mock.c"
_UP_WITHIN_S = 10.0


@dataclass(frozen=True)
class Service:
    """A running service. ``delay_ms`` is the time to the first byte, ``chunk_ms`` between streamed events."""

    port: int
    pid: int

    def url(self, delay_ms: int, chunk_ms: int = 0) -> str:
        return f"http://127.0.0.1:{self.port}/d{delay_ms}/i{chunk_ms}/v1"

    def stats(self) -> dict[str, Any]:
        """What it counted: requests ``n``, sockets ``open``, ``t_first`` (wall clock, 0 before any request)."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=5) as answer:
            counted: dict[str, Any] = json.load(answer)
            return counted

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """It stands still, as a process that is stopped: connections are accepted, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


class Services:
    """Starts services: the C server where it can be compiled, else the one of this package."""

    def __init__(self, folder: Path) -> None:
        mock = folder / "mock"
        self.name = "shared/tools/mock.c"
        self._command: Sequence[str] = [str(mock)]
        compiler = shutil.which("gcc")
        if compiler is None or not _MOCK.is_file():
            self.name = "bench/pretend.py (no gcc or no shared/tools/mock.c)"
            self._command = [sys.executable, "-m", "bench.pretend"]
        else:
            subprocess.run([compiler, "-O2", "-w", "-o", str(mock), str(_MOCK)], check=True)

    @contextmanager
    def one(self, *, cores: set[int] | None = None) -> Iterator[Service]:
        """A fresh one, on ``cores`` only where these are given."""
        with socket.socket() as chooser:
            chooser.bind(("127.0.0.1", 0))
            port = chooser.getsockname()[1]
        process = subprocess.Popen([*self._command, str(port)], cwd=ROOT)
        service = Service(port, process.pid)
        try:
            if cores is not None:
                os.sched_setaffinity(process.pid, cores)
            _wait_for(service)
            yield service
        finally:
            process.kill()
            process.wait()


def _wait_for(service: Service) -> None:
    deadline = time.monotonic() + _UP_WITHIN_S
    while True:
        try:
            service.stats()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
