"""The way off a version, counted back: no step may begin so late that the version ends before all is over."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lifecycle_values import RETIRES, SOL, TODAY, dates
from tests.support.typed import about
from tui.lifecycle.migration import (
    DEPLOY_WORKING_DAYS,
    HORIZON_DAYS,
    MARGIN_WORKING_DAYS,
    TEST_WORKING_DAYS,
    Migration,
    MigrationState,
    StepKind,
    migration_of,
)
from tui.model import PlanStep
from tui.rollout import PlanSpec

DAY_S = 86400.0
QUICK = PlanSpec("canary", (PlanStep(5, 600), PlanStep(25, 1800), PlanStep(100, 0)), watch_s=3600)
FRIDAY = date(2027, 4, 16)


def counted(
    ends: date | None = RETIRES, today: date = TODAY, plan: PlanSpec | None = QUICK, **more: object
) -> Migration:
    return migration_of(ends, today, **{"plan": plan, "rate": 5.0, "replacement": SOL, **more})  # type: ignore[arg-type]


def starts(migration: Migration) -> dict[str, date]:
    return {step.kind.value: step.latest_start for step in migration.steps}


def working_days(first: date, end: date) -> int:
    return sum((first + timedelta(n)).weekday() < 5 for n in range((end - first).days))


def test_the_steps_are_counted_back_from_the_end() -> None:
    # 2027-04-16 is a Friday. Five working days kept free: 9th, 12th to 15th; the 8th to remove.
    assert starts(counted(FRIDAY)) == {
        "deploy": date(2027, 3, 26),
        "test": date(2027, 3, 30),
        "ramp": date(2027, 4, 6),
        "watch": date(2027, 4, 6),
        "remove": date(2027, 4, 8),
    }


def test_bake_times_and_the_watch_window_push_the_start_back() -> None:
    slow = PlanSpec("canary", (PlanStep(5, 3 * DAY_S), PlanStep(100, 0)), watch_s=2 * DAY_S)
    found = starts(counted(FRIDAY, plan=slow))
    # Begun at whatever hour of the 5th, the watch is over by the 8th; three days before lies a Friday.
    assert found["watch"] == date(2027, 4, 5)
    assert found["ramp"] == date(2027, 4, 2)


def test_requests_take_the_time_that_the_traffic_gives_them() -> None:
    plan = PlanSpec("canary", (PlanStep(5, 600, min_requests=21_600), PlanStep(100, 0)), watch_s=0)
    [first, last] = next(s for s in counted(plan=plan, rate=5.0).steps if s.kind is StepKind.RAMP).rungs
    assert (first.takes_s, first.for_requests) == (about(86_400), True)
    assert (last.takes_s, last.for_requests) == (0, False)
    [first, _] = next(s for s in counted(plan=plan, rate=50_000.0).steps if s.kind is StepKind.RAMP).rungs
    assert (first.takes_s, first.for_requests) == (600, False)


def test_a_gate_waits_a_working_day_for_a_person() -> None:
    gated = PlanSpec(
        "canary", (PlanStep(5, 600, gate=True), PlanStep(25, 1800), PlanStep(100, 0)), watch_s=3600
    )
    [first, second, _] = next(s for s in counted(FRIDAY, plan=gated).steps if s.kind is StepKind.RAMP).rungs
    assert working_days(first.latest_start, second.latest_start) >= 1
    assert starts(counted(FRIDAY, plan=gated))["deploy"] < starts(counted(FRIDAY))["deploy"]


def test_without_a_plan_the_usual_ramp_is_counted_with() -> None:
    found = counted(plan=None)
    assert found.usual
    assert [rung.weight_pct for step in found.steps for rung in step.rungs] == [5, 25, 50, 100]
    assert not counted().usual


def test_the_rate_of_a_trace_is_not_known_and_that_is_kept() -> None:
    asking = PlanSpec("canary", (PlanStep(5, 600, min_requests=10**9), PlanStep(100, 0)))
    found = counted(plan=asking, rate=None)
    assert found.requests_not_counted
    assert found.state is MigrationState.AHEAD
    assert not counted(rate=None).requests_not_counted


@pytest.mark.parametrize(
    ("steps", "rate"),
    [
        ((PlanStep(5, 0, 10**9), PlanStep(100, 0)), 0.001),
        ((PlanStep(5, 0, 10), PlanStep(100, 0)), 0.0),
        ((PlanStep(5, 0, 10), PlanStep(100, 0)), float("nan")),
        ((PlanStep(5, 999_999 * 3600.0), PlanStep(100, 0)), 5.0),
    ],
)
def test_a_plan_that_never_ends_is_said_to(steps: tuple[PlanStep, ...], rate: float) -> None:
    found = counted(plan=PlanSpec("canary", steps), rate=rate)
    assert found.state is MigrationState.ENDLESS
    assert found.steps == ()


def test_a_deployed_replacement_shortens_the_way() -> None:
    found = counted(FRIDAY, deployed="gpt56-prod")
    assert [step.kind for step in found.steps if step.done] == [StepKind.DEPLOY]
    assert found.begins == starts(counted(FRIDAY))["test"]


def test_ahead_due_and_late_follow_each_other() -> None:
    first = counted(FRIDAY).begins
    assert first is not None
    states = [counted(FRIDAY, first + timedelta(n)) for n in (-1, 0, 1, 10)]
    assert [s.state.value for s in states] == ["ahead", "due", "late", "late"]
    assert [s.late_days for s in states] == [0, 0, 1, 10]


def test_when_it_is_too_late_it_says_when_all_would_be_over() -> None:
    first = counted(FRIDAY).begins
    assert first is not None
    little = counted(FRIDAY, first + timedelta(3))
    assert little.over_on is not None
    assert little.over_on < FRIDAY
    much = counted(FRIDAY, FRIDAY - timedelta(1))
    assert much.over_on is not None
    assert much.over_on > FRIDAY
    assert working_days(FRIDAY - timedelta(1), much.over_on) >= DEPLOY_WORKING_DAYS + TEST_WORKING_DAYS


def test_on_the_day_itself_it_is_late_and_after_it_gone() -> None:
    assert counted(FRIDAY, FRIDAY).state is MigrationState.LATE
    assert counted(FRIDAY, FRIDAY + timedelta(1)).state is MigrationState.GONE
    assert counted(FRIDAY, gone=True).state is MigrationState.GONE
    assert counted(None, gone=True).state is MigrationState.GONE


def test_without_a_date_there_is_nothing_to_count() -> None:
    found = counted(None)
    assert (found.state, found.steps, found.begins) == (MigrationState.NO_DATE, (), None)
    assert not found.within(HORIZON_DAYS, TODAY)


def test_without_a_replacement_the_days_are_counted_all_the_same() -> None:
    found = counted(FRIDAY, replacement=None)
    assert found.replacement is None
    assert starts(found) == starts(counted(FRIDAY))


def test_the_horizon_counts_from_the_end() -> None:
    assert counted(TODAY + timedelta(HORIZON_DAYS)).within(HORIZON_DAYS, TODAY)
    assert not counted(TODAY + timedelta(HORIZON_DAYS + 1)).within(HORIZON_DAYS, TODAY)
    assert counted(TODAY - timedelta(5)).within(HORIZON_DAYS, TODAY)


plans = st.builds(
    PlanSpec,
    st.just("canary"),
    st.lists(
        st.builds(
            PlanStep,
            st.floats(0, 100),
            st.floats(0, 20 * DAY_S),
            st.integers(0, 10**6),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ).map(tuple),
    watch_s=st.floats(0, 10 * DAY_S),
)


@settings(deadline=None)
@given(st.dates(date(2020, 1, 1), date(2090, 1, 1)), plans, st.floats(0.01, 1000))
def test_every_step_has_its_time_before_the_next_and_falls_on_a_working_day(
    ends: date, plan: PlanSpec, rate: float
) -> None:
    found = migration_of(ends, date(2000, 1, 1), plan=plan, rate=rate, replacement=None)
    if found.state is MigrationState.ENDLESS:
        return
    deploy, test, ramp, watch, remove = found.steps
    days = [step.latest_start for step in found.steps] + [rung.latest_start for rung in ramp.rungs]
    assert all(day.weekday() < 5 for day in days)
    assert working_days(deploy.latest_start, test.latest_start) >= DEPLOY_WORKING_DAYS
    assert working_days(test.latest_start, ramp.latest_start) >= TEST_WORKING_DAYS
    assert working_days(remove.latest_start + timedelta(1), ends) >= MARGIN_WORKING_DAYS
    # Begun in the last minute of its day and of every later one, the ramp still ends before the watch must.
    assert watch.takes_s is not None
    assert (remove.latest_start - watch.latest_start).days >= 1 + watch.takes_s / DAY_S - 1e-6
    left = [(rung.latest_start, rung.takes_s) for rung in ramp.rungs]
    for n, (day, _) in enumerate(left):
        needed_s = sum(takes_s for _, takes_s in left[n:]) + watch.takes_s
        assert (remove.latest_start - day).days >= 1 + needed_s / DAY_S - 1e-6
    # And none of them ends in the middle of a weekend on whose Friday the next must begin.
    for (day, takes_s), (next_day, _) in pairwise([*left, (watch.latest_start, 0.0)]):
        assert (next_day - day).days + 1 >= takes_s / DAY_S - 1e-6


@settings(deadline=None)
@given(st.none() | dates, dates, st.none() | plans, st.none() | st.floats(), st.booleans(), st.booleans())
def test_any_dates_and_traffic_give_a_plan_or_say_why_not(
    ends: date | None, today: date, plan: PlanSpec | None, rate: float | None, deployed: bool, gone: bool
) -> None:
    found = migration_of(
        ends,
        today,
        plan=plan,
        rate=rate,
        replacement=None,
        deployed="other" if deployed else None,
        gone=gone,
    )
    assert bool(found.steps) == (found.state.value in ("ahead", "due", "late"))
    assert (found.over_on is not None) == (found.state is MigrationState.LATE) == (found.late_days > 0)
    if found.begins is not None and found.state is MigrationState.AHEAD:
        assert found.begins > today
