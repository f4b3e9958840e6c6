"""Numbers in, rows of text out: the only file that knows plotext, and what the plot process runs.

plotext 6's C++ core ends its process on a NaN and takes gigabytes for a value far outside the limits, so every
number is made finite and clamped before plotext sees it.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
from pathlib import Path
from typing import Any, Final
from unicodedata import combining, east_asian_width

import plotext

from tui.cockpit.palette import rgb
from tui.cockpit.plots.numbers import (
    Run,
    dashed,
    decimated,
    finite,
    inside_limits,
    limits,
    scale_top,
    ticks_of,
    within,
    y_ticks,
)
from tui.cockpit.plots.spec import DRAWN, FAILED, PlotSpec, Series, read_frame, write_frame

MIN_WIDTH: Final = 16
MIN_HEIGHT: Final = 4
"""Below this many cells a plot says nothing: the rows are blank."""

_MAX_WIDTH: Final = 600
_MAX_HEIGHT: Final = 200
_DASH: Final = 2
_FRAME_LIMIT_S: Final = 5.0
_MARKS: Final = {
    "shift": ("info", "dotted"),
    "backend": ("axis", "light"),
    "version": ("third", "double"),
    "worse": ("breach", "heavy"),
}
_CODE: Final = re.compile(r"\x1b\[([0-9;]*)m")

plotext.terminal.limit(False, False)


def rows(spec: PlotSpec, width: int, height: int) -> list[str]:
    """The plot as exactly ``height`` rows of exactly ``width`` cells, with ANSI foreground colours only.

    Never raises for any content of ``spec``: numbers that are not finite become gaps, values outside the limits
    are clamped and marked, points outside the x limits are left out.
    """
    width, height = max(width, 0), max(height, 0)
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return [" " * width] * height
    drawn_width, drawn_height = min(width, _MAX_WIDTH), min(height, _MAX_HEIGHT)
    lines = _draw(spec, drawn_width, drawn_height).splitlines()[:drawn_height]
    drawn = [_foreground_only(line, drawn_width) + " " * (width - drawn_width) for line in lines]
    return drawn + [" " * width] * (height - len(drawn))


def _draw(spec: PlotSpec, width: int, height: int) -> str:
    x_min, x_max = limits(spec.x_min, spec.x_max)
    bottom = finite(spec.y_min) or 0.0
    cleaned = [(series, within(series.points, x_min, x_max)) for series in spec.series]
    highest, has_scale = scale_top(spec, [points for _, points in cleaned], bottom)
    ticks, headroom = ticks_of(height)
    top = bottom + (highest - bottom) * (1 + headroom)

    # One figure a frame: nothing of an earlier plot can survive in it.
    figure = type(plotext.figure)(plotext.terminal)
    figure.plot_size(width, height)
    figure.canvas("default")
    figure.axes(False)
    for axis, side in (("x", "lower"), ("y", "left")):
        figure.axes(True, pixel=_pixel("frame"), axis=axis, side=side)
        figure.ruler(axis, side).pixel(_pixel("axis"))
    x_ruler, y_ruler = figure.ruler("x", "lower"), figure.ruler("y", "left")
    x_ruler.lim(x_min, x_max)
    y_ruler.lim(bottom, top)
    labelled = [(x, _label(text)) for x, text in spec.x_ticks if inside_limits(x, x_min, x_max)]
    x_ticks = [(x, text) for x, text in labelled if text]  # plotext fails on an empty label
    x_ruler.ticks([x for x, _ in x_ticks], [text for _, text in x_ticks])
    y_ruler.ticks(*y_ticks(bottom, highest, ticks, spec.unit, has_scale))

    for x, kind in spec.marks:
        if inside_limits(x, x_min, x_max):
            colour, style = _MARKS[kind]
            figure.line(x, 1, pixel=_pixel(colour, dim=kind == "shift"), style=style)
    if spec.limit is not None and inside_limits(spec.limit, bottom, top):
        figure.line(spec.limit, 0, pixel=_pixel("breach"), style="dotted")
    if spec.cursor_x is not None and inside_limits(spec.cursor_x, x_min, x_max):
        figure.line(spec.cursor_x, 1, pixel=_pixel("bright"))

    dot = (top - bottom) / (4 * (height - 3))
    # Later signals cover earlier ones: dim lines first, then the baseline, then the versions on trial.
    for series, points in sorted(cleaned, key=lambda item: not item[0].dim):
        runs = decimated(points, x_min, x_max, width)
        if series.marker == "dashes":
            runs = dashed(runs, _DASH * (x_max - x_min) / width)
        _draw_series(figure, series, runs, bottom, top, dot)
    for x, sign in spec.signs:
        if inside_limits(x, x_min, x_max):
            mark = plotext.marker(_marker(sign), _pixel("baseline"))
            figure.draw(figure.signal([x], [top], marker=mark))
    return str(figure.build().string())


def _draw_series(figure: Any, series: Series, runs: list[Run], bottom: float, top: float, dot: float) -> None:
    marker = plotext.marker(_marker(series.marker), _pixel(series.colour, series.dim))
    thick = series.marker == "braille" and not series.dim
    for run in runs:
        xs = [x for x, _ in run]
        ys = [min(max(y, bottom), top) for _, y in run]
        line = figure.signal(xs, ys, marker=marker)
        if thick:
            upper = [y + dot if y + dot <= top else y - dot for y in ys]
            line.fill(figure.signal(xs, upper, marker=marker))
        figure.draw(line.lines())
    clipped = [x for run in runs for x, y in run if y > top]
    if clipped:
        edge = plotext.marker("^" if series.marker.isascii() and len(series.marker) == 1 else "▲")
        edge.fill(_pixel(series.colour, series.dim))
        figure.draw(figure.signal(clipped, [top] * len(clipped), marker=edge))


# --- plotext's text -----------------------------------------------------------------------------


def _label(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isprintable())[:12].strip()


def _marker(name: str) -> str:
    if name in ("braille", "hd"):
        return name
    if name == "dashes":
        return "braille"
    fits = len(name) == 1 and name.isprintable() and not name.isspace()
    return name if fits and east_asian_width(name) not in "WF" and not combining(name) else "*"


def _pixel(colour: str, dim: bool = False) -> Any:
    return plotext.pixel(rgb(colour, dim))


def _foreground_only(line: str, width: int) -> str:
    """The row with its foreground colours, without backgrounds and styles, cut or filled to ``width`` cells."""
    out: list[str] = []
    current = wanted = ""
    left = width
    pieces = _CODE.split(line)
    for i, piece in enumerate(pieces):
        if i % 2:
            if piece in ("", "0"):
                wanted = ""
            elif piece.startswith("38;"):
                wanted = f"\x1b[{piece}m"
            continue
        text = piece[:left]
        left -= len(text)
        # A blank needs no colour: leaving the running one saves codes.
        if text and wanted != current and not text.isspace():
            out.append(wanted or "\x1b[0m")
            current = wanted
        out.append(text)
    out.append(" " * left)
    if current:
        out.append("\x1b[0m")
    return "".join(out)


# --- the plot process ---------------------------------------------------------------------------


def serve() -> None:
    """Answer frames on standard input and output until the parent goes away.

    A request is a pickled ``(spec, width, height)``; an answer is ``DRAWN`` and the rows, or ``FAILED`` and the
    reason. A frame that takes longer than 5 seconds ends the process, also when nobody waits for it any more.
    """
    with os.fdopen(os.dup(0), "rb") as requests, os.fdopen(os.dup(1), "wb") as answers:
        # plotext prints its warnings: they must reach neither the pipe nor the screen.
        with Path(os.devnull).open("r+b") as nowhere:
            os.dup2(nowhere.fileno(), 0)
            os.dup2(nowhere.fileno(), 1)
        if hasattr(os, "nice"):
            os.nice(5)  # measuring comes before drawing
        while (request := read_frame(requests)) is not None:
            _alarm(_FRAME_LIMIT_S)
            try:
                answer = DRAWN + "\n".join(rows(*pickle.loads(request))).encode()
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent hears of it
                answer = FAILED + f"{type(error).__name__}: {error}".encode(errors="replace")[:500]
            _alarm(0)
            write_frame(answers, answer)


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
