"""The pretend world of the bench, and what is concluded from its runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from statistics import median

import pytest

from bench.evidence_cases import CASES
from bench.evidence_runs import Claim, First, Run, gets_worse, never_worse, seldom_ok
from bench.world import BASE, CANARY, Version, World, always, happenings
from tui.model import Assignment, Outcome, OutcomeKind, VerdictState

_WORSE, _OK = VerdictState.WORSE, VerdictState.OK


def _ends(version: Version, explained: float = 0.0) -> list[Outcome]:
    """The canary's, at half of the traffic."""
    world = replace(World(canaries=(version,), canary_pct=always(50.0)), explained=explained)
    events = (event for _, event in islice(happenings(world, 1), 24_000))
    return [event for event in events if isinstance(event, Outcome) and event.deployment == CANARY]


@pytest.mark.parametrize(
    ("version", "kind", "share"),
    [
        (Version(), OutcomeKind.SERVER_ERROR, 0.005),
        (Version(), OutcomeKind.COMPLETION_FILTERED, 0.01),
        (Version(errors=0.2), OutcomeKind.SERVER_ERROR, 0.2),
        (Version(throttled=0.35), OutcomeKind.RATE_LIMITED, 0.35),
        (Version(unanswered=0.3), OutcomeKind.HELD_BACK, 0.1),
        (Version(quota_share=0.7, pause_s=5.0), OutcomeKind.HELD_BACK, 0.3),
    ],
)
def test_requests_end_as_often_as_asked(version: Version, kind: OutcomeKind, share: float) -> None:
    ends = _ends(version)
    assert sum(end.kind is kind for end in ends) / len(ends) == pytest.approx(share, rel=0.25, abs=0.003)


def test_a_token_quota_rejects_large_prompts_so_that_answers_come_sooner() -> None:
    plain, short = (_ends(Version(quota_share=share), explained=0.7) for share in (1.0, 0.7))
    latencies, sizes = (
        [median(getattr(end, name) for end in ends if end.latency_ms) for ends in (plain, short)]
        for name in ("latency_ms", "prompt_chars")
    )
    assert latencies[1] < 0.97 * latencies[0]
    assert sizes[1] < 0.9 * sizes[0]


def test_events_come_in_order_and_every_request_ends_once() -> None:
    world = World(canaries=(Version(pause_s=1.0, throttled=0.1),) * 2, canary_pct=always(25.0))
    events = list(islice(happenings(world, 2), 8_000))
    assert [at_s for at_s, _ in events] == sorted(at_s for at_s, _ in events)
    drawn = [event for _, event in events if isinstance(event, Assignment)]
    ended = Counter(event.request_id for _, event in events if isinstance(event, Outcome))
    assert set(ended.values()) == {1}
    assert set(ended) <= {assignment.request_id for assignment in drawn}
    shares = Counter(assignment.deployment for assignment in drawn)
    assert {name: shares[name] / len(drawn) for name in shares} == pytest.approx(
        {BASE: 0.5, CANARY: 0.25, "new2": 0.25}, abs=0.03
    )


def _run(state: VerdictState | None, after: int = 100, moving: bool = True) -> Run:
    key = ("errors", state or _OK)
    return Run({key: First(after, 1.0)}, {key} if moving else set()) if state else Run()


@pytest.mark.parametrize(
    ("claim", "runs", "met"),
    [
        (never_worse(), [_run(_WORSE)] * 3 + [_run(None)] * 37, True),
        (never_worse(), [_run(_WORSE)] * 6 + [_run(None)] * 34, False),
        (never_worse(), [_run(_WORSE, moving=False)] * 40, True),
        (never_worse("errors"), [_run(_WORSE)] * 40, True),
        (seldom_ok("errors")[0], [_run(_OK)] * 40, False),
        (gets_worse("errors", least=0.95), [_run(_WORSE)] * 30 + [_run(None)] * 10, False),
        (gets_worse("errors", median=110), [_run(_WORSE)] * 40, True),
        (gets_worse("errors", median=70), [_run(_WORSE)] * 40, False),
        (gets_worse("errors", median=70), [_run(_WORSE)] * 2, None),
        (Claim(_WORSE, "errors", least=0.95, within_s=0.5), [_run(_WORSE)] * 40, False),
        (gets_worse("errors"), [_run(_WORSE)] * 40, None),
    ],
)
def test_what_is_concluded_from_runs(claim: Claim, runs: list[Run], met: bool | None) -> None:
    assert claim.check(runs)[-1] is met


def test_one_run_through_the_evaluator() -> None:
    case = next(case for case in CASES if case.what == "x1.25 slower, 50 %")
    [run] = case.play(1)
    assert run.first["latency_p50", _WORSE].requests < 3_000
