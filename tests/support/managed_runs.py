"""Engines on a simulator with its control plane behind a real socket, without a screen."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.arm_service import ACCOUNT, STARTS
from tests.support.engine_runs import OLD, beside, pretend, rollout, running, simulator
from tui.engine.thread import Engine
from tui.model import AccountView, Endpoint, Event, EventKind, Snapshot
from tui.rollout import ControlPlane, Rollout
from tui.simulator.control.plane import ControlSettings

MADE = "gpt51-prod-v1113"
"""What a canary beside the baseline is called by the convention of its name."""

QUICK = ControlSettings(provisioning_s=0.05, retry_after_s=1)
_HURRY = 400.0


async def hurried(seconds: float) -> None:
    """Waits for the control plane four hundred times shorter than asked for, but not too short to do else."""
    await asyncio.sleep(max(seconds / _HURRY, 0.03))


def calendar_of(day: date) -> Callable[[], datetime]:
    """A clock that reads noon of that day when it is made, and runs."""
    noon, began_s = datetime(day.year, day.month, day.day, 12, tzinfo=UTC), time.monotonic()
    return lambda: noon + timedelta(seconds=time.monotonic() - began_s)


def managed_rollout(
    folder: Path, url: str, *, write: bool = True, resource: str | None = ACCOUNT, **options: Any
) -> Rollout:
    """A rollout whose endpoint names its account; by default the baseline is its only deployment."""
    options.setdefault("weights", {OLD: 100.0})
    options.setdefault("rate", 4.0)
    endpoint = Endpoint("main", url, "azure", "2024-10-21", key_env="KEY", resource=resource)
    of = rollout(folder, url, endpoints={"main": endpoint}, **options)
    return replace(of, control_plane=ControlPlane(url, write=write))


class Plane:
    """The simulator's own word on its control plane, and what it is told to do."""

    def __init__(self, url: str) -> None:
        self.url = url

    def plan(self, *faults: dict[str, Any], **settings: Any) -> None:
        """Give the control plane faults and settings."""
        self._ask("/sim/control", {"faults": list(faults), "settings": settings})

    def clear(self) -> None:
        """No fault is to come any more."""
        self._ask("/sim/control", {"clear": True})

    def move(self, **to: Any) -> None:
        """Move the calendar: ``today`` or ``days``."""
        self._ask("/sim/calendar", to)

    def sent(self, method: str) -> list[dict[str, Any]]:
        """The requests of a method that the control plane has had."""
        return [request for request in self._ask("/sim/control")["requests"] if request["method"] == method]

    def served(self) -> dict[str, str]:
        """What the data plane serves: name -> model and version."""
        return {name: served["model"] for name, served in self._ask("/sim")["deployments"].items()}

    def counted(self) -> dict[str, Any]:
        """What was asked of each deployment."""
        counted: dict[str, Any] = self._ask("/sim/truth")["deployments"]
        return counted

    def managed(self) -> dict[str, dict[str, Any]]:
        """Every deployment as ARM shows it to whoever asks, by name."""
        listed = self._ask(f"{ACCOUNT}/deployments?api-version=2025-09-01")["value"]
        return {item["name"]: item for item in listed}

    def state(self, name: str) -> str | None:
        """``provisioningState``; None where there is no such deployment."""
        item = self.managed().get(name)
        return None if item is None else str(item["properties"]["provisioningState"])

    def put(self, name: str, **properties: Any) -> None:
        """Somebody else creates or changes a deployment; gpt-5.1, pinned, where nothing else is said."""
        model = {"format": "OpenAI", "name": "gpt-5.1", "version": "2025-11-13"}
        body = {
            "sku": {"name": "GlobalStandard", "capacity": 10},
            "properties": {"model": model, "versionUpgradeOption": "NoAutoUpgrade", **properties},
        }
        self._ask(f"{ACCOUNT}/deployments/{name}?api-version=2025-09-01", body, "PUT")

    def delete(self, name: str) -> None:
        """Somebody else removes a deployment."""
        self._ask(f"{ACCOUNT}/deployments/{name}?api-version=2025-09-01", method="DELETE")

    def _ask(self, path: str, body: object = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": "Bearer test"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            text = response.read()
            return json.loads(text) if text else None


def account_of(snapshot: Snapshot) -> AccountView:
    """The account of the rollout's one endpoint."""
    [account] = snapshot.accounts
    return account


def find(snapshot: Snapshot, kind: EventKind, text: str = "", after: int = 0) -> Event | None:
    """The first event of a kind with a text, after the one of that number."""
    found = (e for e in snapshot.events if e.kind is kind and text in f"{e.text} {e.reason}")
    return next((e for e in found if e.id > after), None)


@contextmanager
def managed_run(
    folder: Path,
    *,
    control: ControlSettings = QUICK,
    served: Any = None,
    of: Callable[[str], Rollout] | None = None,
    faults: Sequence[dict[str, Any]] = (),
    clock: Callable[[], float] = time.monotonic,
    engine: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[tuple[Engine, Plane]]:
    """A running engine and the service that it talks to, which has the ``faults`` before the first look and
    works by ``clock``.
    ``options`` are those of the rollout."""
    with beside(simulator(served or pretend(OLD), control=control, today=STARTS, clock=clock)) as url:
        plane = Plane(url)
        plane.plan(*faults)
        made = of(url) if of is not None else managed_rollout(folder, url, **options)
        with running(
            made, **{"tick_s": 0.2, "now": calendar_of(STARTS), "sleep": hurried, **(engine or {})}
        ) as started:
            yield started, plane
