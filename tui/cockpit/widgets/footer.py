"""The footer: the keys that matter most, from the action table, as many as fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from textual import events
from textual.content import Content

from tui.cockpit.actions import Action, keys_of
from tui.cockpit.messages import ActionChosen
from tui.cockpit.widgets.lines import Lines


class KeyFooter(Lines):
    """One line; a click on a label is as good as its key."""

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap
        self._actions: tuple[Action, ...] = ()
        self._labels: Mapping[str, str] = {}
        self._spans: list[tuple[int, int, str]] = []

    def show(self, actions: Sequence[Action], labels: Mapping[str, str]) -> None:
        """``labels`` replaces the label of an action by what its key would do now."""
        self._actions, self._labels = tuple(actions), labels
        self._paint()

    def on_resize(self, event: events.Resize) -> None:
        """More or fewer keys fit."""
        self._paint()

    def on_click(self, event: events.Click) -> None:
        """Run the action under the mouse."""
        for start, end, action in self._spans:
            if start <= event.x < end:
                self.post_message(ActionChosen(action))

    def _paint(self) -> None:
        shown = list(self._actions)
        keys = {a.id: keys_of(a, self._keymap)[0] for a in shown}
        width = self.size.width
        for labels in ({a.id: a.label for a in shown}, {a.id: a.short_label or a.label for a in shown}):
            labels |= {name: label for name, label in self._labels.items() if name in labels}
            cells = {a.id: cell_len(keys[a.id]) + cell_len(labels[a.id]) + 3 for a in shown}
            if sum(cells.values()) <= width:
                break
        while len(shown) > 1 and sum(cells[a.id] for a in shown) > width:
            # The first and the last ones are those that must be found: roll back, help, quit.
            shown.pop(max(len(shown) - 3, 0) or -1)
        self._spans, parts, x = [], [], 0
        for action in shown:
            parts += [(f" {keys[action.id]}", "bold $canary"), (f" {labels[action.id]} ", "")]
            self._spans.append((x, x + cells[action.id], action.id))
            x += cells[action.id]
        self.set_lines((Content.assemble(*parts),))
