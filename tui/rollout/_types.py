"""Types of the values in a rollout file: how each is written, and what a wrong one is told.

They concern the file alone: values that are made in code are not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self, cast, get_type_hints

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tui.base.problems import NAME_PATTERN, NAME_RULE

RULE = "rule"
"""The kind of a mistake whose message is the whole remedy."""

NEEDED = Field(default=None)
"""A key that a file must have: until ``checks`` have said so, None stands in its place."""

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Table:
    """A table of the file: its keys are the fields of a dataclass, and no others may stand there."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Self], handler: GetCoreSchemaHandler) -> CoreSchema:
        # What stands in it is judged strictly; the table itself comes as a dict.
        return cast(CoreSchema, {**handler(source), "strict": False})


def keys_of(table: type[Table]) -> list[str]:
    """The keys that the file may have in a table."""
    hints = get_type_hints(table, include_extras=True)
    return [_key(f.name, hints[f.name]) for f in fields(table)]  # type: ignore[arg-type]


def _key(name: str, hint: Any) -> str:
    marks = (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, FieldInfo))
    return next((str(mark.validation_alias) for mark in marks if mark.validation_alias), name)


@dataclass(frozen=True, slots=True)
class Text:
    """Written as text in quotes. ``rule`` is what a text that does not match is told, ``else_`` what stands
    there instead; ``into`` makes the value of it, beside the folder of the file."""

    pattern: str | None = None
    rule: str = ""
    else_: str = "must be text in quotes"
    into: Callable[[str, Any], object] | None = None
    least: int | None = None
    most: int | None = None

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(
            pattern=self.pattern, min_length=self.least, max_length=self.most, strict=True
        )
        return core_schema.with_info_wrap_validator_function(self._value, text)

    def _value(self, given: object, judge: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
        rules = {"string_type": self.else_, "string_pattern_mismatch": self.rule}
        text = _judged(given, judge, rules)
        return text if self.into is None else self.into(text, info.context)


@dataclass(frozen=True, slots=True)
class Listed:
    """Written as a list of at most ``most`` of these; ``rule`` is what anything else is told."""

    of: Any
    most: int
    rule: str

    def __get_pydantic_core_schema__(self, _source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        entries = core_schema.list_schema(handler.generate_schema(self.of), max_length=self.most, strict=True)
        return core_schema.no_info_wrap_validator_function(self._value, entries)

    def _value(self, given: object, judge: ValidatorFunctionWrapHandler) -> tuple[object, ...]:
        return tuple(_judged(given, judge, {"list_type": self.rule}))


def _judged(given: object, judge: ValidatorFunctionWrapHandler, rules: Mapping[str, str]) -> Any:
    try:
        return judge(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if not first["loc"] and (rule := rules.get(first["type"])):
            raise PydanticCustomError(RULE, rule) from None
        raise


def written_as(form: Any) -> GetPydanticSchema:
    """The value is judged, and made, as that of another type."""
    return GetPydanticSchema(lambda _source, handler: handler.generate_schema(form))


def key(name: str) -> Any:
    """What the key is called in the file, where the field says more."""
    return Field(validation_alias=name)


def seconds_of(duration: str) -> float:
    """What ``90s``, ``5m`` or ``1h`` is in seconds, infinity for ``forever``."""
    if duration == "forever":
        return inf
    return float(duration[:-1]) * _SECONDS[duration[-1]]


def _variable(example: str, what: str) -> Text:
    """The name of an environment variable, in capitals only: a key pasted by mistake is seen, never shown."""
    rule = (
        f"expects the NAME of an environment variable in capitals, such as {example}; a {what} itself must "
        "never stand in this file (what stands here is not shown)"
    )
    return Text(r"^[A-Z_][A-Z0-9_]{0,127}$", rule, else_=rule)


HEADER_RULE = (
    'the name of an HTTP header, such as "Ocp-Apim-Subscription-Key": at most 64 letters, digits and '
    "!#$%&'*+-.^_`|~"
)
_LABEL_RULE = "at most 32 letters, digits, blanks and . _ -, starting with a letter or digit"
_RESOURCE = (
    r"^/subscriptions/[0-9A-Za-z-]{1,64}/resourceGroups/[\w.()-]{1,90}"
    r"/providers/Microsoft\.CognitiveServices/accounts/[A-Za-z0-9][A-Za-z0-9_.-]{1,63}$"
)
_RESOURCE_RULE = (
    "expects the account's resource ID, as the portal shows it: "
    "/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.CognitiveServices/accounts/NAME"
)
_DURATION_RULE = 'a number with its unit, seconds, minutes or hours: "90s", "5m" or "1h"'
_LOWER_RULE = 'must be "equal or better", or how much lower it may be: "at most 0.3 lower"'
_CRITERIA_RULE = 'must be a list of criteria: ["latency_p95", "errors"]'

Name = Annotated[str, Text(NAME_PATTERN, NAME_RULE)]
# What others have named: ``openai/gpt-4o``, ``llama3.1:8b``, ``ft:...``.
FreeText = Annotated[
    str,
    Text(
        r"^[^\s\p{C}]([^\p{C}\p{Zl}\p{Zp}]*[^\s\p{C}])?$",
        "visible characters only, with no blank at an end",
        most=256,
    ),
]
Label = Annotated[str, Text(r"^([A-Za-z0-9][A-Za-z0-9 ._-]{0,31})?$", _LABEL_RULE)]
KeyVariable = Annotated[str, _variable("AZURE_OPENAI_API_KEY", "key")]
UrlVariable = Annotated[str, _variable("SLACK_WEBHOOK", "webhook address")]
TokenVariable = Annotated[str, _variable("AZURE_ARM_TOKEN", "token")]
HeaderName = Annotated[str, Text(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$", HEADER_RULE)]
Headers = Annotated[dict[HeaderName, Annotated[str, _variable("APIM_KEY", "value")]], Field(max_length=32)]
ApiVersion = Annotated[
    str,
    Text(r"^\d{4}-\d{2}-\d{2}(-preview)?$", 'a date such as "2024-10-21", or with "-preview" after it'),
]
Scope = Annotated[str, Text(r"^https://[!-~]{1,200}$", 'an address such as "https://ai.azure.com/.default"')]
ResourceId = Annotated[str, Text(_RESOURCE, _RESOURCE_RULE)]
KeyNames = Annotated[
    str, Text(r"^[!-~]{1,64}$", 'keys as the terminal names them, separated by commas: "r,ctrl+r"')
]
Rubric = Annotated[str, Text(least=1, most=8000)]
FilePath = Annotated[Path, Text(least=1, most=4096, into=lambda text, folder: folder / text)]
_DURATION = Text(
    r"^\d{1,6}(\.\d{1,3})?[smh]$",
    _DURATION_RULE,
    else_=f"must be text in quotes: {_DURATION_RULE}",
    into=lambda text, _: seconds_of(text),
)
Seconds = Annotated[float, _DURATION]
SecondsOrForever = Annotated[
    float,
    replace(_DURATION, pattern=r"^(forever|\d{1,6}(\.\d{1,3})?[smh])$", rule=f'{_DURATION_RULE}, or "forever"'),
]
# ``equal or better`` or ``at most N lower`` is the N, 0 for the first.
PointsLower = Annotated[
    float,
    Text(
        r"^(equal or better|at most \d{1,3}(\.\d{1,3})? lower)$",
        _LOWER_RULE,
        into=lambda text, _: 0.0 if text == "equal or better" else float(text.split()[2]),
    ),
]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Pct = Annotated[float, Field(gt=0, le=100)]
FloorPct = Annotated[float, Field(ge=0, le=50)]
# Each entry is judged in checks, where its position and the nearest known id can be said.
CriterionIds = Annotated[tuple[str, ...], Listed(Any, 64, _CRITERIA_RULE)]
ActionKeys = Annotated[
    Mapping[str, str], written_as(Annotated[dict[Name, KeyNames], AfterValidator(MappingProxyType)])
]
