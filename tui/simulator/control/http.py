"""The control plane on the wire: an HTTP request in, its answer or a broken connection out."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tui.simulator.control.arm import answer
from tui.simulator.control.exchange import ArmRequest, refusal_reply
from tui.simulator.control.plane import ControlPlane
from tui.simulator.control.refusals import bad_request


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
