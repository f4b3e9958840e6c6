"""The open loop: a request starts at its due time, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from tui.model import Assignment, Outcome, OutcomeKind, Request, SenderView
from tui.traffic.arrivals import Arrival

LATE_LIMIT_MS = 20.0
"""Lateness at P99 beyond which the client, not the service, shapes the figures."""

SKIP_AFTER_S = 1.0
"""An arrival that is later than this (a stalled or suspended client) is skipped, not sent in a burst."""

_LATE_SPAN_S = 10.0
_BURST = 16
_FEW = 2
"""With few requests P99 is the worst one or two: these alone do not make a client saturated."""


class Sender:
    """Draws, assigns and sends requests on a schedule that never waits for answers.

    ``next_request(arrival)`` gives a request or None where there is nothing to send now, ``exhausted()`` says
    whether there ever will be; ``assign`` draws the deployment; ``admit`` is told of each assignment and says
    whether it may be sent (the service may have asked for a pause); ``complete`` makes the call;
    ``on_outcome`` is told of its end. Skipped arrivals are counted.
    """

    def __init__(
        self,
        *,
        arrivals: Iterator[Arrival],
        next_request: Callable[[Arrival], Request | None],
        assign: Callable[..., Assignment],
        admit: Callable[[Assignment], bool],
        complete: Callable[..., Awaitable[Outcome]],
        on_outcome: Callable[[Outcome], None],
        exhausted: Callable[[], bool],
        clock: Callable[[], float],
        max_in_flight: int,
    ) -> None:
        self._arrivals = arrivals
        self._next_request = next_request
        self._assign = assign
        self._admit = admit
        self._complete = complete
        self._on_outcome = on_outcome
        self._exhausted = exhausted
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._open: set[asyncio.Task[None]] = set()
        self._late: deque[tuple[float, float]] = deque()
        self._offered: deque[float] = deque()
        self._sent = 0
        self._skipped = 0
        self._shed_at = float("-inf")
        self._saturated = False
        self._no_socket = ""
        self._fault: Exception | None = None
        self._base = 0.0
        self._paused_at = 0.0
        self._go = asyncio.Event()
        self._go.set()

    # --- schedule ---

    async def run(self) -> None:
        """Send until the arrivals or the sources end; requests under way go on (see ``drain``)."""
        self._base = self._paused_at = self._clock()
        in_burst = 0
        for arrival in self._arrivals:
            in_burst += 1
            if in_burst % _BURST == 0:
                # Behind schedule: answers must still be read, or the delay would be booked on the service.
                await asyncio.sleep(0)
            while True:
                await self._go.wait()
                wait = self._base + arrival.due_s - self._clock()
                if wait <= 0:
                    break
                in_burst = 0
                await asyncio.sleep(wait)
            self._raise_fault()
            if self._exhausted():
                return
            self._start(arrival, self._base + arrival.due_s)

    def _raise_fault(self) -> None:
        """A fault of the program in a request's own task must end the sending all the same."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    def _start(self, arrival: Arrival, due: float) -> None:
        now = self._clock()
        self._offered.append(now)
        if len(self._open) >= self._max_in_flight or now - due > SKIP_AFTER_S:
            self._skipped += 1
            self._shed_at = now
            self._saturated = True
            return
        request = self._next_request(arrival)
        if request is None:
            return
        task = asyncio.create_task(self._send(request, due))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _send(self, request: Request, due: float) -> None:
        # Drawn in the step that hands it over: when we are behind, others are started in between, and a request
        # drawn before a roll back must not go to the canary after it.
        try:
            assignment = self._assign(
                request.id, request.task, prompt_chars=request.prompt_chars, saturated=self._saturated
            )
            if not self._admit(assignment):
                return
        except Exception as fault:  # noqa: BLE001 - run() raises it
            self._fault = fault
            return
        self._sent += 1
        outcome = await self._complete(request, assignment, due, saturated=assignment.saturated)
        if outcome.kind is OutcomeKind.CLIENT_SATURATED:
            self._shed_at, self._saturated = self._clock(), True
            self._no_socket = outcome.error or "this machine had no socket left"
        self._late.append((outcome.sent_s, outcome.late_ms))
        self._on_outcome(outcome)

    # --- the hands on it ---

    def pause(self) -> None:
        """Send nothing more; the schedule stands still until ``resume``."""
        if self._go.is_set():
            self._paused_at = self._clock()
            self._go.clear()

    def resume(self) -> None:
        if not self._go.is_set():
            self._base += self._clock() - self._paused_at
            self._go.set()

    async def drain(self, timeout_s: float) -> None:
        """Wait for the requests under way; what is not finished in time ends as CANCELLED."""
        if self._open:
            _, late = await asyncio.wait(self._open, timeout=timeout_s)
            self.cut()
            if late:
                await asyncio.wait(late)
        self._raise_fault()

    def cut(self) -> None:
        """Cancel the requests under way: they end as CANCELLED. One that was not handed over yet never is."""
        for task in self._open:
            task.cancel()

    # --- how well it keeps time ---

    def view(self) -> SenderView:
        """Figures over the last 10 seconds; called once a second, it also renews the mark on new outcomes."""
        now = self._clock()
        since = now - _LATE_SPAN_S
        while self._late and self._late[0][0] < since:
            self._late.popleft()
        while self._offered and self._offered[0] < since:
            self._offered.popleft()
        late = sorted(ms for _, ms in self._late)
        late_p99_ms = late[-(-99 * len(late) // 100) - 1] if late else None
        too_late = sum(ms > LATE_LIMIT_MS for ms in late)
        if self._shed_at < since:
            self._no_socket = ""
        self._saturated = self._shed_at >= since or too_late > max(_FEW, len(late) / 100)
        return SenderView(
            in_flight=len(self._open),
            max_in_flight=self._max_in_flight,
            sent=self._sent,
            skipped=self._skipped,
            late_p99_ms=late_p99_ms,
            saturated=self._saturated,
            no_socket=self._no_socket,
            offered_rps=len(self._offered) / min(_LATE_SPAN_S, max(now, 1.0)),
        )
