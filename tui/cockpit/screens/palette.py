"""The command palette: every action by name; ``weight NAME=25``, ``!`` to override; ``seek`` in a replay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.cockpit.actions import ACTIONS, BY_ID, Action, Session, allowed, help_of, keys_of
from tui.cockpit.messages import ActionChosen
from tui.cockpit.questions import moment_preview, sought_s, wish_preview
from tui.cockpit.screens.dialog import Dialog
from tui.cockpit.text.format import fit
from tui.cockpit.text.weights import parse_wish

_WEIGHT, _SEEK = "weight ", "seek "
_RECORDED = "this is a recording: its weights cannot be changed"
_EXAMPLES: Mapping[Session, str] = MappingProxyType({"live": "weight NAME=25", "replay": "seek 14:03:12"})
_HINT = "type a part of its name, or choose with up and down; Enter acts"


class PaletteScreen(Dialog):
    """Type to narrow, up and down to choose, Enter to act.

    Nothing is chosen before something is typed, and then what changes nothing stands first: a hasty Enter is
    harmless.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("down", "down", "Next"), ("up", "up", "Before")]
    TITLE = "command"
    AUTO_FOCUS = "Input"

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap
        self._shown: tuple[Action, ...] = ()

    def body(self) -> Iterable[Widget]:
        """What is typed, what fits it."""
        example = _EXAMPLES[self.host.view.session]
        field = Input(placeholder=f"an action, or {example}", compact=True, max_length=200)
        field.cursor_blink = False
        yield field
        options = OptionList(markup=False)
        options.can_focus = False
        yield options
        yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Everything that may be done."""
        self._narrow("")

    def action_down(self) -> None:
        """Next action."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """Action before."""
        self.query_one(OptionList).action_cursor_up()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        self._narrow(message.value)

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
        if command := self._command(message.value):
            self._give(command, message.value.removeprefix(command))
            return
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is None or not self._shown:
            self._say(f"no action is called {message.value}" if message.value.strip() else _HINT)
        else:
            self._run(self._shown[highlighted])

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        self._explain()

    @on(OptionList.OptionSelected)
    def _clicked(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self._run(self._shown[message.option_index])

    def _narrow(self, text: str) -> None:
        options = self.query_one(OptionList)
        command = self._command(text)
        options.display = not command
        if command:
            self._say(self._preview(command, text.removeprefix(command)))
            return
        fitting = [a for a in ACTIONS if self._allowed(a) and a.id != "command" and _fits(a, text)]
        self._shown = tuple(sorted(fitting, key=lambda action: action.risk != "none"))
        options.clear_options()
        options.add_options(
            [
                Option(Content(f"{fit(keys_of(a, self._keymap)[0], 7)} {fit(a.label, 23)} {self._help(a)}"))
                for a in self._shown
            ]
        )
        options.highlighted = 0 if self._shown and text.strip() else None
        self._explain()

    def _explain(self) -> None:
        """The whole help of the chosen action: its line in the list may be cut."""
        options = self.query_one(OptionList)
        if options.display:
            at = options.highlighted
            self._say(_HINT if at is None else self._help(self._shown[at]))

    def _command(self, text: str) -> str:
        """Which command with a value is being typed, if any. Nothing can be sought in a live run."""
        commands = (_WEIGHT,) if self.host.view.session == "live" else (_WEIGHT, _SEEK)
        return next((command for command in commands if text.startswith(command)), "")

    def _preview(self, command: str, text: str) -> str:
        view = self.host.view
        if command == _SEEK:
            return moment_preview(text, view)
        if view.session == "replay":
            return _RECORDED
        try:
            wish = parse_wish(text, view.all_tasks, view.names)
            return wish_preview(view, wish) + ("   ! overrides a refusal" if wish.force else "")
        except ValueError as error:
            return str(error)

    def _allowed(self, action: Action) -> bool:
        view = self.host.view
        return allowed(action, read_only=view.ui.read_only, session=view.session)

    def _help(self, action: Action) -> str:
        return help_of(action, self.host.view.session)

    def _give(self, command: str, text: str) -> None:
        view = self.host.view
        if command == _WEIGHT and not self._allowed(BY_ID["set_weight"]):
            self._say("read-only: weights cannot be changed here" if view.session == "live" else _RECORDED)
            return
        try:
            if command == _WEIGHT:
                self.host.commands.set_weight(view, parse_wish(text, view.all_tasks, view.names))
            else:
                self.host.seek(sought_s(text, view))
        except ValueError as error:
            self._say(str(error))
            return
        self.dismiss()

    def _run(self, action: Action) -> None:
        self.app.post_message(ActionChosen(action.id))
        self.dismiss()

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(Content(text))


def _fits(action: Action, text: str) -> bool:
    """Whether every word typed occurs in the name of the action."""
    name = f"{action.id} {action.label}".casefold()
    return all(word in name for word in text.casefold().split())
