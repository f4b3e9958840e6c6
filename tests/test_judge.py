"""Verdicts that may be looked at after every request: never wrong more often than stated, and found in time."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tui.model import (
    CRITERIA,
    NEVER_SERVED,
    THROTTLED,
    Assignment,
    Outcome,
    OutcomeKind,
    Usage,
    Verdict,
    VerdictState,
)
from tui.rollout import Criteria
from tui.verdict.criteria import PAIRED
from tui.verdict.judge import Judge

BASE, CANARY = "base", "canary"
RAMP = (5.0, 10.0, 25.0, 50.0)


class Service:
    """Makes outcomes of two versions; ``drift`` slows both down and makes both hit the filter more."""

    def __init__(
        self,
        seed: int,
        *,
        slower: float = 1.0,
        longer: float = 1.0,
        filtered: float = 1.0,
        failing: float = 1.0,
    ) -> None:
        self.rng = random.Random(seed)
        self.slower, self.longer, self.filtered, self.failing = slower, longer, filtered, failing

    def outcome(self, number: int, weight_pct: float, drift: float = 0.0) -> Outcome:
        rng, shares = self.rng, {BASE: 100 - weight_pct, CANARY: weight_pct}
        name = CANARY if rng.random() * 100 < weight_pct else BASE
        mine = name == CANARY
        slow = (1 + 0.3 * drift) * (self.slower if mine else 1)
        draw = rng.random()
        error_rate = 0.002 * (self.failing if mine else 1)
        filter_rate = 0.004 * (1 + 3 * drift) * (self.filtered if mine else 1)
        kind = OutcomeKind.OK
        if draw < error_rate:
            kind = OutcomeKind.SERVER_ERROR
        elif draw < error_rate + filter_rate:
            kind = OutcomeKind.COMPLETION_FILTERED
        tokens = max(2, round(rng.lognormvariate(4.5, 0.5) * (self.longer if mine else 1)))
        ttft = rng.lognormvariate(5.2, 0.3) * slow
        latency = ttft + 4 * rng.lognormvariate(0, 0.1) * slow * (tokens - 1)
        if kind is OutcomeKind.SERVER_ERROR:
            return outcome_of(name, shares, number, kind=kind, error="HTTP 500")
        return outcome_of(
            name, shares, number, kind=kind, latency_ms=latency, ttft_ms=ttft, usage=Usage(500, tokens),
            cost_usd=(500 * 2.5 + tokens * 10) / 1e6,
        )  # fmt: skip


def outcome_of(name: str, shares: dict[str, float], number: int = 0, **fields) -> Outcome:
    base = {"kind": OutcomeKind.OK, "due_s": 0.0, "sent_s": 0.0, "ended_s": 0.0, "late_ms": 0.0}
    return Outcome(number, "default", name, shares[name], **{**base, **fields}, shares=shares)


def judged(service: Service, requests: int, *, ramp: bool, drift: float = 0.0) -> tuple[Judge, list[Verdict]]:
    """All verdicts that were reached when looked at after every request."""
    judge = Judge(BASE, [CANARY], Criteria())
    reached = []
    for i in range(requests):
        weight = RAMP[4 * i // requests] if ramp else 10.0
        judge.add(service.outcome(i, weight, drift * i / requests), i / 40)
        reached += [verdict for _, verdict in judge.changes()]
    return judge, reached


def worse(reached: list[Verdict]) -> set[str]:
    return {verdict.criterion for verdict in reached if verdict.state is VerdictState.WORSE}


# --- the judge --------------------------------------------------------------------------------------


def test_no_data_is_not_yet() -> None:
    [verdicts] = Judge(BASE, [CANARY], Criteria(paired=PAIRED)).verdicts(0.0).values()
    assert tuple(v.criterion for v in verdicts) == CRITERIA
    assert {v.state for v in verdicts} == {VerdictState.NOT_YET}
    assert not any(v.etas or v.worse_progress or v.ok_progress for v in verdicts)
    assert verdicts[1].note == "calibrating 0/300"
    assert not any(
        v.advisory for v in verdicts if v.criterion not in ("tokens", "cost", "prompt_filter", "split")
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_same_version_on_a_ramp_while_everything_drifts_is_never_worse(seed: int) -> None:
    _, reached = judged(Service(seed), 12_000, ramp=True, drift=1.0)
    assert worse(reached) == set()
    assert {v.criterion for v in reached} >= {"latency_p50", "latency_p95", "cost"}


@pytest.mark.parametrize(
    ("what", "called", "never"),
    [
        ({"slower": 1.5}, {"latency_p50", "latency_p95", "ttft_p50"}, {"errors", "completion_filter", "cost"}),
        ({"filtered": 6.0}, {"completion_filter"}, {"errors", "latency_p95", "cost", "tokens"}),
        ({"failing": 12.0}, {"errors"}, {"completion_filter", "latency_p95", "cost"}),
        ({"longer": 1.6}, {"tokens", "cost"}, {"ttft_p50", "ttft_p95", "token_p50", "token_p95", "errors"}),
    ],
)
def test_what_is_worse_is_called_by_its_name(what: dict[str, float], called: set[str], never: set[str]) -> None:
    _, reached = judged(Service(1, **what), 16_000, ramp=False)
    assert called <= worse(reached)
    assert not never & worse(reached)


def test_worse_stays_and_is_told_once() -> None:
    service = Service(2, slower=2.0)
    judge, reached = judged(service, 6_000, ramp=False)
    [verdict] = [v for v in reached if v.criterion == "latency_p95"]
    assert verdict.state is VerdictState.WORSE
    service.slower = 0.5
    for i in range(6_000, 14_000):
        judge.add(service.outcome(i, 10.0), i / 40)
    assert "latency_p95" not in {v.criterion for _, v in judge.changes()}
    again = {v.criterion: v for v in judge.verdicts(400.0)[CANARY]}["latency_p95"]
    assert (again.state, again.since_s) == (VerdictState.WORSE, verdict.since_s)


def test_what_was_kept_goes_on_as_if_nothing_had_happened() -> None:
    service = Service(5, slower=1.2)
    judge, _ = judged(service, 3_000, ramp=False)
    kept = json.loads(json.dumps(judge.state()))
    other = Judge(BASE, [CANARY], Criteria())
    other.restore(kept)
    rest = [service.outcome(i, 25.0) for i in range(3_000, 6_000)]
    for one in (judge, other):
        one.changes()
        for i, outcome in enumerate(rest):
            one.add(outcome, 75 + i / 40)
    mine, theirs = ({v.criterion: v for v in j.verdicts(200.0)[CANARY]} for j in (judge, other))
    for criterion, verdict in mine.items():
        assert theirs[criterion].state is verdict.state
        assert theirs[criterion].events == verdict.events
        assert theirs[criterion].worse_progress == pytest.approx(verdict.worse_progress)
        assert theirs[criterion].since_s == verdict.since_s


@pytest.mark.parametrize("broken", [{}, {"limits": 3}, {"limits": {}, "calibration": {}, "sides": []}])
def test_a_state_that_is_none_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a state of the judge"):
        Judge(BASE, [CANARY], Criteria()).restore(broken)


def test_evidence_for_other_margins_is_refused() -> None:
    kept = Judge(BASE, [CANARY], Criteria()).state()
    for other in (Criteria(latency_p95_pct=25.0), Criteria(alpha_pct=1.0)):
        with pytest.raises(ValueError, match="criteria have changed"):
            Judge(BASE, [CANARY], other).restore(kept)


def test_what_was_not_compared_is_no_evidence() -> None:
    judge, shares = Judge(BASE, [CANARY], Criteria()), {BASE: 90.0, CANARY: 10.0}
    for _ in range(200):
        judge.add(outcome_of(CANARY, shares, kind=OutcomeKind.CANCELLED), 1.0)
        judge.add(outcome_of(CANARY, shares, kind=OutcomeKind.SERVER_ERROR, counts_for_version=False), 1.0)
        judge.add(outcome_of(CANARY, {BASE: 0.0, CANARY: 100.0}, kind=OutcomeKind.SERVER_ERROR), 1.0)
    errors = {v.criterion: v for v in judge.verdicts(2.0)[CANARY]}["errors"]
    assert (errors.state, errors.events, errors.canary_requests) == (VerdictState.NOT_YET, 0, 0)


NO_EVIDENCE = sorted(THROTTLED | NEVER_SERVED)


@pytest.mark.parametrize("kind", sorted(NEVER_SERVED))
def test_what_no_service_has_seen_is_neither_good_nor_bad(kind: OutcomeKind) -> None:
    service = Service(3, failing=6.0)
    alone, mixed = Judge(BASE, [CANARY], Criteria()), Judge(BASE, [CANARY], Criteria())
    for i in range(3_000):
        outcome = service.outcome(i, 25.0)
        for judge in (alone, mixed):
            judge.add(outcome, i / 40)
        for name in (BASE, CANARY)[: 1 + i % 2]:
            mixed.add(outcome_of(name, {BASE: 75.0, CANARY: 25.0}, kind=kind), i / 40)
    assert mixed.state() == alone.state()


def throttled(service: Service, who: str, *, held_back: int, chance: float) -> dict[str, VerdictState]:
    """What is said where one side is throttled with ``chance``, and then held back for so many draws."""
    judge, rng = Judge(BASE, [CANARY], Criteria()), random.Random(7)
    reached, goes_on_at = {}, 0
    for i in range(8_000):
        outcome = service.outcome(i, 25.0)
        if outcome.deployment == who:
            if i < goes_on_at:
                continue
            if rng.random() < chance:
                goes_on_at = i + held_back
                outcome = outcome_of(who, dict(outcome.shares), i, kind=OutcomeKind.RATE_LIMITED)
        judge.add(outcome, i / 40)
        reached |= {verdict.criterion: verdict.state for _, verdict in judge.changes()}
    return reached


@pytest.mark.parametrize("who", [BASE, CANARY])
@pytest.mark.parametrize(("held_back", "chance"), [(0, 0.35), (200, 0.02)])
def test_equal_versions_stay_equal_where_one_of_them_is_throttled(
    who: str, held_back: int, chance: float
) -> None:
    seen = [throttled(Service(seed), who, held_back=held_back, chance=chance) for seed in range(4)]
    assert not any(VerdictState.WORSE in reached.values() for reached in seen)
    assert sum(reached.get("latency_p50") is VerdictState.OK for reached in seen) >= 1


def test_a_slow_canary_is_found_although_it_is_throttled() -> None:
    for seed in range(3):
        reached = throttled(Service(seed, slower=1.25), CANARY, held_back=0, chance=0.35)
        assert reached["latency_p50"] is VerdictState.WORSE


@pytest.mark.parametrize("last", [{"kind": OutcomeKind.QUOTA_EXHAUSTED}, {"kind": OutcomeKind.RATE_LIMITED},
                                  {"kind": OutcomeKind.SERVER_ERROR, "retry_after_s": 7_500.0}])  # fmt: skip
def test_a_canary_that_gets_nothing_is_not_called_ok(last: dict[str, Any]) -> None:
    service, judge = Service(4), Judge(BASE, [CANARY], Criteria())
    judge.add(outcome_of(CANARY, {BASE: 75.0, CANARY: 25.0}, **last), 0.0)
    for i in range(6_000):
        outcome = service.outcome(i, 25.0)
        if outcome.deployment == BASE:
            judge.add(outcome, i / 40)
    assert judge.changes() == []
    judge.add(outcome_of(CANARY, {BASE: 75.0, CANARY: 25.0}), 150.0)
    judge.add(outcome_of(BASE, {BASE: 75.0, CANARY: 25.0}), 150.0)
    assert judge.verdict(CANARY, "errors", 151.0).baseline_requests == 1


@pytest.mark.parametrize("kind", NO_EVIDENCE)
def test_what_was_throttled_or_never_served_neither_trips_the_wire_nor_resets_it(kind: OutcomeKind) -> None:
    judge, shares = Judge(BASE, [CANARY], Criteria()), {BASE: 90.0, CANARY: 10.0}
    for _ in range(9):
        judge.add(outcome_of(CANARY, shares, kind=kind, error="HTTP 429"), 1.0)
    assert judge.tripwire(CANARY) is None
    for _ in range(5):
        judge.add(outcome_of(CANARY, shares, kind=OutcomeKind.SERVER_ERROR, error="HTTP 503"), 1.0)
        judge.add(outcome_of(CANARY, shares, kind=kind, error="HTTP 429"), 1.0)
    assert judge.tripwire(CANARY) == "5 failures in a row, last: HTTP 503"


def test_five_failures_in_a_row_trip_the_wire_and_a_success_resets_it() -> None:
    judge, shares = Judge(BASE, [CANARY], Criteria()), {BASE: 90.0, CANARY: 10.0}
    for expected in (None, None, None, None, "5 failures in a row, last: HTTP 503"):
        judge.add(outcome_of(CANARY, shares, kind=OutcomeKind.SERVER_ERROR, error="HTTP 503"), 1.0)
        assert judge.tripwire(CANARY) == expected
    judge.add(outcome_of(CANARY, shares), 1.0)
    assert judge.tripwire(CANARY) is None


def test_the_split_is_watched() -> None:
    judge, shares = Judge(BASE, [CANARY], Criteria()), {BASE: 90.0, CANARY: 10.0}
    for i in range(2000):
        judge.assigned(Assignment(i, "default", CANARY if i % 5 == 0 else BASE, 0.0, 0.0, shares), 0.0)
    split = {v.criterion: v for v in judge.verdicts(2.0)[CANARY]}["split"]
    assert split.note == "the split is not what was asked for"
    assert split.advisory


def test_higher_weights_decide_sooner() -> None:
    judge, _ = judged(Service(8, failing=3.0), 3_000, ramp=False)
    etas = {v.criterion: v.etas for v in judge.verdicts(80.0)[CANARY]}["errors"]
    assert [eta.weight_pct for eta in etas] == [10.0, 25.0, 50.0]
    seconds = [eta.seconds for eta in etas]
    assert all(s is not None for s in seconds)
    assert seconds == sorted(seconds, reverse=True)
