"""The resource id of an account, and the addresses of what belongs to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

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
