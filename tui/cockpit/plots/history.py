"""The per-second history as the plots need it: the seconds of a window, who is drawn, and their points."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from tui.cockpit.palette import SERIES_COLOURS
from tui.cockpit.plots.numbers import reach_of
from tui.cockpit.plots.spec import Point
from tui.cockpit.text.format import short_names
from tui.model import WINDOWS_S, Second, SecondFigures, Snapshot

MAX_DRAWN: Final = len(SERIES_COLOURS)

GAP_S: Final = 3.0
"""Seconds without history after which a line is broken."""

_SHORTEST_RUN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A deployment that is drawn: its name, label, and which of the four styles is its own."""

    name: str
    label: str
    style: int


@dataclass(frozen=True, slots=True)
class Window:
    """The seconds inside the window, their x, and where to break lines because seconds are missing."""

    seconds: tuple[Second, ...]
    xs: tuple[float, ...]
    breaks: tuple[int, ...]
    x_min: float
    ticks: tuple[tuple[float, str], ...]


def window_of(snapshot: Snapshot, window: str, now_s: float) -> Window:
    """The history of the window of that name (of ``model.WINDOWS_S``, else KeyError) that ends at ``now_s``."""
    length_s = WINDOWS_S[window]
    history = snapshot.history
    first_s = history[0].at_s if history else now_s
    span_s = float(length_s) if length_s is not None else max(now_s - first_s, _SHORTEST_RUN_S)
    start = bisect_left(history, now_s - span_s, key=attrgetter("at_s"))
    seconds = history[start : bisect_right(history, now_s, key=attrgetter("at_s"))]
    xs = tuple(second.at_s - now_s for second in seconds)
    breaks = tuple(i for i in range(1, len(xs)) if xs[i] - xs[i - 1] > GAP_S)
    from_start = length_s is None and first_s <= now_s - span_s and first_s <= GAP_S
    ticks = ((-span_s, "start" if from_start else _ago(span_s)), (-span_s / 2, _ago(span_s / 2)), (0.0, "now"))
    return Window(seconds, xs, breaks, -span_s, ticks)


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"-{seconds:.0f}s"
    return f"-{seconds / 60:.3g}m" if seconds < 7200 else f"-{seconds / 3600:.3g}h"


def drawn_deployments(snapshot: Snapshot, span: Window, deployments: Sequence[str]) -> list[Drawn]:
    """At most four deployments, the baseline first, with a style that stays theirs while others come and go."""
    labels = short_names(list(snapshot.deployments) or list(deployments))
    weighted = {name for table in snapshot.weights.values() for name, weight in table.items() if weight > 0}
    others = [name for name in deployments if name != snapshot.baseline]
    chosen = [name for name in others if name in weighted]
    chosen += [name for name in others if name not in weighted and _has_data(span, name)]
    chosen = chosen[: MAX_DRAWN - 1]
    taken: set[int] = set()
    drawn: list[Drawn] = []
    baseline = snapshot.baseline
    if baseline in deployments and (baseline in weighted or _has_data(span, baseline)):
        drawn.append(Drawn(baseline, labels.get(baseline, baseline), 0))
    for name in sorted(chosen, key=others.index):
        style = others.index(name) % (MAX_DRAWN - 1)
        while style in taken:
            style = (style + 1) % (MAX_DRAWN - 1)
        taken.add(style)
        drawn.append(Drawn(name, labels.get(name, name), style + 1))
    return drawn


def _has_data(span: Window, name: str) -> bool:
    for second in reversed(span.seconds):
        figures = second.figures.get(name)
        if figures is not None and (figures.requests > 0 or figures.weight_pct > 0):
            return True
    return False


class Extract:
    """The figures of one deployment in the window, read once, as points of any of them.

    ``stretches`` (see stretches_of) thins them; None keeps every second.
    """

    def __init__(self, span: Window, name: str, stretches: Sequence[tuple[int, int]] | None = None) -> None:
        self._span = span
        self._figures = [second.figures.get(name) for second in span.seconds]
        self._stretches = stretches

    def of(self, figure: str) -> tuple[Point, ...]:
        """All points, or the least and the greatest of each stretch; missing seconds become a gap."""
        values, xs = self._values(figure), self._span.xs
        points: list[Point] = []
        if self._stretches is None:
            points.extend(zip(xs, values, strict=True))
            for i in reversed(self._span.breaks):
                points.insert(i, ((xs[i - 1] + xs[i]) / 2, None))
            return tuple(points)
        for start, end in self._stretches:
            if start in self._span.breaks:
                points.append(((xs[start - 1] + xs[start]) / 2, None))
            known = [v for v in values[start:end] if v is not None]
            if not known:
                points.append((xs[start], None))
                continue
            low, high = values.index(min(known), start, end), values.index(max(known), start, end)
            points.extend((xs[i], values[i]) for i in sorted({low, high}))
        return tuple(points)

    def reach(self, figure: str) -> float | None:
        """How far up the axis must go: for the seconds that rest on at least half as many requests as the
        fullest one. A rate over the first few requests of a run would press the rest flat for the whole window.
        """
        counts = [figures.requests if figures else 0 for figures in self._figures]
        enough = max(counts, default=0) / 2
        return reach_of(v for v, n in zip(self._values(figure), counts, strict=True) if n >= enough)

    def cells(self, figure: str, width: int) -> tuple[float | None, ...]:
        """The greatest value of each of ``width`` equal stretches of the window."""
        greatest: list[float | None] = [None] * width
        for x, value in zip(self._span.xs, self._values(figure), strict=True):
            if value is not None:
                i = min(int((1 - x / self._span.x_min) * width), width - 1)
                before = greatest[i]
                greatest[i] = value if before is None else max(before, value)
        return tuple(greatest)

    def _values(self, figure: str) -> list[float | None]:
        read: Callable[[SecondFigures], float | None] = attrgetter(figure)
        return [None if figures is None else read(figures) for figures in self._figures]


def stretches_of(span: Window, width: int) -> list[tuple[int, int]] | None:
    """About ``width`` stretches of equal time, as first and last-plus-one index of their seconds, cut at whole
    multiples of their length on the run's clock and at gaps; None when the window has too few seconds."""
    if len(span.seconds) <= 4 * width:
        return None
    stride_s = math.ceil(-span.x_min / width)
    edges: list[tuple[int, int]] = []
    start = 0
    breaks = set(span.breaks)
    stretch = [second.at_s // stride_s for second in span.seconds]
    for i in range(1, len(stretch)):
        if stretch[i] != stretch[i - 1] or i in breaks:
            edges.append((start, i))
            start = i
    edges.append((start, len(stretch)))
    return edges
