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
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.recordings import made_run
from tests.support.typed import present
from tui.cli.rehearsal import shipped
from tui.cli.whoami import whoami
from tui.model import EventKind
from tui.record.reader import RunInfo, list_runs, read_events

_ESCAPES = re.compile(rb"\x1b\[[0-9;?:<>=]*[a-zA-Z]|\x1b[P\]].*?(?:\x07|\x1b\\)|\x1b.")
DEMO = ("demo", "--scenario", "healthy", "--seed", "5")
ENDED = (EventKind.VIEWER, EventKind.STOPPED)
_QUEUED = 60
"""More pictures than wait to be written before the one who draws them waits too."""
_PATIENCE_S = 60.0
"""A test fails when the program does not show what it must within this time; nothing asserts how fast it is."""


class Terminal:
    """A pseudo-terminal of 120x36 with the program in it; ``written`` is all that it wrote."""

    def __init__(self, state: Path, *arguments: str, controls: bool = True, nohup: bool = False) -> None:
        """``controls``: it is the controlling terminal, so that the system tells of its end; ``nohup``: who
        starts the program wants that ignored."""
        self.master, slave = pty.openpty()
        before = termios.tcgetattr(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=controls,
            preexec_fn=_ignore_hang_ups if nohup else None,
            env={**env, "TERM": "xterm-256color", "XDG_STATE_HOME": str(state)},
        )
        self._slave = slave
        self._before = before
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

    def fill(self, wait: Callable[[], None]) -> None:
        """Repaint without reading it, until the terminal takes no more and the program waits for it."""
        while select.select([], [self._slave], [], 0)[1]:
            self.press("t1" * 10)
            wait()
        for number in range(_QUEUED):
            self.press("t" if number % 2 else "z")
            assert not select.select([], [self._slave], [], 0.03)[1]

    def close(self) -> None:
        """Hang up."""
        for fd in {self.master, self._slave} - {-1}:
            os.close(fd)
        self.master = self._slave = -1

    def end(self) -> int:
        """Read what is still written, and wait for the exit code."""
        gives_up_s = time.monotonic() + _PATIENCE_S
        while self.process.poll() is None and time.monotonic() < gives_up_s:
            if select.select([self.master], [], [], 0.05)[0]:
                self._read()
        while select.select([self.master], [], [], 0)[0]:
            self._read()
        return self.process.wait(0)

    def is_as_before(self) -> bool:
        """Whether the settings, and the screen on which a shell writes, came back."""
        left, entered = self.written.rfind(b"\x1b[?1049l"), self.written.rfind(b"\x1b[?1049h")
        return left >= entered and termios.tcgetattr(self._slave) == self._before


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals; whatever is left of them is ended."""
    made: list[Terminal] = []

    def open_one(*arguments: str, **options: bool) -> Terminal:
        made.append(Terminal(tmp_path, *arguments, **options))
        return made[-1]

    yield open_one
    for terminal in made:
        terminal.process.kill()
        terminal.process.wait()
        terminal.close()


@pytest.fixture
def demo(opened: Callable[..., Terminal]) -> Terminal:
    return opened(*DEMO)


def test_roll_back_and_leave(demo: Terminal, tmp_path: Path) -> None:
    sending(demo, tmp_path)
    demo.press("+r")
    demo.shows("ROLLED BACK")
    demo.press("q")
    demo.shows("leave this run")
    demo.press("e")
    assert demo.end() == 0
    assert b"has ended; weights stay: gpt4o-prod-v1120=100" in demo.written
    run = the_run(tmp_path)
    assert run.ended_at is not None
    assert present(run.last_weights)["default"]["gpt4o-prod-v1120"] == 100
    kinds = [event.kind for event in read_events(run.path) if event.actor == whoami()]
    assert kinds == [EventKind.STARTED, EventKind.SHIFTED, EventKind.ROLLED_BACK, *ENDED]


def _ignore_hang_ups() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def sending(terminal: Terminal, state: Path, shown: str = "ROLL BACK") -> None:
    """Wait until requests were answered and the picture is there."""
    terminal.shows(shown)
    while not sum(run.requests for run in list_runs(state / "canarytop" / "runs") if isinstance(run, RunInfo)):
        assert terminal.process.poll() is None


def ended_well(state: Path) -> None:
    left_nothing(state)
    run = the_run(state)
    assert run.ended_at is not None
    assert not run.live
    assert run.requests > 0
    assert read_events(run.path)[-1].kind is EventKind.STOPPED


def left_nothing(state: Path) -> None:
    """Wait until the last process of a run has ended."""
    gives_up_s = time.monotonic() + _PATIENCE_S
    while left := left_behind(state):
        assert time.monotonic() < gives_up_s, left


def left_behind(state: Path) -> list[str]:
    """Processes of a run, which all know its state folder."""
    wanted = f"XDG_STATE_HOME={state}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                found.append((place / "cmdline").read_bytes().decode())
        except OSError:
            continue  # It has ended, or is none of ours.
    return found


def the_run(state: Path) -> RunInfo:
    """The only run that was recorded."""
    [run] = list_runs(state / "canarytop" / "runs")
    assert isinstance(run, RunInfo)
    return run


def more_requests(state: Path, count: int) -> None:
    """Wait until so many more were answered."""
    first = the_run(state).requests
    while (run := the_run(state)).requests < first + count:
        assert run.live


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_rehearsal_and_saves_it(number: signal.Signals, demo: Terminal, tmp_path: Path) -> None:
    sending(demo, tmp_path)
    demo.process.send_signal(number)
    assert demo.end() == 130
    assert demo.is_as_before()
    ended_well(tmp_path)


def test_a_signal_while_it_starts_ends_it_too(demo: Terminal, tmp_path: Path) -> None:
    runs = tmp_path / "canarytop" / "runs"
    while not list(runs.glob("*.sqlite")):
        assert demo.process.poll() is None
    demo.process.send_signal(signal.SIGTERM)
    assert demo.end() == 130
    assert demo.is_as_before()
    left_nothing(tmp_path)
    run = the_run(tmp_path)
    assert run.ended_at is not None


@pytest.mark.parametrize(("command", "nohup"), [("demo", False), ("run", False), ("demo", True)])
def test_a_terminal_that_is_closed_without_a_signal_ends_the_run(
    command: str, nohup: bool, opened: Callable[..., Terminal], tmp_path: Path
) -> None:
    """As an error of reading, or, where it was the controlling one, as the end of what is read."""
    arguments = DEMO if command == "demo" else ("run", str(shipped("demo.toml")))
    terminal = opened(*arguments, controls=nohup, nohup=nohup)
    sending(terminal, tmp_path, "ROLL BACK" if command == "demo" else "running")
    terminal.close()
    assert terminal.process.wait(_PATIENCE_S) == 130
    ended_well(tmp_path)


def test_a_run_goes_on_without_its_terminal_and_can_be_come_back_to(
    opened: Callable[..., Terminal], tmp_path: Path
) -> None:
    file = tmp_path / "rollout.toml"
    file.write_text(shipped("demo.toml").read_text() + '\n[cockpit]\nunattended = "1h"\n')
    watched = opened("watch", str(file))
    sending(watched, tmp_path)
    watched.close()
    assert watched.process.wait(_PATIENCE_S) == 130
    more_requests(tmp_path, 20)
    again = opened("attach")
    again.shows("ROLL BACK")
    # The first picture is drawn once its answer to a request after it is seen.
    more_requests(tmp_path, 20)
    again.press("r")
    again.shows("ROLLED BACK")
    again.press("q")
    again.shows("leave this run")
    again.press("l")
    assert again.end() == 0
    assert b"goes on" in again.written
    more_requests(tmp_path, 20)
    ended = opened("stop")
    assert ended.end() == 0
    ended_well(tmp_path)


def test_a_run_under_nohup_goes_on(opened: Callable[..., Terminal], tmp_path: Path) -> None:
    run = opened("run", str(shipped("demo.toml")), nohup=True)
    sending(run, tmp_path, "running")
    run.process.send_signal(signal.SIGHUP)
    run.close()
    more_requests(tmp_path, 80)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(_PATIENCE_S) == 130
    ended_well(tmp_path)


@pytest.mark.parametrize(("how", "code"), [("signals", 130), ("ctrl+c twice", 0)])
def test_a_screen_that_nobody_reads_cannot_keep_a_run_alive(
    how: str, code: int, demo: Terminal, tmp_path: Path
) -> None:
    """Its output is full and stays so: whoever writes to it waits for ever."""
    sending(demo, tmp_path)
    demo.fill(lambda: more_requests(tmp_path, 1))
    if how == "ctrl+c twice":
        demo.press("\x03\x03")
    else:
        demo.process.send_signal(signal.SIGTERM)
        demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(_PATIENCE_S) == code
    assert demo.end() == code
    assert demo.is_as_before()
    ended_well(tmp_path)


def test_keys_that_are_typed_before_the_first_picture_do_nothing(demo: Terminal, tmp_path: Path) -> None:
    demo.press("++++Pyq")
    while b"\x1b[?1049h" not in demo.written:
        demo._read()
    demo.press("++++Pyq")
    sending(demo, tmp_path)
    demo.press("r")
    demo.shows("ROLLED BACK")
    demo.press("\x03\x03")
    assert demo.end() == 0, demo.written[-3000:]
    ended_well(tmp_path)
    [run] = list_runs(tmp_path / "canarytop" / "runs")
    kinds = [event.kind for event in read_events(run.path) if event.actor == whoami()]
    assert kinds == [EventKind.STARTED, EventKind.ROLLED_BACK, *ENDED]


@pytest.mark.parametrize("how", ["signal", "closed", "q"])
def test_a_replay_ends_as_a_run_does(how: str, opened: Callable[..., Terminal], tmp_path: Path) -> None:
    replayed = opened("replay", str(made_run(tmp_path / "run.sqlite")), "--speed", "0.125", controls=False)
    replayed.shows("1 sent")
    if how == "closed":
        replayed.close()
        assert replayed.process.wait(_PATIENCE_S) == 130
    else:
        if how == "q":
            replayed.press("q")
        else:
            replayed.process.send_signal(signal.SIGTERM)
        assert replayed.end() == (0 if how == "q" else 130)
        assert replayed.is_as_before()
    left_nothing(tmp_path)
