"""What a write sends, and the command with which a person can do the same by hand."""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Mapping
from typing import Any

from tui.control_plane.account_id import AccountId
from tui.model import DeploymentSpec, ManagedDeployment

MANAGEMENT_URL = "https://management.azure.com"
API_VERSION = "2025-09-01"
"""The lowest version known to tell replacements and the certainty of dates."""

PINNED = "NoAutoUpgrade"
_READ_ONLY = (
    "provisioningState",
    "capabilities",
    "rateLimits",
    "callRateLimit",
    "dynamicThrottlingEnabled",
    "currentCapacity",
)
"""Properties of a deployment that the service sets (REST reference); ``currentCapacity`` restates the SKU's."""


def put_body(spec: DeploymentSpec, existing: ManagedDeployment | None = None) -> dict[str, Any]:
    """The body of the PUT that sets a deployment as ``spec`` says, pinned.

    A PUT replaces everything, so whatever else ``existing`` has is carried over.
    """
    before: dict[str, Any] = {} if existing is None else copy.deepcopy(dict(existing.body))
    properties = _object(before, "properties")
    for name in _READ_ONLY:
        properties.pop(name, None)
    model = _object(properties, "model")
    model.pop("callRateLimit", None)
    sku = _object(before, "sku")
    if sku.get("name") != spec.sku:
        # Tier, size and family belong to the name.
        sku = {}
    body: dict[str, Any] = {
        "sku": {**sku, "name": spec.sku, "capacity": spec.capacity},
        "properties": {
            **properties,
            "model": {**model, "format": spec.format, "name": spec.model, "version": spec.version},
            "versionUpgradeOption": PINNED,
        },
    }
    if spec.rai_policy is not None:
        body["properties"]["raiPolicyName"] = spec.rai_policy
    if isinstance(before.get("tags"), Mapping):
        body["tags"] = before["tags"]
    return body


def az_create(
    account: AccountId,
    spec: DeploymentSpec,
    existing: ManagedDeployment | None = None,
    *,
    base_url: str = MANAGEMENT_URL,
    api_version: str = API_VERSION,
) -> str:
    """A shell command that creates the deployment, or sets it so.

    ``az cognitiveservices account deployment create`` cannot send versionUpgradeOption, so it would leave the
    deployment unpinned (azure-cli, cognitiveservices/custom.py).
    """
    url = f"{base_url.rstrip('/')}{account.deployment(spec.name)}?api-version={api_version}"
    body = json.dumps(put_body(spec, existing), separators=(",", ":"))
    return shlex.join(["az", "rest", "--method", "put", "--url", url, "--body", body])


def az_delete(account: AccountId, name: str) -> str:
    """A shell command that removes the deployment."""
    account.deployment(name)
    return shlex.join(
        [
            *("az", "cognitiveservices", "account", "deployment", "delete"),
            *("--subscription", account.subscription, "--resource-group", account.group),
            *("--name", account.account, "--deployment-name", name),
        ]
    )


def _object(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    return dict(value) if isinstance(value, Mapping) else {}
