"""Plots of a few cells for small terminals, and text with the colours of the palette as Textual strips."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.base.text import plain
from tui.cockpit.palette import rgb
from tui.cockpit.plots.spec import MiniLine

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_LEVELS: Final = "_.-:=+*#"
"""The same eight heights for fonts without blocks."""

_TITLE_CELLS: Final = 8
_LABEL_CELLS: Final = 8
_FIGURE_CELLS: Final = 8


def cells(values: Sequence[float | None], low: float, high: float, *, ascii_only: bool = False) -> str:
    """One character per value, higher for greater, between ``low`` and ``high``; a blank for None.

    Values outside the scale, infinite ones too, are drawn at its ends; NaN is a blank.
    """
    levels = _LEVELS if ascii_only else _BLOCKS
    return "".join(" " if v is None or v != v else levels[_level(v, low, high)] for v in values)


def _level(value: float, low: float, high: float) -> int:
    if not value > low or not high > low:
        return 0
    if value >= high:
        return len(_BLOCKS) - 1
    return int((value - low) / (high - low) * len(_BLOCKS))


class MiniGraphs(Widget):
    """Some metrics, one a line: key, title, then label, graph and newest figure of each version, and a note."""

    DEFAULT_CSS = """
    MiniGraphs { height: auto; width: 1fr; }
    """

    def __init__(
        self,
        *,
        ascii_only: bool = False,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._ascii_only = ascii_only
        self._lines: tuple[MiniLine, ...] = ()

    def show(self, lines: Sequence[MiniLine]) -> None:
        """Show these lines from top to bottom."""
        before, self._lines = self._lines, tuple(lines)
        if before != self._lines:
            self.refresh(layout=len(before) != len(self._lines))

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """One row per line."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """The metric of row ``y``."""
        width = self.size.width
        segments = self._segments(self._lines[y]) if y < len(self._lines) else []
        return Strip(fitted(segments, width), width).apply_style(self.rich_style)

    def _segments(self, line: MiniLine) -> list[Segment]:
        segments = [
            Segment(f" {line.key} ", ink("axis", bold=True)),
            Segment(f"{plain(line.title, _TITLE_CELLS):<{_TITLE_CELLS}}", ink("bright", bold=True)),
        ]
        for graph in line.graphs:
            style = ink(graph.colour)
            drawn = cells(graph.values, line.low, line.high, ascii_only=self._ascii_only)
            label = f"{plain(graph.label, _LABEL_CELLS):<5}"
            figure = f"{plain(graph.figure, _FIGURE_CELLS):<{_FIGURE_CELLS}}"
            segments += [
                Segment(f"{label} ", style),
                Segment(drawn, style),
                Segment(f" {figure} ", ink("bright")),
            ]
        segments.append(Segment(plain(line.note, 20), ink("bright")))
        return segments


_CODE: Final = re.compile(r"\x1b\[([0-9;]*)m")
_PLAIN: Final = Style()


@lru_cache(maxsize=64)
def ink(colour: str, dim: bool = False, bold: bool = False) -> Style:
    """Foreground style of a palette colour."""
    return Style(color=Color.from_rgb(*rgb(colour, dim)), bold=bold or None)


def row_segments(row: str) -> list[Segment]:
    """A row of ``plotting.rows`` as segments: of its codes only RGB foregrounds count."""
    segments: list[Segment] = []
    style = _PLAIN
    for i, piece in enumerate(_CODE.split(row)):
        if i % 2:
            style = _style(piece)
        elif piece:
            segments.append(Segment(piece, style))
    return segments


def fitted(segments: list[Segment], width: int, filler: str = " ", style: Style = _PLAIN) -> list[Segment]:
    """The segments cut or filled up to exactly ``width`` cells."""
    width = max(width, 0)
    strip = Strip(segments)
    if strip.cell_length >= width:
        return list(strip.crop(0, width))
    return [*segments, Segment(filler * (width - strip.cell_length), style)]


@lru_cache(maxsize=64)
def _style(code: str) -> Style:
    parts = code.split(";")
    if len(parts) == 5 and parts[:2] == ["38", "2"] and all(p.isdigit() and int(p) < 256 for p in parts[2:]):
        return Style(color=Color.from_rgb(*(int(p) for p in parts[2:])))
    return _PLAIN
