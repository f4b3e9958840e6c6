"""From a rollout file to a ``Rollout``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from tui.base.problems import Problem, format_problems, quoted
from tui.base.toml_files import TomlFileError, parse_toml, read_toml
from tui.model import DEFAULT_TASK, PAIRED, Deployment, Endpoint, Price, WeightTable
from tui.rollout.automation import guard_spec, plan_spec, seconds_of
from tui.rollout.checks import check
from tui.rollout.findings import Findings, key_lines
from tui.rollout.quality import points_lower, quality_spec
from tui.rollout.schema import (
    CockpitTable,
    CriteriaTable,
    DeploymentTable,
    EndpointTable,
    NotifyTable,
    RolloutFile,
    SourceTable,
    TaskTable,
    TrafficTable,
    parse,
)
from tui.rollout.values import (
    BY_DEFAULT,
    DEFAULT_SCOPE,
    LAST_DATED_API_VERSION,
    SIMULATOR,
    CockpitSettings,
    ControlPlane,
    Criteria,
    KnownAnswers,
    NotifySpec,
    PlanSpec,
    QualitySpec,
    Rollout,
    SourceSpec,
    TaskSpec,
    Traffic,
)

_T = TypeVar("_T")
_MAX_BYTES = 1024 * 1024
_IDLE_CRITERIA = ("filter_rate", "error_rate")


class RolloutError(Exception):
    """A rollout file with mistakes: ``problems`` has all of them, errors and warnings."""

    def __init__(self, path: Path, problems: tuple[Problem, ...]) -> None:
        super().__init__(format_problems(problems, path))
        self.path = path
        self.problems = problems


def load_rollout(path: Path, *, env: Mapping[str, str]) -> Rollout:
    """The rollout that a file describes. ``env`` is where the key variables are looked up.

    Raises:
        RolloutError: The file cannot be read or holds a mistake.
    """
    rollout, problems = check_rollout(path, env)
    if rollout is None:
        raise RolloutError(path, problems)
    return rollout


def check_rollout(path: Path, env: Mapping[str, str]) -> tuple[Rollout | None, tuple[Problem, ...]]:
    """The rollout, None when there is any error, with everything there is to say about the file."""
    path = path.absolute()
    try:
        text, document = read_toml(path, _MAX_BYTES)
    except TomlFileError as error:
        return None, (Problem("", "", str(error), line=error.line),)
    return _checked(text, document, path, env)


def recorded_rollout(text: str, path: Path) -> Rollout:
    """The rollout whose file a run record keeps as ``text``, to look back at the run: without its traffic, and
    with endpoints that lead nowhere, so that neither files nor keys of that day are needed. ``path`` is where
    the text comes from.

    Raises:
        RolloutError: It holds a mistake.
    """
    try:
        document = parse_toml(text)
    except TomlFileError as error:
        raise RolloutError(path, (Problem("", "", str(error), line=error.line),)) from None
    document.pop("traffic", None)
    document.pop("notify", None)
    endpoints = document.get("endpoints")
    if isinstance(endpoints, dict):
        document["endpoints"] = {name: {"url": SIMULATOR} for name in endpoints}
    rollout, problems = _checked(text, document, path, {}, on_disk=False)
    if rollout is None:
        raise RolloutError(path, problems)
    return rollout


def _checked(
    text: str, document: dict[str, Any], path: Path, env: Mapping[str, str], *, on_disk: bool = True
) -> tuple[Rollout | None, tuple[Problem, ...]]:
    findings = Findings(key_lines(text))
    _drop_idle_keys(document, findings if on_disk else Findings())
    deployments = document.get("deployments")
    names = list(deployments) if isinstance(deployments, dict) else []
    file = parse(document, findings)
    check(file, names, path.parent, env, findings, on_disk=on_disk)
    problems = findings.problems()
    if findings.any_error:
        return None, problems
    return replace(_rollout(file, path), warnings=problems), problems


def _drop_idle_keys(document: dict[str, Any], findings: Findings) -> None:
    """Keys of earlier versions, which had one value and no effect: files and records may have them still."""
    criteria = document.get("criteria")
    if not isinstance(criteria, dict):
        return
    for key in _IDLE_CRITERIA:
        if key in criteria:
            remedy = "it changes nothing, the rates are always judged so: take it out"
            findings.warning(("criteria", key), quoted(criteria.pop(key)), remedy)


def _rollout(file: RolloutFile, path: Path) -> Rollout:
    endpoints = {name: _endpoint(name, table) for name, table in file.endpoints.items()}
    deployments = {name: _deployment(name, table) for name, table in file.deployments.items()}
    baseline = _given(file.rollout.baseline)
    criteria = _criteria(file.criteria)
    plan = None if file.plan is None else plan_spec(file.plan)
    weights = _weights(file, baseline, deployments)
    quality = quality_spec(file.quality)
    return Rollout(
        name=_given(file.rollout.name),
        environment=file.rollout.environment,
        path=path,
        baseline=baseline,
        endpoints=MappingProxyType(endpoints),
        deployments=MappingProxyType(deployments),
        weights=weights,
        traffic=_traffic(file.traffic, path.parent),
        cockpit=_cockpit(file.cockpit),
        keep_text=file.rollout.keep_text,
        profiles_dir=path.parent / f"{path.stem}.weights",
        guard=guard_spec(file.guard),
        control_plane=None if file.control_plane is None else ControlPlane(**file.control_plane.model_dump()),
        quality=quality,
        notify=tuple(_notifier(table) for table in file.notify),
        tasks=MappingProxyType(
            {t: _task(file.tasks.get(t, TaskTable()), criteria, plan, quality, path.parent) for t in weights}
        ),
    )


def _cockpit(table: CockpitTable) -> CockpitSettings:
    fields = table.model_dump(exclude={"keys", "unattended"})
    unattended_s = None if table.unattended is None else seconds_of(table.unattended)
    return CockpitSettings(**fields, keys=MappingProxyType(table.keys), unattended_s=unattended_s)


def _notifier(table: NotifyTable) -> NotifySpec:
    on = tuple(dict.fromkeys(table.on)) if table.on is not None else BY_DEFAULT
    return NotifySpec(_given(table.kind), table.url_env, table.key_env, on)


def _endpoint(name: str, table: EndpointTable) -> Endpoint:
    url = _given(table.url).rstrip("/")
    if url == SIMULATOR:
        version = (table.api_version or LAST_DATED_API_VERSION) if table.api == "azure" else None
        return Endpoint(
            name,
            url,
            table.api,
            version,
            max_tokens_key=table.max_tokens_key,
            region=table.region,
            resource=table.resource,
        )
    version = table.api_version if table.api == "azure" else None
    scope = (table.scope or DEFAULT_SCOPE) if table.entra else None
    return Endpoint(
        name,
        url,
        table.api,
        version,
        key_env=table.key_env,
        key_header=table.key_header,
        headers_env=MappingProxyType(table.headers_env),
        max_tokens_key=table.max_tokens_key,
        entra=table.entra,
        scope=scope,
        region=table.region,
        resource=table.resource,
    )


def _deployment(name: str, table: DeploymentTable) -> Deployment:
    price = None
    if table.price is not None:
        cost = table.price
        price = Price(_given(cost.input), _given(cost.output), cost.cached_input, "rollout file", None)
    return Deployment(
        name,
        _given(table.endpoint),
        _given(table.model),
        _given(table.version),
        price,
        table.provisioned,
        table.id,
    )


def _criteria(table: CriteriaTable) -> Criteria:
    return Criteria(**_with_points(table.model_dump()))


def _with_points(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: points_lower(v) if name in PAIRED else v for name, v in fields.items()}


def _task(
    table: TaskTable, criteria: Criteria, plan: PlanSpec | None, quality: QualitySpec, folder: Path
) -> TaskSpec:
    own = _with_points(table.criteria.model_dump(exclude_none=True))
    own_plan = plan if table.plan is None else plan_spec(table.plan)
    file = _path(table.known_answers, folder)
    known = None if file is None else KnownAnswers(file, table.known_rate)
    pairs = {"quality": quality.shadow_pct > 0, "accuracy": known is not None}
    own |= {
        "paired": tuple(name for name, there in pairs.items() if there),
        "scored_by": "people" if quality.judge is None else "judge",
    }
    return TaskSpec(replace(criteria, **own), own_plan, table.requests_per_day, known)


def _weights(file: RolloutFile, baseline: str, deployments: Mapping[str, Deployment]) -> WeightTable:
    """A task without weights of its own begins with those of the default task."""
    tables = file.weights or {DEFAULT_TASK: {baseline: 100}}
    tables |= {task: tables[DEFAULT_TASK] for task in file.tasks if task not in tables}
    return MappingProxyType(
        {
            task: MappingProxyType({name: float(given.get(name, 0)) for name in deployments})
            for task, given in tables.items()
        }
    )


def _traffic(table: TrafficTable, folder: Path) -> Traffic:
    fields = table.model_dump(exclude={"sources", "trace"})
    traffic = Traffic(**fields, trace=_path(table.trace, folder))
    if table.sources is None:
        return traffic
    return replace(traffic, sources=tuple(_source(source, folder) for source in table.sources))


def _source(table: SourceTable, folder: Path) -> SourceSpec:
    fields = table.model_dump(exclude={"path", "prompts", "loop"})
    return SourceSpec(
        **fields,
        path=_path(table.path, folder),
        prompts=_path(table.prompts, folder),
        loop=not table.follow if table.loop is None else table.loop,
    )


def _path(name: str | None, folder: Path) -> Path | None:
    return None if name is None else folder / name


def _given(value: _T | None) -> _T:
    """What the checks made sure of."""
    assert value is not None
    return value
