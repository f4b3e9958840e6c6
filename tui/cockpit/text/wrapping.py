"""A long text in rows of a width, laid out no further than is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import get_character_cell_size

from tui.base.text import visible_pieces


class Wrapped:
    """``rows`` are what has been laid out: where a row begins in the visible text, and the row.

    Lines are broken at blanks, words that are longer than the width where it ends. A text of a megabyte takes a
    while: ``lay`` does the next few rows, until ``done``.
    """

    def __init__(self, text: str, width: int) -> None:
        self.rows: list[tuple[int, str]] = []
        self.done = False
        self._coming = _rows(text, max(width, 1))

    def lay(self, rows: int) -> None:
        """As many rows as that, or all there are."""
        while not self.done and len(self.rows) < rows:
            row = next(self._coming, None)
            if row is None:
                self.done = True
            else:
                self.rows.append(row)


def wrapped(text: str, width: int) -> tuple[str, ...]:
    """A short text in rows."""
    return tuple(row for _, row in _rows(text, max(width, 1)))


def _rows(text: str, width: int) -> Iterator[tuple[int, str]]:
    begins, line = 0, ""
    for piece in visible_pieces(text):
        *ended, rest = piece.split("\n")
        for part in ended:
            line += part
            start = 0
            for end, following in _breaks(line, width):
                yield begins + start, line[start:end]
                start = following
            yield begins + start, line[start:]
            begins += len(line) + 1
            line = ""
        line += rest
        start = 0
        for end, following in _breaks(line, width):
            yield begins + start, line[start:end]
            start = following
        begins, line = begins + start, line[start:]
    if line or not begins:
        yield begins, line


def _breaks(line: str, width: int) -> Iterator[tuple[int, int]]:
    """Where each row but the last ends, and where the one after it begins."""
    start = 0
    while (most := _fitting(line, start, width)) < len(line):
        blank = line.rfind(" ", start + 1, most + 1)
        end, following = (most, most) if blank < 0 else (blank, blank + 1)
        yield end, following
        start = following


def _fitting(line: str, start: int, width: int) -> int:
    """Where the characters end that fit into ``width`` cells, at least one of them."""
    if line.isascii():
        return min(start + width, len(line))
    cells = 0
    for at in range(start, len(line)):
        cells += get_character_cell_size(line[at])
        if cells > width and at > start:
            return at
    return len(line)
