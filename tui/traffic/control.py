"""Traffic control of a run: whether traffic runs, rests or has ended, and whether its budget allows more."""

from __future__ import annotations

from tui.model import ENGINE, Context, Event, EventKind, TrafficState
from tui.service.budget import Budget
from tui.traffic.sender import Gate


class TrafficControl:
    """Opens and closes the ``gate`` that the sender goes through."""

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
