"""The half of the app that only looks: snapshots in, choices of the person, one picture out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import on
from textual.app import App
from textual.driver import Driver
from textual.reactive import reactive

from tui.base.text import plain
from tui.cockpit.actions import first_keys
from tui.cockpit.export import write_export
from tui.cockpit.messages import FilterTyped, RowChosen, Said, TaskChosen
from tui.cockpit.questions import ask_filter
from tui.cockpit.screens.cockpit import CockpitScreen
from tui.cockpit.screens.dialog import Dialog
from tui.cockpit.screens.help import HelpScreen
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.screens.scrolling import DetailsScreen, ScrollingScreen
from tui.cockpit.screens.verdicts import VerdictsScreen
from tui.cockpit.text._banner_run import should_move
from tui.cockpit.text.events import Notice
from tui.cockpit.text.format import short_names
from tui.cockpit.text.line import Tone
from tui.cockpit.text.plan import NO_PLAN
from tui.cockpit.text.verdicts import shown_canary
from tui.cockpit.ui_state import NOTICE_S, UiState, View, canaries, tasks_of
from tui.model import WINDOWS_S, Snapshot, of_task

_NOTICES_KEPT = 50
_QUIET_S = 1.5
"""After this long without a snapshot the cockpit shows by itself how time passes."""


class Viewer(App[None], inherit_bindings=False):
    """Shows snapshots and answers the keys that change nothing but the picture.

    ``ui`` are the choices of the person, ``view`` is what is shown at this moment.
    """

    snapshot: reactive[Snapshot | None] = reactive(None, init=False, always_update=True)

    def __init__(
        self,
        first: Snapshot,
        cockpit: CockpitScreen,
        *,
        read_only: bool,
        step_pct: float,
        window: str,
        keymap: Mapping[str, str],
        export_folder: Path,
        clock: Callable[[], float],
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self._first = first
        self._cockpit = cockpit
        self._keys = dict(keymap)
        self._clock = clock
        self._export_folder = export_folder
        self._notices: tuple[Notice, ...] = ()
        self._names: dict[str, str] = {}
        self._in_tasks: tuple[tuple[Snapshot, str, Snapshot], ...] = ()
        self.ui = UiState(window=window, read_only=read_only, step_pct=step_pct, keys=first_keys(keymap))

    def take(self, snapshot: Snapshot) -> None:
        """A new snapshot is there; the chosen row stays on its deployment."""
        if list(self._names) != list(snapshot.deployments):
            self._names = short_names(list(snapshot.deployments))
        selected = self.ui.selected
        if selected not in snapshot.deployments:
            selected = next(iter(canaries(snapshot)), snapshot.baseline)
        if snapshot.player is not None:
            # Before that moment of the run nothing was said of what comes later.
            self._notices = tuple(notice for notice in self._notices if notice.at <= snapshot.at)
        self.ui = replace(self.ui, arrived_s=self._clock(), selected=selected)
        self.snapshot = snapshot

    def watch_snapshot(self) -> None:
        """One repaint for everything that a snapshot changes."""
        self._show()

    def tick(self) -> None:
        """Time passes on the screen while no snapshot comes."""
        if self.ui.arrived_s is not None and self._clock() - self.ui.arrived_s > _QUIET_S:
            self._show()

    # --- what is shown --------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """This moment: newest snapshot, choices, time."""
        whole = self.snapshot or self._first
        live, frozen = self._in_task(whole), self.ui.frozen
        ui = replace(self.ui, now_s=self._clock(), frozen=frozen and self._in_task(frozen))
        if live.player is not None and not (ui.stale and should_move(live)):
            # The time of a recording is in its snapshots; ours makes none of its figures older.
            ui = replace(ui, arrived_s=None)
        return View(live, ui, self._names, self._notices, whole)

    def _in_task(self, snapshot: Snapshot) -> Snapshot:
        """As far as the chosen task goes; each snapshot is looked at many times."""
        task = self.ui.task
        if task is None or task not in snapshot.weights:
            return snapshot
        for whole, of, made in self._in_tasks:
            if whole is snapshot and of == task:
                return made
        made = of_task(snapshot, task)
        self._in_tasks = (*self._in_tasks[-1:], (snapshot, task, made))
        return made

    def _show(self) -> None:
        if self.snapshot is None or not self.is_running:
            # A snapshot may still come while the widgets are being closed.
            return
        view = self.view
        with self.batch_update():
            for screen in self.screen_stack:
                if isinstance(screen, LiveScreen):
                    screen.show(view)
                elif isinstance(screen, Dialog):
                    screen.show_notice(plain(view.notice, 300))

    def _choose(self, **choices: Any) -> None:
        self.ui = replace(self.ui, **choices)
        self._show()

    def notice(self, text: str, **choices: Any) -> None:
        """A line in the banner for a few seconds, and perhaps other choices with it."""
        self._choose(notice=text, notice_until_s=self._clock() + NOTICE_S, **choices)

    @on(Said)
    def _said(self, message: Said) -> None:
        self.say(message.text, message.tone)

    def say(self, text: str, tone: Tone = "dim") -> None:
        """A line in the event log, and in the banner for a few seconds."""
        notice = Notice(self.view.live.at, text, tone)
        self._notices = (*self._notices, notice)[-_NOTICES_KEPT:]
        self.notice(text)

    # --- what is looked at ----------------------------------------------------------------------

    def action_freeze(self) -> None:
        if self.ui.frozen is None:
            self._choose(frozen=self.view.all_tasks, frozen_since_s=self._clock(), crosshair_s=None)
        else:
            self._choose(frozen=None, crosshair_s=None)

    def action_next_window(self, step: int = 1) -> None:
        names = list(WINDOWS_S)
        self._choose(window=names[(names.index(self.ui.window) + step) % len(names)])

    def action_previous_window(self) -> None:
        self.action_next_window(-1)

    def action_plot_latency(self) -> None:
        self._choose_plot(0)

    def action_plot_cost(self) -> None:
        self._choose_plot(1)

    def action_plot_quality(self) -> None:
        self._choose_plot(2)

    def action_plot_weights(self) -> None:
        self._choose_plot(3)

    def _choose_plot(self, plot: int) -> None:
        if self._cockpit.shows_one_plot:
            self._choose(plot=plot)
        else:
            self._choose(plot=plot, zoomed=not (self.ui.zoomed and plot == self.ui.plot))
        self._cockpit.reshow_plots()

    def action_all_plots(self) -> None:
        self._choose(zoomed=False)
        self._cockpit.reshow_plots()

    def action_zoom(self) -> None:
        self._choose(zoomed=not self.ui.zoomed)
        self._cockpit.reshow_plots()

    def action_crosshair_back(self, step: int = 1) -> None:
        frozen = self.ui.frozen
        if frozen is None:
            self.say(f"freeze the picture first ({self.ui.keys['freeze']}), then read values")
        elif frozen.history:
            reach = int(frozen.at_s - frozen.history[0].at_s)
            now = self.ui.crosshair_s
            self._choose(crosshair_s=0 if now is None else min(max(now + step, 0), reach), notice="")

    def action_crosshair_forward(self) -> None:
        self.action_crosshair_back(-1)

    # --- moving ---------------------------------------------------------------------------------

    def action_down(self) -> None:
        self._move(1)

    def action_up(self) -> None:
        self._move(-1)

    def _move(self, step: int) -> None:
        if isinstance(self.screen, ScrollingScreen):
            self.screen.scroll_lines(step)
            return
        names = list(self.view.live.deployments)
        if names:
            place = names.index(self.ui.selected) if self.ui.selected in names else 0
            self._choose(selected=names[min(max(place + step, 0), len(names) - 1)])

    def action_page_down(self) -> None:
        self._move(max(self.screen.size.height // 2, 1))

    def action_page_up(self) -> None:
        self._move(-max(self.screen.size.height // 2, 1))

    def action_first(self) -> None:
        self._jump(last=False)

    def action_last(self) -> None:
        self._jump(last=True)

    def _jump(self, *, last: bool) -> None:
        if isinstance(self.screen, ScrollingScreen):
            self.screen.jump(last=last)
        else:
            self._move(len(self.view.live.deployments) * (1 if last else -1))

    def action_next_task(self, step: int = 1) -> None:
        """All tasks, then one after the other, and round again."""
        tasks = (None, *tasks_of(self.view.all_tasks))
        if len(tasks) == 1:
            self.say("this rollout has one task")
        else:
            place = tasks.index(self.ui.task) if self.ui.task in tasks else 0
            self._choose(task=tasks[(place + step) % len(tasks)])

    def action_previous_task(self) -> None:
        self.action_next_task(-1)

    @on(TaskChosen)
    def _task_chosen(self, message: TaskChosen) -> None:
        self._choose(task=message.task)

    @on(RowChosen)
    def _row_chosen(self, message: RowChosen) -> None:
        self._choose(selected=message.deployment)

    async def action_details(self) -> None:
        if self.ui.selected is not None:
            await self._open(DetailsScreen(self._keys, self.ui.selected))

    async def action_verdicts(self) -> None:
        """The verdict screen; within it the next canary."""
        screen = self.screen
        if isinstance(screen, VerdictsScreen):
            names = canaries(self.view.live)
            now = shown_canary(self.view)
            if now is not None:
                self._choose(selected=names[(names.index(now) + 1) % len(names)])
            screen.put_plan_first(False)
        else:
            await self._open(VerdictsScreen(self._keys))

    def action_explain(self) -> None:
        if isinstance(self.screen, VerdictsScreen):
            self.screen.explain()

    async def action_plan(self) -> None:
        """The verdict screen with the ladder on top."""
        if isinstance(self.screen, VerdictsScreen):
            self.screen.put_plan_first(True)
        elif self.view.live.plan is None:
            self.say(NO_PLAN, "warn")
        else:
            await self._open(VerdictsScreen(self._keys, plan_first=True))

    async def _open(self, screen: ScrollingScreen) -> None:
        """In place of another such screen, so that back always leads to the cockpit."""
        while isinstance(self.screen, ScrollingScreen):
            await self.pop_screen()
        await self.push_screen(screen)
        self._show()

    async def action_back(self) -> None:
        """Leave the innermost thing; nothing is changed but the picture."""
        screen = self.screen
        if isinstance(screen, LiveScreen) and screen.prompt.asking:
            screen.prompt.close()
        elif isinstance(screen, ScrollingScreen):
            self.pop_screen()
        elif self.ui.crosshair_s is not None:
            self._choose(crosshair_s=None)
        elif self.ui.zoomed:
            self.action_zoom()
        elif self.ui.event_filter:
            self._choose(event_filter="")

    def action_filter(self) -> None:
        ask_filter(self._cockpit.prompt, self.ui.event_filter, self.post_message)

    @on(FilterTyped)
    def _filter_typed(self, message: FilterTyped) -> None:
        self._choose(event_filter=message.text)

    def action_next_event(self) -> None:
        self._cockpit.step_event(-1)

    def action_previous_event(self) -> None:
        self._cockpit.step_event(1)

    def action_copy(self) -> None:
        if isinstance(self.screen, LiveScreen):
            self.copy_to_clipboard(self.screen.plain_text())
            self.say("copied what is shown, as text")

    def action_export(self) -> None:
        svg = self.export_screenshot(title=f"canarytop {self.view.live.rollout}")
        self.run_worker(self._export(self.ui.frozen or self.view.all_tasks, svg), exit_on_error=False)

    async def _export(self, snapshot: Snapshot, svg: str) -> None:
        try:
            paths = await asyncio.to_thread(write_export, self._export_folder, snapshot, svg)
        except OSError as error:
            self.say(f"export failed: {error}: choose a folder that can be written", "alert")
        else:
            suffixes = " ".join(path.name.removeprefix(paths[0].stem) for path in paths)
            self.say(f"exported {paths[0].parent}/{paths[0].stem} {suffixes}")

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self._keys, read_only=self.ui.read_only, session=self.view.session))
