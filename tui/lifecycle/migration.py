"""The way off a version that retires, counted back from the day: the latest safe start of every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import partial
from math import isfinite

from tui.model import PlanStep, Replacement
from tui.rollout import PlanSpec

DEPLOY_WORKING_DAYS = 2
"""To deploy the replacement: quota may have to be asked for."""
TEST_WORKING_DAYS = 5
"""To test it before any user meets it."""
GATE_WORKING_DAYS = 1
"""For a person to open a gate of the plan."""
REMOVE_WORKING_DAYS = 1
MARGIN_WORKING_DAYS = 5
"""Kept free between the end of the work and the day: for a step that has to be done again."""
HORIZON_DAYS = 180
"""A plan is worth showing when the version ends within so many days."""

USUAL_STEPS = (PlanStep(5, 86400), PlanStep(25, 86400), PlanStep(50, 86400), PlanStep(100, 0))
USUAL_WATCH_S = 86400.0
"""The ramp where the rollout file has no plan: a day each at 5, 25 and 50 %, and one of watching."""

_DAY_S = 86400
_LONGEST_S = 3650 * _DAY_S
_MONDAY_TO_FRIDAY = 5


class StepKind(StrEnum):
    DEPLOY = "deploy"
    TEST = "test"
    RAMP = "ramp"
    WATCH = "watch"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ramp. ``for_requests``: it lasts longer than its bake time, until its requests are
    served; ``gate``: a person opens the way to the next."""

    weight_pct: float
    takes_s: float
    for_requests: bool
    gate: bool
    latest_start: date


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """``takes_s`` is None for work of people, which takes ``working_days``. Begun on its day, at any hour of
    it, a step ends in time."""

    kind: StepKind
    latest_start: date
    takes_s: float | None = None
    working_days: int = 0
    done: bool = False
    rungs: tuple[Rung, ...] = ()


class MigrationState(StrEnum):
    AHEAD = "ahead"
    """Nothing has to begin yet."""
    DUE = "due"
    """The first step has to begin today."""
    LATE = "late"
    """The first step should have begun; the version has not ended."""
    GONE = "gone"
    """The version has ended: there is nothing left to count."""
    ENDLESS = "endless"
    """At this traffic the requests of the plan are never reached."""
    NO_DATE = "no date"


@dataclass(frozen=True, slots=True)
class Migration:
    """The plan to leave a version by ``ends``, the first day on which it may no longer answer.

    ``late_days`` is by how many days the first step is late; ``over_on`` when all is over if it begins today
    and nothing is cut. ``replacement`` is None where none is named, ``deployed`` the deployment that is one
    already. ``usual``: the file has no plan, the usual ramp is counted with. ``requests_not_counted``: the
    rate of the traffic is not known, so only bake times are.
    """

    state: MigrationState
    ends: date | None
    replacement: Replacement | None = None
    deployed: str | None = None
    steps: tuple[MigrationStep, ...] = ()
    late_days: int = 0
    over_on: date | None = None
    usual: bool = False
    requests_not_counted: bool = False

    @property
    def begins(self) -> date | None:
        """The latest safe start of the first step that is not done."""
        return next((step.latest_start for step in self.steps if not step.done), None)

    def within(self, days: int, today: date) -> bool:
        """Whether the version ends within so many days, or has ended."""
        return self.ends is not None and (self.ends - today).days <= days


def migration_of(
    ends: date | None,
    today: date,
    *,
    plan: PlanSpec | None,
    rate: float | None,
    replacement: Replacement | None,
    deployed: str | None = None,
    gone: bool = False,
) -> Migration:
    """The plan counted back from ``ends``.

    Args:
        ends: First day on which the version may no longer answer.
        plan: Whose bake times, requests and gates the ramp has; None for the usual one.
        rate: Requests per second of the traffic, over all deployments; None where it is not known.
        replacement: What to move to, as the service names it.
        deployed: A deployment of the rollout that is the replacement already.
        gone: The version is retired, whatever its date.
    """
    steps, watch_s = (USUAL_STEPS, USUAL_WATCH_S) if plan is None else (plan.steps, plan.watch_s)
    takes = [_takes_s(step, rate) for step in steps]
    known = Migration(
        MigrationState.NO_DATE,
        ends,
        replacement,
        deployed,
        usual=plan is None,
        requests_not_counted=rate is None and any(step.min_requests for step in steps),
    )
    if gone or (ends is not None and ends < today):
        return replace(known, state=MigrationState.GONE)
    if ends is None:
        return known
    if not sum(takes) + watch_s <= _LONGEST_S:
        return replace(known, state=MigrationState.ENDLESS)
    count = partial(_counted_back, steps=steps, takes=takes, watch_s=watch_s, deployed=deployed is not None)
    counted = count(ends)
    late_days = (today - _first(counted)).days
    if late_days < 0:
        return replace(known, state=MigrationState.AHEAD, steps=counted)
    if late_days == 0:
        return replace(known, state=MigrationState.DUE, steps=counted)
    over_on = _over_on(ends, today, count)
    return replace(known, state=MigrationState.LATE, steps=counted, late_days=late_days, over_on=over_on)


def _takes_s(step: PlanStep, rate: float | None) -> float:
    """Until the bake time is over and the requests are served at the weight of the step; infinite for never."""
    if rate is None or not step.min_requests:
        return step.bake_s
    per_s = rate * step.weight_pct / 100
    return max(step.bake_s, step.min_requests / per_s) if per_s > 0 and isfinite(per_s) else float("inf")


def _counted_back(
    ends: date, steps: Sequence[PlanStep], takes: Sequence[float], watch_s: float, deployed: bool
) -> tuple[MigrationStep, ...]:
    day = _working_days_before(ends.toordinal(), MARGIN_WORKING_DAYS + REMOVE_WORKING_DAYS)
    remove = MigrationStep(StepKind.REMOVE, _date(day), working_days=REMOVE_WORKING_DAYS)
    limit_s, day = _seconds_before(day * _DAY_S, watch_s)
    watch = MigrationStep(StepKind.WATCH, _date(day), watch_s)
    rungs: list[Rung] = []
    for step, takes_s in zip(reversed(steps), reversed(takes), strict=True):
        if step.gate:
            limit_s = _working_days_before(day, GATE_WORKING_DAYS) * _DAY_S
        limit_s, day = _seconds_before(limit_s, takes_s)
        rungs.append(Rung(step.weight_pct, takes_s, takes_s > step.bake_s, step.gate, _date(day)))
    ramp = MigrationStep(StepKind.RAMP, _date(day), sum(takes), rungs=tuple(reversed(rungs)))
    day = _working_days_before(day, TEST_WORKING_DAYS)
    test = MigrationStep(StepKind.TEST, _date(day), working_days=TEST_WORKING_DAYS)
    day = _working_days_before(day, DEPLOY_WORKING_DAYS)
    deploy = MigrationStep(StepKind.DEPLOY, _date(day), working_days=DEPLOY_WORKING_DAYS, done=deployed)
    return deploy, test, ramp, watch, remove


def _first(steps: tuple[MigrationStep, ...]) -> date:
    return next(step.latest_start for step in steps if not step.done)


def _over_on(ends: date, today: date, count: Callable[[date], tuple[MigrationStep, ...]]) -> date:
    """The day of the last step if the first begins today: that of an end late enough to leave the time."""
    over_on, later, late_days = date.max, ends, 1
    while late_days > 0 and later < date.max:
        counted = count(later)
        late_days = (today - _first(counted)).days
        over_on, later = counted[-1].latest_start, _date(later.toordinal() + late_days)
    return over_on


def _seconds_before(limit_s: int, takes_s: float) -> tuple[int, int]:
    """The instant by which work of ``takes_s`` must begin to end by ``limit_s``, and the last working day that
    lies wholly before it. Both count from the day 0 of ``date.toordinal``."""
    instant_s = limit_s - int(takes_s + 0.999)
    day = instant_s // _DAY_S - 1
    working = _on_working_day(day)
    return (instant_s if working == day else (working + 1) * _DAY_S), working


def _working_days_before(day: int, count: int) -> int:
    """The day on which work of ``count`` working days must begin to be over when ``day`` begins."""
    for _ in range(count):
        day = _on_working_day(day - 1)
    return day


def _on_working_day(day: int) -> int:
    """``day``, or the Friday before it. ``date.toordinal`` 1 is a Monday."""
    weekday = (day - 1) % 7
    return day - max(weekday - _MONDAY_TO_FRIDAY + 1, 0)


def _date(ordinal: int) -> date:
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))
