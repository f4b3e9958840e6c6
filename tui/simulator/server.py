"""Server of the pretend service: one HTTP server on a loopback port that serves any number of deployments.

Requests at the data plane's addresses are served and counted; those at ARM's, and for the price list, are
answered by the control plane, which decides what is served; ``/sim`` is the simulator's own.
"""

from __future__ import annotations

import asyncio
import hmac
import random
import re
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from aiohttp import web

from tui.model import OutcomeKind
from tui.simulator import own_addresses, refusals
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.call import Call, read_call
from tui.simulator.content import Content
from tui.simulator.control.addresses import is_control, respond
from tui.simulator.control.plane import ControlPlane, ControlSettings
from tui.simulator.delivery import Delivery
from tui.simulator.handler import DeploymentHandler, Received
from tui.simulator.known import KnownItem
from tui.simulator.refusals import Refusal
from tui.simulator.scenarios import Scenario, behaviour_at, scenario_named
from tui.simulator.truth import ServedOutcome, Truth


class Gateway:
    """``key`` is the only accepted key, None accepts any that is not empty. Ids are drawn by ``seed``."""

    def __init__(self, key: str | None, seed: int) -> None:
        self._key = key
        self._ids = random.Random(f"{seed}/ids")

    def objection(self, request: web.BaseRequest, path_deployment: str | None) -> Refusal | None:
        """What is wrong with a request before it is known for which deployment it is."""
        if not self.has_key(request):
            return refusals.WRONG_KEY
        if path_deployment is not None and not request.query.get("api-version"):
            return refusals.NO_RESOURCE
        return None

    def has_key(self, request: web.BaseRequest) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = request.headers.get("api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if self._key is None:
            return bool(given)
        return hmac.compare_digest(given.encode(errors="replace"), self._key.encode())

    def identity(self, request: web.BaseRequest, region: str) -> dict[str, str]:
        """Headers of every answer. The ids are drawn apart from what happens (azure.md A6)."""
        apim_id = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        client_id = request.headers.get("x-ms-client-request-id", apim_id)[:64]
        return {
            "apim-request-id": apim_id,
            "x-request-id": str(uuid.UUID(int=self._ids.getrandbits(128), version=4)),
            "x-ms-client-request-id": client_id if client_id.isascii() else apim_id,
            "x-ms-region": region,
            "x-content-type-options": "nosniff",
        }


_CHAT = re.compile(r"/openai/deployments/(?P<deployment>.+)/chat/completions|(?:/openai)?/v1/chat/completions")
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
    None accepts any that is not empty. Port 0 picks a free one. ``today`` is where the calendar starts, None is
    the real date. ``known`` are items whose answers are known.

    Raises ``ValueError`` for an unknown scenario, for no deployments or two of one name, or as ``ControlPlane``
    does.
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
        control: ControlSettings | None = None,
        today: date | None = None,
        known: Iterable[KnownItem] = (),
    ) -> None:
        served = tuple(deployments)
        if len({d.name for d in served}) != len(served) or not served:
            raise ValueError("the simulator needs at least one deployment, each with a name of its own")
        self.handlers: dict[str, DeploymentHandler] = {}
        self.content = Content(known)
        self.scenario = scenario if isinstance(scenario, Scenario) else scenario_named(scenario)
        self.seed = seed
        self._clock = clock
        self._wall_clock = wall_clock
        self._port = port
        self._region = region
        self._gateway = Gateway(key, seed)
        self._began_s = clock()
        self._stopping = False
        self._runner: web.ServerRunner | None = None
        self.truth = Truth([])
        self.control = ControlPlane(
            served,
            clock=clock,
            wall_clock=wall_clock,
            seed=seed,
            region=region,
            settings=control or ControlSettings(),
            today=today,
        )
        self._begin()

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
        self._begin()
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

    @property
    def _served_in(self) -> str:
        return self.control.settings.served_in or self._region

    def restart_scenario(self, name: str) -> None:
        """Begin another scenario at its start: draws, quotas and the calendar begin anew, the truth goes on.

        Raises ``ValueError`` for an unknown name.
        """
        self.scenario = scenario_named(name)
        self._begin()
        for handler in self.handlers.values():
            handler.restart()

    def _begin(self) -> None:
        self._began_s = self._clock()
        self.control.begin(self.scenario, self._began_s)
        self.serve_what_is_deployed()

    def serve_what_is_deployed(self) -> None:
        """Bring the handlers to what the control plane has by now."""
        served = self.control.served()
        if served is None:
            return
        for name in self.handlers.keys() - served.keys():
            del self.handlers[name]
        for name, deployment in served.items():
            if name in self.handlers:
                self.handlers[name].become(deployment)
            else:
                self.handlers[name] = DeploymentHandler(
                    deployment, self.seed, self._clock, self._wall_clock, self.content
                )
                self.truth.know(name)

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
        self.serve_what_is_deployed()
        if is_control(path):
            return await respond(self.control, request)
        if path in _MODELS and request.method == "GET":
            return self._models(request)
        if path == "/sim" or path.startswith("/sim/"):
            return await own_addresses.respond(self, request)
        if chat or path in _MODELS:
            return web.json_response({"error": {"code": "405", "message": "Method not allowed"}}, status=405)
        return refusals.plain_answer(refusals.NO_RESOURCE)

    async def _chat(
        self, request: web.BaseRequest, path_deployment: str | None, received_s: float
    ) -> web.StreamResponse:
        outcome = ServedOutcome()
        name = path_deployment or ""
        try:
            call = await _read(request, path_deployment)
            name = call.deployment
            objection = self._gateway.objection(request, path_deployment)
            received = Received(
                request, call, received_s, self._gateway.identity(request, self._served_in), objection
            )
            self.serve_what_is_deployed()
            handler = self.handlers.get(name)
            if handler is None:
                return await self._turn_away(received, outcome)
            role = handler.deployment.role
            behaviour = behaviour_at(handler.deployment.behaviour, role, self.scenario, self.scenario_s)
            return await handler.serve(received, behaviour, outcome)
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

    def _models(self, request: web.BaseRequest) -> web.Response:
        if not self._gateway.has_key(request):
            return refusals.plain_answer(refusals.WRONG_KEY)
        models = sorted({handler.deployment.served_model for handler in self.handlers.values()})
        listed = [{"id": model, "object": "model", "status": "succeeded"} for model in models]
        return web.json_response({"object": "list", "data": listed})


async def _read(request: web.BaseRequest, path_deployment: str | None) -> Call:
    try:
        return read_call(await request.read(), path_deployment)
    except web.HTTPRequestEntityTooLarge:
        return Call(path_deployment or "", problem=refusals.TOO_LARGE)
    except web.RequestPayloadError:
        problem = refusals.bad_request("The request body could not be decoded.", None, "invalid_encoding")
        return Call(path_deployment or "", problem=problem)
