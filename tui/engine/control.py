"""The accounts of a rollout as the control plane shows them: looked at all the time, written to on command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tui.azure.arm_errors import ArmError, HalfDone
from tui.azure.credentials import CredentialError
from tui.azure.lifecycle_table import LifecycleTable
from tui.azure.resource_manager import ResourceManager
from tui.azure.standing import standing_of_managed
from tui.engine.accounts import ERROR_CHARS, first_view, read_account
from tui.engine.events import ENGINE
from tui.model import AccountView, DeploymentSpec, Event, EventKind, ManagedDeployment, Standing
from tui.routing.controller import CommandRefused, Log
from tui.text import plain

LOOK_EVERY_S = 60.0
"""From one look at the deployments of an account to the next; while one is being made or removed,
``_BUSY_S``."""

_BUSY_S = 5.0
_MODELS_EVERY = 30
_AT_ONCE = 10
_WATCHED: Mapping[str, str] = {
    "model": "model",
    "version": "version",
    "upgrade_option": "versionUpgradeOption",
    "sku": "SKU",
    "capacity": "capacity",
    "rai_policy": "content filter policy",
    "spillover": "spillover",
    "paused": "paused",
    "state": "state",
}
"""Settings of a deployment whose change is an event, with the words for them."""


@dataclass(slots=True)
class _Account:
    manager: ResourceManager
    view: AccountView
    looks: int = 0
    said_error: str | None = None
    soon: asyncio.Event = field(default_factory=asyncio.Event)
    writing: bool = False


class ControlRoom:
    """One ``ResourceManager`` for each endpoint that names its account.

    ``ours(endpoint)`` gives the names of the rollout's deployments there; only their changes are events.
    ``now`` gives the instants, and the day that dates are compared with.
    """

    def __init__(
        self,
        managers: Mapping[str, ResourceManager],
        *,
        ours: Callable[[str], frozenset[str]],
        lifecycle: LifecycleTable,
        log: Log,
        now: Callable[[], datetime],
    ) -> None:
        self._accounts = {
            endpoint: _Account(manager, first_view(endpoint, manager)) for endpoint, manager in managers.items()
        }
        self._ours = ours
        self._lifecycle = lifecycle
        self._log = log
        self._now = now

    # --- what is seen ---

    def views(self) -> tuple[AccountView, ...]:
        return tuple(account.view for account in self._accounts.values())

    def view(self, endpoint: str) -> AccountView | None:
        """The account of an endpoint, None where it names none."""
        account = self._accounts.get(endpoint)
        return None if account is None else account.view

    # --- looking ---

    async def watch(self) -> None:
        """Look at every account until cancelled; what fails is said once and tried again."""
        await asyncio.gather(*(self._watch(account) for account in self._accounts.values()))

    async def _watch(self, account: _Account) -> None:
        while True:
            account.soon.clear()
            await self._look(account)
            wait_s = _BUSY_S if account.writing else LOOK_EVERY_S
            try:
                await asyncio.wait_for(account.soon.wait(), wait_s)
            except TimeoutError:
                continue

    async def _look(self, account: _Account) -> None:
        models = account.looks % _MODELS_EVERY == 0
        try:
            look = await read_account(account.manager, account.view, models=models, now=self._now)
        except ArmError as error:
            self._failed(account, str(error))
            return
        view = look.view
        account.looks += look.error is None
        self._compare(account, view.deployments or ())
        if account.said_error is not None:
            account.said_error = None
            self._log(EventKind.CONTROL_PLANE, ENGINE, f"control plane of {account.view.name} answers again")
        # A write may have gone on meanwhile.
        account.view = replace(view, doing=account.view.doing)
        standings = await self._standings(account.view)
        account.view = replace(account.view, standings=standings)

    async def _standings(self, view: AccountView) -> dict[str, Standing]:
        """Between requests, a few at a time: an account may hold hundreds."""
        standings = {}
        for i, managed in enumerate(view.deployments or ()):
            standings[managed.name] = standing_of_managed(managed, view, self._lifecycle, self._now().date())
            if i % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        return standings

    def _failed(self, account: _Account, text: str) -> None:
        text = plain(text, ERROR_CHARS)
        account.view = replace(account.view, error=text)
        if text != account.said_error:
            account.said_error = text
            self._log(EventKind.CONTROL_PLANE, ENGINE, f"control plane of {account.view.name}: {text}")

    def _compare(self, account: _Account, deployments: tuple[ManagedDeployment, ...]) -> None:
        """Say what changed of the rollout's own deployments since the last look."""
        if account.view.deployments is None:
            return
        ours = {name.lower() for name in self._ours(account.view.endpoint)}
        now = {d.name.lower(): d for d in deployments}
        for before in account.view.deployments:
            name = before.name.lower()
            if name not in ours:
                continue
            after = now.get(name)
            if after is None:
                text = f"{before.name} is no longer in {account.view.name}"
                self._log(EventKind.SETTINGS_CHANGED, ENGINE, text)
            elif changes := _changes(before, after):
                self._log(EventKind.SETTINGS_CHANGED, ENGINE, f"settings of {before.name} changed: {changes}")

    # --- writing ---

    async def create(self, endpoint: str, spec: DeploymentSpec, actor: str) -> Event:
        """Create a pinned deployment, read back. Raises CommandRefused, which says what is there now."""
        account = self._account(endpoint)
        by_hand = account.manager.az_create(spec)

        async def write() -> Event:
            made = await account.manager.create(spec, on_step=lambda text: self._step(account, text))
            text = f"{made.name} created: {made.model} {made.version}, {made.sku} {made.capacity}, read back"
            return self._log(EventKind.CREATED, actor, text, reason=f"pinned, {made.upgrade_option}")

        return await self._write(account, f"creating {spec.name}", actor, by_hand, write)

    async def delete(self, endpoint: str, name: str, actor: str) -> Event:
        """Remove a deployment and see that it is gone. Raises CommandRefused, which says what is there now."""
        account = self._account(endpoint)

        async def write() -> Event:
            was_there = await account.manager.delete(name, on_step=lambda text: self._step(account, text))
            said = "removed, and seen to be gone" if was_there else "was not there any more"
            return self._log(EventKind.REMOVED, actor, f"{name} {said}")

        return await self._write(account, f"removing {name}", actor, account.manager.az_delete(name), write)

    async def _write(
        self, account: _Account, doing: str, actor: str, by_hand: str, write: Callable[[], Awaitable[Event]]
    ) -> Event:
        if account.writing:
            raise CommandRefused(
                f"{account.view.doing or 'another change'} is under way on {account.view.name}"
            )
        account.writing = True
        self._step(account, doing)
        account.soon.set()
        self._log(EventKind.CONTROL_PLANE, actor, f"{doing} in {account.view.name}", reason=by_hand)
        try:
            return await write()
        except HalfDone as error:
            raise CommandRefused(f"{doing} did not end as asked: {error}") from error
        except (ArmError, CredentialError, ValueError) as error:
            raise CommandRefused(f"{doing} failed: {error}") from error
        finally:
            account.writing = False
            account.view = replace(account.view, doing="")
            account.soon.set()

    def _step(self, account: _Account, text: str) -> None:
        account.view = replace(account.view, doing=plain(text, ERROR_CHARS))

    def _account(self, endpoint: str) -> _Account:
        account = self._accounts.get(endpoint)
        if account is None:
            raise CommandRefused(
                f"endpoint {endpoint} names no account: add resource to it, and [control_plane], in the file"
            )
        return account


def _changes(before: ManagedDeployment, after: ManagedDeployment) -> str:
    """``versionUpgradeOption NoAutoUpgrade → OnceCurrentVersionExpired``; empty where nothing that is watched
    differs."""
    pairs = ((word, getattr(before, name), getattr(after, name)) for name, word in _WATCHED.items())
    return ", ".join(f"{word} {_shown(was)} → {_shown(now)}" for word, was, now in pairs if was != now)


def _shown(value: object) -> str:
    return "not set" if value is None else plain(str(value), 60)
