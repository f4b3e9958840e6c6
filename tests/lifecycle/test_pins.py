"""The pin of a deployment: what ARM and its answers prove, and what they do not."""

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
    deployment,
    lifecycle,
    lifecycles,
    managed,
    managed_deployments,
    words,
)
from tui.lifecycle.status import pin_of
from tui.model import Lifecycle, ManagedDeployment, Phase, Pin, PinState, Replacement

RIGHT = "gpt-4o-2024-11-20"


def pin(
    arm: ManagedDeployment | None = None,
    served: str | None = RIGHT,
    of: Lifecycle | None = None,
    *,
    arm_known: bool = True,
) -> Pin:
    return pin_of(deployment(), arm, of or lifecycle(), served, arm_known=arm_known, today=TODAY)


def test_never_upgraded_is_pinned_with_a_hard_stop() -> None:
    found = pin(managed(NEVER))
    assert (found.state, found.until) == (PinState.HARD_STOP, RETIRES)
    assert "410" in found.reason
    assert found.remedy


def test_never_upgraded_without_a_date_is_pinned() -> None:
    found = pin(managed(NEVER), of=lifecycle(retires=None))
    assert (found.state, found.until) == (PinState.PINNED, None)


def test_upgraded_at_the_end_is_pinned_until_the_first_day_it_may_move() -> None:
    assert pin(managed(AT_THE_END)).until == RETIRES
    early = lifecycle(replacement=Replacement("gpt-5.1", "2025-11-13", None, 7))
    found = pin(managed(AT_THE_END), of=early)
    assert (found.state, found.until) == (PinState.PINNED_UNTIL, RETIRES - timedelta(7))
    assert "NoAutoUpgrade" in found.remedy


def test_upgraded_at_an_end_that_is_past_is_not_pinned() -> None:
    past = lifecycle(phase=Phase.RETIRED, retires=TODAY - timedelta(2))
    assert pin(managed(AT_THE_END), of=past).state is PinState.NOT_PINNED


@pytest.mark.parametrize("option", [AUTO, None, ""])
def test_what_follows_new_defaults_or_has_no_option_is_not_pinned(option: str | None) -> None:
    found = pin(managed(option))
    assert (found.state, found.until) == (PinState.NOT_PINNED, None)
    assert "NoAutoUpgrade" in found.remedy


def test_a_preview_is_not_pinned_whatever_its_option() -> None:
    found = pin(managed(NEVER), of=lifecycle(phase=Phase.PREVIEW))
    assert found.state is PinState.NOT_PINNED
    assert "preview" in found.reason


@pytest.mark.parametrize("sku", ["ProvisionedManaged", "GlobalProvisionedManaged", "GlobalBatch"])
def test_what_is_never_upgraded_is_pinned_whatever_its_option(sku: str) -> None:
    assert pin(managed(AUTO, sku=sku)).state is PinState.HARD_STOP


def test_an_option_that_is_not_known_proves_nothing() -> None:
    found = pin(managed(HOSTILE))
    assert found.state is PinState.UNKNOWN
    assert "\\x1b[31m" in found.reason


def test_without_arm_nothing_is_proved_even_by_a_right_answer() -> None:
    for served, said in (
        (RIGHT, "answers as gpt-4o 2024-11-20"),
        ("gpt-4o", "names no version"),
        (None, "no answer"),
    ):
        found = pin(None, served, arm_known=False)
        assert found.state is PinState.UNKNOWN
        assert said in found.reason


def test_a_deployment_that_arm_does_not_have_is_said_to_be_missing() -> None:
    found = pin(None)
    assert found.state is PinState.UNKNOWN
    assert "ARM has no deployment of this name" in found.reason


def test_arm_without_a_version_proves_nothing() -> None:
    assert pin(managed(NEVER, version=None)).state is PinState.UNKNOWN


@pytest.mark.parametrize("arm", [None, managed(NEVER), managed(AUTO)])
def test_an_answer_of_another_version_is_a_mismatch(arm: ManagedDeployment | None) -> None:
    found = pin(arm, "gpt-5.6-sol-2026-07-09", arm_known=arm is not None)
    assert found.state is PinState.MISMATCH
    assert "gpt-5.6-sol-2026-07-09" in found.reason


@pytest.mark.parametrize("changes", [{"version": "2024-08-06"}, {"model": "gpt-5.1"}, {"model": HOSTILE}])
def test_arm_with_another_version_than_the_file_is_a_mismatch(changes: dict[str, str]) -> None:
    for served in (RIGHT, None, "gpt-4o"):
        found = pin(managed(NEVER, **changes), served)
        assert found.state is PinState.MISMATCH
        assert "the rollout file says gpt-4o 2024-11-20" in found.reason


def test_a_bare_family_is_no_mismatch() -> None:
    assert pin(managed(NEVER), "gpt-4o").state is PinState.HARD_STOP
    assert pin(managed(NEVER, model="GPT-4o"), None).state is PinState.HARD_STOP


def test_without_a_lifecycle_the_option_still_tells() -> None:
    def bare(option: str | None) -> PinState:
        return pin_of(deployment(), managed(option), None, None, arm_known=True, today=TODAY).state

    assert bare(NEVER) is PinState.PINNED
    assert bare(AT_THE_END) is PinState.PINNED_UNTIL
    assert bare(AUTO) is PinState.NOT_PINNED


@settings(deadline=None)
@given(managed_deployments, st.none() | lifecycles, st.none() | words | st.just(RIGHT), st.booleans(), dates)
def test_every_pin_has_a_reason_a_remedy_and_harmless_words(
    arm: ManagedDeployment, of: Lifecycle | None, served: str | None, known: bool, today: date
) -> None:
    for said in (arm, None):
        found = pin_of(deployment(), said, of, served, arm_known=known, today=today)
        assert found.reason.isprintable()
        assert found.remedy.isprintable()
        assert 0 < len(found.reason) < 400
        assert found.remedy
        assert found.until is None or found.state in (PinState.PINNED_UNTIL, PinState.HARD_STOP)
        if found.state is PinState.PINNED_UNTIL and found.until is not None:
            assert found.until >= today


def test_the_replacement_of_a_snapshot_does_not_shift_a_pin() -> None:
    assert pin(managed(AT_THE_END), of=lifecycle(replacement=SOL)).until == RETIRES
