"""What the person at the keyboard has chosen, and what a screen is given to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tui.cockpit.actions import Session, first_keys
from tui.cockpit.sample_filters import SampleChoices
from tui.cockpit.text.events import Notice
from tui.cockpit.text.format import short_names
from tui.cockpit.text.line import Tone
from tui.model import DEFAULT_TASK, Snapshot, ViewerView, of_task

STALE_AFTER_S = 3.0
"""A snapshot comes every second; three missing ones mean that the figures cannot be trusted."""

QUIET_S = 1.5
"""After this long without a snapshot the cockpit shows by itself how time passes."""

_NOTICES_KEPT = 50

NOTICE_S = 6.0
"""How long a notice stands in the banner; it stays in the event log."""


@dataclass(frozen=True, slots=True)
class UiState:
    """Choices of one session. Instants are seconds of the cockpit's own monotonic clock.

    ``plot`` is 0 to 3 (latency, cost, filter and error, weights). ``crosshair_s`` is how far before the frozen
    moment values are read, None when they are not. ``undo_armed_until_s`` is when a second press of undo
    stops counting as consent to raise a canary.
    """

    now_s: float = 0.0
    arrived_s: float | None = None
    window: str = "5m"
    plot: int = 0
    zoomed: bool = False
    selected: str | None = None
    task: str | None = None
    """The chosen task; None is all of them."""
    deployment: tuple[str, str] | None = None
    """The chosen row of the deployments screen: endpoint and name."""
    samples: SampleChoices = field(default_factory=SampleChoices)
    frozen: Snapshot | None = None
    frozen_since_s: float = 0.0
    crosshair_s: int | None = None
    event_filter: str = ""
    notice: str = ""
    notice_until_s: float = 0.0
    undo_armed_until_s: float = float("-inf")
    read_only: bool = False
    step_pct: float = 5.0
    gone: str = ""
    """The engine is gone: what to do; empty while it is there."""
    viewer: int = 0
    """The number of this cockpit among those that are attached."""
    keys: Mapping[str, str] = field(default_factory=lambda: first_keys({}))

    @property
    def age_s(self) -> float:
        """Seconds since the newest snapshot arrived; 0 before the first."""
        return 0.0 if self.arrived_s is None else max(0.0, self.now_s - self.arrived_s)

    @property
    def stale(self) -> bool:
        return self.age_s > STALE_AFTER_S


@dataclass(frozen=True, slots=True)
class View:
    """One moment to show: the newest snapshot, the choices, the short names of the deployments, and what the
    cockpit itself has said.

    Where a task is chosen, ``live`` is the snapshot as far as that task goes; ``all_tasks`` is the whole one.
    """

    live: Snapshot
    ui: UiState
    names: Mapping[str, str]
    notices: tuple[Notice, ...] = ()
    whole: Snapshot | None = None

    @property
    def all_tasks(self) -> Snapshot:
        return self.whole or self.live

    @property
    def picture(self) -> Snapshot:
        """What table and plots show: the frozen snapshot, else the newest."""
        return self.ui.frozen or self.live

    @property
    def session(self) -> Session:
        """Whether a run is under way, or a recording is played."""
        return "live" if self.live.player is None else "replay"

    @property
    def in_control(self) -> ViewerView | None:
        """Another viewer that has control of the run; None where this one may take it at any time."""
        others = (viewer for viewer in self.live.viewers if viewer.id != self.ui.viewer)
        return next((viewer for viewer in others if viewer.in_control), None)

    @property
    def notice(self) -> str:
        """What stands in the banner for some seconds, empty where nothing does."""
        return self.ui.notice if self.ui.now_s < self.ui.notice_until_s else ""

    def short(self, deployment: str) -> str:
        return self.names.get(deployment, deployment)


class Shown:
    """The newest snapshot, the choices of the person and what the cockpit has said, from which a ``View`` is
    made. ``clock`` gives seconds, monotonic."""

    def __init__(self, first: Snapshot, ui: UiState, clock: Callable[[], float]) -> None:
        self.ui = ui
        self._clock = clock
        self._snapshot = first
        self._notices: tuple[Notice, ...] = ()
        self._names = short_names(list(first.deployments))
        self._in_tasks: tuple[tuple[Snapshot, str, Snapshot], ...] = ()

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
        self._snapshot = snapshot

    @property
    def is_quiet(self) -> bool:
        """Whether no snapshot has come for so long that the screen shows by itself how time passes."""
        return self.ui.arrived_s is not None and self._clock() - self.ui.arrived_s > QUIET_S

    @property
    def view(self) -> View:
        """This moment: newest snapshot, choices, time."""
        whole, frozen = self._snapshot, self.ui.frozen
        live = self._in_task(whole)
        ui = replace(self.ui, now_s=self._clock(), frozen=frozen and self._in_task(frozen))
        if live.player is not None and not (ui.stale and should_move(live)):
            # The time of a recording is in its snapshots; ours makes none of its figures older.
            ui = replace(ui, arrived_s=None)
        return View(live, ui, self._names, self._notices, whole)

    def choose(self, **choices: Any) -> None:
        """Change choices of the person."""
        self.ui = replace(self.ui, **choices)

    def choose_sample(self, **choices: Any) -> None:
        """Change choices among the samples."""
        self.choose(samples=replace(self.ui.samples, **choices))

    def notice(self, text: str, **choices: Any) -> None:
        """A line in the banner for a few seconds, and perhaps other choices with it."""
        self.choose(notice=text, notice_until_s=self._clock() + NOTICE_S, **choices)

    def say(self, text: str, tone: Tone) -> None:
        """A line in the event log, and in the banner for a few seconds."""
        self._notices = (*self._notices, Notice(self._in_task(self._snapshot).at, text, tone))[-_NOTICES_KEPT:]
        self.notice(text)

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


def should_move(snapshot: Snapshot) -> bool:
    """Whether a recording is being played on, so that there must be new snapshots of it."""
    player = snapshot.player
    if player is None or snapshot.record.error is not None:
        return False
    return not (player.paused or player.ended or player.seeking_s is not None)


def tasks_of(snapshot: Snapshot) -> tuple[str, ...]:
    """The tasks to choose from, none where there is only one. The default task is left out as long as no
    request was of it."""
    if len(snapshot.weights) < 2:
        return ()
    views = snapshot.deployments.values()
    asked = any(
        view.figures["run"][DEFAULT_TASK].assigned
        for view in views
        if DEFAULT_TASK in view.figures.get("run", {})
    )
    return tuple(task for task in snapshot.weights if task != DEFAULT_TASK or asked)


def canaries(snapshot: Snapshot) -> tuple[str, ...]:
    """Every deployment on trial, in the order of the rollout file."""
    return tuple(name for name, view in snapshot.deployments.items() if view.role == "canary")


def chosen_canary(snapshot: Snapshot, selected: str | None) -> str | None:
    """The canary that the keys act on: the chosen row, or the only canary there is."""
    names = canaries(snapshot)
    if selected in names:
        return selected
    return names[0] if len(names) == 1 else None
