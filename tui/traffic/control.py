"""Traffic of a run: its workload, and whether it runs, rests or has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tui.base.line_reader import BadLine
from tui.model import ENGINE, Context, Event, EventKind, Request, TrafficState
from tui.rollout import Rollout
from tui.service.budget import Budget
from tui.traffic.arrivals import Arrival, constant, poisson, trace
from tui.traffic.sender import Gate
from tui.traffic.sources import Sources


class TrafficControl:
    """Traffic control: opens and closes the ``gate`` that the sender goes through, as the budget allows too."""

    def __init__(self, budget: Budget, context: Context) -> None:
        self.budget = budget
        self.gate = Gate(context.clock)
        self.state = TrafficState.STARTING
        self._log = context.log
        self._awaits_costs = False

    @property
    def runs(self) -> bool:
        """Whether requests are sent: then outcomes must keep coming in."""
        return self.state is TrafficState.RUNNING

    @property
    def is_held(self) -> bool:
        """Whether no request starts, for whatever reason."""
        return not self.runs or self._awaits_costs

    def begin(self) -> None:
        """Traffic begins, unless it was paused before."""
        if self.state is TrafficState.STARTING:
            self.state = TrafficState.RUNNING

    def pause(self, actor: str) -> Event:
        """Start no further request. In another state than running it changes nothing but is logged."""
        if self.runs:
            self.gate.close()
            self.state = TrafficState.PAUSED
        return self._log(EventKind.PAUSED, actor, f"traffic {self.state.value.replace('_', ' ')}")

    def proceed(self, actor: str) -> Event | None:
        """Start requests again; None where traffic did not rest because of ``pause``."""
        if self.state is not TrafficState.PAUSED:
            return None
        self.state = TrafficState.RUNNING
        if not self._awaits_costs:
            self.gate.open()
        continued = self._log(EventKind.CONTINUED, actor, "traffic continues")
        self.watch_budget()
        return continued

    def watch_budget(self) -> None:
        """Stop the traffic where the budget is spent. Where it may be by what is under way, wait until all of
        that has ended, and go on with what is left then."""
        if not self.runs:
            return
        if self.budget.over:
            self.gate.close()
            self.state = TrafficState.BUDGET_SPENT
            spent = f"budget of {self.budget.budget_usd:.2f} USD spent"
            self._log(EventKind.BUDGET_SPENT, ENGINE, f"{spent}: traffic stopped; raise budget_usd to go on")
        elif self.budget.full:
            self.gate.close()
            self._awaits_costs = True
        elif self._awaits_costs and not self.budget.under_way:
            self._awaits_costs = False
            self.gate.open()

    def end(self, why: str) -> None:
        """Nothing more is to be sent, and everything that was has ended."""
        self.state = TrafficState.ENDED
        self._log(EventKind.ENDED, ENGINE, why)

    def stop(self) -> None:
        """The run ends: no further request starts."""
        self.gate.close()
        self._awaits_costs = False


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
