"""Readiness of a deployment for traffic that nobody's key sends there; it is probed where it is not known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tui.base.text import plain, span
from tui.model import (
    ANSWERED,
    DEFAULT_TASK,
    ENGINE,
    FILTERED,
    Ability,
    Assignment,
    Context,
    Outcome,
    OutcomeKind,
    Request,
)
from tui.service.budget import Client
from tui.traffic.control import TrafficControl
from tui.traffic.health import Health

ANSWER_WITHIN_S = 10.0
"""Guard and plan do not wait longer for it."""

PROBE = "try"
"""The source of such a request."""

_PROMPT = ({"role": "user", "content": "Reply with OK."},)
_MAX_TOKENS = 16
_SERVED = ANSWERED | FILTERED | {OutcomeKind.BAD_REQUEST}
_WHY = 160


class Readiness:
    """Readiness of the deployments of a run: whether one answers, is able to serve, or must be asked first.

    What comes of a probe counts for the health of its deployment: neither for its figures nor as evidence.
    Never two at a time to one deployment; after one that was not answered nothing is known again 60 s later.
    """

    def __init__(
        self, client: Client, health: Mapping[str, Health], traffic: TrafficControl, context: Context
    ) -> None:
        self._client = client
        self._health = health
        self._traffic = traffic
        self._context = context
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._before: dict[str, Ability] = {}
        self._waiting: dict[str, dict[Callable[[], None], None]] = {}

    def fresh(self, name: str) -> bool:
        """Whether its outcomes keep coming in, failures included."""
        return self._traffic.runs and self._health[name].stale_s is None

    def ability(self, name: str) -> Ability:
        """Whether it is able to serve; while a probe is under way, as it was before."""
        return self._before.get(name) or self._health[name].ability()

    def probe(self, name: str, then: Callable[[], None]) -> None:
        """Send it one request, unless one is under way, and call ``then`` when something is known; returns at
        once."""
        if name not in self._probes:
            health, before = self._health[name], self.ability(name)
            assignment = Assignment(self._context.next_id(), DEFAULT_TASK, name, 0.0, self._context.clock())
            if not health.admit(assignment):
                self._not_answered(health, f"asks to wait {span(health.throttled_s)} more")
                return
            self._before[name] = before
            self._probes[name] = asyncio.ensure_future(self._try(health, assignment))
        self._waiting.setdefault(name, {})[then] = None

    async def _try(self, health: Health, assignment: Assignment) -> None:
        request = Request(assignment.request_id, assignment.task, _PROMPT, PROBE, _MAX_TOKENS)
        call = asyncio.ensure_future(
            self._client.complete(request, assignment, assignment.at_s, keep_text=False)
        )
        try:
            await asyncio.wait({call}, timeout=ANSWER_WITHIN_S)
        finally:
            # The client makes an outcome of a cancellation, so that what was reserved for it is settled.
            call.cancel()
            await asyncio.wait({call})
            del self._probes[health.deployment], self._before[health.deployment]
            waiting = self._waiting.pop(health.deployment)
        self._booked(health, await call)
        for then in waiting:
            then()

    def _booked(self, health: Health, outcome: Outcome) -> None:
        for kind, text in health.ended(outcome):
            self._context.log(kind, ENGINE, text)
        if outcome.kind in _SERVED or health.retired:
            return
        if outcome.kind is OutcomeKind.CANCELLED:
            self._not_answered(health, f"did not answer one request within {ANSWER_WITHIN_S:.0f} s")
        else:
            why = plain(outcome.error or outcome.kind.value.replace("_", " "), _WHY)
            self._not_answered(health, f"did not answer one request: {why}")

    def _not_answered(self, health: Health, why: str) -> None:
        for kind, text in health.not_answered(why):
            self._context.log(kind, ENGINE, text)

    async def cut(self) -> None:
        """Cancel what is under way."""
        tasks = tuple(self._probes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
