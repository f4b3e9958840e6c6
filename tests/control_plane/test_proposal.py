"""What the form of a new canary is filled with, and what is said against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lifecycle_values import HOSTILE
from tests.support.statuses import TODAY, account, lifecycle, managed, offered, status
from tests.support.typed import present
from tui.control_plane.proposal import canary_name, cannot_come_back, problems, proposed_canary
from tui.control_plane.requests import AccountId, az_create
from tui.model import AccountView, Deployment, DeploymentSpec, LifecycleStatus, ModelSku, Phase, QuotaUse

BASELINE = Deployment("gpt4o-prod-v1120", "main", "gpt-4o", "2024-11-20")
ACCOUNT = AccountId.parse(
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers"
    "/Microsoft.CognitiveServices/accounts/a-b"
)


def proposed(of: AccountView, status_: LifecycleStatus | None = None, *others: Deployment) -> DeploymentSpec:
    return present(proposed_canary(BASELINE, status_ or status(), of, TODAY, others))


def test_the_replacement_beside_the_baseline_with_its_sku_capacity_and_filter() -> None:
    spec = proposed(account())
    assert (spec.name, spec.model, spec.version) == ("gpt51-prod-v1113", "gpt-5.1", "2025-11-13")
    assert (spec.sku, spec.capacity, spec.rai_policy) == ("GlobalStandard", 100, "Strict")
    assert problems(spec, account(), TODAY) == ()


def test_without_a_replacement_the_newest_that_can_be_deployed() -> None:
    bare = status(lifecycle=lifecycle(replacement=None))
    assert proposed(account(), bare).model == "gpt-5.6-sol"


def test_a_version_that_the_rollout_has_already_is_not_proposed_again() -> None:
    there = Deployment("gpt51-prod-v1113", "main", "gpt-5.1", "2025-11-13")
    assert proposed(account(), None, there).model == "gpt-5.6-sol"


@pytest.mark.parametrize(
    "unfit",
    [
        {"status": "Deprecating"},
        {"status": "Preview"},
        {"status": None},
        {"retires": date(2027, 2, 1)},
        {"capabilities": {}},
        {"skus": (ModelSku("Standard"),)},
        {"version": "latest"},
    ],
)
def test_what_cannot_be_a_canary_is_not_proposed(unfit: dict[str, Any]) -> None:
    models = (offered("gpt-4o", "2024-11-20"), offered(**unfit))
    spec = proposed(account(models=models))
    assert (spec.model, spec.version) == (BASELINE.model, BASELINE.version)


def test_the_same_size_is_preferred_to_a_newer_model() -> None:
    models = (offered("gpt-5-mini", "2025-08-07"), offered("gpt-5.6-sol", "2026-07-09"))
    mini = replace(BASELINE, name="gpt4omini", model="gpt-4o-mini")
    bare = status(lifecycle=lifecycle(replacement=None))
    assert proposed_canary(mini, bare, account(models=models), TODAY).model == "gpt-5-mini"


def test_a_name_that_is_taken_gets_a_number() -> None:
    taken = (managed(), managed("GPT51-prod-v1113"), managed("gpt51-prod-v1113-2"))
    assert proposed(account(deployments=taken)).name == "gpt51-prod-v1113-3"


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("gpt4o-prod-v1120", "gpt51-prod-v1113"),
        ("gpt-4o-2024-11-20", "gpt-5.1-2025-11-13"),
        ("summaries", "gpt51-summaries-v1113"),
        ("gpt-4o", "gpt-5.1-v1113"),
        ("prod_1120.eu", "gpt51-prod_1113.eu"),
    ],
)
def test_a_canary_is_named_as_the_baseline_is(name: str, made: str) -> None:
    assert canary_name(replace(BASELINE, name=name), "gpt-5.1", "2025-11-13") == made


@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_any_name_that_is_made_can_be_a_name_in_arm(name: str, model: str, version: str) -> None:
    made = canary_name(replace(BASELINE, name=name or "x"), model, version)
    spec = replace(proposed(account()), name=made.strip("-._") or "x")
    assert made == "" or len(made) <= 64
    assert az_create(ACCOUNT, spec)


@pytest.mark.parametrize(
    ("changes", "of", "said"),
    [
        ({"name": "Elsewhere-Prod"}, {}, "exists already"),
        ({"version": "2020-01-01"}, {}, "does not list gpt-5.1 2020-01-01"),
        ({"sku": "ProvisionedManaged"}, {}, "ProvisionedManaged is not offered: GlobalStandard"),
        ({}, {"models": (offered(retires=date(2027, 1, 1)),)}, "retires on 2027-01-01, in 39 days"),
        (
            {"capacity": 700},
            {"quota": (QuotaUse("OpenAI.GlobalStandard.gpt-5.1", 2400, 3000),)},
            "600 of 3000 of the quota are left: it asks for 700",
        ),
    ],
)
def test_what_speaks_against_it_is_said_before_asking(
    changes: dict[str, Any], of: dict[str, Any], said: str
) -> None:
    found = problems(replace(proposed(account()), **changes), account(**of), TODAY)
    assert [text for text in found if said in text], found


def test_quota_that_is_not_told_speaks_against_nothing() -> None:
    silent = account(quota=(QuotaUse("OpenAI.GlobalStandard.gpt-5.1", None, None),))
    assert problems(replace(proposed(account()), capacity=10**6), silent, TODAY) == ()


def test_an_account_whose_models_are_not_known_is_asked_all_the_same() -> None:
    assert problems(proposed(account()), account(models=()), TODAY) == ()


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (Phase.GENERALLY_AVAILABLE, ""),
        (Phase.DEPRECATED, "gpt-4o 2024-11-20 is deprecated: it may be impossible to make it again"),
        (Phase.RETIRED, "is retired"),
        (Phase.UNKNOWN, "not known whether gpt-4o 2024-11-20 can still be deployed"),
    ],
)
def test_a_removal_that_cannot_be_taken_back_is_said(phase: Phase, said: str) -> None:
    text = cannot_come_back(managed(), status(lifecycle=lifecycle(phase)))
    assert (text == "") if said == "" else (said in text)


def test_hostile_words_of_a_service_stay_words() -> None:
    spec = proposed(account(models=(offered(HOSTILE, "2026-07-09"),)), status(lifecycle=None))
    assert len(spec.name) <= 64
    assert set(spec.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
