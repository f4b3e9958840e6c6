"""Where a plan stands, and how that is kept over a restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tui.model import PlanState, PlanStep, Verdict
from tui.verdict.kept import instant, number, whole

SAME_PCT = 1e-6
"""Weights that differ by less are the same: thirds are written with decimals."""

ACTIVE = (PlanState.CLIMBING, PlanState.GATE, PlanState.WATCHING)
"""The states in which the plan may act by itself, and from which it is held."""


@dataclass(slots=True)
class Place:
    """All of a plan that changes.

    ``held_in`` is the state to go back to from HELD. ``asked_pct`` is the weight the plan asked for last, None
    before it begins; ``weight_pct`` the one last seen. ``served_s`` and ``requests`` are what counted on this
    rung, or in the watch window. ``answered``: criterion -> when it was reached, for every WORSE that stood
    while the plan was stopped.
    """

    state: PlanState
    index: int = 0
    held_in: PlanState = PlanState.CLIMBING
    asked_pct: float | None = None
    weight_pct: float | None = None
    served_s: float = 0.0
    requests: int = 0
    reason: str = ""
    answered: dict[str, float | None] = field(default_factory=dict)

    def is_at(self, weight_pct: float | None) -> bool:
        """Whether this is the weight that the plan asked for."""
        return (
            self.asked_pct is not None
            and weight_pct is not None
            and abs(weight_pct - self.asked_pct) <= SAME_PCT
        )

    def was_answered(self, verdict: Verdict) -> bool:
        """Whether this very verdict stopped the plan before."""
        return verdict.criterion in self.answered and self.answered[verdict.criterion] == verdict.since_s


def state_of(place: Place, canary: str, steps: Sequence[PlanStep]) -> dict[str, Any]:
    """The place as JSON has it, with the plan that it belongs to."""
    kept = {**asdict(place), "state": place.state.value, "held_in": place.held_in.value}
    return {"canary": canary, "steps": [list(_key(step)) for step in steps], "place": kept}


def place_of(state: Mapping[str, Any], canary: str, steps: Sequence[PlanStep], offset_s: float) -> Place:
    """The place that ``state_of`` gave for the same plan, ``offset_s`` added to its instants.

    Raises:
        ValueError: It is the place of another plan, or none at all; the text says which.
    """
    try:
        kept, other = state["place"], [tuple(step) for step in state["steps"]]
        if state["canary"] != canary or other != [_key(step) for step in steps]:
            raise ValueError("the place that was kept belongs to other steps: the plan was changed since")
        place = Place(
            state=PlanState(kept["state"]),
            index=whole(kept["index"]),
            held_in=PlanState(kept["held_in"]),
            asked_pct=number(kept["asked_pct"]),
            weight_pct=number(kept["weight_pct"]),
            served_s=number(kept["served_s"]) or 0.0,
            requests=whole(kept["requests"]),
            reason=str(kept["reason"]),
            answered={str(name): instant(at, offset_s) for name, at in kept["answered"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the place of a plan: {type(error).__name__} {error}") from error
    if place.index >= len(steps):
        raise ValueError(f"not the place of a plan: step {place.index + 1} of {len(steps)}")
    going = place.held_in if place.state is PlanState.HELD else place.state
    if place.state is PlanState.HELD and going not in ACTIVE:
        raise ValueError(f"not the place of a plan: held while {going.value}")
    if place.asked_pct is None and going not in (PlanState.CLIMBING, PlanState.STOPPED):
        raise ValueError("not the place of a plan: past its beginning without a weight")
    return place


def _key(step: PlanStep) -> tuple[float, float, int, bool]:
    return (step.weight_pct, step.bake_s, step.min_requests, step.gate)
