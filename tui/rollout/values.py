"""What a rollout file says, once it is known to be right: frozen, complete, every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from tui.base.problems import Problem
from tui.model import DEFAULT_TASK, Deployment, Endpoint, PlanStep, WeightTable
from tui.model.criteria import default_of

SIMULATOR = "simulator"
"""The ``url`` of an endpoint that stands for the embedded simulator; it needs no key."""

DEFAULT_SCOPE = "https://ai.azure.com/.default"
"""What an Entra token for the data plane is asked for (Microsoft, v1 API page; older pages name
``https://cognitiveservices.azure.com/.default``)."""

LAST_DATED_API_VERSION = "2024-10-21"
"""The last dated data-plane API version that is generally available."""

FormatName = Literal[
    "batch", "chat", "wrapped", "evals", "otel", "otel_logs", "openinference", "litellm", "langfuse",
    "helicone", "stored", "apim", "tensorzero", "sharegpt", "lmsys",
]  # fmt: skip
"""Layouts of recorded requests: OpenAI or Azure batch lines, chat lines (fine-tuning data, tasks with known
answers), bodies with something around them, evals samples, OpenTelemetry GenAI spans (OpenLLMetry too) and log
events, OpenInference spans (Phoenix too), LiteLLM payloads and spend logs, Langfuse batches and spans, Helicone
requests, completions stored by OpenAI, API Management log rows, TensorZero datapoints, ShareGPT and LMSYS or
WildChat conversations."""


TraceUnit = Literal["s", "ms", "us", "ns"]
"""What the numbers of a trace's timestamps count."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One ``[[traffic.sources]]``. ``share`` is relative to the other shares, ``sample_pct`` a percentage.

    ``synthetic``: prompts of the program or of the file ``prompts``; ``tokens = "trace"`` gives them the token
    counts of the trace. ``sampled``: the recorded requests of ``path``; ``format`` None is recognised from the
    file. ``loop`` starts again at the end of the file.
    """

    kind: Literal["synthetic", "sampled"]
    share: float = 100.0
    path: Path | None = None
    prompts: Path | None = None
    format: FormatName | None = None
    sample_pct: float = 100.0
    follow: bool = False
    redact: bool = True
    task: str | None = None
    loop: bool = True
    tokens: Literal["natural", "trace"] = "natural"


@dataclass(frozen=True, slots=True)
class Traffic:
    """How requests are made. ``rate`` is requests per second over all tasks; ``speed`` multiplies the pace of
    a trace, ``trace_unit`` is what its timestamps count, None what they seem to. ``budget_usd`` None means no
    limit, ``max_tokens`` None leaves it to the request."""

    rate: float = 5.0
    arrivals: Literal["constant", "poisson", "trace"] = "poisson"
    trace: Path | None = None
    trace_unit: TraceUnit | None = None
    speed: float = 1.0
    loop: bool = False
    stream: bool = True
    max_in_flight: int = 200
    timeout_s: float = 60.0
    budget_usd: float | None = None
    max_tokens: int | None = None
    sources: tuple[SourceSpec, ...] = (SourceSpec("synthetic"),)


@dataclass(frozen=True, slots=True)
class Criteria:
    """How far a canary may be from the baseline. ``_pct``: at most so many percent above it. ``quality`` is by
    how much its mean score of 1 to 5 may be lower, ``accuracy`` its share of right answers, in points of
    percent.

    ``alpha_pct`` is the chance in percent that an equal canary is ever called WORSE, for all criteria
    together; ``calibration_requests`` how many answers of the baseline freeze the limits that "slower" is
    measured against. ``*_floor_pct``: a rate below it is OK whatever the other one is. ``warmup_requests`` of
    a canary that joins, or is raised from 0, say nothing of time and cost. ``dispersion`` is by how much the
    evidence of a second is too sure of itself, for its information a second, as ``calibrate`` measures it; 0
    where it is not. ``paired`` are the criteria that there are pairs of answers for: ``accuracy`` with known
    answers, ``quality`` with requests that are sent to both versions.
    """

    latency_p50_pct: float = default_of("latency_p50_pct")
    latency_p95_pct: float = default_of("latency_p95_pct")
    latency_p99_pct: float = default_of("latency_p99_pct")
    cost_per_request_pct: float = default_of("cost_per_request_pct")
    error_floor_pct: float = default_of("error_floor_pct")
    filter_floor_pct: float = default_of("filter_floor_pct")
    quality: float = 0.0
    accuracy: float = 0.0
    alpha_pct: float = 5.0
    calibration_requests: int = 300
    warmup_requests: int = 100
    dispersion: float = 0.0
    paired: tuple[str, ...] = ()
    scored_by: Literal["judge", "people"] = "judge"


@dataclass(frozen=True, slots=True)
class GuardSpec:
    """The ``[guard]`` table. ``criteria`` are ids of ``CRITERIA``; when empty, all that can say WORSE.
    ``tripwire``: it acts on consecutive failures too, ``version_change``: when another version begins to answer
    for a canary, ``alone``: on what looks like a late drift of a canary that has all the traffic."""

    mode: Literal["off", "armed", "dry_run"] = "off"
    criteria: tuple[str, ...] = ()
    tripwire: bool = True
    version_change: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """The ``[plan]`` table: how ``canary`` climbs. The weights of ``steps`` rise.

    ``must_be_ok`` and ``stop_on`` are ids of ``CRITERIA``; when empty, the plan's own choice holds.
    ``start``: whether it waits for a person to begin it.
    """

    canary: str
    steps: tuple[PlanStep, ...]
    must_be_ok: tuple[str, ...] = ()
    stop_on: tuple[str, ...] = ()
    watch_s: float = 3600.0
    start: Literal["held", "climbing"] = "held"


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """A file of tasks with known answers, and how many of them a second are asked of each version."""

    path: Path
    per_s: float = 0.2


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """The ``[quality.judge]`` table: the deployment that scores answers, which gets no other traffic, and what
    it may cost. ``rubric`` None is the program's own."""

    deployment: Deployment
    rubric: str | None = None
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class QualitySpec:
    """The ``[quality]`` table. ``samples_per_s`` is of how many requests a second the text is kept in memory,
    ``shadow_pct`` which share of the requests is sent to both versions."""

    samples_per_s: float = 1.0
    shadow_pct: float = 0.0
    judge: JudgeSpec | None = None


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What holds for one task: the tables of the file, with those of ``[tasks.NAME]`` in their place.

    ``requests_per_day`` are those of real users; None where nobody said.
    """

    criteria: Criteria = Criteria()
    plan: PlanSpec | None = None
    requests_per_day: float | None = None
    known: KnownAnswers | None = None


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The ``[control_plane]`` table: how deployments are looked at and, with ``write``, made and removed.

    ``token_env`` names the variable that holds a token; with ``entra`` one is asked for.
    """

    url: str = "https://management.azure.com"
    token_env: str | None = None
    entra: bool = False
    write: bool = False


Occasion = Literal["worse", "rolled_back", "baseline_dead", "not_rolled_back", "budget_spent", "ended"]
"""What somebody may be told of."""

OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)

BY_DEFAULT: tuple[Occasion, ...] = OCCASIONS[:-1]
"""Every run ends; whoever wants to be told says so."""


@dataclass(frozen=True, slots=True)
class NotifySpec:
    """Somebody to be told. ``url_env`` and ``key_env`` name the variables that hold address and key; ``on`` are
    the occasions."""

    kind: Literal["slack", "teams", "json", "pagerduty"]
    url_env: str | None
    key_env: str | None
    on: tuple[Occasion, ...]

    @property
    def named_by(self) -> str:
        """The variable that says which one it is."""
        return self.url_env or self.key_env or ""


@dataclass(frozen=True, slots=True)
class CockpitSettings:
    """How the cockpit behaves. ``step_pct`` is what one key press shifts, in points of weight; ``keys`` maps
    the id of an action to its keys, separated by commas; ``unattended_s`` is how long a run goes on whose
    last cockpit was lost, None where nothing was said: 5 minutes, a rehearsal not at all."""

    step_pct: float = 5.0
    window: Literal["1m", "5m", "15m", "60m", "run"] = "5m"
    marker: Literal["braille", "hd", "ascii"] = "braille"
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unattended_s: float | None = None
    desktop_notes: bool = False
    """Whether the terminal is asked to show what rings its bell (OSC 9)."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout file without mistakes.

    ``weights`` names every deployment for every task (absent = 0) and always has the task ``default``.
    ``tasks`` has the same tasks.
    ``deployments`` keep the order of the file; their price is set only where the file sets it.
    ``profiles_dir`` is where weight profiles are kept: beside the file, named after it; it may not exist.
    ``rehearsed``: what answers is a simulator that the program has started.
    """

    name: str
    environment: str
    path: Path
    baseline: str
    endpoints: Mapping[str, Endpoint]
    deployments: Mapping[str, Deployment]
    weights: WeightTable
    traffic: Traffic
    cockpit: CockpitSettings
    keep_text: bool
    profiles_dir: Path
    warnings: tuple[Problem, ...] = ()
    guard: GuardSpec = GuardSpec()
    control_plane: ControlPlane | None = None
    quality: QualitySpec = QualitySpec()
    tasks: Mapping[str, TaskSpec] = field(default_factory=lambda: MappingProxyType({DEFAULT_TASK: TaskSpec()}))
    rehearsed: bool = False
    notify: tuple[NotifySpec, ...] = ()

    @property
    def plain_servers(self) -> frozenset[str]:
        """The endpoints that are none of Azure."""
        return frozenset(name for name, endpoint in self.endpoints.items() if endpoint.plain)

    @property
    def criteria(self) -> Criteria:
        """Those of the default task."""
        return self.tasks[DEFAULT_TASK].criteria

    @property
    def plan(self) -> PlanSpec | None:
        """That of the default task, else the first that a task has."""
        plans = (self.tasks[DEFAULT_TASK].plan, *(spec.plan for spec in self.tasks.values()))
        return next((plan for plan in plans if plan is not None), None)

    @property
    def requests_per_day(self) -> Mapping[str, float]:
        """Those of real users, for the tasks where somebody said it."""
        said = {task: spec.requests_per_day for task, spec in self.tasks.items()}
        return {task: per_day for task, per_day in said.items() if per_day is not None}

    @property
    def criteria_by_task(self) -> Mapping[str, Criteria]:
        """What each task is judged by."""
        return MappingProxyType({task: spec.criteria for task, spec in self.tasks.items()})
