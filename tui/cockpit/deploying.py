"""The keys of the deployments screen: looking, creating, joining, removing."""

from __future__ import annotations

from textual import on

from tui.cockpit.commands import Commands
from tui.cockpit.messages import DeploymentWished, RemovalAccepted
from tui.cockpit.replaying import Replaying
from tui.cockpit.screens.deployment_dialogs import CreateDeploymentScreen, RemoveDeploymentScreen
from tui.cockpit.screens.deployments import DeploymentsScreen
from tui.cockpit.screens.lifecycle import Ahead, OutlookScreen
from tui.cockpit.text.deployment_rows import DeploymentRow, chosen_row, deployment_rows
from tui.control_plane.proposal import cannot_come_back, proposed_canary
from tui.model import AccountView

_NO_ACCOUNT = "the control plane is not asked: add [control_plane] and resource to the rollout file"


class Deploying(Replaying):
    """Answers the keys that look at, make and remove deployments. ``_ahead`` is None where nobody looks
    ahead."""

    _commands: Commands
    _ahead: Ahead | None = None

    async def action_deployments(self) -> None:
        """The deployments; from there the time line of their ends, and back."""
        if isinstance(self.screen, DeploymentsScreen) and self._ahead is not None:
            await self._open(OutlookScreen(self._keys, self._ahead))
        else:
            await self._open(DeploymentsScreen(self._keys))

    def _move(self, step: int) -> None:
        if not isinstance(self.screen, DeploymentsScreen):
            super()._move(step)
            return
        keys = [row.key for row in deployment_rows(self.view.live)]
        chosen = self._row()
        if keys and chosen is not None:
            place = keys.index(chosen.key) + step
            self._choose(deployment=keys[min(max(place, 0), len(keys) - 1)])

    def _jump(self, *, last: bool) -> None:
        if isinstance(self.screen, DeploymentsScreen):
            self._move(len(deployment_rows(self.view.live)) * (1 if last else -1))
        else:
            super()._jump(last=last)

    def _row(self) -> DeploymentRow | None:
        return chosen_row(self.view)

    def action_create_canary(self) -> None:
        live = self.view.live
        baseline = live.deployments[live.baseline]
        account = self._writable(baseline.deployment.endpoint)
        if account is not None:
            others = (d.deployment for d in live.deployments.values())
            spec = proposed_canary(baseline.deployment, baseline.status, account, live.at.date(), others)
            self.push_screen(CreateDeploymentScreen(spec, account.endpoint, lambda: self.view))

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
            self.say(why, "warn")
        return None if why else account

    @on(DeploymentWished)
    def _deployment_wished(self, message: DeploymentWished) -> None:
        self._commands.create_deployment(message.endpoint, message.spec)

    def action_add_deployment(self) -> None:
        row = self._row()
        if row is None:
            self.say(_NO_ACCOUNT, "warn")
        elif row.view is not None and row.view.removed is None:
            self.say(f"{row.name} is part of this rollout already: choose another row")
        elif row.view is not None and row.managed is None:
            self.say(f"{row.name}: {row.view.removed}; create it anew first")
        else:
            self._commands.add_to_rollout(row.endpoint, row.wire_id)

    def action_remove_deployment(self) -> None:
        row = self._row()
        if row is None:
            self.say(_NO_ACCOUNT, "warn")
        elif row.managed is None:
            why = _why_not_read(self._account(row.endpoint))
            self.say(f"{row.name} is not known to the control plane" + (f": {why}" if why else ""), "warn")
        elif row.view is not None and row.view.role == "baseline":
            self.say(f"{row.name} is the baseline: it is not removed from here", "warn")
        elif row.weight_pct:
            self.say(f"{row.name} still has {row.weight_pct:g}% of the traffic: roll back first", "warn")
        elif self._writable(row.endpoint) is not None:
            warning = cannot_come_back(row.managed, row.status)
            self.push_screen(RemoveDeploymentScreen(row.endpoint, row.wire_id, warning))

    @on(RemovalAccepted)
    def _removal_accepted(self, message: RemovalAccepted) -> None:
        self._commands.remove_deployment(message.endpoint, message.name)

    def _account(self, endpoint: str) -> AccountView | None:
        return next((a for a in self.view.live.accounts if a.endpoint == endpoint), None)


def _why_not_read(account: AccountView | None) -> str:
    """Why it is not known what an account holds; empty where it is."""
    if account is None:
        return _NO_ACCOUNT
    if account.deployments is None:
        return f"account {account.name} has not been read yet: {account.error or 'wait a moment'}"
    return ""
