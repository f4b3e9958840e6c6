"""A full screen of lines that are scrolled: one long text between banner and footer, live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.containers import VerticalScroll
from textual.widget import Widget

from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.text.details import details_lines
from tui.cockpit.text.line import Line
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import TonedLines


class ScrollingScreen(LiveScreen):
    """Scrolls by line; esc goes back to the cockpit. Subclasses say which lines there are."""

    LEAVES_COCKPIT: ClassVar[bool] = True

    def body(self) -> Iterable[Widget]:
        """One long list of lines."""
        with VerticalScroll(id="details", can_focus=False):
            yield TonedLines(id="details-lines")

    def lines(self, view: View, width: int) -> Sequence[Line]:
        """What is shown of this moment in ``width`` cells."""
        raise NotImplementedError

    def show_body(self, view: View) -> None:
        """The lines of this moment; where it is scrolled to stays."""
        self.query_one("#details-lines", TonedLines).show(self.lines(view, self.text_width))

    @property
    def text_width(self) -> int:
        """Cells of a line."""
        return self.size.width - 3

    def on_resize(self, event: events.Resize) -> None:
        """The columns become wider or narrower."""
        if self._view is not None:
            self.call_after_refresh(self.show, self._view)

    def move(self, step: int) -> None:
        """So many lines down (positive) or up."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)

    def jump(self, *, last: bool) -> None:
        """To the end or the beginning."""
        area = self.query_one(VerticalScroll)
        if last:
            area.scroll_end(animate=False)
        else:
            area.scroll_home(animate=False)

    async def go_back(self) -> None:
        """To the screen below."""
        await self.app.pop_screen()
        self.host.choose()

    def plain_text(self) -> str:
        """All lines, those out of view too."""
        return "\n".join(line.rstrip() for line in self.query_one("#details-lines", TonedLines).plain_lines)


class DetailsScreen(ScrollingScreen):
    """The picture's figures; weights are live."""

    def __init__(self, keymap: Mapping[str, str], deployment: str) -> None:
        super().__init__(keymap)
        self.deployment = deployment

    def lines(self, view: View, width: int) -> Sequence[Line]:
        """All windows side by side."""
        return details_lines(view, self.deployment, width)
