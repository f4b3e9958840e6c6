"""Open loop of the traffic: a request starts at its due time, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

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


class Gate:
    """Gate of the traffic: while it is closed no request starts, and the schedule stands still."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._closed_at = self._closed_s = 0.0

    @property
    def closed_s(self) -> float:
        """Seconds for which it was closed, all in all."""
        return self._closed_s + (0.0 if self._is_open.is_set() else self._clock() - self._closed_at)

    def close(self) -> None:
        if self._is_open.is_set():
            self._closed_at = self._clock()
            self._is_open.clear()

    def open(self) -> None:
        if not self._is_open.is_set():
            self._closed_s = self.closed_s
            self._is_open.set()

    async def wait(self) -> None:
        """Until it is open."""
        await self._is_open.wait()


class Demand(Protocol):
    """Requests to be sent: when, and which."""

    @property
    def arrivals(self) -> Iterator[Arrival]: ...

    @property
    def exhausted(self) -> bool:
        """Whether there will never be a request again."""
        ...

    def next_request(self, arrival: Arrival) -> Request | None:
        """What is asked at an arrival; None where there is nothing to send now."""
        ...


class Walk(Protocol):
    """Walk of a request from its due time to its end."""

    def assign(self, request: Request, *, saturated: bool) -> Assignment | None:
        """Draw its deployment; None where nothing may be sent there now."""
        ...

    async def complete(self, request: Request, assignment: Assignment, due_s: float) -> Outcome:
        """Make the call."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """Hear of its end."""
        ...


class Sender:
    """Sends requests on a schedule that never waits for answers, while ``gate`` is open. Arrivals that are
    skipped are counted."""

    def __init__(
        self, demand: Demand, walk: Walk, gate: Gate, *, clock: Callable[[], float], max_in_flight: int
    ) -> None:
        self._demand = demand
        self._walk = walk
        self._gate = gate
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

    # --- schedule ---

    async def run(self) -> None:
        """Send until the arrivals or the sources end; requests under way go on (see ``drain``)."""
        began = self._clock() - self._gate.closed_s
        in_burst = 0
        for arrival in self._demand.arrivals:
            in_burst += 1
            if in_burst % _BURST == 0:
                # Behind schedule: answers must still be read, or the delay would be booked on the service.
                await asyncio.sleep(0)
            while True:
                await self._gate.wait()
                due = began + self._gate.closed_s + arrival.due_s
                wait = due - self._clock()
                if wait <= 0:
                    break
                in_burst = 0
                await asyncio.sleep(wait)
            self._raise_fault()
            if self._demand.exhausted:
                return
            self._start(arrival, due)

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
        request = self._demand.next_request(arrival)
        if request is None:
            return
        task = asyncio.create_task(self._send(request, due))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _send(self, request: Request, due: float) -> None:
        # Drawn in the step that hands it over: when we are behind, others are started in between, and a request
        # drawn before a roll back must not go to the canary after it.
        try:
            assignment = self._walk.assign(request, saturated=self._saturated)
        except Exception as fault:  # noqa: BLE001 - run() raises it
            self._fault = fault
            return
        if assignment is None:
            return
        self._sent += 1
        outcome = await self._walk.complete(request, assignment, due)
        if outcome.kind is OutcomeKind.CLIENT_SATURATED:
            self._shed_at, self._saturated = self._clock(), True
            self._no_socket = outcome.error or "this machine had no socket left"
        self._late.append((outcome.sent_s, outcome.late_ms))
        self._walk.ended(outcome)

    # --- the end ---

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
