"""Plots of a report: each is one self-contained piece of SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

from tui.afterwards.recording import Recording
from tui.base.text import plain
from tui.model import WEIGHT_CHANGES, Second

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 44, 30
_ROW, _ACROSS, _CHARACTER = 16, 3, 6
"""The legend: px from row to row, the most names beside each other, px of a character."""

_MOST_POINTS = 400
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito, "Color Universal Design" (2008), the darker ones first."""
_DASHES = ("", "6 3", "2 3", "8 3 2 3")
_DIM = ' stroke-opacity="0.5"'


@dataclass(frozen=True, slots=True)
class Series:
    """One line: points of (seconds of the run, value), a value of None or not finite is a gap.

    Lines of one ``group`` have one colour and one kind of dashes; ``dim`` ones are pale.
    """

    label: str
    points: Sequence[tuple[float, float | None]]
    group: int = 0
    dim: bool = False


def svg_plot(
    title: str, unit: str, series: Sequence[Series], *, marks: Sequence[tuple[float, str]] = ()
) -> str:
    """The series over the seconds of the run, from 0 on both axes. ``marks`` are moments with a word each.

    Every text is escaped; a colour is never alone, each group has its own dashes and each line its label in the
    legend. A group of several lines has rows of its own there.
    """
    drawn = [(s, [(x, y) for x, y in _thin(s.points) if isfinite(x)]) for s in series]
    values = [y for _, points in drawn for _, y in points if y is not None]
    right = max([x for _, points in drawn for x, _ in points] + [x for x, _ in marks if isfinite(x)] + [1.0])
    top = _ceiling(max([*values, 0.0]))
    legend, rows = _legend(series)
    height = HEIGHT + _ROW * (rows - 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" font-family="sans-serif" font-size="11">',
        f"<title>{escape(f'{title}, {unit}')}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="14" font-size="13" font-weight="bold">{escape(f"{title}, {unit}")}</text>',
        *legend,
        f'<g transform="translate(0 {height - HEIGHT})">',
    ]
    for step in range(5):
        y = _y(top * step / 4, top)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="#d0d0d0" fill="none"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * step / 4:g}</text>')
        x = _x(right * step / 4, right)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - 10}" text-anchor="{"end" if step == 4 else "middle"}">'
            f"{right * step / 4:.0f} s</text>"
        )
    for at_s, word in marks:
        if isfinite(at_s):
            x = _x(at_s, right)
            parts.append(
                f'<path d="M{x:.1f} {_TOP}V{HEIGHT - _BOTTOM}" stroke="#606060" stroke-dasharray="1 3"'
                f' fill="none"><title>{escape(word)}</title></path>'
            )
    if not values:
        parts.append(f'<text x="{WIDTH // 2}" y="{HEIGHT // 2}" text-anchor="middle">no data</text>')
    for line, points in sorted(drawn, key=lambda one: not one[0].dim):
        path = _path(points, right, top)
        if path:
            parts.append(
                f'<path d="{path}" {_pen(line)} stroke-width="1.6" stroke-linecap="round" fill="none">'
                f"<title>{escape(line.label)}</title></path>"
            )
    return "\n".join([*parts, "</g>", "</svg>"])


def _pen(line: Series) -> str:
    colour, dashes = _COLOURS[line.group % len(_COLOURS)], _DASHES[line.group % len(_DASHES)]
    return f'stroke="{colour}" stroke-dasharray="{dashes}"{_DIM if line.dim else ""}'


def _legend(series: Sequence[Series]) -> tuple[list[str], int]:
    """A stroke and the label of every line, in how many rows."""
    counts = Counter(line.group for line in series)
    widest = max(counts.values(), default=1)
    across = min(widest if widest > 1 else len(counts), _ACROSS) or 1
    room = (WIDTH - _LEFT - _RIGHT) / across
    most = int(room / _CHARACTER) - 4
    parts = []
    for number, line in enumerate(series):
        x, y = _LEFT + number % across * room, 28 + number // across * _ROW
        # The end says which line it is.
        label = line.label if len(line.label) <= most else f"…{line.label[-most:]}"
        parts.append(f'<path d="M{x:.1f} {y}h18" {_pen(line)} stroke-width="2" fill="none"/>')
        parts.append(f'<text x="{x + 22:.1f}" y="{y + 4}">{escape(label)}</text>')
    return parts, max(-(-len(series) // across), 1)


def _thin(points: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """At most 400 points: of each stretch the highest, so that no peak is lost."""
    clean = [(x, y if y is not None and isfinite(y) else None) for x, y in points]
    stretch = -(-len(clean) // _MOST_POINTS)
    if stretch <= 1:
        return clean
    return [
        max(clean[i : i + stretch], key=lambda point: -1.0 if point[1] is None else point[1])
        for i in range(0, len(clean), stretch)
    ]


def _path(points: Sequence[tuple[float, float | None]], right: float, top: float) -> str:
    path, pen = [], "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        path.append(f"{pen}{_x(x, right):.1f} {_y(y, top):.1f}" + ("h.1" if pen == "M" else ""))
        pen = "L"
    return "".join(path)


def _x(at_s: float, right: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(max(at_s / right, 0.0), 1.0)


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(max(value / top, 0.0), 1.0)


def _ceiling(value: float) -> float:
    """The next of 1, 2, 4, 5, 8 times a power of ten at or above ``value``; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next((step * power for step in (1, 2, 4, 5, 8) if step * power >= value), 10 * power)


_MOST_SECONDS = 4000


def plots_of(recording: Recording) -> tuple[tuple[str, str], ...]:
    """The plots of a report, SVG texts by a short name."""
    # Some thousand seconds, evenly taken: a plot has no room for more.
    every = max(1, int(recording.duration_s // _MOST_SECONDS))
    seconds = [second for number, second in enumerate(recording.seconds()) if number % every == 0]
    marks = tuple(
        (e.at_s, f"{e.kind.value.replace('_', ' ')}: {plain(e.text, 80)}")
        for e in recording.events
        if e.kind in WEIGHT_CHANGES
    )

    def lines(*fields: tuple[str, str], bright: str = "", last: bool = False) -> list[Series]:
        made = []
        for group, name in enumerate(recording.rollout.deployments):
            for label, field in fields:
                points = _points(seconds, name, field)
                said = f"{name} {label} {_last(points) if last else ''}".strip()
                made.append(Series(said, points, group, dim=label != bright))
        return made

    latencies = (("P50", "p50_ms"), ("P95", "p95_ms"), ("P99", "p99_ms"))
    latency = lines(*latencies, bright="P95", last=True)
    rates = [("filter", "filter_pct"), ("error", "error_pct")]
    if any(f.throttled_pct for second in seconds for f in second.figures.values()):
        rates.append(("throttled", "throttled_pct"))
    failures = lines(*rates, bright="filter")
    return (
        ("latency", svg_plot("Latency, with the last values", "ms", latency, marks=marks)),
        ("cost", svg_plot("Cost of 1,000 requests", "USD", lines(("", "cost_per_1k_usd")), marks=marks)),
        ("failures", svg_plot("Failures", "%", failures, marks=marks)),
        ("weights", svg_plot("Weights", "%", lines(("", "weight_pct")), marks=marks)),
    )


def _points(seconds: Sequence[Second], name: str, field: str) -> list[tuple[float, float | None]]:
    return [(second.at_s, getattr(second.figures.get(name), field, None)) for second in seconds]


def _last(points: Sequence[tuple[float, float | None]]) -> str:
    """The last value of a line without decimals."""
    return next((f"{value:.0f}" for _, value in reversed(points) if value is not None), "-")
