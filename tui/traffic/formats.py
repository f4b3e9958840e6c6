"""The formats in which recorded requests come: told apart by their fields, read one record at a time.

A file is JSON lines, or one JSON document: an object, an array, or an export that wraps its records
(``resourceSpans`` of OTLP, ``batch`` of Langfuse). ``records_of`` opens the wrappings, ``recognise`` names the
format, and ``Format.read`` makes a request of a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tui.recorded_request import BadRecord, Recorded, read_chat
from tui.traffic.chat_formats import read_batch, read_evals, read_tensorzero
from tui.traffic.log_formats import merge_langfuse, read_apim, read_langfuse, read_litellm
from tui.traffic.span_formats import attributes_of, read_openinference, read_otel

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``read`` gives None for a record that is no request (a trace around one, a deleted one) and
    raises BadRecord for one that cannot be replayed. ``joins_rows``: several records make one request."""

    name: str
    matches: Callable[[Record], bool]
    read: Callable[[Record], Recorded | None]
    joins_rows: bool = False


def _is_langfuse(record: Record) -> bool:
    kind = record.get("type")
    if isinstance(kind, str) and isinstance(record.get("body"), dict):
        return kind.startswith(("generation-", "trace-", "span-", "event-", "observation-", "score-"))
    return "input" in record and (kind == "GENERATION" or "traceId" in record)


def _has_attribute(*names: str) -> Callable[[Record], bool]:
    inside = tuple(f"{name}." for name in names)

    def matches(record: Record) -> bool:
        try:
            return any(str(key).startswith(inside) or key in names for key in attributes_of(record))
        except BadRecord:
            return False

    return matches


# In order: the first that matches wins, so the layouts with the most telling fields stand first.
_FORMATS = (
    Format(
        "batch",
        lambda r: isinstance(r.get("body"), dict) and ("custom_id" in r or "url" in r),
        read_batch,
    ),
    Format("langfuse", _is_langfuse, read_langfuse),
    Format("litellm", lambda r: "call_type" in r and "messages" in r, read_litellm),
    Format(
        "apim",
        lambda r: "CorrelationId" in r and ("SequenceNumber" in r or "RequestMessages" in r),
        read_apim,
        joins_rows=True,
    ),
    Format("tensorzero", lambda r: "function_name" in r and "input" in r, read_tensorzero),
    Format("evals", lambda r: "input" in r and "ideal" in r, read_evals),
    Format(
        "openinference",
        _has_attribute("openinference", "llm.input_messages"),
        read_openinference,
    ),
    Format("otel", _has_attribute("gen_ai"), read_otel),
    Format("chat", lambda r: isinstance(r.get("messages"), list), read_chat),
)

FORMATS: Mapping[str, Format] = MappingProxyType({form.name: form for form in _FORMATS})


def recognise(records: Iterable[object]) -> Format | None:
    """The format that most of these records match, None when none matches any."""
    votes: dict[str, int] = {}
    for record in records:
        if isinstance(record, dict):
            name = next((form.name for form in _FORMATS if form.matches(record)), None)
            if name is not None:
                votes[name] = votes.get(name, 0) + 1
    return FORMATS[max(votes, key=votes.__getitem__)] if votes else None


def records_of(value: object) -> list[object]:
    """The records in one parsed line or document, with arrays and exports opened."""
    if isinstance(value, list) and value:
        return [record for item in value for record in (_opened(item) or [item])]
    return _opened(value) or [value]


def _opened(value: object) -> list[object]:
    """What an export wraps; empty when ``value`` is no export."""
    if not isinstance(value, dict):
        return []
    if isinstance(batch := value.get("batch"), list):
        return merge_langfuse(batch)
    return [
        span
        for resource in _dicts(value.get("resourceSpans"))
        for scope in _dicts(resource.get("scopeSpans"))
        for span in _dicts(scope.get("spans"))
    ]


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
