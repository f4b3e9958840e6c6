"""The matrix of tasks and canaries, above the figures of the chosen task."""

from __future__ import annotations

from textual import events
from textual.content import Content

from tui.cockpit.messages import TaskChosen
from tui.cockpit.task_rows import TaskRow, task_rows
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import Lines

_STYLES = {"": "", "dim": "$axis", "alert": "bold $breach", "baseline": "$baseline"}


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
            parts += [(" ", ""), (cell.text, _STYLES[cell.tone])]
        line = Content.assemble(*parts)
        if head:
            return line.stylize("bold")
        return line.stylize_before("on $cursor") if chosen else line
