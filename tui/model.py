"""Values that every room shares: frozen, slotted, without behaviour beyond derived figures.

Units are in the names: ``_ms``, ``_s``, ``_usd``, ``_pct`` (0-100), ``_tokens``. ``at_s`` is seconds of a
monotonic clock since the run started; ``at`` is a timezone-aware UTC instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

DEFAULT_TASK = "default"
ALL_TASKS = "*"
"""Key of the figures that pool every task."""


# --- what is deployed ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Price:
    """USD per 1 million tokens, with where and when it was read.

    ``cached_input_usd`` is None where the service gives no discount; cached tokens then cost ``input_usd``.
    """

    input_usd: float
    output_usd: float
    cached_input_usd: float | None
    source: str
    as_of: date | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service address. ``api`` is ``azure`` (deployment in the path) or ``v1`` (deployment in the body)."""

    name: str
    url: str
    api: Literal["azure", "v1"]
    api_version: str | None = None
    key_env: str | None = None
    entra: bool = False
    scope: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A named model instance pinned to one model and version.

    ``price`` is None when the price is unknown; ``provisioned`` capacity has no price per token at all.
    """

    name: str
    endpoint: str
    model: str
    version: str
    price: Price | None = None
    provisioned: bool = False


# --- a request and its end ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be asked. ``messages`` are chat messages as the service takes them; ``params`` are the other
    fields of the recorded body that may be replayed (temperature, tools, ...)."""

    id: int
    task: str
    messages: tuple[Mapping[str, Any], ...]
    source: str
    max_tokens: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    expected: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """The deployment drawn for one request and the weight in force at that moment; it never changes.

    ``shares`` are all weights of the task at that moment, deployment -> percent.
    """

    request_id: int
    task: str
    deployment: str
    weight_pct: float
    at_s: float
    shares: Mapping[str, float] = field(default_factory=dict)


class OutcomeKind(StrEnum):
    """Every way in which a request can end."""

    OK = "ok"
    PROMPT_FILTERED = "prompt_filtered"
    COMPLETION_FILTERED = "completion_filtered"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    GONE = "gone"
    BAD_REQUEST = "bad_request"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    CANCELLED = "cancelled"


ANSWERED = frozenset({OutcomeKind.OK, OutcomeKind.COMPLETION_FILTERED})
"""Kinds that carry an answer: only these enter latency, TTFT and ms per output token."""

FILTERED = frozenset({OutcomeKind.PROMPT_FILTERED, OutcomeKind.COMPLETION_FILTERED})

ERRORS = frozenset(OutcomeKind) - ANSWERED - FILTERED - {OutcomeKind.CANCELLED}
"""Kinds that the caller of a deployment would see as a failure. Rate limits count, and are also shown apart."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one answer. ``cached`` is part of ``prompt``; ``reasoning`` is part of ``completion``."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class FilterHits:
    """Content-filter categories that fired, as ``prompt:jailbreak`` or ``completion:hate``.

    ``blocked``: filtered. ``annotated``: detected, let through. ``below_threshold``: a severity above safe,
    let through. ``unfiltered``: the filter itself failed and the text went through unchecked.
    """

    blocked: tuple[str, ...] = ()
    annotated: tuple[str, ...] = ()
    below_threshold: tuple[str, ...] = ()
    unfiltered: bool = False


NO_HITS = FilterHits()


@dataclass(frozen=True, slots=True)
class Quota:
    """What the service said is left, None where it said nothing or a negative number."""

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    limit_requests: int | None = None
    limit_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is known of one finished request.

    ``latency_ms`` runs from the hand-over to the connection to the last byte, ``ttft_ms`` to the first event
    with content (streams only); both are None where that moment never came. ``late_ms`` is how long after its
    due time our own sender handed the request over. ``cost_usd`` is None when unknown or not priced by token.
    ``counts_for_version`` is False when another deployment answered (spillover).
    """

    request_id: int
    task: str
    deployment: str
    weight_pct: float
    kind: OutcomeKind
    due_s: float
    sent_s: float
    ended_s: float
    late_ms: float
    latency_ms: float | None = None
    ttft_ms: float | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    cost_estimated: bool = False
    filters: FilterHits = NO_HITS
    http_status: int | None = None
    finish_reason: str | None = None
    error: str | None = None
    served_model: str | None = None
    system_fingerprint: str | None = None
    served_by: str | None = None
    counts_for_version: bool = True
    retry_after_s: float | None = None
    quota: Quota | None = None
    region: str | None = None
    service_request_id: str | None = None
    source: str = ""
    saturated: bool = False
    prompt_text: str | None = None
    answer_text: str | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    """All weights of the task at assignment, deployment -> percent."""

    @property
    def ms_per_output_token(self) -> float | None:
        """Generation time per token after the first, None for answers of one token or not streamed."""
        if self.usage is None or self.ttft_ms is None or self.latency_ms is None:
            return None
        after_first = self.usage.completion_tokens - 1
        return (self.latency_ms - self.ttft_ms) / after_first if after_first > 0 else None


# --- what was done ------------------------------------------------------------------------------

WeightTable = Mapping[str, Mapping[str, float]]
"""Task -> deployment -> percent."""


class EventKind(StrEnum):
    STARTED = "started"
    RESUMED = "resumed"
    STOPPED = "stopped"
    SHIFTED = "shifted"
    ROLLED_BACK = "rolled_back"
    PROMOTED = "promoted"
    UNDONE = "undone"
    PROFILE_APPLIED = "profile_applied"
    PROFILE_SAVED = "profile_saved"
    PAUSED = "paused"
    CONTINUED = "continued"
    ENDED = "ended"
    MARKED = "marked"
    REFUSED = "refused"
    THROTTLED = "throttled"
    SATURATED = "saturated"
    BUDGET_SPENT = "budget_spent"
    UNREACHABLE = "unreachable"
    FAILING = "failing"
    REACHABLE = "reachable"
    VERSION_CHANGED = "version_changed"
    SOURCE = "source"
    RECORD = "record"
    VERDICT = "verdict"
    GUARD = "guard"
    PLAN = "plan"


WEIGHT_CHANGES = frozenset(
    {
        EventKind.SHIFTED,
        EventKind.ROLLED_BACK,
        EventKind.PROMOTED,
        EventKind.UNDONE,
        EventKind.PROFILE_APPLIED,
        EventKind.RESUMED,
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log: when, who, what, why, and the weights before and after where they changed.

    ``group`` joins events of one burst of key presses; the log shows a group as one change.
    """

    id: int
    at: datetime
    at_s: float
    actor: str
    kind: EventKind
    text: str
    reason: str = ""
    before: WeightTable | None = None
    after: WeightTable | None = None
    group: int = 0


# --- what is seen -------------------------------------------------------------------------------

WINDOWS_S: Mapping[str, int | None] = MappingProxyType(
    {"1m": 60, "5m": 300, "15m": 900, "60m": 3600, "run": None}
)
"""Name -> length in seconds; None is since the start of the run."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Nearest-rank P50, P95 and P99 with the number of values they rest on (relative error at most 1 %)."""

    p50: float
    p95: float
    p99: float
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one deployment did for one task (or all) in one window. None means no data, never zero."""

    span_s: float
    requests: int = 0
    assigned: int = 0
    assigned_share_pct: float | None = None
    kinds: Mapping[OutcomeKind, int] = field(default_factory=dict)
    latency_ms: Quantiles | None = None
    ttft_ms: Quantiles | None = None
    ms_per_output_token: Quantiles | None = None
    answers_with_usage: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    priced: int = 0
    cost_usd: float | None = None
    estimated_usd: float = 0.0
    prompt_blocked: int = 0
    completion_blocked: int = 0
    annotated: int = 0
    below_threshold: int = 0
    unfiltered: int = 0
    filter_categories: Mapping[str, int] = field(default_factory=dict)
    served_models: Mapping[str, int] = field(default_factory=dict)
    spillovers: int = 0
    saturated: int = 0

    @property
    def rate_rps(self) -> float:
        """Finished requests per second over the time really covered."""
        return self.requests / self.span_s if self.span_s > 0 else 0.0

    @property
    def error_count(self) -> int:
        return sum(n for kind, n in self.kinds.items() if kind in ERRORS)

    @property
    def error_pct(self) -> float | None:
        return 100 * self.error_count / self.requests if self.requests else None

    @property
    def filter_pct(self) -> float | None:
        """Requests whose prompt or completion was blocked."""
        blocked = self.prompt_blocked + self.completion_blocked
        return 100 * blocked / self.requests if self.requests else None

    @property
    def cost_per_1k_usd(self) -> float | None:
        """USD per 1,000 requests that have a price."""
        return 1000 * self.cost_usd / self.priced if self.cost_usd is not None and self.priced else None

    @property
    def tokens_per_request(self) -> float | None:
        n = self.answers_with_usage
        return (self.prompt_tokens + self.completion_tokens) / n if n else None


@dataclass(frozen=True, slots=True)
class SecondFigures:
    """One deployment at one second of the history, over the trailing ``HISTORY_SPAN_S`` seconds.

    None is a gap in the plot. ``requests`` is how many finished requests the figures rest on.
    """

    requests: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    cost_per_1k_usd: float | None
    filter_pct: float | None
    error_pct: float | None
    weight_pct: float
    share_pct: float | None


HISTORY_SPAN_S = 30
"""Trailing span of every point of the history: long enough that a 10 % canary has samples in each point."""


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the per-second history, all tasks pooled, by deployment name."""

    at_s: float
    figures: Mapping[str, SecondFigures]


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """One deployment as the screen needs it. ``figures[window][task]``; the task ``ALL_TASKS`` pools all."""

    deployment: Deployment
    role: Literal["baseline", "canary"]
    figures: Mapping[str, Mapping[str, Figures]]
    in_flight: int = 0
    quota: Quota | None = None
    throttled_s: float = 0.0
    held_back: int = 0
    unreachable: str | None = None
    failing: str | None = None
    """The last several requests all failed; the text is the last reason. A tripwire, not statistics."""
    last_answer_s: float | None = None
    stale_s: float | None = None
    """Seconds since it should have answered, None while it does or has nothing to answer."""
    last_error: str | None = None
    last_error_s: float | None = None


class VerdictState(StrEnum):
    WORSE = "worse"
    OK = "ok"
    NOT_YET = "not_yet"


@dataclass(frozen=True, slots=True)
class Eta:
    """How long until a verdict at a weight: None where it cannot be said yet."""

    weight_pct: float
    seconds: float | None
    canary_requests: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One criterion of one canary against the baseline, valid however often it is looked at.

    ``worse_progress`` and ``ok_progress`` are how far the evidence is on its way to either verdict, 0 to 1
    (ln E over ln of the threshold). Values carry ``unit``; differences are percent of the baseline, None where
    they are not known or not finite yet. ``advisory`` verdicts are shown but move nothing.
    """

    criterion: str
    label: str
    unit: str
    state: VerdictState
    limit: str
    baseline_value: float | None = None
    canary_value: float | None = None
    difference_pct: float | None = None
    difference_low_pct: float | None = None
    difference_high_pct: float | None = None
    worse_progress: float = 0.0
    ok_progress: float = 0.0
    baseline_requests: int = 0
    canary_requests: int = 0
    events: int = 0
    etas: tuple[Eta, ...] = ()
    advisory: bool = False
    note: str = ""
    since_s: float | None = None
    """When this state was reached; WORSE is latched."""


@dataclass(frozen=True, slots=True)
class GuardView:
    """The automatic hand on the rollback key."""

    mode: Literal["off", "armed", "dry_run"] = "off"
    criteria: tuple[str, ...] = ()
    said: str = ""
    """What it did, or would have done, last."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One rung: the canary's weight, how long and on how many of its requests it must hold, and whether a
    person has to open the gate to the next."""

    weight_pct: float
    bake_s: float
    min_requests: int = 0
    gate: bool = False


class PlanState(StrEnum):
    CLIMBING = "climbing"
    HELD = "held"
    GATE = "gate"
    STOPPED = "stopped"
    WATCHING = "watching"
    """At 100 %, the watch window still open."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PlanView:
    """Where the plan stands. ``waiting_for`` says in words what the next step still needs."""

    canary: str
    steps: tuple[PlanStep, ...]
    index: int
    state: PlanState
    in_step_s: float
    step_requests: int
    waiting_for: str = ""
    reason: str = ""


CRITERIA: tuple[str, ...] = (
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "ttft_p50",
    "ttft_p95",
    "token_p50",
    "token_p95",
    "errors",
    "completion_filter",
    "tokens",
    "cost",
    "prompt_filter",
    "split",
)
"""The id of every criterion, as ``Verdict.criterion`` and the rollout file name it; ``token_*`` is ms per
output token."""


class TrafficState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    BUDGET_SPENT = "budget_spent"
    ENDED = "ended"
    """The trace or the sources have no more requests."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SenderView:
    """How well our own sender keeps its schedule. ``late_p99_ms`` is over the last 10 seconds."""

    in_flight: int = 0
    max_in_flight: int = 0
    sent: int = 0
    skipped: int = 0
    late_p99_ms: float | None = None
    saturated: bool = False
    offered_rps: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source of requests: what it is, how much it gave, what it could not use and why."""

    name: str
    kind: Literal["synthetic", "sampled"]
    format: str | None = None
    given: int = 0
    bad_lines: int = 0
    last_bad: str | None = None
    ended: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RecordView:
    """Where the run is kept. ``error`` says what could not be written; ``waiting`` rows are held in memory."""

    path: str | None = None
    error: str | None = None
    waiting: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a screen may show at one moment. Immutable; a new one is built every second."""

    at: datetime
    at_s: float
    run_id: str
    rollout: str
    environment: str
    state: TrafficState
    baseline: str
    weights: WeightTable
    deployments: Mapping[str, DeploymentView]
    assigned: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Task -> deployment -> requests assigned since the weights last changed: what they do in traffic."""
    history: tuple[Second, ...] = ()
    events: tuple[Event, ...] = ()
    sender: SenderView = field(default_factory=SenderView)
    sources: tuple[SourceView, ...] = ()
    record: RecordView = field(default_factory=RecordView)
    spent_usd: float = 0.0
    spent_estimated_usd: float = 0.0
    budget_usd: float | None = None
    verdicts: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    """Canary -> one verdict a criterion, in the order of the decision table."""
    guard: GuardView = field(default_factory=GuardView)
    plan: PlanView | None = None
    can_undo: WeightTable | None = None
    """The weights that undo would restore."""
