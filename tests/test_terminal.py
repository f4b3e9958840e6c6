"""The program in a real pseudo-terminal: real bytes out, real keys in."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recordings import made_run
from tui.model import EventKind
from tui.record_reader import list_runs, read_events
from tui.wiring import whoami

_ESCAPES = re.compile(rb"\x1b\[[0-9;?:<>=]*[a-zA-Z]|\x1b[P\]].*?(?:\x07|\x1b\\)|\x1b.")
_PATIENCE_S = 60.0
"""A test fails when the program does not show what it must within this time; nothing asserts how fast it is."""


class Terminal:
    """A pseudo-terminal of 120x36 with the program in it; ``written`` is all that it wrote."""

    def __init__(self, state: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**env, "TERM": "xterm-256color", "XDG_STATE_HOME": str(state)},
        )
        os.close(slave)
        self._seen = b""
        self.written = b""

    def shows(self, what: str) -> None:
        """Wait until ``what`` has been written since the last call."""
        gives_up_s = time.monotonic() + _PATIENCE_S
        while what.encode() not in _ESCAPES.sub(b"", self._seen):
            ready, _, _ = select.select([self.master], [], [], max(gives_up_s - time.monotonic(), 0.0))
            assert ready, f"{what!r} did not come; the end of what did: {self._seen[-2000:]!r}"
            self._seen += self._read()
        self._seen = b""

    def _read(self) -> bytes:
        read = os.read(self.master, 65536)
        self.written += read
        return read

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Read what is still written, and wait for the exit code."""
        while True:
            try:
                if not self._read():
                    break
            except OSError:
                break  # The other side has closed: that is how a pseudo-terminal ends.
        return self.process.wait(_PATIENCE_S)


@pytest.fixture
def replayed(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, "replay", str(made_run(tmp_path / "run.sqlite")), "--speed", "0.125")
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, "demo", "--scenario", "healthy", "--seed", "5")
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


def test_roll_back_and_leave(demo: Terminal, tmp_path: Path) -> None:
    demo.shows("ROLL BACK")
    demo.press("+r")
    demo.shows("ROLLED BACK")
    demo.press("q")
    assert demo.end() == 0
    [run] = list_runs(tmp_path / "canarytop" / "runs")
    assert run.ended_at is not None
    assert run.last_weights["default"]["gpt4o-prod-v1120"] == 100
    kinds = [event.kind for event in read_events(run.path) if event.actor == whoami()]
    assert kinds == [EventKind.STARTED, EventKind.SHIFTED, EventKind.ROLLED_BACK, EventKind.STOPPED]


def test_a_closed_terminal_ends_the_run_and_saves_it(demo: Terminal, tmp_path: Path) -> None:
    demo.shows("ROLL BACK")
    demo.process.send_signal(signal.SIGHUP)
    assert demo.end() in (0, 129, 130)
    [run] = list_runs(tmp_path / "canarytop" / "runs")
    assert run.ended_at is not None
    assert run.requests > 0


def test_a_recording_is_paused_sought_in_and_left(replayed: Terminal) -> None:
    replayed.shows("▷ REPLAY 0.125x 00:00 of 01:00")
    replayed.press("x]s35s\r")
    replayed.shows("❚❚ REPLAY PAUSED 00:35 of 01:00")
    replayed.press("r")
    replayed.shows("this is a recording")
    replayed.press(",,")
    replayed.shows("00:15 of 01:00")
    replayed.press("q")
    assert replayed.end() == 0
