"""A line plot as SVG: numbers in, one self-contained piece of text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 44, 30
_MOST_POINTS = 400
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito, "Color Universal Design" (2008), the darker ones first."""
_DASHES = ("", "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True, slots=True)
class Series:
    """One line: points of (seconds of the run, value), a value of None or not finite is a gap."""

    label: str
    points: Sequence[tuple[float, float | None]]


def svg_plot(
    title: str, unit: str, series: Sequence[Series], *, marks: Sequence[tuple[float, str]] = ()
) -> str:
    """The series over the seconds of the run, from 0 on both axes. ``marks`` are moments with a word each.

    Every text is escaped; a colour is never alone, each line has its own dashes and its label in the legend.
    """
    drawn = [(s.label, [(x, y) for x, y in _thin(s.points) if isfinite(x)]) for s in series]
    values = [y for _, points in drawn for _, y in points if y is not None]
    right = max([x for _, points in drawn for x, _ in points] + [x for x, _ in marks if isfinite(x)] + [1.0])
    top = _ceiling(max([*values, 0.0]))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" role="img" font-family="sans-serif" font-size="11">',
        f"<title>{escape(f'{title}, {unit}')}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="14" font-size="13" font-weight="bold">{escape(f"{title}, {unit}")}</text>',
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
    across = (WIDTH - _LEFT - _RIGHT) / max(len(drawn), 1)
    for number, (label, points) in enumerate(drawn):
        pen = f'stroke="{_COLOURS[number % len(_COLOURS)]}" stroke-dasharray="{_DASHES[number % len(_DASHES)]}"'
        x = _LEFT + number * across
        parts.append(f'<path d="M{x:.1f} 28h18" {pen} stroke-width="2" fill="none"/>')
        parts.append(f'<text x="{x + 22:.1f}" y="32">{escape(label[: max(int(across / 6) - 4, 4)])}</text>')
        path = _path(points, right, top)
        if path:
            parts.append(
                f'<path d="{path}" {pen} stroke-width="1.6" stroke-linecap="round" fill="none">'
                f"<title>{escape(label)}</title></path>"
            )
    return "\n".join([*parts, "</svg>"])


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
