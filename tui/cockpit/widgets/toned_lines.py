"""Lines that each have a tone, made ready for painting only where they differ from those before."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tui.cockpit.line import Line
from tui.cockpit.widgets.lines import Lines

_STYLES = {
    "": "",
    "dim": "$axis",
    "warn": "$canary",
    "alert": "bold $breach",
    "title": "bold $baseline",
    "baseline": "$baseline",
}


class TonedLines(Lines):
    """Keeps one cell free at the left edge."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines."""
        before, ready = self._shown, self._lines
        self._shown = lines
        self.set_lines(
            [
                ready[i] if i < len(before) and before[i] == line else _drawn(line)
                for i, line in enumerate(lines)
            ]
        )


def _drawn(line: Line) -> Content:
    drawn = Content(f"{line.mark}{line.text}").stylize(_STYLES[line.tone])
    return drawn.stylize_before("on $cursor") if line.chosen else drawn
