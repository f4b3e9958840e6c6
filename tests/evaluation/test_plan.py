"""The plan: how it climbs, what holds and stops it, and that its place survives."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.evaluation.plan import LONGEST_GAP_S, Plan, PlanAction, PlanRefused
from tui.model import Eta, PlanState, PlanStep, PlanView, Verdict, VerdictState
from tui.rollout import PlanSpec

NEW = "gpt51-prod-v1113"
STEPS = (PlanStep(5, 20, 30), PlanStep(25, 10, 0, gate=True), PlanStep(50, 5), PlanStep(100, 0))
OK = tuple(
    Verdict(name, label, "", VerdictState.OK, "", baseline_requests=900, canary_requests=100)
    for name, label in (("latency_p95", "P95 latency"), ("errors", "Errors"), ("completion_filter", "Filter"))
)
WORSE = (replace(OK[0], state=VerdictState.WORSE, since_s=7.0), *OK[1:])
LATER_WORSE = (OK[0], replace(OK[1], state=VerdictState.WORSE, since_s=99.0), OK[2])
NOT_YET = (replace(OK[0], state=VerdictState.NOT_YET), *OK[1:])


def plan_of(steps: tuple[PlanStep, ...] = STEPS, *, watch_s: float = 0.0, **more: Any) -> Plan:
    return Plan(PlanSpec(NEW, steps, watch_s=watch_s, **more))


class Ride:
    """A plan with the weights, the clock and the requests that an engine would give it."""

    def __init__(self, plan: Plan | None = None, weight: float = 0.0, rps: int = 2) -> None:
        self.plan = plan or plan_of(watch_s=15, start="climbing")
        self.weight, self.rps = weight, rps
        self.now, self.requests = 1000.0, 0
        self.obeys = True

    def apply(self, action: PlanAction | None) -> PlanAction | None:
        if action is not None and action.weight_pct is not None and self.obeys:
            self.weight = action.weight_pct
        return action

    def tick(
        self, verdicts: tuple[Verdict, ...] = OK, fresh: bool = True, step_s: float = 1.0
    ) -> PlanAction | None:
        self.now += step_s
        self.requests += round(self.rps * step_s)
        return self.look(verdicts, fresh)

    def look(self, verdicts: tuple[Verdict, ...] = OK, fresh: bool = True) -> PlanAction | None:
        return self.apply(
            self.plan.tick(
                self.now, canary_requests=self.requests, weight_pct=self.weight, verdicts=verdicts, fresh=fresh
            )
        )

    def until(self, kind: str, most: int = 200) -> list[PlanAction]:
        said: list[PlanAction] = []
        for _ in range(most):
            if (action := self.tick()) is not None:
                said.append(action)
                if action.kind == kind:
                    return said
        raise AssertionError(f"no {kind} in {said}")

    def command(self, name: str) -> PlanAction:
        command = getattr(self.plan, name)
        action: PlanAction = command("alice") if name == "hold" else command(self.now)
        self.apply(action)
        return action

    @property
    def state(self) -> PlanState:
        return self.view.state

    @property
    def view(self) -> PlanView:
        return self.plan.view(self.now, self.requests)


def in_state(state: str) -> Ride:
    """A ride brought to one state by its own steps."""
    if state == "not_begun":
        ride = Ride(plan_of(watch_s=15))
        ride.tick()
        return ride
    ride = Ride()
    ride.tick()
    for _ in range(5):
        ride.tick()
    if state == "held":
        ride.command("hold")
    elif state == "stopped":
        ride.tick(WORSE)
    elif state == "gate":
        ride.until("gate")
    elif state in ("watching", "done"):
        ride.until("gate")
        ride.command("resume")
        ride.until("watch")
        if state == "done":
            ride.until("done")
    return ride


def test_the_whole_climb() -> None:
    ride = Ride()
    first = ride.tick()
    assert first == PlanAction("climb", "plan begun at 5 %", 5)
    (second,) = ride.until("climb")
    assert (second.weight_pct, second.reason) == (25, "00:20 and 40 canary requests at 5 %")
    (gate,) = ride.until("gate")
    assert gate.reason == "gate reached: 00:10 and 20 canary requests at 25 %"
    assert all(ride.tick() is None for _ in range(50))
    assert ride.command("resume").weight_pct == 50
    climb, watch = ride.until("watch")
    assert (climb.weight_pct, watch.kind, ride.weight) == (100, "watch", 100)
    (done,) = ride.until("done")
    assert done.reason == "watched 00:15 at 100 %"
    assert all(ride.tick() is None for _ in range(5))


@pytest.mark.parametrize("rps", [0, 1])
def test_requests_are_needed_as_well_as_time(rps: int) -> None:
    ride = Ride(rps=rps)
    ride.tick()
    ticks = 0
    while ticks < 100 and ride.tick() is None:
        ticks += 1
    assert (ticks == 100) if rps == 0 else (ticks == 29)


def test_a_verdict_that_is_missing_or_not_ok_holds_it_back() -> None:
    ride = Ride()
    ride.tick()
    for verdicts in (NOT_YET, OK[1:], ()):
        assert all(ride.tick(verdicts) is None for _ in range(40))
    assert ride.tick(OK) is not None


def test_an_advisory_ok_is_ok_where_it_is_asked_for() -> None:
    throttled = Verdict("throttled", "throttled", "%", VerdictState.OK, "same or lower", advisory=True)
    ride = Ride(plan_of(must_be_ok=("throttled",), start="climbing"))
    ride.tick()
    open_ = replace(throttled, state=VerdictState.NOT_YET)
    assert all(ride.tick((open_,)) is None for _ in range(40))
    climb = ride.tick((throttled,))
    assert climb is not None
    assert climb.weight_pct == 25


def test_what_it_waits_for_is_said() -> None:
    ride = Ride()
    ride.tick()
    ride.tick(NOT_YET)
    assert ride.view.waiting_for == (
        "bake 00:19 more; 28 more canary requests; OK for P95 latency: too little is known to say when; "
        "must_be_ok is not set, so P95, errors and filtered must be OK"
    )
    ride.tick(NOT_YET, fresh=False)
    assert ride.view.waiting_for.startswith("fresh data from the canary; bake 00:19 more")
    said = {s: in_state(s).view.waiting_for for s in ("not_begun", "held", "gate", "stopped", "done")}
    assert said == {
        "not_begun": "a person to begin it", "held": "a person to resume it",
        "gate": "a person to open the gate", "stopped": "a person to retry it", "done": "",
    }  # fmt: skip
    assert in_state("watching").view.waiting_for == "watch 00:15 more"


@pytest.mark.parametrize(
    ("changes", "waits_for"),
    [
        ({"etas": (Eta(5, 1200, 400, 7200), Eta(25, 300, 400, 900))}, "OK for P95 (20 min - 2 h)"),
        ({"etas": (Eta(5, 1200, 400),)}, "OK for P95 (over 20 min)"),
        ({"etas": (Eta(5, None, None),), "note": "calibrating 120/300"}, "OK for P95: calibrating 120/300"),
        (
            {"never": True, "note": "no answer comes"},
            "OK for P95, which does not come: no answer comes. Take it out of must_be_ok, or skip the step",
        ),
        (
            {"state": VerdictState.WORSE, "advisory": True},
            "OK for P95, which is WORSE and stays so: roll back, or skip the step",
        ),
        (None, "OK for P95, which is not judged here: take it out of must_be_ok, or skip the step"),
    ],
)
def test_it_says_what_would_let_it_go_on(changes: dict[str, Any] | None, waits_for: str) -> None:
    """Whatever a verdict lacks, the plan names it, with the time, the reason, or the way out."""
    open_ = Verdict("latency_p95", "P95", "ms", VerdictState.NOT_YET, "+10%")
    ride = Ride(plan_of((PlanStep(5, 0), PlanStep(50, 0)), must_be_ok=("latency_p95",), start="climbing"))
    ride.tick(())
    assert ride.tick(() if changes is None else (replace(open_, **changes),)) is None
    assert ride.view.waiting_for == waits_for


def test_stale_seconds_sleep_and_a_clock_that_goes_back_do_not_bake() -> None:
    ride = Ride()
    ride.tick()
    ride.tick(fresh=False, step_s=9)
    assert ride.view.in_step_s == 0
    ride.tick(step_s=3600)
    assert ride.view.in_step_s == LONGEST_GAP_S
    ride.tick(step_s=-50)
    assert ride.view.in_step_s == LONGEST_GAP_S


def test_it_does_not_climb_on_stale_data() -> None:
    ride = Ride()
    ride.tick()
    for _ in range(30):
        ride.tick(NOT_YET)
    assert all(ride.tick(fresh=False) is None for _ in range(5))
    assert ride.tick() is not None


def test_worse_stops_it_with_the_evidence_and_leaves_the_weights() -> None:
    ride = in_state("climbing")
    stop = ride.tick(WORSE)
    assert stop is not None
    assert (stop.kind, stop.weight_pct, ride.weight) == ("stop", None, 5)
    assert stop.reason.startswith("P95 latency")
    assert ride.view.reason == stop.reason
    for state in ("gate", "watching"):
        ride = in_state(state)
        ride.tick(WORSE)
        assert ride.state is PlanState.STOPPED


def test_stop_on_and_must_be_ok_can_be_chosen() -> None:
    ride = Ride(plan_of(STEPS[:1] + STEPS[2:], must_be_ok=("errors",), stop_on=("errors",), start="climbing"))
    ride.tick()
    assert ride.until("climb")[0].weight_pct == 50
    assert ride.tick(WORSE) is None
    stop = ride.tick(LATER_WORSE)
    assert stop is not None
    assert stop.kind == "stop"


def test_after_retry_the_same_verdict_neither_stops_nor_lets_it_climb() -> None:
    ride = in_state("stopped")
    assert ride.command("retry").weight_pct == 5
    assert all(ride.tick(WORSE) is None for _ in range(100))
    assert ride.view.waiting_for.startswith("OK for P95 latency, which is WORSE and stays so: roll back")
    stop = ride.tick(LATER_WORSE)
    assert stop is not None
    assert stop.reason.startswith("Errors")


@pytest.mark.parametrize("state", ["climbing", "gate", "watching"])
def test_a_weight_changed_by_hand_holds_it(state: str) -> None:
    ride = in_state(state)
    asked, ride.weight = ride.weight, 33.0
    hold = ride.tick()
    assert hold == PlanAction("hold", "weight changed by hand to 33 %")
    assert all(ride.tick() is None for _ in range(100))
    assert ride.command("resume").weight_pct == asked
    assert ride.state.value == state


@pytest.mark.parametrize("state", ["climbing", "held", "gate", "watching", "done"])
def test_a_roll_back_by_anyone_stops_it(state: str) -> None:
    ride = in_state(state)
    ride.tick()
    ride.weight = 0.0
    assert ride.tick() == PlanAction("stop", "rolled back")
    assert all(ride.tick() is None for _ in range(50))


def test_a_change_that_is_refused_holds_it() -> None:
    ride = Ride()
    ride.tick()
    ride.obeys = False
    ride.until("climb")
    hold = ride.tick()
    assert hold == PlanAction("hold", "the change to 25 % was not carried out: the weight is still 5 %")


COMMANDS = ("hold", "resume", "skip", "retry", "promote")
AFTER = {
    # state: what hold, resume, skip, retry and promote lead to, with the weight then asked for
    "not_begun": (None, ("climbing", 5), None, None, ("watching", 100)),
    "climbing": (("held", None), None, ("climbing", 25), ("climbing", 5), ("watching", 100)),
    "held": (None, ("climbing", 5), ("climbing", 25), ("climbing", 5), ("watching", 100)),
    "gate": (("held", None), ("climbing", 50), ("climbing", 50), ("climbing", 25), ("watching", 100)),
    "stopped": (None, None, None, ("climbing", 5), ("watching", 100)),
    "watching": (("held", None), None, ("done", None), ("climbing", 100), None),
    "done": (None, None, None, None, None),
}


@pytest.mark.parametrize("state", AFTER)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_every_state(state: str, command: str) -> None:
    ride = in_state(state)
    expected = AFTER[state][COMMANDS.index(command)]
    before = ride.plan.state()
    if expected is None:
        with pytest.raises(PlanRefused, match=r"^nothing to \w+: the plan"):
            ride.command(command)
        assert ride.plan.state() == before
        return
    action = ride.command(command)
    assert (ride.state.value, action.weight_pct) == expected
    assert action.reason


def test_hold_keeps_the_bake_time_and_retry_does_not() -> None:
    ride = in_state("climbing")
    served = ride.view.in_step_s
    ride.command("hold")
    ride.tick(step_s=9)
    ride.command("resume")
    assert ride.view.in_step_s == served
    assert ride.view.reason == "resumed at 5 %"
    ride.command("retry")
    assert (ride.view.in_step_s, ride.view.step_requests) == (0, 0)


def test_held_while_watching_goes_back_to_watching() -> None:
    ride = in_state("watching")
    ride.tick()
    ride.command("hold")
    ride.command("resume")
    assert ride.state is PlanState.WATCHING
    ride.command("hold")
    assert ride.command("skip").kind == "done"


def test_without_a_watch_window_the_top_is_the_end() -> None:
    ride = Ride(plan_of((PlanStep(40, 1),), start="climbing"))
    assert [a.kind for a in ride.until("done")] == ["climb", "done"]
    ride = Ride(plan_of((PlanStep(40, 1),)))
    assert ride.command("promote").weight_pct == 100
    assert ride.state is PlanState.DONE


@pytest.mark.parametrize("state", AFTER)
def test_a_kill_in_any_state_changes_nothing(state: str) -> None:
    ride = in_state(state)
    ride.look()
    again = Ride(plan_of(watch_s=15), ride.weight)
    again.plan.restore(json.loads(json.dumps(ride.plan.state())))
    again.requests, again.now = 3, 5.0  # the counts and the clock of another process
    again.look()
    assert again.view == ride.view
    assert again.plan.state() == ride.plan.state()
    for verdicts in (*[OK] * 60, WORSE, *[OK] * 3):
        assert again.tick(verdicts) == ride.tick(verdicts)
    for command in ("retry", "hold", "resume", "promote"):
        results = []
        for one in (ride, again):
            try:
                results.append(str(one.command(command)))
            except PlanRefused as refused:
                results.append(str(refused))
        assert results[0] == results[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 4}, {"index": -1}, {"index": True}, {"state": "up"}, {"served_s": math.nan},
        {"served_s": "1"}, {"state": "held", "held_in": "done"}, {"answered": 3}, {"answered": {"errors": "x"}},
        {"asked_pct": None, "state": "gate"}, {"requests": 1.5},
    ],
)  # fmt: skip
def test_a_broken_place_is_refused_and_changes_nothing(changes: dict[str, Any]) -> None:
    ride = in_state("gate")
    before = ride.plan.state()
    with pytest.raises(ValueError, match=r"place|PlanState"):
        ride.plan.restore({**before, "place": {**before["place"], **changes}})
    for broken in ({}, {**before, "place": 1}, {**before, "steps": [1]}, {**before, "canary": "other"}):
        with pytest.raises(ValueError, match="place"):
            ride.plan.restore(broken)
    with pytest.raises(ValueError, match="other steps"):
        plan_of(STEPS[:2]).restore(before)
    assert ride.plan.state() == before


_TICK = st.tuples(
    st.just("tick"), st.floats(0, 12), st.integers(0, 8), st.sampled_from([True, True, False]),
    st.sampled_from([OK, OK, NOT_YET]),
)  # fmt: skip
_COMMAND = st.tuples(st.sampled_from(["hold", "resume", "resume", "retry", "kill"]))
_BY_HAND = st.tuples(st.just("weight"), st.sampled_from([0.0, 3.0, 25.0]))
_MOVES = st.integers(0, 15).flatmap(lambda n: _BY_HAND if n == 7 else _COMMAND if n > 12 else _TICK)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.lists(_MOVES, min_size=20, max_size=80))
def test_no_step_is_left_by_itself_without_its_time_requests_and_verdicts(moves: list[tuple[Any, ...]]) -> None:
    ride = Ride()
    index, fresh_s, requests = 0, 0.0, 0
    for move in moves:
        before = ride.view
        action: PlanAction | None = None
        if move[0] == "tick":
            _, seconds, more, fresh, verdicts = move
            ride.now += seconds
            ride.requests += more
            if before.state is PlanState.CLIMBING and fresh:
                fresh_s, requests = fresh_s + seconds, requests + more
            action = ride.look(verdicts, fresh)
            if (
                action is not None
                and action.kind in ("climb", "gate", "watch")
                and "begun" not in action.reason
            ):
                step = STEPS[index]
                assert fresh_s >= step.bake_s - 1e-6
                assert requests >= step.min_requests
                assert fresh
                assert verdicts is OK or index == len(STEPS) - 1
        elif move[0] == "weight":
            ride.weight = move[1]
        elif move[0] == "kill":
            state = json.loads(json.dumps(ride.plan.state()))
            ride.plan = plan_of(watch_s=15)
            ride.plan.restore(state)
        else:
            try:
                action = ride.command(move[0])
            except PlanRefused:
                continue
        if ride.view.index != index or (action is not None and action.kind == "retry"):
            assert ride.view.index == index or (action is not None and action.kind in ("climb", "resume"))
            index, fresh_s, requests = ride.view.index, 0.0, 0
