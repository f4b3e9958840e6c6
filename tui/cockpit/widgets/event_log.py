"""The event log: the newest lines at the bottom, a filter, and a place to step through older ones."""

from __future__ import annotations

from textual import events
from textual.content import Content

from tui.cockpit.palette import STYLES
from tui.cockpit.text.events import EventLine
from tui.cockpit.text.format import clip, fit
from tui.cockpit.widgets.lines import Lines

_WHO = 9
"""Cells for the actor: ``canarytop`` just fits."""


class EventLog(Lines):
    """``back`` is how many lines before the newest the chosen one lies; 0 follows what comes."""

    back = 0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._all: tuple[EventLine, ...] = ()

    def show(self, lines: tuple[EventLine, ...], only: str) -> None:
        """Show the last of these lines, which the filter ``only`` has let through."""
        if self.back:
            # The chosen line stays chosen while newer ones come in below it.
            self.back += len(lines) - len(self._all)
        self._all = lines
        self.back = min(max(self.back, 0), max(len(lines) - 1, 0))
        self.border_title = Content(f"events (UTC)  / {only}: {len(lines)}" if only else "events (UTC)")
        self._paint()

    def step(self, back: int) -> None:
        """Choose an older (positive) or newer line."""
        self.back = min(max(self.back + back, 0), max(len(self._all) - 1, 0))
        self._paint()

    def on_resize(self, event: events.Resize) -> None:
        """More or fewer lines fit."""
        self._paint()

    def _paint(self) -> None:
        height = self.size.height
        if self._all and not height:
            return  # hidden, or not laid out yet: on_resize comes back
        end = (
            min(len(self._all), max(len(self._all) - self.back + height // 2, height))
            if self.back
            else len(self._all)
        )
        chosen = len(self._all) - 1 - self.back
        first = max(end - height, 0)
        shown = [
            self._content(line, chosen=bool(self.back) and first + i == chosen)
            for i, line in enumerate(self._all[first:end])
        ]
        self.set_lines(shown or [Content(" nothing yet").stylize("$axis")])

    def _content(self, line: EventLine, *, chosen: bool) -> Content:
        time = f"{line.at:%H:%M:%S} "
        content = Content.assemble(
            ("❯" if chosen else " ", "bold"),
            (time, "$axis"),
            (fit(line.who, _WHO) + " ", "$info"),
            (clip(line.text, self.size.width - len(time) - _WHO - 2), STYLES[line.tone]),
        )
        return content.stylize_before("on $cursor") if chosen else content
