"""The second press that rolling back takes where the baseline is not able to serve."""

from __future__ import annotations

from math import inf

from tui.cockpit.baseline_banner import dead_said
from tui.cockpit.format import clip
from tui.cockpit.ui_state import View
from tui.routing.weights import all_to

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
