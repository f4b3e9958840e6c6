"""Verdicts, guard and plan of one canary, live also while the picture is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.cockpit.line import Line
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.ui_state import View
from tui.cockpit.verdict_lines import verdict_lines


class VerdictsScreen(ScrollingScreen):
    """One row per criterion, and the ladder of the plan, which stands first where the plan was asked for."""

    def __init__(self, keymap: Mapping[str, str], *, plan_first: bool = False) -> None:
        super().__init__(keymap)
        self._plan_first = plan_first

    def lines(self, view: View, width: int) -> Sequence[Line]:
        """The criteria in as many columns as fit."""
        return verdict_lines(view, width, plan_first=self._plan_first)

    def put_plan_first(self, plan_first: bool) -> None:
        """Change what stands first, and show it from its beginning."""
        self._plan_first = plan_first
        self.jump(last=False)
        if self._view is not None:
            self.show(self._view)
