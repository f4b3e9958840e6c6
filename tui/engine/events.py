"""The log of a run: every event gets its number and instant here, and goes durably into the record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime

from tui.base.text import plain
from tui.model import ROLL_BACKS, Event, EventKind, WeightTable

_KEPT = 1000
_ROLL_BACKS_KEPT = 200
_TEXT_CHARS = 700
_REASON_CHARS = 2000
"""Room for a command that is to be typed as it stands."""


class EventLog:
    """Calls ``keep`` with each event, and holds the newest thousand for the screen. Roll backs are held for
    themselves: a run ends with all that it did, however much was logged since."""

    def __init__(
        self,
        *,
        keep: Callable[[Event], object],
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._keep = keep
        self._clock = clock
        self._now = now
        self._count = 0
        self._newest: deque[Event] = deque(maxlen=_KEPT)
        self._roll_backs: deque[Event] = deque(maxlen=_ROLL_BACKS_KEPT)

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
        """Log one event and return it; it is on its way to the disk, which nothing waits for."""
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
        self._keep(event)
        return event

    def newest(self) -> tuple[Event, ...]:
        """Oldest first."""
        return tuple(self._newest)

    def roll_backs(self) -> tuple[Event, ...]:
        """Those that were done and those that were not, oldest first; the newest 200 of them."""
        return tuple(self._roll_backs)
