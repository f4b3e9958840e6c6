"""Writes to the accounts of a run: one at a time for each, logged with the command that does it by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from tui.base.text import plain
from tui.control_plane.arm_errors import ArmError, HalfDone
from tui.control_plane.arm_writes import check_spec
from tui.engine.accounts import ERROR_CHARS
from tui.engine.run_account import RunAccount
from tui.model import AccountView, DeploymentSpec, Event, EventKind, ManagedDeployment, Standing, WriteEnd
from tui.routing.controller import CommandRefused, LeftHalfDone, Log
from tui.service.credentials import CredentialError


class AccountWrites:
    """``standing`` says how a deployment that was just made stands, by what is known of its account."""

    def __init__(
        self,
        *,
        log: Log,
        now: Callable[[], datetime],
        standing: Callable[[ManagedDeployment, AccountView], Standing],
    ) -> None:
        self._log = log
        self._now = now
        self._standing = standing

    async def create(self, account: RunAccount, spec: DeploymentSpec, actor: str) -> Event:
        """Create a pinned deployment, read back.

        Raises:
            LeftHalfDone: It was begun and is not as asked; the text says what is there now.
            CommandRefused: Nothing was changed.
        """

        async def write() -> Event:
            made = await account.manager.create(spec, on_step=account.step)
            account.know(made, lambda: self._standing(made, account.view))
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
