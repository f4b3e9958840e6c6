"""A real pseudo-terminal of 120x36 with a command in it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from re import Pattern

from tests.support.places import ROOT

COLUMNS, ROWS = 120, 36
_LONGEST_MATCH = 64


class Terminal:
    """Everything that is written is read at once, by a thread, so that the program never waits for us."""

    def __init__(self, command: Sequence[str], env: dict[str, str], wanted: Pattern[bytes] | None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.wanted_s: float | None = None
        """Seconds from the start to the first bytes that match what is wanted, None before."""
        self.read_bytes = 0
        self._wanted = wanted
        self._began_s = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", **env},
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        tail = b""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return  # The other side has closed: that is how a pseudo-terminal ends.
            self.read_bytes += len(data)
            if self._wanted is not None and self.wanted_s is None:
                if self._wanted.search(tail + data):
                    self.wanted_s = time.perf_counter() - self._began_s
                tail = data[-_LONGEST_MATCH:]

    def expect(self, wanted: Pattern[bytes], within_s: float = 10.0) -> Callable[[], float]:
        """From now on wait for bytes that match; the function given back waits, and returns the reading of
        ``time.perf_counter`` when they came. Raises RuntimeError where they do not."""
        self.wanted_s, self._wanted = None, wanted

        def came() -> float:
            gives_up_s = time.perf_counter() + within_s
            while self.wanted_s is None:
                if time.perf_counter() > gives_up_s or self.process.poll() is not None:
                    raise RuntimeError(f"{wanted.pattern!r} was not painted in {within_s:g} s")
                time.sleep(0.001)
            return self._began_s + self.wanted_s

        return came

    def press(self, key: str) -> float:
        """Type ``key``; the reading of ``time.perf_counter`` just before."""
        pressed_s = time.perf_counter()
        os.write(self._master, key.encode())
        return pressed_s

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5.0)
        os.close(self._master)


@contextmanager
def terminal(
    command: Sequence[str], env: dict[str, str], wanted: Pattern[bytes] | None = None
) -> Iterator[Terminal]:
    """``command`` in a terminal; killed at the end of the block."""
    opened = Terminal(command, env, wanted)
    try:
        yield opened
    finally:
        opened.close()
