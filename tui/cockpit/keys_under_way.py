"""The keys that have come and are not handled yet, and whether a roll back may overtake them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from tui.cockpit.actions import Action

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
