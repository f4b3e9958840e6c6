"""The menu of filters of samples: a letter each, and any of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Final

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.base.text import plain
from tui.cockpit.actions import dialog_bindings
from tui.cockpit.host import Host
from tui.cockpit.sample_filters import SampleFilter
from tui.cockpit.screens.dialog import Dialog

_SWITCHES: Final = (
    ("s", "slow", "slow", "longer than the P95 of what else is listed"),
    ("e", "error", "error", "what a caller sees as a failure of the version"),
    ("t", "throttled", "throttled", "refused for a rate limit or a used-up quota"),
    ("b", "filtered", "filtered", "prompt or answer blocked"),
    ("w", "wrong", "wrong answer", "graded, and not right"),
    ("d", "disagrees", "judge disagrees", "with a person, or scores 2 points apart; the worst first"),
    ("u", "unscored", "unscored", "no person has scored it: pairs that the judge scored first"),
)
_VERSION, _CLEAR = "v", "0"


class SampleFilterScreen(Dialog):
    """Each letter acts at once; the list behind it follows. The task is chosen as everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *dialog_bindings(sample_filter="leave", down="down", up="up"),
        ("space", "choose", "Change"),
        *((key, f"change('{key}')", name) for key, _, name, _ in _SWITCHES),
        (_VERSION, f"change('{_VERSION}')", "version"),
        (_CLEAR, f"change('{_CLEAR}')", "clear"),
    ]
    TITLE = "list only samples that are (a letter, or Enter; esc leaves)"
    AUTO_FOCUS = "OptionList"

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._wanted = host.view.ui.samples.filter
        self._versions = tuple(host.view.live.deployments)
        self._task_key = host.view.ui.keys["next_task"]

    def body(self) -> Iterable[Widget]:
        """What can be changed."""
        yield OptionList(markup=False)
        yield Static(f"{self._task_key} chooses the task, outside of this menu", classes="muted", markup=False)

    def on_mount(self) -> None:
        """As it is now."""
        self._show(0)

    def action_down(self) -> None:
        """Next line."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """Line before."""
        self.query_one(OptionList).action_cursor_up()

    def action_choose(self) -> None:
        """Change the line under the cursor."""
        self.query_one(OptionList).action_select()

    def action_change(self, key: str) -> None:
        """Switch one on or off, take the next version, or list all."""
        if key == _CLEAR:
            self._wanted = SampleFilter()
        elif key == _VERSION:
            ways = (None, *self._versions)
            now = ways.index(self._wanted.version) if self._wanted.version in ways else 0
            self._wanted = replace(self._wanted, version=ways[(now + 1) % len(ways)])
        else:
            name = next(name for letter, name, _, _ in _SWITCHES if letter == key)
            switched: dict[str, Any] = {name: not getattr(self._wanted, name)}
            self._wanted = replace(self._wanted, **switched)
        self._show(self._keys().index(key))
        self.host.choose_sample(filter=self._wanted)

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.action_change(self._keys()[message.option_index])

    @staticmethod
    def _keys() -> list[str]:
        return [*(key for key, _, _, _ in _SWITCHES), _VERSION, _CLEAR]

    def _show(self, at: int) -> None:
        wanted = self._wanted
        lines = [
            f"{key}  {'[x]' if getattr(wanted, name) else '[ ]'} {word:<16} {what}"
            for key, name, word, what in _SWITCHES
        ]
        version = "any" if wanted.version is None else plain(wanted.version, 60)
        lines.append(f"{_VERSION}  version: {version} (one version: nothing is blind)")
        lines.append(f"{_CLEAR}  all samples, without a text")
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(Content(line)) for line in lines])
        options.highlighted = at
