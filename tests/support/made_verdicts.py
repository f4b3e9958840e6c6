"""Made-up verdicts and plans for the cockpit: plausible figures, in the shapes of the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tui.model import Eta, GuardView, PlanState, PlanStep, PlanView, Verdict, VerdictState

ETAS = (Eta(10.0, 660.0, 1500, 1140.0), Eta(25.0, 240.0, 1420, 420.0), Eta(50.0, 130.0, 1390))
"""11 to 19 min at 10 %, 4 to 7 min at 25 %, over 3 min at 50 %."""

STEPS = (
    PlanStep(5.0, 120.0, 200),
    PlanStep(10.0, 300.0, 500),
    PlanStep(25.0, 300.0, 1000, gate=True),
    PlanStep(50.0, 600.0, 2000),
    PlanStep(100.0, 900.0, 0),
)

ARMED = GuardView("armed", ("latency_p95", "errors"), "")


def verdict(criterion: str = "latency_p95", **changes: Any) -> Verdict:
    """A P95 that cannot be decided yet; every field may be replaced."""
    base = Verdict(
        criterion=criterion,
        label="P95",
        unit="ms",
        state=VerdictState.NOT_YET,
        limit="+10%",
        baseline_value=402.0,
        canary_value=421.0,
        difference_pct=4.7,
        difference_low_pct=-9.0,
        difference_high_pct=19.0,
        worse_progress=0.18,
        ok_progress=0.42,
        baseline_requests=8820,
        canary_requests=980,
        events=431,
        etas=ETAS,
    )
    return replace(base, **changes)


OK_P50 = verdict(
    "latency_p50", label="P50", state=VerdictState.OK, baseline_value=210.0, canary_value=208.0,
    difference_pct=-1.0, difference_low_pct=-6.0, difference_high_pct=4.0, worse_progress=0.02, ok_progress=1.0,
    events=4390, etas=(), since_s=262.0,
    explained="of 4,390 neighbours that were slow, 371 were v1113's where 439 were to be expected by chance; so"
    " few happen to a version at the limit once in 61 runs",
)  # fmt: skip
OK_P95 = verdict(state=VerdictState.OK, ok_progress=1.0, etas=(), since_s=344.0)
WORSE_P95 = verdict(
    state=VerdictState.WORSE, canary_value=655.0, difference_pct=63.0, difference_low_pct=41.0,
    difference_high_pct=88.0, worse_progress=1.0, ok_progress=0.0, etas=(), since_s=360.0,
    explained="of 431 neighbours that were slow, 96 were v1113's where 41 were to be expected by chance; that"
    " happens to versions within +10% once in 12,000 runs",
)  # fmt: skip
NO_P99 = verdict(
    "latency_p99", label="P99", baseline_value=690.0, canary_value=None, difference_pct=None,
    difference_low_pct=None, difference_high_pct=None, worse_progress=0.03, ok_progress=0.05, events=44,
    etas=(Eta(10.0, None, None),), note="calibrating 640/1000",
)  # fmt: skip
OK_ERRORS = verdict(
    "errors", label="errors", unit="%", limit="same or lower", state=VerdictState.OK, baseline_value=0.42,
    canary_value=0.4, difference_pct=-4.0, difference_low_pct=None, difference_high_pct=22.0, ok_progress=1.0,
    events=41, etas=(), since_s=301.0,
    explained="0 of 980 requests of v1113 failed: a rate of 0.5% or more shows so few once in 44 runs",
)  # fmt: skip
WORSE_FILTER = verdict(
    "completion_filter", label="filtered", unit="%", limit="same or lower", state=VerdictState.WORSE,
    baseline_value=0.42, canary_value=0.53, difference_pct=26.0, difference_low_pct=4.0,
    difference_high_pct=58.0, worse_progress=1.0, events=88, etas=(),
    since_s=380.0,
    explained="of 88 neighbours that had a filtered answer, 19 were v1113's where 9.0 were to be expected by"
    " chance; that happens to equal versions once in 340 runs",
)  # fmt: skip
ADVISORY_COST = verdict(
    "cost", label="cost $/1k", unit="USD", baseline_value=0.191, canary_value=0.322,
    difference_pct=68.0, difference_low_pct=60.0, difference_high_pct=76.0, state=VerdictState.WORSE,
    worse_progress=1.0, advisory=True, events=9800, etas=(), note="advisory until 1,000 requests",
)  # fmt: skip

OK_COST = replace(
    ADVISORY_COST, state=VerdictState.OK, canary_value=0.161, difference_pct=-16.0, difference_low_pct=-21.0,
    difference_high_pct=-11.0, worse_progress=0.0, ok_progress=1.0, advisory=False, note="", since_s=290.0,
)  # fmt: skip

ALL_WORSE = (OK_P50, WORSE_P95, NO_P99, OK_ERRORS, WORSE_FILTER, ADVISORY_COST)
ALL_OK = (OK_P50, OK_P95, OK_ERRORS, ADVISORY_COST)
OPEN = (OK_P50, verdict(), NO_P99, OK_ERRORS, ADVISORY_COST)


def plan(canary: str, **changes: Any) -> PlanView:
    """On the second rung for 04:20 of 05:00; every field may be replaced."""
    base = PlanView(
        canary=canary,
        steps=STEPS,
        index=1,
        state=PlanState.CLIMBING,
        in_step_s=260.0,
        step_requests=980,
        waiting_for="P95 and P99 to be OK",
    )
    return replace(base, **changes)
