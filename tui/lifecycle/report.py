"""Lifecycle report of a rollout: phase, date, pin and warning of each deployment, and how to leave it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from tui.lifecycle.dates import advised, by_date, differences, lifecycle_of, replacement_doubt, successor_of
from tui.lifecycle.migration import Migration, migration_of
from tui.lifecycle.retirement import (
    RetirementWarning,
    VersionEnd,
    due_in,
    leaves_on,
    version_end_of,
    warning_of,
    what_happens,
)
from tui.lifecycle.status import pin_of
from tui.lifecycle.table import LifecycleTable, Source
from tui.model import (
    AccountView,
    Deployment,
    Lifecycle,
    ManagedDeployment,
    OfferedModel,
    Phase,
    Pin,
)
from tui.rollout import Rollout, Traffic

_LOOK_THERE = "Find out: look at the service's own page of model retirements."

Arm = Mapping[str, tuple[ManagedDeployment | None, OfferedModel | None]]
"""What ARM says, by the name of the deployment. Absent are those that it was not asked for; None is one that
it does not have."""


def arm_of(deployments: Iterable[Deployment], accounts: Mapping[str, AccountView]) -> Arm:
    """What the accounts, by endpoint, say of the deployments; those that were not read yet say nothing."""
    found: dict[str, tuple[ManagedDeployment | None, OfferedModel | None]] = {}
    for deployment in deployments:
        account = accounts.get(deployment.endpoint)
        if account is None or account.deployments is None:
            continue
        managed = account.deployment(deployment.wire_id)
        offered = None
        if managed is not None:
            offered = account.offered(managed.model, managed.version, managed.format)
        found[deployment.name] = (managed, offered)
    return found


@dataclass(frozen=True, slots=True)
class DeploymentReport:
    """The report on one deployment. ``at_the_date``, ``due`` and ``notes`` are sentences for people;
    ``notes`` say where sources disagree."""

    deployment: Deployment
    lifecycle: Lifecycle
    pin: Pin
    version_end: VersionEnd
    at_the_date: str
    due: str
    warning: RetirementWarning | None
    notes: tuple[str, ...]
    migration: Migration
    plain_server: bool = False
    """Whether its service is none of Azure, so that there is no ARM to ask."""


@dataclass(frozen=True, slots=True)
class LifecycleReport:
    """The deployments of a rollout, the one whose version ends first at the head, those without a date last.

    ``arm_notes`` say why ARM could not be asked where it should have been."""

    rollout: str
    environment: str
    today: date
    arm_known: bool
    sources: tuple[Source, ...]
    deployments: tuple[DeploymentReport, ...]
    arm_notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One entry of the lifecycle table, with what its sources disagree about."""

    lifecycle: Lifecycle
    warning: RetirementWarning | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableReport:
    """The whole lifecycle table, the earliest date at the head, those without a date last."""

    today: date
    sources: tuple[Source, ...]
    models: tuple[ModelReport, ...]


def lifecycle_report(
    rollout: Rollout,
    table: LifecycleTable,
    today: date,
    *,
    arm: Arm = MappingProxyType({}),
    arm_notes: tuple[str, ...] = (),
    served: Mapping[str, str] | None = None,
) -> LifecycleReport:
    """Every deployment of the rollout.

    Args:
        arm: What ARM says; empty where it was not asked.
        arm_notes: Why it could not be asked, a sentence for each account.
        served: ``model`` of the latest answer, by the name of the deployment.
    """
    lifecycles = {
        name: _lifecycle(deployment, arm.get(name), table, today)
        for name, deployment in rollout.deployments.items()
    }
    found = [
        _deployment_report(rollout, name, lifecycles, table, today, arm, (served or {}).get(name))
        for name in lifecycles
    ]
    return LifecycleReport(
        rollout.name,
        rollout.environment,
        today,
        bool(arm),
        table.sources,
        tuple(sorted(found, key=lambda one: one.migration.ends or date.max)),
        arm_notes,
    )


def table_report(table: LifecycleTable, today: date) -> TableReport:
    """Every entry of the table."""
    return TableReport(
        today,
        table.sources,
        tuple(
            ModelReport(
                lifecycle, warning_of(lifecycle, VersionEnd.UNKNOWN, today), _notes(lifecycle, notes, table)
            )
            for lifecycle, notes in by_date(table, today)
        ),
    )


def _lifecycle(
    deployment: Deployment,
    said: tuple[ManagedDeployment | None, OfferedModel | None] | None,
    table: LifecycleTable,
    today: date,
) -> Lifecycle:
    model, version, sku = _running(deployment, said[0] if said else None)
    return lifecycle_of(model, version, sku, said[1] if said else None, table, today)


def _running(deployment: Deployment, managed: ManagedDeployment | None) -> tuple[str, str, str | None]:
    """Model, version and SKU: what ARM says that runs, else what the rollout file asks for."""
    if managed is None:
        return deployment.model, deployment.version, None
    return managed.model, managed.version or deployment.version, managed.sku


def _deployment_report(
    rollout: Rollout,
    name: str,
    lifecycles: Mapping[str, Lifecycle],
    table: LifecycleTable,
    today: date,
    arm: Arm,
    served: str | None,
) -> DeploymentReport:
    deployment, lifecycle, said = rollout.deployments[name], lifecycles[name], arm.get(name)
    managed, offered = said or (None, None)
    plain = deployment.endpoint in rollout.plain_servers
    version_end = version_end_of(managed, lifecycle.phase, provisioned=deployment.provisioned)
    model, version, sku = _running(deployment, managed)
    notes = _notes(lifecycle, differences(model, version, sku, offered, table, today), table)
    told = advised(lifecycle, table)
    planned = rollout.plan.canary if rollout.plan is not None else None
    successor = successor_of(name, lifecycles, told.replacement, rollout.baseline, planned)
    return DeploymentReport(
        deployment,
        lifecycle,
        pin_of(
            deployment, managed, lifecycle, served, arm_known=said is not None, today=today, plain_server=plain
        ),
        version_end,
        what_happens(lifecycle, version_end, today, managed.upgrade_option if managed else None),
        _LOOK_THERE if plain and lifecycle.phase is Phase.UNKNOWN else due_in(lifecycle.phase),
        warning_of(told, version_end, today, successor),
        notes,
        migration_of(
            leaves_on(lifecycle, version_end),
            today,
            plan=rollout.plan,
            rate=_rate(rollout.traffic),
            replacement=told.replacement,
            deployed=successor,
            gone=lifecycle.phase is Phase.RETIRED,
        ),
        plain,
    )


def _notes(lifecycle: Lifecycle, notes: tuple[str, ...], table: LifecycleTable) -> tuple[str, ...]:
    doubt = replacement_doubt(lifecycle, table)
    return notes if doubt is None else (*notes, doubt)


def _rate(traffic: Traffic) -> float | None:
    """Requests per second; that of a trace is not known before it has been read."""
    return None if traffic.arrivals == "trace" else traffic.rate
