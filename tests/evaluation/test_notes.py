"""What is said of a verdict in plain words."""

from __future__ import annotations

import random

from tests.support.evidence import Asked
from tui.evaluation.evaluator import Evaluator
from tui.model import Verdict, VerdictState
from tui.rollout import Criteria

OLD, NEW = "old", "new"
LIMITS = {"latency_p50": 100.0, "latency_p95": 900.0, "latency_p99": 950.0}


def test_a_late_drift_is_said_to_be_one() -> None:
    """A difference of the whole run may lie within the limit, so none is shown: the sentence says why."""
    evaluator = Evaluator(OLD, [NEW], Criteria(warmup_requests=0), timeout_s=60.0, calibrated=LIMITS)
    ask, rng, at_s = Asked(evaluator, {OLD: 50.0, NEW: 50.0}), random.Random(1), 0.0

    def p50_after(requests: int, until: VerdictState, slow_canary: float) -> Verdict:
        nonlocal at_s
        for _ in range(requests):
            at_s += 0.1
            name = rng.choice((OLD, NEW))
            slow = rng.random() < (slow_canary if name == NEW else 0.5)
            ask.ask(name, at_s, latency_ms=300.0 if slow else 50.0)
            found = evaluator.verdict(NEW, "latency_p50", at_s)
            if found.state is until:
                break
        return found

    assert p50_after(20_000, VerdictState.OK, 0.3).state is VerdictState.OK
    assert p50_after(3_000, VerdictState.WORSE, 0.3).state is VerdictState.OK
    later = p50_after(5_000, VerdictState.WORSE, 0.95)
    assert later.state is VerdictState.WORSE
    assert (later.difference_pct, later.difference_low_pct, later.difference_high_pct) == (None, None, None)
    assert later.note.startswith("late drift: ")
    assert "bad requests lately where" in later.note
    assert later.explained.startswith(f"{NEW} was OK and has become worse: lately ")
