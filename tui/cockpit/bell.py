"""The terminal that calls: its bell, and a note of the desktop where it is wanted."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tui.base.text import plain
from tui.model import Event
from tui.notify.bodies import URGENT, occasion_of

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
