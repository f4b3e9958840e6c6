"""Which version answers: a change is seen at the first answer, and no figure mixes two versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from bench.world import BASE, CANARY, Version, World
from tests.support.engine_runs import (
    NEW,
    OLD,
    beside,
    kinds,
    plan_of,
    planned,
    rollout,
    running,
    total,
    until,
)
from tests.support.evidence import outcome_of, stream, tell, watch
from tests.support.simulator_service import quick
from tui.engine.versions import BACK_AFTER, COMPARED_AFTER, Serving, moved
from tui.evaluation.guard import Guard
from tui.model import EventKind, Figures, Outcome, OutcomeKind, PlanState, PlanStep, Quantiles, VerdictState
from tui.model.commands import ResumePlan
from tui.rollout.values import GuardSpec, PlanSpec
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.server import Simulator

OLDER, NEWER = "gpt-4o-2024-11-20", "gpt-5.6-sol-2026-07-09"


def answer(served: str | None, **fields: Any) -> Outcome:
    return outcome_of("d", {"d": 100.0}, served_model=served, **fields)


class Answers:
    """A deployment on a clock that only we move."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.serving = Serving("d")

    def give(self, served: str | None, **fields: Any) -> tuple[bool, str | None]:
        """Whether it counts for the version, and what answered before where that is new."""
        outcome, before = self.serving.sorted_out(answer(served, **fields), self.now_s)
        return outcome.counts_for_version, before


def test_the_first_answer_of_another_version_is_the_change() -> None:
    d = Answers()
    assert [d.give(v) for v in (None, OLDER, OLDER.upper(), None)] == [(True, None)] * 4
    assert d.give(NEWER) == (True, OLDER)
    assert d.serving.version == NEWER
    assert d.give(NEWER) == (True, None)


def test_what_an_earlier_version_still_answers_does_not_count() -> None:
    d = Answers()
    d.give(OLDER)
    d.give(NEWER)
    assert d.give(OLDER) == (False, None)
    assert d.give(None) == (True, None), "a failure says no version and belongs to the deployment"
    assert d.give(NEWER) == (True, None)


def test_a_deployment_that_was_moved_back_is_seen() -> None:
    d = Answers()
    d.give(OLDER)
    d.give(NEWER)
    assert [d.give(OLDER) for _ in range(BACK_AFTER - 1)] == [(False, None)] * (BACK_AFTER - 1)
    assert d.give(OLDER) == (True, NEWER)
    assert d.serving.version == OLDER


def test_spillover_says_nothing_about_the_version() -> None:
    d = Answers()
    d.give(OLDER)
    assert d.give(NEWER, counts_for_version=False) == (False, None)
    assert d.serving.version == OLDER


def test_a_version_that_changes_all_the_time_is_no_flood() -> None:
    d = Answers()
    changes = [d.give(f"made-up-{i}")[1] for i in range(500)]
    assert sum(before is not None for before in changes) == 5
    assert d.serving.unstable


def test_another_backend_and_another_deployment_are_news_once_in_a_while() -> None:
    d = Answers()

    def news(**fields: Any) -> list[EventKind]:
        return [kind for kind, _ in d.serving.news(answer(OLDER, **fields), d.now_s)]

    assert news(system_fingerprint="fp_1") == []
    assert news(system_fingerprint="fp_2") == [EventKind.BACKEND_CHANGED]
    assert news(system_fingerprint="fp_1") == news(system_fingerprint="fp_3") == [], "known, or just said"
    d.now_s += 61
    assert news(system_fingerprint="fp_4") == [EventKind.BACKEND_CHANGED]
    d.serving.version_changed()
    assert news(system_fingerprint="fp_5") == []
    for _ in range(2):
        assert news(served_by="other", counts_for_version=False) == [EventKind.SPILLED]
        assert news(served_by="other", counts_for_version=False) == []
        d.now_s += 61
    d.now_s += 1e6
    assert len([k for i in range(1000) for k in news(system_fingerprint=f"made-up-{i}")]) == 1


def test_what_moved_is_said_with_what_it_rests_on() -> None:
    before = Figures(10.0, requests=100, latency_ms=Quantiles(400, 1000, 1500, 99), priced=100, cost_usd=0.2)
    after = Figures(10.0, requests=250, latency_ms=Quantiles(360, 1100, 1500, 249), priced=250, cost_usd=0.25)
    assert moved(before, after) == (
        "P50 400 → 360 ms (-10%), P95 1,000 → 1,100 ms (+10%), P99 1,500 → 1,500 ms (+0%),"
        " $/1k 2.000 → 1.000 (-50%), filtered 0.00 → 0.00%, errors 0.00 → 0.00%, n=250 against 100"
    )
    assert moved(Figures(1.0), Figures(1.0)) == "n=0 against 0"


# --- evidence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [CANARY, BASE])
def test_evidence_about_another_version_is_none(changed: str) -> None:
    slow = World(canaries=(Version(slower=2.0),), canary_pct=lambda _: 25.0)
    seen = watch(slow, 2, 3000)
    assert "latency_p50" in seen.worse
    seen.evaluator.version_changed(changed)
    [verdicts] = seen.evaluator.verdicts(seen.now_s).values()
    assert {v.state for v in verdicts} == {VerdictState.NOT_YET}
    assert {(v.canary_requests, v.baseline_requests, v.events, v.canary_value) for v in verdicts} == {
        (0, 0, 0, None)
    }
    why = {
        BASE: "calibrating 0/300",
        CANARY: "warming up: 100 more requests of the canary say nothing of time and cost",
    }
    assert verdicts[0].note == why[changed]
    later = ((seen.now_s + at_s, what) for at_s, what in stream(slow, 3, 4000))
    reached, _ = tell(seen.evaluator, later)
    assert "latency_p50" in {v.criterion for v in reached if v.state is VerdictState.WORSE}


def test_the_guard_acts_on_a_changed_version_only_where_it_was_told_to() -> None:
    cases: tuple[tuple[bool, Literal["off", "armed", "dry_run"], float, str | None], ...] = (
        (True, "armed", 10.0, "roll_back"),
        (True, "dry_run", 10.0, "would_roll_back"),
        (True, "off", 10.0, None),
        (True, "armed", 0.0, None),
        (False, "armed", 10.0, None),
    )
    for told, mode, weight, kind in cases:
        guard = Guard(GuardSpec(mode, version_change=told))
        action = guard.version_changed("c", f"c answers with {NEWER}", weight)
        assert (action.kind if action is not None else None) == kind
        assert (NEWER in guard.view().said) is (kind is not None)


# --- in a running engine ----------------------------------------------------------------------------


class Movable:
    """A simulator whose deployments can be moved to another version from the test's thread."""

    def __init__(self) -> None:
        self.simulator = Simulator(
            [
                PretendDeployment(OLD, "gpt-4o", "2024-11-20", "baseline", quick()),
                PretendDeployment(NEW, "gpt-4o", "2024-11-20", "canary", quick()),
            ]
        )

    async def __aenter__(self) -> Movable:
        self.url = f"http://127.0.0.1:{await self.simulator.start()}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.simulator.stop()

    def move(self, name: str) -> None:
        handler = self.simulator.handlers[name]
        handler.deployment = replace(handler.deployment, model="gpt-5.6-sol", version="2026-07-09")


def test_a_silent_upgrade_is_said_at_once_and_no_figure_mixes_both(tmp_path: Path) -> None:
    plan = PlanSpec(NEW, (PlanStep(50.0, 3600.0), PlanStep(100.0, 0.0)))
    with beside(Movable()) as service:
        of = planned(rollout(tmp_path, service.url, rate=300.0), plan)
        of = replace(of, guard=GuardSpec("armed", version_change=True))
        with running(of) as engine:
            engine.send(ResumePlan(), actor="ann").result(20)
            before = until(engine, lambda s: total(s, OLD).requests > 60)
            assert before.deployments[OLD].served == OLDER
            assert before.deployments[OLD].changed is None
            service.move(OLD)
            seen = until(engine, lambda s: s.deployments[OLD].changed is not None)
            change = seen.deployments[OLD].changed
            assert change is not None
            assert (change.before, change.after) == (OLDER, NEWER)
            assert change.figures.requests >= 60
            assert plan_of(seen).state is PlanState.HELD
            assert NEWER in plan_of(seen).reason
            assert EventKind.ROLLED_BACK not in kinds(seen.events), "everything to a baseline that changed?"
            later = until(engine, lambda s: EventKind.VERSION_COMPARED in kinds(s.events))
            assert set(total(later, OLD).served_models) == {NEWER}
            assert total(later, OLD).requests >= COMPARED_AFTER
            assert set(total(later, NEW).served_models) == {OLDER}
            text = next(e.text for e in later.events if e.kind is EventKind.VERSION_COMPARED)
            assert text.startswith(f"{OLD}, {NEWER} against {OLDER} before: P50 ")
            assert kinds(later.events).count(EventKind.VERSION_CHANGED) == 1
            service.move(NEW)
            rolled = until(engine, lambda s: EventKind.ROLLED_BACK in kinds(s.events))
            event = next(e for e in rolled.events if e.kind is EventKind.ROLLED_BACK)
            assert event.actor == "guard"
            assert event.reason.startswith("version changed: ")


def test_an_outcome_without_an_answer_changes_nothing() -> None:
    d = Answers()
    d.give(OLDER)
    for kind in (OutcomeKind.SERVER_ERROR, OutcomeKind.TIMEOUT, OutcomeKind.GONE):
        assert d.give(None, kind=kind) == (True, None)
    assert d.serving.version == OLDER
