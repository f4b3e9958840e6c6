"""Lines and records that cannot be used: how many, which and why, and what to do about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tui.base.line_reader import BadLine
from tui.base.text import plain
from tui.traffic.documents import table_conversion
from tui.traffic.formats import FORMATS, Format, conversion

REASON_CHARS = 300

_KEPT = 50
_NOT_RECOGNISED = "format not recognised"
_CONVERT = "; convert it: "


class Refusals:
    """The bad lines of a file: their count, the first and the last 50."""

    def __init__(self) -> None:
        self.count = 0
        self._first: BadLine | None = None
        self._last: deque[BadLine] = deque(maxlen=_KEPT)

    def add(self, line: BadLine) -> None:
        """Keep a bad line, its reason harmless to show."""
        line = replace(line, reason=plain(line.reason, REASON_CHARS))
        self.count += 1
        self._first = self._first or line
        self._last.append(line)

    def last(self) -> tuple[BadLine, ...]:
        """The last of them, oldest first."""
        return tuple(self._last)

    def why_nothing(self, form: Format | None, others: int, unit: str) -> str:
        """Why a file gave no request: its first bad line, else that its ``others`` are no chat requests."""
        bad = self._first
        if bad is not None and (not bad.reason.startswith(_NOT_RECOGNISED) or _CONVERT in bad.reason):
            return f"no usable request in the file: {unit} {bad.line}: {bad.reason}"
        if bad is None and not others:
            return "no usable request in the file: it is empty"
        if form is None:
            return f"no usable request in the file; known formats are {', '.join(FORMATS)}"
        return f"no usable request in the file: {others:,} records of {form.name}, none of them a chat request"


def not_recognised(record: Mapping[str, Any]) -> str:
    """The reason for a record in no known format, with the line that converts it where there is one."""
    fields = ", ".join(plain(str(key), 20) for key in list(record)[:5])
    how = conversion(record)
    return f"{_NOT_RECOGNISED}; fields: {fields or 'none'}{_CONVERT + how if how else ''}"


def not_json(line: bytes, error: str) -> str:
    """The reason for a line that is not JSON, with the line that converts a table."""
    how = table_conversion(line)
    return f"{error}{_CONVERT}{how}" if how else error
