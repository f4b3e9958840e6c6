"""What a plot or a mini graph is to show: plain values that travel to the plot process and to the widgets, and
the length-prefixed frames in which they travel."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal, Protocol

MarkKind = Literal["shift", "worse", "version", "backend"]
"""Weights changed; a criterion turned WORSE; another version, or another backend, began to answer."""

Mark = tuple[float, MarkKind]
"""x and what happened there."""

Point = tuple[float, float | None]
"""x and y; a y of None is a gap."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot.

    ``colour`` is a name of the palette; ``dim`` takes its dark shade. ``marker`` is ``braille`` (thin when dim,
    else double thick), ``dashes`` (thin braille, interrupted), ``hd`` (half blocks) or one printable character.
    ``reach`` is the value up to which the y axis must go for this line; None takes it from the points.
    """

    label: str
    colour: str
    dim: bool
    marker: str
    points: tuple[Point, ...]
    reach: float | None = None


@dataclass(frozen=True, slots=True)
class PlotSpec:
    """One plot: x from ``x_min`` to ``x_max``, y from ``y_min`` to ``y_max`` or, for None, to a round number
    that holds the ``reach`` of every series; values above are drawn as a mark on the upper edge.

    ``marks`` are vertical lines, each of its kind, ``limit`` is a horizontal one, ``cursor_x`` the
    crosshair. ``unit`` is what the y axis counts: ``$`` and ``%`` are written on its labels. ``signs`` are
    characters on the upper edge.
    """

    series: tuple[Series, ...]
    x_min: float
    x_max: float
    y_min: float = 0.0
    y_max: float | None = None
    x_ticks: tuple[tuple[float, str], ...] = ()
    marks: tuple[Mark, ...] = ()
    limit: float | None = None
    cursor_x: float | None = None
    unit: str = ""
    signs: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One name in the legend of a plot. ``marker`` as in Series; an empty one writes the label alone.

    One that is ``joined`` stays on the line of the entry before it.
    """

    label: str
    colour: str
    dim: bool = False
    marker: str = ""
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot with its title and legend, as the Plot widget shows it. ``key`` is the digit that chooses it."""

    key: int
    title: str
    legend: tuple[LegendEntry, ...]
    spec: PlotSpec


@dataclass(frozen=True, slots=True)
class MiniGraph:
    """One version of one metric in a few cells: a value per cell, None where there is no data."""

    label: str
    colour: str
    values: tuple[float | None, ...]
    figure: str


@dataclass(frozen=True, slots=True)
class MiniLine:
    """One metric on one line. All its graphs share the scale ``low`` to ``high``."""

    key: int
    title: str
    graphs: tuple[MiniGraph, ...]
    low: float
    high: float
    note: str = ""


DRAWN: Final = b"+"
FAILED: Final = b"!"
"""First byte of an answer: rows joined by newlines follow, or the reason in words."""

_HEADER: Final = struct.Struct(">I")


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


def read_frame(stream: Readable) -> bytes | None:
    """One message, or None when the other side has gone."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    (length,) = _HEADER.unpack(header)
    body = stream.read(length)
    return body if len(body) == length else None


def write_frame(stream: Writable, body: bytes) -> None:
    """Send one message of less than 4 GiB. Raises OSError when the other side has gone."""
    stream.write(_HEADER.pack(len(body)) + body)
    stream.flush()
