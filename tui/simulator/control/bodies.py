"""The control plane's resources as JSON (REST reference 2025-09-01, and the service's own recorded answers)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tui.simulator.control.deployments import Deployments, Managed, Operation, Settings
from tui.simulator.control.meters import meters_of
from tui.simulator.control.models import ModelTable, Offer, Sku

_RICHER_SINCE = "2025-09-01"
"""The api-version from which replacements, the certainty of dates and the newer words are told."""

_OLDER_WORDS = {"GenerallyAvailable": "Stable", "Legacy": "Stable"}
_TOKENS_PER_CAPACITY = 1000


def instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def deployment(
    account_id: str, deployments: Deployments, managed: Managed, settings: Settings, state: str
) -> dict[str, Any]:
    """A deployment with ``settings``, which are not yet its own while it is being changed."""
    stands = managed.stands
    moved = (stands.model, stands.version) != (managed.settings.model, managed.settings.version)
    model, version = (stands.model, stands.version) if moved else (settings.model, settings.version)
    behaviour = managed.behaviour
    # Of older chat models each unit of capacity allows 6 requests a minute, enforced over 10 s.
    requests = settings.capacity if behaviour.requests_per_min is None else behaviour.requests_per_min // 6
    tokens = behaviour.tokens_per_min or settings.capacity * _TOKENS_PER_CAPACITY
    properties: dict[str, Any] = {
        "model": {"format": settings.format, "name": model, "version": version},
        "versionUpgradeOption": settings.upgrade_option,
        "currentCapacity": settings.capacity,
        "capabilities": dict(deployments.table.offer(model, version).capabilities),
        "raiPolicyName": settings.rai_policy,
        "provisioningState": state,
        "rateLimits": [
            {"key": "request", "renewalPeriod": 10, "count": max(1, requests)},
            {"key": "token", "renewalPeriod": 60, "count": tokens},
        ],
        **settings.extra,
    }
    for silent in ("versionUpgradeOption", "raiPolicyName"):
        if properties[silent] is None:
            del properties[silent]
    body: dict[str, Any] = {
        "id": f"{account_id}/deployments/{managed.name}",
        "type": "Microsoft.CognitiveServices/accounts/deployments",
        "name": managed.name,
        "sku": {"name": settings.sku, "capacity": settings.capacity},
        "properties": properties,
        "systemData": {
            "createdBy": "pretend-user",
            "createdByType": "User",
            "createdAt": instant(managed.created_at),
            "lastModifiedBy": "pretend-user",
            "lastModifiedByType": "User",
            "lastModifiedAt": instant(managed.modified_at),
        },
        "etag": f'"{uuid.uuid5(uuid.NAMESPACE_OID, f"{managed.name}/{managed.revision}")}"',
    }
    if settings.tags:
        body["tags"] = dict(settings.tags)
    return body


def model(table: ModelTable, offer: Offer, today: date, api_version: str) -> dict[str, Any]:
    """An item of the list of models. Older api-versions know fewer words and fields."""
    rich = api_version >= _RICHER_SINCE
    word = offer.word(today)
    body: dict[str, Any] = {
        "format": offer.format,
        "name": offer.model,
        "version": offer.version,
        "isDefaultVersion": offer.default,
        "lifecycleStatus": word if rich else _OLDER_WORDS.get(word, word),
        "maxCapacity": max(table.skus[s].maximum for s in offer.skus),
        "capabilities": dict(offer.capabilities),
        "skus": [_sku(offer, table.skus[s], rich) for s in offer.skus],
        "systemData": {"createdBy": "Microsoft", "createdByType": "Application"},
    }
    if offer.retires is not None:
        body["deprecation"] = {"inference": _midnight(offer.retires)}
        if rich and offer.date_status is not None:
            body["deprecation"]["deprecationStatus"] = offer.date_status
    target = offer.replacement
    if rich and target is not None:
        body["replacementConfig"] = {
            "targetModelName": target.model,
            "targetModelVersion": target.version,
            "upgradeOnExpiryLeadTimeDays": target.lead_days,
        }
        if target.starts is not None:
            body["replacementConfig"]["autoUpgradeStartDate"] = _midnight(target.starts)
    return body


def usage(sku: Sku, of_model: str, used: int) -> dict[str, Any]:
    name = sku.usage_name(of_model)
    return {
        "name": {"value": name, "localizedValue": name},
        "currentValue": used,
        "limit": sku.quota,
        "unit": "Count",
    }


def capacity(subscription: str, location: str, offer: Offer, sku: Sku, used: int) -> dict[str, Any]:
    of_model = f"{offer.format}.{offer.model}.{offer.version}"
    return {
        "id": f"/subscriptions/{subscription}/providers/Microsoft.CognitiveServices/locations/{location}"
        f"/models/{of_model}/skuCapacities/{sku.name}",
        "type": "Microsoft.CognitiveServices/locations/models/skuCapacities",
        "name": sku.name,
        "location": location,
        "properties": {
            "model": {"format": offer.format, "name": offer.model, "version": offer.version},
            "skuName": sku.name,
            "availableCapacity": max(0, sku.quota - used),
            "availableFinetuneCapacity": 0,
        },
    }


def operation(path: str, under_way: Operation, ended_at: datetime | None, status: str) -> dict[str, Any]:
    """The status of an operation, as ``Azure-AsyncOperation`` points to it."""
    body: dict[str, Any] = {
        "id": path,
        "name": under_way.id,
        "status": status,
        "startTime": instant(under_way.began_at),
    }
    if ended_at is not None:
        body["endTime"] = instant(ended_at)
        if under_way.failure is not None:
            body["error"] = dict(under_way.failure)
    return body


def account(account_id: str, location: str, endpoint: str, created: datetime) -> dict[str, Any]:
    properties: Mapping[str, Any] = {
        "endpoint": endpoint,
        "endpoints": {"OpenAI Language Model Instance API": endpoint},
        "provisioningState": "Succeeded",
        "disableLocalAuth": False,
        "publicNetworkAccess": "Enabled",
        "dateCreated": instant(created),
    }
    return {
        "id": account_id,
        "name": account_id.rpartition("/")[2],
        "type": "Microsoft.CognitiveServices/accounts",
        "kind": "OpenAI",
        "location": location,
        "sku": {"name": "S0"},
        "properties": dict(properties),
    }


def _sku(offer: Offer, sku: Sku, rich: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": sku.name,
        "usageName": sku.usage_name(offer.model),
        "capacity": {
            "minimum": sku.minimum,
            "maximum": sku.maximum,
            "step": sku.step,
            "default": sku.default,
        },
        "rateLimits": [],
    }
    retires = offer.retires_as(sku.name)
    if retires is not None:
        body["deprecationDate"] = _midnight(retires)
    if rich:
        meters = meters_of(offer.model, offer.version, sku.name)
        body["cost"] = [{"name": m.cost_name, "meterId": m.id, "unit": m.unit} for m in meters]
    return body


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
