"""What every dialog has: a title, esc to leave, and nothing behind it that hears its keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from tui.cockpit.actions import dialog_bindings
from tui.cockpit.host import Host, host_of


class Dialog(ModalScreen[None]):
    """A frame in the middle of the screen. Of the app's keys only rolling back acts under it."""

    BINDINGS: ClassVar[list[BindingType]] = [*dialog_bindings(back="leave")]
    TITLE = ""

    def compose(self) -> ComposeResult:
        """The frame and what is in it."""
        with Vertical(id="dialog") as frame:
            frame.border_title = Content(self.title or "")
            yield from self.body()
        yield Static("", id="notice", markup=False)

    @property
    def host(self) -> Host:
        return host_of(self)

    def show_notice(self, text: str) -> None:
        """What the banner says for some seconds, which may be covered."""
        if self.is_mounted:
            notice = self.query_one("#notice", Static)
            notice.update(Content(text))
            notice.display = bool(text)

    def body(self) -> Iterable[Widget]:
        """The widgets inside the frame."""
        raise NotImplementedError

    def action_leave(self) -> None:
        """Close without doing anything."""
        self.dismiss()
