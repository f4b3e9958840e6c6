"""All deployments of the accounts beside those of the rollout, live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.widget import Widget

from tui.cockpit.actions import Place
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.text.deployments import NOTHING_LISTED, DeploymentTable
from tui.cockpit.text.line import Line
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import TonedLines

_PARTS = ("accounts", "details-lines", "chosen")


class DeploymentsScreen(ScrollingScreen):
    """A row a deployment; the chosen one stays in view, with what is known of it below the table. The accounts
    and what was last done to them stay above it."""

    PLACE: ClassVar[Place | None] = "deployments"
    HELPS: ClassVar[frozenset[str]] = frozenset(
        {"back", "create_canary", "add_deployment", "remove_deployment", "deployments"}
    )

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__(keymap)
        self._table = DeploymentTable()
        self._listing = NOTHING_LISTED
        self._at = -1

    def body(self) -> Iterable[Widget]:
        """Accounts, table, details."""
        yield TonedLines(id="accounts")
        yield from super().body()
        yield TonedLines(id="chosen")

    def lines(self, view: View, width: int) -> Sequence[Line]:
        """The rows of the table."""
        self._listing = self._table.listing(view, width)
        return self._listing.rows

    def show_body(self, view: View) -> None:
        """The lines of this moment; where the table is scrolled to stays."""
        super().show_body(view)
        self.query_one("#accounts", TonedLines).show(self._listing.head)
        self.query_one("#chosen", TonedLines).show(self._listing.details)
        if self._listing.at != self._at:
            self._at = self._listing.at
            self.call_after_refresh(self._keep_in_view)

    def _keep_in_view(self) -> None:
        area = self.query_one(VerticalScroll)
        area.scroll_to_region(Region(0, self._at, 1, 1), animate=False)

    def plain_text(self) -> str:
        """Accounts, all rows and details, those out of view too."""
        parts = (self.query_one(f"#{name}", TonedLines).plain_lines for name in _PARTS)
        return "\n".join(line.rstrip() for part in parts for line in part)
