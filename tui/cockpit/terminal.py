"""The terminal that the cockpit is on: its keys, its bell, and that it may go away."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from textual import events
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.base.text import plain
from tui.model import Event
from tui.notify.bodies import URGENT, occasion_of

_LOOK_EVERY_MS = 500


class OnTerminal(Protocol):
    """What an app on such a terminal has to answer for."""

    def terminal_lost(self) -> None:
        """The terminal is gone; from any thread, once."""

    def heard(self, key: events.Key) -> bool:
        """Whether a key that has just come is to be handled in its turn; from the input thread."""
        ...


def driver_class() -> type[Driver] | None:
    """The driver of the cockpit; None where the environment names another, or standard error is no terminal."""
    if os.environ.get("TEXTUAL_DRIVER") or sys.__stderr__ is None:
        return None
    return TerminalDriver


class TerminalDriver(LinuxDriver):
    """Textual's own, which says when its terminal is gone instead of waiting for it, and shows each key to the
    app at the moment at which it comes."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._lost = threading.Event()
        # To the rest of the driver it is the file that it wraps.
        self._file: Any = _Swallowing(self._file, self._is_lost)

    def start_application_mode(self) -> None:
        """Begin, and watch whether the terminal hangs up."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        threading.Thread(target=self._watch, name="terminal", daemon=True).start()

    def process_message(self, message: Message) -> None:
        """A key that the app has dealt with goes no further."""
        if not isinstance(message, events.Key) or self._on_terminal.heard(message):
            super().process_message(message)

    def run_input_thread(self) -> None:
        """Reading from a terminal that is gone is an end, not an error."""
        try:
            super().run_input_thread()
        except OSError:
            self._is_lost()

    @property
    def _on_terminal(self) -> OnTerminal:
        return self._app  # type: ignore[return-value]

    def _watch(self) -> None:
        """A terminal whose other side was closed hangs up: no byte may ever say so to who only writes."""
        watched = select.poll()
        watched.register(self.fileno, 0)
        while not self._lost.is_set():
            try:
                if watched.poll(_LOOK_EVERY_MS):
                    self._is_lost()
            except OSError:
                self._is_lost()

    def _is_lost(self) -> None:
        if not self._lost.is_set():
            self._lost.set()
            # Reading what has ended would never wait: the input thread would do nothing else.
            self.exit_event.set()
            self._on_terminal.terminal_lost()


class _Swallowing:
    """A text file whose failures are told once and then ignored: the thread that writes must not end by one,
    since all who write wait for it."""

    def __init__(self, file: Any, failed: Callable[[], None]) -> None:
        self._file = file
        self._failed = failed

    def write(self, text: str) -> int:
        """As the file does, or nothing."""
        try:
            return int(self._file.write(text))
        except (OSError, ValueError):
            self._failed()
            return len(text)

    def flush(self) -> None:
        """As the file does, or nothing."""
        try:
            self._file.flush()
        except (OSError, ValueError):
            self._failed()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


_LONGEST = 120
BELL = "\a"


class Bell:
    """What to write to the terminal for the events of each snapshot; those of the first are old.

    ``actor`` needs no call for what they did themselves. ``notes``: terminals that know OSC 9 (iTerm2, kitty,
    WezTerm, Windows Terminal, ghostty) show the text too. tmux passes it on where ``allow-passthrough`` is set.
    """

    def __init__(self, *, notes: bool, actor: str = "", in_tmux: bool | None = None) -> None:
        self._notes = notes
        self._actor = actor
        self._in_tmux = bool(os.environ.get("TMUX")) if in_tmux is None else in_tmux
        self._last: int | None = None

    def for_events(self, events: Iterable[Event]) -> str:
        """One ring for all that is new, and the newest as a note; empty where nothing calls."""
        known = tuple(events)
        before, self._last = self._last, max((event.id for event in known), default=self._last or 0)
        if before is None:
            return ""
        urgent = [
            event
            for event in known
            if event.id > before and event.actor != self._actor and occasion_of(event) in URGENT
        ]
        if not urgent:
            return ""
        return BELL + (self._note(urgent[-1]) if self._notes else "")

    def _note(self, event: Event) -> str:
        words = event.kind.value.replace("_", " ").upper()
        text = "".join(c for c in plain(f"canarytop: {words} {event.text}", _LONGEST) if c.isprintable())
        sequence = f"\x1b]9;{text}\x07"
        return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\" if self._in_tmux else sequence
