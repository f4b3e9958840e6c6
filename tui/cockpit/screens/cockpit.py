"""The main screen: version table, plots, event log, and the keys that choose among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual import events, on
from textual.containers import Grid
from textual.widget import Widget

from tui.cockpit.actions import Place
from tui.cockpit.messages import RowChosen, TaskChosen
from tui.cockpit.plots.process import Renderer
from tui.cockpit.plots.series import MarkerMode, mini_lines, panels
from tui.cockpit.questions import ask_filter
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.screens.scrolling import DetailsScreen
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

    def _relayout(self) -> None:
        """Draw again once the choice of plots has changed the layout."""
        self.call_after_refresh(self._reshow)

    def _reshow(self) -> None:
        if self._view is not None:
            self._show_plots(self._view)

    def plain_text(self) -> str:
        """Banner, table and the log in view."""
        parts = [self.query_one(kind) for kind in (BannerBar, TaskMatrix, VersionTable, EventLog)]
        return "\n".join(line.rstrip() for part in parts for line in part.plain_lines)

    # --- keys ---

    def move(self, step: int) -> None:
        """Choose the deployment so many rows further on."""
        view = self.host.view
        names = list(view.live.deployments)
        place = names.index(view.ui.selected) if view.ui.selected in names else 0
        self.host.choose(selected=names[min(max(place + step, 0), len(names) - 1)])

    def jump(self, *, last: bool) -> None:
        """Choose the last or the first deployment."""
        self.move(len(self.host.view.live.deployments) * (1 if last else -1))

    async def go_back(self) -> None:
        """Out of the crosshair, the zoom, the filter."""
        ui = self.host.view.ui
        if ui.crosshair_s is not None:
            self.host.choose(crosshair_s=None)
        elif ui.zoomed:
            self.action_zoom()
        elif ui.event_filter:
            self.host.choose(event_filter="")

    async def action_details(self) -> None:
        selected = self.host.view.ui.selected
        if selected is not None:
            await self.host.open(DetailsScreen(self._keymap, selected))

    def action_plot_latency(self) -> None:
        self._choose_plot(0)

    def action_plot_cost(self) -> None:
        self._choose_plot(1)

    def action_plot_quality(self) -> None:
        self._choose_plot(2)

    def action_plot_weights(self) -> None:
        self._choose_plot(3)

    def _choose_plot(self, plot: int) -> None:
        ui = self.host.view.ui
        if self.shows_one_plot:
            self.host.choose(plot=plot)
        else:
            self.host.choose(plot=plot, zoomed=not (ui.zoomed and plot == ui.plot))
        self._relayout()

    def action_all_plots(self) -> None:
        self.host.choose(zoomed=False)
        self._relayout()

    def action_zoom(self) -> None:
        self.host.choose(zoomed=not self.host.view.ui.zoomed)
        self._relayout()

    def action_crosshair_back(self, step: int = 1) -> None:
        ui = self.host.view.ui
        if ui.frozen is None:
            self.host.say(f"freeze the picture first ({ui.keys['freeze']}), then read values")
        elif ui.frozen.history:
            reach = int(ui.frozen.at_s - ui.frozen.history[0].at_s)
            at_s = 0 if ui.crosshair_s is None else min(max(ui.crosshair_s + step, 0), reach)
            self.host.choose(crosshair_s=at_s, notice="")

    def action_crosshair_forward(self) -> None:
        self.action_crosshair_back(-1)

    def action_filter(self) -> None:
        ask_filter(
            self.prompt, self.host.view.ui.event_filter, lambda text: self.host.choose(event_filter=text)
        )

    def action_next_event(self) -> None:
        self.query_one(EventLog).step(-1)

    def action_previous_event(self) -> None:
        self.query_one(EventLog).step(1)

    @on(RowChosen)
    def _row_chosen(self, message: RowChosen) -> None:
        self.host.choose(selected=message.deployment)

    @on(TaskChosen)
    def _task_chosen(self, message: TaskChosen) -> None:
        self.host.choose(task=message.task)

    @on(Plot.Unavailable)
    def _plot_failed(self, message: Plot.Unavailable) -> None:
        message.stop()
        self.host.say(f"{(message.plot.id or 'plot').replace('-', ' ')}: {message.reason}", "warn")
