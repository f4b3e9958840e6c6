"""Everything measured of one deployment, live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.cockpit.details_lines import details_lines
from tui.cockpit.line import Line
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.ui_state import View


class DetailsScreen(ScrollingScreen):
    """The picture's figures; weights are live."""

    def __init__(self, keymap: Mapping[str, str], deployment: str) -> None:
        super().__init__(keymap)
        self.deployment = deployment

    def lines(self, view: View, width: int) -> Sequence[Line]:
        """All windows side by side."""
        return details_lines(view, self.deployment, width)
