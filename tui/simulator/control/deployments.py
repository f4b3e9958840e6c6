"""The deployments of the pretend account, and the operations under way on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from tui.simulator.behaviour import Behaviour, Role
from tui.simulator.control.calendar import ServedVersion, served_version
from tui.simulator.control.models import ModelTable, Sku


@dataclass(frozen=True, slots=True)
class Settings:
    """What a PUT sets. ``extra`` are the properties that the simulator keeps without knowing them."""

    model: str
    version: str
    format: str
    sku: str
    capacity: int
    upgrade_option: str | None
    rai_policy: str | None
    tags: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Managed:
    """One deployment. ``settings`` are as last set on the day ``since``, ``served`` is what it serves now.

    ``state`` is the ``provisioningState`` while no operation is under way; ``ready`` is whether it has ever
    been brought up.
    """

    name: str
    settings: Settings
    role: Role
    behaviour: Behaviour
    since: date
    created_at: datetime
    modified_at: datetime
    revision: int
    served: ServedVersion
    state: str = "Succeeded"
    ready: bool = True


@dataclass(slots=True)
class Operation:
    """One asynchronous write. ``failure`` is the error with which it ends, None where it succeeds."""

    id: str
    kind: Literal["create", "update", "delete"]
    name: str
    began_s: float
    due_s: float
    began_at: datetime
    settings: Settings | None = None
    failure: Mapping[str, Any] | None = None
    ended: bool = False

    def progress(self, now_s: float) -> float:
        """From 0 to 1; it stays at 0 for an operation without an end."""
        length_s = self.due_s - self.began_s
        return min(1.0, (now_s - self.began_s) / length_s) if math.isfinite(length_s) and length_s else 0.0


class Deployments:
    """The account's deployments by name, in the order in which they came."""

    def __init__(self, table: ModelTable) -> None:
        self.table = table
        self._managed: dict[str, Managed] = {}
        self._operations: dict[str, Operation] = {}
        self._running: Operation | None = None
        self._revision = 0
        self._settled_on: date | None = None

    def __iter__(self) -> Iterator[Managed]:
        return iter(list(self._managed.values()))

    def get(self, name: str) -> Managed | None:
        return self._managed.get(name)

    def operation(self, operation_id: str) -> Operation | None:
        return self._operations.get(operation_id)

    def under_way(self, name: str | None = None) -> Operation | None:
        """The operation that has not ended, if it is on that deployment or any is meant."""
        running = self._running
        return running if running is not None and name in (None, running.name) else None

    def next_revision(self) -> int:
        self._revision += 1
        return self._revision

    @property
    def revision(self) -> int:
        """Grows with whatever changes here."""
        return self._revision

    def add(
        self,
        name: str,
        settings: Settings,
        role: Role,
        behaviour: Behaviour,
        since: date,
        now: datetime,
        *,
        ready: bool = True,
    ) -> None:
        self._managed[name] = Managed(
            name=name,
            settings=settings,
            role=role,
            behaviour=behaviour,
            since=since,
            created_at=now,
            modified_at=now,
            revision=self.next_revision(),
            served=ServedVersion(settings.model, settings.version),
            ready=ready,
        )
        self._settled_on = None

    def set(self, managed: Managed, settings: Settings, since: date, now: datetime) -> None:
        """Give a deployment other settings; those of the past day are done with."""
        managed.settings, managed.since, managed.modified_at = settings, since, now
        managed.revision = self.next_revision()
        self._settled_on = None

    def begin(self, operation: Operation) -> None:
        """Start the account's one operation; nothing may be under way."""
        self._operations[operation.id] = self._running = operation
        self.next_revision()

    def use_table(self, table: ModelTable) -> None:
        """From now on the dates of ``table`` hold."""
        self.table = table
        self._settled_on = None

    def settle(self, now_s: float, today: date, now: datetime) -> None:
        """Bring everything to the present: operations that are due end, versions whose day has come change."""
        if self._running is not None and self._running.due_s <= now_s:
            self._end(self._running, today, now)
            self._running = None
        if today == self._settled_on:
            return
        self._settled_on = today
        for managed in self._managed.values():
            s = managed.settings
            served = served_version(
                self.table, s.model, s.version, s.sku, s.upgrade_option, managed.since, today
            )
            if served != managed.served:
                managed.served, managed.modified_at = served, now
                managed.revision = self.next_revision()

    def used(self, usage_name: str, *, but: str | None = None) -> int:
        """Capacity that deployments other than ``but`` take of a quota."""
        return sum(
            m.settings.capacity
            for m in self._managed.values()
            if m.name != but and self.sku(m).usage_name(m.served.model) == usage_name
        )

    def behaviour_of(self, managed: Managed) -> Behaviour:
        """How a deployment behaves as the version that it serves, which may not be the one it was set to."""
        before, after = (
            self.table.factors_of(managed.settings.model),
            self.table.factors_of(managed.served.model),
        )
        return after.behaviour_after(before, managed.behaviour)

    def sku(self, managed: Managed) -> Sku:
        return self.table.skus[managed.settings.sku]

    def _end(self, operation: Operation, today: date, now: datetime) -> None:
        operation.ended = True
        managed = self._managed[operation.name]
        self.next_revision()
        if operation.kind == "delete" and operation.failure is None:
            del self._managed[operation.name]
        elif operation.failure is not None:
            # A deployment that could not be removed is still as good as it was.
            managed.state = "Succeeded" if operation.kind == "delete" else "Failed"
        else:
            managed.ready, managed.state = True, "Succeeded"
            if operation.settings is not None:
                # What an upgrade did to its answers stays when its settings catch up with it.
                managed.behaviour = self.behaviour_of(managed)
                self.set(managed, operation.settings, today, now)
