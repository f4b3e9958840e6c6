"""Every deployment of the accounts beside those of the rollout, as rows of values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tui.cockpit.text.weights import asked_pct
from tui.cockpit.ui_state import View
from tui.model import AccountView, DeploymentView, LifecycleStatus, ManagedDeployment, QuotaUse, Snapshot

RowKey = tuple[str, str]
"""Endpoint and name, in lower case: ARM does not tell the cases apart."""


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """One deployment, by the rollout's own name where it has one.

    ``managed`` None is one that ARM does not have, or was not asked about (``asked``); ``view`` None is one
    that is not part of the rollout, which has no weight either.
    """

    endpoint: str
    name: str
    model: str
    version: str | None
    status: LifecycleStatus
    asked: bool = True
    managed: ManagedDeployment | None = None
    view: DeploymentView | None = None
    quota: QuotaUse | None = None
    weight_pct: float | None = None

    @property
    def key(self) -> RowKey:
        return self.endpoint, self.name.lower()

    @property
    def wire_id(self) -> str:
        """What the service calls it."""
        return self.name if self.view is None else self.view.deployment.wire_id


def deployment_rows(snapshot: Snapshot) -> tuple[DeploymentRow, ...]:
    """The rollout's own in their order, then the others of each account by name."""
    accounts = {account.endpoint: account for account in snapshot.accounts}
    own = [
        _own(snapshot, name, accounts.get(view.deployment.endpoint))
        for name, view in snapshot.deployments.items()
    ]
    known = {(row.endpoint, row.wire_id.lower()) for row in own}
    others = [row for account in snapshot.accounts for row in _others(account) if row.key not in known]
    return (*own, *others)


def chosen_row(view: View) -> DeploymentRow | None:
    """The row that the keys of the deployments screen act on: the chosen one, else the first."""
    return chosen_of(deployment_rows(view.live), view.ui.deployment)


def chosen_of(rows: Sequence[DeploymentRow], key: RowKey | None) -> DeploymentRow | None:
    """The row of that key, else the first."""
    return next((row for row in rows if row.key == key), next(iter(rows), None))


def _own(snapshot: Snapshot, name: str, account: AccountView | None) -> DeploymentRow:
    view = snapshot.deployments[name]
    managed = account.deployment(view.deployment.wire_id) if account is not None else None
    return DeploymentRow(
        view.deployment.endpoint,
        name,
        managed.model if managed is not None else view.deployment.model,
        managed.version if managed is not None else view.deployment.version,
        view.status,
        account is not None and account.deployments is not None,
        managed,
        view,
        account.quota_of(managed) if account is not None and managed is not None else None,
        asked_pct(snapshot, name),
    )


def _others(account: AccountView) -> Iterator[DeploymentRow]:
    for managed in sorted(account.deployments or (), key=lambda d: d.name.lower()):
        yield DeploymentRow(
            account.endpoint,
            managed.name,
            managed.model,
            managed.version,
            account.statuses.get(managed.name, LifecycleStatus()),
            True,
            managed,
            None,
            account.quota_of(managed),
        )
