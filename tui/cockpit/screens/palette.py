"""The command palette: every action by name, and ``weight NAME=25`` with ``!`` to override a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.cockpit.actions import ACTIONS, BY_ID, Action, allowed, keys_of
from tui.cockpit.format import fit
from tui.cockpit.messages import ActionChosen, WeightWished
from tui.cockpit.questions import wish_preview
from tui.cockpit.screens.dialog import Dialog
from tui.cockpit.ui_state import View
from tui.cockpit.weight_view import parse_wish

_WEIGHT = "weight "
_HINT = "type a part of its name, or choose with up and down; Enter acts"


class PaletteScreen(Dialog):
    """Type to narrow, up and down to choose, Enter to act.

    Nothing is chosen before something is typed, and then what changes nothing stands first: a hasty Enter is
    harmless.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("down", "down", "Next"), ("up", "up", "Before")]
    TITLE = "command"
    AUTO_FOCUS = "Input"

    def __init__(self, keymap: Mapping[str, str], view: Callable[[], View]) -> None:
        super().__init__()
        self._keymap = keymap
        self._current = view
        self._shown: tuple[Action, ...] = ()

    def body(self) -> Iterable[Widget]:
        """What is typed, what fits it."""
        field = Input(placeholder="an action, or weight NAME=25", compact=True, max_length=200)
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
        if message.value.startswith(_WEIGHT):
            self._set_weight(message.value.removeprefix(_WEIGHT))
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
        options.display = not text.startswith(_WEIGHT)
        if text.startswith(_WEIGHT):
            self._say(self._weight_preview(text.removeprefix(_WEIGHT)))
            return
        read_only = self._current().ui.read_only
        fitting = [
            a for a in ACTIONS if allowed(a, read_only=read_only) and a.id != "command" and _fits(a, text)
        ]
        self._shown = tuple(sorted(fitting, key=lambda action: action.risk != "none"))
        options.clear_options()
        options.add_options(
            [
                Option(Content(f"{fit(keys_of(a, self._keymap)[0], 7)} {fit(a.label, 23)} {a.help}"))
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
            self._say(_HINT if at is None else self._shown[at].help)

    def _weight_preview(self, text: str) -> str:
        view = self._current()
        try:
            wish = parse_wish(text, view.live, view.names)
            return wish_preview(view, wish) + ("   ! overrides a refusal" if wish.force else "")
        except ValueError as error:
            return str(error)

    def _set_weight(self, text: str) -> None:
        view = self._current()
        if not allowed(BY_ID["set_weight"], read_only=view.ui.read_only):
            self._say("read-only: weights cannot be changed here")
            return
        try:
            wish = parse_wish(text, view.live, view.names)
        except ValueError as error:
            self._say(str(error))
            return
        self.app.post_message(WeightWished(wish))
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
