"""Follower of a write: what the service says of the operation, then of the deployment itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from tui.control_plane.answers import (
    ArmAnswer,
    ArmCall,
    ArmError,
    code_and_message,
)
from tui.control_plane.http import ArmHttp
from tui.control_plane.resources import operation_state
from tui.model import ManagedDeployment

POLL_S = 5.0
"""How long to wait before looking again where the service does not say."""

_LEAST_S = 0.5
_LOOKS = 3
"""How often to look when it is not as it should be: what ARM shows may lag behind what it did."""

_DONE = frozenset({"succeeded"})
_FAILED = frozenset({"failed", "canceled", "cancelled"})
_SETTLED = _DONE | _FAILED | {"disabled"}


class StillUnderWay(ArmError):
    """Time is up and the service has not come to an end; it goes on without us."""

    def __init__(self, doing: str, state: str | None, limit_s: float) -> None:
        super().__init__(
            doing,
            f"after {limit_s:g} s {f'the service still says {state}' if state else 'it has not ended'}; "
            "it goes on without us",
            code="StillUnderWay",
            remedy="look again later",
        )


class Follower:
    """Follows one write. Each change of state is told once, with the seconds since the write began."""

    def __init__(
        self,
        http: ArmHttp,
        call: ArmCall,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._http = http
        self._call = call
        self._sleep = sleep
        self._told: str | None = None

    async def operation(self, answer: ArmAnswer) -> ArmError | None:
        """The error with which the operation ended, None where it ended well or cannot be followed.

        ``Azure-AsyncOperation`` is a document with a status, ``Location`` answers 202 until the end.

        Raises:
            StillUnderWay: Time is up.
        """
        for header in ("Azure-AsyncOperation", "Location"):
            given = answer.headers.get(header)
            if not given:
                continue
            link = self._http.link(given)
            if link is not None:
                return await self._follow(header, link, answer.retry_after_s)
            self._call.on_step(f"{header} leads to another host and is not followed")
        return None

    async def settled(
        self, show: Callable[[], Awaitable[ManagedDeployment | None]], *, gone: bool, sure: bool
    ) -> ManagedDeployment | None:
        """The deployment once its state is final; with ``gone``, None once it is not there any more.

        One that is missing, or with ``gone`` is there and not being deleted, is looked for a few times, unless
        it is ``sure`` that nothing more will happen.

        Raises:
            StillUnderWay: Time is up.
            ArmError: It cannot be read.
        """
        unexpected = 0
        while True:
            found = await show()
            state = None if found is None else found.state
            word = (state or "succeeded").lower()
            if gone and found is None:
                return None
            if found is None or (gone and word != "deleting"):
                unexpected += 1
                if sure or unexpected == _LOOKS:
                    return found
            elif word in _SETTLED:
                return found
            if state is not None:
                self._tell(state)
            await self.pause(None, state)

    async def pause(self, asked_s: float | None, state: str | None) -> None:
        """Wait as long as asked, or a while. Raises ``StillUnderWay`` when there is no time left."""
        left_s = self._call.deadline.left_s
        if left_s <= 0:
            raise StillUnderWay(self._call.doing, state, self._call.deadline.limit_s)
        await self._sleep(min(POLL_S if asked_s is None else max(asked_s, _LEAST_S), left_s))

    async def _follow(self, header: str, link: httpx.URL, wait_s: float | None) -> ArmError | None:
        state: str | None = None
        while True:
            await self.pause(wait_s, state)
            try:
                answer = await self._http.get(link, self._call)
            except ArmError as error:
                if header == "Location" and error.status is not None and error.status in _RESULTS:
                    return error
                self._call.on_step(
                    f"the operation cannot be followed ({error}): asking for the deployment itself"
                )
                return None
            document: Mapping[str, Any] = answer.document if isinstance(answer.document, dict) else {}
            state = operation_state(document)
            if header == "Location" and (answer.status != 202 and state is None):
                return None
            if state is None and answer.status != 202:
                self._call.on_step("the operation has no status: asking for the deployment itself")
                return None
            if state is not None:
                self._tell(state)
                if state.lower() in _DONE:
                    return None
                if state.lower() in _FAILED:
                    code, message = (self._http.clean(text) for text in code_and_message(document.get("error")))
                    said = message or f"the service says {state}"
                    return ArmError(self._call.doing, said, code=code or state)
            wait_s = answer.retry_after_s

    def _tell(self, state: str) -> None:
        if state != self._told:
            self._told = state
            self._call.on_step(f"the service says {state} ({self._call.deadline.passed_s:.0f} s)")


_RESULTS = frozenset({400, 409, 410, 412, 422})
"""Statuses with which a ``Location`` tells how an operation failed; others are about the request itself."""
