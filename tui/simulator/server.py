"""The pretend service: one HTTP server on a loopback port that serves any number of deployments.

Requests at the data plane's addresses are served and counted; those at ARM's, and for the price list, are
answered by the control plane, which decides what is served. ``/sim`` is the simulator's own: ``GET /sim``,
``GET /sim/truth``, ``GET /sim/control``, and ``POST`` to ``/sim/reset``, ``/sim/scenario``, ``/sim/scores``,
``/sim/calendar`` and ``/sim/control``.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from aiohttp import web

from tui.model import OutcomeKind
from tui.simulator import refusals
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.call import Call, read_call
from tui.simulator.control.arm import is_control
from tui.simulator.control.http import respond
from tui.simulator.control.plane import ControlPlane, ControlSettings
from tui.simulator.control.rehearsal import move_calendar, rehearse, told
from tui.simulator.delivery import Delivery
from tui.simulator.door import Door
from tui.simulator.known import KnownItem
from tui.simulator.lane import Lane, Received
from tui.simulator.refusals import Refusal
from tui.simulator.scenarios import SCENARIOS, Scenario, behaviour_at, scenario_named
from tui.simulator.speech import Speech
from tui.simulator.truth import ServedOutcome, Truth

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
        self._lanes: dict[str, Lane] = {}
        self._speech = Speech(known)
        self._scenario = scenario if isinstance(scenario, Scenario) else scenario_named(scenario)
        self._seed = seed
        self._clock = clock
        self._wall_clock = wall_clock
        self._port = port
        self._region = region
        self._door = Door(key, seed)
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
        self._scenario = scenario_named(name)
        self._begin()
        for lane in self._lanes.values():
            lane.restart()

    def _begin(self) -> None:
        self._began_s = self._clock()
        self.control.begin(self._scenario, self._began_s)
        self._serve_what_is_deployed()

    def _serve_what_is_deployed(self) -> None:
        """Bring the lanes to what the control plane has by now."""
        served = self.control.served()
        if served is None:
            return
        for name in self._lanes.keys() - served.keys():
            del self._lanes[name]
        for name, deployment in served.items():
            if name in self._lanes:
                self._lanes[name].become(deployment)
            else:
                self._lanes[name] = Lane(deployment, self._seed, self._clock, self._wall_clock, self._speech)
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
        self._serve_what_is_deployed()
        if is_control(path):
            return await respond(self.control, request)
        if path in _MODELS and request.method == "GET":
            return self._models(request)
        if path == "/sim" or path.startswith("/sim/"):
            return await self._own(request)
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
            objection = self._door.objection(request, path_deployment)
            received = Received(
                request, call, received_s, self._door.identity(request, self._served_in), objection
            )
            self._serve_what_is_deployed()
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

    def _models(self, request: web.BaseRequest) -> web.Response:
        if not self._door.has_key(request):
            return _plain(refusals.WRONG_KEY)
        models = sorted({lane.deployment.served_model for lane in self._lanes.values()})
        listed = [{"id": model, "object": "model", "status": "succeeded"} for model in models]
        return web.json_response({"object": "list", "data": listed})

    async def _own(self, request: web.BaseRequest) -> web.Response:
        match request.method, request.path:
            case "GET", "/sim":
                return web.json_response(self._about())
            case "GET", "/sim/truth":
                return web.json_response(self.truth.as_json())
            case "GET", "/sim/control":
                return web.json_response(told(self.control))
            case "POST", "/sim/reset":
                self.truth.clear()
                return web.json_response(self._about())
            case "POST", ("/sim/scenario" | "/sim/scores" | "/sim/calendar" | "/sim/control") as path:
                body = await request.read()
                try:
                    self._told_to(path, body)
                except ValueError as error:
                    return web.json_response({"error": {"message": str(error)}}, status=400)
                self._serve_what_is_deployed()
                return web.json_response(told(self.control) if path == "/sim/control" else self._about())
            case _:
                return _plain(refusals.NO_RESOURCE)

    def _told_to(self, path: str, body: bytes) -> None:
        """Raises ``ValueError`` for a body that is not understood."""
        match path:
            case "/sim/calendar":
                move_calendar(self.control, body)
            case "/sim/control":
                rehearse(self.control, body)
            case "/sim/scores":
                self._speech.scores.learn(body)
            case _:
                try:
                    self.restart_scenario(str(json.loads(body)["name"]))
                except (ValueError, TypeError, KeyError) as error:
                    known = ", ".join(SCENARIOS)
                    raise ValueError(f'Send {{"name": SCENARIO}} with one of {known}. ({error})') from error

    def _about(self) -> dict[str, Any]:
        return {
            "scenario": self._scenario.name,
            "description": self._scenario.description,
            "at_s": round(self.scenario_s, 3),
            "today": self.control.calendar.today.isoformat(),
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
