"""Rows on how long a person waits after typing the command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.load import Load
from bench.service import Service
from bench.terminal import terminal
from tests.support.places import ROOT

_PATIENCE_S = 30.0
_CURVE = re.compile(rb"\xe2(?:\xa0(?!\xa4)[\x81-\xbf]|\xa3(?!\xa4)[\x80-\xbf]|[\xa1\xa2][\x80-\xbf])")
"""U+2801 to U+28FF in UTF-8, the dots of the curves, without the two that only the legends are made of."""


def first_request_s(service: Service) -> float:
    """From the start of ``canarytop run`` to the first request at the service."""
    with TemporaryDirectory() as name:
        rollout = Load(service.url(0), 200).write(Path(name))
        began_s = time.time()
        process = subprocess.Popen(
            [sys.executable, "-m", "tui", "run", str(rollout), "--for", "5s"],
            cwd=ROOT,
            env={**os.environ, "XDG_STATE_HOME": name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while time.time() < began_s + _PATIENCE_S:
                first_s: float = service.stats()["t_first"]
                if first_s:
                    return first_s - began_s
                time.sleep(0.05)
            raise RuntimeError(f"no request came within {_PATIENCE_S:g} s")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def first_plot_s() -> float:
    """From the start of ``canarytop demo`` to the first dot of a curve on the terminal."""
    command = [sys.executable, "-m", "tui", "demo", "--seed", "1"]
    with TemporaryDirectory() as name, terminal(command, {"XDG_STATE_HOME": name}, _CURVE) as screen:
        deadline_s = time.monotonic() + _PATIENCE_S
        while screen.wanted_s is None:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"no curve came within {_PATIENCE_S:g} s")
            time.sleep(0.05)
        screen.press("q")
        screen.process.wait(10)
        return screen.wanted_s
