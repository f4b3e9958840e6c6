"""What is worth calling a person for."""

from __future__ import annotations

import re
from typing import Final

from tui.model import Event, EventKind
from tui.rollout import Occasion

URGENT: Final[frozenset[Occasion]] = frozenset(
    {"worse", "rolled_back", "baseline_dead", "not_rolled_back", "budget_spent"}
)
"""What rings the bell of the terminal."""

_KINDS: Final[dict[EventKind, Occasion]] = {
    EventKind.WORSE: "worse",
    EventKind.ROLLED_BACK: "rolled_back",
    EventKind.BASELINE_DEAD: "baseline_dead",
    EventKind.NOT_ROLLED_BACK: "not_rolled_back",
    EventKind.BUDGET_SPENT: "budget_spent",
    EventKind.STOPPED: "ended",
}
_ADVISORY = re.compile(r"\S+ WORSE \(advisory\): ")
_FIGURE = re.compile(r"\W*\d[\d.,:]*\W*")


def occasion_of(event: Event) -> Occasion | None:
    """The occasion that an event is, None for most. What moves nothing by itself calls nobody."""
    if event.kind is EventKind.WORSE and _ADVISORY.match(event.text):
        return None
    return _KINDS.get(event.kind)


def about(event: Event) -> str:
    """What tells events of one occasion apart: who did it, and the words before the first figure (deployment,
    task, criterion). A reason in a service's own words is left out: it may be another each time."""
    words = event.text.split()
    if event.kind is EventKind.BASELINE_DEAD:
        words = words[:1]
    elif event.kind is EventKind.NOT_ROLLED_BACK:
        words = event.text.partition(":")[0].split()
    figure = next((i for i, word in enumerate(words) if _FIGURE.fullmatch(word)), len(words))
    return " ".join((event.actor, *words[:figure]))
