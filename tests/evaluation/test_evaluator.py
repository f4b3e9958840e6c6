"""The evaluator: what it takes for evidence, what it says, and what survives a restart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.world import BASE, CANARY, Version, World
from tests.support.evidence import Asked, outcome_of, stream, tell, watch
from tests.support.typed import about
from tui.evaluation.evaluator import ENGINE, Evaluator
from tui.model import (
    ANSWERED,
    CRITERIA,
    FILTERED,
    NEVER_SERVED,
    PAIRED,
    THROTTLED,
    OutcomeKind,
    Verdict,
    VerdictState,
)
from tui.rollout import Criteria

SHARES = {BASE: 90.0, CANARY: 10.0}
EVEN = {BASE: 50.0, CANARY: 50.0}
LIMITS = {"latency_p50": 100.0, "latency_p95": 200.0, "latency_p99": 300.0}
AT_25: dict[str, Any] = {"canary_pct": lambda _: 25.0}
SAYS_NOTHING = sorted(THROTTLED | NEVER_SERVED | {OutcomeKind.HELD_BACK})


def new(shares: dict[str, float] = SHARES, **options: Any) -> tuple[Evaluator, Asked]:
    criteria = options.pop("criteria", None) or Criteria(warmup_requests=0)
    evaluator = Evaluator(BASE, [CANARY], criteria, **{"timeout_s": 60.0, **options})
    return evaluator, Asked(evaluator, shares)


def shown(evaluator: Evaluator, now_s: float) -> dict[str, Verdict]:
    return {verdict.criterion: verdict for verdict in evaluator.verdicts(now_s)[CANARY]}


# --- what it says -----------------------------------------------------------------------------------


def test_no_data_is_not_yet() -> None:
    evaluator, _ = new(criteria=Criteria(paired=PAIRED))
    [verdicts] = evaluator.verdicts(0.0).values()
    assert tuple(v.criterion for v in verdicts) == CRITERIA
    assert {v.state for v in verdicts} == {VerdictState.NOT_YET}
    assert not any(v.etas or v.worse_progress or v.ok_progress or v.canary_requests for v in verdicts)
    assert {(v.canary_value, v.difference_pct, v.difference_low_pct) for v in verdicts} == {(None, None, None)}
    assert {v.criterion for v in verdicts if v.advisory} == {
        "throttled", "tokens", "cost", "prompt_filter", "split",
    }  # fmt: skip
    assert shown(evaluator, 0.0)["latency_p50"].note == "the canary has no traffic"


@pytest.mark.parametrize(
    ("canary", "called", "never"),
    [
        (Version(slower=1.5), {"latency_p50", "latency_p95", "ttft_p50", "token_p50"},
         {"errors", "completion_filter", "cost", "tokens", "throttled"}),
        (Version(filtered=0.06), {"completion_filter"}, {"errors", "latency_p95", "cost", "tokens"}),
        (Version(errors=0.1), {"errors"}, {"completion_filter", "latency_p95", "cost", "throttled"}),
        (Version(longer=1.6), {"tokens", "cost", "long_answers"},
         {"ttft_p50", "ttft_p95", "token_p50", "token_p95", "errors"}),
        (Version(throttled=0.2), {"throttled"}, set(CRITERIA) - {"throttled"}),
    ],
)  # fmt: skip
def test_what_is_worse_is_called_by_its_name(canary: Version, called: set[str], never: set[str]) -> None:
    seen = watch(World(canaries=(canary,), **AT_25), 1, 8000)
    assert called <= seen.worse
    assert not never & seen.worse


def test_worse_stays_and_is_told_once() -> None:
    """The canary becomes better than the baseline ever was."""
    seen = watch(World(canaries=(Version(slower=2.0),), **AT_25), 2, 3000)
    [verdict] = [v for v in seen.reached if v.criterion == "latency_p50"]
    assert verdict.state is VerdictState.WORSE
    later = stream(World(canaries=(Version(slower=0.5),), **AT_25), 3, 4000)
    reached, now_s = tell(seen.evaluator, ((seen.now_s + at_s, what) for at_s, what in later))
    assert "latency_p50" not in {v.criterion for v in reached}
    again = seen.evaluator.verdict(CANARY, "latency_p50", now_s)
    assert (again.state, again.since_s) == (VerdictState.WORSE, verdict.since_s)
    assert again.difference_pct == pytest.approx(verdict.difference_pct, rel=0.5)


def test_higher_weights_decide_sooner_and_a_range_is_said() -> None:
    seen = watch(World(base=Version(errors=0.02), canaries=(Version(errors=0.03),)), 8, 3000)
    etas = seen.verdict("errors").etas
    assert [eta.weight_pct for eta in etas] == [10.0, 25.0, 50.0]
    seconds = [eta.seconds or 0.0 for eta in etas]
    assert 0 < seconds[2] < seconds[1] < seconds[0]
    assert all(eta.seconds_high is None or eta.seconds_high > (eta.seconds or 0.0) for eta in etas)


def test_a_range_ends_openly_where_nothing_is_seen_yet() -> None:
    seen = watch(World(**AT_25), 8, 1200)
    [verdict] = [v for v in [seen.verdict("latency_p50")] if v.state is VerdictState.NOT_YET]
    assert verdict.etas[0].seconds is not None
    assert verdict.etas[0].canary_requests is not None


def test_the_split_is_watched() -> None:
    evaluator, run = new()
    for i in range(2000):
        run.draw(CANARY if i % 5 == 0 else BASE, i / 100)
    split = shown(evaluator, 20.0)["split"]
    assert (split.state, split.advisory) == (VerdictState.WORSE, True)
    assert split.note == "the split is not what was asked for"
    assert (split.canary_value, split.baseline_value) == (about(20.0), about(10.0))
    assert (split.canary_requests, split.baseline_requests, split.events) == (400, 1600, 2000)


def test_what_decided_is_explained_in_a_sentence() -> None:
    seen = watch(World(canaries=(Version(slower=1.5, errors=0.05),), **AT_25), 1, 4000)
    for criterion, what in (("latency_p50", "were slow"), ("errors", "failed")):
        said = seen.verdict(criterion)
        assert said.state is VerdictState.WORSE
        assert said.explained.startswith(f"of {said.events:,} neighbours that {what}, ")
        assert f"were {CANARY}'s where " in said.explained


# --- what is evidence -------------------------------------------------------------------------------


def test_what_was_not_compared_is_no_evidence() -> None:
    evaluator, run = new()
    alone = Asked(evaluator, {BASE: 0.0, CANARY: 100.0})
    for i in range(200):
        run.ask(CANARY, i, kind=OutcomeKind.CANCELLED)
        run.ask(CANARY, i, kind=OutcomeKind.SERVER_ERROR, counts_for_version=False)
        evaluator.add(outcome_of(CANARY, SHARES, 10**6 + i, kind=OutcomeKind.SERVER_ERROR), i)
    for i in range(200):
        drawn = alone.draw(CANARY, 300.0 + i, request_id=10**7 + i)
        alone.end(drawn, 300.0 + i, kind=OutcomeKind.SERVER_ERROR)
    errors = shown(evaluator, 999.0)["errors"]
    assert (errors.state, errors.events, errors.canary_requests) == (VerdictState.NOT_YET, 0, 0)


@pytest.mark.parametrize("kind", SAYS_NOTHING)
def test_what_says_nothing_of_a_version_is_neither_good_nor_bad(kind: OutcomeKind) -> None:
    evaluator, run = new(EVEN, calibrated=LIMITS)
    for i in range(400):
        run.ask((BASE, CANARY)[i % 2], i / 10, kind=kind)
    found = shown(evaluator, 99.0)
    counted = {name for name, v in found.items() if v.canary_requests and name != "split"}
    assert counted == (set() if kind in NEVER_SERVED else {"throttled"})
    why = {OutcomeKind.CLIENT_SATURATED: "saturated", OutcomeKind.HELD_BACK: "held back"}
    said = why.get(kind, "throttled" if kind in THROTTLED else kind.value)
    assert f"200 of {CANARY} ({said})" in found["split"].explained


def test_spilled_requests_are_none_of_the_versions() -> None:
    evaluator, run = new(EVEN, calibrated=LIMITS)
    for i in range(400):
        run.ask((BASE, CANARY)[i % 2], i / 10, latency_ms=999.0, counts_for_version=False)
    found = shown(evaluator, 99.0)
    assert {name for name, v in found.items() if v.canary_requests and name != "split"} == {"throttled"}
    assert found["throttled"].canary_value == 0.0
    assert f"200 of {CANARY} (spilled over)" in found["split"].explained


def test_what_was_sent_while_this_machine_was_behind_is_no_evidence() -> None:
    evaluator, run = new(EVEN, calibrated=LIMITS)
    for i in range(400):
        drawn = run.draw((BASE, CANARY)[i % 2], i / 10, saturated=True)
        run.end(drawn, i / 10, latency_ms=5.0 + 900 * (i % 2), saturated=True)
    found = shown(evaluator, 99.0)
    assert not any(v.canary_requests or v.events for v in found.values())
    assert found["latency_p50"].note == "this machine is behind: 400 requests are no evidence"


def test_a_canary_warms_up_when_it_joins_and_when_it_is_raised_from_nothing() -> None:
    known = {"latency_p50": 100.0, "latency_p95": 200.0, "latency_p99": 300.0}
    evaluator, run = new(EVEN, criteria=Criteria(warmup_requests=30), calibrated=known)

    def ask(times: int, at_s: float) -> tuple[int, int]:
        for i in range(times):
            run.ask((BASE, CANARY)[i % 2], at_s + i, latency_ms=50.0)
        seen = shown(evaluator, at_s + times + 61.0)
        return seen["latency_p50"].canary_requests, seen["errors"].canary_requests

    quick, errors = ask(40, 0.0)
    assert quick == 0 < errors, "a failure counts from the first request"
    assert shown(evaluator, 99.0)["latency_p50"].note == (
        "warming up: 10 more requests of the canary say nothing of time and cost"
    )
    after, _ = ask(200, 100.0)
    assert 80 <= after <= 90
    zero = Asked(evaluator, {BASE: 100.0, CANARY: 0.0})
    zero.end(zero.draw(BASE, 400.0, request_id=10**6), 400.0)
    assert shown(evaluator, 401.0)["latency_p50"].note == "the canary has no traffic"
    assert after <= ask(60, 500.0)[0] <= 92, "thirty again, beside those that were still in a block"
    assert ask(100, 700.0)[0] > after + 30


def test_without_a_warm_up_the_first_request_counts() -> None:
    evaluator, run = new(EVEN)
    for i in range(20):
        run.ask((BASE, CANARY)[i % 2], i / 2)
    assert shown(evaluator, 99.0)["errors"].canary_requests > 0


def test_a_change_of_weights_parts_who_is_compared() -> None:
    """All that fails does so at the higher weight, on either side: nothing of the lower one is beside it."""
    evaluator, run = new({BASE: 98.0, CANARY: 2.0})
    high = Asked(evaluator, EVEN)
    for i in range(3000):
        at_s = i / 10
        if i % 20 < 10:
            run.ask(CANARY if i % 50 == 0 else BASE, at_s)
        else:
            drawn = high.draw((BASE, CANARY)[i % 2], at_s, request_id=10**6 + i)
            high.end(drawn, at_s, kind=OutcomeKind.SERVER_ERROR)
    errors = shown(evaluator, 400.0)["errors"]
    assert errors.state is VerdictState.NOT_YET
    assert errors.events == 0


def test_several_canaries_share_the_baseline() -> None:
    shares = {BASE: 50.0, "a": 25.0, "b": 25.0}
    evaluator = Evaluator(BASE, ["a", "b"], Criteria(warmup_requests=0), timeout_s=60.0)
    run = Asked(evaluator, shares)
    for i in range(2400):
        name = (BASE, "a", BASE, "b")[i % 4]
        failed = name == "b" and i % 3 == 0
        run.ask(name, i / 20, kind=OutcomeKind.SERVER_ERROR if failed else OutcomeKind.OK)
    found = {canary: evaluator.verdict(canary, "errors", 200.0) for canary in ("a", "b")}
    assert found["a"].state is not VerdictState.WORSE
    assert found["b"].state is VerdictState.WORSE
    assert found["a"].baseline_requests > 1000
    evaluator.add_canary("c")
    assert evaluator.verdict("c", "errors", 200.0).state is VerdictState.NOT_YET


# --- the tripwire -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SAYS_NOTHING)
def test_what_was_throttled_or_never_served_neither_trips_the_wire_nor_resets_it(kind: OutcomeKind) -> None:
    evaluator, run = new()
    for i in range(9):
        run.ask(CANARY, i, kind=kind, error="HTTP 429")
    assert evaluator.tripwire(CANARY) is None
    for i in range(5):
        run.ask(CANARY, 10 + i, kind=OutcomeKind.SERVER_ERROR, error="HTTP 503")
        run.ask(CANARY, 10 + i, kind=kind, error="HTTP 429")
    assert evaluator.tripwire(CANARY) == "5 failures in a row, last: HTTP 503"


def test_five_failures_in_a_row_trip_the_wire_and_a_success_resets_it() -> None:
    evaluator, run = new()
    for expected in (None, None, None, None, "5 failures in a row, last: HTTP 503"):
        run.ask(CANARY, 1.0, kind=OutcomeKind.SERVER_ERROR, error="HTTP 503")
        assert evaluator.tripwire(CANARY) == expected
    for good in sorted(ANSWERED | FILTERED):
        run.ask(CANARY, 1.0, kind=good)
        assert evaluator.tripwire(CANARY) is None
        for _ in range(5):
            run.ask(CANARY, 1.0, kind=OutcomeKind.TIMEOUT)
        assert evaluator.tripwire(CANARY) is not None


# --- alone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alone_moves", [False, True])
def test_late_drift_alone_is_advisory_unless_it_may_move_something(alone_moves: bool) -> None:
    """The canary is promoted at 100 s; everything becomes twice as slow at 150 s."""
    world = World(
        per_s=40.0,
        canary_pct=lambda now_s: 25.0 if now_s < 100 else 100.0,
        drift=lambda now_s: 1.0 if now_s < 150 else 2.0,
    )
    seen = watch(world, 1, 9000, alone_moves=alone_moves)
    assert "latency_p50" in seen.worse
    verdict = seen.verdict("latency_p50")
    assert (verdict.state, verdict.advisory) == (VerdictState.WORSE, not alone_moves)
    assert verdict.note.startswith("late drift, with nobody beside it: ")
    assert bool(seen.evaluator.worse(CANARY, seen.now_s)) is alone_moves
    again = Evaluator(BASE, [CANARY], Criteria(), timeout_s=60.0, alone_moves=alone_moves)
    again.restore(json.loads(json.dumps(seen.evaluator.state())))
    assert bool(again.worse(CANARY, seen.now_s)) is alone_moves, "a restart forgets no alarm"
    assert again.verdict(CANARY, "latency_p50", seen.now_s).note == verdict.note
    run = Asked(seen.evaluator, {BASE: 75.0, CANARY: 25.0})
    run.draw(BASE, seen.now_s + 1, request_id=10**7)
    assert seen.verdict("latency_p50").state is not VerdictState.WORSE, "somebody is beside it again"


# --- what survives a restart ------------------------------------------------------------------------


def test_what_was_kept_is_the_same_and_goes_on() -> None:
    world = World(canaries=(Version(slower=1.2, errors=0.02),), explained=0.5, **AT_25)
    seen = watch(world, 5, 4000)
    kept = json.loads(json.dumps(seen.evaluator.state()))
    other = Evaluator(BASE, [CANARY], Criteria(), timeout_s=60.0)
    other.restore(kept, offset_s=-100.0)
    assert json.loads(json.dumps(other.state())) != kept, "its instants are those of the new run"
    same = Evaluator(BASE, [CANARY], Criteria(), timeout_s=60.0)
    same.restore(kept)
    assert json.loads(json.dumps(same.state())) == kept
    mine, theirs = shown(seen.evaluator, seen.now_s), shown(other, 0.0)
    for criterion, verdict in mine.items():
        again = theirs[criterion]
        for field in (
            "state", "events", "canary_value", "baseline_value", "difference_pct", "canary_requests",
            "difference_low_pct", "difference_high_pct", "worse_progress", "ok_progress",
        ):  # fmt: skip
            assert getattr(again, field) == getattr(verdict, field), (criterion, field)
        assert again.since_s == (None if verdict.since_s is None else pytest.approx(verdict.since_s - 100.0))
    told = {v.criterion for v in seen.reached if v.state is VerdictState.WORSE}
    reached, now_s = tell(same, ((seen.now_s + at_s, what) for at_s, what in stream(world, 6, 4000)))
    assert not told & {v.criterion for v in reached}, "WORSE is told once"
    more = shown(same, now_s)
    assert more["completion_filter"].canary_requests > mine["completion_filter"].canary_requests + 900
    assert "calibrating" not in " ".join(v.note for v in more.values())
    assert not any(v.note.startswith("warming up") for v in more.values())


@pytest.mark.parametrize("broken", [{}, {"limits": 3}, {"sides": []}, {"question": 3}, {"sides": {CANARY: {}}}])
def test_a_state_that_is_none_is_refused(broken: dict[str, object]) -> None:
    evaluator, _ = new()
    state = {**evaluator.state(), **broken} if broken else {}
    with pytest.raises(ValueError, match="not a state of the evaluator"):
        new()[0].restore(state)


def test_evidence_for_other_margins_is_refused() -> None:
    kept = Evaluator(BASE, [CANARY], Criteria()).state()
    for other in (
        Criteria(latency_p95_pct=25.0), Criteria(alpha_pct=1.0), Criteria(error_floor_pct=1.0),
        Criteria(dispersion=5.0),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="criteria have changed"):
            Evaluator(BASE, [CANARY], other).restore(kept)


def test_evidence_of_the_first_engine_is_refused_and_that_is_said() -> None:
    first = {
        "question": {"alpha_pct": 5.0, "latency_p50": 0.1, "errors": 0.0},
        "failed": {CANARY: 0},
        "limits": {"limits": {"latency_p50": 412.0}, "values": {}},
        "stretches": [],
        "sides": {CANARY: {"scales": {}, "requests": [1, 2]}},
    }
    evaluator, _ = new()
    assert evaluator.state()["question"]["engine"] == ENGINE
    with pytest.raises(ValueError, match="weighed by an earlier version of canarytop, and begins anew"):
        evaluator.restore(first)


def test_what_never_ends_holds_the_rates_up_for_two_time_outs_and_a_minute() -> None:
    evaluator, run = new(EVEN, calibrated=LIMITS)
    for i in range(80):
        drawn = run.draw((BASE, CANARY)[i % 2], i / 10)
        if i != 3:
            run.end(drawn, i / 10, latency_ms=5.0)
    waiting = shown(evaluator, 20.0)
    assert waiting["errors"].canary_requests < 40
    assert waiting["latency_p50"].canary_requests == 40, "a latency is known when it is beyond every limit"
    run.ask(BASE, 179.0)
    assert shown(evaluator, 180.1)["errors"].canary_requests == waiting["errors"].canary_requests
    run.ask(BASE, 181.0)
    assert shown(evaluator, 182.1)["errors"].canary_requests == 39
