"""Sentences that every form of the lifecycle report has in common."""

from __future__ import annotations

from datetime import date, timedelta

from tui.base.text import span
from tui.lifecycle.dates import named
from tui.lifecycle.migration import (
    DEPLOY_WORKING_DAYS,
    GATE_WORKING_DAYS,
    MARGIN_WORKING_DAYS,
    REMOVE_WORKING_DAYS,
    TEST_WORKING_DAYS,
    Migration,
    MigrationState,
    MigrationStep,
    Rung,
    StepKind,
)
from tui.lifecycle.report import DeploymentReport, LifecycleReport
from tui.lifecycle.retirement import days_words
from tui.lifecycle.table import Source

COUNTED_WITH = (
    f"Counted with {DEPLOY_WORKING_DAYS} working days to deploy, {TEST_WORKING_DAYS} to test, "
    f"{GATE_WORKING_DAYS} per gate, {REMOVE_WORKING_DAYS} to remove and {MARGIN_WORKING_DAYS} kept free;"
    " Monday to Friday, holidays are not known."
)
"""The working days in a migration plan."""

ARM_NOT_ASKED = "ARM was not asked: upgrade options, and so the pins, are not known."

_NAMED_BEFORE_DAYS = (120, 90)


def title(report: LifecycleReport) -> str:
    """Rollout and environment."""
    return f"{report.rollout} ({report.environment})" if report.environment else report.rollout


def arm_words(report: LifecycleReport) -> tuple[str, ...]:
    """Why ARM does not say what it could, a sentence each; none where it says all."""
    known = report.arm_known or all(one.plain_server for one in report.deployments)
    return report.arm_notes or (() if known else (ARM_NOT_ASKED,))


def source_words(source: Source, today: date) -> str:
    """Day, age and text of a source."""
    days = source.age_days(today)
    return f"snapshot of {source.as_of}, {days:,} day{'' if days == 1 else 's'} old: {source.text}"


def day_words(day: date) -> str:
    """``Mon 2026-11-30``, in English wherever it runs."""
    return f"{('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')[day.weekday()]} {day}"


def ends_words(report: DeploymentReport, today: date) -> str:
    """When the version ends, whether that may move, and where it deviates from the date of retirement."""
    lifecycle, ends = report.lifecycle, report.migration.ends
    if ends is None:
        return "no date is known"
    may_move = {True: ", tentative", False: ", confirmed", None: ""}[lifecycle.tentative]
    if ends == lifecycle.retires:
        return f"{ends}, {days_words(ends, today)}{may_move}"
    retires = (
        "it retires on a day not known" if lifecycle.retires is None else f"it retires on {lifecycle.retires}"
    )
    return f"{ends}, {days_words(ends, today)}: from then on it may be moved; {retires}{may_move}"


def target(migration: Migration) -> str:
    """What the plan moves to."""
    if migration.deployed is not None:
        return migration.deployed
    return named(migration.replacement) if migration.replacement is not None else "the replacement"


def step_words(step: MigrationStep, to: str, name: str) -> str:
    """What is done in a step on the way from the deployment ``name``; ``to`` is what the plan moves to."""
    match step.kind:
        case StepKind.DEPLOY:
            return f"{to} is deployed" if step.done else f"deploy {to} alongside, weight 0"
        case StepKind.TEST:
            return f"test {to} before users meet it"
        case StepKind.RAMP:
            return f"ramp {to} up"
        case StepKind.WATCH:
            return f"watch {to} at its last weight"
        case StepKind.REMOVE:
            return f"remove {name}"


def takes_words(step: MigrationStep) -> str:
    """How long a step takes."""
    if step.done:
        return "done"
    if step.takes_s is not None:
        return span(step.takes_s)
    return f"{step.working_days} working day{'' if step.working_days == 1 else 's'}"


def rung_words(rung: Rung) -> str:
    """One weight of the ramp."""
    gate = ", then a gate" if rung.gate else ""
    requests = " (for its requests)" if rung.for_requests else ""
    return f"at {rung.weight_pct:g} %: {span(rung.takes_s)}{requests}{gate}"


def plan_words(migration: Migration, today: date) -> str:
    """Where the plan stands, in one or two sentences."""
    match migration.state:
        case MigrationState.NO_DATE:
            return "No date is known, so nothing can be counted back."
        case MigrationState.GONE:
            if migration.deployed is not None:
                return f"The version has ended: try {migration.deployed} shortly and shift the traffic to it."
            return "The version has ended: deploy the replacement, try it shortly and shift the traffic to it."
        case MigrationState.ENDLESS:
            return (
                "With this traffic the requests or the bake times of the plan take more than ten years: ask for"
                " fewer requests, or give it more traffic."
            )
        case MigrationState.DUE:
            return "the first step has to begin today."
        case MigrationState.AHEAD:
            begins = migration.begins
            return (
                f"nothing has to begin before {day_words(begins)}, {days_words(begins, today)}."
                if begins
                else ""
            )
        case MigrationState.LATE:
            return f"{_days(migration.late_days)} late. {_if_begun_today(migration)}"


def plan_line(migration: Migration, today: date) -> str:
    """The same, begun with what the plan moves to where there is one."""
    words = plan_words(migration, today)
    return f"to {target(migration)}: {words}" if migration.steps else words


def remarks(migration: Migration, today: date) -> tuple[str, ...]:
    """What has to be known to read the plan, a sentence each."""
    found = []
    if migration.deployed is not None and migration.replacement is not None:
        found.append(f"Named as the replacement: {named(migration.replacement)}.")
    if migration.deployed is None and migration.replacement is None and migration.ends is not None:
        first, last = (
            migration.ends - timedelta(min(days, (migration.ends - date.min).days))
            for days in _NAMED_BEFORE_DAYS
        )
        look = f"look for it from {first} to {last}, or " if last >= today else ""
        found.append(f"No replacement is named: {look}choose one.")
    if migration.usual and migration.steps:
        found.append(
            "The file has no [plan]: counted with a day each at 5, 25 and 50 %, and a day of watching."
        )
    if migration.requests_not_counted:
        found.append("The rate of a trace is not known: the requests that the plan asks for are not counted.")
    return tuple(found)


def _if_begun_today(migration: Migration) -> str:
    if migration.over_on is None or migration.ends is None:
        return ""
    head = f"Begun today with nothing cut, all is over on {migration.over_on}"
    after = (migration.over_on - migration.ends).days
    if after == 0:
        return f"{head}, the day on which the version ends: cut the tests or the bake times."
    if after > 0:
        return f"{head}, {_days(after)} after the version has ended: cut the tests or the bake times."
    return f"{head}, {_days(-after)} before the version ends: the days kept free are used up."


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"
