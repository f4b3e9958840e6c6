"""The promotion dialog: Cancel has the focus, y accepts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from tui.base.text import plain
from tui.cockpit.screens.dialog import Dialog
from tui.cockpit.text._banner_deployments import dead_said
from tui.cockpit.text.business import dialog_lines
from tui.cockpit.text.comparison import against_baseline
from tui.cockpit.text.verdict_words import cell_texts, overall, wait_said
from tui.cockpit.ui_state import View
from tui.model import VerdictState
from tui.routing.weights import all_to, describe

_MOST_TASKS = 3


class PromoteScreen(Dialog):
    """Enter and esc cancel. The key that opened the dialog does not answer it."""

    BINDINGS: ClassVar[list[BindingType]] = [("y", "accept", "Promote"), ("n", "leave", "Cancel")]
    TITLE = "promote"
    AUTO_FOCUS = "#cancel"

    def __init__(self, deployment: str, view: View) -> None:
        super().__init__()
        self._deployment = deployment
        self._view = view

    def body(self) -> Iterable[Widget]:
        """Where, what would change, on what evidence, and the two answers."""
        live, window = self._view.live, self._view.ui.window
        where = f"{plain(live.environment, 24)}/{plain(live.rollout, 24)}"
        task = self._view.ui.task
        what = "the traffic" if task is None else f"task {plain(task, 40)}"
        yield Static(Content(f"{where}: send 100% of {what} to {self._deployment}?"), markup=False)
        yield Static(Content(describe(live.weights, all_to(live.weights, self._deployment))), markup=False)
        if dead := dead_said(self._view):
            yield Static(Content(f"✗ BASELINE DEAD: {dead}"), markup=False, classes="warned")
        evidence = against_baseline(live, self._deployment, window).sentence.removeprefix("… ")
        yield Static(Content(f"window {window}: {evidence}"), markup=False)
        if judged := self._judged():
            yield Static(Content(judged), markup=False)
        width, height = self.app.size
        # What each task changes takes two rows or so; the answers below must stay in view.
        most = min((height * 9 // 10 - 10 - 2 * len(live.weights)) // 2, _MOST_TASKS)
        for line in dialog_lines(self._view, self._deployment, max(width * 9 // 10 - 4, 20), most):
            yield Static(Content(line), markup=False)
        with Horizontal(classes="answers"):
            yield Button("Cancel (esc)", id="cancel", compact=True)
            accept = Button("Promote (y)", id="accept", compact=True)
            accept.can_focus = False
            yield accept

    def _judged(self) -> str:
        """The verdict as a whole, and while it is open what it still takes."""
        verdicts = self._view.live.verdicts.get(self._deployment, ())
        said = cell_texts(verdicts, 100.0)
        if said is None:
            return ""
        if overall(verdicts) is VerdictState.NOT_YET:
            return f"… NOT YET: {wait_said(verdicts, 100.0)[0]}"
        return said[0][0]

    def action_accept(self) -> None:
        """Yes."""
        self.host.commands.promote(self.host.view, self._deployment)
        self.dismiss()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        message.stop()
        if message.button.id == "accept":
            self.action_accept()
        else:
            self.action_leave()
