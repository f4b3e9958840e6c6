"""Pretend control plane: settings, state, what the data plane is to serve, and the requests that it takes.

It knows nothing of sockets: a request comes in as method, path, query, headers and body, a reply goes out.
"""

from __future__ import annotations

import json
import math
import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from tui.simulator.behaviour import PretendDeployment
from tui.simulator.control.calendar import Calendar
from tui.simulator.control.deployments import Deployments, Managed, Settings
from tui.simulator.control.faults import Fault, FaultPlan
from tui.simulator.control.models import ModelTable, bundled_models
from tui.simulator.control.refusals import ArmRefusal, Subject
from tui.simulator.scenarios import Ending, Scenario

_JOURNAL = 500
_ANNOUNCED_DAYS = 2
"""How long before its end a scenario announces it: a midnight that passes meanwhile does not bring it about."""


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """How the control plane behaves.

    ``provisioning_s`` is how long an operation takes by the simulator's clock, 0 has it done at once, as the
    service does with small deployments; ``states`` are what is said meanwhile, in equal parts. An operation
    asks to be looked at again after ``retry_after_s``. ``default_upgrade_option`` and ``default_rai_policy``
    are what a PUT without one gets, None is nothing: recorded answers of the service show
    ``OnceNewDefaultVersionAvailable`` and no policy. ``account_id`` None answers for any account.
    ``price_factor`` is by how much the price list differs from the prices that ship here. ``served_in`` is the
    region that answers name, None that of the account: Global and DataZone deployments may be served elsewhere.
    """

    provisioning_s: float = 4.0
    states: tuple[str, ...] = ("Accepted", "Creating")
    retry_after_s: int = 2
    page_size: int = 100
    default_upgrade_option: str | None = "OnceNewDefaultVersionAvailable"
    default_rai_policy: str | None = None
    account_id: str | None = None
    price_factor: float = 1.0
    served_in: str | None = None


class ControlPlane:
    """Deployments, operations and calendar of one pretend account.

    ``clock`` gives seconds and times the operations; ``wall_clock`` gives Unix time. ``today`` moves the
    calendar there at the start. Raises ``ValueError`` for a deployment of an unknown SKU or a day out of range.
    """

    def __init__(
        self,
        deployments: Iterable[PretendDeployment],
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        seed: int,
        region: str,
        settings: ControlSettings,
        today: date | None = None,
    ) -> None:
        self.settings = settings
        self.location = region.replace(" ", "").lower()
        self.faults = FaultPlan()
        self.journal: deque[dict[str, Any]] = deque(maxlen=_JOURNAL)
        self.clock = clock
        self.ids = random.Random(f"{seed}/control")
        self._given = tuple(deployments)
        self._today = today
        self._endings: list[tuple[Ending, date]] = []
        self._began_s = clock()
        self._told: tuple[int, int] | None = None
        self._due_s = 0.0
        self._table = _with_unlisted(bundled_models(), self._given)
        self.calendar = Calendar(wall_clock, self._table.good_until)
        self.deployments = Deployments(self._table)
        for given in self._given:
            if given.sku not in self._table.skus:
                raise ValueError(
                    f"deployment {given.name}: SKU {given.sku!r} is none of {', '.join(self._table.skus)}"
                )
            self.deployments.add(
                given.name,
                _settings(given, "NoAutoUpgrade"),
                given.role,
                given.behaviour,
                self.calendar.today,
                self.calendar.now,
            )
        if today is not None:
            self.calendar.move_to(today)

    def begin(self, scenario: Scenario, began_s: float) -> None:
        """A scenario begins: the calendar goes back to its start, and the ends that it brings are announced."""
        self._began_s = began_s
        self.calendar.reset()
        if self._today is not None:
            self.calendar.move_to(self._today)
        self._endings = []
        self._told = None
        table = self._table
        options = {ending.target: ending.upgrades for ending in scenario.endings}
        for given in self._given:
            managed = self.deployments.get(given.name)
            if managed is not None and given.upgrades is None:
                option = options.get(given.role, "NoAutoUpgrade")
                kept = replace(managed.settings, upgrade_option=None if option == "absent" else option)
                self.deployments.set(managed, kept, managed.since, managed.modified_at)
        for ending in sorted(scenario.endings, key=lambda ending: ending.at_s):
            day = date.fromordinal(self.calendar.today.toordinal() + _ANNOUNCED_DAYS)
            for managed in self.deployments:
                if managed.role == ending.target:
                    s = managed.settings
                    table = table.ending(s.model, s.version, day, in_lead=ending.in_lead)
            self._endings.append((ending, day))
        self.deployments.use_table(table)

    def settle(self) -> None:
        """Bring everything to the present."""
        while self._endings and self.clock() - self._began_s >= self._endings[0][0].at_s:
            _, day = self._endings.pop(0)
            if self.calendar.today < day:
                self.calendar.move_to(day)
        self.deployments.settle(self.clock(), self.calendar.today, self.calendar.now)
        running = self.deployments.under_way()
        self._due_s = min(
            math.inf if running is None else running.due_s,
            self._began_s + self._endings[0][0].at_s if self._endings else math.inf,
        )

    def served(self) -> Mapping[str, PretendDeployment] | None:
        """What the data plane is to serve from now on, by name; None where nothing has changed since asked."""
        # Asked before every request: the usual answer has to be cheap.
        if self._told == (self.calendar.day, self.deployments.revision) and self.clock() < self._due_s:
            return None
        self.settle()
        state = (self.calendar.day, self.deployments.revision)
        if state == self._told:
            return None
        self._told = state
        return {m.name: _pretended(m, self.deployments) for m in self.deployments if m.ready}

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.ids.getrandbits(128), version=4))

    @property
    def template(self) -> PretendDeployment:
        """The deployment whose behaviour created ones take over: the first baseline, else the first."""
        return next((d for d in self._given if d.role == "baseline"), self._given[0])

    def note(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> None:
        """Keep a request in the journal, for whoever asks what was sent."""
        try:
            said = json.loads(body) if body else None
        except (ValueError, RecursionError):
            said = body[:1000].decode(errors="replace")
        self.journal.append({"method": method, "path": path, "query": dict(query), "body": said})


def _with_unlisted(table: ModelTable, deployments: Iterable[PretendDeployment]) -> ModelTable:
    """The table with an offer for every version that is served."""
    offers = dict(table.offers)
    for d in deployments:
        offers.setdefault((d.model, d.version), table.offer(d.model, d.version))
    return replace(table, offers=offers)


def _settings(given: PretendDeployment, otherwise: str) -> Settings:
    option = given.upgrades or otherwise
    return Settings(
        model=given.model,
        version=given.version,
        format="OpenAI",
        sku=given.sku,
        capacity=given.capacity,
        upgrade_option=None if option == "absent" else option,
        rai_policy=given.rai_policy,
    )


def _pretended(managed: Managed, deployments: Deployments) -> PretendDeployment:
    served = managed.served
    behaviour = deployments.behaviour_of(managed)
    if served.retired:
        behaviour = replace(behaviour, retired=True)
    return PretendDeployment(managed.name, served.model, served.version, managed.role, behaviour)


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
class RequestContext:
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
