"""Lifecycle report as an iCalendar file (RFC 5545): a day for each latest safe start, and for each end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from icalendar import Alarm, Calendar, Event

from tui.lifecycle.dates import named
from tui.lifecycle.migration import MigrationStep, StepKind
from tui.lifecycle.report import DeploymentReport, LifecycleReport, ModelReport, TableReport
from tui.lifecycle.report_words import (
    COUNTED_WITH,
    day_words,
    rung_words,
    step_words,
    takes_words,
    target,
    title,
)
from tui.model import Lifecycle

ALARM_DAYS = 7
"""So many days before its day an event reminds of itself."""

_PRODUCT = "-//canarytop//lifecycle//EN"
# SEQUENCE has to rise from one edition of an event to the next; days since then are small and do.
_FIRST_EDITION = date(2026, 1, 1)


def rollout_calendar(report: LifecycleReport, now: datetime) -> str:
    """The plans and ends of a rollout's deployments, however far off. ``now`` is when the file is made.

    An event keeps its UID from one file to the next, so that importing it again moves it.
    """
    events = (event for one in report.deployments for event in _deployment_events(one, report, now))
    return _calendar(f"Lifecycle of {title(report)}", events)


def table_calendar(report: TableReport, now: datetime) -> str:
    """The ends of every version of the lifecycle table. ``now`` is when the file is made."""
    events = (event for one in report.models if (event := _model_event(one, now)) is not None)
    return _calendar("Lifecycle of models", events)


def _calendar(name: str, events: Iterable[Event]) -> str:
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for event in events:
        calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text.decode()


def _deployment_events(one: DeploymentReport, report: LifecycleReport, now: datetime) -> Iterator[Event]:
    name, migration = one.deployment.name, one.migration
    uid = f"{report.rollout}/{report.environment}/{name}"
    for step in migration.steps:
        if not step.done:
            what = step_words(step, target(migration), name)
            yield _event(
                f"{uid}/{step.kind.value}",
                step.latest_start,
                f"{name}: start by today: {what}",
                _step_description(step, one),
                now,
            )
    if migration.ends is not None:
        lines = [one.at_the_date, *_facts(one.lifecycle), *one.notes]
        summary = f"{name}: {one.lifecycle.model} {one.lifecycle.version} ends"
        yield _event(f"{uid}/ends", migration.ends, summary, lines, now)


def _model_event(one: ModelReport, now: datetime) -> Event | None:
    lifecycle = one.lifecycle
    if lifecycle.retires is None:
        return None
    uid = f"model/{lifecycle.model}/{lifecycle.version}"
    summary = f"{lifecycle.model} {lifecycle.version} retires"
    return _event(uid, lifecycle.retires, summary, [*_facts(lifecycle), *one.notes], now)


def _step_description(step: MigrationStep, one: DeploymentReport) -> list[str]:
    lines = [f"Takes {takes_words(step)}. Begun later than today it may not be over in time."]
    if step.kind is StepKind.RAMP:
        lines += [f"By {day_words(rung.latest_start)} {rung_words(rung)}." for rung in step.rungs]
    ends = f" on {one.migration.ends}" if one.migration.ends is not None else ""
    lines.append(f"{one.lifecycle.model} {one.lifecycle.version} ends{ends}. {one.at_the_date}")
    return [*lines, COUNTED_WITH]


def _facts(lifecycle: Lifecycle) -> Iterator[str]:
    yield f"Phase: {lifecycle.phase.value}. Read: {lifecycle.source}."
    if lifecycle.tentative is not None:
        yield "The date is tentative: it may move." if lifecycle.tentative else "The date is confirmed."
    if lifecycle.replacement is not None:
        yield f"Named as the replacement: {named(lifecycle.replacement)}."


def _event(uid: str, day: date, summary: str, lines: Iterable[str], now: datetime) -> Event:
    event = Event()
    event.add("uid", str(uuid5(NAMESPACE_URL, f"canarytop:lifecycle/{uid}")))
    event.add("dtstamp", now.astimezone(UTC))
    event.add("sequence", max((now.astimezone(UTC).date() - _FIRST_EDITION).days, 0))
    # A date without an end is that whole day.
    event.add("dtstart", day)
    event.add("summary", summary)
    event.add("description", "\n".join(lines))
    event.add("transp", "TRANSPARENT")
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", timedelta(days=-ALARM_DAYS))
    alarm.add("description", summary)
    event.add_component(alarm)
    return event
