"""Evidence, guard and plan in a running engine, against a real service on a real socket."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from tests.support.contexts import Clock, KeptLog, automated, context_of
from tests.support.engine_runs import (
    NEW,
    OLD,
    beside,
    engine_of,
    kinds,
    left_by,
    plan_of,
    planned,
    pretend,
    recorded,
    rollout,
    running,
    simulator,
    until,
)
from tests.support.evidence import outcome_of
from tui.engine.automation import evaluators_of
from tui.engine.setup import PreviousRun
from tui.evaluation.evaluators import Calibrated
from tui.model import EventKind, OutcomeKind, PlanState, PlanStep, VerdictState
from tui.model.commands import HoldPlan, Nudge, Promote, ResumePlan, RetryStep, RollBack, SkipStep, ToggleGuard
from tui.rollout.values import GuardSpec, PlanSpec
from tui.routing.controller import CommandRefused
from tui.simulator.behaviour import PretendDeployment

WAIT_S = 20.0
TO_THE_TOP = PlanSpec(NEW, (PlanStep(20.0, 0.0), PlanStep(50.0, 3600.0), PlanStep(100.0, 0.0)), ("none",))


def failing() -> list[PretendDeployment]:
    """A baseline that works and a canary whose every request fails."""
    old, new = pretend(OLD, NEW)
    return [old, replace(new, behaviour=replace(new.behaviour, error_pct=100.0))]


def test_an_armed_guard_rolls_back_within_the_outcome_that_decides(tmp_path: Path) -> None:
    with beside(simulator(failing())) as url:
        of = replace(rollout(tmp_path, url), guard=GuardSpec("armed"))
        with running(of) as engine:
            last = until(engine, lambda s: s.weights["default"][NEW] == 0)
            event = next(e for e in last.events if e.kind is EventKind.ROLLED_BACK)
            assert event.actor == "guard"
            assert event.reason.startswith("tripwire: ")
            assert "failures in a row" in event.reason
            assert last.guard.mode == "armed"


def test_a_dry_run_only_says_what_it_would_have_done(tmp_path: Path) -> None:
    with beside(simulator(failing())) as url:
        of = replace(rollout(tmp_path, url), guard=GuardSpec("dry_run"))
        with running(of) as engine:
            last = until(engine, lambda s: EventKind.GUARD in kinds(s.events))
            assert last.weights["default"][NEW] > 0
            assert "would have rolled back" in last.guard.said


def test_the_guard_is_a_key(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url, running(rollout(tmp_path, url)) as engine:
        for mode in ("armed", "off"):
            assert engine.send(ToggleGuard(), actor="ann").result(WAIT_S).text == f"guard {mode}"
            assert engine.snapshot().guard.mode == mode


def test_errors_are_judged_worse_and_stand_in_the_way_of_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine every request would be marked as late, and be no evidence.
    monkeypatch.setattr("tui.traffic.sender.LATE_LIMIT_MS", math.inf)
    monkeypatch.setattr("tui.traffic.sender.SKIP_AFTER_S", math.inf)
    with beside(simulator(failing())) as url, running(rollout(tmp_path, url)) as engine:
        last = until(engine, lambda s: EventKind.WORSE in kinds(s.events))
        verdict = next(v for v in last.verdicts[NEW] if v.criterion == "errors")
        assert verdict.state is VerdictState.WORSE
        with pytest.raises(CommandRefused):
            engine.send(Nudge(NEW, 5.0), actor="ann").result(WAIT_S)
        engine.send(Nudge(NEW, -1.0), actor="ann").result(WAIT_S)


def test_without_a_plan_its_keys_say_so(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url, running(rollout(tmp_path, url)) as engine:
        for command in (ResumePlan(), HoldPlan(), SkipStep(), RetryStep()):
            with pytest.raises(CommandRefused, match="no plan"):
                engine.send(command, actor="ann").result(WAIT_S)


def test_a_plan_climbs_holds_and_is_taken_up_where_it_stood(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = planned(rollout(tmp_path, url), TO_THE_TOP)
        record = recorded(tmp_path, of)
        with running(of, record=record) as engine:
            assert plan_of(engine.snapshot()).state is PlanState.HELD
            engine.send(ResumePlan(), actor="ann").result(WAIT_S)
            assert engine.snapshot().weights["default"][NEW] == 20.0
            engine.send(SkipStep(), actor="ann").result(WAIT_S)
            climbed = until(engine, lambda s: plan_of(s).index == 1 and plan_of(s).in_step_s > 0)
            assert climbed.weights["default"][NEW] == 50.0
            with pytest.raises(CommandRefused, match="nothing to resume"):
                engine.send(ResumePlan(), actor="ann").result(WAIT_S)
        again = engine_of(of, previous=left_by(tmp_path / "run1.sqlite", of))
        try:
            again.start()
            taken_up = until(again, lambda s: s.plan is not None)
            assert (plan_of(taken_up).index, plan_of(taken_up).state) == (1, PlanState.CLIMBING)
            assert taken_up.weights["default"][NEW] == 50.0
            again.send(RollBack(), actor="ann").result(WAIT_S)
            until(again, lambda s: plan_of(s).state is PlanState.STOPPED)
        finally:
            again.stop()


def test_a_promotion_takes_the_plan_along(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = planned(rollout(tmp_path, url), replace(TO_THE_TOP, watch_s=3600.0))
        with running(of) as engine:
            engine.send(ResumePlan(), actor="ann").result(WAIT_S)
            assert engine.send(Promote(NEW), actor="bob").result(WAIT_S).kind is EventKind.PROMOTED
            last = until(engine, lambda s: plan_of(s).in_step_s > 0)
            assert (plan_of(last).state, plan_of(last).index) == (PlanState.WATCHING, 2)
            assert last.weights["default"][NEW] == 100.0
            engine.send(Promote(NEW), actor="bob").result(WAIT_S)
            assert "nothing to promote" in engine.snapshot().events[-1].text
            assert until(engine, lambda s: plan_of(s).state is PlanState.WATCHING)


def test_a_state_of_another_plan_is_said_and_left(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = rollout(tmp_path, url)
        broken = {
            "evaluators": {"default": {"question": {"engine": "blocks"}}},
            "tasks": {"default": {"guard": {"mode": 7}}},
        }
        with running(of, previous=PreviousRun("run0", of.weights, datetime.now(UTC), (), broken)) as engine:
            refused = [e.text for e in engine.snapshot().events if e.kind is EventKind.REFUSED]
            assert len(refused) == 2
            assert all(text.startswith("not taken up from the run before, ") for text in refused)
            assert "evidence: the criteria have changed since" in refused[0]


def test_evidence_of_the_first_engine_begins_anew_and_that_is_said(tmp_path: Path) -> None:
    first = {"judges": {"default": {"question": {"alpha_pct": 5.0}}}}
    _, refused = evaluators_of(rollout(tmp_path, "http://127.0.0.1:9"), state=first)
    assert refused == ("evidence: it was weighed by an earlier version of canarytop, and begins anew",)


class Run:
    """The automation of two deployments under an armed guard, without a service, on a clock of its own."""

    def __init__(self, folder: Path, known: Calibrated | None = None) -> None:
        self.clock, self.log, self._ids = Clock(), KeptLog(), count()
        of = replace(
            rollout(folder, "http://127.0.0.1:9"),
            guard=GuardSpec("armed"),
            weights={"default": {OLD: 50.0, NEW: 50.0}},
        )
        self.router, self.hand, self.automation = automated(of, context_of(self.log, self.clock), known)

    def go(self, requests: int, *, failing: bool, alone: bool = False) -> None:
        """The canary fails or not, and so many requests come; fewer where it gets none any more."""
        for _ in range(requests):
            self.clock.now += 0.05
            drawn = self.router.assign(next(self._ids), "default")
            if alone and drawn.deployment == OLD:
                continue
            self.automation.assigned(drawn)
            kind = OutcomeKind.SERVER_ERROR if failing and drawn.deployment == NEW else OutcomeKind.OK
            at_s, error = self.clock.now, "HTTP 503" if kind is OutcomeKind.SERVER_ERROR else None
            self.automation.ended(
                outcome_of(
                    drawn.deployment, drawn.shares, drawn.request_id,
                    kind=kind, error=error, sent_s=at_s, ended_s=at_s,
                )
            )  # fmt: skip
            self.automation.tick()

    @property
    def canary(self) -> float:
        return self.router.weights["default"][NEW]

    @property
    def rolled_back(self) -> list[str]:
        return [event.actor for event in self.log.events if event.kind is EventKind.ROLLED_BACK]

    def raise_by_hand(self) -> None:
        self.hand.shift(NEW, 50.0, "ann", force=True)
        self.automation.heard(self.log.events[-1])


def test_manual_keys_win_over_the_same_failures(tmp_path: Path) -> None:
    """Only the verdict that is newly reached acts again, and that too only once."""
    run = Run(tmp_path)
    run.go(100, failing=True)
    assert (run.canary, run.rolled_back) == (0.0, ["guard"]), "the tripwire"
    run.raise_by_hand()
    run.go(30, failing=True)
    assert run.canary == 50.0, "the same failures do not act twice"
    run.go(2000, failing=True)
    assert (run.canary, run.rolled_back) == (0.0, ["guard"] * 2), "errors are WORSE"
    run.raise_by_hand()
    run.go(1000, failing=True)
    assert (run.canary, run.rolled_back) == (50.0, ["guard"] * 2)


def test_after_a_recovery_a_second_outage_acts_again(tmp_path: Path) -> None:
    """Nobody is beside the canary, so the tripwire alone speaks."""
    run = Run(tmp_path)
    run.go(40, failing=True, alone=True)
    assert run.canary == 0
    run.raise_by_hand()
    run.go(10, failing=False, alone=True)
    assert run.canary == 50.0
    run.go(40, failing=True, alone=True)
    assert run.canary == 0
    assert run.rolled_back == ["guard", "guard"]


def test_what_a_tick_decides_is_said_at_once(tmp_path: Path) -> None:
    """The canary's requests hang: no outcome ever comes that could tell it."""
    known = {"default": {"latency_p50": 100.0, "latency_p95": 200.0, "latency_p99": 300.0}}
    run = Run(tmp_path, known)
    for _ in range(900):
        run.clock.now += 0.001
        drawn = run.router.assign(next(run._ids), "default")
        run.automation.assigned(drawn)
        if drawn.deployment == OLD:
            at_s = run.clock.now
            answer = outcome_of(OLD, drawn.shares, drawn.request_id, latency_ms=50.0, sent_s=at_s, ended_s=at_s)
            run.automation.ended(answer)
    assert [event.kind for event in run.log.events] == [EventKind.CALIBRATED]
    run.clock.now = 10.0
    run.automation.tick()
    first, *rest = run.log.events[1:]
    assert first.kind is EventKind.ROLLED_BACK
    assert rest[0].kind is EventKind.WORSE
    assert rest[0].text.startswith(f"{NEW} WORSE: P50 ")
