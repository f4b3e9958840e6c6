"""What the control plane shows: the account, its deployments, models, quota, and how far an operation is."""

from __future__ import annotations

from typing import Any

from tui.simulator.control import bodies
from tui.simulator.control.deployments import Managed, Operation
from tui.simulator.control.exchange import Exchange, Reply, json_reply
from tui.simulator.control.plane import ControlPlane
from tui.simulator.control.refusals import ArmRefusal, Refused, not_found


def account(x: Exchange) -> Reply:
    created = x.plane.calendar.now
    return json_reply(200, bodies.account(x.about.account_id, x.plane.location, f"{x.request.base}/", created))


def deployment_list(x: Exchange) -> Reply:
    by_name = sorted(x.plane.deployments, key=lambda managed: managed.name)
    listed = [shown(x.plane, x.about.account_id, managed) for managed in by_name]
    size = x.plane.settings.page_size
    token = x.request.query.get("$skipToken", "0")
    start = int(token) if token.isdecimal() and len(token) < 10 else 0
    page: dict[str, Any] = {"value": listed[start : start + size]}
    if start + size < len(listed):
        page["nextLink"] = (
            f"{x.request.base}{x.request.path}?api-version={x.request.api_version}&$skipToken={start + size}"
        )
    return json_reply(200, page)


def deployment(x: Exchange) -> Reply:
    return json_reply(200, shown(x.plane, x.about.account_id, there(x)))


def models(x: Exchange) -> Reply:
    return json_reply(200, {"value": _offers(x)})


def region_models(x: Exchange) -> Reply:
    """Each item is wrapped, and there is one for every kind of account."""
    kinds = ("OpenAI", "AIServices")
    wrapped = [{"kind": kind, "skuName": "S0", "model": offer} for offer in _offers(x) for kind in kinds]
    return json_reply(200, {"value": wrapped})


def usages(x: Exchange) -> Reply:
    deployments = x.plane.deployments
    listed: dict[str, dict[str, Any]] = {}
    for offer in deployments.table.offers.values():
        for sku in (deployments.table.skus[name] for name in offer.skus):
            usage = sku.usage_name(offer.model)
            if usage not in listed:
                listed[usage] = bodies.usage(sku, offer.model, deployments.used(usage))
    return json_reply(200, {"value": list(listed.values())})


def capacities(x: Exchange) -> Reply:
    query, deployments = x.request.query, x.plane.deployments
    subscription = x.about.account_id.rpartition("/")[2]
    offer = deployments.table.offers.get((query.get("modelName", ""), query.get("modelVersion", "")))
    listed = []
    if offer is not None and offer.format == query.get("modelFormat"):
        for sku in (deployments.table.skus[name] for name in offer.skus):
            used = deployments.used(sku.usage_name(offer.model))
            listed.append(bodies.capacity(subscription, x.plane.location, offer, sku, used))
    return json_reply(200, {"value": listed})


def operation(x: Exchange, operation_id: str, *, as_result: bool) -> Reply:
    """How far an operation is: as a status document, or as the result to which ``Location`` points."""
    plane = x.plane
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
    return json_reply(200, bodies.operation(x.request.path, found, ended_at, status), again)


def shown(plane: ControlPlane, account_id: str, managed: Managed) -> dict[str, Any]:
    """A deployment as it is shown; while it is being changed, with the settings that it will have."""
    under_way = plane.deployments.under_way(managed.name)
    settings, state = managed.settings, managed.state
    if under_way is not None:
        settings, state = under_way.settings or settings, state_during(plane, under_way)
    return bodies.deployment(account_id, plane.deployments, managed, settings, state)


def state_during(plane: ControlPlane, under_way: Operation) -> str:
    """``provisioningState`` of a deployment during an operation on it."""
    if under_way.kind == "delete":
        return "Deleting"
    states = plane.settings.states
    return states[min(len(states) - 1, int(under_way.progress(plane.clock()) * len(states)))]


def there(x: Exchange) -> Managed:
    """The deployment that is asked for. Raises ``Refused`` when there is none."""
    managed = x.plane.deployments.get(x.about.deployment)
    if managed is None:
        raise Refused(not_found(x.about))
    return managed


def _offers(x: Exchange) -> list[dict[str, Any]]:
    table, today = x.plane.deployments.table, x.plane.calendar.today
    return [bodies.model(table, offer, today, x.request.api_version) for offer in table.offers.values()]
