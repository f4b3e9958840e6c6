"""Reads of the control plane: the account, its deployments, models, quota, and how far an operation is.

The resources are as in the REST reference 2025-09-01, and in the service's own recorded answers.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tui.simulator.control.deployments import Deployments, Managed, Operation, Settings
from tui.simulator.control.models import ModelTable, Offer, Sku
from tui.simulator.control.plane import ControlPlane, Reply, RequestContext, json_reply
from tui.simulator.control.prices import meters_of
from tui.simulator.control.refusals import ArmRefusal, Refused, not_found

_RICHER_SINCE = "2025-09-01"
"""The api-version from which replacements, the certainty of dates and the newer words are told."""

_OLDER_WORDS = {"GenerallyAvailable": "Stable", "Legacy": "Stable"}
_TOKENS_PER_CAPACITY = 1000


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _deployment_body(
    account_id: str, deployments: Deployments, managed: Managed, settings: Settings, state: str
) -> dict[str, Any]:
    """A deployment with ``settings``, which are not yet its own while it is being changed."""
    served = managed.served
    moved = (served.model, served.version) != (managed.settings.model, managed.settings.version)
    model, version = (served.model, served.version) if moved else (settings.model, settings.version)
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
            "createdAt": _instant(managed.created_at),
            "lastModifiedBy": "pretend-user",
            "lastModifiedByType": "User",
            "lastModifiedAt": _instant(managed.modified_at),
        },
        "etag": f'"{uuid.uuid5(uuid.NAMESPACE_OID, f"{managed.name}/{managed.revision}")}"',
    }
    if settings.tags:
        body["tags"] = dict(settings.tags)
    return body


def _model_body(table: ModelTable, offer: Offer, today: date, api_version: str) -> dict[str, Any]:
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


def _usage_body(sku: Sku, of_model: str, used: int) -> dict[str, Any]:
    name = sku.usage_name(of_model)
    return {
        "name": {"value": name, "localizedValue": name},
        "currentValue": used,
        "limit": sku.quota,
        "unit": "Count",
    }


def _capacity_body(subscription: str, location: str, offer: Offer, sku: Sku, used: int) -> dict[str, Any]:
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


def _operation_body(path: str, under_way: Operation, ended_at: datetime | None, status: str) -> dict[str, Any]:
    """The status of an operation, as ``Azure-AsyncOperation`` points to it."""
    body: dict[str, Any] = {
        "id": path,
        "name": under_way.id,
        "status": status,
        "startTime": _instant(under_way.began_at),
    }
    if ended_at is not None:
        body["endTime"] = _instant(ended_at)
        if under_way.failure is not None:
            body["error"] = dict(under_way.failure)
    return body


def _account_body(account_id: str, location: str, endpoint: str, created: datetime) -> dict[str, Any]:
    properties: Mapping[str, Any] = {
        "endpoint": endpoint,
        "endpoints": {"OpenAI Language Model Instance API": endpoint},
        "provisioningState": "Succeeded",
        "disableLocalAuth": False,
        "publicNetworkAccess": "Enabled",
        "dateCreated": _instant(created),
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


def account(context: RequestContext) -> Reply:
    created = context.plane.calendar.now
    return json_reply(
        200,
        _account_body(context.about.account_id, context.plane.location, f"{context.request.base}/", created),
    )


def deployment_list(context: RequestContext) -> Reply:
    by_name = sorted(context.plane.deployments, key=lambda managed: managed.name)
    listed = [shown(context.plane, context.about.account_id, managed) for managed in by_name]
    size = context.plane.settings.page_size
    token = context.request.query.get("$skipToken", "0")
    start = int(token) if token.isdecimal() and len(token) < 10 else 0
    page: dict[str, Any] = {"value": listed[start : start + size]}
    if start + size < len(listed):
        asked = context.request
        page["nextLink"] = f"{asked.base}{asked.path}?api-version={asked.api_version}&$skipToken={start + size}"
    return json_reply(200, page)


def deployment(context: RequestContext) -> Reply:
    return json_reply(200, shown(context.plane, context.about.account_id, there(context)))


def models(context: RequestContext) -> Reply:
    return json_reply(200, {"value": _offers(context)})


def region_models(context: RequestContext) -> Reply:
    """Each item is wrapped, and there is one for every kind of account."""
    kinds = ("OpenAI", "AIServices")
    wrapped = [{"kind": kind, "skuName": "S0", "model": offer} for offer in _offers(context) for kind in kinds]
    return json_reply(200, {"value": wrapped})


def usages(context: RequestContext) -> Reply:
    deployments = context.plane.deployments
    listed: dict[str, dict[str, Any]] = {}
    for offer in deployments.table.offers.values():
        for sku in (deployments.table.skus[name] for name in offer.skus):
            usage = sku.usage_name(offer.model)
            if usage not in listed:
                listed[usage] = _usage_body(sku, offer.model, deployments.used(usage))
    return json_reply(200, {"value": list(listed.values())})


def capacities(context: RequestContext) -> Reply:
    query, deployments = context.request.query, context.plane.deployments
    subscription = context.about.account_id.rpartition("/")[2]
    offer = deployments.table.offers.get((query.get("modelName", ""), query.get("modelVersion", "")))
    listed = []
    if offer is not None and offer.format == query.get("modelFormat"):
        for sku in (deployments.table.skus[name] for name in offer.skus):
            used = deployments.used(sku.usage_name(offer.model))
            listed.append(_capacity_body(subscription, context.plane.location, offer, sku, used))
    return json_reply(200, {"value": listed})


def operation(context: RequestContext, operation_id: str, *, as_result: bool) -> Reply:
    """How far an operation is: as a status document, or as the result to which ``Location`` points."""
    plane = context.plane
    found = plane.deployments.operation(operation_id)
    if found is None:
        raise Refused(ArmRefusal(404, "NotFound", f"The operation '{operation_id}' was not found."))
    again = {} if found.ended else {"Retry-After": str(plane.settings.retry_after_s)}
    if as_result:
        if not found.ended:
            return Reply(202, b"", again)
        return Reply(204) if found.failure is None else json_reply(409, {"error": dict(found.failure)})
    status = "Succeeded" if found.failure is None else "Failed"
    if not found.ended:
        status = state_during(plane, found)
    ended_at = plane.calendar.now if found.ended else None
    return json_reply(200, _operation_body(context.request.path, found, ended_at, status), again)


def shown(plane: ControlPlane, account_id: str, managed: Managed) -> dict[str, Any]:
    """A deployment as it is shown; while it is being changed, with the settings that it will have."""
    under_way = plane.deployments.under_way(managed.name)
    settings, state = managed.settings, managed.state
    if under_way is not None:
        settings, state = under_way.settings or settings, state_during(plane, under_way)
    return _deployment_body(account_id, plane.deployments, managed, settings, state)


def state_during(plane: ControlPlane, under_way: Operation) -> str:
    """``provisioningState`` of a deployment during an operation on it."""
    if under_way.kind == "delete":
        return "Deleting"
    states = plane.settings.states
    return states[min(len(states) - 1, int(under_way.progress(plane.clock()) * len(states)))]


def there(context: RequestContext) -> Managed:
    """The deployment that is asked for. Raises ``Refused`` when there is none."""
    managed = context.plane.deployments.get(context.about.deployment)
    if managed is None:
        raise Refused(not_found(context.about))
    return managed


def _offers(context: RequestContext) -> list[dict[str, Any]]:
    table, today = context.plane.deployments.table, context.plane.calendar.today
    return [_model_body(table, offer, today, context.request.api_version) for offer in table.offers.values()]
