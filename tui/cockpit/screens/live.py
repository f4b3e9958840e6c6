"""What every full screen has: banner, prompt and footer, a view replaced every second, and the keys of all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from tui.cockpit.actions import ACTIONS, Action, Place, acts_on, allowed
from tui.cockpit.host import Host, host_of
from tui.cockpit.questions import ask_mark, ask_seek, ask_weight
from tui.cockpit.text.verdict_words import overall
from tui.cockpit.ui_state import View, tasks_of
from tui.cockpit.widgets.banner import BannerBar
from tui.cockpit.widgets.footer import KeyFooter
from tui.cockpit.widgets.prompt import Prompt
from tui.model import WINDOWS_S, PlanState, TrafficState, VerdictState


class LiveScreen(Screen[None]):
    """A screen that shows a ``View``. Subclasses give the body and say how it is shown and moved in; their keys
    are methods ``action_ID``, see ``actions``.

    ``LEAVES_COCKPIT`` is of a screen that hides plots, table and log; ``HELPS`` are the ids of actions that
    help on it; ``PLACE`` is its name where it has keys of its own.
    """

    LEAVES_COCKPIT: ClassVar[bool] = False
    HELPS: ClassVar[frozenset[str]] = frozenset()
    PLACE: ClassVar[Place | None] = None

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap
        self._view: View | None = None

    def compose(self) -> ComposeResult:
        """Banner, body, prompt, footer."""
        yield BannerBar(id="banner")
        yield from self.body()
        yield Prompt()
        yield KeyFooter(self._keymap)

    def body(self) -> Iterable[Widget]:
        """The widgets between banner and prompt."""
        raise NotImplementedError

    @property
    def host(self) -> Host:
        return host_of(self)

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    @property
    def in_view(self) -> bool:
        """Whether the person sees it: nothing but dialogs is above it."""
        stack = self.app.screen_stack
        return self in stack and all(isinstance(s, ModalScreen) for s in stack[stack.index(self) + 1 :])

    def show(self, view: View) -> None:
        """Show this moment; only what differs from the one before is painted."""
        self._view = view
        if not self.is_mounted:
            return
        self.query_one(BannerBar).show(view)
        keys = _keys_now(view, self.HELPS, self.PLACE, left=self.LEAVES_COCKPIT)
        self.query_one(KeyFooter).show(keys, _labels(view))
        self.show_body(view)

    def show_body(self, view: View) -> None:
        """Show this moment between banner and prompt."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """What was shown before the widgets were there."""
        if self._view is not None:
            self.call_after_refresh(self.show, self._view)

    def plain_text(self) -> str:
        """What is to be copied."""
        raise NotImplementedError

    # --- moving ---

    def move(self, step: int) -> None:
        """So many rows down (positive) or up."""
        raise NotImplementedError

    def jump(self, *, last: bool) -> None:
        """To the end or the beginning."""
        raise NotImplementedError

    async def go_back(self) -> None:
        """Leave the innermost thing; nothing is changed but the picture."""
        raise NotImplementedError

    def action_down(self) -> None:
        self.move(1)

    def action_up(self) -> None:
        self.move(-1)

    def action_page_down(self) -> None:
        self.move(max(self.size.height // 2, 1))

    def action_page_up(self) -> None:
        self.move(-max(self.size.height // 2, 1))

    def action_first(self) -> None:
        self.jump(last=False)

    def action_last(self) -> None:
        self.jump(last=True)

    async def action_back(self) -> None:
        if self.prompt.asking:
            self.prompt.close()
        else:
            await self.go_back()

    # --- what is shown ---

    def action_freeze(self) -> None:
        view = self.host.view
        if view.ui.frozen is None:
            self.host.choose(frozen=view.all_tasks, frozen_since_s=view.ui.now_s, crosshair_s=None)
        else:
            self.host.choose(frozen=None, crosshair_s=None)

    def action_next_window(self, step: int = 1) -> None:
        names = list(WINDOWS_S)
        self.host.choose(window=names[(names.index(self.host.view.ui.window) + step) % len(names)])

    def action_previous_window(self) -> None:
        self.action_next_window(-1)

    def action_next_task(self, step: int = 1) -> None:
        """All tasks, then one after the other, and round again."""
        view = self.host.view
        tasks = (None, *tasks_of(view.all_tasks))
        if len(tasks) == 1:
            self.host.say("this rollout has one task")
        else:
            place = tasks.index(view.ui.task) if view.ui.task in tasks else 0
            self.host.choose(task=tasks[(place + step) % len(tasks)])

    def action_previous_task(self) -> None:
        self.action_next_task(-1)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.plain_text())
        self.host.say("copied what is shown, as text")

    # --- what is asked ---

    def action_set_weight(self) -> None:
        host = self.host
        if host.view.ui.selected is not None:
            ask_weight(
                self.prompt,
                host.view.ui.selected,
                lambda: host.view,
                lambda wish: host.commands.set_weight(host.view, wish),
            )

    def action_mark(self) -> None:
        ask_mark(self.prompt, self.host.commands.mark)

    def action_seek(self) -> None:
        """Ask for a moment of the recording."""
        host = self.host
        ask_seek(self.prompt, lambda: host.view, host.seek)


_PLAN_KEYS: Mapping[PlanState, str] = MappingProxyType(
    {
        PlanState.CLIMBING: "hold_plan",
        PlanState.HELD: "resume_plan",
        PlanState.GATE: "resume_plan",
        PlanState.STOPPED: "retry_step",
    }
)


def _keys_now(view: View, here: Collection[str], place: Place | None, *, left: bool) -> list[Action]:
    """What the footer offers: only keys that act here, and after the first the ones that help now."""
    helps = set(here) | ({"back"} if left else set())
    if view.live.state is TrafficState.PAUSED:
        helps.add("pause_traffic")
    if view.ui.frozen is not None:
        helps.add("freeze")
    if view.live.verdicts and not left:
        helps.add("verdicts")
    if (plan := view.live.plan) is not None and plan.state in _PLAN_KEYS:
        action = _PLAN_KEYS[plan.state]
        # Going on would be refused while a criterion is WORSE.
        if action == "hold_plan" or overall(view.live.verdicts.get(plan.canary, ())) is not VerdictState.WORSE:
            helps.add(action)
    offered = [
        action
        for action in ACTIONS
        if (action.show_in_footer or action.id in helps)
        and allowed(action, read_only=view.ui.read_only, session=view.session)
        and acts_on(action, place)
    ]
    return sorted(offered, key=lambda action: action.id != "roll_back" and 1 + (action.id not in helps))


def _labels(view: View) -> dict[str, str]:
    """Labels of keys that do the opposite now."""
    step = f"{view.ui.step_pct:g}%"
    labels = {"next_window": f"Time {view.ui.window}", "lower": f"-{step}", "raise": f"+{step}"}
    if view.ui.frozen is not None:
        labels["freeze"] = "Go on"
    if view.live.state is TrafficState.PAUSED:
        labels["pause_traffic"] = "Continue"
    if (player := view.live.player) is not None:
        at_end = player.ended and player.seeking_s is None
        labels["play_pause"] = "Again" if at_end else "Play on" if player.paused else "Pause"
    return labels
