"""The armed guard on a real clock: from the outcome that decides to the last request that the canary gets."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.engine_runs import NEW, OLD, rollout
from tests.support.simulator_process import simulators
from tui.engine.setup import Setup
from tui.engine.thread import Engine
from tui.model import Event, EventKind, Outcome
from tui.record.reader import read_assignments
from tui.record.record import RunRecord
from tui.rollout import GuardSpec
from tui.simulator.behaviour import PretendDeployment

RATE = 200.0
_TIMEOUT_S = 5.0
_GIVE_UP_S = 120.0
_GOES_ON_S = 0.5
"""How long it is looked for requests that still go to the canary."""

_HEALTHY_S = 4.0
"""From the first request to the change: enough answers of the baseline at 200/s to know its latency."""


def guard_acts_ms(scenario: str) -> tuple[float, float]:
    """Half of the traffic to a canary that goes bad, until the guard rolls it back.

    Returns how many ms after the deciding outcome the weights were changed, and the last request was handed
    over to the canary (negative: before it).
    """
    with TemporaryDirectory() as folder, simulators() as service:
        served = [
            PretendDeployment(OLD, "gpt-4o", "2024-11-20", "baseline"),
            PretendDeployment(NEW, "gpt-4o", "2024-11-20", "canary"),
        ]
        url = service.serve(served, scenario=scenario, from_s=60.0 - _HEALTHY_S)
        of = replace(
            rollout(
                Path(folder),
                url,
                rate=RATE,
                arrivals="poisson",
                stream=False,
                max_in_flight=400,
                timeout_s=_TIMEOUT_S,
            ),
            guard=GuardSpec("armed"),
        )
        path = Path(folder) / "run.sqlite"
        record = _Noting.create(
            path,
            run_id="bench",
            rollout_name=of.name,
            rollout_text="",
            started_at=datetime.now(UTC),
            meta={},
        )
        engine = Engine(
            Setup(
                rollout=of,
                run_id="bench",
                env={"KEY": "k"},
                seed=time.time_ns() % 2**31,
                actor="bench",
                record=record,
                clock=time.perf_counter,
                now=lambda: datetime.now(UTC),
            )
        )
        try:
            engine.start()
            decided, acted = record.acted.result(_GIVE_UP_S)
            time.sleep(_GOES_ON_S)
        finally:
            engine.stop(drain_s=_TIMEOUT_S + 1)
            record.close()
        last_s = max(a.at_s for a in read_assignments(path) if a.deployment == NEW)
        return 1000 * (acted.at_s - decided.ended_s), 1000 * (last_s - decided.ended_s)


class _Noting(RunRecord):
    """Notes which outcome was the last before the roll back: the guard acts within the one that decides."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._last: Outcome | None = None
        self.acted: Future[tuple[Outcome, Event]] = Future()

    def outcome(self, outcome: Outcome) -> None:
        self._last = outcome
        super().outcome(outcome)

    def event(self, event: Event, *state: Any) -> Future[None]:
        if event.kind is EventKind.ROLLED_BACK and self._last is not None and not self.acted.done():
            self.acted.set_result((self._last, event))
        return super().event(event, *state)
