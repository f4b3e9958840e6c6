"""Requests to ARM: the addresses in an account, what a write sends, and the command to do the same by hand."""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tui.model import DeploymentSpec, ManagedDeployment

_PROVIDER = "Microsoft.CognitiveServices"
_EXAMPLE = f"/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/{_PROVIDER}/accounts/ACCOUNT"
_PARTS = ("subscriptions", "", "resourceGroups", "", "providers", _PROVIDER, "accounts", "")
_VALUES = {1: "subscription", 3: "resource group", 7: "account"}
_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._()-]*[A-Za-z0-9_()-])?|_[A-Za-z0-9._()-]*")
DEPLOYMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LOCATION = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class AccountId:
    """Where an account is. ``parse`` reads the full resource id, as the portal and ``az`` show it."""

    subscription: str
    group: str
    account: str

    @classmethod
    def parse(cls, text: str) -> AccountId:
        """Raises ``ValueError`` that names what is wrong and shows a right one."""
        given = text.strip()
        parts = given.strip("/").split("/")
        problem = ""
        if not given.startswith("/"):
            problem = "it does not begin with /subscriptions/"
        for place, expected in enumerate(_PARTS):
            if problem:
                break
            found = parts[place] if place < len(parts) else ""
            if expected and found.lower() != expected.lower():
                problem = f"{expected!r} is expected in place of {found[:80]!r}"
            elif not expected and not found:
                problem = f"the {_VALUES[place]} is missing"
            elif not expected and (len(found) > 90 or not _VALUE.fullmatch(found)):
                problem = f"the {_VALUES[place]} {found[:80]!r} is no name that Azure gives"
        if not problem and len(parts) > len(_PARTS):
            problem = f"it goes on after the account: {'/'.join(parts[len(_PARTS) :])[:80]!r}"
        if problem:
            raise ValueError(f"account {given[:200]!r}: {problem}; write {_EXAMPLE}")
        return cls(parts[1], parts[3], parts[7])

    @property
    def path(self) -> str:
        """Also the account's resource id."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{_PROVIDER}"
            f"/accounts/{self.account}"
        )

    @property
    def deployments(self) -> str:
        return f"{self.path}/deployments"

    def deployment(self, name: str) -> str:
        """Raises ``ValueError`` for a name that no deployment can have."""
        if not DEPLOYMENT_NAME.fullmatch(name):
            raise ValueError(
                f"deployment {name[:80]!r}: use 1 to 64 letters, digits, '.', '_' or '-', starting with a "
                "letter or digit"
            )
        return f"{self.deployments}/{quote(name, safe='')}"

    @property
    def models(self) -> str:
        return f"{self.path}/models"

    def location(self, location: str, what: str) -> str:
        """The address of ``what`` in a region, which may be given by its display name.

        Raises ``ValueError`` for text that names no region.
        """
        region = location.replace(" ", "").lower()
        if not _LOCATION.fullmatch(region):
            raise ValueError(f"region {location[:80]!r}: write a name such as eastus2 or East US 2")
        return f"/subscriptions/{self.subscription}/providers/{_PROVIDER}/locations/{region}/{what}"


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
