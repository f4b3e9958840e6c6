"""Control plane of a run: its accounts are looked at all the time, and written to on command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from tui.base.text import plain
from tui.control_plane.answers import ArmError, HalfDone
from tui.control_plane.resource_manager import ResourceManager
from tui.control_plane.writes import check_spec
from tui.engine.accounts import ERROR_CHARS, RunAccount, first_view, read_account
from tui.lifecycle.status import status_of_managed
from tui.lifecycle.table import LifecycleTable
from tui.model import (
    ENGINE,
    AccountView,
    Context,
    Deployment,
    DeploymentSpec,
    Event,
    EventKind,
    LifecycleStatus,
    ManagedDeployment,
    WriteEnd,
)
from tui.routing.controller import CommandRefused, LeftHalfDone
from tui.service.credentials import CredentialError


class AccountWrites:
    """Writes to the accounts of a run: one at a time for each, logged with the command that does it by hand."""

    def __init__(self, lifecycle: LifecycleTable, context: Context) -> None:
        self._lifecycle = lifecycle
        self._log = context.log
        self._now = context.now

    async def create(self, account: RunAccount, spec: DeploymentSpec, actor: str) -> Event:
        """Create a pinned deployment, read back.

        Raises:
            LeftHalfDone: It was begun and is not as asked; the text says what is there now.
            CommandRefused: Nothing was changed.
        """

        async def write() -> Event:
            made = await account.manager.create(spec, on_step=account.step)
            account.know(made, self._lifecycle, self._now().date())
            text = f"{made.name} created: {made.model} {made.version}, {made.sku} {made.capacity}, read back"
            return self._log(EventKind.CREATED, actor, text, reason=f"pinned, {made.upgrade_option}")

        def command() -> str:
            check_spec(spec)
            return account.manager.az_create(spec, account.view.deployment(spec.name))

        return await self._write(account, f"creating {spec.name}", spec.name, actor, command, write)

    async def delete(self, account: RunAccount, name: str, actor: str) -> Event:
        """Remove a deployment and see that it is gone. Raises as ``create``."""

        async def write() -> Event:
            was_there = await account.manager.delete(name, on_step=account.step)
            account.forget(name)
            said = "removed, and seen to be gone" if was_there else "was not there any more"
            return self._log(EventKind.REMOVED, actor, f"{name} {said}")

        def command() -> str:
            return account.manager.az_delete(name)

        return await self._write(account, f"removing {name}", name, actor, command, write)

    async def _write(
        self,
        account: RunAccount,
        doing: str,
        name: str,
        actor: str,
        command: Callable[[], str],
        write: Callable[[], Awaitable[Event]],
    ) -> Event:
        if account.writing:
            raise CommandRefused(
                f"{account.writing} is under way in {account.name}: wait for its end, then try again"
            )
        try:
            by_hand = command()
        except ValueError as error:
            raise CommandRefused(f"nothing was changed: {error}") from error
        account.begin(doing)
        self._log(EventKind.CONTROL_PLANE, actor, f"{doing} in {account.name}", reason=by_hand)
        how: WriteEnd | None = None
        try:
            event = await write()
            how = WriteEnd(self._now(), event.text, done=True)
        except HalfDone as error:
            how = WriteEnd(self._now(), _half_done(name, doing, error), done=False, by_hand=by_hand)
            raise LeftHalfDone(how.text) from error
        except (ArmError, CredentialError) as error:
            how = WriteEnd(self._now(), f"nothing was changed: {error}", done=False, by_hand=by_hand)
            raise CommandRefused(how.text) from error
        except Exception as error:
            said = f"{type(error).__name__}: {plain(str(error), ERROR_CHARS)}"
            text = f"{name}: what became of {doing} is not known, look at it before anything else"
            how = WriteEnd(self._now(), f"{text}; internal error, please report it: {said}", done=False)
            raise LeftHalfDone(how.text) from error
        except asyncio.CancelledError:
            text = f"{name}: the run ended during {account.view.doing}"
            after = f"what the service took on it ends without us: look at {name} before anything else"
            self._log(EventKind.HALF_DONE, actor, f"{text}; {after}", reason=by_hand)
            raise
        finally:
            account.end(how)
        return event


def _half_done(name: str, doing: str, error: HalfDone) -> str:
    """What a write left, first of all what is there now."""
    if not error.known:
        return f"{name}: {error.why}; {error.remedy}"
    why = ": ".join(part for part in (error.code, error.why) if part).rstrip(".")
    said = (f"{name}: {error.now}", f"{doing} ended with {why}", error.remedy)
    return "; ".join(part for part in said if part)


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


class RunControlPlane:
    """Control plane of a run: a ``ResourceManager`` for each endpoint that names its account.

    ``deployments`` are those of the run, by name; only their changes are events. ``lifecycle`` tells how each
    deployment of an account stands on the day of a look.
    """

    def __init__(
        self,
        managers: Mapping[str, ResourceManager],
        deployments: Mapping[str, Deployment],
        lifecycle: LifecycleTable,
        context: Context,
    ) -> None:
        self.lifecycle = lifecycle
        self._accounts = {
            endpoint: RunAccount(manager, first_view(endpoint, manager))
            for endpoint, manager in managers.items()
        }
        self._deployments = deployments
        self._log = context.log
        self._now = context.now
        self._sleep = context.sleep
        self._writes = AccountWrites(lifecycle, context)

    # --- what is seen ---

    def views(self) -> tuple[AccountView, ...]:
        return tuple(account.view for account in self._accounts.values())

    def view(self, endpoint: str) -> AccountView | None:
        """The account of an endpoint, None where it names none."""
        account = self._accounts.get(endpoint)
        return None if account is None else account.view

    def may_be_same_account(self, endpoint: str, other: str) -> bool:
        """Whether two endpoints may lead to one account: they do not where both name theirs and it differs."""
        if endpoint == other:
            return True
        ids = [self._accounts[e].manager.id.path.lower() for e in (endpoint, other) if e in self._accounts]
        return len(ids) < 2 or ids[0] == ids[1]

    # --- looking ---

    async def watch(self) -> None:
        """Look at every account until cancelled; what fails is said once and tried again."""
        await asyncio.gather(*(self._watch(account) for account in self._accounts.values()))

    async def _watch(self, account: RunAccount) -> None:
        while True:
            account.soon.clear()
            try:
                await self._look(account)
            except Exception as error:  # noqa: BLE001 - whatever breaks here, the traffic goes on
                self._failed(account, f"{type(error).__name__}: {error}; please report it")
            await self._wait(account, _BUSY_S if account.writing else LOOK_EVERY_S)

    async def _wait(self, account: RunAccount, wait_s: float) -> None:
        """Until it is time for the next look, or there is news to look at."""
        waits = [asyncio.ensure_future(wait) for wait in (account.soon.wait(), self._sleep(wait_s))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _look(self, account: RunAccount) -> None:
        writes = account.writes
        models = account.looks % _MODELS_EVERY == 0
        try:
            look = await read_account(account.manager, account.view, models=models, now=self._now)
        except ArmError as error:
            self._failed(account, str(error))
            return
        statuses = await self._statuses(look.view)
        if account.writes != writes:
            # A write ended meanwhile: this is not what is there now. The next look follows at once.
            return
        account.looks += look.error is None
        if account.said_error is not None:
            account.said_error = None
            self._log(EventKind.CONTROL_PLANE, ENGINE, f"control plane of {account.view.name} answers again")
        self._compare(account, look.view.deployments or ())
        # Steps of a write may have been told since this look began.
        doing, ended = account.view.doing, account.view.ended
        account.view = replace(look.view, statuses=statuses, doing=doing, ended=ended)

    async def _statuses(self, view: AccountView) -> dict[str, LifecycleStatus]:
        """Between requests, a few at a time: an account may hold hundreds."""
        statuses, today = {}, self._now().date()
        for i, managed in enumerate(view.deployments or ()):
            statuses[managed.name] = status_of_managed(managed, view, self.lifecycle, today)
            if i % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        return statuses

    def _failed(self, account: RunAccount, text: str) -> None:
        text = plain(text, ERROR_CHARS)
        account.view = replace(account.view, error=text)
        if text != account.said_error:
            account.said_error = text
            self._log(EventKind.CONTROL_PLANE, ENGINE, f"control plane of {account.view.name}: {text}")

    def _compare(self, account: RunAccount, deployments: tuple[ManagedDeployment, ...]) -> None:
        """Say what changed of the rollout's own deployments since the last look."""
        if account.view.deployments is None:
            return
        where = account.view.name
        before = {d.name.lower(): d for d in account.view.deployments}
        now = {d.name.lower(): d for d in deployments}
        ours = {d.wire_id for d in self._deployments.values() if d.endpoint == account.view.endpoint}
        for name in sorted(ours):
            was, there = before.get(name.lower()), now.get(name.lower())
            if was is not None and there is None:
                self._log(EventKind.SETTINGS_CHANGED, ENGINE, f"{name} is no longer in {where}")
            elif was is None and there is not None:
                self._log(EventKind.SETTINGS_CHANGED, ENGINE, f"{name} is in {where} now")
            elif was is not None and there is not None and (changes := _changes(was, there)):
                self._log(EventKind.SETTINGS_CHANGED, ENGINE, f"settings of {name} changed: {changes}")

    # --- writing ---

    async def create(self, endpoint: str, spec: DeploymentSpec, actor: str) -> Event:
        """Create a pinned deployment, read back. Raises CommandRefused, which says what is there now."""
        return await self._writes.create(self._account(endpoint), spec, actor)

    async def delete(self, endpoint: str, name: str, actor: str) -> Event:
        """Remove a deployment and see that it is gone. Raises CommandRefused, which says what is there now."""
        return await self._writes.delete(self._account(endpoint), name, actor)

    def _account(self, endpoint: str) -> RunAccount:
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
