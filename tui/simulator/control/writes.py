"""What changes deployments: PUT, PATCH and DELETE, each the beginning of an operation."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Literal

from tui.simulator.control import refusals
from tui.simulator.control.asked import Defaults, check_put, check_quota, read_patch, read_put
from tui.simulator.control.deployments import Operation, Settings
from tui.simulator.control.exchange import JSON, Exchange, Reply
from tui.simulator.control.reads import shown, there
from tui.simulator.control.refusals import Refused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FAILURE = {"code": "InternalServerError", "message": "The deployment could not be provisioned. Try again."}


def put(x: Exchange) -> Reply:
    plane, name = x.plane, x.about.deployment
    if not _NAME.fullmatch(name):
        text = f"The deployment name '{name}' is not valid."
        raise Refused(refusals.bad_request("InvalidResourceName", text))
    defaults = Defaults(plane.settings.default_upgrade_option, plane.settings.default_rai_policy)
    settings = read_put(x.request.body, x.about, plane.deployments.table, defaults)
    existing = plane.deployments.get(name)
    _check_free(x)
    today, now = plane.calendar.today, plane.calendar.now
    check_put(settings, existing, plane.deployments, today)
    if x.fault is not None and x.meets("alter"):
        settings = replace(settings, **x.fault.settings)
    if existing is None:
        behaviour = plane.template.behaviour
        plane.deployments.add(name, settings, "canary", behaviour, today, now, ready=False)
        return _begun(x, "create", settings, 201)
    return _begun(x, "update", settings, 200)


def patch(x: Exchange) -> Reply:
    managed = there(x)
    _check_free(x)
    settings = read_patch(x.request.body, managed, x.plane.deployments.table)
    check_quota(settings, managed, x.plane.deployments)
    return _begun(x, "update", settings, 202)


def delete(x: Exchange) -> Reply:
    if x.plane.deployments.get(x.about.deployment) is None:
        return Reply(204)
    _check_free(x)
    return _begun(x, "delete", None, 202)


def _begun(
    x: Exchange, kind: Literal["create", "update", "delete"], settings: Settings | None, status: int
) -> Reply:
    """Begin the operation; the reply says where to follow it, unless it is already done."""
    plane, now_s = x.plane, x.plane.clock()
    begun = Operation(
        id=plane.new_id(),
        kind=kind,
        name=x.about.deployment,
        began_s=now_s,
        due_s=math.inf if x.meets("stall") else now_s + plane.settings.provisioning_s,
        began_at=plane.calendar.now,
        settings=settings,
        failure=_FAILURE if x.meets("fail") else None,
    )
    plane.deployments.begin(begun)
    plane.settle()
    managed = plane.deployments.get(x.about.deployment)
    body, headers = b"", {}
    if managed is not None and kind != "delete":
        body, headers = json.dumps(shown(plane, x.about.account_id, managed)).encode(), dict(JSON)
    if begun.ended and begun.failure is None:
        return Reply(200 if kind == "delete" else status, body, headers)
    return Reply(status, body, headers if x.meets("unlinked") else {**headers, **_link(x, begun)})


def _link(x: Exchange, begun: Operation) -> dict[str, str]:
    header, kind = ("Azure-AsyncOperation", "operationStatuses")
    if begun.kind == "delete":
        header, kind = ("Location", "operationResults")
    subscription = x.about.account_id.split("/")[2]
    path = (
        f"/subscriptions/{subscription}/providers/Microsoft.CognitiveServices/locations/{x.plane.location}"
        f"/{kind}/{begun.id}"
    )
    return {
        header: f"{x.request.base}{path}?api-version={x.request.api_version}",
        "Retry-After": str(x.plane.settings.retry_after_s),
    }


def _check_free(x: Exchange) -> None:
    """Raises ``Refused`` while another write is under way: the service takes one at a time for an account."""
    if x.plane.deployments.under_way() is not None:
        raise Refused(refusals.conflict(x.about))
