"""The Textual app: composition, and the way from keys and messages to the engine's commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.driver import Driver
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.cockpit.actions import (
    BY_ID,
    Place,
    action_of,
    actions_on,
    acts_on,
    allowed,
    belongs,
    bindings,
    keymap_mistakes,
    keys_of,
    whole_keymap,
)
from tui.cockpit.commands import Commands
from tui.cockpit.controls import Attached, Controls, Playing
from tui.cockpit.keys import KeysUnderWay, SecondPress
from tui.cockpit.messages import (
    ActionChosen,
    CommandEnded,
    MarkWritten,
    ProfileAccepted,
    ProfileNamed,
    PromotionAccepted,
    RunLeft,
    RunOver,
    RunToEnd,
    SnapshotArrived,
    WeightWished,
)
from tui.cockpit.plots.process import Renderer
from tui.cockpit.plots.series import MarkerMode
from tui.cockpit.questions import ask_mark, ask_weight
from tui.cockpit.sample_list import Listing, Scoring
from tui.cockpit.sampling import Sampling
from tui.cockpit.screens.cockpit import CockpitScreen
from tui.cockpit.screens.leave import LeaveScreen
from tui.cockpit.screens.lifecycle import Ahead
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.screens.palette import PaletteScreen
from tui.cockpit.screens.profiles import ProfilesScreen, SaveProfileScreen
from tui.cockpit.screens.promote import PromoteScreen
from tui.cockpit.terminal import Bell
from tui.cockpit.theme import THEME
from tui.cockpit.ui_state import NOTICE_S, chosen_canary, tasks_of
from tui.model import WINDOWS_S
from tui.routing.controller import CommandRefused, LeftHalfDone, NothingToDo
from tui.weight_profiles import WeightProfile

_WIDTHS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide"), (160, "-huge")]
_TWICE_S = 2.0
"""A second ctrl+c within this time ends the run."""

_HEIGHTS = [(0, "-flat"), (16, "-short"), (22, "-low"), (28, "-tall"), (50, "-high")]
"""Least columns and rows of each class that the style sheet knows."""


class CanarytopApp(Sampling):
    """The cockpit on an engine. It never ends by itself, whatever the engine reports.

    Args:
        controls: The engine.
        renderer: Draws plots; closed by whoever made it.
        actor: Who the events name.
        read_only: Nothing that changes weights or traffic acts.
        window: First window, a name of ``model.WINDOWS_S``.
        step_pct: Points of one step of weight.
        keymap: Action id -> keys, separated by commas.
        marker: What the font can show.
        export_folder: Where exports are written.
        clock: Seconds, monotonic.
        on_quit: Called from any thread when the person ends what is shown, before the screen is given back.
        run: The run that it is attached to and may be left; None where quitting is all there is.
        on_terminal_lost: Called from any thread when the terminal is gone.
        player: Who plays the recording that ``controls`` shows; None in a live run.
        ahead: The outlook of a snapshot as text; None where nobody looks ahead.
        greeting: What is said first.
        driver_class: What the screen is written with; None is for Textual to choose.
        desktop_notes: Whether the terminal is asked to show what rings its bell.

    Raises:
        ValueError: ``keymap``, ``window`` or ``step_pct`` has mistakes; the text names each.
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
        read_only: bool = False,
        window: str = "5m",
        step_pct: float = 5.0,
        keymap: Mapping[str, str] | None = None,
        marker: MarkerMode = "braille",
        clock: Callable[[], float] = time.monotonic,
        on_quit: Callable[[], None] = lambda: None,
        run: Attached | None = None,
        on_terminal_lost: Callable[[], None] = lambda: None,
        player: Playing | None = None,
        ahead: Ahead | None = None,
        greeting: str = "",
        driver_class: type[Driver] | None = None,
        desktop_notes: bool = False,
    ) -> None:
        keys = dict(keymap or {})
        mistakes = list(keymap_mistakes(keys))
        if window not in WINDOWS_S:
            mistakes.append(f"window: {window} is not one of {', '.join(WINDOWS_S)}")
        if not 0 < step_pct <= 100:
            mistakes.append(f"step: {step_pct:g} points is not between 0 and 100")
        if mistakes:
            raise ValueError("; ".join(mistakes))
        super().__init__(
            controls.snapshot(),
            CockpitScreen(keys, renderer, marker),
            read_only=read_only,
            step_pct=step_pct,
            window=window,
            keymap=keys,
            export_folder=export_folder,
            clock=clock,
            driver_class=driver_class,
        )
        self.register_theme(THEME)
        self.theme = THEME.name
        self._controls = controls
        self._player = player
        self._ahead = ahead
        self._greeting = greeting
        self._bell = Bell(notes=desktop_notes, actor=actor)
        self._keys_under_way = KeysUnderWay()
        self._on_terminal_lost = on_terminal_lost
        self._on_quit = on_quit
        self._run = run
        self._interrupted_s = float("-inf")
        self.ends_run = False
        """Whether the person wants the run to end."""
        if run is not None:
            self.ui = replace(self.ui, viewer=run.welcome.viewer)
        self._key_is_text = False
        self._drawn = False
        self._actor = actor
        self._commands = Commands(controls, actor, self._send)
        self._second_press = SecondPress()
        self._scoring = Scoring()
        self._listing = Listing(controls.samples, self._scoring)

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
        self.begin_to_play()
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
            text = str(error)
            for name in sorted(self._names, key=len, reverse=True):
                text = text.replace(name, self._names[name])
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

    # --- the terminal's side ---------------------------------------------------------------------

    def terminal_lost(self) -> None:
        """The terminal is gone; from any thread."""
        self._on_terminal_lost()

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
            self._commands.roll_back(self.view, None)
            return False
        if BY_ID["quit"] in actions and first and not self._asks and self._run is None:
            self._on_quit()
        if key.key == "ctrl+c" and self._run is not None:
            twice, self._interrupted_s = self._clock() - self._interrupted_s < _TWICE_S, self._clock()
            if twice:
                self.ends_run = True
                self._on_quit()
                self.leave()
                return False
        self._keys_under_way.came(action for action in actions if belongs(action, self.view.session))
        return True

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
        known = BY_ID.get(action)
        if known is None:
            return True
        typing = isinstance(self.focused, Input)
        if typing and (self._key_is_text or not (known.while_typing or known.anywhere)):
            return False
        if isinstance(self.screen, ModalScreen) and not known.anywhere:
            return False
        if not acts_on(known, self._where):
            return False
        return allowed(known, read_only=self.ui.read_only, session=self.view.session)

    def on_key(self, event: events.Key) -> None:
        """A key that read-only or a recording has switched off says so."""
        session = self.view.session
        action = action_of(event.key, event.character, self._keys, session, self._where)
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
    def _where(self) -> Place | None:
        return self.screen.PLACE if isinstance(self.screen, LiveScreen) else None

    @on(ActionChosen)
    async def _action_chosen(self, message: ActionChosen) -> None:
        await self.run_action(message.action, self)

    # --- weights and traffic --------------------------------------------------------------------

    def action_roll_back(self) -> None:
        self._roll_back("roll_back", None)

    def action_roll_back_task(self) -> None:
        view = self.view
        if view.ui.task is None and tasks_of(view.all_tasks):
            self.say(f"choose a task first ({view.ui.keys['next_task']}): "
                     f"{view.ui.keys['roll_back']} rolls all back")  # fmt: skip
        else:
            self._roll_back("roll_back_task", view.ui.task)

    def _roll_back(self, action: str, task: str | None) -> None:
        """At the first press, or the second one where the baseline is not able to serve."""
        said = self._second_press.pressed(self.view, task, self._key_of(action))
        if said:
            self.say(said, "alert")
            self.call_after_refresh(self._asked_for_second_press)
        elif said is not None:
            self._choose(notice="")
            self._commands.roll_back(self.view, task)

    def _asked_for_second_press(self) -> None:
        self._second_press.drawn(self._clock())
        self._choose(notice_until_s=self._clock() + NOTICE_S)

    def _key_of(self, action: str) -> str:
        """The key that acts now: while something is typed, one that is no text."""
        keys = keys_of(BY_ID[action], self._keys)
        chords = [key for key in keys if len(key) > 1]
        return chords[0] if chords and isinstance(self.focused, Input) else keys[0]

    def action_lower(self) -> None:
        self._commands.nudge(self.view, -self.ui.step_pct)

    def action_raise(self) -> None:
        self._commands.nudge(self.view, self.ui.step_pct)

    def action_undo(self) -> None:
        armed_until_s = self._commands.undo(self.view)
        # A notice that asked for this press is answered; what there is to say now comes after it.
        self._choose(undo_armed_until_s=armed_until_s, notice="")

    def action_set_weight(self) -> None:
        if isinstance(self.screen, LiveScreen) and self.ui.selected is not None:
            ask_weight(self.screen.prompt, self.ui.selected, lambda: self.view, self.post_message)

    @on(WeightWished)
    def _weight_wished(self, message: WeightWished) -> None:
        self._commands.set_weight(self.view, message.wish)

    def action_promote(self) -> None:
        canary = chosen_canary(self.view.live, self.ui.selected)
        if canary is None:
            self.say("choose the row of the canary to promote first", "warn")
        else:
            self.push_screen(PromoteScreen(canary, self.view))

    @on(PromotionAccepted)
    def _promotion_accepted(self, message: PromotionAccepted) -> None:
        self._commands.promote(self.view, message.deployment)

    def action_profiles(self) -> None:
        picker = ProfilesScreen(lambda: self.view)
        self.push_screen(picker)
        self._commands.list_profiles(
            lambda profiles: picker.show_profiles(profiles) if picker.is_attached else None
        )

    @on(ProfileAccepted)
    def _profile_accepted(self, message: ProfileAccepted) -> None:
        self._commands.apply(self.view, message.profile)

    def action_save_profile(self) -> None:
        live = self.view.all_tasks
        text = "   ".join(
            f"{t}: " + ", ".join(f"{n} {p:g}%" for n, p in s.items()) for t, s in live.weights.items()
        )
        dialog = SaveProfileScreen(text)
        self.push_screen(dialog)
        self._commands.list_profiles(
            lambda profiles: dialog.know_names(p.name for p in profiles if isinstance(p, WeightProfile))
        )

    @on(ProfileNamed)
    def _profile_named(self, message: ProfileNamed) -> None:
        self._commands.save(message.name, message.note, message.replace)

    def action_pause_traffic(self) -> None:
        self._commands.pause_or_continue(self.view)

    # --- guard and plan -------------------------------------------------------------------------

    def action_toggle_guard(self) -> None:
        self._commands.toggle_guard()

    def action_hold_plan(self) -> None:
        self._commands.hold_plan(self.view)

    def action_resume_plan(self) -> None:
        self._commands.resume_plan(self.view)

    def action_skip_step(self) -> None:
        self._commands.skip_step(self.view)

    def action_retry_step(self) -> None:
        self._commands.retry_step(self.view)

    # --- the rest --------------------------------------------------------------------

    def action_mark(self) -> None:
        if isinstance(self.screen, LiveScreen):
            ask_mark(self.screen.prompt, self.post_message)

    @on(MarkWritten)
    def _mark_written(self, message: MarkWritten) -> None:
        self._commands.mark(message.text)

    def action_command(self) -> None:
        self.push_screen(PaletteScreen(self._keys, lambda: self.view))

    # --- leaving ---------------------------------------------------------------------

    def action_take_over(self) -> None:
        if self._run is None:
            self.say("this cockpit is the only one")
        elif self.view.in_control is None:
            self.say("nobody else is in control: every key acts from here")
        else:
            self._commands.take_over(self._run)

    def action_suspend(self) -> None:
        if not self._driver or not self._driver.can_suspend:
            self.say("this terminal cannot be left for a shell", "warn")
            return
        self.action_suspend_process()
        self.say("back from the shell; the run went on meanwhile")

    async def action_quit(self) -> None:
        view = self.view
        if self._run is None:
            self._on_quit()
            self.exit()
        elif self._run.ended.done():
            self.exit()
        elif not self._run.welcome.kept_by_viewers or view.in_control is not None or view.ui.read_only:
            self.post_message(RunLeft(None))
        elif not isinstance(self.screen, LeaveScreen):
            self.push_screen(LeaveScreen(view, rehearsed=self._run.welcome.rehearsed))

    @on(RunLeft)
    def _run_left(self, message: RunLeft) -> None:
        if self._run is not None:
            self._run.leave(message.ends_in_s)
        self.exit()

    @on(RunToEnd)
    def _run_to_end(self) -> None:
        self.ends_run = True
        self.exit()

    @on(RunOver)
    def _run_over(self, message: RunOver) -> None:
        if message.gone:
            self._choose(gone=message.gone)
            self.bell()
        else:
            self.say(
                f"the run has ended; the weights stay as they are; {self.view.ui.keys['quit']} leaves", "warn"
            )
