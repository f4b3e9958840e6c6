"""The pretend service: one HTTP server on a loopback port that serves any number of deployments.

Requests at the data plane's addresses are served and counted; ``/sim`` is the simulator's own: ``GET /sim``,
``GET /sim/truth``, ``POST /sim/reset`` and ``POST /sim/scenario``.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import random
import re
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from tui.model import OutcomeKind
from tui.simulator import refusals
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.call import Call, read_call
from tui.simulator.delivery import Delivery
from tui.simulator.lane import Lane, Received
from tui.simulator.refusals import Refusal
from tui.simulator.scenarios import SCENARIOS, Scenario, behaviour_at, scenario_named
from tui.simulator.truth import ServedOutcome, Truth

_CHAT = re.compile(
    r"/openai/deployments/(?P<deployment>[^/]+)/chat/completions|(?:/openai)?/v1/chat/completions"
)
_MODELS = frozenset({"/openai/models", "/openai/v1/models", "/v1/models"})
_MAX_BODY_BYTES = 16 * 2**20
_KEEP_ALIVE_S = 600.0
_SHUTDOWN_S = 0.1


class _TimedRequest(web.BaseRequest):
    """A request that knows when its headers had been read, which is before its handler runs."""

    received_s: float


class Simulator:
    """Serves ``deployments`` through ``scenario``, whose clock starts with the server.

    What happens to the k-th request of a deployment depends on ``seed``, its name, k and the scenario's time
    alone; only its times also stretch with the load. ``clock`` gives seconds and times the scenario, the
    quotas and the truth; ``wall_clock`` gives Unix time for the answers. ``key`` is the only accepted key,
    None accepts any that is not empty. Port 0 picks a free one.

    Raises ``ValueError`` for an unknown scenario, or for no deployments or two of one name.
    """

    def __init__(
        self,
        deployments: Iterable[PretendDeployment],
        scenario: str | Scenario = "healthy",
        seed: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        port: int = 0,
        key: str | None = None,
        region: str = "East US 2",
    ) -> None:
        served = tuple(deployments)
        self._lanes = {d.name: Lane(d, seed, clock, wall_clock) for d in served}
        if len(self._lanes) != len(served) or not served:
            raise ValueError("the simulator needs at least one deployment, each with a name of its own")
        self._scenario = scenario if isinstance(scenario, Scenario) else scenario_named(scenario)
        self._seed = seed
        self._clock = clock
        self._port = port
        self._key = key
        self._region = region
        self._ids = random.Random(f"{seed}/ids")
        self._began_s = clock()
        self._stopping = False
        self._runner: web.ServerRunner | None = None
        self.truth = Truth(self._lanes)

    async def start(self) -> int:
        """Listen on 127.0.0.1 and return the port. Raises ``OSError`` when the port cannot be had."""
        server = web.Server(
            self._handle,
            request_factory=self._receive,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_S,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port, backlog=1024).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._stopping = False
        self._began_s = self._clock()
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening and break off what is still in flight. Does nothing when not started."""
        self._stopping = True
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def scenario_s(self) -> float:
        """Seconds since the scenario began."""
        return self._clock() - self._began_s

    def restart_scenario(self, name: str) -> None:
        """Begin another scenario at its start: draws and quotas begin anew, the truth goes on.

        Raises ``ValueError`` for an unknown name.
        """
        self._scenario = scenario_named(name)
        self._began_s = self._clock()
        for lane in self._lanes.values():
            lane.restart()

    def _receive(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        request = _TimedRequest(message, payload, protocol, writer, task, loop, client_max_size=_MAX_BODY_BYTES)
        request.received_s = self._clock()
        return request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        chat = _CHAT.fullmatch(path)
        if chat and request.method == "POST":
            received_s = request.received_s if isinstance(request, _TimedRequest) else self._clock()
            return await self._chat(request, chat["deployment"], received_s)
        if path in _MODELS and request.method == "GET":
            return self._models(request)
        if path == "/sim" or path.startswith("/sim/"):
            return await self._control(request)
        if chat or path in _MODELS:
            return web.json_response({"error": {"code": "405", "message": "Method not allowed"}}, status=405)
        return _plain(refusals.NO_RESOURCE)

    async def _chat(
        self, request: web.BaseRequest, path_deployment: str | None, received_s: float
    ) -> web.StreamResponse:
        outcome = ServedOutcome()
        name = path_deployment or ""
        try:
            call = await _read(request, path_deployment)
            name = call.deployment
            objection = self._objection(request, path_deployment)
            received = Received(request, call, received_s, self._identity(request), objection)
            lane = self._lanes.get(name)
            if lane is None:
                return await self._turn_away(received, outcome)
            role = lane.deployment.role
            behaviour = behaviour_at(lane.deployment.behaviour, role, self._scenario, self.scenario_s)
            return await lane.serve(received, behaviour, outcome)
        finally:
            if self._stopping and outcome.kind is OutcomeKind.CANCELLED:
                outcome.kind = OutcomeKind.CONNECTION_LOST
            self.truth.add(name, outcome)

    async def _turn_away(self, received: Received, outcome: ServedOutcome) -> web.StreamResponse:
        refusal = received.objection or refusals.NO_DEPLOYMENT
        if received.objection is None and not received.call.deployment and received.call.problem:
            refusal = received.call.problem
        response = await Delivery(received.request, received.headers, self._clock).refuse(refusal)
        outcome.kind = refusal.kind
        return response

    def _objection(self, request: web.BaseRequest, path_deployment: str | None) -> Refusal | None:
        """What is wrong with a request before it is known for which deployment it is."""
        if not self._has_key(request):
            return refusals.WRONG_KEY
        if path_deployment is not None and not request.query.get("api-version"):
            return refusals.NO_RESOURCE
        return None

    def _has_key(self, request: web.BaseRequest) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = request.headers.get("api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if self._key is None:
            return bool(given)
        return hmac.compare_digest(given.encode(errors="replace"), self._key.encode())

    def _identity(self, request: web.BaseRequest) -> dict[str, str]:
        """Headers of every answer. The ids are drawn apart from what happens (azure.md A6)."""
        apim_id = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        client_id = request.headers.get("x-ms-client-request-id", apim_id)[:64]
        return {
            "apim-request-id": apim_id,
            "x-request-id": str(uuid.UUID(int=self._ids.getrandbits(128), version=4)),
            "x-ms-client-request-id": client_id if client_id.isascii() else apim_id,
            "x-ms-region": self._region,
            "x-content-type-options": "nosniff",
        }

    def _models(self, request: web.BaseRequest) -> web.Response:
        if not self._has_key(request):
            return _plain(refusals.WRONG_KEY)
        models = sorted({lane.deployment.served_model for lane in self._lanes.values()})
        listed = [{"id": model, "object": "model", "status": "succeeded"} for model in models]
        return web.json_response({"object": "list", "data": listed})

    async def _control(self, request: web.BaseRequest) -> web.Response:
        match request.method, request.path:
            case "GET", "/sim":
                return web.json_response(self._about())
            case "GET", "/sim/truth":
                return web.json_response(self.truth.as_json())
            case "POST", "/sim/reset":
                self.truth.clear()
                return web.json_response(self._about())
            case "POST", "/sim/scenario":
                try:
                    self.restart_scenario(str(json.loads(await request.read())["name"]))
                except (ValueError, TypeError, KeyError) as error:
                    text = f'Send {{"name": SCENARIO}} with one of {", ".join(SCENARIOS)}. ({error})'
                    return web.json_response({"error": {"message": text}}, status=400)
                return web.json_response(self._about())
            case _:
                return _plain(refusals.NO_RESOURCE)

    def _about(self) -> dict[str, Any]:
        return {
            "scenario": self._scenario.name,
            "description": self._scenario.description,
            "at_s": round(self.scenario_s, 3),
            "seed": self._seed,
            "deployments": {
                name: {
                    "model": lane.deployment.served_model,
                    "role": lane.deployment.role,
                    "in_flight": lane.in_flight,
                }
                for name, lane in self._lanes.items()
            },
        }


async def _read(request: web.BaseRequest, path_deployment: str | None) -> Call:
    try:
        return read_call(await request.read(), path_deployment)
    except web.HTTPRequestEntityTooLarge:
        return Call(path_deployment or "", problem=refusals.TOO_LARGE)
    except web.RequestPayloadError:
        problem = refusals.bad_request("The request body could not be decoded.", None, "invalid_encoding")
        return Call(path_deployment or "", problem=problem)


def _plain(refusal: Refusal) -> web.Response:
    return web.Response(status=refusal.status, body=refusal.body, content_type="application/json")
