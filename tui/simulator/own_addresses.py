"""Addresses of the simulator's own: ``GET /sim``, ``/sim/truth`` and ``/sim/control``; ``POST`` to
``/sim/reset``, ``/sim/scenario``, ``/sim/scores``, ``/sim/calendar`` and ``/sim/control``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tui.simulator import refusals
from tui.simulator.behaviour import UPGRADES
from tui.simulator.control.faults import read_fault
from tui.simulator.control.plane import ControlSettings
from tui.simulator.scenarios import SCENARIOS

if TYPE_CHECKING:
    from tui.simulator.server import Simulator

_SETTINGS = {f.name: f.type for f in fields(ControlSettings)}


async def respond(simulator: Simulator, request: web.BaseRequest) -> web.Response:
    """Answer a request to one of these addresses; 400 says what is wrong with a body."""
    match request.method, request.path:
        case "GET", "/sim/truth":
            return web.json_response(simulator.truth.as_json())
        case "POST", "/sim/reset":
            simulator.truth.clear()
        case "POST", path if path in _POSTS:
            body = await request.read()
            try:
                _POSTS[path](simulator, body)
            except ValueError as error:
                return web.json_response({"error": {"message": str(error)}}, status=400)
            simulator.serve_what_is_deployed()
        case "GET", ("/sim" | "/sim/control"):
            pass
        case _:
            return refusals.plain_answer(refusals.NO_RESOURCE)
    return web.json_response((_control_state if request.path == "/sim/control" else _state)(simulator))


def _state(simulator: Simulator) -> dict[str, Any]:
    return {
        "scenario": simulator.scenario.name,
        "description": simulator.scenario.description,
        "at_s": round(simulator.scenario_s, 3),
        "today": simulator.control.calendar.today.isoformat(),
        "seed": simulator.seed,
        "deployments": {
            name: {
                "model": handler.deployment.served_model,
                "role": handler.deployment.role,
                "in_flight": handler.in_flight,
            }
            for name, handler in simulator.handlers.items()
        },
    }


def _restart_scenario(simulator: Simulator, body: bytes) -> None:
    try:
        simulator.restart_scenario(str(json.loads(body)["name"]))
    except (ValueError, TypeError, KeyError) as error:
        known = ", ".join(SCENARIOS)
        raise ValueError(f'Send {{"name": SCENARIO}} with one of {known}. ({error})') from error


def _learn_scores(simulator: Simulator, body: bytes) -> None:
    simulator.content.scores.learn(body)


def _move_calendar(simulator: Simulator, body: bytes) -> None:
    """``{"today": "2027-05-01"}`` or ``{"days": 30}``. Raises ``ValueError`` for anything else."""
    plane = simulator.control
    match _object(body):
        case {"today": str(day), **others} if not others:
            plane.calendar.move_to(date.fromisoformat(day))
        case {"days": int(days), **others} if not others and not isinstance(days, bool):
            plane.calendar.move_by(days)
        case _:
            raise ValueError('send {"today": "YYYY-MM-DD"} or {"days": NUMBER}')
    plane.settle()


def _configure(simulator: Simulator, body: bytes) -> None:
    """``{"clear": true, "faults": [...], "settings": {...}}``, each of which may be left out.

    All of it is taken or nothing. Raises ``ValueError`` that says what is wrong.
    """
    plane, asked = simulator.control, _object(body)
    if strange := sorted(set(asked) - {"clear", "faults", "settings"}):
        raise ValueError(f"not known: {', '.join(strange)}; send faults, settings or clear")
    faults = asked.get("faults", [])
    if not isinstance(faults, list):
        raise ValueError("faults are a list")
    coming = [read_fault(fault) for fault in faults]
    settings = _settings(plane.settings, asked.get("settings", {}))
    if asked.get("clear"):
        plane.faults.clear()
        plane.journal.clear()
    for fault in coming:
        plane.faults.add(fault)
    plane.settings = settings


def _control_state(simulator: Simulator) -> dict[str, Any]:
    """What is to come, how the control plane is set, and the requests that it has had."""
    plane = simulator.control
    return {
        "today": plane.calendar.today.isoformat(),
        "settings": asdict(plane.settings),
        "faults": plane.faults.as_json(),
        "requests": list(plane.journal),
    }


def _settings(before: ControlSettings, asked: object) -> ControlSettings:
    if not isinstance(asked, dict) or not set(asked) <= set(_SETTINGS):
        raise ValueError(f"settings are an object with any of {', '.join(_SETTINGS)}")
    changed = dict(asked)
    for name, value in asked.items():
        kind = _SETTINGS[name]
        if kind in ("int", "float"):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            least = 1 if name == "page_size" else 0
            if not number or not least <= value <= 1e6 or (kind == "int" and value != int(value)):
                raise ValueError(f"{name}: expects a number from {least} to 1000000, not {value!r}")
            changed[name] = int(value) if kind == "int" else float(value)
        elif name == "states":
            if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
                raise ValueError("states: expects a list of texts")
            changed[name] = tuple(value)
        elif value is not None and not isinstance(value, str):
            raise ValueError(f"{name}: expects a text or null, not {value!r}")
    option = changed.get("default_upgrade_option")
    if option is not None and option not in UPGRADES[:-1]:
        raise ValueError(f"default_upgrade_option: expects null or one of {', '.join(UPGRADES[:-1])}")
    return replace(before, **changed)


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    if not isinstance(asked, dict):
        raise ValueError("send a JSON object")
    return asked


_POSTS: Mapping[str, Callable[[Simulator, bytes], None]] = {
    "/sim/scenario": _restart_scenario,
    "/sim/scores": _learn_scores,
    "/sim/calendar": _move_calendar,
    "/sim/control": _configure,
}
"""What is done with the body of a POST; each raises ``ValueError`` for one that is not understood."""
