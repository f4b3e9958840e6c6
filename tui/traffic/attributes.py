"""Attributes of spans and log records, in whatever way an exporter writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tui.base.recorded_request import BadRecord, parse

_MAX_NESTING = 20
_COLUMN = "attributes."
_ANY_VALUE = frozenset({"stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue"})
# Definitions of tools stay whole: their parameters are an object of their own.
_WHOLE = ("json_schema", "parameters")


def attributes_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of a span, event or log record: an object, an OTLP list of keys and typed values, Jaeger's
    ``tags``, Google's ``labels``, or columns of a table (``attributes.llm.input_messages``).

    Content that was recorded on the span's events is included. Raises BadRecord.
    """
    columns = {
        key[len(_COLUMN) :]: value
        for key, value in record.items()
        if isinstance(key, str) and key.startswith(_COLUMN) and value is not None
    }
    own = next((record[name] for name in ("attributes", "tags", "labels") if name in record), None)
    found = {**columns, **_attributes(own)}
    if "event_name" in record or "eventName" in record:
        body = plain_value(record.get("body"))
        if isinstance(body, dict):
            found = {**{key: body[key] for key in body if str(key).startswith("gen_ai.")}, **found}
    for event in events_of(record):
        found = {**_attributes(event.get("attributes")), **found}
    return found


def events_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The events of a span."""
    events = record.get("events")
    return [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []


def plain_value(value: object, depth: int = _MAX_NESTING) -> Any:
    """An OTLP AnyValue as plain JSON (opentelemetry-proto, common.proto; 64-bit integers are strings); what is
    none stays as it is. Raises BadRecord."""
    if not isinstance(value, dict) or len(value) != 1 or not _ANY_VALUE & value.keys():
        return value
    if depth == 0:
        return None
    [(kind, inner)] = value.items()
    if kind == "intValue":
        try:
            return int(inner)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadRecord("an intValue is not a whole number") from error
    if kind in ("arrayValue", "kvlistValue"):
        items = inner.get("values") if isinstance(inner, dict) else None
        if not isinstance(items, list):
            return [] if kind == "arrayValue" else {}
        if kind == "arrayValue":
            return [plain_value(item, depth - 1) for item in items]
        pairs = [item for item in items if isinstance(item, dict)]
        return {str(pair.get("key")): plain_value(pair.get("value"), depth - 1) for pair in pairs}
    return inner


def flattened(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested attributes as dotted keys, the way OpenInference writes them; nulls are left out."""
    found: dict[str, Any] = {}
    _flatten(attributes, "", found, _MAX_NESTING)
    return found


def numbered(found: Mapping[str, Any], before: str, after: str) -> list[dict[str, Any]]:
    """Fields of ``<before>N<after>FIELD`` grouped by N, in the order of N."""
    groups: dict[int, dict[str, Any]] = {}
    for key, value in found.items():
        if not str(key).startswith(before):
            continue
        number, separator, name = key[len(before) :].partition(after)
        if separator and number.isdecimal() and len(number) < 6:
            groups.setdefault(int(number), {})[name] = value
    return [groups[number] for number in sorted(groups)]


def as_text(value: object) -> str:
    """Text as it is, anything else as its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parts_in(content: Any) -> Any:
    """Content whose parts were written as JSON text, as the parts; other text stays as it is."""
    if not isinstance(content, str) or not content.startswith("[{"):
        return content
    try:
        parts = parse(content, "content")
    except BadRecord:
        return content
    right = all(isinstance(part, dict) and ("text" in part or "type" in part) for part in parts)
    return parts if right else content


def _attributes(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if not isinstance(value, list):
        return {}
    pairs = [pair for pair in value if isinstance(pair, dict) and isinstance(pair.get("key"), str)]
    return {pair["key"]: plain_value(pair.get("value")) for pair in pairs}


def _flatten(value: object, prefix: str, into: dict[str, Any], depth: int) -> None:
    if value is None:
        return
    if isinstance(value, str) and prefix.endswith("_messages") and value.lstrip()[:1] == "[":
        value = parse(value, prefix)
    if depth and isinstance(value, dict) and not prefix.endswith(_WHOLE):
        for key, inner in value.items():
            _flatten(inner, f"{prefix}.{key}" if prefix else str(key), into, depth - 1)
    elif depth and isinstance(value, list):
        for index, inner in enumerate(value):
            _flatten(inner, f"{prefix}.{index}", into, depth - 1)
    else:
        into[prefix] = value
