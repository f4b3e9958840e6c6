"""The version table: a row per deployment, with a cursor that stays on its deployment."""

from __future__ import annotations

from textual import events
from textual.content import Content

from tui.cockpit.format import fit
from tui.cockpit.messages import RowChosen
from tui.cockpit.table_rows import COLUMNS, VERDICT, Cell, Column, Row, layout, rows
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import Lines

_STYLES = {
    "": "",
    "dim": "$text-muted",
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
        columns = layout(max(self.size.width - 2, 0))
        lines = [self._header(view, columns)]
        lines += [self._row(view, row, columns) for row in rows(view)]
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
    def _header(view: View, columns: tuple[tuple[Column, int], ...]) -> Content:
        titles = (
            fit(
                f"VS {view.short(view.picture.baseline)}" if column is VERDICT else column.title,
                width,
                right=not column.left,
            )
            for column, width in columns
        )
        return Content("  " + " ".join(titles)).stylize("bold")

    @staticmethod
    def _row(view: View, row: Row, columns: tuple[tuple[Column, int], ...]) -> Content:
        chosen = row.deployment == view.ui.selected
        cells = dict(zip(COLUMNS, row.cells, strict=True))
        parts: list[tuple[str, str]] = [("❯ " if chosen else "  ", "bold")]
        for column, width in columns:
            cell: Cell = cells[column]
            parts.append((fit(cell.within(width), width, right=not column.left), _STYLES[cell.tone]))
            parts.append((cell.mark, "$canary"))
        line = Content.assemble(*parts)
        return line.stylize_before("on $cursor") if chosen else line
