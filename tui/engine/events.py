"""Events of a run: its log, and what it notices of itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime

from tui.base.text import plain
from tui.model import (
    ENGINE,
    ROLL_BACKS,
    Ability,
    Event,
    EventKind,
    Log,
    RecordView,
    SenderView,
    WeightTable,
    able_again,
)

_KEPT = 1000
_ROLL_BACKS_KEPT = 200
_TEXT_CHARS = 700
_REASON_CHARS = 2000
"""Room for a command that is to be typed as it stands."""


class EventLog:
    """Log of a run: every event gets its number and instant here.

    It holds the newest thousand for the screen. Roll backs are held for themselves: a run ends with all that it
    did, however much was logged since.
    """

    def __init__(self, *, clock: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._clock = clock
        self._now = now
        self._count = 0
        self._newest: deque[Event] = deque(maxlen=_KEPT)
        self._roll_backs: deque[Event] = deque(maxlen=_ROLL_BACKS_KEPT)
        self._listeners: list[Callable[[Event], object]] = []

    def listen(self, listener: Callable[[Event], object]) -> None:
        """Tell ``listener`` of every event from now on, and first of what was logged before."""
        for event in self._newest:
            listener(event)
        self._listeners.append(listener)

    def __call__(
        self,
        kind: EventKind,
        actor: str,
        text: str,
        *,
        reason: str = "",
        before: WeightTable | None = None,
        after: WeightTable | None = None,
        group: int = 0,
    ) -> Event:
        """Log one event and return it, once all who listen were told."""
        self._count += 1
        event = Event(
            id=self._count,
            at=self._now(),
            at_s=self._clock(),
            actor=plain(actor, 40),
            kind=kind,
            text=plain(text, _TEXT_CHARS),
            reason=plain(reason, _REASON_CHARS),
            before=before,
            after=after,
            group=group,
        )
        self._newest.append(event)
        if kind in ROLL_BACKS:
            self._roll_backs.append(event)
        for listener in self._listeners:
            listener(event)
        return event

    def newest(self) -> tuple[Event, ...]:
        """Oldest first."""
        return tuple(self._newest)

    def roll_backs(self) -> tuple[Event, ...]:
        """Those that were done and those that were not, oldest first; the newest 200 of them."""
        return tuple(self._roll_backs)


class SelfMonitor:
    """Monitor of what a run is hampered by. Each is said when it begins; of the record and the baseline also
    when it is over."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._saturated = False
        self._record_error: str | None = None
        self._kept_error = ""
        self._baseline_dead = False

    def sender(self, sender: SenderView) -> None:
        """Look at the sender."""
        if sender.saturated and not self._saturated:
            late = f"{sender.late_p99_ms:.0f} ms late at P99" if sender.late_p99_ms is not None else "late"
            room = f"{sender.in_flight} of {sender.max_in_flight} in flight"
            why = f"{sender.no_socket}; " if sender.no_socket else ""
            text = f"client saturated: {why}{sender.skipped} skipped, {room}, {late}"
            self._log(EventKind.SATURATED, ENGINE, text)
        self._saturated = sender.saturated

    def kept(self, error: str) -> None:
        """Look at the newest weights: why they could not be kept, empty where they were."""
        if error != self._kept_error:
            self._kept_error = error
            self._log(EventKind.RECORD, ENGINE, error or "the newest weights are kept again")

    def record(self, record: RecordView) -> None:
        """Look at the run record."""
        if record.error != self._record_error:
            self._record_error = record.error
            again = f"the run record is written again, {record.dropped} rows are missing"
            self._log(EventKind.RECORD, ENGINE, record.error or again)

    def baseline(self, name: str, ability: Ability) -> None:
        """Look at the baseline, of a run that sends. Not to know how it is ends nothing."""
        if ability.state == "unable" and not self._baseline_dead:
            self._baseline_dead = True
            self._log(EventKind.BASELINE_DEAD, ENGINE, f"{name} {ability.why}")
        elif ability.state == "able" and self._baseline_dead:
            self._baseline_dead = False
            self._log(EventKind.REACHABLE, ENGINE, able_again(name))
