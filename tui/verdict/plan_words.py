"""What a plan says of itself, in words."""

from __future__ import annotations

from collections.abc import Sequence

from tui.model import CRITERION_ROWS, PlanState, Verdict, VerdictState, eta_at
from tui.text import between, plain
from tui.verdict.plan_state import SAME_PCT, Place
from tui.verdict.reasons import label

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
