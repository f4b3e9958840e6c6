"""One framed plot: asks the renderer for rows of text and repaints only those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.base.text import plain
from tui.cockpit.palette import css
from tui.cockpit.plots.process import Renderer, RenderFailed
from tui.cockpit.plots.spec import LegendEntry, PlotSpec
from tui.cockpit.widgets.minigraph import fitted, ink, row_segments

_LONGEST_REASON = 200
_FRAME = 2
_ROWS_OF_CURVES = 7
"""What names must leave to the curves and their x axis."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    spec: PlotSpec
    width: int
    height: int


class Plot(Widget):
    """A plot in a frame, with its title and legend on the upper edge.

    What does not fit there stands on the lower edge, and where that is full too, on rows below the upper one.

    It has at most one frame in hand; of what is shown meanwhile only the latest is drawn after it. While hidden
    it draws nothing. When a frame fails the last rows stay, dimmed, with the reason on the lower edge. The
    frame has the widget's CSS colour.
    """

    DEFAULT_CSS = f"""
    Plot {{ height: 1fr; width: 1fr; min-height: 4; min-width: 16; color: {css("frame")}; }}
    Plot.-chosen {{ color: {css("axis")}; }}
    """

    class Unavailable(Message):
        """Drawing began to fail; posted once until it works again."""

        def __init__(self, plot: Plot, reason: str) -> None:
            super().__init__()
            self.plot = plot
            self.reason = reason

        @property
        def control(self) -> Plot:
            return self.plot

    class _Drawn(Message, namespace="plot", bubble=False):
        """The renderer has answered."""

        def __init__(self, wanted: _Wanted, future: Future[list[str]]) -> None:
            super().__init__()
            self.wanted = wanted
            self.future = future

    def __init__(
        self, renderer: Renderer, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._renderer = renderer
        self._spec: PlotSpec | None = None
        self._title = ""
        self._legend: tuple[LegendEntry, ...] = ()
        self._upper: list[Segment] = []
        self._names: list[list[Segment]] = []
        self._lower: list[Segment] = []
        self._in_hand: _Wanted | None = None
        self._done: _Wanted | None = None
        self._rows: list[str] = []
        self._strips: dict[int, Strip] = {}
        self._painted: tuple[Style, Size] | None = None
        self._failure = ""

    @property
    def failure(self) -> str:
        """Why the plot is unavailable; empty while it is drawn."""
        return self._failure

    def show(self, spec: PlotSpec, title: str, legend: tuple[LegendEntry, ...] = ()) -> None:
        """Draw ``spec`` as soon as the renderer is free. A number that leads the title is its key."""
        if (title, legend) != (self._title, self._legend):
            self._title, self._legend = title, legend
            self._lay_out_names()
        self._spec = spec
        if self._failure:
            self._done = None
        self._draw()

    def _lay_out_names(self) -> None:
        width, height = self.size
        inside = max(height - _FRAME - _ROWS_OF_CURVES, 0)
        lines = legend_lines(self._title, self._legend, width - 4, most=2 + inside)
        before, self._names = len(self._names), lines[1:-1]
        self._upper, self._lower = lines[0], lines[-1] if len(lines) > 1 else []
        if len(self._names) != before:
            self._strips.clear()
            self.refresh()
        for y in (*range(len(self._names) + 1), height - 1):
            self._repaint(y)

    def _draw(self) -> None:
        if self._spec is None or self._in_hand is not None or not self._is_seen():
            return
        height = self.size.height - _FRAME - len(self._names)
        wanted = _Wanted(self._spec, self.size.width - _FRAME, height)
        if wanted.width <= 0 or wanted.height <= 0 or wanted == self._done:
            return
        self._in_hand = wanted
        future = self._renderer.submit(wanted.spec, wanted.width, wanted.height)
        future.add_done_callback(lambda done: self._announce(wanted, done))

    def _is_seen(self) -> bool:
        return self.is_mounted and self.display and self.is_on_screen and self.screen.is_current

    def _announce(self, wanted: _Wanted, future: Future[list[str]]) -> None:
        """Hand the rows over to the app; called in the renderer's thread."""
        try:
            self.post_message(self._Drawn(wanted, future))
        except RuntimeError:
            # The app's loop has ended while the frame was drawn: nobody is left to see it.
            return

    @on(_Drawn)
    def _take(self, message: _Drawn) -> None:
        self._in_hand = None
        try:
            rows = message.future.result()
        except RenderFailed as error:
            self._fail(str(error), message.wanted)
        else:
            self._succeed(rows, message.wanted)
        self._draw()

    def _succeed(self, rows: list[str], wanted: _Wanted) -> None:
        self._done = wanted
        if self._failure:
            self._failure = ""
            self._rows = []
            self._strips.clear()
            self.refresh()
        before, self._rows = self._rows, rows
        for i in range(max(len(before), len(rows))):
            if i >= len(before) or i >= len(rows) or before[i] != rows[i]:
                self._repaint(i + 1 + len(self._names))

    def _fail(self, reason: str, wanted: _Wanted) -> None:
        # Not tried again before the next show, or one bad frame would keep the plot process busy for good.
        self._done = wanted
        first = not self._failure
        self._failure = plain(reason, _LONGEST_REASON)
        self._strips.clear()
        self.refresh()
        if first:
            self.post_message(self.Unavailable(self, self._failure))

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out_names()
        self.refresh()
        self._draw()

    def on_show(self, event: events.Show) -> None:
        self._draw()

    def _repaint(self, y: int) -> None:
        self._strips.pop(y, None)
        self.refresh(Region(0, y, self.size.width, 1))

    # --- painting -------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One row of cells, kept until its text, the background or the size changes."""
        background = self.rich_style
        # A layout may paint before the widget hears of its new size.
        if (background, self.size) != self._painted:
            self._painted = (background, self.size)
            self._strips.clear()
        strip = self._strips.get(y)
        if strip is None:
            strip = Strip(self._segments(y)).adjust_cell_length(self.size.width).apply_style(background)
            self._strips[y] = strip
        return strip

    def _segments(self, y: int) -> list[Segment]:
        width, height = self.size
        frame = Style(color=self.rich_style.color)
        if y == 0:
            return [
                Segment("╭─ ", frame),
                *fitted(self._upper, width - 4, "─", frame),
                Segment("╮", frame),
            ]
        if y == height - 1:
            return [
                Segment("╰─", frame),
                *fitted(self._lower_edge(), width - 3, "─", frame),
                Segment("╯", frame),
            ]
        inside = len(self._names)
        if y <= inside:
            return [Segment("│ ", frame), *fitted(self._names[y - 1], width - 3), Segment("│", frame)]
        row = row_segments(self._rows[y - 1 - inside]) if y - inside <= len(self._rows) else []
        if self._failure:
            row = list(Segment.apply_style(row, post_style=Style(dim=True)))
        return [Segment("│", frame), *fitted(row, width - 2), Segment("│", frame)]

    def _lower_edge(self) -> list[Segment]:
        if self._failure:
            return [Segment(f" plot unavailable: {self._failure} ", ink("breach"))]
        return self._lower


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
