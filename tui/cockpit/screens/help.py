"""Help: the keys with their friction, and what every column means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from tui.cockpit.actions import Session, dialog_bindings
from tui.cockpit.screens.dialog import Dialog
from tui.cockpit.text.help import help_lines
from tui.cockpit.widgets.lines import TonedLines


class HelpScreen(Dialog):
    """Generated from the action table and the keymap in force."""

    BINDINGS: ClassVar[list[BindingType]] = dialog_bindings(
        help="leave", down="scroll_down", up="scroll_up", first="scroll_home", last="scroll_end"
    )
    TITLE = "help (esc leaves)"

    def __init__(self, keymap: Mapping[str, str], *, read_only: bool, session: Session = "live") -> None:
        super().__init__()
        self._keymap = keymap
        self._read_only = read_only
        self._session: Session = session

    def body(self) -> Iterable[Widget]:
        """One long text."""
        with VerticalScroll(can_focus=False):
            yield TonedLines()

    def on_resize(self, event: events.Resize) -> None:
        """Wrap to the new width."""
        self.call_after_refresh(self._wrap)

    def _wrap(self) -> None:
        text = self.query_one(TonedLines)
        width = max(text.size.width - 1, 0)
        text.show(help_lines(self._keymap, width, read_only=self._read_only, session=self._session))

    def action_scroll_down(self) -> None:
        """A line down."""
        self.query_one(VerticalScroll).scroll_down(animate=False)

    def action_scroll_up(self) -> None:
        """A line up."""
        self.query_one(VerticalScroll).scroll_up(animate=False)

    def action_scroll_home(self) -> None:
        """To the beginning."""
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll_end(self) -> None:
        """To the end."""
        self.query_one(VerticalScroll).scroll_end(animate=False)
