"""What banner and table say of versions that are retired, changed, or about to end."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.cockpit.test_banner import said
from tests.cockpit.test_values import view_of
from tests.support.cockpit_fakes import BASELINE, CANARY, START, figures, made_snapshot
from tests.support.statuses import TODAY, lifecycle, status, with_status
from tui.cockpit.text.details import details_lines
from tui.cockpit.text.pins import pin_short, pin_tone, pin_words
from tui.cockpit.text.table import PIN, Cell, layout, rows
from tui.model import DEFAULT_TASK, LifecycleStatus, Phase, Pin, PinState, Snapshot, VersionChange

CHANGE = VersionChange(
    START + timedelta(seconds=300), 300.0, "gpt-4o-2024-11-20", "gpt-5.1-2025-11-13", figures(800, 300.0)
)
MISMATCH = status(PinState.MISMATCH, None)


def ending(days: int | None, severity: str, **changes: Any) -> LifecycleStatus:
    return status(warning="API calls will fail: act", severity=severity, days_left=days, **changes)


def test_a_retired_version_is_named_with_its_date_and_not_as_failing() -> None:
    snapshot = with_status(retired=True, failing="HTTP 410", status=status())
    shown = said(snapshot)
    assert shown.state == "RETIRED"
    assert shown.severity == "alarm"
    assert "v1120: its version was retired on 2027-04-14, calls are answered with 410" in shown.figure
    assert "FAILING" not in " ".join(shown.parts)


def test_a_retired_canary_is_left_by_rolling_back() -> None:
    assert said(with_status(CANARY, retired=True)).key == "press r to send 100% to v1120"


def test_a_retired_baseline_is_left_for_its_successor_or_a_new_deployment() -> None:
    assert said(with_status(retired=True)).key == "press d, c: deploy the replacement"
    heir = status(successor=CANARY)
    assert said(with_status(retired=True, status=heir)).key == "press w to shift to v0513"
    gone = status(successor="not-in-this-rollout")
    assert said(with_status(retired=True, status=gone)).key == "press d, c: deploy the replacement"


def test_a_changed_version_says_since_when_and_what_was_asked_for() -> None:
    shown = said(with_status(status=MISMATCH, changed=CHANGE))
    assert shown.state == "VERSION CHANGED"
    assert shown.figure == "v1120 answers as gpt-5.1-2025-11-13 since 14:05:00Z, not as gpt-4o 2024-11-20"


def test_a_version_that_never_was_what_was_asked_is_a_mismatch() -> None:
    shown = said(with_status(status=MISMATCH))
    assert (shown.state, shown.severity) == ("MISMATCH", "alarm")
    assert shown.figure == "v1120: the reason"


def test_a_mismatch_of_a_canary_without_traffic_is_no_alarm() -> None:
    weights = {DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}}
    shown = said(with_status(CANARY, made_snapshot(weights=weights), status=MISMATCH))
    assert "MISMATCH" not in " ".join(shown.parts)


@pytest.mark.parametrize(
    ("days", "word"),
    [
        (6, "ENDS IN 6d"),
        (1, "ENDS IN 1d"),
        (0, "ENDS TODAY"),
        (-1, "ENDED 1 day AGO"),
        (-3, "ENDED 3 days AGO"),
        (None, "RETIRED"),
    ],
)
def test_the_last_week_and_what_is_past_are_an_alarm(days: int | None, word: str) -> None:
    shown = said(with_status(status=ending(days, "alarm")))
    assert (shown.state, shown.severity) == (word, "alarm")
    assert shown.figure == "v1120: API calls will fail: act"
    assert shown.shorter[-1] == "v1120: API calls will fail"


def test_the_soonest_of_several_ends_is_named() -> None:
    snapshot = with_status(CANARY, status=ending(2, "alarm"))
    assert said(with_status(BASELINE, snapshot, status=ending(5, "alarm"))).state == "ENDS IN 2d"


@pytest.mark.parametrize("severity", ["note", "warn"])
def test_an_end_that_is_far_off_is_a_tag_and_hides_nothing(severity: str) -> None:
    shown = said(with_status(status=ending(60, severity)))
    assert (shown.state, shown.severity) == ("RUNNING", "calm")
    assert "◷ v1120 ENDS IN 60d" in shown.parts[0]


def test_without_an_end_in_sight_nothing_is_tagged() -> None:
    assert "ENDS" not in " ".join(said(with_status(status=status())).parts)


# --- words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "until", "words", "short"),
    [
        (PinState.PINNED, None, "◆ PINNED", "◆ PINNED"),
        (PinState.PINNED_UNTIL, date(2027, 2, 21), "◇ PINNED UNTIL 2027-02-21", "◇ until 90d"),
        (PinState.HARD_STOP, date(2026, 12, 2), "◆ HARD STOP 2026-12-02", "◆ stop 9d"),
        (PinState.NOT_PINNED, None, "✗ NOT PINNED", "✗ NOT PINNED"),
        (PinState.UNKNOWN, None, "? UNKNOWN", "? unknown"),
        (PinState.MISMATCH, None, "✗ MISMATCH", "✗ MISMATCH"),
    ],
)
def test_each_pin_has_a_sign_a_word_and_its_date(
    state: PinState, until: date | None, words: str, short: str
) -> None:
    pin = Pin(state, until)
    assert pin_words(pin) == words
    assert pin_short(pin, TODAY) == short
    assert len(short) <= PIN.width


@pytest.mark.parametrize(
    ("pin", "tone"),
    [
        (Pin(PinState.MISMATCH), "alert"),
        (Pin(PinState.NOT_PINNED), "warn"),
        (Pin(PinState.HARD_STOP, TODAY + timedelta(days=30)), "warn"),
        (Pin(PinState.HARD_STOP, TODAY + timedelta(days=31)), ""),
        (Pin(PinState.PINNED), ""),
        (Pin(PinState.UNKNOWN), "dim"),
    ],
)
def test_only_what_needs_a_look_is_coloured(pin: Pin, tone: str) -> None:
    assert pin_tone(pin, TODAY) == tone


# --- table and details ------------------------------------------------------------------------------


def _cells(snapshot: Snapshot, *, pins: bool) -> tuple[Cell, ...]:
    return tuple(rows(view_of(snapshot), pins=pins)[0].cells.values())


def test_the_pin_has_a_column_where_there_is_room_and_marks_the_name_where_not() -> None:
    assert PIN in [place.column for place in layout(118)]
    assert PIN not in [place.column for place in layout(78)]
    snapshot = with_status(status=MISMATCH)
    assert [cell.text for cell in _cells(snapshot, pins=True)].count("✗ MISMATCH") == 1
    name = _cells(snapshot, pins=False)[0]
    assert (name.text, name.mark, name.tone) == ("● v1120", "✗", "alert")
    assert name.within(24) == "● v1120 ✗ MISMATCH"


def test_a_pin_in_order_leaves_the_name_alone() -> None:
    name = _cells(with_status(status=status()), pins=False)[0]
    assert (name.mark, name.tone) == (" ", "baseline")


def _details(**changes: Any) -> str:
    snapshot = with_status(CANARY, **changes)
    return "\n".join(line.text for line in details_lines(view_of(snapshot), CANARY, 100))


def test_details_put_before_and_after_side_by_side() -> None:
    text = _details(status=MISMATCH, changed=CHANGE, served="gpt-5.1-2025-11-13")
    assert "answers as  gpt-5.1-2025-11-13" in text
    assert "changed     2026-11-23 14:05:00Z from gpt-4o-2024-11-20 to gpt-5.1-2025-11-13" in text
    table = [line.split() for line in text.splitlines() if "P95 (ms)" in line or "requests (n)" in line]
    assert table == [
        ["finished", "requests", "(n)", "800", "1,000", "–"],
        ["latency", "P95", "(ms)", "300", "655", "+118%"],
    ]


def test_details_of_a_version_that_never_changed_compare_nothing() -> None:
    assert "since the version changed" not in _details(status=status())


def test_details_say_reason_and_remedy_at_the_head_only_where_they_matter() -> None:
    calm, alarmed = _details(status=status()), _details(status=MISMATCH)
    assert calm.index("the reason") > calm.index("latency P50") > alarmed.index("the reason")


def test_details_say_that_no_date_is_known() -> None:
    text = _details(status=status(lifecycle=lifecycle(Phase.UNKNOWN, None)))
    assert "phase       unknown, no date is known" in text
