"""Which columns of a table fit into a width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Fitting(Protocol):
    """``rank``: low ranks stay when the terminal is narrow. ``most`` is how wide the column may become, 0 for
    no wider than ``width``."""

    @property
    def width(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def most(self) -> int: ...


_C = TypeVar("_C", bound=Fitting)


def fitted(columns: Sequence[_C], width: int) -> tuple[dict[_C, int], tuple[_C, ...]]:
    """Those that fit, in their order, with their cells, and those that do not; one cell stands between two.
    What is left over goes to those that may become wider, low ranks first."""
    kept: list[_C] = []
    room = width + 1
    for column in sorted(columns, key=lambda c: c.rank):
        if column.width + 1 <= room:
            kept.append(column)
            room -= column.width + 1
    widths = {column: column.width for column in columns if column in kept}
    for column in sorted(kept, key=lambda c: c.rank):
        more = min(room, max(column.most - column.width, 0))
        widths[column] += more
        room -= more
    return widths, tuple(column for column in columns if column not in kept)
