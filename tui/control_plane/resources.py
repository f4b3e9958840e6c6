"""Resources of ARM as values: whatever is missing or strange is left out of the value, never out of the list.

Fields as in the REST reference 2025-09-01 of Microsoft.CognitiveServices. All of them are optional on the wire.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from tui.base.text import plain
from tui.model import (
    Account,
    BilledMeter,
    ManagedDeployment,
    ModelSku,
    OfferedModel,
    QuotaUse,
    RateLimit,
    Replacement,
)

NO_NAME = "(no name)"
_TEXT_CHARS = 128
_NO_DATE = date(2099, 12, 31)
_MAX_LISTED = 64


def account(document: Mapping[str, Any]) -> Account:
    properties = _mapping(document.get("properties"))
    return Account(
        name=_text(document.get("name")) or NO_NAME,
        location=_text(document.get("location")) or "",
        kind=_text(document.get("kind")),
        endpoint=_text(properties.get("endpoint")),
        state=_text(properties.get("provisioningState")),
        keys_disabled=properties.get("disableLocalAuth") is True,
    )


def managed_deployment(item: object) -> ManagedDeployment:
    """A deployment of the list, or one that was asked for by name."""
    document = _mapping(item)
    properties = _mapping(document.get("properties"))
    model = _mapping(properties.get("model"))
    sku = _mapping(document.get("sku"))
    system = _mapping(document.get("systemData"))
    paused = _text(properties.get("deploymentState")) or ""
    return ManagedDeployment(
        name=_text(document.get("name")) or _last_of(document.get("id")) or NO_NAME,
        model=_text(model.get("name")) or "",
        version=_text(model.get("version")),
        format=_text(model.get("format")) or "",
        sku=_text(sku.get("name")),
        capacity=_whole(sku.get("capacity")),
        upgrade_option=_text(properties.get("versionUpgradeOption")),
        state=_text(properties.get("provisioningState")),
        paused=paused.lower() == "paused",
        rai_policy=_text(properties.get("raiPolicyName")),
        spillover=_text(properties.get("spilloverDeploymentName")),
        rate_limits=tuple(_rate_limits(properties.get("rateLimits"))),
        created_at=_instant(system.get("createdAt")),
        modified_at=_instant(system.get("lastModifiedAt")),
        etag=_text(document.get("etag")),
        body=document,
    )


def offered_model(item: object) -> OfferedModel:
    """A model of the list of an account, or of a region, where it stands inside ``model``."""
    document = _mapping(item)
    inner = document.get("model")
    model = inner if isinstance(inner, Mapping) else document
    deprecation = _mapping(model.get("deprecation"))
    certainty = (_text(deprecation.get("deprecationStatus")) or "").lower()
    return OfferedModel(
        model=_text(model.get("name")) or NO_NAME,
        version=_text(model.get("version")) or "",
        format=_text(model.get("format")) or "",
        status=_text(model.get("lifecycleStatus")),
        is_default=model.get("isDefaultVersion") is True,
        retires=_day(deprecation.get("inference")),
        tentative={"tentative": True, "planned": False}.get(certainty),
        replacement=_replacement(model.get("replacementConfig")),
        skus=tuple(_sku(sku) for sku in _listed(model.get("skus"))),
        capabilities={
            plain(str(name), _TEXT_CHARS): plain(str(value), _TEXT_CHARS)
            for name, value in list(_mapping(model.get("capabilities")).items())[:_MAX_LISTED]
        },
    )


def quota_use(item: object) -> QuotaUse:
    document = _mapping(item)
    name = document.get("name")
    text = _mapping(name).get("value") if isinstance(name, Mapping) else name
    return QuotaUse(
        name=_text(text) or NO_NAME,
        used=_number(document.get("currentValue")),
        limit=_number(document.get("limit")),
        unit=_text(document.get("unit")) or "",
    )


def operation_state(document: Mapping[str, Any]) -> str | None:
    """``status`` of an operation, or the state of the resource that came in its place; None without either."""
    state = _text(document.get("status"))
    return state or _text(_mapping(document.get("properties")).get("provisioningState"))


def _sku(item: object) -> ModelSku:
    document = _mapping(item)
    capacity = _mapping(document.get("capacity"))
    return ModelSku(
        name=_text(document.get("name")) or NO_NAME,
        usage_name=_text(document.get("usageName")),
        retires=_day(document.get("deprecationDate")),
        default_capacity=_whole(capacity.get("default")),
        most_capacity=_whole(capacity.get("maximum")),
        least_capacity=_whole(capacity.get("minimum")),
        capacity_step=_whole(capacity.get("step")),
        meters=tuple(_meters(document.get("cost"))),
    )


def _meters(value: object) -> Iterator[BilledMeter]:
    for item in _listed(value):
        document = _mapping(item)
        meter_id = _text(document.get("meterId"))
        if meter_id is not None:
            yield BilledMeter(_text(document.get("name")) or "", meter_id)


def _replacement(value: object) -> Replacement | None:
    document = _mapping(value)
    model = _text(document.get("targetModelName"))
    if model is None:
        return None
    return Replacement(
        model,
        _text(document.get("targetModelVersion")) or "",
        _day(document.get("autoUpgradeStartDate")),
        max(0, _whole(document.get("upgradeOnExpiryLeadTimeDays")) or 0),
    )


def _rate_limits(value: object) -> list[RateLimit]:
    limits = []
    for item in _listed(value):
        document = _mapping(item)
        key, count = _text(document.get("key")), _number(document.get("count"))
        renewal_s = _number(document.get("renewalPeriod"))
        if key is not None and count is not None and renewal_s is not None:
            limits.append(RateLimit(key, count, renewal_s))
    return limits


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: object) -> list[Any]:
    return value[:_MAX_LISTED] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return plain(value, _TEXT_CHARS) if isinstance(value, str) and value else None


def _last_of(resource_id: object) -> str | None:
    return _text(resource_id.rstrip("/").rpartition("/")[2]) if isinstance(resource_id, str) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e18 and math.isfinite(value) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def _instant(value: object) -> datetime | None:
    """An ISO 8601 instant as UTC; the service writes up to seven decimals, of which six are kept."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        read = datetime.fromisoformat(value)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day(value: object) -> date | None:
    """The day of an instant; 2099-12-31 is how the service writes that there is none."""
    instant = _instant(value)
    day = instant.date() if instant is not None else None
    return None if day is None or day >= _NO_DATE else day
