"""All deployments of the accounts beside those of the rollout, live, and the keys that make and remove them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.widget import Widget

from tui.cockpit.actions import Place
from tui.cockpit.screens.deployment_dialogs import CreateDeploymentScreen, RemoveDeploymentScreen
from tui.cockpit.screens.lifecycle import LifecycleScreen, ReportText
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.text.deployment_rows import DeploymentRow, chosen_row, deployment_rows
from tui.cockpit.text.deployments import NOTHING_LISTED, DeploymentTable
from tui.cockpit.text.line import Line
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import TonedLines
from tui.control_plane.proposal import cannot_come_back, proposed_canary
from tui.model import AccountView

_NO_ACCOUNT = "the control plane is not asked: add [control_plane] and resource to the rollout file"
_PARTS = ("accounts", "details-lines", "chosen")


class DeploymentsScreen(ScrollingScreen):
    """A row a deployment; the chosen one stays in view, with what is known of it below the table. The accounts
    and what was last done to them stay above it."""

    PLACE: ClassVar[Place | None] = "deployments"
    HELPS: ClassVar[frozenset[str]] = frozenset(
        {"back", "create_canary", "add_deployment", "remove_deployment", "deployments"}
    )

    def __init__(self, keymap: Mapping[str, str], report: ReportText | None) -> None:
        """``report`` is what lies ahead of the deployments; None where nobody looks ahead."""
        super().__init__(keymap)
        self._report = report
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

    # --- keys ---

    def move(self, step: int) -> None:
        """Choose the row so many further on."""
        keys = [row.key for row in deployment_rows(self.host.view.live)]
        chosen = self._row()
        if keys and chosen is not None:
            place = keys.index(chosen.key) + step
            self.host.choose(deployment=keys[min(max(place, 0), len(keys) - 1)])

    def jump(self, *, last: bool) -> None:
        """Choose the last or the first row."""
        self.move(len(deployment_rows(self.host.view.live)) * (1 if last else -1))

    async def action_deployments(self) -> None:
        """The time line of their ends; from there back to this screen."""
        if self._report is not None:
            await self.host.open(LifecycleScreen(self._keymap, self._report))

    def _row(self) -> DeploymentRow | None:
        return chosen_row(self.host.view)

    def action_create_canary(self) -> None:
        live = self.host.view.live
        baseline = live.deployments[live.baseline]
        account = self._writable(baseline.deployment.endpoint)
        if account is not None:
            others = (d.deployment for d in live.deployments.values())
            spec = proposed_canary(baseline.deployment, baseline.status, account, live.at.date(), others)
            self.app.push_screen(CreateDeploymentScreen(spec, account.endpoint))

    def _writable(self, endpoint: str) -> AccountView | None:
        """The account of an endpoint; where it cannot be written to now, that is said, and None."""
        account = self._account(endpoint)
        why = _why_not_read(account)
        if account is not None and not why:
            if not account.may_write:
                why = f"account {account.name} is read only: write = true under [control_plane] allows it"
            elif account.doing:
                why = f"{account.doing}: wait for its end, then try again"
        if why:
            self.host.say(why, "warn")
        return None if why else account

    def action_add_deployment(self) -> None:
        row = self._row()
        if row is None:
            self.host.say(_NO_ACCOUNT, "warn")
        elif row.view is not None and row.view.removed is None:
            self.host.say(f"{row.name} is part of this rollout already: choose another row")
        elif row.view is not None and row.managed is None:
            self.host.say(f"{row.name}: {row.view.removed}; create it anew first")
        else:
            self.host.commands.add_to_rollout(row.endpoint, row.wire_id)

    def action_remove_deployment(self) -> None:
        row = self._row()
        if row is None:
            self.host.say(_NO_ACCOUNT, "warn")
        elif row.managed is None:
            why = _why_not_read(self._account(row.endpoint))
            self.host.say(f"{row.name} is not known to the control plane" + (f": {why}" if why else ""), "warn")
        elif row.view is not None and row.view.role == "baseline":
            self.host.say(f"{row.name} is the baseline: it is not removed from here", "warn")
        elif row.weight_pct:
            self.host.say(f"{row.name} still has {row.weight_pct:g}% of the traffic: roll back first", "warn")
        elif self._writable(row.endpoint) is not None:
            warning = cannot_come_back(row.managed, row.status)
            self.app.push_screen(RemoveDeploymentScreen(row.endpoint, row.wire_id, warning))

    def _account(self, endpoint: str) -> AccountView | None:
        return next((a for a in self.host.view.live.accounts if a.endpoint == endpoint), None)


def _why_not_read(account: AccountView | None) -> str:
    """Why it is not known what an account holds; empty where it is."""
    if account is None:
        return _NO_ACCOUNT
    if account.deployments is None:
        return f"account {account.name} has not been read yet: {account.error or 'wait a moment'}"
    return ""
