"""A request to the control plane and the reply to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.simulator.control.faults import Fault
from tui.simulator.control.plane import ControlPlane
from tui.simulator.control.refusals import ArmRefusal, Subject

JSON = {"content-type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """A request as it came. ``base`` is scheme and host, for the links in answers."""

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str
    body: bytes
    base: str

    @property
    def api_version(self) -> str:
        return self.query.get("api-version", "")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; with ``drop`` the connection breaks instead of it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was understood: what it is about, and the fault that meets it."""

    plane: ControlPlane
    request: ArmRequest
    about: Subject
    fault: Fault | None = None

    def meets(self, fault: str) -> bool:
        return self.fault is not None and self.fault.do == fault


def json_reply(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(document).encode(), {**JSON, **(headers or {})})


def refusal_reply(refusal: ArmRefusal) -> Reply:
    wait = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    return json_reply(refusal.status, {"error": refusal.error}, wait)
