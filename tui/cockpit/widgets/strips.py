"""Text with the colours of the palette as Textual strips."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.cockpit.palette import rgb

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
