"""The inline prompt: one line above the footer, so that nothing is covered while a value is typed."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

Answer = Callable[[str], str | None]
"""Takes what was typed on Enter; returns why it is not accepted, or None when it was."""


class Prompt(Horizontal):
    """Hidden until it asks. Enter answers, and leaves the prompt open with the reason when refused."""

    class Closed(Message):
        """The prompt is gone; keys act again."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: Answer | None = None
        self._preview: Callable[[str], str] = lambda _: ""

    def compose(self) -> ComposeResult:
        """Label, input, preview."""
        yield Static(id="prompt-label", markup=False)
        field = Input(compact=True, max_length=200, select_on_focus=True)
        field.cursor_blink = False
        yield field
        yield Static(id="prompt-preview", markup=False)

    @property
    def asking(self) -> bool:
        return self._answer is not None

    def ask(self, label: str, value: str, answer: Answer, preview: Callable[[str], str] = lambda _: "") -> None:
        """Show the prompt and take the keyboard. ``preview`` says what Enter would do with the text."""
        self._answer, self._preview = answer, preview
        self.query_one("#prompt-label", Static).update(Content(f" {label} "))
        field = self.query_one(Input)
        field.value = value
        self._show_preview(value)
        # At once, not after the keys that wait: whoever types on finds what was typed in the field.
        self.display = True
        self.screen.set_focus(field)

    def close(self) -> None:
        """Leave without an answer."""
        if self._answer is not None:
            self._answer = None
            self.display = False
            self.screen.set_focus(None)
            self.post_message(self.Closed())

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        if self._answer is not None:
            self._show_preview(message.value)

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
        if self._answer is None:
            return
        refused = self._answer(message.value)
        if refused is None:
            self.close()
        else:
            self.query_one("#prompt-preview", Static).update(Content(f" ✗ {refused}"))

    def _show_preview(self, text: str) -> None:
        self.query_one("#prompt-preview", Static).update(Content(f" {self._preview(text)}"))
