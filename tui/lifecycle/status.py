"""How deployments stand: the pin of each, the end of its version, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from datetime import date

from tui.lifecycle.dates import lifecycle_of
from tui.lifecycle.pins import pin_of
from tui.lifecycle.retirement import fate_of, retired_words, warning_of
from tui.lifecycle.successor import advised, successor_of
from tui.lifecycle.table import LifecycleTable
from tui.model import AccountView, Deployment, Lifecycle, ManagedDeployment, Standing


def standings_of(
    deployments: Iterable[Deployment],
    account_at: Callable[[str], AccountView | None],
    served: Callable[[str], str | None],
    table: LifecycleTable,
    today: date,
    *,
    baseline: str,
    planned: str | None = None,
    plain_servers: Container[str] = frozenset(),
) -> dict[str, Standing]:
    """The deployments of a rollout, by name: what ARM, the answers and the table say together.

    Args:
        account_at: The account of an endpoint, None where nobody asks for it.
        served: ``model`` of the latest answer of a deployment, None before the first.
        planned: The canary of the rollout's plan.
        plain_servers: The endpoints that are none of Azure.
    """
    known = {d.name: (d, account_at(d.endpoint)) for d in deployments}
    ends = {name: _lifecycle(d, account, table, today) for name, (d, account) in known.items()}
    return {
        name: _standing_at_plain_server(deployment, served(name), today)
        if deployment.endpoint in plain_servers
        else _standing(
            deployment,
            account,
            ends[name],
            served(name),
            table,
            today,
            successor_of(name, ends, advised(ends[name], table).replacement, baseline, planned),
        )
        for name, (deployment, account) in known.items()
    }


def standing_of_managed(
    managed: ManagedDeployment, account: AccountView, table: LifecycleTable, today: date
) -> Standing:
    """The same of a deployment that no rollout asks for: what it should be is what ARM says it is."""
    deployment = Deployment(managed.name, account.endpoint, managed.model, managed.version or "")
    lifecycle = _lifecycle(deployment, account, table, today)
    return _standing(deployment, account, lifecycle, None, table, today, None)


def gone_words(standing: Standing, status: int | None, table: LifecycleTable, today: date) -> tuple[str, str]:
    """What is said of a deployment that answers with HTTP ``status`` as a retired one does: since when it is
    retired, and by which source; and what to do about it."""
    lifecycle = standing.lifecycle
    known = None if lifecycle is None else advised(lifecycle, table)
    return retired_words(known, today, standing.successor, sure=status == 410)


def _lifecycle(
    deployment: Deployment, account: AccountView | None, table: LifecycleTable, today: date
) -> Lifecycle:
    """Of what ARM says that runs, else of what the rollout file asks for."""
    managed = account.deployment(deployment.wire_id) if account is not None else None
    model, version, format_, sku = deployment.model, deployment.version, "OpenAI", None
    if managed is not None:
        model, version = managed.model, managed.version or version
        format_, sku = managed.format, managed.sku
    offered = account.offered(model, version, format_) if account is not None else None
    return lifecycle_of(model, version, sku, offered, table, today)


def _standing_at_plain_server(deployment: Deployment, served: str | None, today: date) -> Standing:
    """Without a lifecycle: the dates of the table are those of Azure."""
    return Standing(pin_of(deployment, None, None, served, arm_known=False, today=today, plain_server=True))


def _standing(
    deployment: Deployment,
    account: AccountView | None,
    lifecycle: Lifecycle,
    served: str | None,
    table: LifecycleTable,
    today: date,
    successor: str | None,
) -> Standing:
    managed = account.deployment(deployment.wire_id) if account is not None else None
    asked = account is not None and account.deployments is not None
    pin = pin_of(deployment, managed, lifecycle, served, arm_known=asked, today=today)
    fate = fate_of(managed, lifecycle.phase, provisioned=deployment.provisioned)
    warning = warning_of(advised(lifecycle, table), fate, today, successor)
    if warning is None:
        return Standing(pin, lifecycle, successor=successor)
    return Standing(pin, lifecycle, warning.text, warning.severity, warning.days_left, successor)
