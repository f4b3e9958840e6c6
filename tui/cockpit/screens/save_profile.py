"""Saving the current weights: a name and a note."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.cockpit.messages import ProfileNamed
from tui.cockpit.screens.dialog import Dialog


class SaveProfileScreen(Dialog):
    """Enter goes from the name to the note, then saves; an existing name needs a second Enter."""

    TITLE = "save the current weights (Enter saves, esc leaves)"
    AUTO_FOCUS = "#profile-name"

    def __init__(self, weights: str) -> None:
        super().__init__()
        self._weights = weights
        self._taken: frozenset[str] = frozenset()
        self._consent = ""

    def body(self) -> Iterable[Widget]:
        """What is saved, and the two fields."""
        yield Static(Content(self._weights), markup=False, classes="muted")
        for name, placeholder in (("name", "name"), ("note", "note: why these weights (optional)")):
            field = Input(placeholder=placeholder, id=f"profile-{name}", compact=True, max_length=200)
            field.cursor_blink = False
            yield field
        yield Static("", id="said", markup=False)

    def know_names(self, names: Iterable[str]) -> None:
        """The names that are taken."""
        self._taken = frozenset(names)

    @on(Input.Submitted, "#profile-name")
    def _named(self, message: Input.Submitted) -> None:
        message.stop()
        if message.value.strip():
            self.query_one("#profile-note", Input).focus()
        else:
            self._say("a profile needs a name")

    @on(Input.Submitted, "#profile-note")
    def _noted(self, message: Input.Submitted) -> None:
        message.stop()
        name = self.query_one("#profile-name", Input).value.strip()
        if not name:
            self._say("a profile needs a name")
            return
        if name in self._taken and self._consent != name:
            self._consent = name
            self._say(f"{name} exists: Enter again replaces it")
            return
        self.app.post_message(ProfileNamed(name, message.value.strip(), replace=self._consent == name))
        self.dismiss()

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(Content(text))
