"""The end of a run that comes from outside: the engine first, then the screen, then the process."""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from types import FrameType
from typing import Any, Literal, Protocol

from tui.base.exit_codes import INTERRUPTED, OK

ENGINE_S = 4.0
"""How long the engine may take to end: what is under way is cut at once."""

LEAVE_S = 3.0
"""How long the screen, or what is being printed, may take after that. A terminal that nobody reads takes for
ever."""

CLOSE_S = 30.0
"""How long the program may take to close everything once the screen is gone: longer than each part may."""

_SHOW_AGAIN = b"\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1004l\x1b[?2004l\x1b[?7h"
"""Keyboard protocol, alternate screen, cursor, mouse, focus, paste and wrapping as a shell has them."""

_TRIES, _RETRY_S = 10, 0.05
"""How often, and how long after the last time, the terminal is offered that."""

_Wish = Literal["end", "hang up", "quit", "over"]


class Ends(Protocol):
    """A run as far as its end goes. Every method may be called from any thread, and again."""

    def end(self) -> None:
        """Stop sending and cut what is under way; returns at once."""

    def has_ended(self, timeout_s: float) -> bool:
        """Whether the engine has ended, after waiting at most so long."""
        ...

    def close(self) -> object:
        """Save and close everything that is still open; writes nothing to the terminal."""


class NothingRuns:
    """What ends where there is a screen and no engine."""

    def end(self) -> None:
        """There is nothing to stop."""

    def has_ended(self, timeout_s: float) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """There is nothing to save."""


class Ending:
    """Ends a run whatever its screen does. What a screen does never delays the engine's end; where it is not
    gone in time after that, the process ends without it.

    A thread of its own does it: a signal handler interrupts whatever the program does just then, and may take
    no lock, so it only puts its wish into the queue.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        """Whether the run ends because it was asked to from outside."""
        self._wishes: SimpleQueue[_Wish] = SimpleQueue()
        self._run: Ends | None = None
        self._leave: Callable[[], object] = lambda: None
        self._unwinds = False
        self._left, self._over = threading.Event(), threading.Event()
        self._attributes = _attributes()

    def of(self, run: Ends, leave: Callable[[], object] = lambda: None) -> None:
        """From now on this run is ended; ``leave`` asks its screen to go, from any thread."""
        self._leave = leave
        self._run = run

    def ask(self) -> None:
        """Begin to end; from any thread, or a signal handler, and again."""
        self._wishes.put("end")

    def hang_up(self) -> None:
        """The terminal is gone: end."""
        self._wishes.put("hang up")

    def quit(self) -> None:
        """A person has left: the same end, and it is none from outside."""
        self._wishes.put("quit")

    def left(self) -> None:
        """The screen is gone, and the program goes its usual way to the end."""
        self._left.set()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within the block a termination, Ctrl-C and a hang-up end the run; at its end all must be closed.

        A signal that whoever started the program wants ignored (``nohup``) stays so. Before there is a run, one
        raises SystemExit.
        """
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) is not signal.SIG_IGN}
        threading.Thread(target=self._work, name="ending", daemon=True).start()
        for number in before:
            signal.signal(number, self._act)
        try:
            yield
        finally:
            self._left.set()
            self._over.set()
            self._wishes.put("over")
            for number, handler in before.items():
                signal.signal(number, handler)

    def _act(self, number: int, _: FrameType | None) -> None:
        (self.hang_up if number == signal.SIGHUP else self.ask)()
        if self._run is None and not self._unwinds:
            self._unwinds = True
            raise SystemExit(INTERRUPTED)

    def _work(self) -> None:
        wish = self._wishes.get()
        if wish == "over":
            return
        if wish != "quit":
            self.asked.set()
        run = self._run
        if run is not None:
            run.end()
            run.has_ended(ENGINE_S)
            self._leave()
            # It may take for ever: what is to be kept does not wait for it.
            run.close()
        if self._left.wait(LEAVE_S if run is not None else CLOSE_S) and self._over.wait(CLOSE_S):
            return
        self._give_back()
        os._exit(OK if wish == "quit" else INTERRUPTED)

    def _give_back(self) -> None:
        """The terminal as it was, as far as it takes it: there may be nobody to give it back to."""
        if self._attributes is None:
            return
        # In the background the system would stop the process for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        with suppress(OSError, termios.error):
            termios.tcsetattr(0, termios.TCSANOW, self._attributes)
            # A descriptor of our own: the shell shares the one that is there, which has to go on waiting.
            own = os.open(os.ttyname(0), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            # Nothing more comes after this, and what nobody has read makes room for it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            for _ in range(_TRIES):
                _interrupt_writes()
                termios.tcflush(own, termios.TCOFLUSH)
                # What is written while that goes on may be thrown away with the rest.
                time.sleep(_RETRY_S)
                with suppress(BlockingIOError):
                    if os.write(own, _SHOW_AGAIN) == len(_SHOW_AGAIN):
                        return


def _interrupt_writes() -> None:
    """Whoever waits for the terminal holds it against others; interrupted, it writes the rest elsewhere."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.ident is not None:
            signal.pthread_kill(thread.ident, signal.SIGTERM)


def _attributes() -> list[Any] | None:
    try:
        return termios.tcgetattr(0) if sys.stdin is not None and sys.stdin.isatty() else None
    except (OSError, ValueError, termios.error):
        return None
