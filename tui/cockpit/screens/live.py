"""What every full screen has: banner above, prompt and footer below, and a view replaced every second."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from tui.cockpit.actions import ACTIONS, Action, Place, acts_on, allowed
from tui.cockpit.text.verdict_words import overall
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.banner import BannerBar
from tui.cockpit.widgets.footer import KeyFooter
from tui.cockpit.widgets.prompt import Prompt
from tui.model import PlanState, TrafficState, VerdictState


class LiveScreen(Screen[None]):
    """A screen that shows a ``View``. Subclasses give the body and say how it is shown and moved in.

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
