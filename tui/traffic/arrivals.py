"""When requests are due: at a constant rate, at random, or as recorded in a trace.

Every schedule is an iterator of ``Arrival`` in the order of their due times; none of them waits or looks at a
clock.
"""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from tui.line_reader import BadLine, Line, LineReader
from tui.text import plain

_EXPECTED = (
    "a header TIMESTAMP,ContextTokens,GeneratedTokens, or JSON lines with timestamp (ms), input_length and "
    "output_length"
)
_MAX_TOKENS = 10_000_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that is due ``due_s`` seconds after the start of the schedule; token counts from a trace."""

    due_s: float
    context_tokens: int | None = None
    generated_tokens: int | None = None


class TraceError(ValueError):
    """A trace that cannot be used; the text names the file, the line and what was expected."""


def constant(rate: float) -> Iterator[Arrival]:
    """``rate`` requests per second at equal distances, the first at 0. Raises ValueError unless rate > 0."""
    _check_positive(rate, "rate")
    return (Arrival(index / rate) for index in count())


def poisson(rate: float, rng: random.Random) -> Iterator[Arrival]:
    """A Poisson process of ``rate`` requests per second: independent exponential gaps, also before the first.

    Raises ValueError unless rate > 0.
    """
    _check_positive(rate, "rate")
    return _poisson(rate, rng)


def trace(
    path: Path, *, speed: float = 1.0, loop: bool = False, on_bad: Callable[[BadLine], None] = lambda bad: None
) -> Iterator[Arrival]:
    """The arrivals of a recorded trace, read as they are needed; the first usable row is due at 0.

    Two formats, told apart by the first line: CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens in
    any order (Azure public LLM inference traces; a time without zone is UTC), and JSON lines with timestamp in
    ms, input_length, output_length (Mooncake traces). Times are divided by ``speed``. With ``loop`` the next
    lap follows after the last gap greater than zero.

    ``on_bad`` hears, in the first lap, of every row that was skipped and of every row that goes back in time,
    which is due together with the row before it. Raises ValueError unless speed > 0, and TraceError when the
    file cannot be read, has another header or no usable row; while iterating only when the file went away.
    """
    _check_positive(speed, "speed")
    for _ in _rows(path, lambda bad: None):
        return _trace(path, speed, loop, on_bad)
    raise TraceError(f"{path}: no usable row; expected {_EXPECTED}")


def _poisson(rate: float, rng: random.Random) -> Iterator[Arrival]:
    due_s = 0.0
    while True:
        due_s += rng.expovariate(rate)
        yield Arrival(due_s)


def _trace(path: Path, speed: float, loop: bool, on_bad: Callable[[BadLine], None]) -> Iterator[Arrival]:
    lap_s = 0.0
    while True:
        first: float | None = None
        latest = gap = 0.0
        for number, at_s, context, generated in _rows(path, on_bad):
            if first is None:
                first = latest = at_s
            if at_s < latest:
                on_bad(BadLine(number, f"goes back {latest - at_s:.3f} s; due together with the row before"))
            elif at_s > latest:
                gap, latest = at_s - latest, at_s
            yield Arrival(lap_s + (latest - first) / speed, context, generated)
        if not loop:
            return
        if first is None or gap == 0:
            raise TraceError(f"{path}: cannot be looped; expected at least two rows with different times")
        lap_s += (latest - first + gap) / speed
        on_bad = _ignore


def _ignore(bad: BadLine) -> None:
    """Later laps repeat what was reported in the first."""


_Row = tuple[int, float, int, int]
"""Line number, seconds, context tokens, generated tokens."""


def _rows(path: Path, on_bad: Callable[[BadLine], None]) -> Iterator[_Row]:
    read_row: Callable[[str], tuple[float, int, int]] | None = None
    reader = LineReader(path)
    try:
        while not reader.ended:
            for line in reader.read():
                if isinstance(line, BadLine):
                    on_bad(line)
                    continue
                if read_row is None:
                    read_row = _columns(path, line)
                    if read_row is not _mooncake_row:
                        continue
                if (row := _row(line, read_row, on_bad)) is not None:
                    yield row
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from error
    finally:
        reader.close()


def _row(
    line: Line, read_row: Callable[[str], tuple[float, int, int]], on_bad: Callable[[BadLine], None]
) -> _Row | None:
    try:
        at_s, context, generated = read_row(line.data.decode("utf-8-sig"))
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, RecursionError, csv.Error) as error:
        on_bad(BadLine(line.number, plain(f"not a trace row: {error}", 120)))
        return None
    if not math.isfinite(at_s) or not (0 <= context <= _MAX_TOKENS and 0 <= generated <= _MAX_TOKENS):
        on_bad(BadLine(line.number, "a time or a token count out of range"))
        return None
    return line.number, at_s, context, generated


def _columns(path: Path, line: Line) -> Callable[[str], tuple[float, int, int]]:
    """How to read a row, from the first line of the file."""
    text = line.data.decode("utf-8-sig", errors="replace")
    if text.startswith("{"):
        return _mooncake_row
    try:
        names = [name.strip().lower() for name in _fields(text)]
        at, context, generated = (
            names.index(name) for name in ("timestamp", "contexttokens", "generatedtokens")
        )
    except (ValueError, csv.Error) as error:
        found = plain(text, 80)
        raise TraceError(f"{path}: line {line.number}: expected {_EXPECTED}; found {found}") from error

    def csv_row(text: str) -> tuple[float, int, int]:
        fields = _fields(text)
        return _seconds(fields[at]), int(fields[context]), int(fields[generated])

    return csv_row


def _fields(text: str) -> list[str]:
    return next(csv.reader([text]))


def _seconds(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time; digits beyond microseconds are cut, no zone means UTC."""
    at = datetime.fromisoformat(text.strip())
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _mooncake_row(text: str) -> tuple[float, int, int]:
    row = json.loads(text)
    at_ms, context, generated = row["timestamp"], row["input_length"], row["output_length"]
    if not (isinstance(context, int) and isinstance(generated, int) and isinstance(at_ms, int | float)):
        raise ValueError("timestamp, input_length and output_length must be numbers")
    return at_ms / 1000, context, generated


def _check_positive(value: float, what: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} must be a number above 0, not {value}")
