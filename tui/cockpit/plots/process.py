"""Where plots are drawn: in a child process that may die without taking the cockpit with it, or at once."""

from __future__ import annotations

import contextlib
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

from tui.cockpit.plots.spec import FAILED, PlotSpec, read_frame, write_frame

_ROOT: Final = str(Path(__file__).parents[3])
# -P and a path appended last: a file in the working directory must not pass for a module of the program.
_CHILD: Final = (
    sys.executable,
    "-P",
    "-c",
    "import sys; sys.path.append(sys.argv[1]); from tui.cockpit.plots.drawing import serve; serve()",
    _ROOT,
)
_LONGEST_WAIT_S: Final = 30.0

_Frame = tuple[Future[list[str]], PlotSpec, int, int]


class RenderFailed(Exception):
    """One frame could not be drawn; the next may be."""


class Renderer(Protocol):
    """Draws plots. ``submit`` never blocks; its future holds the rows or RenderFailed."""

    def submit(self, spec: PlotSpec, width: int, height: int) -> Future[list[str]]: ...

    def close(self) -> None:
        """End the renderer; frames still waiting fail."""


class InlineRenderer:
    """Draws at once in the calling thread."""

    def submit(self, spec: PlotSpec, width: int, height: int) -> Future[list[str]]:
        from tui.cockpit.plots import drawing

        future: Future[list[str]] = Future()
        future.set_result(drawing.rows(spec, width, height))
        return future

    def close(self) -> None:
        """Nothing to end."""


class ProcessRenderer:
    """Draws in one child process, owned by one thread.

    The child starts with the renderer, so make it before the app starts. A child that dies or is silent for
    ``timeout_s`` seconds fails the frame in hand and is replaced at the next frame; one that keeps dying is
    replaced less and less often, at least every 30 seconds. ``command`` is what to run as the child.
    """

    def __init__(
        self,
        timeout_s: float = 5.0,
        *,
        command: Sequence[str] = _CHILD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_s = timeout_s
        self._command = tuple(command)
        self._clock = clock
        self._failures = 0
        self._not_before = clock()
        self._closed = threading.Event()
        self._frames: queue.SimpleQueue[_Frame | None] = queue.SimpleQueue()
        self._child = self._start()
        self._thread = threading.Thread(target=self._run, name="plots", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Process id of the present child."""
        return self._child.pid

    def submit(self, spec: PlotSpec, width: int, height: int) -> Future[list[str]]:
        future: Future[list[str]] = Future()
        if self._closed.is_set():
            future.set_exception(RenderFailed("the plot process was closed"))
        else:
            self._frames.put((future, spec, width, height))
        return future

    def close(self) -> None:
        self._closed.set()
        self._frames.put(None)
        self._child.kill()
        self._thread.join(timeout=self._timeout_s)

    def _run(self) -> None:
        while (frame := self._frames.get()) is not None:
            future, spec, width, height = frame
            if not future.set_running_or_notify_cancel():
                continue
            try:
                self._revive()
                rows = self._draw(pickle.dumps((spec, width, height), pickle.HIGHEST_PROTOCOL))
            except RenderFailed as error:
                future.set_exception(error)
            except (OSError, ValueError, pickle.PicklingError) as error:
                future.set_exception(
                    RenderFailed(f"the frame could not be exchanged with the plot process: {error}")
                )
            else:
                future.set_result(rows)
        self._end_child()
        while not self._frames.empty():
            if (frame := self._frames.get()) is not None and frame[0].set_running_or_notify_cancel():
                frame[0].set_exception(RenderFailed("the plot process was closed"))

    def _start(self) -> subprocess.Popen[bytes]:
        # A session of its own: ctrl+c and a closed terminal reach the cockpit, which then closes the pipes.
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _revive(self) -> None:
        """Replace a dead child. Raises RenderFailed while it is too early to try again."""
        if self._closed.is_set():
            raise RenderFailed("the plot process was closed")
        if self._child.poll() is None:
            return
        wait_s = self._not_before - self._clock()
        if wait_s > 0:
            raise RenderFailed(f"the plot process keeps ending; next try in {wait_s:.0f} s")
        self._end_child()
        self._child = self._start()

    def _end_child(self) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what was still to be sent has nobody to read it
                    pipe.close()

    def _draw(self, request: bytes) -> list[str]:
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin is not None
        assert stdout is not None
        # Killing the child is what unblocks a write to it and a read from it, on every platform.
        watchdog = threading.Timer(self._timeout_s, self._child.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            write_frame(stdin, request)
            answer = read_frame(stdout)
        except (BrokenPipeError, ConnectionError):
            answer = None
        finally:
            watchdog.cancel()
        if answer is None:
            raise RenderFailed(self._post_mortem())
        self._failures = 0
        text = answer[1:].decode()
        if answer[:1] == FAILED:
            raise RenderFailed(text)
        return text.split("\n")

    def _post_mortem(self) -> str:
        """Reap the child, set the time of the next try, and say how it ended."""
        self._end_child()
        self._failures += 1
        wait_s = 0.0 if self._failures == 1 else min(2.0 ** min(self._failures - 2, 9), _LONGEST_WAIT_S)
        self._not_before = self._clock() + wait_s
        code = self._child.returncode
        if code >= 0:
            return f"the plot process ended with exit code {code}; does `import plotext` work?"
        return f"the plot process was ended by: {signal.strsignal(-code) or f'signal {-code}'}"
