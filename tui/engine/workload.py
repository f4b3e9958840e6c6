"""When requests are due, and what is asked then: the arrivals and the sources of a run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from tui.base.line_reader import BadLine
from tui.model import ENGINE, EventKind, Request
from tui.rollout import Rollout
from tui.routing.controller import Log
from tui.traffic.arrivals import Arrival, constant, poisson, trace
from tui.traffic.sources import Sources

_BAD_ROWS_SAID = 20


class Workload:
    """``next_id`` numbers the requests. What the timestamps of a trace count is said in the log, and the first
    few of its lines that cannot be read."""

    def __init__(
        self,
        rollout: Rollout,
        *,
        arrivals_rng: random.Random,
        sources_rng: random.Random,
        next_id: Callable[[], int],
        log: Log,
    ) -> None:
        self._traffic = rollout.traffic
        self._log = log
        self._bad_rows = 0
        self._rng = arrivals_rng
        self.sources = Sources(
            rollout.traffic.sources,
            rng=sources_rng,
            known_tasks=tuple(rollout.weights),
            next_id=next_id,
            on_note=self._note,
        )

    def arrivals(self) -> Iterator[Arrival]:
        """Raises TraceError while it is read, where the trace cannot be."""
        traffic = self._traffic
        if traffic.arrivals == "trace" and traffic.trace is not None:
            return trace(
                traffic.trace,
                speed=traffic.speed,
                loop=traffic.loop,
                unit=traffic.trace_unit,
                on_bad=self._bad_row,
                on_note=self._note,
            )
        return constant(traffic.rate) if traffic.arrivals == "constant" else poisson(traffic.rate, self._rng)

    def next_request(self, arrival: Arrival) -> Request | None:
        """What is asked at an arrival, no longer than the file allows; None where the sources have ended."""
        request, limit = self.sources.next(arrival), self._traffic.max_tokens
        if request is not None and request.max_tokens is None and limit is not None:
            return replace(request, max_tokens=limit)
        return request

    def _note(self, text: str) -> None:
        self._log(EventKind.SOURCE, ENGINE, text)

    def _bad_row(self, bad: BadLine) -> None:
        self._bad_rows += 1
        if self._bad_rows <= _BAD_ROWS_SAID:
            self._log(EventKind.SOURCE, ENGINE, f"trace line {bad.line}: {bad.reason}")
