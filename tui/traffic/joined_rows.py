"""Rows of a log that make one request together, put together in a bounded space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.base.recorded_request import MAX_REQUEST_BYTES, BadRecord

_OPEN_CALLS = 32
_MAX_ROWS = 1000

Row = Mapping[str, Any]

Numbered = tuple[int, Row]
"""The number of a line or record, and what it holds."""


@dataclass(slots=True)
class _Call:
    number: int
    rows: list[Row] = field(default_factory=list)
    size: int = 0

    @property
    def too_large(self) -> bool:
        return self.size > MAX_REQUEST_BYTES or len(self.rows) >= _MAX_ROWS


class JoinedRows(ABC):
    """Rows of several calls may interleave: a call counts as complete when ``_OPEN_CALLS`` others have begun
    after it, or at the end of the file. A call is ``{"rows": [...], "too_large": bool}``."""

    def __init__(self) -> None:
        self._open: dict[Hashable, _Call] = {}

    @abstractmethod
    def key(self, row: Row) -> Hashable | None:
        """What names the call that the row belongs to; None for a row of no call. Raises BadRecord."""

    @abstractmethod
    def kept(self, row: Row) -> Row:
        """What is kept of a row. Raises BadRecord."""

    def begins(self, rows: list[Row], row: Row) -> bool:
        """Whether the row begins another call under the same key."""
        return False

    def add(self, number: int, row: Row) -> list[Numbered]:
        """The calls that this row completes, each with the number of its first row. Raises BadRecord."""
        key = self.key(row)
        if key is None:
            return []
        kept = self.kept(row)
        done = []
        if key in self._open and self.begins(self._open[key].rows, kept):
            done.append(self._close(key))
        call = self._open.setdefault(key, _Call(number))
        call.size += len(repr(kept))
        if not call.too_large:
            call.rows.append(kept)
        if len(self._open) > _OPEN_CALLS:
            done.append(self._close(next(iter(self._open))))
        return done

    def finish(self) -> list[Numbered]:
        """The calls that are still open, in the order in which they began."""
        return [self._close(key) for key in list(self._open)]

    def _close(self, key: Hashable) -> Numbered:
        call = self._open.pop(key)
        return call.number, {"rows": call.rows, "too_large": call.too_large}


def rows_of(call: Row) -> list[Row]:
    """The rows of a joined call. Raises BadRecord where they were too much to keep."""
    if call.get("too_large"):
        raise BadRecord(
            f"messages: the request has more than {MAX_REQUEST_BYTES:,} bytes or {_MAX_ROWS:,} rows"
        )
    rows: list[Row] = call.get("rows", [])
    return rows
