"""What becomes of a deployment at the date, what is due, and the warnings before and after it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lifecycle_values import (
    AT_THE_END,
    AUTO,
    HOSTILE,
    NEVER,
    RETIRES,
    SOL,
    TODAY,
    dates,
    lifecycle,
    lifecycles,
    managed,
    managed_deployments,
    words,
)
from tui.lifecycle.retirement import (
    STOPPING,
    VersionEnd,
    days_words,
    due_in,
    leaves_on,
    retired_words,
    version_end_of,
    warning_of,
    what_happens,
)
from tui.model import Lifecycle, ManagedDeployment, Phase, Replacement


# Microsoft, working with models (2026-02): the table of upgrade options; model retirements (2026-10-05).
@pytest.mark.parametrize(
    ("option", "sku", "phase", "version_end"),
    [
        (NEVER, "GlobalStandard", Phase.LEGACY, VersionEnd.STOPS),
        (AT_THE_END, "Standard", Phase.LEGACY, VersionEnd.MOVES),
        (AUTO, "DataZoneStandard", Phase.LEGACY, VersionEnd.FOLLOWS),
        (None, "GlobalStandard", Phase.LEGACY, VersionEnd.UNSET),
        ("", "GlobalStandard", Phase.LEGACY, VersionEnd.UNSET),
        ("noautoupgrade", None, Phase.UNKNOWN, VersionEnd.STOPS),
        ("SomethingNew", "GlobalStandard", Phase.LEGACY, VersionEnd.UNKNOWN),
        (AUTO, "ProvisionedManaged", Phase.LEGACY, VersionEnd.PROVISIONED),
        (AUTO, "GlobalProvisionedManaged", Phase.PREVIEW, VersionEnd.PROVISIONED),
        (None, "DataZoneProvisionedManaged", Phase.LEGACY, VersionEnd.PROVISIONED),
        (AUTO, "GlobalBatch", Phase.LEGACY, VersionEnd.BATCH),
        (NEVER, "GlobalStandard", Phase.PREVIEW, VersionEnd.FORCED),
    ],
)
def test_what_ends_a_version(
    option: str | None, sku: str | None, phase: Phase, version_end: VersionEnd
) -> None:
    assert version_end_of(managed(option, sku=sku), phase) is version_end


def test_without_arm_only_preview_and_provisioned_are_sure() -> None:
    assert version_end_of(None, Phase.LEGACY) is VersionEnd.UNKNOWN
    assert version_end_of(None, Phase.PREVIEW) is VersionEnd.FORCED
    assert version_end_of(None, Phase.LEGACY, provisioned=True) is VersionEnd.PROVISIONED


def test_the_sku_of_arm_goes_before_the_word_of_the_file() -> None:
    assert version_end_of(managed(NEVER), Phase.LEGACY, provisioned=True) is VersionEnd.STOPS
    assert version_end_of(managed(NEVER, sku=None), Phase.LEGACY, provisioned=True) is VersionEnd.PROVISIONED


def test_a_version_may_leave_before_its_date() -> None:
    early = lifecycle(replacement=Replacement("gpt-5.1", "2025-11-13", date(2027, 2, 1), 7))
    assert leaves_on(early, VersionEnd.STOPS) == RETIRES
    assert leaves_on(early, VersionEnd.MOVES) == RETIRES - timedelta(7)
    assert leaves_on(early, VersionEnd.UNSET) == RETIRES - timedelta(7)
    assert leaves_on(early, VersionEnd.FOLLOWS) == date(2027, 2, 1)
    assert leaves_on(lifecycle(retires=None), VersionEnd.MOVES) is None
    assert leaves_on(lifecycle(retires=None, replacement=early.replacement), VersionEnd.FOLLOWS) == date(
        2027, 2, 1
    )


def test_each_option_has_its_words() -> None:
    early = lifecycle(replacement=Replacement("gpt-5.1", "2025-11-13", date(2027, 2, 1), 7))

    def said(version_end: VersionEnd) -> str:
        return what_happens(early, version_end, TODAY)

    assert "410 Gone from 2027-04-14" in said(VersionEnd.STOPS)
    assert "never upgraded" in said(VersionEnd.PROVISIONED)
    assert "not upgraded in place" in said(VersionEnd.BATCH)
    assert "moves it to gpt-5.1 2025-11-13 on 2027-04-14, or from 2027-04-07 on" in said(VersionEnd.MOVES)
    assert "within about 2 weeks of a new default version (from 2027-02-01)" in said(VersionEnd.FOLLOWS)
    assert "No upgrade option is set" in said(VersionEnd.UNSET)
    assert "whatever its option, not before 2027-04-14" in said(VersionEnd.FORCED)
    for option in (NEVER, AT_THE_END, AUTO):
        assert option in said(VersionEnd.UNKNOWN)


def test_an_option_that_is_not_known_is_shown() -> None:
    text = what_happens(lifecycle(), VersionEnd.UNKNOWN, TODAY, HOSTILE)
    assert "\\x1b[31m" in text
    assert text.isprintable()


def test_where_no_replacement_is_named_the_default_is_what_it_moves_to() -> None:
    assert "to the default version on" in what_happens(lifecycle(replacement=None), VersionEnd.MOVES, TODAY)


def test_every_phase_has_one_sentence_of_what_is_due() -> None:
    texts = [due_in(phase) for phase in Phase]
    assert len(set(texts)) == len(Phase)
    assert all(text.count(".") == 1 for text in texts)
    assert "impossible to make again" in due_in(Phase.DEPRECATED)


@pytest.mark.parametrize(
    ("days", "severity"),
    [
        (91, None),
        (90, "note"),
        (31, "note"),
        (30, "warn"),
        (8, "warn"),
        (7, "alarm"),
        (0, "alarm"),
        (-1, "alarm"),
    ],
)
def test_warnings_come_at_90_30_and_7_days_and_after(days: int, severity: str | None) -> None:
    day = TODAY + timedelta(days)
    warning = warning_of(lifecycle(retires=day), VersionEnd.STOPS, TODAY)
    assert (None if warning is None else warning.severity) == severity
    if warning is not None:
        assert warning.days_left == days
        assert str(day) in warning.text


@pytest.mark.parametrize("days", [7, 0, -1, -400])
def test_at_the_end_the_remedy_is_to_deploy_the_replacement(days: int) -> None:
    phase = Phase.RETIRED if days < 0 else Phase.DEPRECATED
    ending = lifecycle(phase=phase, retires=TODAY + timedelta(days))
    for version_end in (VersionEnd.STOPS, VersionEnd.UNKNOWN):
        warning = warning_of(ending, version_end, TODAY)
        assert warning is not None
        assert "API calls will fail" in warning.text
        assert "deploy the replacement now (gpt-5.6-sol 2026-07-09)" in warning.text
        assert ("unless its upgrade option moves it" in warning.text) == (version_end is VersionEnd.UNKNOWN)


def test_a_deployment_that_will_be_moved_is_not_said_to_fail() -> None:
    for days in (20, 3, -2):
        phase = Phase.RETIRED if days < 0 else Phase.DEPRECATED
        ending = lifecycle(phase=phase, retires=TODAY + timedelta(days))
        warning = warning_of(ending, VersionEnd.MOVES, TODAY)
        assert warning is not None
        assert "fail" not in warning.text
        assert "moves it to gpt-5.6-sol 2026-07-09" in warning.text


def test_a_successor_that_is_deployed_gets_the_traffic() -> None:
    warning = warning_of(lifecycle(retires=TODAY), VersionEnd.STOPS, TODAY, "gpt51-prod")
    assert warning is not None
    assert "shift its traffic to gpt51-prod now" in warning.text
    assert "deploy" not in warning.text


def test_retired_is_said_even_without_a_date_or_before_it() -> None:
    without = warning_of(lifecycle(phase=Phase.RETIRED, retires=None), VersionEnd.STOPS, TODAY)
    assert without is not None
    assert (without.severity, without.days_left) == ("alarm", None)
    early = warning_of(lifecycle(phase=Phase.RETIRED, retires=RETIRES), VersionEnd.STOPS, TODAY)
    assert early is not None
    assert f"retired, though its date is {RETIRES}" in early.text
    assert warning_of(lifecycle(retires=None), VersionEnd.STOPS, TODAY) is None


def test_a_tentative_date_is_said_to_be_one() -> None:
    warning = warning_of(lifecycle(retires=TODAY + timedelta(40), tentative=True), VersionEnd.STOPS, TODAY)
    assert warning is not None
    assert "may still move" in warning.text


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, "today"), (1, "in 1 day"), (14, "in 14 days"), (-1, "1 day ago"), (-1200, "1,200 days ago")],
)
def test_days_in_words(days: int, said: str) -> None:
    assert days_words(TODAY + timedelta(days), TODAY) == said


@settings(deadline=None)
@given(lifecycles, managed_deployments, dates, st.booleans(), st.none() | words)
def test_any_lifecycle_has_an_end_and_words(
    one: Lifecycle, arm: ManagedDeployment, today: date, provisioned: bool, successor: str | None
) -> None:
    for said in (arm, None):
        version_end = version_end_of(said, one.phase, provisioned=provisioned)
        day = leaves_on(one, version_end)
        if one.retires is not None:
            assert day is not None
            assert day <= one.retires
        assert what_happens(one, version_end, today, arm.upgrade_option)
        warning = warning_of(one, version_end, today, successor)
        if one.phase is Phase.RETIRED:
            assert warning is not None
        elif day is not None:
            assert (warning is not None) == ((day - today).days <= 90)
        assert version_end not in STOPPING or day == one.retires


def test_a_lead_time_without_end_is_cut_to_a_year() -> None:
    endless = lifecycle(replacement=Replacement("m", "1", None, 10**9))
    assert leaves_on(endless, VersionEnd.MOVES) == RETIRES - timedelta(365)
    assert leaves_on(lifecycle(replacement=SOL), VersionEnd.MOVES) == RETIRES


@pytest.mark.parametrize(
    ("retires", "sure", "text"),
    [
        (TODAY - timedelta(4), True, f"its version was retired on {TODAY - timedelta(4)}, 4 days ago (ARM)"),
        (TODAY - timedelta(4), False, f"its version was retired on {TODAY - timedelta(4)}, 4 days ago (ARM)"),
        (TODAY, True, f"its version was retired on {TODAY}, today (ARM)"),
        (
            TODAY + timedelta(5),
            True,
            f"its version was retired, though its date is {TODAY + timedelta(5)} (ARM)",
        ),
        (
            TODAY + timedelta(5),
            False,
            f"it refuses as a retired version does, though its date is {TODAY + timedelta(5)} (ARM)",
        ),
        (None, True, "its version was retired, on a day that is not known"),
        (None, False, "it refuses as a retired version does, and no date is known"),
    ],
)
def test_what_answers_as_retired_is_said_to_be_unless_it_may_mean_something_else(
    retires: date | None, sure: bool, text: str
) -> None:
    ended = lifecycle(retires=retires, source="ARM", replacement=Replacement("gpt-5.1", "2025-11-13"))
    assert retired_words(ended, TODAY, "other", sure=sure) == (text, "shift its traffic to other now")
    to_do = "deploy the replacement now (gpt-5.1 2025-11-13)"
    assert retired_words(ended, TODAY, None, sure=sure) == (text, to_do)


def test_of_a_version_of_which_nothing_is_known_the_same_is_said() -> None:
    said = "its version was retired, on a day that is not known"
    assert retired_words(None, TODAY, None) == (said, "deploy the replacement now")
