"""The tables and keys of a rollout file, and the mistakes that a single value can hold.

Every key is optional here: what is required depends on other keys and is judged with them in ``checks``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from tui.base.problems import NAME_PATTERN, NAME_RULE, nearest, quoted
from tui.model.criteria import PAIRED, default_of
from tui.rollout.findings import Findings, Place
from tui.rollout.values import FormatName, TraceUnit

_Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
# What others have named: ``openai/gpt-4o``, ``llama3.1:8b``, ``ft:...``. Nothing invisible, no blank at an end.
_FreeText = Annotated[
    str, StringConstraints(max_length=256, pattern=r"^[^\s\p{C}]([^\p{C}\p{Zl}\p{Zp}]*[^\s\p{C}])?$")
]
# The name of an environment variable, in capitals only: a key pasted here by mistake is then seen, never shown.
_Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]{0,127}$")]
_HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")]
_PathText = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
_Label = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9 ._-]{0,31})?$")]
_RESOURCE = (
    r"^/subscriptions/[0-9A-Za-z-]{1,64}/resourceGroups/[\w.()-]{1,90}"
    r"/providers/Microsoft\.CognitiveServices/accounts/[A-Za-z0-9][A-Za-z0-9_.-]{1,63}$"
)
_Positive = Annotated[float, Field(gt=0)]
_NotNegative = Annotated[float, Field(ge=0)]
_Pct = Annotated[float, Field(gt=0, le=100)]
_Floor = Annotated[float, Field(ge=0, le=50)]
_Lower = Annotated[str, StringConstraints(pattern=r"^(equal or better|at most \d{1,3}(\.\d{1,3})? lower)$")]
_Duration = Annotated[str, StringConstraints(pattern=r"^\d{1,6}(\.\d{1,3})?[smh]$")]
# Each entry is judged in checks, where its position and the nearest known id can be said.
_CriteriaList = Annotated[list[Any], Field(max_length=64)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class RolloutTable(_Table):
    name: _Name | None = None
    environment: _Label = ""
    baseline: str | None = None
    keep_text: bool = False


class EndpointTable(_Table):
    url: str | None = None
    api: Literal["azure", "v1"] = "azure"
    api_version: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}(-preview)?$")] | None = None
    key_env: _Variable | None = None
    key_header: _HeaderName | None = None
    headers_env: Annotated[dict[_HeaderName, _Variable], Field(max_length=32)] = {}
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] | None = None
    entra: bool = False
    scope: Annotated[str, StringConstraints(pattern=r"^https://[!-~]{1,200}$")] | None = None
    region: _Label | None = None
    resource: Annotated[str, StringConstraints(pattern=_RESOURCE)] | None = None


class ControlPlaneTable(_Table):
    url: str = "https://management.azure.com"
    token_env: _Variable | None = None
    entra: bool = False
    write: bool = False


class PriceTable(_Table):
    input: _NotNegative | None = None
    cached_input: _NotNegative | None = None
    output: _NotNegative | None = None


class DeploymentTable(_Table):
    id: _FreeText | None = None
    endpoint: str | None = None
    model: _FreeText | None = None
    version: _FreeText | None = None
    price: PriceTable | None = None
    provisioned: bool = False


class SourceTable(_Table):
    kind: Literal["synthetic", "sampled"] | None = None
    share: _NotNegative = 100.0
    path: _PathText | None = None
    prompts: _PathText | None = None
    format: FormatName | None = None
    sample_pct: _Pct = 100.0
    follow: bool = False
    redact: bool = True
    task: _Name | None = None
    loop: bool | None = None
    tokens: Literal["natural", "trace"] = "natural"


class TrafficTable(_Table):
    rate: Annotated[float, Field(gt=0, le=100_000)] = 5.0
    arrivals: Literal["constant", "poisson", "trace"] = "poisson"
    trace: _PathText | None = None
    trace_unit: TraceUnit | None = None
    speed: Annotated[float, Field(gt=0, le=10_000)] = 1.0
    loop: bool = False
    stream: bool = True
    max_in_flight: Annotated[int, Field(ge=1, le=100_000)] = 200
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    budget_usd: _NotNegative | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    sources: Annotated[list[SourceTable], Field(max_length=64)] | None = None


class CriteriaTable(_Table):
    latency_p50_pct: _NotNegative = default_of("latency_p50_pct")
    latency_p95_pct: _NotNegative = default_of("latency_p95_pct")
    latency_p99_pct: _NotNegative = default_of("latency_p99_pct")
    cost_per_request_pct: _NotNegative = default_of("cost_per_request_pct")
    error_floor_pct: _Floor = default_of("error_floor_pct")
    filter_floor_pct: _Floor = default_of("filter_floor_pct")
    quality: _Lower = "equal or better"
    accuracy: _Lower = "equal or better"
    alpha_pct: Annotated[float, Field(gt=0, le=50)] = 5.0
    calibration_requests: Annotated[int, Field(ge=100, le=100_000)] = 300
    warmup_requests: Annotated[int, Field(ge=0, le=100_000)] = 100
    dispersion: Annotated[float, Field(ge=0, le=1e9)] = 0.0


class GuardTable(_Table):
    mode: Literal["off", "armed", "dry_run"] = "off"
    criteria: _CriteriaList = []
    tripwire: bool = True
    version_change: bool = False
    alone: bool = False


class StepTable(_Table):
    weight: _Pct | None = None
    bake: _Duration = "0s"
    requests: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    gate: bool = False


class PlanTable(_Table):
    canary: str | None = None
    steps: Annotated[list[StepTable], Field(max_length=64)] | None = None
    must_be_ok: _CriteriaList = []
    stop_on: _CriteriaList = []
    watch: _Duration = "1h"
    start: Literal["held", "climbing"] = "held"


class TaskCriteriaTable(_Table):
    """Those that a task has of its own; of the others those of the file hold."""

    latency_p50_pct: _NotNegative | None = None
    latency_p95_pct: _NotNegative | None = None
    latency_p99_pct: _NotNegative | None = None
    cost_per_request_pct: _NotNegative | None = None
    error_floor_pct: _Floor | None = None
    filter_floor_pct: _Floor | None = None
    quality: _Lower | None = None
    accuracy: _Lower | None = None


class TaskTable(_Table):
    requests_per_day: _NotNegative | None = None
    criteria: TaskCriteriaTable = TaskCriteriaTable()
    plan: PlanTable | None = None
    known_answers: _PathText | None = None
    known_rate: Annotated[float, Field(gt=0, le=100)] = 0.2


class JudgeTable(_Table):
    endpoint: str | None = None
    deployment: _FreeText | None = None
    model: _FreeText | None = None
    version: _FreeText | None = None
    price: PriceTable | None = None
    rubric: Annotated[str, StringConstraints(min_length=1, max_length=8000)] | None = None
    budget_usd: _NotNegative | None = None


class QualityTable(_Table):
    samples_per_s: Annotated[float, Field(ge=0, le=100)] = 1.0
    shadow_pct: Annotated[float, Field(ge=0, le=100)] = 0.0
    judge: JudgeTable | None = None


class CockpitTable(_Table):
    step_pct: _Pct = 5.0
    window: Literal["1m", "5m", "15m", "60m", "run"] = "5m"
    marker: Literal["braille", "hd", "ascii"] = "braille"
    unattended: Annotated[str, StringConstraints(pattern=r"^(forever|\d{1,6}(\.\d{1,3})?[smh])$")] | None = None
    desktop_notes: bool = False
    keys: dict[_Name, Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]] = {}


class NotifyTable(_Table):
    kind: Literal["slack", "teams", "json", "pagerduty"] | None = None
    url_env: _Variable | None = None
    key_env: _Variable | None = None
    on: Annotated[list[Any], Field(max_length=16)] | None = None


class RolloutFile(_Table):
    rollout: RolloutTable = RolloutTable()
    endpoints: Annotated[dict[_Name, EndpointTable], Field(max_length=64)] = {}
    deployments: Annotated[dict[_Name, DeploymentTable], Field(max_length=64)] = {}
    # The weights themselves are judged by weight_rules, which also serve weight profiles.
    weights: Annotated[dict[_Name, dict[str, Any]], Field(max_length=64)] = {}
    traffic: TrafficTable = TrafficTable()
    criteria: CriteriaTable = CriteriaTable()
    guard: GuardTable = GuardTable()
    plan: PlanTable | None = None
    control_plane: ControlPlaneTable | None = None
    tasks: Annotated[dict[_Name, TaskTable], Field(max_length=64)] = {}
    quality: QualityTable = QualityTable()
    cockpit: CockpitTable = CockpitTable()
    notify: Annotated[list[NotifyTable], Field(max_length=16)] = []


_TABLES: dict[Place, type[_Table]] = {
    (): RolloutFile,
    ("rollout",): RolloutTable,
    ("endpoints", "*"): EndpointTable,
    ("deployments", "*"): DeploymentTable,
    ("deployments", "*", "price"): PriceTable,
    ("traffic",): TrafficTable,
    ("traffic", "sources", "*"): SourceTable,
    ("criteria",): CriteriaTable,
    ("guard",): GuardTable,
    ("plan",): PlanTable,
    ("control_plane",): ControlPlaneTable,
    ("plan", "steps", "*"): StepTable,
    ("tasks", "*"): TaskTable,
    ("tasks", "*", "criteria"): TaskCriteriaTable,
    ("tasks", "*", "plan"): PlanTable,
    ("tasks", "*", "plan", "steps", "*"): StepTable,
    ("quality",): QualityTable,
    ("quality", "judge"): JudgeTable,
    ("quality", "judge", "price"): PriceTable,
    ("cockpit",): CockpitTable,
    ("notify", "*"): NotifyTable,
}

_SHOWABLE_OF_ENDPOINT = frozenset({"api", "api_version", "entra", "max_tokens_key", "resource"})

_KEYS_OF_ENDPOINT = ("key_env", "key_header", "max_tokens_key")

_LABEL_RULE = "at most 32 letters, digits, blanks and . _ -, starting with a letter or digit"
_FREE_RULE = "visible characters only, with no blank at an end"
_HEADER_RULE = (
    'the name of an HTTP header, such as "Ocp-Apim-Subscription-Key": at most 64 letters, digits and '
    "!#$%&'*+-.^_`|~"
)
_VARIABLE_RULE = (
    "expects the NAME of an environment variable in capitals, such as {}; a {} itself must never stand in this "
    "file (what stands here is not shown)"
)
_DURATION_RULE = 'a number with its unit, seconds, minutes or hours: "90s", "5m" or "1h"'
_LOWER_RULE = 'must be "equal or better", or how much lower it may be: "at most 0.3 lower"'
_PATTERN_RULES = {
    "api_version": 'a date such as "2024-10-21", or with "-preview" after it',
    "key_env": _VARIABLE_RULE.format("AZURE_OPENAI_API_KEY", "key"),
    "url_env": _VARIABLE_RULE.format("SLACK_WEBHOOK", "webhook address"),
    "token_env": _VARIABLE_RULE.format("AZURE_ARM_TOKEN", "token"),
    "headers_env": _VARIABLE_RULE.format("APIM_KEY", "value"),
    "key_header": _HEADER_RULE,
    "id": _FREE_RULE,
    "model": _FREE_RULE,
    "version": _FREE_RULE,
    "deployment": _FREE_RULE,
    "resource": "expects the account's resource ID, as the portal shows it: "
    "/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.CognitiveServices/accounts/NAME",
    "scope": 'an address such as "https://ai.azure.com/.default"',
    "environment": _LABEL_RULE,
    "region": _LABEL_RULE,
    **dict.fromkeys(PAIRED, _LOWER_RULE),
    "bake": _DURATION_RULE,
    "unattended": f'{_DURATION_RULE}, or "forever"',
    "watch": _DURATION_RULE,
}
_TYPE_RULES = {
    "string_type": "must be text in quotes",
    "float_type": "must be a number, without quotes",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "list_type": "must be a list in square brackets",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
}
_LIST_RULES = {
    "sources": "must be a list of tables: [[traffic.sources]]",
    "steps": 'must be a list of tables: steps = [{ weight = 5, bake = "10m" }, { weight = 100 }]',
    "criteria": 'must be a list of criteria: ["latency_p95", "errors"]',
    "must_be_ok": 'must be a list of criteria: ["latency_p95", "errors"]',
    "stop_on": 'must be a list of criteria: ["latency_p95", "errors"]',
    "on": 'must be a list of occasions: ["worse", "rolled_back"]',
}
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def parse(document: dict[str, Any], findings: Findings) -> RolloutFile:
    """The document as tables, without the values that are wrong in themselves: each goes to ``findings``.

    ``document`` is used up: the wrong values are taken out of it, so that the rest can still be judged.
    """
    while True:
        try:
            return RolloutFile.model_validate(document)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                _report(details, document, findings)


def _report(details: ErrorDetails, document: dict[str, Any], findings: Findings) -> None:
    kind = details["type"]
    unknown = kind == "extra_forbidden"
    of_key = details["loc"][-1] == "[key]" and not unknown
    place: Place = details["loc"][:-1] if of_key else details["loc"]
    if unknown:
        findings.error(place, "", _unknown_key(place, details["input"]))
    else:
        shown = quoted(details["input"]) if not of_key and _showable(place) else ""
        findings.error(place, shown, _remedy(kind, place, details, of_key))
    _remove(document, place)


def _unknown_key(place: Place, value: object) -> str:
    """The value is never shown: ``api_key = "..."`` is the likeliest unknown key."""
    key = str(place[-1])
    table = _TABLES[tuple("*" if _is_free(place, i) else part for i, part in enumerate(place[:-1]))]
    known = list(table.model_fields)
    guess = nearest(key, known)
    if isinstance(value, dict) and len(place) == 3 and _is_free(place, 1) and guess is None:
        name = quoted(f"{place[1]}.{key}")
        return f"unknown key; if the name is {name}, it needs the quotes: [{place[0]}.{name}]"
    if table is EndpointTable and "key" in key.lower() and nearest(key, _KEYS_OF_ENDPOINT) is None:
        return "unknown key; put the key in an environment variable and name that with key_env"
    if table is NotifyTable and ("url" in key.lower() or "key" in key.lower()) and not key.endswith("_env"):
        return "unknown key; put it into an environment variable and name that with url_env or key_env"
    if table is ControlPlaneTable and "token" in key.lower():
        return "unknown key; put the token in an environment variable and name that with token_env"
    return f"unknown key; did you mean {guess}?" if guess else f"unknown key; known here: {', '.join(known)}"


def _is_free(place: Place, index: int) -> bool:
    """Whether the part is a name that the user chose, or a position in a list."""
    return isinstance(place[index], int) or (index == 1 and place[0] in ("endpoints", "deployments", "tasks"))


def _showable(place: Place) -> bool:
    """Whether a wrong value may be shown: about what needs a credential only what cannot be a secret."""
    if place[0] == "control_plane":
        return place[-1] in ("entra", "write")
    if place[0] == "notify":
        return "url_env" not in place and "key_env" not in place
    return place[0] != "endpoints" or (len(place) == 3 and place[2] in _SHOWABLE_OF_ENDPOINT)


def _remedy(kind: str, place: Place, details: ErrorDetails, of_key: bool) -> str:
    # Of the headers each name is the user's own.
    of_headers = place[-2:-1] == ("headers_env",)
    key = "headers_env" if of_headers else str(place[-1])
    context = details.get("ctx", {})
    if kind == "literal_error":
        choices = re.findall(r"'([^']+)'", str(context["expected"]))
        guess = nearest(details["input"], choices) if isinstance(details["input"], str) else None
        rule = " | ".join(f'"{choice}"' for choice in choices)
        return f"must be {rule}" + (f"; did you mean {guess}?" if guess and len(choices) > 1 else "")
    if kind == "string_pattern_mismatch":
        if place[:2] == ("cockpit", "keys") and not of_key:
            return 'keys as the terminal names them, separated by commas: "r,ctrl+r"'
        if of_key:
            return _HEADER_RULE if of_headers else NAME_RULE
        return _PATTERN_RULES.get(key, NAME_RULE)
    if kind in ("too_long", "string_too_long"):
        return f"too long: at most {context['max_length']}"
    if bounds := [f"{_BOUNDS[name]} {limit:g}" for name, limit in context.items() if name in _BOUNDS]:
        return f"must be {bounds[0]}"
    if kind == "list_type" and key in _LIST_RULES:
        return _LIST_RULES[key]
    if kind == "string_type" and key in ("bake", "watch", "unattended"):
        return f"must be text in quotes: {_DURATION_RULE}"
    if key in ("key_env", "token_env", "url_env") or of_headers:
        return _PATTERN_RULES[key]
    return _TYPE_RULES.get(kind, details["msg"])


def _remove(document: Any, place: Place) -> None:
    try:
        for part in place[:-1]:
            document = document[part]
        if isinstance(document, list):
            document[int(place[-1])] = {}  # kept in its position, so that the others keep theirs
        else:
            del document[place[-1]]
    except KeyError:
        return  # went with the table around it: both had a mistake
