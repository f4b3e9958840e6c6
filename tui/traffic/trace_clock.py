"""What the timestamps of a trace count: dates, or a unit that is given, named or guessed, and always said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from tui.base.line_reader import BadLine
from tui.rollout import TraceUnit
from tui.traffic.trace_rows import EXPECTED, TraceError, TraceRow, trace_rows, unit_of_name, without_signs

_PER_SECOND: Final[Mapping[TraceUnit, float]] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_WORDS: Final[Mapping[TraceUnit, str]] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}

_SAMPLE_ROWS: Final = 2000
_ENOUGH_ROWS: Final = 20

_PUBLISHED: Final[tuple[tuple[str, TraceUnit, frozenset[str]], ...]] = (
    ("BurstGPT", "s", frozenset({"requesttokens", "responsetokens"})),
    ("Qwen-Bailian", "s", frozenset({"chatid", "parentchatid"})),
    ("Vidur", "s", frozenset({"numprefilltokens", "numdecodetokens"})),
    ("Mooncake", "ms", frozenset({"inputlength", "outputlength"})),
)
"""Published traces, what their timestamps count, and the columns by which they are known."""

# Requests per second where timestamps are read as milliseconds: above the figure they rather are seconds.
_PUBLISHED_SECONDS: Final = 0.5
_FRACTIONS: Final = 10.0
_NUMBERS: Final = 100.0
_PUBLISHED_MS: Final = 300.0

# Below so many requests per second a smaller unit is likelier; with few rows only where it is far below.
_SLOW: Final = 0.01
_SLOW_OF_FEW: Final = 0.0003
_SLOW_IN_US: Final = 0.1

_EPOCH_S: Final = (1e9, 4.2e9)
"""The years 2001 to 2103."""


@dataclass(frozen=True, slots=True)
class TraceClock:
    """Turns the times of a trace into seconds. ``said`` tells the unit, why it was taken, and the rate."""

    dates: bool
    unit: TraceUnit
    said: str

    def seconds(self, value: float) -> float:
        """A timestamp or a delay in seconds; a date is in seconds already."""
        return value / _PER_SECOND[self.unit]

    def at_s(self, row: TraceRow) -> float | None:
        """The row's instant in seconds; None where it has only a delay."""
        return None if row.at is None else row.at if row.is_date else self.seconds(row.at)


def read_clock(path: Path, unit: TraceUnit | None = None) -> TraceClock:
    """The clock of a trace, from its first 2,000 rows. ``unit`` is what the user says, None to find out.

    Raises TraceError when the file cannot be read, has another header or no row with a timestamp.
    """
    bad: list[BadLine] = []
    rows = list(islice(trace_rows(path, bad.append), _SAMPLE_ROWS))
    timed = [row for row in rows if row.at is not None]
    if not timed:
        first = f" (line {bad[0].line}: {bad[0].reason})" if bad else ""
        raise TraceError(f"{path}: no usable row{first}; expected {EXPECTED}")
    first_row = timed[0]
    times = [row.at for row in timed if row.at is not None and row.is_date == first_row.is_date]
    per_unit = _rate(times, len(rows) / len(timed))
    if first_row.is_date:
        return TraceClock(True, unit or "ms", f"its times are dates{_rate_words(per_unit)}")
    rest = ""
    if unit is not None:
        why = f'timestamps are {_WORDS[unit]}, as trace_unit = "{unit}" says'
    elif (unit := unit_of_name(first_row.time_name)) is not None:
        why = f"timestamps are {_WORDS[unit]}, as their name says"
    else:
        unit, reason = _guess(times, per_unit, {without_signs(name) for name in first_row.names})
        other: TraceUnit = "ms" if unit == "s" else "s"
        rest = f'; if they are {_WORDS[other]}: trace_unit = "{other}"'
        why = f"timestamps are taken as {_WORDS[unit]}, {reason}"
    return TraceClock(False, unit, why + _rate_words(per_unit and per_unit * _PER_SECOND[unit]) + rest)


def _guess(times: Sequence[float], per_unit: float | None, names: set[str]) -> tuple[TraceUnit, str]:
    """The unit that the numbers count, and why."""
    for unit, per_second in _PER_SECOND.items():
        since_1970 = _EPOCH_S[0] <= times[0] / per_second < _EPOCH_S[1]
        if since_1970 and (per_unit is None or per_unit * per_second >= _SLOW_OF_FEW):
            return unit, "since 1970"
    name, usual = next(((name, unit) for name, unit, columns in _PUBLISHED if columns <= names), ("", None))
    fractions = any(not at.is_integer() for at in times)
    as_published = f"as in {name} traces"
    if per_unit is None:
        if usual is not None and not (fractions and usual == "ms"):
            return usual, as_published
        return ("s", "as they have fractions") if fractions else ("ms", "which nothing contradicts")
    rate_ms = per_unit * _PER_SECOND["ms"]
    as_ms = f"as milliseconds would be {_rps(rate_ms)}"
    for holds, limit, reason in (
        (usual == "s", _PUBLISHED_SECONDS, as_published),
        (fractions, _FRACTIONS, "as they have fractions"),
        (True, _PUBLISHED_MS if usual == "ms" else _NUMBERS, as_ms),
    ):
        if holds and rate_ms > limit:
            return "s", reason
    slow = _SLOW if len(times) >= _ENOUGH_ROWS else _SLOW_OF_FEW
    if rate_ms < slow and not fractions:
        smaller: TraceUnit = "us" if rate_ms * 1e3 >= _SLOW_IN_US else "ns"
        return smaller, as_ms
    if usual == "ms":
        return "ms", as_published
    return "ms", f"as seconds would be {_rps(per_unit)}"


def _rate(times: Sequence[float], rows_per_time: float) -> float | None:
    """Rows for each unit of time, without the outermost of many; None where all came at once."""
    ordered = sorted(times)
    cut = len(ordered) // _ENOUGH_ROWS
    span = ordered[-1 - cut] - ordered[cut]
    return (len(ordered) - 1 - 2 * cut) * rows_per_time / span if span > 0 else None


def _rate_words(per_second: float | None) -> str:
    return "" if per_second is None else f": {_rps(per_second)}"


def _rps(rate: float) -> str:
    number = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
    return f"{number} request{'' if number == '1' else 's'}/s"
