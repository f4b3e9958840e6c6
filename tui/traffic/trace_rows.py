"""Rows of recorded traces: when a request came and how long it was, from CSV or JSON lines.

A column or key is known by its name, whatever its place:

- Azure's public traces: TIMESTAMP, ContextTokens, GeneratedTokens (github.com/Azure/AzurePublicDataset)
- BurstGPT: Timestamp, Request tokens, Response tokens (github.com/HPMLL/BurstGPT); its third release has
  Session ID and Elapsed time between them
- Mooncake: timestamp, input_length, output_length (github.com/kvcache-ai/Mooncake); session_id and delay as in
  NVIDIA's AIPerf (docs.nvidia.com/aiperf, trace replay)
- Qwen-Bailian: the keys of Mooncake beside chat_id (github.com/alibaba-edu/qwen-bailian-usagetraces-anon)
- Vidur: arrived_at, num_prefill_tokens, num_decode_tokens (github.com/microsoft/vidur)
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from tui.base.line_reader import BadLine, Line, LineReader
from tui.base.text import plain
from tui.rollout import TraceUnit

EXPECTED: Final = (
    "a header TIMESTAMP,ContextTokens,GeneratedTokens or Timestamp,Request tokens,Response tokens, or JSON "
    "lines with timestamp, input_length and output_length"
)

_Field = Literal["at", "delay", "context", "generated", "session"]

_NAMES: Final[Mapping[_Field, tuple[str, ...]]] = {
    "at": ("timestamp", "arrivaltimestamp", "arrivaltime", "arrivedat", "arrival", "requesttime", "starttime",
           "createdat", "datetime", "time", "ts"),
    "delay": ("delay",),
    "context": ("contexttokens", "inputlength", "requesttokens", "inputtokens", "prompttokens", "promptlength",
                "numprefilltokens", "prefilltokens", "inputlen", "promptlen"),
    "generated": ("generatedtokens", "outputlength", "responsetokens", "outputtokens", "completiontokens",
                  "responselength", "numdecodetokens", "decodetokens", "outputlen", "responselen"),
    "session": ("sessionid", "conversationid"),
}  # fmt: skip
"""What a field is called, without case and signs; the first of them in a row counts."""

_UNIT_NAMES: Final[Mapping[TraceUnit, tuple[str, ...]]] = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
    "us": ("us", "µs", "usec", "usecs", "micros", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nsecs", "nanos", "nanosecond", "nanoseconds"),
}
_UNITS: Final = {name: unit for unit, names in _UNIT_NAMES.items() for name in names}
_WITH_UNIT: Final = re.compile(r"(.+)[ _.(\[-]+([a-zµ]+)[)\]]*")
_SIGNS: Final = re.compile(r"[\W_]+")

_LONGEST_NAME: Final = 40
_MOST_TOKENS: Final = 10_000_000
_DELIMITERS: Final = (",", ";", "\t", "|")


class TraceError(ValueError):
    """A trace that cannot be used; the text names the file, the line and what was expected."""


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One request of a trace, its times as they stand there.

    ``at`` is None where ``delay`` says how long after the request before it in its session this one came. Of a
    date it is seconds since 1970. ``names`` are all columns or keys of the row, ``time_name`` that of ``at``.
    """

    number: int
    at: float | None
    is_date: bool
    delay: float | None
    session: str | None
    context: int
    generated: int
    time_name: str
    names: tuple[str, ...]


class _WrongRow(ValueError):
    """A row that cannot be used, and why."""


_Cells = Mapping[str, object]
"""The columns or keys of one row."""


def trace_rows(path: Path, on_bad: Callable[[BadLine], None]) -> Iterator[TraceRow]:
    """The usable rows in the order of the file; ``on_bad`` hears of every other one.

    Raises TraceError when the file cannot be read or begins with neither a known header nor a JSON object.
    """
    read_cells: Callable[[str], _Cells] | None = None
    reader = LineReader(path)
    try:
        while not reader.ended:
            for line in reader.read():
                if isinstance(line, BadLine):
                    on_bad(line)
                    continue
                if read_cells is None:
                    if not _text(line, errors="replace"):
                        continue  # a byte order mark on a line of its own
                    read_cells = _layout(path, line)
                    if read_cells is not _json_cells:
                        continue
                if (row := _row(line, read_cells, on_bad)) is not None:
                    yield row
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from error
    finally:
        reader.close()


def without_signs(name: str) -> str:
    """A column's name in lower case, letters and digits only: ``Request tokens`` is ``requesttokens``."""
    return _SIGNS.sub("", name.lower())


def unit_of_name(name: str) -> TraceUnit | None:
    """The unit that a column's name ends in: ``timestamp_ms`` counts milliseconds."""
    return _known(name)[2]


# --- lines into cells ---------------------------------------------------------------------------


def _layout(path: Path, line: Line) -> Callable[[str], _Cells]:
    """How to read a row, from the first line of the file."""
    text = _text(line, errors="replace")
    if text.startswith("{"):
        return _json_cells
    if text.startswith("["):
        raise TraceError(f"{path}: a JSON array; expected {EXPECTED}; convert it: jq -c '.[]' FILE")
    for delimiter in _DELIMITERS:
        try:
            header = tuple(name.strip() for name in _split(text, delimiter))
        except csv.Error:
            continue
        if {"at", "context", "generated"} <= _fields(header).keys():
            return _csv_cells(header, delimiter)
    raise TraceError(f"{path}: line {line.number}: expected {EXPECTED}; found {plain(text, 80)}")


def _csv_cells(header: tuple[str, ...], delimiter: str) -> Callable[[str], _Cells]:
    needed = max(header.index(name) for name in _fields(header).values())

    def cells(text: str) -> _Cells:
        fields = _split(text, delimiter)
        if len(fields) <= needed:
            raise _WrongRow(f"{len(fields)} columns where the header has {len(header)}")
        found: dict[str, object] = {}
        for name, field in zip(header, fields, strict=False):
            found.setdefault(name, field.strip())
        return found

    return cells


def _json_cells(text: str) -> _Cells:
    row = json.loads(text)
    if not isinstance(row, dict):
        raise _WrongRow("no JSON object")
    return row


def _split(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter), [])


def _text(line: Line, errors: str = "strict") -> str:
    return line.data.decode("utf-8-sig", errors)


# --- cells into a row ---------------------------------------------------------------------------


def _row(line: Line, read_cells: Callable[[str], _Cells], on_bad: Callable[[BadLine], None]) -> TraceRow | None:
    try:
        return _understood(line.number, read_cells(_text(line)))
    except _WrongRow as error:
        reason = str(error)
    except (ValueError, RecursionError, csv.Error) as error:
        reason = f"neither CSV nor JSON: {error}"
    on_bad(BadLine(line.number, plain(f"not a trace row: {reason}", 120)))
    return None


def _understood(number: int, cells: _Cells) -> TraceRow:
    every = tuple(cells)
    names = _fields(every)
    given = {field: cells[name] for field, name in names.items() if cells[name] not in (None, "")}
    _need("context", "input_length", names, given)
    _need("generated", "output_length", names, given)
    at, is_date, delay = None, False, None
    if "at" in given:
        at, is_date = _time(names["at"], given["at"])
    elif "delay" in given:
        delay = _number(given["delay"])
        if delay is None or delay < 0:
            raise _WrongRow(f"{names['delay']} {_shown(given['delay'])} is no number from 0")
    else:
        _need("at", "timestamp", names, given)
    return TraceRow(
        number,
        at,
        is_date,
        delay,
        str(given["session"])[:100] if "session" in given else None,
        _count(names["context"], given["context"]),
        _count(names["generated"], given["generated"]),
        names.get("at", ""),
        every,
    )


def _need(field: _Field, usual: str, names: Mapping[_Field, str], given: Mapping[_Field, object]) -> None:
    if field not in given:
        raise _WrongRow(f"no {names.get(field, usual)}")


def _time(name: str, value: object) -> tuple[float, bool]:
    """The instant, and whether it is a date: ISO 8601, finer than microseconds is cut, no zone means UTC."""
    number = _number(value)
    if number is not None:
        return number, False
    try:
        at = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp(), True
    except (ValueError, OverflowError):
        raise _WrongRow(f"{name} {_shown(value)} is neither a number nor an ISO 8601 date") from None


def _count(name: str, value: object) -> int:
    """Tokens; a whole number may be written as 12.0."""
    number = _number(value)
    if number is None or not number.is_integer() or not 0 <= number <= _MOST_TOKENS:
        raise _WrongRow(f"{name} {_shown(value)} is no whole number from 0 to {_MOST_TOKENS:,}")
    return int(number)


def _number(value: object) -> float | None:
    """A finite number, also one that is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: object) -> str:
    return f'"{plain(value, 40)}"' if isinstance(value, str) else plain(repr(value), 40)


# --- names --------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _fields(names: tuple[str, ...]) -> Mapping[_Field, str]:
    """Which of the names is which field. Rows of one trace mostly have the same ones."""
    found: dict[_Field, str] = {}
    ranks: dict[_Field, int] = {}
    for name in names:
        if len(name) > _LONGEST_NAME:
            continue
        field, rank, _ = _known(name)
        if field is not None and rank < ranks.get(field, len(_NAMES[field])):
            found[field], ranks[field] = name, rank
    return found


@lru_cache(maxsize=256)
def _known(name: str) -> tuple[_Field | None, int, TraceUnit | None]:
    """The field of that name, its rank among the names of the field, and the unit that it ends in."""
    lower = name.strip().lower()
    bare = without_signs(lower)
    for field, known in _NAMES.items():
        if bare in known:
            return field, known.index(bare), None
    with_unit = _WITH_UNIT.fullmatch(lower)
    unit = _UNITS.get(with_unit[2]) if with_unit else None
    if with_unit is None or unit is None or (bare := without_signs(with_unit[1])) not in _NAMES["at"]:
        return None, 0, None
    return "at", _NAMES["at"].index(bare), unit
