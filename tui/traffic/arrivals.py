"""When requests are due: at a constant rate, at random, or as recorded in a trace.

Every schedule is an iterator of ``Arrival`` in the order of their due times; none of them waits or looks at a
clock.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tui.base.line_reader import BadLine
from tui.rollout import TraceUnit
from tui.traffic.trace_clock import TraceClock, read_clock
from tui.traffic.trace_rows import TraceError, trace_rows

_MOST_SESSIONS = 100_000
_MOST_WAITING = 100_000
"""Sessions that are remembered, and requests of theirs that wait for their turn, while a trace is read."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that is due ``due_s`` seconds after the start of the schedule; token counts from a trace."""

    due_s: float
    context_tokens: int | None = None
    generated_tokens: int | None = None


def constant(rate: float) -> Iterator[Arrival]:
    """``rate`` requests per second at equal distances, the first at 0. Raises ValueError unless rate > 0."""
    _check_positive(rate, "rate")
    return (Arrival(index / rate) for index in count())


def poisson(rate: float, rng: random.Random) -> Iterator[Arrival]:
    """A Poisson process of ``rate`` requests per second: independent exponential gaps, also before the first.

    Raises ValueError unless rate > 0.
    """
    _check_positive(rate, "rate")
    return _poisson(rate, rng)


def trace(
    path: Path,
    *,
    speed: float = 1.0,
    loop: bool = False,
    unit: TraceUnit | None = None,
    on_bad: Callable[[BadLine], None] = lambda bad: None,
    on_note: Callable[[str], object] = lambda text: None,
) -> Iterator[Arrival]:
    """The arrivals of a recorded trace, read as they are needed; the first usable row is due at 0.

    Rows are CSV or JSON lines as ``trace_rows`` describes, packed or not. Numbers are timestamps in ``unit``;
    None finds the unit out, and ``on_note`` hears before the first arrival which it is. A row with a delay in
    place of a timestamp is due so long after the row before it in its session. Times are divided by ``speed``.
    With ``loop`` the next lap follows after the last gap greater than zero.

    ``on_bad`` hears, in the first lap, of every row that was skipped and of every row that goes back in time,
    which is due together with the row before it. Raises ValueError unless speed > 0, and TraceError when the
    file cannot be read, has another header or no usable row; while iterating only when the file went away.
    """
    _check_positive(speed, "speed")
    return _trace(path, read_clock(path, unit), speed, loop, on_bad, on_note)


def _poisson(rate: float, rng: random.Random) -> Iterator[Arrival]:
    due_s = 0.0
    while True:
        due_s += rng.expovariate(rate)
        yield Arrival(due_s)


def _trace(
    path: Path,
    clock: TraceClock,
    speed: float,
    loop: bool,
    on_bad: Callable[[BadLine], None],
    on_note: Callable[[str], object],
) -> Iterator[Arrival]:
    on_note(f"trace {path.name}: {clock.said}")
    lap_s = 0.0
    while True:
        first: float | None = None
        latest = gap = 0.0
        for at_s, _, context, generated in _in_order(path, clock, on_bad):
            if first is None:
                first = latest = at_s
            elif at_s > latest:
                gap, latest = at_s - latest, at_s
            yield Arrival(lap_s + (latest - first) / speed, context, generated)
        if not loop:
            return
        if first is None or gap == 0:
            raise TraceError(f"{path}: cannot be looped; expected at least two rows with different times")
        lap_s += (latest - first + gap) / speed
        on_bad = _ignore


def _ignore(bad: BadLine) -> None:
    """Later laps repeat what was reported in the first."""


_Due = tuple[float, int, int, int]
"""Seconds, line number, context tokens, generated tokens."""


def _in_order(path: Path, clock: TraceClock, on_bad: Callable[[BadLine], None]) -> Iterator[_Due]:
    """The rows of one lap by the time at which they are due.

    A session may stand in the file in one piece: what comes later in it waits for the rows of other sessions.
    """
    waiting: list[_Due] = []
    before_s: dict[str | None, float] = {}  # of each session
    latest_s = -math.inf
    for row in trace_rows(path, on_bad):
        if row.at is not None and row.is_date != clock.dates:
            kinds = (
                ("a date", "the rows before have numbers")
                if row.is_date
                else ("a number", "the rows before have dates")
            )
            on_bad(BadLine(row.number, f"{row.time_name} is {kinds[0]}, {kinds[1]}"))
            continue
        at_s = clock.at_s(row)
        if at_s is None:
            if row.session not in before_s:
                on_bad(BadLine(row.number, "a delay without a request before it in its session"))
                continue
            at_s = before_s[row.session] + clock.seconds(row.delay or 0.0)
        if not math.isfinite(at_s):
            on_bad(BadLine(row.number, "a time out of range"))
            continue
        if at_s < latest_s:
            on_bad(BadLine(row.number, f"goes back {latest_s - at_s:.3f} s; due together with the row before"))
            at_s = latest_s
        before_s.pop(row.session, None)
        before_s[row.session] = at_s
        if len(before_s) > _MOST_SESSIONS:
            del before_s[next(iter(before_s))]
        heapq.heappush(waiting, (at_s, row.number, row.context, row.generated))
        # Later rows with a timestamp are due no earlier than this one.
        while waiting and (waiting[0][0] <= at_s if row.at is not None else len(waiting) > _MOST_WAITING):
            latest_s = waiting[0][0]
            yield heapq.heappop(waiting)
    while waiting:
        yield heapq.heappop(waiting)


def _check_positive(value: float, what: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} must be a number above 0, not {value}")
