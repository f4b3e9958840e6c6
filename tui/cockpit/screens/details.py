"""Everything measured of one deployment, live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual import events
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from tui.cockpit.details_lines import details_lines
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import Lines

_STYLES = {"": "", "dim": "$axis", "warn": "$canary", "alert": "bold $breach", "title": "bold $baseline"}


class DetailsScreen(LiveScreen):
    """Scrolls by line; esc goes back to the cockpit."""

    LEAVES_COCKPIT: ClassVar[bool] = True

    def __init__(self, keymap: Mapping[str, str], deployment: str) -> None:
        super().__init__(keymap)
        self.deployment = deployment

    def body(self) -> Iterable[Widget]:
        """One long list of lines."""
        with VerticalScroll(id="details", can_focus=False):
            yield Lines(id="details-lines")

    def show_body(self, view: View) -> None:
        """The picture's figures; weights are live."""
        lines = details_lines(view, self.deployment, self.size.width - 3)
        self.query_one("#details-lines", Lines).set_lines(
            [Content(f" {line.text}").stylize(_STYLES[line.tone]) for line in lines]
        )

    def on_resize(self, event: events.Resize) -> None:
        """The columns become wider or narrower."""
        if self._view is not None:
            self.call_after_refresh(self.show, self._view)

    def scroll_lines(self, lines: int) -> None:
        """Down (positive) or up."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def jump(self, *, last: bool) -> None:
        """To the end or the beginning."""
        area = self.query_one(VerticalScroll)
        if last:
            area.scroll_end(animate=False)
        else:
            area.scroll_home(animate=False)

    def plain_text(self) -> str:
        """All lines, those out of view too."""
        return "\n".join(line.rstrip() for line in self.query_one("#details-lines", Lines).plain_lines)
