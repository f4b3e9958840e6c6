"""Answers of ARM: successes, how long they ask to wait, and refusals in words, with what to do about each.

Codes as the service has been seen to use them (azure.md C2); roles as Microsoft documents them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from tui.base.retry_after import retry_after_s
from tui.base.text import plain
from tui.model import ManagedDeployment

Access = Literal["read", "write", "quota"]
"""What a request needs to be allowed to do."""

_MESSAGE_CHARS = 300
_NOW_CHARS = 200
_TEXT_CHARS = 700

_ROLES: Mapping[Access, str] = MappingProxyType(
    {
        "read": "reading deployments needs Cognitive Services OpenAI User, or Reader, on the account",
        "write": "creating and deleting deployments needs Cognitive Services OpenAI Contributor, or Cognitive "
        "Services Contributor, on the account",
        "quota": "quota needs Cognitive Services Usages Reader on the subscription",
    }
)
_NOT_FOUND = "check the subscription, the resource group and the account in the account's resource id"
_BUSY = "another operation is under way on this account: wait for its end, then try again"
_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "ServiceModelDeprecating": "this version is closed to new deployments, those that exist go on until "
        "it is retired: deploy its replacement, or try another SKU, since refusals differ by SKU",
        "ServiceModelDeprecated": "this version is retired and no longer answers: deploy its replacement",
        "DeploymentModelNotSupported": "this region does not offer that model, version and format together: "
        "choose from the models of the account",
        "InvalidResourceProperties": "choose a SKU and a capacity that the models of the account list for this "
        "version",
        "InsufficientQuota": "ask for less capacity, remove a deployment of the same model and SKU, or have "
        "the quota of this region raised",
        "CannotChangeDeploymentModel": "a deployment keeps its model: create another one beside it",
        "ResourceNotFound": _NOT_FOUND,
        "ResourceGroupNotFound": _NOT_FOUND,
        "ParentResourceNotFound": _NOT_FOUND,
        "SubscriptionNotFound": _NOT_FOUND,
        "Conflict": _BUSY,
        "RequestConflict": _BUSY,
        "AnotherOperationInProgress": _BUSY,
        "ScopeLocked": "a lock on the resource forbids it: ask its owner",
        "RequestDisallowedByPolicy": "a policy of the subscription forbids it: ask its owner",
    }
)
BUSY_CODES = frozenset({"Conflict", "RequestConflict", "AnotherOperationInProgress"})
"""Codes of 409 that pass when another operation has ended."""

_GONE_WITH_THE_ACCOUNT = frozenset({"ResourceGroupNotFound", "SubscriptionNotFound", "ParentResourceNotFound"})


class ArmError(Exception):
    """A request to the control plane that failed; its text is one line for people.

    ``code`` is ARM's own, or one of ours where no answer came; ``status`` is the HTTP status, None without an
    answer; ``message`` is what the service said, ``remedy`` what to do.
    """

    def __init__(
        self, doing: str, message: str, *, code: str = "", status: int | None = None, remedy: str = ""
    ) -> None:
        self.code = plain(code, 80)
        self.status = status
        self.message = plain(message, _MESSAGE_CHARS)
        self.remedy = remedy
        where = f"HTTP {status}" if status is not None else ""
        what = f"{self.code} ({where})" if self.code and where else self.code or where
        said = ": ".join(part for part in (doing, what, self.message) if part).rstrip(".")
        super().__init__(plain(f"{said}; {remedy}" if remedy else said, _TEXT_CHARS))


class WriteNotAllowed(ArmError):
    """A write where the rollout file does not allow any; nothing was sent."""


class ConnectionLost(ArmError):
    """No answer came. ``sent`` is whether the request may have arrived."""

    def __init__(self, doing: str, message: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(doing, message, code="ConnectionLost" if sent else "Unreachable")


class HalfDone(ArmError):
    """A write that was sent and did not end as asked.

    ``why`` is what went wrong, ``now`` what there is, both in words. ``found`` is what stands there now; where
    that could not be read, ``known`` is False and ``now`` empty.
    """

    def __init__(
        self,
        doing: str,
        why: str,
        now: str = "",
        *,
        code: str,
        found: ManagedDeployment | None,
        known: bool = True,
        remedy: str = "",
    ) -> None:
        self.found = found
        self.known = known
        # However much the service says, what there is now is not what is cut off.
        self.now = plain(now, _NOW_CHARS)
        self.why = plain(why, _MESSAGE_CHARS - len(self.now) - 2)
        message = "; ".join(part for part in (self.why, self.now) if part)
        super().__init__(doing, message, code=code, remedy=remedy)


def refused(call: ArmCall, status: int, document: object, clean: Callable[[str], str]) -> ArmError:
    """The error for an answer that is not a success; ``document`` is its JSON, whatever that is."""
    code, message = (clean(text) for text in code_and_message(document))
    remedy = _REMEDIES.get(code, "")
    if status == 401:
        remedy = (
            "the token is missing, expired or of another audience: it has to be for "
            "https://management.azure.com; try `az login`"
        )
    elif status == 403 and code not in _REMEDIES:
        remedy = f"the role is missing: {_ROLES[call.access]}"
    elif status == 429:
        remedy = "ARM throttles the subscription: try again later"
    return ArmError(call.doing, message, code=code, status=status, remedy=remedy)


def code_and_message(document: object) -> tuple[str, str]:
    """Code and message of an error body, empty where they are missing."""
    error = document.get("error", document) if isinstance(document, Mapping) else {}
    if not isinstance(error, Mapping):
        return "", error if isinstance(error, str) else ""
    code, message = error.get("code"), error.get("message")
    return (code if isinstance(code, str) else ""), (message if isinstance(message, str) else "")


def means_absent(error: ArmError) -> bool:
    """Whether an error says that there is no such deployment, and not that its account is missing."""
    if error.status != 404 or error.code in _GONE_WITH_THE_ACCOUNT:
        return False
    message = error.message.lower()
    names_the_account = "accounts/" in message and "deployments" not in message
    return not (error.code == "ResourceNotFound" and names_the_account)


def remedy_for(code: str) -> str:
    """What to do about an error code, empty where nothing is known."""
    return _REMEDIES.get(code, "")


OnStep = Callable[[str], None]
"""Told, in a line for people, what is being done."""


def silent(_: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """A success. ``document`` is its JSON; None where the body is empty or no JSON."""

    status: int
    headers: Mapping[str, str]
    document: Any

    @property
    def retry_after_s(self) -> float | None:
        return retry_after_s(self.headers)


class Deadline:
    """How long something may take in all, by ``clock`` (seconds)."""

    def __init__(self, clock: Callable[[], float], limit_s: float) -> None:
        self._clock = clock
        self._began_s = clock()
        self.limit_s = limit_s

    @property
    def passed_s(self) -> float:
        return self._clock() - self._began_s

    @property
    def left_s(self) -> float:
        return self.limit_s - self.passed_s


@dataclass(frozen=True, slots=True)
class ArmCall:
    """What a request is for, in words; what it needs to be allowed to do; how long there is; who is told."""

    doing: str
    access: Access
    deadline: Deadline
    on_step: OnStep = silent
