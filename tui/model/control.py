"""What the control plane (ARM) says: deployments as they are managed, models as they are offered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")

UpgradeOption = Literal["OnceNewDefaultVersionAvailable", "OnceCurrentVersionExpired", "NoAutoUpgrade"]
"""``versionUpgradeOption`` of a deployment. Absent or null is read as None and means: not pinned, upgraded at
retirement (Microsoft, working with models, 2026-02)."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``count`` of ``key`` (``request`` or ``token``) in every ``renewal_s`` seconds."""

    key: str
    count: float
    renewal_s: float


@dataclass(frozen=True, slots=True)
class ManagedDeployment:
    """A deployment as ARM has it. Text is the service's own; None is what it did not say.

    ``capacity`` is in units of the SKU (for the Standard ones 1,000 tokens per minute). ``state`` is
    ``provisioningState`` and may be any text; ``paused`` is ``deploymentState``.
    """

    name: str
    model: str
    version: str | None
    format: str = "OpenAI"
    sku: str | None = None
    capacity: int | None = None
    upgrade_option: str | None = None
    state: str | None = None
    paused: bool = False
    rai_policy: str | None = None
    spillover: str | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    created_at: datetime | None = None
    modified_at: datetime | None = None
    etag: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole answer, so that a PUT carries over what it would otherwise reset."""


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """A deployment that is to be created, or to be set as this says.

    ``version`` is exact. ``rai_policy`` None keeps the policy that a deployment has, and leaves that of a new
    one to the service.
    """

    name: str
    model: str
    version: str
    sku: str
    capacity: int
    format: str = "OpenAI"
    rai_policy: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The resource that the deployments belong to. ``keys_disabled`` is ``disableLocalAuth``."""

    name: str
    location: str
    kind: str | None = None
    endpoint: str | None = None
    state: str | None = None
    keys_disabled: bool = False


@dataclass(frozen=True, slots=True)
class BilledMeter:
    """A meter of the price list on which a SKU is billed, under the name that ARM gives it."""

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class ModelSku:
    """How a model may be deployed: ``retires`` where the SKU has a date of its own.

    A capacity is at least ``least_capacity`` and a multiple of ``capacity_step``, as far as they are told;
    ``meters`` are ``cost`` and may be empty.
    """

    name: str
    usage_name: str | None = None
    retires: date | None = None
    default_capacity: int | None = None
    most_capacity: int | None = None
    least_capacity: int | None = None
    capacity_step: int | None = None
    meters: tuple[BilledMeter, ...] = ()


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a deployment is moved to, and from when on.

    ``starts`` is when those that take each new default begin to move, ``lead_days`` how many days before the
    date those that wait for the end may be moved.
    """

    model: str
    version: str
    starts: date | None = None
    lead_days: int = 0


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """One model and version as ARM lists it for an account or a region. ``status`` is the API's own word.

    ``retires`` is None where no date is known (2099-12-31 counts as none); ``tentative`` is None where the
    service does not say whether the date may move.
    """

    model: str
    version: str
    format: str = "OpenAI"
    status: str | None = None
    is_default: bool = False
    retires: date | None = None
    tentative: bool | None = None
    replacement: Replacement | None = None
    skus: tuple[ModelSku, ...] = ()
    capabilities: Mapping[str, str] = field(default_factory=dict)

    def sku(self, name: str | None) -> ModelSku | None:
        """The terms of one way to deploy it."""
        return next((sku for sku in self.skus if sku.name == name), None)


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """What of a subscription's quota in a region is used, in the unit of the service; None is not told."""

    name: str
    used: float | None
    limit: float | None
    unit: str = ""


class Phase(StrEnum):
    """Where a version stands, by the names of the documents; the API's words differ from them."""

    PREVIEW = "preview"
    GENERALLY_AVAILABLE = "generally available"
    LEGACY = "legacy"
    DEPRECATED = "deprecated"
    RETIRED = "retired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What is known of the end of one model and version, with where and when it was read."""

    model: str
    version: str
    phase: Phase
    retires: date | None
    tentative: bool | None
    replacement: Replacement | None
    source: str
    as_of: date | None


class PinState(StrEnum):
    """Whether a deployment will go on to answer with the version it was made for."""

    PINNED = "pinned"
    PINNED_UNTIL = "pinned until"
    HARD_STOP = "hard stop"
    NOT_PINNED = "not pinned"
    UNKNOWN = "unknown"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class Pin:
    """``until`` is the date of PINNED_UNTIL and HARD_STOP. ``reason`` and ``remedy`` are for people."""

    state: PinState
    until: date | None = None
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class LifecycleStatus:
    """How long a deployment may go on. ``warning`` is what is to be said of its end from 90 days before it,
    empty where nothing is; ``days_left`` is until then, negative when it is past. ``successor`` is a deployment
    of the rollout that can take over."""

    pin: Pin = Pin(PinState.UNKNOWN)
    lifecycle: Lifecycle | None = None
    warning: str = ""
    severity: Literal["note", "warn", "alarm"] = "note"
    days_left: int | None = None
    successor: str | None = None


NOT_KNOWN = LifecycleStatus()


@dataclass(frozen=True, slots=True)
class WriteEnd:
    """How the last write to an account ended. ``text`` says what is there now; ``done`` is whether that is what
    was asked for. ``by_hand`` is the command that does the same, empty where it is done."""

    at: datetime
    text: str
    done: bool
    by_hand: str = ""


@dataclass(frozen=True)
class AccountView:
    """One account as the control plane last showed it. ``endpoint`` is the name in the rollout file.

    ``deployments`` None is not read yet. ``read_at`` is of the deployments; ``error`` says why the last look
    failed, or what it could not read: what was read before stays. ``doing`` is the write under way, in words,
    ``ended`` how the last one did.
    """

    endpoint: str
    name: str
    location: str | None = None
    may_write: bool = False
    deployments: tuple[ManagedDeployment, ...] | None = None
    models: tuple[OfferedModel, ...] = ()
    quota: tuple[QuotaUse, ...] = ()
    read_at: datetime | None = None
    error: str | None = None
    doing: str = ""
    ended: WriteEnd | None = None
    statuses: Mapping[str, LifecycleStatus] = field(default_factory=dict)
    """The status of each deployment, by its name, as far as ARM tells."""

    def deployment(self, name: str) -> ManagedDeployment | None:
        """The deployment of that name; ARM does not tell upper from lower case."""
        return self._by_name.get(name.lower())

    def sku_of(self, managed: ManagedDeployment) -> ModelSku | None:
        """The terms of a deployment's SKU, as the account offers its model."""
        offered = self.offered(managed.model, managed.version, managed.format)
        return offered.sku(managed.sku) if offered is not None else None

    def offered(self, model: str, version: str | None, format_: str = "OpenAI") -> OfferedModel | None:
        """What the account offers of one version."""
        return self._by_version.get((format_, model, version))

    def quota_of(self, managed: ManagedDeployment) -> QuotaUse | None:
        """The quota that a deployment draws on: that of its model and SKU in the region."""
        offered = self.offered(managed.model, managed.version, managed.format)
        skus = offered.skus if offered is not None else ()
        usage = next((sku.usage_name for sku in skus if sku.name == managed.sku), None)
        return None if usage is None else self._by_usage.get(usage)

    # An account may hold hundreds of each, and every row of a screen asks. Kept in the instance, which is
    # why this class has no slots.

    @cached_property
    def _by_name(self) -> Mapping[str, ManagedDeployment]:
        return _first((d.name.lower(), d) for d in self.deployments or ())

    @cached_property
    def _by_version(self) -> Mapping[tuple[str, str, str | None], OfferedModel]:
        return _first(((m.format, m.model, m.version), m) for m in self.models)

    @cached_property
    def _by_usage(self) -> Mapping[str, QuotaUse]:
        return _first((use.name, use) for use in self.quota)


def _first(pairs: Iterable[tuple[_K, _V]]) -> dict[_K, _V]:
    """Of several values with one key the first."""
    kept: dict[_K, _V] = {}
    for key, value in pairs:
        kept.setdefault(key, value)
    return kept
