"""Workload of a run: the arrivals and the sources of its requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tui.base.line_reader import BadLine
from tui.model import ENGINE, Context, EventKind, Request
from tui.rollout import Rollout
from tui.traffic.arrivals import Arrival, constant, poisson, trace
from tui.traffic.sources import Sources

_BAD_ROWS_SAID = 20


class Workload:
    """Workload of a run: when requests are due, and what is asked then.

    What the timestamps of a trace count is said in the log, and the first few of its lines that cannot be read.
    Raises TraceError where the trace cannot be read at all.
    """

    def __init__(self, rollout: Rollout, context: Context) -> None:
        self._traffic = rollout.traffic
        self._log = context.log
        self._bad_rows = 0
        self._rng = context.rng("arrivals")
        self.sources = Sources(
            rollout.traffic.sources,
            rng=context.rng("sources"),
            known_tasks=tuple(rollout.weights),
            next_id=context.next_id,
            on_note=self._note,
        )

        self.arrivals = self._arrivals()

    @property
    def exhausted(self) -> bool:
        """Whether every source has ended."""
        return self.sources.ended

    def _arrivals(self) -> Iterator[Arrival]:
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
