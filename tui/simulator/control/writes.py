"""Writes to deployments: PUT, PATCH and DELETE, checked against the offers; each begins an operation."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Literal

from tui.simulator.behaviour import UPGRADES
from tui.simulator.control import refusals
from tui.simulator.control.deployments import Deployments, Managed, Operation, Settings
from tui.simulator.control.models import ModelTable, Sku
from tui.simulator.control.plane import JSON, Reply, RequestContext
from tui.simulator.control.reads import shown, there
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


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FAILURE = {"code": "InternalServerError", "message": "The deployment could not be provisioned. Try again."}


def put(context: RequestContext) -> Reply:
    plane, name = context.plane, context.about.deployment
    if not _NAME.fullmatch(name):
        text = f"The deployment name '{name}' is not valid."
        raise Refused(refusals.bad_request("InvalidResourceName", text))
    settings = _read_put(context)
    existing = plane.deployments.get(name)
    _check_free(context)
    today, now = plane.calendar.today, plane.calendar.now
    _check_put(settings, existing, plane.deployments, today)
    if context.fault is not None and context.meets("alter"):
        settings = replace(settings, **context.fault.settings)
    if existing is None:
        behaviour = plane.template.behaviour
        plane.deployments.add(name, settings, "canary", behaviour, today, now, ready=False)
        return _begun(context, "create", settings, 201)
    return _begun(context, "update", settings, 200)


def patch(context: RequestContext) -> Reply:
    managed = there(context)
    _check_free(context)
    settings = _read_patch(context.request.body, managed, context.plane.deployments.table)
    _check_quota(settings, managed, context.plane.deployments)
    return _begun(context, "update", settings, 202)


def delete(context: RequestContext) -> Reply:
    if context.plane.deployments.get(context.about.deployment) is None:
        return Reply(204)
    _check_free(context)
    return _begun(context, "delete", None, 202)


def _begun(
    context: RequestContext, kind: Literal["create", "update", "delete"], settings: Settings | None, status: int
) -> Reply:
    """Begin the operation; the reply says where to follow it, unless it is already done."""
    plane, now_s = context.plane, context.plane.clock()
    begun = Operation(
        id=plane.new_id(),
        kind=kind,
        name=context.about.deployment,
        began_s=now_s,
        due_s=math.inf if context.meets("stall") else now_s + plane.settings.provisioning_s,
        began_at=plane.calendar.now,
        settings=settings,
        failure=_FAILURE if context.meets("fail") else None,
    )
    plane.deployments.begin(begun)
    plane.settle()
    managed = plane.deployments.get(context.about.deployment)
    body, headers = b"", {}
    if managed is not None and kind != "delete":
        body, headers = json.dumps(shown(plane, context.about.account_id, managed)).encode(), dict(JSON)
    if begun.ended and begun.failure is None:
        return Reply(200 if kind == "delete" else status, body, headers)
    return Reply(status, body, headers if context.meets("unlinked") else {**headers, **_link(context, begun)})


def _link(context: RequestContext, begun: Operation) -> dict[str, str]:
    header, kind = ("Azure-AsyncOperation", "operationStatuses")
    if begun.kind == "delete":
        header, kind = ("Location", "operationResults")
    subscription = context.about.account_id.split("/")[2]
    path = (
        f"/subscriptions/{subscription}/providers/Microsoft.CognitiveServices/locations/{context.plane.location}"
        f"/{kind}/{begun.id}"
    )
    return {
        header: f"{context.request.base}{path}?api-version={context.request.api_version}",
        "Retry-After": str(context.plane.settings.retry_after_s),
    }


def _check_free(context: RequestContext) -> None:
    """Raises ``Refused`` while another write is under way: the service takes one at a time for an account."""
    if context.plane.deployments.under_way() is not None:
        raise Refused(refusals.conflict(context.about))


def _read_put(context: RequestContext) -> Settings:
    """The settings of a PUT, which replaces all of them: what it does not carry is reset.

    Raises ``Refused`` for a body that is not what it should be, or a model or SKU that is not offered.
    """
    table, defaults = context.plane.deployments.table, context.plane.settings
    document = _document(context.request.body)
    properties = _object(document, "properties")
    model = _object(properties, "model")
    name = _text(model, "name")
    if name is None:
        raise _malformed("The property 'properties.model.name' is required.")
    version = _text(model, "version") or table.default_version(name) or ""
    model_format = _text(model, "format") or "OpenAI"
    offer = table.offers.get((name, version))
    if offer is None or offer.format != model_format:
        about = replace(context.about, model=name, version=version, format=model_format)
        raise Refused(refusals.unsupported(about))
    option = _text(properties, "versionUpgradeOption") or defaults.default_upgrade_option
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
        rai_policy=_text(properties, "raiPolicyName") or defaults.default_rai_policy,
        tags=_tags(document),
        extra={k: v for k, v in properties.items() if k not in _READ_ONLY | _KNOWN},
    )


def _read_patch(body: bytes, managed: Managed, table: ModelTable) -> Settings:
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
    return replace(
        before,
        model=managed.served.model,
        version=managed.served.version,
        sku=terms.name,
        capacity=_capacity(sku, terms) if "capacity" in sku else before.capacity,
        tags=_tags(document) if "tags" in document else before.tags,
    )


def _check_put(settings: Settings, existing: Managed | None, deployments: Deployments, today: date) -> None:
    """Raises ``Refused`` where the service would not take the settings on that day."""
    table = deployments.table
    offer = table.offer(settings.model, settings.version)
    name = "" if existing is None else existing.name
    about = Subject("", name, settings.model, settings.version, settings.format)
    if existing is not None and existing.served.model != settings.model:
        raise Refused(refusals.other_model(about))
    stays = existing is not None and existing.served.version == settings.version
    word = offer.word(today)
    if word == "Deprecated":
        raise Refused(refusals.deprecated_since(about, offer.retires or today))
    if not stays and word == "Deprecating" and settings.sku not in offer.new_still:
        raise Refused(refusals.deprecating(about))
    _check_quota(settings, existing, deployments)


def _check_quota(settings: Settings, existing: Managed | None, deployments: Deployments) -> None:
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
