"""From a Snapshot to the four plots: pure functions, no drawing.

x is in seconds relative to now, so the newest point lies at 0. A window that holds more seconds than can be
seen is thinned to the least and the greatest value of stretches that are aligned to the clock of the run: the
picture does not shimmer as the window moves, and spikes survive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Final, Literal

from tui.cockpit.palette import SERIES_COLOURS
from tui.cockpit.plots.history import Drawn, Extract, Window, drawn_deployments, stretches_of, window_of
from tui.cockpit.plots.spec import LegendEntry, MarkKind, MiniGraph, MiniLine, Panel, PlotSpec, Series
from tui.cockpit.text import format as fmt
from tui.model import WEIGHT_CHANGES, EventKind, Snapshot

MarkerMode = Literal["braille", "hd", "ascii"]
"""What the font can show: everything, no braille, or ASCII only."""

# By font and version, the baseline first. The canary, which is to be watched, is the most solid line.
_MARKERS: Final[Mapping[MarkerMode, tuple[str, ...]]] = {
    "braille": ("braille", "hd", "•", "×"),
    "hd": ("•", "hd", "×", "+"),
    "ascii": ("*", "o", "x", "+"),
}
_DIM_MARKERS: Final[Mapping[MarkerMode, tuple[str, ...]]] = {
    "braille": ("braille", "dashes", "·", "+"),
    "hd": ("·", "-", "×", "+"),
    "ascii": (".", "-", "x", "+"),
}
_DOTTED_MARKERS: Final[Mapping[MarkerMode, tuple[str, ...]]] = {
    "braille": ("·", "+", "°", "x"),
    "hd": ("'", "~", "°", "x"),
    "ascii": ("'", "~", "`", ","),
}
_MARKS: Final[Mapping[MarkKind, tuple[Collection[EventKind], str, str]]] = {
    "shift": (WEIGHT_CHANGES, "info", "┊"),
    "backend": ((EventKind.BACKEND_CHANGED,), "axis", "│"),
    "version": ((EventKind.VERSION_CHANGED,), "third", "║"),
    "worse": ((EventKind.WORSE,), "breach", "┃"),
}
"""Kind of mark -> its events, its colour, and the line that the legend shows."""

_PERCENTILES: Final = (("p50", True, _DIM_MARKERS), ("p95", False, _MARKERS), ("p99", True, _DIM_MARKERS))
"""The lines of latency: the percentile, whether it is dim, and its markers. The dim ones never cross the bright
one: the height tells P99 from P50."""

_RATES: Final[Mapping[str, str]] = {"filter": "filter", "error": "errors", "throttled": "throttled"}
"""Rate -> what a legend calls it."""

_SHORT_RATES: Final[Mapping[str, str]] = {"throttled": "thr"}

_NARROWEST: Final = 16

_TAIL: Final = 2.0
"""How far above the highest P95 the axis of latency goes for the sake of a P99."""

_Note = Callable[[Sequence[float | None]], str]
"""The newest figure of each version -> the note of a mini line."""


def panels(
    snapshot: Snapshot,
    window: str,
    deployments: Sequence[str],
    now_s: float,
    *,
    width: int = 120,
    marker: MarkerMode = "braille",
    limits: Mapping[str, float] | None = None,
    cursor_x: float | None = None,
) -> dict[str, Panel]:
    """The plots ``latency``, ``cost``, ``rates`` and ``weights`` of the chosen deployments.

    ``window`` is a name of ``model.WINDOWS_S`` (KeyError for another), ``now_s`` seconds since the run started,
    ``width`` the cells of the widest plot, ``limits`` a horizontal line by name of the plot, ``cursor_x``
    seconds before now, negative. Latency has three lines a version, P50, P95 and P99, and its legend names each
    with its newest value.
    """
    span = window_of(snapshot, window, now_s)
    drawn = drawn_deployments(snapshot, span, deployments)
    marks = tuple((x, kind) for kind, (of, *_) in _MARKS.items() for x in _marks(snapshot, of, span, now_s))
    marked = {kind for _, kind in marks}
    sign = "+" if marker == "ascii" else "✓"
    signs = tuple((x, sign) for x in _marks(snapshot, (EventKind.VERDICT,), span, now_s))
    stretches = stretches_of(span, max(width, _NARROWEST))
    points = {d.name: Extract(span, d.name, stretches) for d in drawn}

    def lines(figure: str, suffix: str, dim: bool, markers: tuple[str, ...]) -> list[Series]:
        return [
            Series(
                f"{d.label}{suffix}",
                SERIES_COLOURS[d.style],
                dim,
                markers[d.style],
                points[d.name].of(figure),
                points[d.name].reach(figure),
            )
            for d in drawn
        ]

    versions = [LegendEntry(d.label, SERIES_COLOURS[d.style], marker=_MARKERS[marker][d.style]) for d in drawn]
    percentiles = [entry for d in drawn for entry in _percentile_names(span, d, marker)]

    def panel(
        name: str,
        key: int,
        title: str,
        series: list[Series],
        unit: str,
        names: list[LegendEntry],
        note: str = "",
    ) -> Panel:
        limit = (limits or {}).get(name)
        legend = list(names)
        if note:
            legend.append(LegendEntry(note, "axis"))
        if limit is not None:
            legend.append(LegendEntry("limit", "breach", marker="┈"))
        legend += [
            LegendEntry(kind, colour, marker=line)
            for kind, (_, colour, line) in _MARKS.items()
            if kind in marked
        ]
        if signs:
            legend.append(LegendEntry("ok", "baseline", marker=sign))
        spec = PlotSpec(
            series=tuple(series),
            x_min=span.x_min,
            x_max=0.0,
            y_max=100.0 if name == "weights" else None,
            x_ticks=span.ticks,
            marks=marks,
            signs=signs,
            limit=limit,
            cursor_x=cursor_x,
            unit=unit,
        )
        return Panel(key, title, tuple(legend), spec)

    plain, thin = _MARKERS[marker], _DIM_MARKERS[marker]
    latency = [
        series
        for rank, dim, markers in _PERCENTILES
        for series in lines(f"{rank}_ms", f" {rank.upper()}", dim, markers[marker])
    ]
    # A P99 far above the rest would press all other lines flat: what is higher is marked on the upper edge.
    highest = _TAIL * max((series.reach or 0.0 for series in latency if not series.dim), default=0.0)
    latency = [replace(series, reach=series.reach and min(series.reach, highest)) for series in latency]
    bright, *faint = _rates_by_reach(points.values())
    rates = lines(f"{bright}_pct", f" {bright}", False, plain)
    for rate, markers in zip(faint, (thin, _DOTTED_MARKERS[marker]), strict=False):
        rates = lines(f"{rate}_pct", f" {rate}", True, markers) + rates
    of_rates = "filter/err/thr %" if len(faint) > 1 else "filter/err %"
    dim_rates = ", ".join(f"{how}: {_RATES[rate]}" for how, rate in zip(("dim", "dotted"), faint, strict=False))
    cost, weights = lines("cost_per_1k_usd", "", False, plain), lines("weight_pct", "", False, plain)
    return {
        "latency": panel("latency", 1, "latency ms", latency, "ms", percentiles),
        "cost": panel("cost", 2, "cost $/1k", cost, "$", versions),
        "rates": panel("rates", 3, of_rates, rates, "%", versions, dim_rates),
        "weights": panel("weights", 4, "weight %", weights, "%", versions),
    }


def mini_lines(
    snapshot: Snapshot, window: str, deployments: Sequence[str], now_s: float, *, width: int = 14
) -> dict[str, MiniLine]:
    """The same plots for a small terminal: ``width`` values per version, each the greatest of its stretch.

    ``latency`` shows P95 and ``rates`` the filter, error or throttled rate, whichever reaches highest, and its
    title says which. The note of a line is how far the first canary that is drawn is from the baseline:
    relative, or for a rate in points; weights have none.
    """
    span = window_of(snapshot, window, now_s)
    drawn = drawn_deployments(snapshot, span, deployments)
    points = {d.name: Extract(span, d.name) for d in drawn}
    rate, *_ = _rates_by_reach(points.values())

    def line(key: int, title: str, figure: str, form: Callable[[float], str], note: _Note) -> MiniLine:
        graphs: list[MiniGraph] = []
        last: list[float | None] = []
        for d in drawn:
            values = points[d.name].cells(figure, max(width, 1))
            newest = _newest(span, d.name, figure)
            last.append(newest)
            text = "–" if newest is None else form(newest)
            graphs.append(MiniGraph(d.label, SERIES_COLOURS[d.style], values, text))
        known = [v for graph in graphs for v in graph.values if v is not None]
        high = 100.0 if figure == "weight_pct" else max(known, default=0.0)
        return MiniLine(key, title, tuple(graphs), 0.0, high, note(last))

    return {
        "latency": line(1, "p95 ms", "p95_ms", "{:.0f}".format, _relative),
        "cost": line(2, "cost/1k", "cost_per_1k_usd", "${:.3f}".format, _relative),
        "rates": line(3, f"{_SHORT_RATES.get(rate, rate)}%", f"{rate}_pct", "{:.2f}".format, _in_points),
        "weights": line(4, "weight%", "weight_pct", "{:g}".format, _nothing),
    }


def _marks(snapshot: Snapshot, kinds: Collection[EventKind], span: Window, now_s: float) -> tuple[float, ...]:
    """x of every event of these kinds inside the window."""
    ago = (event.at_s - now_s for event in snapshot.events if event.kind in kinds)
    return tuple(x for x in ago if span.x_min <= x <= 0)


def _rates_by_reach(versions: Collection[Extract]) -> list[str]:
    """The rates, first the one that reaches highest in any version; throttled only where anything was."""

    def reach(rate: str) -> float:
        return max((version.reach(f"{rate}_pct") or 0.0 for version in versions), default=0.0)

    return sorted((rate for rate in _RATES if rate != "throttled" or reach(rate)), key=reach, reverse=True)


def _percentile_names(span: Window, drawn: Drawn, marker: MarkerMode) -> list[LegendEntry]:
    """The version and the newest value of each of its lines, in milliseconds."""
    colour = SERIES_COLOURS[drawn.style]
    names = [LegendEntry(drawn.label, colour)]
    for rank, dim, markers in _PERCENTILES:
        value = fmt.ms(_newest(span, drawn.name, f"{rank}_ms"))
        # As wide as the figures of most services: the names stand still while the figures change.
        text = f"{rank.upper()} {value:>4}"
        names.append(LegendEntry(text, colour, dim, markers[marker][drawn.style], joined=True))
    return names


def _newest(span: Window, name: str, figure: str) -> float | None:
    newest = span.seconds[-1].figures.get(name) if span.seconds else None
    value: float | None = None if newest is None else attrgetter(figure)(newest)
    return value


def _relative(values: Sequence[float | None]) -> str:
    match values:
        case [float() | int() as baseline, float() | int() as canary, *_] if baseline > 0:
            return f"{100 * (canary - baseline) / baseline:+.0f}%"
    return ""


def _in_points(values: Sequence[float | None]) -> str:
    match values:
        case [float() | int() as baseline, float() | int() as canary, *_]:
            return f"{canary - baseline:+.2f}"
    return ""


def _nothing(values: Sequence[float | None]) -> str:
    return ""
