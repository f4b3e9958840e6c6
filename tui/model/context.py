"""Context of a run: its clocks, its log and its chance, handed down so that none of them is a global."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Protocol

from tui.model.events import Event, EventKind, WeightTable


class Log(Protocol):
    """Where events go: returns the event with its number and instant."""

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
    ) -> Event: ...


@dataclass(frozen=True, slots=True)
class Context:
    """``clock`` reads monotonic seconds since the run started, ``now`` the wall clock in UTC, ``sleep`` waits
    for so many seconds. ``next_id`` numbers the requests of the run, whoever sends them."""

    clock: Callable[[], float]
    now: Callable[[], datetime]
    log: Log
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    seed: int = 0
    next_id: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    def rng(self, part: str) -> random.Random:
        """A generator for one part: what it draws does not change what another part draws."""
        return random.Random(f"{self.seed}/{part}")
