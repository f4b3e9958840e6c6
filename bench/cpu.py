"""Rows on what the engine costs, and on how much one core sustains and survives."""

from __future__ import annotations

import os
import time
from typing import Any

from bench.load import Load, engine_on, now
from bench.service import Service

WARM_S = 3.0


def cost(load: Load, service_s: float, measure_s: float) -> dict[str, Any]:
    """CPU ms per request of the whole engine once the traffic is steady."""
    with engine_on(load) as engine:
        time.sleep(WARM_S + service_s)
        before = now(engine)
        time.sleep(measure_s)
        after = now(engine)
    return {**after.since(before), "in_flight": after.snapshot.sender.in_flight}


def one_core(load: Load, core: int, service: Service, measure_s: float) -> dict[str, Any]:
    """Answers per second on one core under ``load``, and how the engine judges itself."""
    os.sched_setaffinity(0, {core})
    with engine_on(load) as engine:
        time.sleep(WARM_S)
        before = now(engine)
        sockets = 0
        deadline_s = time.perf_counter() + measure_s
        while time.perf_counter() < deadline_s:
            time.sleep(0.5)
            sockets = max(sockets, service.stats()["open"])
        after = now(engine)
    sender = after.snapshot.sender
    views = after.snapshot.deployments.values()
    marked = sum(view.figures["run"]["*"].saturated for view in views)
    return {
        **after.since(before),
        "sockets": sockets,
        "saturated": sender.saturated,
        "skipped": sender.skipped,
        "late_p99_ms": sender.late_p99_ms,
        "marked_pct": 100 * marked / max(after.requests, 1),
    }
