"""How a deployment stands: its pin, the end of its version, and what is to be said of it."""

from __future__ import annotations

from datetime import date

from tui.azure.lifecycle import lifecycle_of
from tui.azure.lifecycle_table import LifecycleTable
from tui.azure.pins import pin_of
from tui.azure.retirement import fate_of, warning_of
from tui.model import AccountView, Deployment, ManagedDeployment, Standing


def standing_of(
    deployment: Deployment,
    account: AccountView | None,
    served: str | None,
    table: LifecycleTable,
    today: date,
    successor: str | None = None,
) -> Standing:
    """What ARM (``account``, None where nobody asked), the answers (``served``) and the table say together.

    ``successor`` is a deployment that can take over already.
    """
    managed = account.deployment(deployment.name) if account is not None else None
    asked = account is not None and account.deployments is not None
    return _standing(deployment, managed, account, asked, served, table, today, successor)


def standing_of_managed(
    managed: ManagedDeployment, account: AccountView, table: LifecycleTable, today: date
) -> Standing:
    """The same of a deployment that no rollout asks for: what it should be is what ARM says it is."""
    deployment = Deployment(managed.name, account.endpoint, managed.model, managed.version or "")
    return _standing(deployment, managed, account, True, None, table, today, None)


def _standing(
    deployment: Deployment,
    managed: ManagedDeployment | None,
    account: AccountView | None,
    asked: bool,
    served: str | None,
    table: LifecycleTable,
    today: date,
    successor: str | None,
) -> Standing:
    model, version = deployment.model, deployment.version
    format_, sku = "OpenAI", None
    if managed is not None:
        model, version = managed.model, managed.version or version
        format_, sku = managed.format, managed.sku
    offered = account.offered(model, version, format_) if account is not None else None
    lifecycle = lifecycle_of(model, version, sku, offered, table, today)
    pin = pin_of(deployment, managed, lifecycle, served, arm_known=asked, today=today)
    fate = fate_of(managed, lifecycle.phase, provisioned=deployment.provisioned)
    warning = warning_of(lifecycle, fate, today, successor)
    if warning is None:
        return Standing(pin, lifecycle)
    return Standing(pin, lifecycle, warning.text, warning.severity, warning.days_left)
