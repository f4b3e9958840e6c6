"""All deployments of the accounts beside those of the rollout, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.containers import VerticalScroll
from textual.geometry import Region

from tui.cockpit.deployment_lines import deployment_lines
from tui.cockpit.line import Line
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.ui_state import View


class DeploymentsScreen(ScrollingScreen):
    """A row a deployment; the chosen one stays in view, with what is known of it below the table."""

    HELPS: ClassVar[frozenset[str]] = frozenset(
        {"back", "create_canary", "add_deployment", "remove_deployment", "deployments"}
    )

    _at = -1

    def lines(self, view: View, width: int) -> Sequence[Line]:
        """Accounts, table, details."""
        lines, at = deployment_lines(view, width)
        if at != self._at:
            self._at = at
            self.call_after_refresh(self._keep_in_view)
        return lines

    def _keep_in_view(self) -> None:
        area = self.query_one(VerticalScroll)
        area.scroll_to_region(Region(0, self._at, 1, 1), animate=False)
