"""The formats in which recorded requests come: told apart by their fields, read one record at a time.

A file is JSON lines, or one JSON document: an object, an array, or an export that wraps its records
(``resourceSpans`` of OTLP, ``batch`` of Langfuse, ``data`` of an API). ``records_of`` opens the wrappings,
``recognise`` names the format, and ``Format.read`` makes a request of a record. ``conversion`` has a line for
what is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

from tui.base.recorded_request import BadRecord, Recorded, read_chat
from tui.traffic.attributes import attributes_of
from tui.traffic.bodies import find_body, read_wrapped
from tui.traffic.conversations import read_batch, read_conversation, read_evals, read_tensorzero, turns_of
from tui.traffic.genai_messages import OtelCalls, is_event
from tui.traffic.joined_rows import JoinedRows
from tui.traffic.log_formats import (
    ApimCalls,
    is_helicone,
    is_stored,
    merge_langfuse,
    read_apim,
    read_helicone,
    read_langfuse,
    read_litellm,
    read_stored,
)
from tui.traffic.span_formats import read_openinference, read_otel, read_otel_logs

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``read`` gives None for a record that is no request (a trace around one, a deleted one) and
    raises BadRecord for one that cannot be replayed; ``matches`` may raise it too. ``joins_rows``: several
    records make one request, and this puts them together."""

    name: str
    matches: Callable[[Record], bool]
    read: Callable[[Record], Recorded | None]
    joins_rows: Callable[[], JoinedRows] | None = None


def _is_langfuse(record: Record) -> bool:
    kind = record.get("type")
    if isinstance(kind, str) and isinstance(record.get("body"), dict):
        return kind.startswith(("generation-", "trace-", "span-", "event-", "observation-", "score-"))
    if "input" in record and (kind == "GENERATION" or "traceId" in record):
        return True
    return _has_attribute("langfuse.observation")(record)


def _has_attribute(*names: str) -> Callable[[Record], bool]:
    inside = tuple(f"{name}." for name in names)
    return lambda record: any(str(key).startswith(inside) or key in names for key in attributes_of(record))


# In order: the first that matches wins, so the layouts with the most telling fields stand first.
_FORMATS = (
    Format("batch", lambda r: isinstance(r.get("body"), dict) and ("custom_id" in r or "url" in r), read_batch),
    Format("langfuse", _is_langfuse, read_langfuse),
    Format(
        "litellm",
        lambda r: "call_type" in r and ("messages" in r or "proxy_server_request" in r),
        read_litellm,
    ),
    Format(
        "apim",
        lambda r: "CorrelationId" in r and ("SequenceNumber" in r or "RequestMessages" in r),
        read_apim,
        joins_rows=ApimCalls,
    ),
    Format("tensorzero", lambda r: "function_name" in r and "input" in r, read_tensorzero),
    Format("evals", lambda r: "input" in r and "ideal" in r, read_evals),
    Format("stored", is_stored, read_stored),
    Format("helicone", is_helicone, read_helicone),
    Format(
        "openinference",
        _has_attribute("openinference", "llm.input_messages", "llm.invocation_parameters"),
        read_openinference,
    ),
    Format("otel_logs", is_event, read_otel_logs, joins_rows=OtelCalls),
    Format("otel", _has_attribute("gen_ai", "llm.request", "llm.prompts"), read_otel),
    Format(
        "sharegpt",
        lambda r: turns_of(r) is not None and ("conversations" in r or "items" in r),
        read_conversation,
    ),
    Format("lmsys", lambda r: turns_of(r) is not None, read_conversation),
    Format("chat", lambda r: isinstance(r.get("messages"), list), read_chat),
    Format("wrapped", lambda r: find_body(r) is not None, read_wrapped),
)

FORMATS: Mapping[str, Format] = MappingProxyType({form.name: form for form in _FORMATS})

# What an OTLP export wraps its spans and log records in, with its older and other names.
_NESTS = (
    "resourceSpans", "resource_spans", "batches", "scopeSpans", "scope_spans", "instrumentationLibrarySpans",
    "resourceLogs", "resource_logs", "scopeLogs", "scope_logs",
)  # fmt: skip
_LEAVES = ("spans", "logRecords", "log_records")
_NEST_DEPTH = 6
_VOTES = 20
_LISTS = ("data", "observations", "records", "rows", "results", "requests")


def recognise(records: Iterable[object]) -> Format | None:
    """The format that most of these records match, None when none matches any; 20 that match one are enough. A
    format that joins rows also reads what stands between them, so one row is enough for it."""
    matched = (form for record in records if (form := format_of(record)) is not None)
    votes = Counter(form.name for form in islice(matched, _VOTES))
    return max(
        (FORMATS[n] for n in votes), key=lambda f: (f.joins_rows is not None, votes[f.name]), default=None
    )


def format_of(record: object) -> Format | None:
    """The format of one record."""
    return (
        next((form for form in _FORMATS if _matches(form, record)), None) if isinstance(record, dict) else None
    )


def records_of(value: object) -> list[object]:
    """The records in one parsed line or document, with arrays and exports opened."""
    if isinstance(value, list) and value:
        for name, marks in (("messages", {"role", "content"}), ("conversations", {"from", "value"})):
            if all(isinstance(item, dict) and marks <= item.keys() for item in value):
                return [{name: value}]
        return [record for item in value for record in (_opened(item) or [item])]
    return _opened(value) or [value]


def conversion(record: Record) -> str:
    """What to do with a record in no known format, in one line; empty where that is not known."""
    for fields, program in _CONVERSIONS:
        if fields <= record.keys():
            return f"jq -c '{program}' FILE > requests.jsonl"
    if "custom_id" in record and "response" in record:
        return "these are the answers of a batch; replay its input file"
    if record and all(isinstance(column, dict) and "0" in column for column in record.values()):
        return "this is a table by columns; write it with to_json(FILE, orient='records', lines=True)"
    return ""


_ASKED = '{messages:[{role:"user",content:.%s}]%s}'
_GEMINI = (
    '{messages:[.contents[]|{role:(if .role=="model" then "assistant" else "user" end),'
    'content:([.parts[].text]|join(""))}]}'
)
_CONVERSIONS: tuple[tuple[set[str], str], ...] = (
    ({"prompt", "completion"}, _ASKED % ("prompt", ",expected:.completion")),
    ({"instruction", "output"}, _ASKED % ("instruction", ",expected:.output")),
    ({"question", "answer"}, _ASKED % ("question", ",expected:.answer")),
    ({"contents"}, _GEMINI),
    *(
        ({name}, _ASKED % (name, ""))
        for name in ("prompt", "question", "query", "instruction", "text", "input")
    ),
)


def _matches(form: Format, record: Record) -> bool:
    try:
        return form.matches(record)
    except BadRecord:
        return False


def _opened(value: object) -> list[object]:
    """What an export wraps; empty when ``value`` is no export."""
    if not isinstance(value, dict):
        return []
    if isinstance(batch := value.get("batch"), list):
        return merge_langfuse(batch)
    nested = value.get("trace") if isinstance(value.get("trace"), dict) else value
    if spans := _spans(nested, _NEST_DEPTH):
        return spans
    for name in _LISTS:
        items = value.get(name)
        if isinstance(items, list) and items and format_of(value) is None:
            found = [_inner(item) for item in items if isinstance(item, dict)]
            return [span for item in found for span in (_spans(item, _NEST_DEPTH) or [item])]
    return []


def _inner(item: dict[str, Any]) -> dict[str, Any]:
    """A row without what numbers it (the data set viewer of Hugging Face)."""
    row = item.get("row")
    return row if isinstance(row, dict) else item


def _spans(value: object, depth: int) -> list[object]:
    """The spans and log records that are nested in ``value``; empty when nothing is."""
    if not isinstance(value, dict) or depth == 0:
        return []
    found: list[object] = [item for name in _LEAVES for item in _dicts(value.get(name))]
    nested = [item for name in _NESTS for item in _dicts(value.get(name))]
    return found + [span for item in nested for span in _spans(item, depth - 1)]


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
