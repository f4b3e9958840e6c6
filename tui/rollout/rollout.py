"""A whole rollout, and the tables of the file that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from tui.base.problems import Problem
from tui.model import DEFAULT_TASK, Deployment, Endpoint, WeightTable
from tui.rollout._types import (
    NEEDED,
    ApiVersion,
    FilePath,
    FreeText,
    HeaderName,
    Headers,
    KeyVariable,
    Label,
    Name,
    NotNegative,
    ResourceId,
    Scope,
    Table,
)
from tui.rollout.values import (
    CockpitSettings,
    ControlPlane,
    Criteria,
    CriteriaTable,
    FilePrice,
    GuardSpec,
    JudgeTable,
    KnownAnswers,
    Limits,
    NotifySpec,
    PlanSpec,
    PriceTable,
    QualitySpec,
    SourceSpec,
    StepTable,
    TaskSpec,
    Traffic,
)

SIMULATOR = "simulator"
"""The ``url`` of an endpoint that stands for the embedded simulator; it needs no key."""

DEFAULT_SCOPE = "https://ai.azure.com/.default"
"""What an Entra token for the data plane is asked for (Microsoft, v1 API page; older pages name
``https://cognitiveservices.azure.com/.default``)."""

LAST_DATED_API_VERSION = "2024-10-21"
"""The last dated data-plane API version that is generally available."""


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
    guard: GuardSpec = field(default_factory=GuardSpec)
    control_plane: ControlPlane | None = None
    quality: QualitySpec = field(default_factory=QualitySpec)
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
        """What each task is evaluated by."""
        return MappingProxyType({task: spec.criteria for task, spec in self.tasks.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutTable(Table):
    name: Annotated[Name, NEEDED]
    environment: Label = ""
    baseline: Annotated[str, NEEDED]
    keep_text: bool = False


@dataclass(frozen=True, slots=True)
class EndpointTable(Table):
    url: Annotated[str, NEEDED]
    api: Literal["azure", "v1"] = "azure"
    api_version: ApiVersion | None = None
    key_env: KeyVariable | None = None
    key_header: HeaderName | None = None
    headers_env: Headers = field(default_factory=dict)
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] | None = None
    entra: bool = False
    scope: Scope | None = None
    region: Label | None = None
    resource: ResourceId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentTable(Table):
    id: FreeText | None = None
    endpoint: Annotated[str, NEEDED]
    model: Annotated[FreeText, NEEDED]
    version: Annotated[FreeText, NEEDED]
    price: FilePrice | None = None
    provisioned: bool = False


@dataclass(frozen=True, slots=True)
class TaskTable(Table):
    requests_per_day: NotNegative | None = None
    criteria: Limits = field(default_factory=Limits)
    plan: PlanSpec | None = None
    known_answers: FilePath | None = None
    known_rate: Annotated[float, Field(gt=0, le=100)] = 0.2


@dataclass(frozen=True, slots=True)
class RolloutFile(Table):
    """The document. The weights themselves are judged by ``weight_rules``, which also serve weight profiles."""

    rollout: RolloutTable = RolloutTable(name=None, baseline=None)  # type: ignore[arg-type]
    endpoints: Annotated[dict[Name, EndpointTable], Field(max_length=64)] = field(default_factory=dict)
    deployments: Annotated[dict[Name, DeploymentTable], Field(max_length=64)] = field(default_factory=dict)
    weights: Annotated[dict[Name, dict[str, Any]], Field(max_length=64)] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)
    criteria: CriteriaTable = field(default_factory=CriteriaTable)
    guard: GuardSpec = field(default_factory=GuardSpec)
    plan: PlanSpec | None = None
    control_plane: ControlPlane | None = None
    tasks: Annotated[dict[Name, TaskTable], Field(max_length=64)] = field(default_factory=dict)
    quality: QualitySpec = field(default_factory=QualitySpec)
    cockpit: CockpitSettings = field(default_factory=CockpitSettings)
    notify: Annotated[list[NotifySpec], Field(max_length=16)] = field(default_factory=list)


TABLES: Mapping[tuple[str, ...], type[Table]] = {
    (): RolloutFile,
    ("rollout",): RolloutTable,
    ("endpoints", "*"): EndpointTable,
    ("deployments", "*"): DeploymentTable,
    ("deployments", "*", "price"): PriceTable,
    ("traffic",): Traffic,
    ("traffic", "sources", "*"): SourceSpec,
    ("criteria",): CriteriaTable,
    ("guard",): GuardSpec,
    ("plan",): PlanSpec,
    ("control_plane",): ControlPlane,
    ("plan", "steps", "*"): StepTable,
    ("tasks", "*"): TaskTable,
    ("tasks", "*", "criteria"): Limits,
    ("tasks", "*", "plan"): PlanSpec,
    ("tasks", "*", "plan", "steps", "*"): StepTable,
    ("quality",): QualitySpec,
    ("quality", "judge"): JudgeTable,
    ("quality", "judge", "price"): PriceTable,
    ("cockpit",): CockpitSettings,
    ("notify", "*"): NotifySpec,
}
"""Where each table stands; a star is a name of the user's choice, or a position in a list."""


@cache
def adapter() -> TypeAdapter[RolloutFile]:
    """What judges a document and makes the tables of it; its context is the folder of the file."""
    return TypeAdapter(RolloutFile)


def rollout_of(
    file: RolloutFile, document: Mapping[str, Any], path: Path, said: tuple[Problem, ...]
) -> Rollout:
    """The rollout that a file without mistakes describes. ``document`` is what it was read from, ``said`` the
    warnings."""
    deployments = {name: Deployment(name, **_fields(table)) for name, table in file.deployments.items()}
    weights = _weights(file, deployments)
    own = document.get("tasks", {})
    return Rollout(
        name=file.rollout.name,
        environment=file.rollout.environment,
        path=path,
        baseline=file.rollout.baseline,
        endpoints=MappingProxyType({name: _endpoint(name, table) for name, table in file.endpoints.items()}),
        deployments=MappingProxyType(deployments),
        weights=weights,
        traffic=file.traffic,
        cockpit=file.cockpit,
        keep_text=file.rollout.keep_text,
        profiles_dir=path.parent / f"{path.stem}.weights",
        warnings=said,
        guard=file.guard,
        control_plane=file.control_plane,
        quality=file.quality,
        notify=tuple(file.notify),
        tasks=MappingProxyType(
            {
                t: _task(file, file.tasks.get(t, TaskTable()), own.get(t, {}).get("criteria", {}))
                for t in weights
            }
        ),
    )


def _fields(table: Table) -> dict[str, Any]:
    return {f.name: getattr(table, f.name) for f in fields(table)}  # type: ignore[arg-type]


def _endpoint(name: str, table: EndpointTable) -> Endpoint:
    url = table.url.rstrip("/")
    if url == SIMULATOR:  # It needs no credential, and any version will do.
        version = table.api_version or LAST_DATED_API_VERSION
        table = replace(table, key_env=None, key_header=None, headers_env={}, entra=False, api_version=version)
    changed = {
        "url": url,
        "api_version": table.api_version if table.api == "azure" else None,
        "headers_env": MappingProxyType(table.headers_env),
        "scope": (table.scope or DEFAULT_SCOPE) if table.entra else None,
    }
    return Endpoint(name, **_fields(table) | changed)


def _task(file: RolloutFile, table: TaskTable, own: Mapping[str, object]) -> TaskSpec:
    """``own`` are the criteria that the task says for itself; of the others those of the file hold."""
    known = None if table.known_answers is None else KnownAnswers(table.known_answers, table.known_rate)
    pairs = {"quality": file.quality.shadow_pct > 0, "accuracy": known is not None}
    criteria = Criteria(
        **(_fields(file.criteria) | {name: getattr(table.criteria, name) for name in own}),
        paired=tuple(name for name, there in pairs.items() if there),
        scored_by="people" if file.quality.judge is None else "judge",
    )
    return TaskSpec(criteria, table.plan or file.plan, table.requests_per_day, known)


def _weights(file: RolloutFile, deployments: Mapping[str, Deployment]) -> WeightTable:
    """A task without weights of its own begins with those of the default task."""
    tables = file.weights or {DEFAULT_TASK: {file.rollout.baseline: 100}}
    tables |= {task: tables[DEFAULT_TASK] for task in file.tasks if task not in tables}
    return MappingProxyType(
        {
            task: MappingProxyType({name: float(given.get(name, 0)) for name in deployments})
            for task, given in tables.items()
        }
    )
