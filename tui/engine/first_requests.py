"""One request to a deployment of which nothing is known, before traffic is sent there by nobody's key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tui.base.text import plain, span
from tui.model import (
    ANSWERED,
    DEFAULT_TASK,
    ENGINE,
    FILTERED,
    Assignment,
    Outcome,
    OutcomeKind,
    Request,
)
from tui.routing.controller import Log
from tui.service.budget import Client
from tui.traffic.health import Health

ANSWER_WITHIN_S = 10.0
"""Guard and plan do not wait longer for it."""

TRY = "try"
"""The source of such a request."""

_PROMPT = ({"role": "user", "content": "Reply with OK."},)
_MAX_TOKENS = 16
_SERVED = ANSWERED | FILTERED | {OutcomeKind.BAD_REQUEST}
_WHY = 160


class FirstRequests:
    """What comes of them counts for the health of the deployment: neither for its figures nor as evidence.

    ``answered()`` is called when something is known. Never two at a time to one deployment; after one that was
    not answered nothing is known again 60 s later.
    """

    def __init__(
        self,
        client: Client,
        health: Mapping[str, Health],
        *,
        answered: Callable[[], None],
        next_id: Callable[[], int],
        log: Log,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._health = health
        self._answered = answered
        self._next_id = next_id
        self._log = log
        self._clock = clock
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def ask(self, name: str) -> None:
        """Send one, unless one is under way; returns at once."""
        if name in self._under_way:
            return
        health = self._health[name]
        assignment = Assignment(self._next_id(), DEFAULT_TASK, name, 0.0, self._clock())
        if not health.admit(assignment):
            self._not_answered(health, f"asks to wait {span(health.throttled_s)} more")
            return
        self._under_way[name] = asyncio.ensure_future(self._try(health, assignment))

    async def _try(self, health: Health, assignment: Assignment) -> None:
        request = Request(assignment.request_id, assignment.task, _PROMPT, TRY, _MAX_TOKENS)
        call = asyncio.ensure_future(
            self._client.complete(request, assignment, assignment.at_s, keep_text=False)
        )
        try:
            await asyncio.wait({call}, timeout=ANSWER_WITHIN_S)
        finally:
            # The client makes an outcome of a cancellation, so that what was reserved for it is settled.
            call.cancel()
            await asyncio.wait({call})
            del self._under_way[health.deployment]
        self._booked(health, await call)
        self._answered()

    def _booked(self, health: Health, outcome: Outcome) -> None:
        for kind, text in health.ended(outcome):
            self._log(kind, ENGINE, text)
        if outcome.kind in _SERVED or health.retired:
            return
        if outcome.kind is OutcomeKind.CANCELLED:
            self._not_answered(health, f"did not answer one request within {ANSWER_WITHIN_S:.0f} s")
        else:
            why = plain(outcome.error or outcome.kind.value.replace("_", " "), _WHY)
            self._not_answered(health, f"did not answer one request: {why}")

    def _not_answered(self, health: Health, why: str) -> None:
        for kind, text in health.not_answered(why):
            self._log(kind, ENGINE, text)

    async def cut(self) -> None:
        """Cancel what is under way."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
