"""What lies ahead of every deployment: when its version ends, and when to begin the move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.text.line import Line, Tone
from tui.cockpit.ui_state import View
from tui.model import Snapshot

ReportText = Callable[[Snapshot, int], str]
"""The lifecycle report of a snapshot as text of at most so many cells."""

_KEPT_S = 10.0


class LifecycleScreen(ScrollingScreen):
    """The same text as ``canarytop lifecycle``; worked out anew every ten seconds."""

    HELPS: ClassVar[frozenset[str]] = frozenset({"back", "deployments"})

    def __init__(self, keymap: Mapping[str, str], report: ReportText) -> None:
        super().__init__(keymap)
        self._report = report
        self._made: tuple[float, int, tuple[Line, ...]] = (float("-inf"), 0, ())

    def lines(self, view: View, width: int) -> Sequence[Line]:
        """Line by line, headings and what is late in their tone."""
        made_s, made_width, lines = self._made
        if made_width != width or view.ui.now_s - made_s > _KEPT_S:
            text = self._report(view.live, width)
            lines = tuple(Line(line, _tone(line)) for line in text.splitlines())
            self._made = (view.ui.now_s, width, lines)
        return lines


def _tone(line: str) -> Tone:
    word = line.split(maxsplit=1)[0] if line.strip() else ""
    if word == "ALARM":
        return "alert"
    if word in ("WARN", "late"):
        return "warn"
    is_heading = bool(line) and not line.startswith(" ") and (line.isupper() or " is " in line)
    return "title" if is_heading or line.startswith(("TIME LINE", "DEPLOYMENT ")) else ""
