"""The simulator's own addresses for its control plane: ``/sim/calendar`` and ``/sim/control``."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from datetime import date
from typing import Any

from tui.simulator.behaviour import UPGRADES
from tui.simulator.control.faults import read_fault
from tui.simulator.control.plane import ControlPlane, ControlSettings

_SETTINGS = {f.name: f.type for f in fields(ControlSettings)}


def move_calendar(plane: ControlPlane, body: bytes) -> None:
    """``{"today": "2027-05-01"}`` or ``{"days": 30}``. Raises ``ValueError`` for anything else."""
    asked = _object(body)
    match asked:
        case {"today": str(day), **others} if not others:
            plane.calendar.move_to(date.fromisoformat(day))
        case {"days": int(days), **others} if not others and not isinstance(days, bool):
            plane.calendar.move_by(days)
        case _:
            raise ValueError('send {"today": "YYYY-MM-DD"} or {"days": NUMBER}')
    plane.settle()


def rehearse(plane: ControlPlane, body: bytes) -> None:
    """``{"clear": true, "faults": [...], "settings": {...}}``, each of which may be left out.

    All of it is taken or nothing. Raises ``ValueError`` that says what is wrong.
    """
    asked = _object(body)
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


def told(plane: ControlPlane) -> dict[str, Any]:
    """What is to come, how the control plane is set, and the requests that it has had."""
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
