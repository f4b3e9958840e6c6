"""Keys that have come and are not handled yet: what may overtake them, and what takes a second press."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Final

from tui.cockpit.actions import Action
from tui.cockpit.text._banner_deployments import dead_said
from tui.cockpit.text.format import clip
from tui.cockpit.ui_state import View
from tui.routing.weights import all_to

_LOOKS: Final = frozenset(
    {
        "back", "freeze", "next_window", "previous_window", "plot_latency", "plot_cost", "plot_quality",
        "plot_weights", "all_plots", "zoom", "crosshair_back", "crosshair_forward", "down", "up", "page_down",
        "page_up", "first", "last", "next_task", "previous_task", "next_event", "previous_event", "next_sample",
        "previous_sample", "skip_sample", "open_sample", "explain", "answer_a", "answer_b", "reveal", "score_1",
        "score_2", "score_3", "score_4", "score_5", "unscore", "copy", "copy_prompt", "verdicts", "details",
        "plan", "deployments", "samples",
    }
)  # fmt: skip
"""What changes neither weights nor traffic, and opens neither a dialog nor a field that takes text."""


class KeysUnderWay:
    """Keys in the order in which they came; any thread may add, the app's own takes away.

    A roll back may overtake them where each only looks, moves or scores, or does nothing: then it means the
    same before them as after them. Behind a key that changes weights or traffic it waits for its turn, since
    that one would act after it, and so it does behind one that may open a field, in which the letter is text.
    A key that does something else on another screen counts as all of it: the keys before it may lead there.
    """

    def __init__(self) -> None:
        self._waiting: deque[bool] = deque()
        """Whether each may be overtaken."""

    def came(self, actions: Iterable[Action]) -> None:
        """A key has come; ``actions`` are all that it is bound to, on any screen."""
        self._waiting.append(all(action.id in _LOOKS for action in actions))

    def was_handled(self) -> None:
        """The oldest is handled, and what it did is drawn."""
        if self._waiting:
            self._waiting.popleft()

    def may_be_overtaken(self, *, letter: bool, answers: bool) -> bool:
        """Whether a roll back may act now. ``letter``: its key is one; ``answers``: a dialog or a field is
        open, which keys that only look elsewhere may answer."""
        waiting = tuple(self._waiting)
        if answers:
            return not letter and not waiting
        return all(waiting)


QUIET_S = 0.5
"""A press counts as the second one only so long after the line that asks for it was drawn, and after the press
before it: a key that is held and a double tap confirm nothing."""

_WHY = 48
"""The key that answers must be in view on 80 columns."""


class SecondPress:
    """What was asked, and since when a press answers it. Instants are seconds of the cockpit's clock."""

    def __init__(self) -> None:
        self._asked = ""
        self._task: str | None = None
        self._counts_from_s = inf

    def pressed(self, view: View, task: str | None, key: str) -> str | None:
        """What to say now; empty to roll back now; None to do nothing. ``task`` None is all of them."""
        ui, why = view.ui, _why_ask(view, task)
        if not why:
            self._asked = ""
            return ""
        if not self._asked or ui.notice != self._asked or ui.now_s >= ui.notice_until_s or task != self._task:
            self._asked, self._task, self._counts_from_s = (
                f"{clip(why, _WHY)}: {key} again to do it anyway",
                task,
                inf,
            )
            return self._asked
        if ui.now_s < self._counts_from_s:
            if self._counts_from_s < inf:
                self._counts_from_s = ui.now_s + QUIET_S
            return None
        self._asked = ""
        return ""

    def drawn(self, now_s: float) -> None:
        """The line that asks is on the screen."""
        if self._counts_from_s == inf:
            self._counts_from_s = now_s + QUIET_S


def _why_ask(view: View, task: str | None) -> str:
    """Why one press is not enough; empty where the baseline may be able to serve, or has everything."""
    live = view.all_tasks
    if all_to(live.weights, live.baseline, task) == live.weights:
        return ""
    return dead_said(view)
