"""The Textual app: what comes from engine and terminal, which keys may act, and those of every screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from tui.base.text import plain
from tui.cockpit.actions import (
    BY_ID,
    Place,
    action_of,
    actions_on,
    acts_on,
    allowed,
    belongs,
    bindings,
    first_keys,
    keymap_mistakes,
    keys_of,
    whole_keymap,
)
from tui.cockpit.commands import Commands
from tui.cockpit.controls import Attached, Controls, Exits, Playing
from tui.cockpit.export import write_export
from tui.cockpit.keys import KeysUnderWay, SecondPress
from tui.cockpit.messages import ActionChosen, CommandEnded, RunOver, Said, SnapshotArrived
from tui.cockpit.plots.process import Renderer
from tui.cockpit.sample_desk import SampleDesk
from tui.cockpit.screens.cockpit import CockpitScreen
from tui.cockpit.screens.deployments import DeploymentsScreen
from tui.cockpit.screens.dialog import Dialog
from tui.cockpit.screens.help import HelpScreen
from tui.cockpit.screens.leave import LeaveScreen
from tui.cockpit.screens.lifecycle import ReportText
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.screens.palette import PaletteScreen
from tui.cockpit.screens.profiles import ProfilesScreen, SaveProfileScreen
from tui.cockpit.screens.promote import PromoteScreen
from tui.cockpit.screens.samples import SamplesScreen
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.screens.verdicts import VerdictsScreen
from tui.cockpit.terminal import Bell
from tui.cockpit.text.line import Tone
from tui.cockpit.text.plan import NO_PLAN
from tui.cockpit.theme import THEME
from tui.cockpit.ui_state import NOTICE_S, Shown, UiState, View, chosen_canary, tasks_of
from tui.engine.messages import ScreenSettings
from tui.model import WINDOWS_S, Snapshot
from tui.routing.controller import CommandRefused, LeftHalfDone, NothingToDo

_WIDTHS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide"), (160, "-huge")]
_HEIGHTS = [(0, "-flat"), (16, "-short"), (22, "-low"), (28, "-tall"), (50, "-high")]
"""Least columns and rows of each class that the style sheet knows."""

_TWICE_S = 2.0
"""A second ctrl+c within this time ends the run."""


class CanarytopApp(App[None], inherit_bindings=False):
    """The cockpit on an engine. It never ends by itself, whatever the engine reports.

    Args:
        controls: The engine.
        renderer: Draws plots; closed by whoever made it.
        actor: Who the events name.
        export_folder: Where exports are written.
        settings: What the rollout file says of the screen.
        read_only: Nothing that changes weights or traffic acts.
        greeting: What is said first.
        clock: Seconds, monotonic.
        exits: Who is told that what is shown ends; None where nobody has to be.
        run: The run that it is attached to and may be left; None where quitting is all there is.
        player: Who plays the recording that ``controls`` shows; None in a live run.
        lifecycle: What lies ahead of the deployments; None where nobody looks ahead.
        driver_class: What the screen is written with; None is for Textual to choose.

    Raises:
        ValueError: ``settings`` has mistakes; the text names each.
    """

    TITLE = "canarytop"
    CSS_PATH = "cockpit.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings()
    AUTO_FOCUS = None
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(
        self,
        controls: Controls,
        renderer: Renderer,
        *,
        actor: str,
        export_folder: Path,
        settings: ScreenSettings | None = None,
        read_only: bool = False,
        greeting: str = "",
        clock: Callable[[], float] = time.monotonic,
        exits: Exits | None = None,
        run: Attached | None = None,
        player: Playing | None = None,
        lifecycle: ReportText | None = None,
        driver_class: type[Driver] | None = None,
    ) -> None:
        settings = settings or ScreenSettings()
        if mistakes := _mistakes(settings):
            raise ValueError("; ".join(mistakes))
        super().__init__(driver_class=driver_class)
        self.register_theme(THEME)
        self.theme = THEME.name
        keys = settings.keys
        ui = UiState(
            window=settings.window,
            step_pct=settings.step_pct,
            read_only=read_only,
            viewer=run.welcome.viewer if run is not None else 0,
            keys=first_keys(keys),
        )
        self.commands = Commands(controls, actor, self._send)
        self.ends_run = False
        """Whether the person wants the run to end."""
        self._controls = controls
        self._shown = Shown(controls.snapshot(), ui, clock)
        self._cockpit = CockpitScreen(keys, renderer, settings.marker)
        self._desk = SampleDesk(controls.samples, actor, controls.samples_note, export_folder)
        self._keys = keys
        self._clock = clock
        self._greeting = greeting
        self._exits = exits
        self._run = run
        self._player = player
        self._lifecycle = lifecycle
        self._bell = Bell(notes=settings.desktop_notes, actor=actor)
        self._keys_under_way = KeysUnderWay()
        self._second_press = SecondPress()
        self._interrupted_s = float("-inf")
        self._key_is_text = False
        self._has_snapshot = False
        self._drawn = False

    # --- the engine's side ----------------------------------------------------------------------

    async def on_mount(self) -> None:
        """Show what there is, then listen."""
        self.set_keymap(whole_keymap(self._keys))
        await self.push_screen(self._cockpit)
        first = self._controls.snapshot()
        self.take(first)
        self._bell.for_events(first.events)
        self._controls.subscribe(lambda snapshot: self._send(SnapshotArrived(snapshot)))
        if self._run is not None:
            self._run.ended.add_done_callback(lambda done: self._send(RunOver(str(done.exception() or ""))))
        if self._greeting:
            self.say(self._greeting, "warn")
        if self._player is not None:
            self._player.start()
        self.set_interval(1.0, self.tick)
        self.call_after_refresh(self._first_picture_drawn)

    def _first_picture_drawn(self) -> None:
        self._drawn = True

    def _send(self, message: Message) -> None:
        """Post from any thread."""
        try:
            self.post_message(message)
        except RuntimeError:
            # The app's loop has ended: nobody is left to be told.
            return

    def take(self, snapshot: Snapshot) -> None:
        """Show a new snapshot, in one repaint."""
        self._shown.take(snapshot)
        self._has_snapshot = True
        self._show()

    @on(SnapshotArrived)
    def _snapshot_arrived(self, message: SnapshotArrived) -> None:
        self.take(message.snapshot)
        calls = self._bell.for_events(message.snapshot.events) if self._player is None else ""
        if calls and self._driver is not None:
            self._driver.write(calls)

    @on(CommandEnded)
    def _command_ended(self, message: CommandEnded) -> None:
        if message.after is not None:
            message.after(not message.future.cancelled() and message.future.exception() is None)
        if message.future.cancelled():
            self.say(f"{message.what}: given up, the engine is stopping", "warn")
            return
        error = message.future.exception()
        if isinstance(error, NothingToDo):
            text, names = str(error), self.view.names
            for name in sorted(names, key=len, reverse=True):
                text = text.replace(name, names[name])
            self.say(text)
        elif isinstance(error, LeftHalfDone):
            self.say(f"{message.what} is half done: {error}", "alert")
        elif isinstance(error, CommandRefused):
            takes = f" ({self.view.ui.keys['take_over']})" if self.view.in_control is not None else ""
            self.say(f"{message.what} refused: {error}{takes}", "warn")
        elif error is not None:
            self.say(f"{message.what} failed: {type(error).__name__}: {error}", "alert")
        elif message.then is not None:
            message.then(message.future.result())

    @on(RunOver)
    def _run_over(self, message: RunOver) -> None:
        if message.gone:
            self.choose(gone=message.gone)
            self.bell()
        else:
            leaves = self.view.ui.keys["quit"]
            self.say(f"the run has ended; the weights stay as they are; {leaves} leaves", "warn")

    # --- what is shown --------------------------------------------------------------------------

    @property
    def ui(self) -> UiState:
        """The choices of the person."""
        return self._shown.ui

    @property
    def view(self) -> View:
        """This moment."""
        return self._shown.view

    def tick(self) -> None:
        """Time passes on the screen while no snapshot comes."""
        if self._shown.is_quiet:
            self._show()

    def choose(self, **choices: Any) -> None:
        """Change choices of ``UiState``, and show it."""
        self._shown.choose(**choices)
        self._show()

    def choose_sample(self, **choices: Any) -> None:
        """Change choices of ``SampleChoices``, and show it."""
        self._shown.choose_sample(**choices)
        self._show()

    def notice(self, text: str, **choices: Any) -> None:
        """A line in the banner for a few seconds, and perhaps other choices with it."""
        self._shown.notice(text, **choices)
        self._show()

    def say(self, text: str, tone: Tone = "dim") -> None:
        """A line in the event log, and in the banner for a few seconds."""
        self._shown.say(text, tone)
        self._show()

    @on(Said)
    def _said(self, message: Said) -> None:
        self.say(message.text, message.tone)

    def _show(self) -> None:
        if not self._has_snapshot or not self.is_running:
            # A snapshot may still come while the widgets are being closed.
            return
        view = self.view
        with self.batch_update():
            for screen in self.screen_stack:
                if isinstance(screen, LiveScreen):
                    screen.show(view)
                elif isinstance(screen, Dialog):
                    screen.show_notice(plain(view.notice, 300))

    async def open(self, screen: Screen[None]) -> None:
        """A full screen in place of another such screen, so that back always leads to the cockpit."""
        while isinstance(self.screen, ScrollingScreen):
            await self.pop_screen()
        await self.push_screen(screen)
        self._show()

    # --- the terminal's side ---------------------------------------------------------------------

    def terminal_lost(self) -> None:
        """The terminal is gone; from any thread."""
        if self._exits is not None:
            self._exits.hang_up()

    def leave(self) -> None:
        """Give the screen back; from any thread."""
        try:
            self.call_later(self.exit)
        except RuntimeError:
            # The app's loop has ended: it is gone already.
            return

    def heard(self, key: events.Key) -> bool:
        """Whether a key that has just come from the terminal is to be handled in its turn; from any thread.

        One that comes before the first picture is not: nobody knew what it would do. Neither is a roll back
        that overtakes the keys before it, see ``KeysUnderWay``. One that quits is, and says so at once: a
        screen that waits for its terminal may never come to it.
        """
        if not self._drawn:
            return False
        actions = actions_on(key.key, key.character, self._keys)
        first = self._keys_under_way.may_be_overtaken(letter=key.is_printable, answers=self._asks)
        if BY_ID["roll_back"] in actions and first and self._rolls_back_at_once:
            self.commands.roll_back(self.view, None)
            return False
        if BY_ID["quit"] in actions and first and not self._asks and self._run is None:
            self._quit()
        if key.key == "ctrl+c" and self._run is not None:
            twice, self._interrupted_s = self._clock() - self._interrupted_s < _TWICE_S, self._clock()
            if twice:
                self.ends_run = True
                self._run.stop()
                self._quit()
                self.leave()
                return False
        self._keys_under_way.came(action for action in actions if belongs(action, self.view.session))
        return True

    def _quit(self) -> None:
        if self._exits is not None:
            self._exits.quit()

    @property
    def _rolls_back_at_once(self) -> bool:
        """Whether one press is enough, and allowed."""
        if self._player is not None or self.ui.read_only:
            return False
        live = self._controls.snapshot()
        return live.deployments[live.baseline].ability.state != "unable"

    @property
    def _asks(self) -> bool:
        """Whether a dialog or a field is open."""
        return isinstance(self.screen, ModalScreen) or isinstance(self.focused, Input)

    # --- which actions may run ------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Remember the key under way: what it may do depends on whether it is text."""
        if isinstance(event, events.Key):
            self._key_is_text = event.is_printable
            self.call_after_refresh(self._keys_under_way.was_handled)
        await super().on_event(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action may run now: dialogs and typing keep most keys, read-only what carries risk."""
        if action != "act":
            return True
        known = BY_ID[str(parameters[0])]
        typing = isinstance(self.focused, Input)
        if typing and (self._key_is_text or not (known.while_typing or known.anywhere)):
            return False
        if isinstance(self.screen, ModalScreen) and not known.anywhere:
            return False
        if not acts_on(known, self._place):
            return False
        return allowed(known, read_only=self.ui.read_only, session=self.view.session)

    async def action_act(self, id: str) -> None:
        """Run an action of the table, see ``Action``."""
        action = BY_ID[id]
        if action.gives is not None:
            action.gives(self.commands, self.view)
        elif action.plays is not None:
            self._play(action.plays)
        else:
            name = f"action_{id}"
            done = (getattr(self.screen, name, None) or getattr(self, name))()
            if isawaitable(done):
                await done

    def on_key(self, event: events.Key) -> None:
        """A key that read-only or a recording has switched off says so."""
        session = self.view.session
        action = action_of(event.key, event.character, self._keys, session, self._place)
        if action is None or allowed(action, read_only=self.ui.read_only, session=session):
            return
        if isinstance(self.screen, ModalScreen) and not action.anywhere:
            return
        label = action.label.rstrip("…").lower()
        if belongs(action, session):
            what = "score" if action.risk == "scores" else "change weights or traffic"
            self.say(f"read-only: {label} is off; start without --read-only to {what}", "warn")
        elif session == "replay":
            self.say(f"this is a recording: {label} is for a live run", "warn")

    @property
    def _place(self) -> Place | None:
        return self.screen.PLACE if isinstance(self.screen, LiveScreen) else None

    @on(ActionChosen)
    async def _action_chosen(self, message: ActionChosen) -> None:
        await self.run_action(f"act({message.action!r})", self)

    # --- weights --------------------------------------------------------------------------------

    def action_roll_back(self) -> None:
        self._roll_back("roll_back", None)

    def action_roll_back_task(self) -> None:
        view = self.view
        if view.ui.task is None and tasks_of(view.all_tasks):
            first, all_tasks = view.ui.keys["next_task"], view.ui.keys["roll_back"]
            self.say(f"choose a task first ({first}): {all_tasks} rolls all back")
        else:
            self._roll_back("roll_back_task", view.ui.task)

    def _roll_back(self, action: str, task: str | None) -> None:
        """At the first press, or the second one where the baseline is not able to serve."""
        said = self._second_press.pressed(self.view, task, self._key_of(action))
        if said:
            self.say(said, "alert")
            self.call_after_refresh(self._asked_for_second_press)
        elif said is not None:
            self.choose(notice="")
            self.commands.roll_back(self.view, task)

    def _asked_for_second_press(self) -> None:
        self._second_press.drawn(self._clock())
        self.choose(notice_until_s=self._clock() + NOTICE_S)

    def _key_of(self, action: str) -> str:
        """The key that acts now: while something is typed, one that is no text."""
        keys = keys_of(BY_ID[action], self._keys)
        chords = [key for key in keys if len(key) > 1]
        return chords[0] if chords and isinstance(self.focused, Input) else keys[0]

    def action_undo(self) -> None:
        armed_until_s = self.commands.undo(self.view)
        # A notice that asked for this press is answered; what there is to say now comes after it.
        self.choose(undo_armed_until_s=armed_until_s, notice="")

    def action_promote(self) -> None:
        canary = chosen_canary(self.view.live, self.ui.selected)
        if canary is None:
            self.say("choose the row of the canary to promote first", "warn")
        else:
            self.push_screen(PromoteScreen(canary, self.view))

    def action_profiles(self) -> None:
        self.push_screen(ProfilesScreen())

    def action_save_profile(self) -> None:
        text = "   ".join(
            f"{task}: " + ", ".join(f"{name} {pct:g}%" for name, pct in shares.items())
            for task, shares in self.view.all_tasks.weights.items()
        )
        self.push_screen(SaveProfileScreen(text))

    # --- a recording ----------------------------------------------------------------------------

    def _play(self, wish: Callable[[Playing, Any], str]) -> None:
        """By what the player says now: the snapshot in view may be older than the key before this one."""
        now = self._player.snapshot().player if self._player is not None else None
        if self._player is not None and now is not None and (said := wish(self._player, now)):
            self.say(said)

    def seek(self, at_s: float) -> None:
        """Move a recording to a second of its run."""
        if self._player is not None:
            self._player.seek(at_s)

    # --- the screens ----------------------------------------------------------------------------

    async def action_verdicts(self) -> None:
        await self.open(VerdictsScreen(self._keys))

    async def action_plan(self) -> None:
        """The verdict screen with the ladder on top."""
        if self.view.live.plan is None:
            self.say(NO_PLAN, "warn")
        else:
            await self.open(VerdictsScreen(self._keys, plan_first=True))

    async def action_deployments(self) -> None:
        await self.open(DeploymentsScreen(self._keys, self._lifecycle))

    async def action_samples(self) -> None:
        await self.open(SamplesScreen(self._keys, self._desk))

    def action_command(self) -> None:
        self.push_screen(PaletteScreen(self._keys))

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self._keys, read_only=self.ui.read_only, session=self.view.session))

    def action_export(self) -> None:
        svg = self.export_screenshot(title=f"canarytop {self.view.live.rollout}")
        self.run_worker(self._export(self.ui.frozen or self.view.all_tasks, svg), exit_on_error=False)

    async def _export(self, snapshot: Snapshot, svg: str) -> None:
        try:
            paths = await asyncio.to_thread(write_export, self._desk.folder, snapshot, svg)
        except OSError as error:
            self.say(f"export failed: {error}: choose a folder that can be written", "alert")
        else:
            suffixes = " ".join(path.name.removeprefix(paths[0].stem) for path in paths)
            self.say(f"exported {paths[0].parent}/{paths[0].stem} {suffixes}")

    # --- leaving ---------------------------------------------------------------------------------

    def action_take_over(self) -> None:
        if self._run is None:
            self.say("this cockpit is the only one")
        elif self.view.in_control is None:
            self.say("nobody else is in control: every key acts from here")
        else:
            self.commands.take_over(self._run)

    def action_suspend(self) -> None:
        if not self._driver or not self._driver.can_suspend:
            self.say("this terminal cannot be left for a shell", "warn")
            return
        self.action_suspend_process()
        self.say("back from the shell; the run went on meanwhile")

    async def action_quit(self) -> None:
        view = self.view
        if self._run is None:
            self._quit()
            self.exit()
        elif self._run.ended.done():
            self.exit()
        elif not self._run.welcome.kept_by_viewers or view.in_control is not None or view.ui.read_only:
            self.leave_run(None)
        elif not isinstance(self.screen, LeaveScreen):
            self.push_screen(LeaveScreen(view, rehearsed=self._run.welcome.rehearsed))

    def leave_run(self, ends_in_s: float | None) -> None:
        """Leave while the run goes on; it ends in so many seconds, None leaves that as it is."""
        if self._run is not None:
            self._run.leave(ends_in_s)
        self.exit()

    def end_run(self) -> None:
        """Leave, and end the run."""
        self.ends_run = True
        self.exit()


def _mistakes(settings: ScreenSettings) -> list[str]:
    mistakes = list(keymap_mistakes(settings.keys))
    if settings.window not in WINDOWS_S:
        mistakes.append(f"window: {settings.window} is not one of {', '.join(WINDOWS_S)}")
    if not 0 < settings.step_pct <= 100:
        mistakes.append(f"step: {settings.step_pct:g} points is not between 0 and 100")
    return mistakes
