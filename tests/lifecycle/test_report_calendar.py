"""The report as an iCalendar file: read back, imported again, and fed with hostile words."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.lifecycle_values import (
    BUNDLED,
    HOSTILE,
    NEVER,
    NOW,
    OLD,
    OWN,
    TODAY,
    arm_of,
    by_name,
    events_of,
    rollout,
)
from tui.lifecycle.calendar import rollout_calendar, table_calendar
from tui.lifecycle.report import LifecycleReport, lifecycle_report, table_report
from tui.model import OfferedModel


@pytest.fixture
def report(tmp_path: Path) -> LifecycleReport:
    return lifecycle_report(rollout(tmp_path), BUNDLED, TODAY)


def test_the_calendar_can_be_read_back_with_a_day_for_every_start_and_end(report: LifecycleReport) -> None:
    text = rollout_calendar(report, NOW)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    days = {(str(event["summary"]), event.decoded("dtstart")) for event in events_of(text)}
    old = by_name(report)[OLD]
    for step in old.migration.steps:
        starts = [
            day for summary, day in days if summary.startswith(f"{OLD}: start by") and day == step.latest_start
        ]
        assert bool(starts) != step.done
    assert (f"{OLD}: gpt-4o 2024-05-13 ends", date(2026, 12, 9)) in days
    assert not any(summary.startswith(OWN) for summary, _ in days)


def test_events_are_whole_days_with_an_alarm_a_week_before(report: LifecycleReport) -> None:
    for event in events_of(rollout_calendar(report, NOW)):
        assert type(event.decoded("dtstart")) is date
        assert "dtend" not in event
        assert event.decoded("dtstamp") == NOW
        assert str(event["transp"]) == "TRANSPARENT"
        [alarm] = event.walk("VALARM")
        assert (str(alarm["action"]), alarm.decoded("trigger")) == ("DISPLAY", timedelta(days=-7))
        assert str(alarm["description"]) == str(event["summary"])


def test_importing_it_again_moves_theevents_of(tmp_path: Path, report: LifecycleReport) -> None:
    later = NOW + timedelta(days=3)
    arm = {OLD: (arm_of(OLD, "gpt-4o", "2024-05-13", NEVER), OfferedModel(
        "gpt-4o", "2024-05-13", status="Deprecating", retires=date(2027, 3, 1)))}  # fmt: skip
    moved = rollout_calendar(lifecycle_report(rollout(tmp_path), BUNDLED, later.date(), arm=arm), later)
    before = {str(e["uid"]): e for e in events_of(rollout_calendar(report, NOW))}
    after = {str(e["uid"]): e for e in events_of(moved)}
    assert before.keys() == after.keys()
    assert len(before) == len(events_of(moved))
    assert all(after[uid].decoded("sequence") > before[uid].decoded("sequence") for uid in before)
    ended = [uid for uid, e in before.items() if str(e["summary"]) == f"{OLD}: gpt-4o 2024-05-13 ends"]
    assert [after[uid].decoded("dtstart") for uid in ended] == [date(2027, 3, 1)]


def test_other_rollouts_have_otherevents_of(tmp_path: Path, report: LifecycleReport) -> None:
    other = lifecycle_report(rollout(tmp_path, {"rollout/environment": "staging"}), BUNDLED, TODAY)
    one, two = ({str(e["uid"]) for e in events_of(rollout_calendar(o, NOW))} for o in (report, other))
    assert one.isdisjoint(two)


def test_hostile_words_stay_words_in_the_calendar(tmp_path: Path) -> None:
    arm = {OLD: (arm_of(OLD, HOSTILE, HOSTILE, HOSTILE), OfferedModel(HOSTILE, HOSTILE, status=HOSTILE))}
    clean = lifecycle_report(rollout(tmp_path), BUNDLED, TODAY)
    events = events_of(rollout_calendar(lifecycle_report(rollout(tmp_path), BUNDLED, TODAY, arm=arm), NOW))
    assert {str(e["uid"]) for e in events} <= {str(e["uid"]) for e in events_of(rollout_calendar(clean, NOW))}
    assert not any(str(e["summary"]).startswith(f"{OLD}: gpt-4o") for e in events)


def test_the_list_as_a_calendar_has_the_end_of_every_entry() -> None:
    events = events_of(table_calendar(table_report(BUNDLED, TODAY), NOW))
    assert len(events) == len({str(e["uid"]) for e in events}) == len(BUNDLED.entries)
    assert {e.decoded("dtstart") for e in events} == {entry.retires for entry in BUNDLED.entries}
