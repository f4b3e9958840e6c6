"""The main screen: version table, plots, event log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual import events, on
from textual.containers import Grid
from textual.widget import Widget

from tui.cockpit.actions import Place
from tui.cockpit.messages import Said
from tui.cockpit.plots.process import Renderer
from tui.cockpit.plots.series import MarkerMode, mini_lines, panels
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.text.events import event_lines
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.banner import BannerBar
from tui.cockpit.widgets.event_log import EventLog
from tui.cockpit.widgets.minigraph import MiniGraphs
from tui.cockpit.widgets.plot import Plot
from tui.cockpit.widgets.tables import TaskMatrix, VersionTable

PLOTS = ("latency", "cost", "rates", "weights")
"""In the order of their keys."""

_EVENTS_KEPT = 500


class CockpitScreen(LiveScreen):
    """Four plots side by side on a large terminal; one and mini graphs on a small one; none on a tiny one."""

    PLACE: ClassVar[Place | None] = "cockpit"

    def __init__(self, keymap: Mapping[str, str], renderer: Renderer, marker: MarkerMode) -> None:
        super().__init__(keymap)
        self._renderer = renderer
        self._marker: MarkerMode = marker
        self._logged: tuple[object, ...] = ()

    def body(self) -> Iterable[Widget]:
        """Table, plots, mini graphs, log."""
        yield TaskMatrix(id="tasks")
        yield VersionTable(id="versions")
        with Grid(id="plots"):
            for name in PLOTS:
                yield Plot(self._renderer, id=f"plot-{name}")
        yield MiniGraphs(ascii_only=self._marker == "ascii", id="minis")
        yield EventLog(id="log")

    @property
    def shows_one_plot(self) -> bool:
        """Whether the terminal has room for one plot only, and another can but take its place."""
        return any(self.has_class(name) for name in ("-tiny", "-narrow", "-flat", "-short", "-low"))

    def plots_in_view(self) -> list[Plot]:
        """The plots that the size of the terminal and the zoom leave."""
        return [plot for plot in self.query(Plot) if plot.display] if self.query_one("#plots").display else []

    def show_body(self, view: View) -> None:
        """Table and plots show the picture, the log what is live."""
        for i, name in enumerate(PLOTS):
            self.query_one(f"#plot-{name}").set_class(i == view.ui.plot, "-chosen")
        self.set_class(view.ui.zoomed, "-zoomed")
        self.query_one(TaskMatrix).show(view)
        self.query_one(VersionTable).show(view)
        self._show_plots(view)
        self._show_events(view)

    def _show_plots(self, view: View) -> None:
        if not self.in_view:
            # The dearest part of a picture; what covers it answers keys the sooner.
            return
        picture, ui = view.picture, view.ui
        names = tuple(picture.deployments)
        plots = self.plots_in_view()
        if plots:
            cursor = None if ui.crosshair_s is None else -float(ui.crosshair_s)
            width = max(plot.size.width for plot in plots)
            drawn = panels(
                picture,
                ui.window,
                names,
                picture.at_s,
                width=max(width, 20),
                marker=self._marker,
                cursor_x=cursor,
            )
            for plot in plots:
                panel = drawn[(plot.id or "").removeprefix("plot-")]
                plot.show(panel.spec, f"{panel.key} {panel.title}", panel.legend)
        minis = self.query_one(MiniGraphs)
        if minis.display:
            lines = mini_lines(picture, ui.window, names, picture.at_s)
            minis.show([line for i, line in enumerate(lines[name] for name in PLOTS) if i != ui.plot])

    def _show_events(self, view: View) -> None:
        events = view.live.events[-_EVENTS_KEPT:]
        newest = (events[-1].id, len(view.live.events)) if events else (0, 0)
        key = (*newest, view.notices, view.ui.event_filter)
        if key != self._logged:
            self._logged = key
            lines = event_lines(events, view.notices, view.ui.event_filter, view.names)
            self.query_one(EventLog).show(lines, view.ui.event_filter)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """The plots have stood still while another screen was in view."""
        if self._view is not None:
            self._show_plots(self._view)

    def on_resize(self, event: events.Resize) -> None:
        """Another set of plots may be in view once the new layout stands."""
        if self._view is not None:
            self.call_after_refresh(self._reshow)

    def reshow_plots(self) -> None:
        """Draw again after the choice of plots has changed the layout."""
        self.call_after_refresh(self._reshow)

    def _reshow(self) -> None:
        if self._view is not None:
            self._show_plots(self._view)

    def step_event(self, back: int) -> None:
        """Choose an older (positive) or newer line of the log."""
        self.query_one(EventLog).step(back)

    def plain_text(self) -> str:
        """Banner, table and the log in view."""
        parts = [self.query_one(kind) for kind in (BannerBar, TaskMatrix, VersionTable, EventLog)]
        return "\n".join(line.rstrip() for part in parts for line in part.plain_lines)

    @on(Plot.Unavailable)
    def _plot_failed(self, message: Plot.Unavailable) -> None:
        message.stop()
        self.post_message(Said(f"{(message.plot.id or 'plot').replace('-', ' ')}: {message.reason}", "warn"))
