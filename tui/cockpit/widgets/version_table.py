"""The version table: a row per deployment, with a cursor that stays on its deployment."""

from __future__ import annotations

from textual import events
from textual.content import Content

from tui.cockpit.format import fit
from tui.cockpit.messages import RowChosen
from tui.cockpit.table_rows import (
    COLUMNS,
    PIN,
    VERDICT,
    Cell,
    Place,
    Row,
    anything_throttled,
    layout,
    rows,
)
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import Lines

_STYLES = {
    "": "",
    "dim": "$axis",
    "warn": "$canary",
    "alert": "bold $breach",
    "baseline": "$baseline",
    "canary": "$canary",
}


class VersionTable(Lines):
    """Columns come and go with the width; figures are right-aligned in cells of fixed width."""

    _view: View | None = None

    def show(self, view: View) -> None:
        """Show the figures of the picture and the live weights."""
        self._view = view
        places = layout(
            max(self.size.width - 2, 0),
            judged=bool(view.live.verdicts),
            throttled=anything_throttled(view),
        )
        lines = [self._header(view, places)]
        pins = any(place.column is PIN for place in places)
        lines += [self._row(view, row, places) for row in rows(view, pins=pins)]
        self.set_lines(lines)

    def on_resize(self, event: events.Resize) -> None:
        """Other columns fit."""
        if self._view is not None:
            self.show(self._view)

    def on_click(self, event: events.Click) -> None:
        """Choose the row under the mouse; the header chooses nothing."""
        if self._view is not None and 0 < event.y <= len(self._view.picture.deployments):
            self.post_message(RowChosen(tuple(self._view.picture.deployments)[event.y - 1]))

    @staticmethod
    def _header(view: View, places: tuple[Place, ...]) -> Content:
        baseline = "VERDICT" if view.live.verdicts else f"VS {view.short(view.picture.baseline)}"
        titles = (
            fit(baseline if place.column is VERDICT else place.title, place.width, right=not place.column.left)
            + " " * place.gap
            for place in places
        )
        return Content("  " + "".join(titles)).stylize("bold")

    @staticmethod
    def _row(view: View, row: Row, places: tuple[Place, ...]) -> Content:
        chosen = row.deployment == view.ui.selected
        cells = dict(zip(COLUMNS, row.cells, strict=True))
        parts: list[tuple[str, str]] = [("❯ " if chosen else "  ", "bold")]
        for place in places:
            cell: Cell = cells[place.column]
            text = fit(cell.within(place.width), place.width, right=not place.column.left)
            parts.append((text, _STYLES[cell.tone]))
            parts.append((fit(cell.mark, place.gap), "$canary"))
        line = Content.assemble(*parts)
        return line.stylize_before("on $cursor") if chosen else line
