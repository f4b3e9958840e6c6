"""A table of a report, and how its cells are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A heading over rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str


def number(value: float | None, style: str) -> str:
    """A dash where there is none."""
    return "-" if value is None else format(value, style)
