"""``python -m bench.endings [WORD] [--code FOLDER]``: how runs end that are ended from outside.

Real processes in real terminals (and tmux), each ended in one way: seconds until the last request, until the
record was closed and until the process was gone, exit code, children left, and whether the terminal's settings
came back. WORD: only the situations with this word. FOLDER: another version of the program.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import tomli_w

from tests.support.engine_runs import NEW, OLD, pretend
from tests.support.places import ROOT
from tests.support.rollout_files import KEY, document
from tests.support.simulator_process import simulators, truth
from tests.support.simulator_service import quick
from tui.record.reader import RunInfo, list_runs

_WATCHED_S = 25.0
"""What is still there after so long is there for ever."""
_TMUX = "canarytop-endings"
_Act = Callable[["Run"], None]


class Run:
    """One process in a terminal. ``read`` is off where nobody reads what it writes; ``pause_s`` is how long the
    reader sleeps after each 256 bytes."""

    def __init__(
        self, command: list[str], env: dict[str, str], *, controls: bool, read: bool, pause_s: float, hup: bool
    ) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (36, 120))
        self.before = termios.tcgetattr(self.slave)
        self.reads = threading.Event()
        self.reads.set()
        self.written = b""
        self._closing = False
        self._read_on, self._pause_s = read, pause_s
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, cwd=ROOT, env=env,
            start_new_session=controls, preexec_fn=None if hup else _ignore_hang_up,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def begun(self) -> None:
        """From here on the reader is as slow as it is to be."""
        if not self._read_on:
            self.reads.clear()

    def _read(self) -> None:
        try:
            while not self._closing:
                self.reads.wait()
                # Whoever reads keeps a terminal open that was closed.
                if not select.select([self.master], [], [], 0.02)[0]:
                    continue
                self.written += os.read(self.master, 256 if self._pause_s else 65536)
                time.sleep(self._pause_s)
        except OSError:
            return

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal."""
        self._closing = True
        self.reads.set()
        self._thread.join()
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def given_back(self) -> str:
        """Whether the terminal is as it was before: its settings, and the screen that a shell writes on."""
        if self.slave < 0:
            return "gone"
        self._pause_s = 0.0
        self.reads.set()
        time.sleep(0.5)
        shell = self.written.rfind(b"\x1b[?1049l") >= self.written.rfind(b"\x1b[?1049h")
        return "yes" if shell and termios.tcgetattr(self.slave) == self.before else "NO"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reads.set()
        for fd in (self.slave, self.master):
            if fd >= 0:
                os.close(fd)


def _ignore_hang_up() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _send(*numbers: int, gap_s: float = 0.05) -> _Act:
    def act(run: Run) -> None:
        for number in numbers:
            run.process.send_signal(number)
            time.sleep(gap_s)

    return act


def _press(keys: str) -> _Act:
    return lambda run: run.press(keys)


@dataclass(frozen=True, slots=True)
class Situation:
    """One way of ending. ``controls``: the system tells of the terminal's end; ``hup``: hang-ups are not
    ignored; ``cockpit``: how long it may go on unattended; ``wait``: until there was traffic and a picture."""

    name: str
    command: str
    act: _Act
    controls: bool = True
    read: bool = True
    pause_s: float = 0.0
    hup: bool = True
    cockpit: str = ""
    wait: bool = True


_HUP, _INT, _TERM = signal.SIGHUP, signal.SIGINT, signal.SIGTERM
SITUATIONS = [
    Situation("SIGTERM", "watch", _send(_TERM)),
    Situation("SIGHUP", "watch", _send(_HUP)),
    Situation("SIGINT x2, answers under way", "watch", _send(_INT, _INT)),
    Situation("SIGINT x10 in 10 ms", "watch", _send(*[_INT] * 10, gap_s=0.001)),
    Situation("q", "watch", _press("q")),
    Situation("closed, no SIGHUP", "watch", Run.hang_up, controls=False),
    Situation("closed, SIGHUP", "watch", Run.hang_up),
    Situation("closed, unattended 3s", "watch", Run.hang_up, controls=False, cockpit='"3s"'),
    Situation("blocked screen, SIGTERM x2", "watch", _send(_TERM, _TERM), read=False),
    Situation("blocked screen, q", "watch", _press("q"), read=False),
    Situation("blocked screen, closed", "watch", Run.hang_up, read=False, controls=False),
    Situation("slow reader, SIGTERM", "watch", _send(_TERM), pause_s=0.3),
    Situation("slow reader, q", "watch", _press("q"), pause_s=0.3),
    Situation("SIGTERM while starting", "watch", _send(_TERM), wait=False),
    Situation("SIGHUP while starting", "watch", _send(_HUP), wait=False),
    Situation("run: SIGTERM", "run", _send(_TERM)),
    Situation("run: SIGHUP", "run", _send(_HUP)),
    Situation("run: SIGINT x2, answers under way", "run", _send(_INT, _INT)),
    Situation("run: SIGINT, later SIGTERM", "run", _send(_INT, _TERM, gap_s=0.25)),
    Situation("run: closed, no SIGHUP", "run", Run.hang_up, controls=False),
    Situation("run: blocked screen, SIGTERM x2", "run", _send(_TERM, _TERM), read=False),
    Situation("run: SIGTERM while starting", "run", _send(_TERM), wait=False),
    Situation("run under nohup: SIGHUP", "run", _send(_HUP), hup=False),
]  # fmt: skip
SITUATIONS += [
    replace(one, name=f"demo: {one.name}", command="demo")
    for one in SITUATIONS
    if one.command == "watch" and one.name in ("closed, no SIGHUP", "blocked screen, SIGTERM x2", "SIGTERM")
]


def _children(state: Path) -> list[int]:
    """Processes of a run, which all have its state folder in their environment."""
    wanted = f"XDG_STATE_HOME={state}".encode()
    found = []
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdigit() and wanted in (place / "environ").read_bytes().split(b"\0"):
                found += [int(place.name)] if (place / "stat").read_text().rpartition(")")[2][1] != "Z" else []
        except OSError:
            continue
    return found


def _rollout(folder: Path, url: str, unattended: str) -> Path:
    one = {"endpoint": "main", "model": "gpt-4o", "version": "2024-11-20"}
    content = document({
        "endpoints/main": {"url": url, "api": "azure", "api_version": "2024-10-21",
                           "key_env": "AZURE_OPENAI_API_KEY"},
        "deployments": dict.fromkeys((OLD, NEW), one),
        "weights/default": {OLD: 90, NEW: 10},
        "traffic": {"rate": 40.0, "timeout_s": 60},
    })  # fmt: skip
    path = folder / "rollout.toml"
    path.write_text(
        tomli_w.dumps(content) + (f"\n[cockpit]\nunattended = {unattended}\n" if unattended else "")
    )
    return path


def _row(one: Situation, url: str, code: Path) -> str:
    with TemporaryDirectory() as name:
        folder = Path(name)
        arguments = ["demo"] if one.command == "demo" else [one.command]
        if one.command != "demo":
            arguments.append(str(_rollout(folder, url, one.cockpit)))
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI")}
        env |= {
            "TERM": "xterm-256color", "XDG_STATE_HOME": name, "PYTHONPATH": str(code), "HOME": name,
            "AZURE_OPENAI_API_KEY": KEY,
        }  # fmt: skip
        run = Run(
            [sys.executable, "-P", "-m", "tui", *arguments], env,
            controls=one.controls, read=one.read, pause_s=0.0 if one.wait else one.pause_s, hup=one.hup,
        )  # fmt: skip
        try:
            return _watched(one, run, url, folder)
        finally:
            run.close()
            for pid in _children(folder):
                os.kill(pid, signal.SIGKILL)


def _watched(one: Situation, run: Run, url: str, folder: Path) -> str:
    def sent() -> int:
        if one.command != "demo":
            return sum(int(served["requests"]) for served in truth(url).values())
        return _requests(folder)

    first = sent()
    if one.wait:
        while sent() < first + 40:
            assert run.process.poll() is None, run.written[-2000:]
            time.sleep(0.05)
        time.sleep(1.0)
    else:
        while not list(folder.glob("canarytop/runs/*.sqlite")):
            time.sleep(0.002)
    run.begun()
    run._pause_s = one.pause_s
    if not one.read or one.pause_s:
        for _ in range(20):
            run.press("t1t2t3t4" * 5)  # repaints
            time.sleep(0.1)
    children = [pid for pid in _children(folder) if pid != run.process.pid]
    began_s = time.monotonic()
    one.act(run)
    last_s, count, closed, gone = 0.0, sent(), "NO", "NO"
    while (now_s := time.monotonic() - began_s) < _WATCHED_S:
        if (news := sent()) != count:
            count, last_s = news, now_s
        if closed == "NO" and (_closed(folder)):
            closed = f"{now_s:.1f}"
        if run.process.poll() is not None:
            gone = f"{now_s:.1f}"
            break
        time.sleep(0.05)
    time.sleep(1.0)
    if _closed(folder) and closed == "NO":
        closed = gone
    left = [pid for pid in _children(folder) if pid != run.process.pid]
    exit_code = run.process.poll()
    return (
        f"{one.name:<40} {last_s:>8.1f} {closed:>8} {gone:>6} {exit_code!s:>5} {len(left)}/{len(children):<4} "
        f"{run.given_back():>6}"
    )


def _requests(folder: Path) -> int:
    return sum(run.requests for run in list_runs(folder / "canarytop" / "runs") if isinstance(run, RunInfo))


def _closed(folder: Path) -> bool:
    found = list_runs(folder / "canarytop" / "runs")
    return bool(found) and all(isinstance(run, RunInfo) and run.ended_at is not None for run in found)


def _killed_sessions(code: Path, times: int) -> str:
    """Demos whose tmux session is killed."""
    ended = closed = 0
    with TemporaryDirectory() as name:
        for number in range(times):
            state = Path(name) / str(number)
            env = f"XDG_STATE_HOME={state} PYTHONPATH={code} HOME={name}"
            command = f"cd {ROOT} && {env} exec {sys.executable} -P -m tui demo --seed {number}"
            tmux = ["tmux", "-L", _TMUX, "-f", "/dev/null"]
            subprocess.run(
                [*tmux, "new-session", "-d", "-s", "demo", "-x", "80", "-y", "24", command], check=True
            )
            while _requests(state) < 40:
                time.sleep(0.1)
            subprocess.run([*tmux, "kill-session", "-t", "demo"], check=True)
            gives_up_s = time.monotonic() + 12.0
            while (left := _children(state)) and time.monotonic() < gives_up_s:
                time.sleep(0.1)
            ended += not left
            closed += _closed(state)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
    return f"{f'tmux kill-session x{times}':<40} {ended} of {times} gone, {closed} records closed"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.endings", description=__doc__)
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--code", type=Path, default=ROOT)
    parser.add_argument("--sessions", type=int, default=8)
    asked = parser.parse_args()
    print(f"{'situation':<40} {'last req':>8} {'closed':>8} {'gone':>6} {'code':>5} left/of  given", flush=True)
    with simulators() as service:
        old, new = pretend(OLD, NEW)
        slow = replace(new, behaviour=quick(ttft_ms=30_000.0))
        url = service.serve([old, slow], key=KEY)
        for one in SITUATIONS:
            if asked.word in one.name:
                print(_row(one, url, asked.code), flush=True)
    if asked.word in "tmux":
        print(_killed_sessions(asked.code, asked.sessions), flush=True)


if __name__ == "__main__":
    main()
