"""What a plan says of itself, in words."""

from __future__ import annotations

from collections.abc import Sequence

from tui.model import PlanState
from tui.verdict.plan_state import SAME_PCT, Place


def waiting_for(place: Place, *, left_s: float, left_requests: int, wanted: Sequence[str], fresh: bool) -> str:
    """What the next step needs: ``bake 03:20 more, 120 more canary requests, OK for P95 latency``.

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
    return ", ".join(parts)


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
