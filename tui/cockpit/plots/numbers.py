"""Numbers fit to draw: finite, inside the limits, no more of them than can be seen, on round scales."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from tui.cockpit.plots.spec import PlotSpec, Point

Run = list[tuple[float, float]]
"""Points that one line joins."""

Cleaned = Sequence[tuple[float, float | None]]
"""Points with a finite x in order, and a finite y or None for a gap."""

_LARGEST: Final = 1e12
_SMALLEST_TOP: Final = 1e-6
_NICE: Final = (1, 2, 3, 4, 6, 8, 10)
_SHARE_SHOWN: Final = 0.995
_ROWS_TO_SPARE: Final = 5
_MANY_ROWS: Final = 16


def finite(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return min(max(float(value), -_LARGEST), _LARGEST)


def inside_limits(value: float, low: float, high: float) -> bool:
    return low <= value <= high


def limits(low: float, high: float) -> tuple[float, float]:
    """Finite limits at least wide enough that plotext can tell them apart."""
    first, last = finite(low), finite(high)
    if first is None or last is None:
        return 0.0, 1.0
    return first, max(last, first + max(1e-6, abs(first) * 1e-6))


def within(points: Sequence[Point], x_min: float, x_max: float) -> list[tuple[float, float | None]]:
    """Points between the x limits in order of x; a y that is no finite number becomes None, a gap."""
    kept = [(float(x), finite(y)) for x, y in points if inside_limits(x, x_min, x_max)]
    if any(kept[i][0] > kept[i + 1][0] for i in range(len(kept) - 1)):
        kept.sort(key=lambda point: point[0])
    return kept


def decimated(points: Cleaned, x_min: float, x_max: float, columns: int) -> list[Run]:
    """Runs of points between gaps, thinned to the least and the greatest of each column so that spikes survive.

    A gap that begins and ends within one column cannot be seen and is bridged; so a plot of ``columns`` cells
    never has more than twice as many points.
    """
    per_unit = columns / (x_max - x_min)
    runs: list[Run] = []
    inside: Run = []
    column, gap = -1, True
    for x, y in points:
        if y is None:
            gap = True
            continue
        here = min(int((x - x_min) * per_unit), columns - 1)
        if here != column:
            _extend(runs, inside)
            inside = []
            column = here
            if gap:
                runs.append([])
        gap = False
        inside.append((x, y))
    _extend(runs, inside)
    return runs


def _extend(runs: list[Run], inside: Run) -> None:
    if len(inside) > 2:
        ys = [y for _, y in inside]
        low, high = ys.index(min(ys)), ys.index(max(ys))
        # Of equal values the one next to the other extreme: a step stays where it was.
        first, second = sorted((low, high))
        while first + 1 < second and ys[first + 1] == ys[first]:
            first += 1
        inside = [inside[i] for i in sorted({first, second})]
    if inside:
        runs[-1].extend(inside)


def dashed(runs: list[Run], length: float) -> list[Run]:
    """The same lines with every other ``length`` of x left out."""
    return [
        list(dash)
        for run in runs
        for shown, dash in groupby(run, key=lambda point: int(point[0] // length) % 2 == 0)
        if shown
    ]


def scale_top(spec: PlotSpec, cleaned: Iterable[Cleaned], bottom: float) -> tuple[float, bool]:
    """The upper limit of y, and whether anything asks for a scale at all."""
    asked = finite(spec.y_max)
    if asked is not None:
        return limits(bottom, asked)[1], True
    highest = [
        reach
        for series, points in zip(spec.series, cleaned, strict=True)
        if (reach := finite(series.reach) or reach_of(y for _, y in points)) is not None
    ]
    if not highest:
        return limits(bottom, bottom + 1)[1], False
    wanted = max(highest) - bottom
    limit = finite(spec.limit)
    # A limit far above the values would press them flat against the axis.
    if limit is not None and wanted < limit - bottom <= 2 * wanted:
        wanted = limit - bottom
    return limits(bottom, bottom + (_nice(wanted) if wanted > 0 else 1.0))[1], True


def reach_of(values: Iterable[float | None]) -> float | None:
    """What 99.5 % of the values do not pass; None without any."""
    ys = sorted(y for y in values if y is not None)
    return ys[math.ceil(_SHARE_SHOWN * (len(ys) - 1))] if ys else None


def _nice(value: float) -> float:
    """The least of 1, 2, 3, 4, 6, 8, 10 times a power of ten that is not below ``value``."""
    value = max(value, _SMALLEST_TOP)
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _NICE if step * power >= value), 10 * power)


def ticks_of(height: int) -> tuple[int, float]:
    """How many ticks the y axis of a plot of ``height`` rows has, and how far it goes beyond the last of them,
    as a share of what they span.

    A tick stands on a row: where the rows cannot be shared out evenly, the topmost one is left above the ticks.
    """
    steps = height - 3  # between the rows of the canvas; below it are the axis and its labels
    even = steps - steps % 2 if steps >= _ROWS_TO_SPARE else steps
    return (5 if even >= _MANY_ROWS and even % 4 == 0 else 3), steps / even - 1


def y_ticks(bottom: float, top: float, count: int, unit: str, has_scale: bool) -> tuple[list[float], list[str]]:
    positions = [bottom + (top - bottom) * i / (count - 1) for i in range(count)]
    labels = [_number(value, unit) for value in positions] if has_scale else ["–"] * count
    room = max(5, *(len(label) for label in labels))
    return positions, [label.rjust(room) for label in labels]


def _number(value: float, unit: str) -> str:
    """At most three digits: ``400``, ``1.2k``, ``$0.25``, ``75%``."""
    size, suffix = abs(value), ""
    for step, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= step:
            value, suffix = value / step, name
            break
    text = f"{value:.3g}{suffix}"
    return f"${text}" if unit == "$" else f"{text}%" if unit == "%" else text
