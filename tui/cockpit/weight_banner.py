"""What the banner says of weights: who gets how much, when that was changed, and what it has done since."""

from __future__ import annotations

from tui.base.text import plain
from tui.cockpit import format as fmt
from tui.cockpit.ui_state import View, canaries
from tui.cockpit.weight_view import asked_pct
from tui.model import WEIGHT_CHANGES, Event, Snapshot


def since(snapshot: Snapshot) -> str:
    """What the weights have done in traffic since they were changed: asked for is not yet happened."""
    counts = [by_name for by_name in snapshot.assigned.values() if by_name]
    total = sum(sum(by_name.values()) for by_name in counts)
    to_canaries = sum(by_name.get(name, 0) for by_name in counts for name in canaries(snapshot))
    return f": {fmt.counted(total, 'request')} since, {to_canaries or 'none'} to a canary" if total else ""


def split(view: View) -> tuple[str, ...]:
    """Who gets how much now, whatever is frozen; first those on trial that have traffic, else the baseline."""
    live = view.live
    exposed = [n for n in canaries(live) if asked_pct(live, n) > 0]
    trial = ", ".join(
        f"{view.short(n)} {fmt.weight(asked_pct(live, n))}%" for n in (exposed or canaries(live))[:3]
    )
    base = f"baseline {view.short(live.baseline)} {fmt.weight(asked_pct(live, live.baseline))}%"
    if exposed:
        return (f"canary {trial}", base)
    return (base, f"canary {trial}") if trial else (base,)


def last_change(snapshot: Snapshot) -> Event | None:
    return next((e for e in reversed(snapshot.events) if e.kind in WEIGHT_CHANGES), None)


def all_on_baseline(snapshot: Snapshot) -> bool:
    """Whether the baseline has everything, in every task of the snapshot."""
    return all(shares.get(snapshot.baseline, 0.0) >= 100 for shares in snapshot.weights.values())


def task_rolled_back(view: View, change: Event) -> tuple[str, str, tuple[str, ...]] | None:
    """Of a roll back in one task of several: which, by whom, when and why; the key that takes it back; the same
    in fewer words. None where it was of all tasks, or of another than the chosen one."""
    whole = view.all_tasks.weights
    if len(whole) < 2 or change.before is None or change.after is None:
        return None
    tasks = [task for task, shares in change.after.items() if dict(shares) != dict(change.before.get(task, {}))]
    if all_on_baseline(view.all_tasks) or len(tasks) != 1 or tasks[0] not in view.live.weights:
        return None
    said = f"{plain(tasks[0], 32)} rolled back by {plain(change.actor, 16)} {ago(view, change)} ago"
    why = f": {plain(change.reason, 160)}" if change.reason else ""
    by_hand = change.actor not in ("guard", "plan") and view.live.can_undo
    undo = f"press {view.ui.keys['undo']} twice to bring the weights back" if by_hand else ""
    return said + why, undo, (said,)


def change_said(view: View) -> str:
    change = last_change(view.live)
    return "" if change is None else f"change {ago(view, change)} ago by {plain(change.actor, 16)}"


def ago(view: View, event: Event) -> str:
    return fmt.duration(view.live.at_s - event.at_s + view.ui.age_s)
