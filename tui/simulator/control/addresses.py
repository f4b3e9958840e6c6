"""Addresses of the control plane and of the price list: which request asks for what (azure.md C, E)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from tui.simulator.control import prices as retail
from tui.simulator.control import reads, refusals, writes
from tui.simulator.control.faults import ERRORS
from tui.simulator.control.plane import ArmRequest, ControlPlane, Reply, RequestContext, refusal_reply
from tui.simulator.control.refusals import ArmRefusal, Refused, Subject, bad_request

API_VERSIONS = (
    "2023-05-01",
    "2024-10-01",
    "2025-06-01",
    "2025-09-01",
    "2025-12-01",
    "2026-03-01",
    "2026-05-01",
)
_Act = Callable[[RequestContext], Reply]
_NO_ACCOUNT = Subject("/subscriptions/-/resourceGroups/-")
_PROVIDER = r"/providers/Microsoft\.CognitiveServices"
_ACCOUNT = re.compile(
    rf"(?P<account>/subscriptions/[^/]+/resourceGroups/[^/]+{_PROVIDER}/accounts/[^/]+)"
    r"(?:/(?P<what>deployments|models)(?:/(?P<name>[^/]+))?)?",
    re.IGNORECASE,
)
_LOCATION = re.compile(
    rf"(?P<subscription>/subscriptions/[^/]+){_PROVIDER}/locations/(?P<location>[^/]+)"
    r"/(?:(?P<what>models|usages|modelCapacities)|operation(?P<kind>Results|Statuses)/(?P<id>[^/]+))",
    re.IGNORECASE,
)
_DEPLOYMENT: dict[str, tuple[str, _Act]] = {
    "GET": ("read", reads.deployment),
    "PUT": ("write", writes.put),
    "PATCH": ("write", writes.patch),
    "DELETE": ("delete", writes.delete),
}
_OF_ACCOUNT: dict[str, tuple[str, _Act]] = {
    "": ("account", reads.account),
    "models": ("models", reads.models),
    "deployments": ("list", reads.deployment_list),
}
_OF_LOCATION: dict[str, tuple[str, _Act]] = {
    "models": ("region_models", reads.region_models),
    "usages": ("usages", reads.usages),
    "modelcapacities": ("capacities", reads.capacities),
}


def is_control(path: str) -> bool:
    """Whether a path belongs to the control plane, or to the price list that goes with it."""
    return path[:15].lower() == "/subscriptions/" or retail.is_prices(path)


def answer(plane: ControlPlane, request: ArmRequest) -> Reply:
    """What the control plane answers; whatever is due by the clock and the calendar has happened before."""
    plane.settle()
    plane.note(request.method, request.path, request.query, request.body)
    try:
        if retail.is_prices(request.path):
            reply = _met(RequestContext(plane, request, _NO_ACCOUNT), "prices", retail.prices)
        else:
            _check_request(request)
            reply = _routed(plane, request)
    except Refused as refused:
        reply = refusal_reply(refused.refusal)
    identity = {
        "x-ms-request-id": plane.new_id(),
        "x-ms-correlation-request-id": plane.new_id(),
        "cache-control": "no-cache",
    }
    return replace(reply, headers={**identity, **reply.headers})


def _check_request(request: ArmRequest) -> None:
    scheme, _, token = request.authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(refusals.unauthenticated(Subject("")))
    if not request.api_version:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refused(refusals.bad_request("MissingApiVersionParameter", text))
    if request.api_version not in API_VERSIONS:
        text = (
            f"The api-version '{request.api_version}' is invalid. The supported versions are "
            f"'{','.join(API_VERSIONS)}'."
        )
        raise Refused(refusals.bad_request("InvalidApiVersionParameter", text))


def _routed(plane: ControlPlane, request: ArmRequest) -> Reply:
    if account := _ACCOUNT.fullmatch(request.path):
        about = Subject(account["account"], account["name"] or "")
        only = plane.settings.account_id
        if only is not None and only.lower() != about.account_id.lower():
            raise Refused(refusals.not_found(Subject(about.account_id)))
        what = (account["what"] or "").lower()
        if about.deployment and what == "deployments" and request.method in _DEPLOYMENT:
            action, act = _DEPLOYMENT[request.method]
            about = replace(about, action=action)
            return _met(RequestContext(plane, request, about), request.method.lower(), act)
        if not about.deployment and request.method == "GET":
            step, act = _OF_ACCOUNT[what]
            return _met(RequestContext(plane, request, about), step, act)
        raise Refused(ArmRefusal(405, "MethodNotAllowed", f"{request.method} is not allowed here."))
    location = _LOCATION.fullmatch(request.path)
    if location is None:
        raise Refused(ArmRefusal(404, "NotFound", f"No resource type answers at '{request.path}'."))
    if request.method != "GET":
        raise Refused(ArmRefusal(405, "MethodNotAllowed", f"{request.method} is not allowed here."))
    context = RequestContext(plane, request, Subject(location["subscription"]))
    if location["kind"]:
        as_result = location["kind"].lower() == "results"
        return _met(
            context, "operation", lambda context: reads.operation(context, location["id"], as_result=as_result)
        )
    if location["location"].replace(" ", "").lower() != plane.location:
        text = (
            f"The provided location '{location['location']}' is not available for resource type "
            f"'Microsoft.CognitiveServices/locations'. The available locations are '{plane.location}'."
        )
        raise Refused(refusals.bad_request("LocationNotAvailableForResourceType", text))
    step, act = _OF_LOCATION[location["what"].lower()]
    return _met(context, step, act)


def _met(context: RequestContext, step: str, act: _Act) -> Reply:
    """Act, unless the plan has a fault for this step."""
    about = context.about
    fault = context.plane.faults.next(step, about.deployment or None)
    if fault is None:
        return act(context)
    if fault.do in ERRORS:
        raise Refused(ERRORS[fault.do](replace(about, retry_after_s=fault.retry_after_s)))
    if fault.do == "drop":
        return Reply(0, drop=True)
    reply = act(replace(context, fault=fault))
    if fault.do == "drop_after":
        return replace(reply, drop=True)
    if fault.do == "garble":
        return replace(reply, body=b'{"value": [{"name": ')
    return reply


async def respond(plane: ControlPlane, request: web.BaseRequest) -> web.StreamResponse:
    """Answer a request to the control plane."""
    try:
        body = await request.read()
    except (web.HTTPRequestEntityTooLarge, web.RequestPayloadError):
        reply = refusal_reply(bad_request("InvalidRequestContent", "The request content could not be read."))
    else:
        asked = ArmRequest(
            request.method,
            request.path,
            dict(request.query),
            request.headers.get("authorization", ""),
            body,
            f"{request.scheme}://{request.host}",
        )
        reply = answer(plane, asked)
    if reply.drop:
        return await broken_off(request)
    return web.Response(status=reply.status, body=reply.body or None, headers=reply.headers)


async def broken_off(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection; this is cancelled when it is gone."""
    if request.transport is not None:
        request.transport.abort()
    silence: asyncio.Future[web.StreamResponse] = asyncio.get_running_loop().create_future()
    return await silence
