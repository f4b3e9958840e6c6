"""Whatever JSON comes, it becomes values that can be shown: bounded, plain, and none is lost."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.control_plane import resources
from tui.control_plane.requests import put_body
from tui.model import BilledMeter, DeploymentSpec, OfferedModel, QuotaUse, Replacement

KEYS = (
    *("name", "id", "sku", "properties", "model", "version", "format", "capacity", "systemData", "createdAt"),
    *("provisioningState", "rateLimits", "key", "count", "renewalPeriod", "skus", "deprecation", "inference"),
    *("replacementConfig", "targetModelName", "upgradeOnExpiryLeadTimeDays", "currentValue", "limit", "tags"),
    *("capabilities", "deprecationStatus", "lifecycleStatus", "status", "error", "deploymentState", "default"),
    *("cost", "meterId"),
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["2099-12-31T00:00:00Z", "2026-02-30", "0001-01-01T00:00:00-23:59", "9" * 400]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=6)
    ),
    max_leaves=15,
)


def texts(value: object) -> list[str]:
    return [part for part in json.loads(json.dumps(value, default=str)) if isinstance(part, str)]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING)
def test_nothing_is_too_strange_to_be_read(item: Any) -> None:
    deployment = resources.managed_deployment(item)
    offered = resources.offered_model(item)
    quota = resources.quota_use(item)
    account = resources.account(item if isinstance(item, dict) else {})
    resources.operation_state(item if isinstance(item, dict) else {})
    shown = [deployment.name, deployment.model, deployment.version, deployment.state, deployment.sku]
    shown += [offered.model, offered.version, offered.status, quota.name, quota.unit, account.name]
    shown += [*offered.capabilities, *offered.capabilities.values(), *(s.name for s in offered.skus)]
    shown += [text for sku in offered.skus for meter in sku.meters for text in (meter.id, meter.name)]
    assert all(len(text) <= 128 and text.isprintable() for text in texts(shown))
    for at in (deployment.created_at, deployment.modified_at):
        assert at is None or at.tzinfo is UTC
    for day in (offered.retires, *(s.retires for s in offered.skus)):
        assert day is None or day < date(2099, 12, 31)
    body = put_body(DeploymentSpec("d", "m", "v", "s", 1), deployment)
    assert body["properties"]["versionUpgradeOption"] == "NoAutoUpgrade"
    assert body["properties"]["model"]["version"] == "v"


def test_the_documented_model_is_read_whole() -> None:
    item = {
        "format": "OpenAI",
        "name": "gpt-4o",
        "version": "2024-05-13",
        "isDefaultVersion": False,
        "lifecycleStatus": "Deprecating",
        "deprecation": {"fineTune": "2026-12-09T00:00:00Z", "inference": "2026-12-09T00:00:00Z"},
        "replacementConfig": {
            "targetModelName": "gpt-5.6-sol",
            "targetModelVersion": "2026-07-09",
            "autoUpgradeStartDate": "2026-11-01T00:00:00Z",
            "upgradeOnExpiryLeadTimeDays": 7,
        },
        "capabilities": {"chatCompletion": "true"},
    }
    assert resources.offered_model(item) == OfferedModel(
        "gpt-4o",
        "2024-05-13",
        status="Deprecating",
        retires=date(2026, 12, 9),
        tentative=None,
        replacement=Replacement("gpt-5.6-sol", "2026-07-09", date(2026, 11, 1), 7),
        capabilities={"chatCompletion": "true"},
    )


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-09T00:00:00Z", date(2026, 12, 9)),
        ("2026-12-09", date(2026, 12, 9)),
        ("2026-12-09T01:00:00+02:00", date(2026, 12, 8)),
        ("2099-12-31T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("soon", None),
        ("", None),
        (1765238400, None),
        (None, None),
    ],
)
def test_dates_are_days_in_utc_and_2099_is_none(text: object, day: date | None) -> None:
    assert resources.offered_model({"deprecation": {"inference": text}}).retires == day


@pytest.mark.parametrize(("word", "tentative"), [("Planned", False), ("Tentative", True), ("Perhaps", None)])
def test_how_sure_a_date_is(word: str, tentative: bool | None) -> None:
    assert resources.offered_model({"deprecation": {"deprecationStatus": word}}).tentative is tentative


def test_seven_decimals_of_an_instant_are_understood() -> None:
    item = {
        "systemData": {"createdAt": "2025-10-28T14:48:25.3936328Z"},
        "properties": {"deploymentState": "Paused"},
    }
    found = resources.managed_deployment(item)
    assert found.created_at == datetime(2025, 10, 28, 14, 48, 25, 393632, UTC)
    assert found.paused


def test_a_quota_that_is_not_told_is_not_nothing() -> None:
    assert resources.quota_use({"name": {"value": "x"}, "currentValue": True}) == QuotaUse("x", None, None)


def test_a_meter_needs_an_id_and_nothing_else() -> None:
    cost = [
        {"name": "ContextToken", "meterId": "A", "unit": "1K"},
        {"meterId": "B"},
        {"name": "x"},
        {"meterId": 3},
        7,
    ]
    [sku] = resources.offered_model({"skus": [{"name": "Standard", "cost": cost}]}).skus
    assert sku.meters == (BilledMeter("ContextToken", "A"), BilledMeter("", "B"))
    [none] = resources.offered_model({"skus": [{"name": "Standard", "cost": "A"}]}).skus
    assert none.meters == ()
