"""Verdicts, guard and plan of one canary, live also while the picture is frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.widget import Widget

from tui.cockpit.actions import Place
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.text.line import Line
from tui.cockpit.text.verdict_rows import RowKey, chosen_row, key_of, rows_of
from tui.cockpit.text.verdicts import explained_lines, shown_canary, verdict_lines
from tui.cockpit.ui_state import View, canaries
from tui.cockpit.widgets.lines import TonedLines

_ROWS_A_LINE = 12
"""Rows of the terminal for one row of explanation."""

_PARTS = ("details-lines", "explained")


class VerdictsScreen(ScrollingScreen):
    """One row per criterion, of which one is chosen and explained below the rest, and the ladder of the plan,
    which stands first where the plan was asked for."""

    PLACE: ClassVar[Place | None] = "verdicts"
    HELPS: ClassVar[frozenset[str]] = frozenset({"back", "explain"})

    def __init__(self, keymap: Mapping[str, str], *, plan_first: bool = False) -> None:
        super().__init__(keymap)
        self._plan_first = plan_first
        self._chosen: RowKey | None = None
        self._whole = False
        self._at = -1

    def body(self) -> Iterable[Widget]:
        """All lines, and what the chosen row rests on."""
        yield from super().body()
        yield TonedLines(id="explained")

    def lines(self, view: View, width: int) -> Sequence[Line]:
        """The criteria in as many columns as fit."""
        return verdict_lines(view, width, plan_first=self._plan_first, chosen=self._chosen)

    def show_body(self, view: View) -> None:
        """The lines of this moment; where they are scrolled to stays."""
        width = self.text_width
        lines = self.lines(view, width)
        self.query_one("#details-lines", TonedLines).show(lines)
        self._at = next((at for at, line in enumerate(lines) if line.chosen), -1)
        most = max(self.size.height // _ROWS_A_LINE, 1)
        said = explained_lines(view, width, self._chosen, most, whole=self._whole)
        self.query_one("#explained", TonedLines).show(said)

    def move(self, step: int) -> None:
        """A step chooses the next row, as long as there is one in view; more, and beyond the rows, scrolls."""
        if abs(step) > 1 or not self._is_in_view or not self._choose(step):
            super().move(step)

    def jump(self, *, last: bool) -> None:
        """To the end, or to the beginning and its first row."""
        super().jump(last=last)
        if not last:
            self._chosen = None
            self._reshow()

    def action_verdicts(self) -> None:
        """The next canary."""
        view = self.host.view
        names, now = canaries(view.live), shown_canary(view)
        if now is not None:
            self.host.choose(selected=names[(names.index(now) + 1) % len(names)])
        self._put_plan_first(False)

    def action_plan(self) -> None:
        self._put_plan_first(True)

    def action_explain(self) -> None:
        """Say all of the chosen row, or less again."""
        self._whole = not self._whole
        self._choose(0)

    def _put_plan_first(self, plan_first: bool) -> None:
        """Change what stands first, and show it from its beginning."""
        self._plan_first = plan_first
        self.jump(last=False)

    def plain_text(self) -> str:
        """All lines, those out of view too."""
        parts = (self.query_one(f"#{name}", TonedLines).plain_lines for name in _PARTS)
        return "\n".join(line.rstrip() for part in parts for line in part)

    def _choose(self, step: int) -> bool:
        """The row so many further on; False where there is none."""
        if self._view is None or (name := shown_canary(self._view)) is None:
            return False
        rows = rows_of(self._view, name)
        now = chosen_row(rows, self._chosen)
        if now is None or not 0 <= (place := rows.index(now) + step) < len(rows):
            return False
        self._chosen = key_of(rows[place])
        self._reshow()
        self.call_after_refresh(self._keep_in_view)
        return True

    def _reshow(self) -> None:
        if self._view is not None:
            self.show(self._view)

    @property
    def _area(self) -> VerticalScroll:
        return self.query_one(VerticalScroll)

    @property
    def _is_in_view(self) -> bool:
        first = self._area.scroll_offset.y
        return first <= self._at < first + self._area.size.height

    def _keep_in_view(self) -> None:
        self._area.scroll_to_region(Region(0, self._at, 1, 1), animate=False)
