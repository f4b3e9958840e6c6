"""Removing a deployment from its account: its name typed in full."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.cockpit.messages import RemovalAccepted
from tui.cockpit.screens.dialog import Dialog


class RemoveDeploymentScreen(Dialog):
    """``warning`` says what cannot be taken back."""

    TITLE = "remove a deployment (esc leaves)"
    AUTO_FOCUS = "Input"

    def __init__(self, endpoint: str, name: str, warning: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._name = name
        self._warning = warning

    def body(self) -> Iterable[Widget]:
        """What goes, what cannot be taken back, and the field."""
        yield Static(
            Content(f"{self._name} will be deleted from the account of {self._endpoint}"), markup=False
        )
        if self._warning:
            yield Static(Content(f"▲ {self._warning}"), markup=False, classes="warned")
        yield Static(Content("type its name in full, then Enter"), markup=False, classes="muted")
        field = Input(compact=True, max_length=64)
        field.cursor_blink = False
        yield field
        yield Static("", id="said", markup=False)

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
        if message.value.strip() != self._name:
            self.query_one("#said", Static).update(Content(f"that is not {self._name}: nothing is removed"))
            return
        self.app.post_message(RemovalAccepted(self._endpoint, self._name))
        self.dismiss()
