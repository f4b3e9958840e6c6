"""Judge, guard and plan in a running engine, against a real service on a real socket."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engine_runs import (
    NEW,
    OLD,
    beside,
    engine_of,
    kinds,
    left_by,
    planned,
    pretend,
    recorded,
    rollout,
    running,
    simulator,
    until,
)
from tests.test_judge import outcome_of
from tests.test_weights import Clock, Log
from tui.engine.automation import Automation
from tui.engine.setup import Past
from tui.model import EventKind, OutcomeKind, PlanState, PlanStep, VerdictState
from tui.rollout.values import GuardSpec, PlanSpec
from tui.routing.controller import CommandRefused, Controller
from tui.routing.router import Router

WAIT_S = 20.0
TO_THE_TOP = PlanSpec(NEW, (PlanStep(20.0, 0.0), PlanStep(50.0, 3600.0), PlanStep(100.0, 0.0)), ("none",))


def failing() -> list:
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
            # Manual keys win: a person may raise it again. The same failures do not act twice, only the
            # verdict that is newly reached, and that too only once.
            for times in (2, 2):
                before = engine.snapshot().deployments[NEW].figures["run"]["*"].requests
                engine.shift(NEW, 50.0, actor="ann", force=True).result(WAIT_S)
                until(
                    engine,
                    lambda s, before=before: (
                        s.weights["default"][NEW] == 0
                        or s.deployments[NEW].figures["run"]["*"].requests > before + 20
                    ),
                )
                assert kinds(engine.snapshot().events).count(EventKind.ROLLED_BACK) == times
            assert engine.snapshot().weights["default"][NEW] == 50.0


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
            assert engine.toggle_guard(actor="ann").result(WAIT_S).text == f"guard {mode}"
            assert engine.snapshot().guard.mode == mode


def test_errors_are_judged_worse_and_stand_in_the_way_of_more(tmp_path: Path) -> None:
    with beside(simulator(failing())) as url, running(rollout(tmp_path, url)) as engine:
        last = until(engine, lambda s: EventKind.WORSE in kinds(s.events))
        verdict = next(v for v in last.verdicts[NEW] if v.criterion == "errors")
        assert verdict.state is VerdictState.WORSE
        with pytest.raises(CommandRefused):
            engine.nudge(NEW, 5.0, actor="ann").result(WAIT_S)
        engine.nudge(NEW, -1.0, actor="ann").result(WAIT_S)


def test_without_a_plan_its_keys_say_so(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url, running(rollout(tmp_path, url)) as engine:
        for command in (engine.resume_plan, engine.hold_plan, engine.skip_step, engine.retry_step):
            with pytest.raises(CommandRefused, match="no plan"):
                command(actor="ann").result(WAIT_S)


def test_a_plan_climbs_holds_and_is_taken_up_where_it_stood(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = planned(rollout(tmp_path, url), TO_THE_TOP)
        record = recorded(tmp_path, of)
        with running(of, record=record) as engine:
            assert engine.snapshot().plan.state is PlanState.HELD
            engine.resume_plan(actor="ann").result(WAIT_S)
            assert engine.snapshot().weights["default"][NEW] == 20.0
            engine.skip_step(actor="ann").result(WAIT_S)
            climbed = until(engine, lambda s: s.plan.index == 1 and s.plan.in_step_s > 0)
            assert climbed.weights["default"][NEW] == 50.0
            with pytest.raises(CommandRefused, match="nothing to resume"):
                engine.resume_plan(actor="ann").result(WAIT_S)
        again = engine_of(of, past=left_by(tmp_path / "run1.sqlite", of))
        try:
            again.start()
            taken_up = until(again, lambda s: s.plan is not None)
            assert (taken_up.plan.index, taken_up.plan.state) == (1, PlanState.CLIMBING)
            assert taken_up.weights["default"][NEW] == 50.0
            again.roll_back(actor="ann").result(WAIT_S)
            until(again, lambda s: s.plan.state is PlanState.STOPPED)
        finally:
            again.stop()


def test_a_promotion_takes_the_plan_along(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = planned(rollout(tmp_path, url), replace(TO_THE_TOP, watch_s=3600.0))
        with running(of) as engine:
            engine.resume_plan(actor="ann").result(WAIT_S)
            assert engine.promote(NEW, actor="bob").result(WAIT_S).kind is EventKind.PROMOTED
            last = until(engine, lambda s: s.plan.in_step_s > 0)
            assert (last.plan.state, last.plan.index) == (PlanState.WATCHING, 2)
            assert last.weights["default"][NEW] == 100.0
            engine.promote(NEW, actor="bob").result(WAIT_S)
            assert "nothing to promote" in engine.snapshot().events[-1].text
            assert until(engine, lambda s: s.plan.state is PlanState.WATCHING)


def test_a_state_of_another_plan_is_said_and_left(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        of = rollout(tmp_path, url)
        broken = {"judges": {"default": {"question": 3}}, "tasks": {"default": {"guard": {"mode": 7}}}}
        with running(of, past=Past("run0", of.weights, datetime.now(UTC), (), broken)) as engine:
            refused = [e.text for e in engine.snapshot().events if e.kind is EventKind.REFUSED]
            assert len(refused) == 2
            assert all(text.startswith("not taken up from the interrupted run, ") for text in refused)
            assert "evidence: the criteria have changed since" in refused[0]


def test_after_a_recovery_a_second_outage_acts_again(tmp_path: Path) -> None:
    clock, log = Clock(), Log()
    router = Router({"default": {OLD: 50.0, NEW: 50.0}}, rng=random.Random(1), clock=clock)
    hand = Controller(router, baseline=OLD, deployments=(OLD, NEW), log=log, clock=clock)
    automation = Automation(
        replace(rollout(tmp_path, "http://127.0.0.1:9"), guard=GuardSpec("armed")),
        controller=hand,
        log=log,
        clock=clock,
        fresh=lambda _: True,
    )

    def outage() -> None:
        for _ in range(5):
            # No share of the baseline: the tripwire alone speaks.
            failed = outcome_of(NEW, {OLD: 0.0, NEW: 100.0}, kind=OutcomeKind.SERVER_ERROR, error="HTTP 503")
            automation.ended(failed)

    outage()
    assert router.weights["default"][NEW] == 0
    automation.ended(outcome_of(NEW, {OLD: 0.0, NEW: 100.0}))
    hand.shift(NEW, 50.0, "ann")
    automation.tick()
    assert router.weights["default"][NEW] == 50.0
    outage()
    assert [e.actor for e in log.events if e.kind is EventKind.ROLLED_BACK] == ["guard", "guard"]
