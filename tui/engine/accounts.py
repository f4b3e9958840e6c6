"""The accounts of a rollout: a resource manager for each endpoint that names one, and a look at it.

One account of a run: its manager, what was last seen of it, and the write under way on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from tui.base.text import plain
from tui.control_plane.answers import ArmError
from tui.control_plane.resource_manager import ResourceManager
from tui.lifecycle.status import status_of_managed
from tui.lifecycle.table import LifecycleTable
from tui.model import AccountView, ManagedDeployment, WriteEnd
from tui.rollout import SIMULATOR, ControlPlane, Rollout
from tui.service.credentials import (
    MANAGEMENT_SCOPE,
    CredentialError,
    EntraToken,
    TokenProvider,
    token_from_env,
)

ERROR_CHARS = 400
LOOK_WITHIN_S = 60.0

_REHEARSAL = "rehearsal"
"""What opens the simulator: any token does."""


async def _rehearsal() -> str:
    return _REHEARSAL


class Managers:
    """``by_endpoint`` are the managers; ``close`` closes them and what gives their tokens.

    Raises ``CredentialError`` where Entra ID is wanted and azure-identity is not installed, ``ValueError`` for
    an address to which a token must not go.
    """

    def __init__(
        self, rollout: Rollout, env: Mapping[str, str], *, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._closing = AsyncExitStack()
        self.by_endpoint: dict[str, ResourceManager] = {}
        plane = rollout.control_plane
        named = {name: e.resource for name, e in rollout.endpoints.items() if e.resource is not None}
        if plane is None or not named:
            return
        token = self._token(plane, env)
        for endpoint, resource in named.items():
            manager = ResourceManager(resource, token, write=plane.write, base_url=plane.url, sleep=sleep)
            self._closing.push_async_callback(manager.close)
            self.by_endpoint[endpoint] = manager

    def _token(self, plane: ControlPlane, env: Mapping[str, str]) -> TokenProvider:
        if plane.token_env is not None:
            return token_from_env(plane.token_env, env)
        if not plane.entra:
            return _rehearsal
        token = EntraToken(MANAGEMENT_SCOPE, who="the control plane")
        self._closing.push_async_callback(token.close)
        return token

    async def close(self) -> None:
        await self._closing.aclose()


def first_view(endpoint: str, manager: ResourceManager) -> AccountView:
    """An account of which nothing was read yet."""
    return AccountView(endpoint, manager.id.account, may_write=manager.may_write)


@dataclass(frozen=True, slots=True)
class Look:
    """An account, looked at once. ``error`` is why its deployments, or what it offers, could not be read: the
    former are then None, the latter is what it was before."""

    view: AccountView
    error: ArmError | None = None


async def read_account(
    manager: ResourceManager, before: AccountView, *, models: bool, now: Callable[[], datetime]
) -> Look:
    """The account as it is now, besides what it was before: its deployments and quota, with ``models`` also
    where it is and what it offers.

    Raises ``ArmError`` where its deployments cannot be read. These may be read by many who may not read the
    rest: that it could not be is ``error`` of the view.
    """
    view = replace(before, deployments=await manager.deployments())
    unread: list[str] = []
    refused: ArmError | None = None
    if models:
        try:
            view = replace(view, location=(await manager.account()).location)
            view = replace(view, models=await manager.models())
        except ArmError as error:
            refused = error
            unread.append(f"models not known: {plain(str(error), ERROR_CHARS)}")
    if view.location is not None:
        try:
            view = replace(view, quota=await manager.quota(view.location))
        except (ArmError, ValueError) as error:
            unread.append(f"quota not known: {plain(str(error), ERROR_CHARS)}")
    return Look(replace(view, read_at=now(), error="; ".join(unread) or None), refused)


async def look_once(
    managers: Mapping[str, ResourceManager], *, now: Callable[[], datetime], within_s: float
) -> dict[str, Look]:
    """Read every account once, all at the same time, none for longer than ``within_s``; by endpoint."""

    async def look(endpoint: str, manager: ResourceManager) -> Look:
        view = first_view(endpoint, manager)
        try:
            async with asyncio.timeout(within_s):
                return await read_account(manager, view, models=True, now=now)
        except ArmError as error:
            refused = error
        except TimeoutError:
            refused = ArmError(
                f"reading account {view.name}", f"it took longer than {within_s:g} s", code="TookTooLong"
            )
        return Look(replace(view, error=plain(str(refused), ERROR_CHARS)), refused)

    looks = await asyncio.gather(*(look(endpoint, manager) for endpoint, manager in managers.items()))
    return dict(zip(managers, looks, strict=True))


def may_be_asked(rollout: Rollout) -> bool:
    """Whether the file gives access to a control plane, and not to that of a simulator."""
    plane = rollout.control_plane
    simulated = any(endpoint.url == SIMULATOR for endpoint in rollout.endpoints.values())
    return plane is not None and plane.url != SIMULATOR and not simulated


async def ask_accounts(
    rollout: Rollout, env: Mapping[str, str], *, now: Callable[[], datetime], within_s: float = LOOK_WITHIN_S
) -> tuple[dict[str, AccountView], tuple[str, ...]]:
    """The accounts that could be read, by endpoint; and why others could not be, a sentence each."""
    try:
        managers = Managers(rollout, env, sleep=asyncio.sleep)
    except (CredentialError, ValueError) as error:
        return {}, (f"ARM could not be asked: {plain(str(error), ERROR_CHARS)}",)
    try:
        looks = await look_once(managers.by_endpoint, now=now, within_s=within_s)
    finally:
        await managers.close()
    return (
        {endpoint: look.view for endpoint, look in looks.items() if look.view.deployments is not None},
        tuple(
            f"ARM {'could not be asked for' if look.view.deployments is None else 'does not tell all of'}"
            f" endpoint {endpoint}: {plain(str(look.error), ERROR_CHARS)}"
            for endpoint, look in looks.items()
            if look.error is not None
        ),
    )


@dataclass(slots=True)
class RunAccount:
    """``writing`` is the write under way in words, empty where there is none; ``writes`` counts those that
    have ended. ``soon`` asks for the next look at once."""

    manager: ResourceManager
    view: AccountView
    looks: int = 0
    said_error: str | None = None
    soon: asyncio.Event = field(default_factory=asyncio.Event)
    writing: str = ""
    writes: int = 0

    @property
    def name(self) -> str:
        return self.view.name

    def begin(self, doing: str) -> None:
        """A write begins; from now on looks come often."""
        self.writing = doing
        self.view = replace(self.view, doing=doing)
        self.soon.set()

    def step(self, text: str) -> None:
        """How far the write under way is."""
        self.view = replace(self.view, doing=plain(f"{self.writing}: {text}", ERROR_CHARS))

    def end(self, how: WriteEnd | None) -> None:
        """No write is under way any more."""
        self.writing = ""
        self.writes += 1
        self.view = replace(self.view, doing="", ended=how)
        self.soon.set()

    def know(self, made: ManagedDeployment, lifecycle: LifecycleTable, today: date) -> None:
        """What was read back after a write is there, before the next look says so."""
        if self.view.deployments is not None:
            others = (d for d in self.view.deployments if d.name.lower() != made.name.lower())
            self.view = replace(self.view, deployments=(*others, made))
            status = status_of_managed(made, self.view, lifecycle, today)
            self.view = replace(self.view, statuses={**self.view.statuses, made.name: status})

    def forget(self, name: str) -> None:
        """What was seen to be gone is not there, before the next look says so."""
        if self.view.deployments is not None:
            kept = tuple(d for d in self.view.deployments if d.name.lower() != name.lower())
            self.view = replace(self.view, deployments=kept)
