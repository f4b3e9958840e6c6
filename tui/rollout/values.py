"""Values of a rollout file: its tables, frozen, complete, every default filled in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from tui.model import Deployment, PlanStep, Price
from tui.model.criteria import default_of
from tui.rollout._types import (
    NEEDED,
    ActionKeys,
    CriterionIds,
    FilePath,
    FloorPct,
    FreeText,
    KeyVariable,
    Listed,
    Name,
    NotNegative,
    Pct,
    PointsLower,
    Rubric,
    Seconds,
    SecondsOrForever,
    Table,
    TokenVariable,
    UrlVariable,
    key,
    written_as,
)

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


def _price(table: PriceTable) -> Price:
    return Price(table.input, table.output, table.cached_input, "rollout file", None)


def _step(table: StepTable) -> PlanStep:
    return PlanStep(table.weight, table.bake_s, table.requests, table.gate)


def _judge(table: JudgeTable) -> JudgeSpec:
    deployment = Deployment(table.deployment, table.endpoint, table.model, table.version, table.price)
    return JudgeSpec(deployment, table.rubric, table.budget_usd)


def _without_end(source: SourceSpec) -> SourceSpec:
    """A file that is followed has no end to start again at."""
    return replace(source, loop=False) if source.follow else source


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable(Table):
    input: Annotated[NotNegative, NEEDED]
    cached_input: NotNegative | None = None
    output: Annotated[NotNegative, NEEDED]


@dataclass(frozen=True, slots=True)
class StepTable(Table):
    weight: Annotated[Pct, NEEDED]
    bake_s: Annotated[Seconds, key("bake")] = 0.0
    requests: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    gate: bool = False


@dataclass(frozen=True, slots=True)
class JudgeTable(Table):
    endpoint: Annotated[str, NEEDED]
    deployment: Annotated[FreeText, NEEDED]
    model: Annotated[FreeText, NEEDED]
    version: Annotated[FreeText, NEEDED]
    price: FilePrice | None = None
    rubric: Rubric | None = None
    budget_usd: NotNegative | None = None


FilePrice = Annotated[Price, written_as(Annotated[PriceTable, AfterValidator(_price)])]
_Step = Annotated[PlanStep, written_as(Annotated[StepTable, AfterValidator(_step)])]
_Judge = Annotated["JudgeSpec", written_as(Annotated[JudgeTable, AfterValidator(_judge)])]
_STEPS_RULE = 'must be a list of tables: steps = [{ weight = 5, bake = "10m" }, { weight = 100 }]'


@dataclass(frozen=True, slots=True)
class SourceSpec(Table):
    """One ``[[traffic.sources]]``. ``share`` is relative to the other shares, ``sample_pct`` a percentage.

    ``synthetic``: prompts of the program or of the file ``prompts``; ``tokens = "trace"`` gives them the token
    counts of the trace. ``sampled``: the recorded requests of ``path``; ``format`` None is recognised from the
    file. ``loop`` starts again at the end of the file.
    """

    kind: Annotated[Literal["synthetic", "sampled"], NEEDED]
    share: NotNegative = 100.0
    path: FilePath | None = None
    prompts: FilePath | None = None
    format: FormatName | None = None
    sample_pct: Pct = 100.0
    follow: bool = False
    redact: bool = True
    task: Name | None = None
    loop: bool = True
    tokens: Literal["natural", "trace"] = "natural"


_Source = Annotated[SourceSpec, AfterValidator(_without_end)]
_SOURCES_RULE = "must be a list of tables: [[traffic.sources]]"


@dataclass(frozen=True, slots=True)
class Traffic(Table):
    """How requests are made. ``rate`` is requests per second over all tasks; ``speed`` multiplies the pace of
    a trace, ``trace_unit`` is what its timestamps count, None what they seem to. ``budget_usd`` None means no
    limit, ``max_tokens`` None leaves it to the request."""

    rate: Annotated[float, Field(gt=0, le=100_000)] = 5.0
    arrivals: Literal["constant", "poisson", "trace"] = "poisson"
    trace: FilePath | None = None
    trace_unit: TraceUnit | None = None
    speed: Annotated[float, Field(gt=0, le=10_000)] = 1.0
    loop: bool = False
    stream: bool = True
    max_in_flight: Annotated[int, Field(ge=1, le=100_000)] = 200
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    budget_usd: NotNegative | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    sources: Annotated[tuple[SourceSpec, ...], Listed(_Source, 64, _SOURCES_RULE)] = (SourceSpec("synthetic"),)


@dataclass(frozen=True, slots=True)
class Limits(Table):
    """How far a canary may be from the baseline: what a task may say for itself. ``_pct``: at most so many
    percent above it. ``*_floor_pct``: a rate below it is OK whatever the other one is. ``quality`` is by how
    much its mean score of 1 to 5 may be lower, ``accuracy`` its share of right answers, in points of percent.
    """

    latency_p50_pct: NotNegative = default_of("latency_p50_pct")
    latency_p95_pct: NotNegative = default_of("latency_p95_pct")
    latency_p99_pct: NotNegative = default_of("latency_p99_pct")
    cost_per_request_pct: NotNegative = default_of("cost_per_request_pct")
    error_floor_pct: FloorPct = default_of("error_floor_pct")
    filter_floor_pct: FloorPct = default_of("filter_floor_pct")
    quality: PointsLower = 0.0
    accuracy: PointsLower = 0.0


@dataclass(frozen=True, slots=True)
class CriteriaTable(Limits):
    """The ``[criteria]`` table.

    ``alpha_pct`` is the chance in percent that an equal canary is ever called WORSE, for all criteria
    together; ``calibration_requests`` how many answers of the baseline freeze the limits that "slower" is
    measured against. ``warmup_requests`` of a canary that joins, or is raised from 0, say nothing of time and
    cost. ``dispersion`` is by how much the evidence of a second is too sure of itself, for its information a
    second, as ``calibrate`` measures it; 0 where it is not.
    """

    alpha_pct: Annotated[float, Field(gt=0, le=50)] = 5.0
    calibration_requests: Annotated[int, Field(ge=100, le=100_000)] = 300
    warmup_requests: Annotated[int, Field(ge=0, le=100_000)] = 100
    dispersion: Annotated[float, Field(ge=0, le=1e9)] = 0.0


@dataclass(frozen=True, slots=True)
class Criteria(CriteriaTable):
    """What a task is judged by. ``paired`` are the criteria that there are pairs of answers for: ``accuracy``
    with known answers, ``quality`` with requests that are sent to both versions."""

    paired: tuple[str, ...] = ()
    scored_by: Literal["judge", "people"] = "judge"


@dataclass(frozen=True, slots=True)
class GuardSpec(Table):
    """The ``[guard]`` table. ``criteria`` are ids of ``CRITERIA``; when empty, all that can say WORSE.
    ``tripwire``: it acts on consecutive failures too, ``version_change``: when another version begins to answer
    for a canary, ``alone``: on what looks like a late drift of a canary that has all the traffic."""

    mode: Literal["off", "armed", "dry_run"] = "off"
    criteria: CriterionIds = ()
    tripwire: bool = True
    version_change: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class PlanSpec(Table):
    """The ``[plan]`` table: how ``canary`` climbs. The weights of ``steps`` rise.

    ``must_be_ok`` and ``stop_on`` are ids of ``CRITERIA``; when empty, the plan's own choice holds.
    ``start``: whether it waits for a person to begin it.
    """

    canary: Annotated[str, NEEDED]
    steps: Annotated[tuple[PlanStep, ...], Listed(_Step, 64, _STEPS_RULE), NEEDED]
    must_be_ok: CriterionIds = ()
    stop_on: CriterionIds = ()
    watch_s: Annotated[Seconds, key("watch")] = 3600.0
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
class QualitySpec(Table):
    """The ``[quality]`` table. ``samples_per_s`` is of how many requests a second the text is kept in memory,
    ``shadow_pct`` which share of the requests is sent to both versions."""

    samples_per_s: Annotated[float, Field(ge=0, le=100)] = 1.0
    shadow_pct: Annotated[float, Field(ge=0, le=100)] = 0.0
    judge: _Judge | None = None


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
class ControlPlane(Table):
    """The ``[control_plane]`` table: how deployments are looked at and, with ``write``, made and removed.

    ``token_env`` names the variable that holds a token; with ``entra`` one is asked for.
    """

    url: str = "https://management.azure.com"
    token_env: TokenVariable | None = None
    entra: bool = False
    write: bool = False


Occasion = Literal["worse", "rolled_back", "baseline_dead", "not_rolled_back", "budget_spent", "ended"]
"""What somebody may be told of."""

OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)

BY_DEFAULT: tuple[Occasion, ...] = OCCASIONS[:-1]
"""Every run ends; whoever wants to be told says so."""

_OCCASIONS_RULE = 'must be a list of occasions: ["worse", "rolled_back"]'


@dataclass(frozen=True, slots=True)
class NotifySpec(Table):
    """One ``[[notify]]``, somebody to be told. ``url_env`` and ``key_env`` name the variables that hold address
    and key; ``on`` are the occasions."""

    kind: Annotated[Literal["slack", "teams", "json", "pagerduty"], NEEDED]
    url_env: UrlVariable | None = None
    key_env: KeyVariable | None = None
    on: Annotated[tuple[Occasion, ...], Listed(Any, 16, _OCCASIONS_RULE)] = BY_DEFAULT

    @property
    def named_by(self) -> str:
        """The variable that says which one it is."""
        return self.url_env or self.key_env or ""


@dataclass(frozen=True, slots=True)
class CockpitSettings(Table):
    """How the cockpit behaves. ``step_pct`` is what one key press shifts, in points of weight; ``keys`` maps
    the id of an action to its keys, separated by commas; ``unattended_s`` is how long a run goes on whose
    last cockpit was lost, None where nothing was said: 5 minutes, a rehearsal not at all."""

    step_pct: Pct = 5.0
    window: Literal["1m", "5m", "15m", "60m", "run"] = "5m"
    marker: Literal["braille", "hd", "ascii"] = "braille"
    unattended_s: Annotated[SecondsOrForever | None, key("unattended")] = None
    desktop_notes: bool = False
    """Whether the terminal is asked to show what rings its bell (OSC 9)."""
    keys: ActionKeys = field(default_factory=lambda: MappingProxyType({}))
