"""The title and the legend of a plot as lines of a given width."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip

from tui.base.text import plain
from tui.cockpit.plotspec import LegendEntry
from tui.cockpit.widgets.strips import ink

_SAMPLES = {"braille": "⣤⣤", "dashes": "⠤ ⠤", "hd": "▀▀"}


def legend_lines(title: str, legend: Sequence[LegendEntry], width: int, most: int) -> list[list[Segment]]:
    """The title, and every entry on the first of at most ``most`` lines that has room for it.

    Entries that are joined stay together. What fits on no line is left out whole: half a word is a riddle. A
    number that leads the title is its key.
    """
    lines = [_title(title)]
    for group in _groups(legend):
        room = (line for line in lines if _cells(line) + _cells(group) <= width)
        line = next(room, None)
        if line is None and len(lines) < most and _cells(group) <= width:
            line = []
            lines.append(line)
        if line is not None:
            line += group
    return lines


def _title(title: str) -> list[Segment]:
    key, _, rest = title.partition(" ")
    if key.isdigit():
        return [Segment(key, ink("axis", bold=True)), Segment(f" {plain(rest, 60)} ", ink("bright", bold=True))]
    return [Segment(f"{plain(title, 60)} ", ink("bright", bold=True))]


def _groups(legend: Sequence[LegendEntry]) -> list[list[Segment]]:
    groups: list[list[Segment]] = []
    for entry in legend:
        style = ink(entry.colour, entry.dim)
        sample, label = _SAMPLES.get(entry.marker, entry.marker), f"{plain(entry.label, 40)} "
        if entry.joined and groups:
            # The sample is dim with its line; a figure is to be read.
            groups[-1] += [Segment(sample[:1], style), Segment(label, ink(entry.colour, bold=not entry.dim))]
        else:
            groups.append([Segment(f" {sample}" if sample else "", style), Segment(f" {label}", style)])
    return groups


def _cells(segments: list[Segment]) -> int:
    return Strip(segments).cell_length
