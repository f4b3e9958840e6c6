"""The guard: when it acts, when it must not, and what it says."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from tui.evaluation.guard import TRIPWIRE, Guard, GuardAction
from tui.evaluation.verdict_text import evidence_line
from tui.model import Ability, Verdict, VerdictState
from tui.rollout import GuardSpec

NEW = "gpt51-prod-v1113"
P95 = Verdict(
    "latency_p95", "P95 latency", "ms", VerdictState.WORSE, "+10%", 402.0, 655.0, 62.9,
    baseline_requests=3700, canary_requests=412, note="evidence 1 in 2,000", since_s=90.0,
)  # fmt: skip
ERRORS = replace(P95, criterion="errors", label="Errors", unit="%", baseline_value=0.08, canary_value=1.93)
FINE = replace(P95, state=VerdictState.OK, since_s=60.0)
OUTAGE = "5 requests in a row failed: server_error"


def decide(guard: Guard, *verdicts: Verdict, **given: Any) -> GuardAction | None:
    return guard.decide(NEW, verdicts, **{"weight_pct": 10.0, "fresh": True, "tripwire": None, **given})


def test_armed_rolls_back_and_names_the_evidence() -> None:
    guard = Guard(GuardSpec("armed"))
    action = decide(guard, FINE, ERRORS)
    assert action == GuardAction("roll_back", NEW, "errors", action.reason if action else "")
    action = decide(Guard(GuardSpec("armed")), P95)
    assert action is not None
    assert action.reason == "P95 latency 655 ms vs 402 ms (+63%, limit +10%), evidence 1 in 2,000, n=412"
    known = replace(P95, difference_low_pct=41.0, difference_high_pct=88.0)
    assert "(+63%, between +41 and +88%, limit +10%)" in evidence_line(known)
    assert "(+63%, +41% or more, limit +10%)" in evidence_line(replace(known, difference_high_pct=math.inf))
    assert guard.view().said.startswith(f"rolled back {NEW}: Errors 1.93% vs 0.08%")


@pytest.mark.parametrize(
    ("mode", "verdict", "given"),
    [
        ("off", P95, {}),
        ("off", FINE, {"tripwire": OUTAGE}),
        ("armed", FINE, {}),
        ("armed", replace(P95, state=VerdictState.NOT_YET), {}),
        ("armed", P95, {"fresh": False}),
        ("armed", FINE, {"fresh": False, "tripwire": OUTAGE}),
        ("armed", P95, {"weight_pct": 0.0}),
        ("armed", replace(P95, advisory=True), {}),
        ("armed", replace(P95, canary_requests=0), {}),
        ("armed", replace(P95, baseline_requests=0), {}),
    ],
)
def test_it_does_nothing(mode: Any, verdict: Verdict, given: dict[str, Any]) -> None:
    assert decide(Guard(GuardSpec(mode)), verdict, **given) is None


def test_only_the_chosen_criteria_count_and_no_verdict_is_no_verdict() -> None:
    guard = Guard(GuardSpec("armed", ("errors",)))
    assert decide(guard) is None
    assert decide(guard, P95) is None
    action = decide(guard, P95, ERRORS)
    assert action is not None
    assert (action.criterion, "also WORSE" in action.reason) == ("errors", False)


def test_stale_data_only_delay_it() -> None:
    guard = Guard(GuardSpec("armed"))
    assert decide(guard, P95, fresh=False) is None
    assert decide(guard, P95) is not None


def test_it_acts_once_on_a_verdict_and_again_on_a_new_one() -> None:
    guard = Guard(GuardSpec("armed"))
    assert decide(guard, P95) is not None
    assert decide(guard, P95, weight_pct=0.0) is None
    assert decide(guard, P95, weight_pct=25.0) is None, "a person raised it again"
    action = decide(guard, P95, replace(ERRORS, since_s=300.0))
    assert action is not None
    assert action.criterion == "errors"
    assert decide(guard, replace(P95, since_s=900.0)) is not None


def test_all_that_stood_at_a_roll_back_is_settled_by_it() -> None:
    guard = Guard(GuardSpec("armed"))
    action = decide(guard, P95, ERRORS)
    assert action is not None
    assert action.reason.endswith("; also WORSE: Errors")
    assert decide(guard, P95, ERRORS) is None


def test_what_turns_worse_without_weight_does_not_fight_a_raise() -> None:
    guard = Guard(GuardSpec("armed"))
    assert decide(guard, ERRORS, weight_pct=0.0) is None
    assert decide(guard, ERRORS, weight_pct=5.0) is None


def test_a_person_who_raises_against_a_verdict_wins() -> None:
    guard = Guard(GuardSpec("armed"))
    guard.raised_by_hand(NEW, [P95], OUTAGE)
    assert decide(guard, P95, tripwire=OUTAGE) is None
    assert decide(guard, P95, ERRORS) is not None


def test_arming_acts_on_a_verdict_that_stands() -> None:
    guard = Guard(GuardSpec())
    assert decide(guard, P95) is None
    assert guard.cycle() == "armed"
    assert decide(guard, P95) is not None


def test_canaries_do_not_share_their_verdicts() -> None:
    guard = Guard(GuardSpec("armed"))
    assert decide(guard, P95) is not None
    assert guard.decide("other", [P95], weight_pct=5, fresh=True, tripwire=None) is not None


def test_dry_run_says_each_criterion_once_and_does_nothing() -> None:
    guard = Guard(GuardSpec("dry_run"))
    said = [decide(guard, P95, ERRORS) for _ in range(4)]
    assert [a and (a.kind, a.criterion) for a in said] == [
        ("would_roll_back", "latency_p95"), ("would_roll_back", "errors"), None, None,
    ]  # fmt: skip
    armed = Guard(GuardSpec("armed"))
    armed.restore({**guard.state(), "mode": "armed", "on": "armed"})
    action = decide(armed, P95, ERRORS)
    assert action is not None
    assert action.kind == "roll_back", "what was only said is not settled"


@pytest.mark.parametrize(("first", "others"), [("off", "armed"), ("armed", "off"), ("dry_run", "off")])
def test_the_key_turns_it_on_and_off(first: Any, others: str) -> None:
    guard = Guard(GuardSpec(first))
    assert [guard.cycle(), guard.cycle()] == [others, first]


def test_tripwire_is_labelled_and_trips_again_only_after_it_cleared() -> None:
    guard = Guard(GuardSpec("armed"))
    action = decide(guard, tripwire=OUTAGE)
    assert action == GuardAction("roll_back", NEW, TRIPWIRE, f"tripwire: {OUTAGE}")
    assert decide(guard, tripwire=OUTAGE + " again") is None
    assert decide(guard, tripwire=None) is None
    assert decide(guard, tripwire=OUTAGE) is not None
    assert decide(Guard(GuardSpec("armed", tripwire=False)), tripwire=OUTAGE) is None
    assert decide(Guard(GuardSpec("armed", ("errors",))), tripwire=OUTAGE) is not None


def test_hostile_and_missing_values_stay_one_line() -> None:
    verdict = replace(
        P95, note="x\n\x1b[31m" * 999, canary_value=math.nan, baseline_value=None, difference_pct=None
    )
    action = decide(Guard(GuardSpec("armed")), verdict)
    assert action is not None
    assert action.reason.isprintable()
    assert len(action.reason) < 400
    assert action.reason.startswith("P95 latency – vs – (limit +10%)")


@pytest.mark.parametrize("mode", ["off", "armed", "dry_run"])
@pytest.mark.parametrize("seen", [(), (P95,), (P95, ERRORS)])
def test_a_restart_changes_nothing(mode: Any, seen: tuple[Verdict, ...]) -> None:
    guard = Guard(GuardSpec(mode, ("latency_p95", "errors")))
    decide(guard, *seen)
    again = Guard(GuardSpec("off", ("latency_p95", "errors")))
    again.restore(json.loads(json.dumps(guard.state())))
    assert again.view() == replace(guard.view(), acted=0), "how often it acted is of one run"
    for _ in range(3):
        assert decide(again, P95, ERRORS) == decide(guard, P95, ERRORS)
    assert again.cycle() == guard.cycle()


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "on"}, {"mode": ["off"]}, {"on": "off"}, {"said": 7}, {"settled": []}, {"settled": {"x": 1}},
        {"settled": {"x": {"errors": "soon"}}}, {"announced": {"x": {"errors": math.nan}}},
    ],
)  # fmt: skip
def test_a_broken_state_is_refused_and_changes_nothing(changes: dict[str, Any]) -> None:
    guard = Guard(GuardSpec("armed"))
    decide(guard, P95)
    before = guard.state()
    with pytest.raises(ValueError, match="guard"):
        guard.restore({**before, **changes})
    with pytest.raises(ValueError, match="guard"):
        guard.restore({})
    assert guard.state() == before


def test_an_unknown_mode_is_refused() -> None:
    guard = Guard(GuardSpec("armed"))
    with pytest.raises(ValueError, match="known: off, armed, dry_run"):
        guard.restore({**guard.state(), "mode": "on"})


def test_a_canary_with_half_a_percent_is_guarded_too() -> None:
    action = decide(Guard(GuardSpec("armed")), P95, weight_pct=0.5)
    assert action is not None
    assert action.kind == "roll_back"


def test_a_person_who_raises_after_a_version_changed_has_seen_it() -> None:
    down = Ability("unable", "is retired", 80.0)
    for by_hand, acts in ((False, True), (True, False)):
        guard = Guard(GuardSpec("armed", version_change=True))
        guard.version_changed(NEW, "it answers with another version", 10.0, lambda: down)
        if by_hand:
            guard.raised_by_hand(NEW, [])
        assert (decide(guard) is not None) is acts
