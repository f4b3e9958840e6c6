"""The row on honesty: a service that stands still for a while."""

from __future__ import annotations

import time
from typing import Any

from bench.load import BASELINE, Load, engine_on, now
from bench.service import Service
from tui.model.commands import PauseTraffic

STALL_S = 2.0
SPAN_S = 16.0
RATE = 200.0
SERVICE_MS = 20


def implied_p95_ms() -> float:
    """P95 that the schedule implies: a request due t seconds after the stall began waits for the rest of it.

    Of the ``SPAN_S`` seconds of traffic the worst 5 % are the ones due in the first of the stall.
    """
    return 1000 * (STALL_S - 0.05 * SPAN_S) + SERVICE_MS


def stall(service: Service) -> dict[str, Any]:
    """P95 over ``SPAN_S`` seconds of traffic, in the middle of which the service stands still."""
    load = Load(service.url(SERVICE_MS), RATE, canary_pct=0.0)
    with engine_on(load) as engine:
        time.sleep(SPAN_S / 2)
        with service.stalled():
            time.sleep(STALL_S)
        time.sleep(SPAN_S / 2 - STALL_S)
        engine.send(PauseTraffic(), actor="bench").result()
        time.sleep(1.0)
        snapshot = now(engine).snapshot
    figures = snapshot.deployments[BASELINE].figures["run"]["*"]
    p95_ms = figures.latency_ms.p95 if figures.latency_ms else float("nan")
    return {"p95_ms": p95_ms, "requests": figures.requests, "skipped": snapshot.sender.skipped}
