"""Refusals of the control plane: status, code and message of each, worded as ARM and the service word them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class ArmRefusal:
    """An error answer. ``retry_after_s`` is sent along where the service says how long to wait."""

    status: int
    code: str
    message: str
    retry_after_s: int | None = None

    @property
    def error(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "target": None, "details": [], "additionalInfo": []}


class Refused(Exception):
    """A request that the control plane turns down."""

    def __init__(self, refusal: ArmRefusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Subject:
    """What an error is about, as the messages name it. ``retry_after_s`` 0 is a service that does not say."""

    account_id: str
    deployment: str = ""
    model: str = ""
    version: str = ""
    format: str = "OpenAI"
    action: str = "read"
    retry_after_s: int = 5

    @property
    def resource_id(self) -> str:
        return f"{self.account_id}/deployments/{self.deployment}" if self.deployment else self.account_id


def unauthenticated(_: Subject) -> ArmRefusal:
    return ArmRefusal(
        401,
        "AuthenticationFailed",
        "Authentication failed. The 'Authorization' header is missing or not valid.",
    )


def forbidden(about: Subject) -> ArmRefusal:
    return ArmRefusal(
        403,
        "AuthorizationFailed",
        "The client 'pretend-user' does not have authorization to perform action "
        f"'Microsoft.CognitiveServices/accounts/deployments/{about.action}' over scope '{about.resource_id}' "
        "or the scope is invalid. If access was recently granted, please refresh your credentials.",
    )


def not_found(about: Subject) -> ArmRefusal:
    return ArmRefusal(404, "ResourceNotFound", f"The Resource '{about.resource_id}' was not found.")


def no_group(about: Subject) -> ArmRefusal:
    group = about.account_id.split("/")[4]
    return ArmRefusal(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def conflict(about: Subject) -> ArmRefusal:
    return ArmRefusal(
        409,
        "RequestConflict",
        f"Another operation is being performed on the parent resource '{about.account_id}'. Please try again "
        "later.",
    )


def throttled(about: Subject) -> ArmRefusal:
    return ArmRefusal(
        429,
        "TooManyRequests",
        "The request is being throttled as the limit has been reached for this operation.",
        about.retry_after_s or None,
    )


def unavailable(about: Subject) -> ArmRefusal:
    return ArmRefusal(
        503, "ServiceUnavailable", "The service is temporarily unavailable.", about.retry_after_s or None
    )


def broken(_: Subject) -> ArmRefusal:
    return ArmRefusal(500, "InternalServerError", "An error occurred while processing the request.")


def _described(about: Subject) -> str:
    return f"Format:{about.format},Name:{about.model},Version:{about.version}"


def deprecating(about: Subject) -> ArmRefusal:
    return ArmRefusal(
        400,
        "ServiceModelDeprecating",
        f"The model '{_described(about)}' is in deprecating state and cannot be used for new deployments.",
    )


def deprecated_since(about: Subject, day: date) -> ArmRefusal:
    return ArmRefusal(
        400,
        "ServiceModelDeprecated",
        f"The model '{_described(about)}' has been deprecated since {day:%m/%d/%Y} 00:00:00.",
    )


def unsupported(about: Subject) -> ArmRefusal:
    return ArmRefusal(
        400,
        "DeploymentModelNotSupported",
        f"The model 'Format: {about.format}, Name: {about.model}, Version: {about.version}, Source: ' of "
        "account deployment is not supported.",
    )


def other_model(about: Subject) -> ArmRefusal:
    return ArmRefusal(
        400,
        "CannotChangeDeploymentModel",
        f"The model of deployment '{about.deployment}' cannot be changed to '{about.model}'. Create another "
        "deployment.",
    )


def over_quota(usage: str, asked: int, used: int, limit: int) -> ArmRefusal:
    return ArmRefusal(
        400,
        "InsufficientQuota",
        f"This operation require {asked} new capacity in quota {usage}, which is bigger than the current "
        f"available capacity {max(0, limit - used)}. The current quota usage is {used} and the quota limit is "
        f"{limit} for quota {usage}.",
    )


def bad_request(code: str, message: str) -> ArmRefusal:
    return ArmRefusal(400, code, message)
