"""What a PUT or PATCH asks for, read with suspicion and checked against what the region offers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from tui.simulator.behaviour import UPGRADES
from tui.simulator.control import refusals
from tui.simulator.control.deployments import Deployments, Managed, Settings
from tui.simulator.control.models import ModelTable, Sku
from tui.simulator.control.refusals import Refused, Subject

_READ_ONLY = frozenset(
    {
        "provisioningState",
        "capabilities",
        "rateLimits",
        "callRateLimit",
        "dynamicThrottlingEnabled",
        "currentCapacity",
    }
)
_KNOWN = frozenset({"model", "versionUpgradeOption", "raiPolicyName"})


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the service fills in where a PUT is silent; None leaves it out."""

    upgrade_option: str | None
    rai_policy: str | None


def read_put(body: bytes, about: Subject, table: ModelTable, defaults: Defaults) -> Settings:
    """The settings of a PUT, which replaces all of them: what it does not carry is reset.

    Raises ``Refused`` for a body that is not what it should be, or a model or SKU that is not offered.
    """
    document = _document(body)
    properties = _object(document, "properties")
    model = _object(properties, "model")
    name = _text(model, "name")
    if name is None:
        raise _malformed("The property 'properties.model.name' is required.")
    version = _text(model, "version") or table.default_version(name) or ""
    model_format = _text(model, "format") or "OpenAI"
    offer = table.offers.get((name, version))
    if offer is None or offer.format != model_format:
        about = Subject(about.account_id, about.deployment, name, version, model_format)
        raise Refused(refusals.unsupported(about))
    option = _text(properties, "versionUpgradeOption") or defaults.upgrade_option
    if option not in (None, *UPGRADES) or option == "absent":
        raise _malformed(f"The value '{option}' of 'versionUpgradeOption' is not known.")
    sku = _object(document, "sku")
    terms = table.skus.get(_text(sku, "name") or "Standard")
    if terms is None or terms.name not in offer.skus:
        raise Refused(
            refusals.bad_request(
                "InvalidResourceProperties",
                f"The specified SKU '{sku.get('name')}' of account deployment is not supported by the model "
                f"'{name}' version: '{version}'.",
            )
        )
    return Settings(
        model=name,
        version=version,
        format=model_format,
        sku=terms.name,
        capacity=_capacity(sku, terms),
        upgrade_option=option,
        rai_policy=_text(properties, "raiPolicyName") or defaults.rai_policy,
        tags=_tags(document),
        extra={k: v for k, v in properties.items() if k not in _READ_ONLY | _KNOWN},
    )


def read_patch(body: bytes, managed: Managed, table: ModelTable) -> Settings:
    """The settings after a PATCH, which can change the SKU and the tags only.

    Raises ``Refused`` for anything else.
    """
    document = _document(body)
    if strange := sorted(set(document) - {"sku", "tags"}):
        raise _malformed(f"PATCH changes sku and tags only, not {', '.join(strange)}.")
    before = managed.settings
    sku = _object(document, "sku")
    terms = table.skus.get(_text(sku, "name") or before.sku)
    if terms is None:
        raise _malformed(f"The specified SKU '{sku.get('name')}' is not known.")
    return Settings(
        model=managed.stands.model,
        version=managed.stands.version,
        format=before.format,
        sku=terms.name,
        capacity=_capacity(sku, terms) if "capacity" in sku else before.capacity,
        upgrade_option=before.upgrade_option,
        rai_policy=before.rai_policy,
        tags=_tags(document) if "tags" in document else before.tags,
        extra=before.extra,
    )


def check_put(settings: Settings, existing: Managed | None, deployments: Deployments, today: date) -> None:
    """Raises ``Refused`` where the service would not take the settings on that day."""
    table = deployments.table
    offer = table.offer(settings.model, settings.version)
    name = "" if existing is None else existing.name
    about = Subject("", name, settings.model, settings.version, settings.format)
    if existing is not None and existing.stands.model != settings.model:
        raise Refused(refusals.other_model(about))
    stays = existing is not None and existing.stands.version == settings.version
    word = offer.word(today)
    if word == "Deprecated":
        raise Refused(refusals.deprecated_since(about, offer.retires or today))
    if not stays and word == "Deprecating" and settings.sku not in offer.new_still:
        raise Refused(refusals.deprecating(about))
    check_quota(settings, existing, deployments)


def check_quota(settings: Settings, existing: Managed | None, deployments: Deployments) -> None:
    """Raises ``Refused`` where the region's quota does not suffice."""
    sku = deployments.table.skus[settings.sku]
    usage = sku.usage_name(settings.model)
    used = deployments.used(usage, but=None if existing is None else existing.name)
    if used + settings.capacity > sku.quota:
        raise Refused(refusals.over_quota(usage, settings.capacity, used, sku.quota))


def _capacity(sku: Mapping[str, Any], terms: Sku) -> int:
    capacity = sku.get("capacity", terms.default)
    whole = isinstance(capacity, int) and not isinstance(capacity, bool)
    if not whole or not terms.minimum <= capacity <= terms.maximum or capacity % terms.step:
        raise Refused(
            refusals.bad_request(
                "InvalidResourceProperties",
                f"The specified capacity '{capacity}' of account deployment should be at least {terms.minimum} "
                f"and no more than {terms.maximum}, in steps of {terms.step}.",
            )
        )
    return int(capacity)


def _tags(document: Mapping[str, Any]) -> dict[str, str]:
    tags = _object(document, "tags")
    if not all(isinstance(value, str) for value in tags.values()):
        raise _malformed("The property 'tags' is an object of strings.")
    return dict(tags)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _malformed("The request content was invalid and could not be deserialized.") from None
    if not isinstance(document, dict):
        raise _malformed("The request content is not an object.")
    return document


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name, {})
    if not isinstance(value, dict):
        raise _malformed(f"The property '{name}' is an object.")
    return value


def _text(parent: Mapping[str, Any], name: str) -> str | None:
    value = parent.get(name)
    if value is not None and not isinstance(value, str):
        raise _malformed(f"The property '{name}' is a string.")
    return value or None


def _malformed(message: str) -> Refused:
    return Refused(refusals.bad_request("InvalidRequestContent", message))
