"""Proposal of a canary to deploy beside the baseline: what the form is filled with before anybody types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date

from tui.model import (
    AccountView,
    Deployment,
    DeploymentSpec,
    LifecycleStatus,
    ManagedDeployment,
    OfferedModel,
    Phase,
)

_LEAST_DAYS = 90
"""A version that ends sooner is no canary."""

_NEW = (Phase.GENERALLY_AVAILABLE, Phase.UNKNOWN)
_CAPACITY = 10


def proposed_canary(
    baseline: Deployment,
    status: LifecycleStatus,
    account: AccountView,
    today: date,
    others: Iterable[Deployment] = (),
) -> DeploymentSpec:
    """Same SKU, capacity and content-filter policy as the baseline; the version named as its replacement, else
    the newest one of the same family, else of any, that the account offers and none of ``others`` has;
    named by the baseline's convention."""
    managed = account.deployment(baseline.wire_id)
    sku = (managed.sku if managed is not None else None) or "GlobalStandard"
    taken = {(d.model, d.version) for d in (baseline, *others)}
    eligible = [m for m in account.models if _eligible(m, sku, today) and (m.model, m.version) not in taken]
    model, version = _target(baseline, status, eligible)
    return DeploymentSpec(
        name=_free_name(canary_name(baseline, model, version), account),
        model=model,
        version=version,
        sku=sku,
        capacity=(managed.capacity if managed is not None else None) or _CAPACITY,
        rai_policy=managed.rai_policy if managed is not None else None,
    )


def canary_name(baseline: Deployment, model: str, version: str) -> str:
    """The baseline's name with the other model and version in it: of ``gpt4o-prod-v1120`` and gpt-5.1
    2025-11-13 it makes ``gpt51-prod-v1113``. What the name does not carry is added at its end."""
    name = baseline.wire_id
    for old in (baseline.model, _compact(baseline.model)):
        if old and old in name:
            name = name.replace(old, model if old == baseline.model else _compact(model), 1)
            break
    else:
        name = f"{_compact(model)}-{name}" if _compact(model) not in name else name
    for old, new in zip(_tags(baseline.version), _tags(version), strict=True):
        if old and old in name:
            return _fitting(name.replace(old, new, 1))
    return _fitting(f"{name}-v{_tags(version)[1]}")


def problems(spec: DeploymentSpec, account: AccountView, today: date) -> tuple[str, ...]:
    """What speaks against a deployment as far as can be known before asking, each a sentence."""
    found = []
    offered = account.offered(spec.model, spec.version, spec.format)
    if account.deployment(spec.name) is not None:
        found.append(f"{spec.name} exists already: creating it again would only pin it")
    if account.models and offered is None:
        found.append(f"the account does not list {spec.model} {spec.version}")
    if offered is None:
        return tuple(found)
    sku = offered.sku(spec.sku)
    if offered.skus and sku is None:
        found.append(f"{spec.sku} is not offered: {', '.join(sku.name for sku in offered.skus[:8])}")
    retires = (sku.retires if sku is not None else None) or offered.retires
    if retires is not None and (retires - today).days < _LEAST_DAYS:
        found.append(f"it retires on {retires}, in {(retires - today).days} days")
    usage = next((use for use in account.quota if sku is not None and use.name == sku.usage_name), None)
    if usage is not None and usage.limit is not None and usage.used is not None:
        left = usage.limit - usage.used
        if spec.capacity > left:
            found.append(f"{left:g} of {usage.limit:g} of the quota are left: it asks for {spec.capacity}")
    return tuple(found)


def cannot_come_back(managed: ManagedDeployment | None, status: LifecycleStatus) -> str:
    """Why a deployment that is removed might not be made again; empty where nothing speaks against it."""
    phase = status.lifecycle.phase if status.lifecycle is not None else Phase.UNKNOWN
    if phase is Phase.GENERALLY_AVAILABLE:
        return ""
    version = "its version" if managed is None else f"{managed.model} {managed.version or ''}".strip()
    if phase is Phase.UNKNOWN:
        return f"it is not known whether {version} can still be deployed: it may be impossible to make it again"
    return f"{version} is {phase.value}: it may be impossible to make it again"


def _target(baseline: Deployment, status: LifecycleStatus, eligible: Sequence[OfferedModel]) -> tuple[str, str]:
    replacement = status.lifecycle.replacement if status.lifecycle is not None else None
    if replacement is not None:
        for offered in eligible:
            if offered.model == replacement.model and replacement.version in ("", offered.version):
                return offered.model, offered.version
    family = _family(baseline.model)
    newest = sorted(eligible, key=lambda m: (_family(m.model) == family, m.version))
    return (newest[-1].model, newest[-1].version) if newest else (baseline.model, baseline.version)


def _eligible(offered: OfferedModel, sku: str, today: date) -> bool:
    chats = str(offered.capabilities.get("chatCompletion", "")).lower() == "true"
    has_sku = not offered.skus or any(one.name == sku for one in offered.skus)
    stays = offered.retires is None or (offered.retires - today).days >= _LEAST_DAYS
    new = (offered.status or "").lower() in ("generallyavailable", "stable")
    return chats and has_sku and stays and new and bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", offered.version))


def _family(model: str) -> str:
    """``mini``, ``nano``, ...: the size of a model, which a canary usually keeps; empty for the full one."""
    return next((size for size in ("mini", "nano", "luna", "terra") if size in model.lower()), "")


def _compact(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", model)


def _tags(version: str) -> tuple[str, str]:
    """How a version is written in a name: whole, or as month and day."""
    match = re.fullmatch(r"\d{4}-(\d{2})-(\d{2})", version)
    return version, f"{match[1]}{match[2]}" if match else re.sub(r"[^A-Za-z0-9]", "", version)


def _free_name(name: str, account: AccountView) -> str:
    number, free = 1, name
    while account.deployment(free) is not None:
        number += 1
        free = _fitting(f"{name}-{number}")
    return free


def _fitting(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:64]
