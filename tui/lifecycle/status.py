"""Lifecycle status of a deployment: whether it is pinned and until when, and when its version ends, as ARM and
its answers say.

Naming a version when a deployment is made does not stop its upgrades: the upgrade option does, until the
version retires (Microsoft, working with models, 2026-02).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from datetime import date

from tui.base.served_names import Said, compared
from tui.base.text import plain
from tui.lifecycle.dates import advised, lifecycle_of, successor_of
from tui.lifecycle.retirement import (
    STOPPING,
    VersionEnd,
    days_words,
    leaves_on,
    retired_words,
    version_end_of,
    warning_of,
)
from tui.lifecycle.table import LifecycleTable
from tui.model import (
    AccountView,
    Deployment,
    Lifecycle,
    LifecycleStatus,
    ManagedDeployment,
    Phase,
    Pin,
    PinState,
)

_SHOWN = 60
_SET_OPTION = "set versionUpgradeOption to NoAutoUpgrade with a PUT (az rest), and read it back"
_MOVE = "move to the replacement before that day"
_WHY = {
    VersionEnd.STOPS: "NoAutoUpgrade",
    VersionEnd.PROVISIONED: "provisioned deployments are never upgraded",
    VersionEnd.BATCH: "batch deployments are not upgraded in place",
}


def pin_of(
    deployment: Deployment,
    managed: ManagedDeployment | None,
    lifecycle: Lifecycle | None,
    served: str | None,
    *,
    arm_known: bool,
    today: date,
    plain_server: bool = False,
) -> Pin:
    """The pin of a deployment of the rollout file.

    Args:
        managed: The deployment as ARM has it; None where ARM has none of that name, or was not asked.
        lifecycle: Of the version that ARM names, else of the one in the file.
        served: ``model`` of its latest answer; None before the first.
        arm_known: Whether ARM was asked and answered.
        plain_server: Whether its service is none of Azure, so that there is no ARM to ask.
    """
    asked = f"{deployment.model} {deployment.version}"
    said = (
        None if served is None else compared(served, deployment.model, deployment.version, deployment.wire_id)
    )
    if managed is not None and (other := _other_version(deployment, managed)):
        return Pin(
            PinState.MISMATCH,
            reason=f"the rollout file says {asked}, ARM has {other}",
            remedy="correct the file, or deploy the version that it names",
        )
    if said is not None and said.agrees is False:
        why = "what answers at this address" if plain_server else "in ARM what moved it"
        return Pin(
            PinState.MISMATCH,
            reason=f"asked for {asked}, answered by {plain(served or '', _SHOWN)}",
            remedy=f"stop comparing: find out {why}, roll back to a deployment that is right",
        )
    if plain_server:
        return _of_plain_server(asked, served, said)
    if managed is None:
        return _without_arm(asked, served, said, arm_known)
    if managed.version is None:
        return Pin(
            PinState.UNKNOWN,
            reason="ARM names no version of this deployment",
            remedy="deploy it again with an exact version",
        )
    return _by_option(managed, lifecycle, deployment, today)


def _other_version(deployment: Deployment, managed: ManagedDeployment) -> str | None:
    """What ARM has where that is not what the file says."""
    same_model = managed.model.strip().casefold() == deployment.model.strip().casefold()
    version = managed.version
    if same_model and (version is None or version.strip().casefold() == deployment.version.strip().casefold()):
        return None
    return plain(f"{managed.model} {version or ''}".strip(), _SHOWN)


def _of_plain_server(asked: str, served: str | None, said: Said | None) -> Pin:
    """Nobody can be asked whether it will be moved: what its answers name is all there is."""
    if served is None or said is None:
        return Pin(PinState.UNKNOWN, reason="no answer has been seen", remedy="see what its first answers name")
    if said.agrees:
        reason = f"it answers as {asked} now; its service does not say whether it stays so"
        return Pin(PinState.UNKNOWN, reason=reason, remedy="follow the service's own notices of changes")
    reason = f'what is served ("{plain(served, _SHOWN)}") {said.why}'
    return Pin(PinState.UNKNOWN, reason=reason, remedy="ask for an id that names its version, if there is one")


def _without_arm(asked: str, served: str | None, said: Said | None, arm_known: bool) -> Pin:
    if arm_known:
        return Pin(
            PinState.UNKNOWN,
            reason="ARM has no deployment of this name",
            remedy="compare the name with those of the account; deploy it if it is missing",
        )
    if said is not None and said.agrees:
        reason = f"it answers as {asked} now, but its upgrade option is not known without ARM"
    elif served is None or said is None:
        reason = "ARM was not asked, and no answer has been seen"
    else:
        reason = f'ARM was not asked, and what is served ("{plain(served, _SHOWN)}") {said.why}'
    return Pin(PinState.UNKNOWN, reason=reason, remedy="give access to ARM (Entra ID)")


def _by_option(
    managed: ManagedDeployment, lifecycle: Lifecycle | None, deployment: Deployment, today: date
) -> Pin:
    phase = lifecycle.phase if lifecycle is not None else Phase.UNKNOWN
    version_end = version_end_of(managed, phase, provisioned=deployment.provisioned)
    until = leaves_on(lifecycle, version_end) if lifecycle is not None else None
    when = (
        "at its retirement, of which no date is known"
        if until is None
        else f"on {until}, {days_words(until, today)}"
    )
    may_move = " (the date may still move)" if lifecycle is not None and lifecycle.tentative else ""
    if version_end in STOPPING and phase is Phase.RETIRED:
        return Pin(
            PinState.HARD_STOP, until, f"{_WHY[version_end]}: retired, calls are answered with 410", "move now"
        )
    if version_end in STOPPING and until is None:
        reason = f"{_WHY[version_end]}; no retirement date is known"
        return Pin(PinState.PINNED, None, reason, "look at the date from time to time")
    if version_end in STOPPING:
        return Pin(PinState.HARD_STOP, until, f"{_WHY[version_end]}: it stops (410) {when}{may_move}", _MOVE)
    if version_end is VersionEnd.MOVES and until is not None and until < today:
        reason = f"OnceCurrentVersionExpired, and that day is past ({when}): the service moves it at any moment"
        return Pin(PinState.NOT_PINNED, None, reason, "move now")
    if version_end is VersionEnd.MOVES:
        reason = f"OnceCurrentVersionExpired: the service moves it {when}{may_move}"
        return Pin(PinState.PINNED_UNTIL, until, reason, f"{_MOVE}, or {_SET_OPTION}")
    if version_end is VersionEnd.FOLLOWS:
        reason = "OnceNewDefaultVersionAvailable: the service moves it within about 2 weeks of a new default"
        return Pin(PinState.NOT_PINNED, None, reason, _SET_OPTION)
    if version_end is VersionEnd.UNSET:
        reason = f"no upgrade option is set: moved {when} at the latest, by some reports with a new default"
        return Pin(PinState.NOT_PINNED, None, reason, _SET_OPTION)
    if version_end is VersionEnd.FORCED:
        reason = "a preview version is upgraded or ended whatever its option"
        return Pin(PinState.NOT_PINNED, None, reason, "deploy a generally available version")
    option = plain(managed.upgrade_option or "", _SHOWN)
    return Pin(PinState.UNKNOWN, None, f'the upgrade option "{option}" is not known here', _SET_OPTION)


def statuses_of(
    deployments: Iterable[Deployment],
    account_at: Callable[[str], AccountView | None],
    served: Callable[[str], str | None],
    table: LifecycleTable,
    today: date,
    *,
    baseline: str,
    planned: str | None = None,
    plain_servers: Container[str] = frozenset(),
) -> dict[str, LifecycleStatus]:
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
        name: _status_at_plain_server(deployment, served(name), today)
        if deployment.endpoint in plain_servers
        else _status(
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


def status_of_managed(
    managed: ManagedDeployment, account: AccountView, table: LifecycleTable, today: date
) -> LifecycleStatus:
    """The same of a deployment that no rollout asks for: what it should be is what ARM says it is."""
    deployment = Deployment(managed.name, account.endpoint, managed.model, managed.version or "")
    lifecycle = _lifecycle(deployment, account, table, today)
    return _status(deployment, account, lifecycle, None, table, today, None)


def gone_words(
    status: LifecycleStatus, http_status: int | None, table: LifecycleTable, today: date
) -> tuple[str, str]:
    """What is said of a deployment that answers with ``http_status`` as a retired one does: since when it
    is retired, and by which source; and what to do about it."""
    lifecycle = status.lifecycle
    known = None if lifecycle is None else advised(lifecycle, table)
    return retired_words(known, today, status.successor, sure=http_status == 410)


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


def _status_at_plain_server(deployment: Deployment, served: str | None, today: date) -> LifecycleStatus:
    """Without a lifecycle: the dates of the table are those of Azure."""
    return LifecycleStatus(
        pin_of(deployment, None, None, served, arm_known=False, today=today, plain_server=True)
    )


def _status(
    deployment: Deployment,
    account: AccountView | None,
    lifecycle: Lifecycle,
    served: str | None,
    table: LifecycleTable,
    today: date,
    successor: str | None,
) -> LifecycleStatus:
    managed = account.deployment(deployment.wire_id) if account is not None else None
    asked = account is not None and account.deployments is not None
    pin = pin_of(deployment, managed, lifecycle, served, arm_known=asked, today=today)
    version_end = version_end_of(managed, lifecycle.phase, provisioned=deployment.provisioned)
    warning = warning_of(advised(lifecycle, table), version_end, today, successor)
    if warning is None:
        return LifecycleStatus(pin, lifecycle, successor=successor)
    return LifecycleStatus(pin, lifecycle, warning.text, warning.severity, warning.days_left, successor)
