"""What the banner says of weights, of a replay, and of the moment under the crosshair."""

from __future__ import annotations

from datetime import UTC

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.weights import asked_pct
from tui.cockpit.ui_state import View, canaries
from tui.model import WEIGHT_CHANGES, Event, PlayerView, Snapshot


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


def replay_said(view: View) -> str:
    """The tag: state or speed, position and length. Empty in a live run.

    ``▷ REPLAY 4x 12:40 of 31:05``. While seeking it names where it is going, since the picture is still old.
    """
    live, player = view.live, view.live.player
    if player is None:
        return ""
    place, length = fmt.duration(live.at_s), fmt.duration(player.duration_s)
    if player.seeking_s is not None:
        return f"… REPLAY SEEKING {place} → {fmt.duration(player.seeking_s)} of {length}"
    return f"{_state(live, player)} {place} of {length}"


def replay_key(view: View) -> str:
    """The key that helps now, or why it is not as fast as it should be."""
    live, player, keys = view.live, view.live.player, view.ui.keys
    if player is None:
        return ""
    if player.seeking_s is not None:
        return f"seeking… {player.sought_pct:.0f}% read"
    if live.record.error is not None:
        return f"{keys['seek_back']} goes back"
    if player.ended:
        return f"press {keys['play_pause']} to play it again"
    if player.paused:
        return f"press {keys['play_pause']} to play on at {fmt.times(player.speed)}"
    if player.reached_speed is not None:
        return f"{fmt.times(player.speed)} asked, {_reached(player.reached_speed)} is reached"
    return f"{keys['play_pause']} pauses"


def moments(view: View) -> tuple[str, ...]:
    """The instant of the run in UTC, with what fits beside it; the longest first."""
    at = view.live.at.astimezone(UTC)
    day, rollout, window = f"{at:%Y-%m-%d %H:%M:%S}Z", plain(view.live.rollout, 24), view.ui.window
    return (f"{day} {rollout} {window}", f"{day} {window}", day, f"{at:%H:%M:%S}Z")


def _state(live: Snapshot, player: PlayerView) -> str:
    if live.record.error is not None:
        return "■ REPLAY BROKEN OFF"
    if player.ended:
        return "■ REPLAY END"
    if player.paused:
        return "❚❚ REPLAY PAUSED"
    speed = fmt.times(player.speed) if player.reached_speed is None else _reached(player.reached_speed)
    return f"▷ REPLAY {speed}"


def _reached(speed: float) -> str:
    return f"{speed:.0f}x" if speed >= 10 else f"{speed:.1f}x"


def reading(view: View) -> str:
    """The values under the crosshair, canaries first: P50/P95/P99, cost per 1,000, filter and error rate, and
    what was throttled."""
    back = view.ui.crosshair_s
    if back is None or view.ui.frozen is None or not view.ui.frozen.history:
        return ""
    history = view.ui.frozen.history
    wanted = history[-1].at_s - back
    second = min(history, key=lambda s: abs(s.at_s - wanted))
    at = f"-{fmt.duration(history[-1].at_s - second.at_s)}"
    measured = [(name, f) for name, f in second.figures.items() if f.requests > 0]
    # The line is cut at its right end.
    measured.sort(key=lambda item: item[0] == view.live.baseline)
    parts = [
        f"{view.short(name)} {fmt.ms(f.p50_ms)}/{fmt.ms(f.p95_ms)}/{fmt.ms(f.p99_ms)}"
        f" ${fmt.usd(f.cost_per_1k_usd)} filt {fmt.pct(f.filter_pct)} err {fmt.pct(f.error_pct)}"
        + (f" thr {fmt.pct(f.throttled_pct)}" if f.throttled_pct else "")
        for name, f in measured
    ]
    return f"{at} P50/P95/P99 {' │ '.join(parts)}" if parts else f"{at} nothing was measured then"
