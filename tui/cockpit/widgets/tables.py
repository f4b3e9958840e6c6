"""The tables of the cockpit: a row per deployment, and a row per task above it."""

from __future__ import annotations

from textual import events
from textual.content import Content

from tui.cockpit.messages import RowChosen, TaskChosen
from tui.cockpit.palette import STYLES
from tui.cockpit.text.format import fit
from tui.cockpit.text.table import PIN, VERDICT, Place, Row, anything_throttled, layout, rows
from tui.cockpit.text.tasks import TaskRow, task_rows
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import Lines


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
        parts: list[tuple[str, str]] = [("❯ " if chosen else "  ", "bold")]
        for place in places:
            cell = row.cells[place.column]
            text = fit(cell.within(place.width), place.width, right=not place.column.left)
            parts.append((text, STYLES[cell.tone]))
            parts.append((fit(cell.mark, place.gap), "$canary"))
        line = Content.assemble(*parts)
        return line.stylize_before("on $cursor") if chosen else line


class TaskMatrix(Lines):
    """Hidden where a rollout has one task."""

    _view: View | None = None
    _rows: tuple[TaskRow, ...] = ()

    def show(self, view: View) -> None:
        """Weights and verdicts are live, also while frozen."""
        self._view = view
        self._rows = task_rows(view, max(self.app.size.width - 2, 0))
        self.display = bool(self._rows)
        self.set_lines([self._line(row, head=i == 0) for i, row in enumerate(self._rows)])

    def on_resize(self, event: events.Resize) -> None:
        """Other columns fit."""
        if self._view is not None:
            self.show(self._view)

    def on_click(self, event: events.Click) -> None:
        """Choose the task under the mouse."""
        if 0 < event.y < len(self._rows):
            self.post_message(TaskChosen(self._rows[event.y].task))

    @staticmethod
    def _line(row: TaskRow, *, head: bool) -> Content:
        chosen = row.chosen and not head
        parts = [("❯ " if chosen else "  ", "bold"), (row.name, "bold" if head else "")]
        for cell in row.cells:
            parts += [(" ", ""), (cell.text, STYLES[cell.tone])]
        line = Content.assemble(*parts)
        if head:
            return line.stylize("bold")
        return line.stylize_before("on $cursor") if chosen else line
