"""Place of a plan: where it stands, how that is kept over a restart, and what it waits for in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tui.base.text import between, plain
from tui.evaluation.saved_numbers import instant, number, whole
from tui.evaluation.verdict_text import label
from tui.model import CRITERION_ROWS, PlanState, PlanStep, Verdict, VerdictState, eta_at

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


_LABELS = {row.id: row.label for row in CRITERION_ROWS}
_WHY = 160


def waiting_for(place: Place, *, left_s: float, left_requests: int, wanted: Sequence[str], fresh: bool) -> str:
    """What the next step needs: ``bake 03:20 more; 120 more canary requests; OK for P95 (20 min - 2 h)``.

    ``left_s`` is what is left of the bake time or the watch window, ``wanted`` what the verdicts lack.
    """
    by_hand = {
        PlanState.HELD: "a person to begin it" if place.asked_pct is None else "a person to resume it",
        PlanState.GATE: "a person to open the gate",
        PlanState.STOPPED: "a person to retry it",
        PlanState.DONE: "",
    }
    if place.state in by_hand:
        return by_hand[place.state]
    watching = place.state is PlanState.WATCHING
    parts = [] if fresh else ["fresh data from the canary"]
    if left_s > 0:
        parts.append(f"{'watch' if watching else 'bake'} {duration(left_s)} more")
    if not watching:
        if left_requests > 0:
            parts.append(f"{left_requests:,} more canary requests")
        parts += wanted
    return "; ".join(parts)


def ok_for(criterion: str) -> str:
    """``OK for P95``, before anything is known of it."""
    return f"OK for {_LABELS.get(criterion, criterion)}"


def ok_wanted(criterion: str, verdict: Verdict | None, weight_pct: float) -> str:
    """What must become OK, with what it waits for: ``OK for P95 (20 min - 2 h)``, ``OK for errors: calibrating
    120/300``. Where no waiting helps, it says what does. ``weight_pct`` is the canary's."""
    if verdict is None:
        return f"{ok_for(criterion)}, which is not judged here: {_remedy('take')}"
    said, why = f"OK for {label(verdict)}", plain(verdict.note, _WHY)
    if verdict.state is VerdictState.WORSE:
        return f"{said}, which is WORSE and stays so: roll back, or skip the step"
    if verdict.never:
        return f"{said}, which does not come: {why}. {_remedy('Take')}"
    eta = eta_at(verdict.etas, weight_pct)
    if eta is not None and eta.seconds is not None:
        return f"{said} ({between(eta.seconds, eta.seconds_high, words=True)})"
    return f"{said}: {why or 'too little is known to say when'}"


def by_default(criteria: Sequence[str]) -> str:
    """What must be OK where the rollout file does not say it."""
    labels = [_LABELS.get(name, name) for name in criteria]
    return f"must_be_ok is not set, so {', '.join(labels[:-1])} and {labels[-1]} must be OK"


def _remedy(take: str) -> str:
    return f"{take} it out of must_be_ok, or skip the step"


def why_not_there(asked_pct: float, weight_pct: float, before_pct: float | None) -> str:
    """Why the canary has another weight than was asked for; ``before_pct`` is the one seen before this."""
    if before_pct is not None and abs(before_pct - weight_pct) <= SAME_PCT:
        return f"the change to {asked_pct:g} % was not carried out: the weight is still {weight_pct:g} %"
    return f"weight changed by hand to {weight_pct:g} %"


def duration(seconds: float) -> str:
    """``03:20``, or ``1:02:03`` from an hour on; a second that has begun counts whole."""
    whole = int(seconds + 0.999)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
