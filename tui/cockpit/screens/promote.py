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

from tui.cockpit.messages import PromotionAccepted
from tui.cockpit.screens.dialog import Dialog


class PromoteScreen(Dialog):
    """Enter and esc cancel. The key that opened the dialog does not answer it."""

    BINDINGS: ClassVar[list[BindingType]] = [("y", "accept", "Promote"), ("n", "leave", "Cancel")]
    TITLE = "promote"
    AUTO_FOCUS = "#cancel"

    def __init__(self, deployment: str, change: str) -> None:
        super().__init__()
        self._deployment = deployment
        self._change = change

    def body(self) -> Iterable[Widget]:
        """What would change, and the two answers."""
        yield Static(Content(f"Send 100% of the traffic to {self._deployment}?"), markup=False)
        yield Static(Content(self._change), markup=False, classes="muted")
        with Horizontal(classes="answers"):
            yield Button("Cancel (esc)", id="cancel", compact=True)
            accept = Button("Promote (y)", id="accept", compact=True)
            accept.can_focus = False
            yield accept

    def action_accept(self) -> None:
        """Yes."""
        self.app.post_message(PromotionAccepted(self._deployment))
        self.dismiss()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        message.stop()
        if message.button.id == "accept":
            self.action_accept()
        else:
            self.action_leave()
