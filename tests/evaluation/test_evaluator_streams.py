"""The evaluator on streams of requests that are not answered alike."""

from __future__ import annotations

import math
import re

import pytest

from bench.world import BASE, CANARY, Version, World
from tests.support.evidence import Asked, watch
from tui.evaluation.evaluator import Evaluator
from tui.model import CRITERIA, PAIRED, Usage, Verdict, VerdictState
from tui.rollout import Criteria

LATENCY = {"latency_p50", "latency_p95", "latency_p99", "ttft_p50", "ttft_p95", "token_p50", "token_p95"}
RATES = ("errors", "throttled", "completion_filter")


def world(pct: float = 25.0, **changes: object) -> World:
    return World(canary_pct=lambda _: pct, **changes)  # type: ignore[arg-type]


# --- equal versions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "never"),
    [
        (world(base=Version(throttled=0.3)), LATENCY | {"errors", "cost", "tokens"}),
        (world(base=Version(throttled=0.02, pause_s=5.0)), LATENCY | {"errors", "cost", "tokens"}),
        (world(base=Version(unanswered=0.4)), LATENCY | {"cost", "tokens"}),
        (world(base=Version(spilled=0.4)), LATENCY | {"errors"}),
        (world(canaries=(Version(throttled=0.3),)), LATENCY | {"errors", "cost", "tokens"}),
        (world(canaries=(Version(spilled=0.4),)), LATENCY | {"errors"}),
        (world(canaries=(Version(quota_share=0.7),)), LATENCY | {"errors", "cost", "tokens"}),
        (world(base=Version(quota_share=0.3), explained=0.8), LATENCY | {"errors", "cost", "tokens"}),
        (world(canaries=(Version(cold=20),)), LATENCY | {"errors", "cost"}),
        (world(saturated=lambda now_s: now_s % 20 < 10), set(CRITERIA)),
        (World(canary_pct=lambda now_s: (5.0, 10.0, 25.0, 50.0)[min(int(now_s / 100), 3)],
               drift=lambda now_s: 1 + now_s / 400, more_bad=lambda now_s: 1 + now_s / 100),
         set(CRITERIA)),
    ],
)  # fmt: skip
def test_equal_versions_are_not_called_worse_whoever_is_answered(of: World, never: set[str]) -> None:
    seen = watch(of, 1, 6000)
    assert not never & seen.worse


def test_it_is_ok_though_a_third_of_the_baseline_is_throttled() -> None:
    seen = watch(world(base=Version(throttled=0.3)), 1, 10_000)
    assert {"latency_p50", "cost", "throttled"} <= seen.ok
    note = seen.verdict("latency_p50").note
    assert re.search(r"(99|100)% of the canary answered, (69|70)% of the baseline", note)


def test_a_flawless_pair_is_ok_by_its_floor() -> None:
    flawless = Version(filtered=0.0, errors=0.0)
    seen = watch(world(base=flawless, canaries=(flawless,)), 1, 5000)
    for criterion in RATES:
        verdict = seen.verdict(criterion)
        assert (verdict.state, verdict.events) == (VerdictState.OK, 0)
        assert verdict.note.startswith("its own rate is below 0.5%: 0 of ")


def test_a_warm_up_covers_a_cold_start() -> None:
    """Limits are known before: else the calibration would cover it too."""
    cold = world(canaries=(Version(cold=100, cold_factor=4.0),))
    known = {"latency_p50": 340.0, "latency_p95": 900.0}

    def latency(requests: int) -> set[str]:
        criteria = Criteria(warmup_requests=requests)
        return LATENCY & watch(cold, 1, 3000, criteria=criteria, calibrated=known).worse

    assert "latency_p50" in latency(0)
    assert latency(100) == set()


# --- a canary that is worse -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "canary",
    [
        Version(slower=1.25),
        Version(slower=1.25, throttled=0.35),
        Version(slower=1.25, unanswered=0.35),
        Version(slower=1.25, throttled=0.02, pause_s=3.0),
    ],
)
def test_a_slow_canary_is_found_whatever_of_it_is_answered(canary: Version) -> None:
    seen = watch(world(canaries=(canary,)), 1, 8000)
    assert "latency_p50" in seen.worse
    assert "latency_p50" not in seen.ok


def test_a_slow_canary_is_found_though_the_baseline_is_throttled() -> None:
    assert (
        "latency_p50"
        in watch(world(base=Version(throttled=0.3), canaries=(Version(slower=1.4),)), 1, 10_000).worse
    )


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_a_canary_that_hangs_is_slow_without_one_outcome_of_it(share: float) -> None:
    seen = watch(
        world(), 1, 4000, never_ends=lambda o: o.deployment == CANARY and o.request_id % 100 < 100 * share
    )
    assert {"latency_p50", "latency_p95"} & seen.worse
    for criterion in sorted({"latency_p50", "latency_p95"} & seen.worse):
        verdict = seen.verdict(criterion)
        assert verdict.canary_requests > 0
        assert verdict.explained.startswith(f"of {verdict.events:,} neighbours that were slow, ")


def test_a_baseline_that_hangs_makes_nobody_worse() -> None:
    seen = watch(world(), 1, 4000, never_ends=lambda o: o.deployment == BASE and o.request_id > 2000)
    assert seen.worse == set()


def test_a_tail_is_dearer_and_less_spread_is_not() -> None:
    """Answers of the canary run away: tokens are a mean, not a median."""
    assert "tokens" in watch(world(50.0, canaries=(Version(run_away=0.04),)), 1, 5000).worse
    spread = world(50.0, base=Version(length_sigma=0.7), canaries=(Version(length_sigma=0.4, longer=1.05),))
    assert "tokens" in watch(spread, 1, 5000).ok


# --- who was asked what -----------------------------------------------------------------------------


def test_while_the_answered_are_not_the_same_prompts_nothing_is_ok() -> None:
    seen = watch(world(canaries=(Version(quota_share=0.6, slower=1.25),), explained=0.8), 1, 8000)
    for criterion in ("latency_p50", "latency_p95", "ttft_p50", "cost", "tokens"):
        verdict = seen.verdict(criterion)
        assert verdict.state is VerdictState.NOT_YET, criterion
        assert verdict.note == "the answered are not the same prompts: the canary's are smaller"
        assert verdict.etas == ()
    assert "throttled" in seen.worse


def test_where_one_side_breaks_more_its_latency_is_not_ok() -> None:
    seen = watch(world(canaries=(Version(errors=0.11),)), 1, 8000)
    verdict = seen.verdict("latency_p95")
    assert verdict.state is VerdictState.NOT_YET
    assert re.fullmatch(r"1\d% of the canary's requests failed, [01]% of the baseline's", verdict.note)


def test_a_measure_that_never_comes_says_so_and_how_it_would() -> None:
    evaluator = Evaluator(BASE, [CANARY], Criteria(warmup_requests=0), timeout_s=60.0)
    run = Asked(evaluator, {BASE: 50.0, CANARY: 50.0})
    for i in range(1600):
        run.ask((BASE, CANARY)[i % 2], i / 20, latency_ms=100.0 + i % 37, usage=Usage(9, 20 + i % 7))
    said = {v.criterion: v for v in evaluator.verdicts(99.0)[CANARY]}
    for criterion, why in (
        ("ttft_p50", "no time to the first token comes"),
        ("token_p95", "no time per token comes"),
        ("cost", "no cost is known"),
    ):
        assert said[criterion].state is VerdictState.NOT_YET
        assert said[criterion].note.startswith(why)
        assert said[criterion].etas == ()


# --- what is shown is what decided ------------------------------------------------------------------

WORLDS = {
    "equal": world(),
    "equal at 1 %": world(1.0),
    "equal at 90 %": world(90.0),
    "ramp and drift": World(
        canary_pct=lambda now_s: (5.0, 10.0, 25.0, 50.0)[min(int(now_s / 80), 3)],
        drift=lambda now_s: 1 + now_s / 300,
    ),
    "slower": world(canaries=(Version(slower=1.25),)),
    "much slower": world(canaries=(Version(slower=10.0),)),
    "faster": world(canaries=(Version(slower=0.5),)),
    "at the margin": world(canaries=(Version(slower=1.1, longer=1.1),)),
    "a tail": world(canaries=(Version(tail=0.06),)),
    "failing": world(base=Version(errors=0.01), canaries=(Version(errors=0.12),)),
    "failing at 5 %": world(5.0, base=Version(errors=0.01), canaries=(Version(errors=0.12),)),
    "failing always": world(base=Version(errors=0.01), canaries=(Version(errors=1.0),)),
    "failing a bit": world(base=Version(errors=0.01), canaries=(Version(errors=0.03),)),
    "failing no more": world(base=Version(errors=0.02), canaries=(Version(),)),
    "throttled": world(canaries=(Version(throttled=0.3),)),
    "baseline throttled": world(base=Version(throttled=0.3)),
    "chatty": world(canaries=(Version(longer=1.6),)),
    "terse": world(canaries=(Version(longer=0.5),)),
    "quota": world(canaries=(Version(quota_share=0.7),), explained=0.8),
}


@pytest.mark.parametrize("name", WORLDS)
def test_no_verdict_contradicts_what_stands_beside_it(name: str) -> None:
    seen = watch(WORLDS[name], 2, 4000)
    shown = [*seen.reached, *seen.evaluator.verdicts(seen.now_s)[CANARY]]
    assert len(shown) >= len(CRITERIA) - len(PAIRED)
    for verdict in shown:
        agrees(verdict)


def test_the_bill_of_a_canary_that_changes_its_ways_stays_what_decided() -> None:
    evaluator = Evaluator(BASE, [CANARY], Criteria(warmup_requests=0), timeout_s=60.0)
    run = Asked(evaluator, {BASE: 50.0, CANARY: 50.0})
    for i in range(8000):
        dear = 1.6 if i < 3000 else 0.4
        tokens = round((100 + i % 41) * (dear if i % 2 else 1.0))
        run.ask((BASE, CANARY)[i % 2], i / 20, usage=Usage(9, tokens), cost_usd=tokens * 1e-5)
    found = {v.criterion: v for v in evaluator.verdicts(500.0)[CANARY]}
    for criterion in ("tokens", "cost"):
        assert found[criterion].state is VerdictState.WORSE
        agrees(found[criterion])


def agrees(verdict: Verdict) -> None:
    """Value, difference and interval are of what decided."""
    low, high = (
        unknown if edge is None else edge
        for edge, unknown in (
            (verdict.difference_low_pct, -math.inf),
            (verdict.difference_high_pct, math.inf),
        )
    )
    assert low <= high, verdict
    if verdict.difference_pct is not None:
        assert low - 1e-9 <= verdict.difference_pct <= high + 1e-9, verdict
    if verdict.criterion in ("split", "prompt_filter"):
        return
    to_worse, to_ok = (0.0, 50.0) if verdict.criterion in RATES else (10.0, 10.0)
    if verdict.state is VerdictState.WORSE:
        assert low >= to_worse - 1e-9, verdict
    if verdict.state is VerdictState.OK and not verdict.note.startswith("its own rate is below"):
        assert high <= to_ok + 1e-9, verdict
