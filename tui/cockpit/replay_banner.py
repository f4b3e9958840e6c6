"""What the banner says of a replay: how it is played, where it stands, and which moment of the run that is."""

from __future__ import annotations

from datetime import UTC

from tui.base.text import plain
from tui.cockpit import format as fmt
from tui.cockpit.ui_state import View
from tui.model import PlayerView, Snapshot


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
        return f"press {keys['play_pause']} to play on at {times(player.speed)}"
    if player.reached_speed is not None:
        return f"{times(player.speed)} asked, {_reached(player.reached_speed)} is reached"
    return f"{keys['play_pause']} pauses"


def moments(view: View) -> tuple[str, ...]:
    """The instant of the run in UTC, with what fits beside it; the longest first."""
    at = view.live.at.astimezone(UTC)
    day, rollout, window = f"{at:%Y-%m-%d %H:%M:%S}Z", plain(view.live.rollout, 24), view.ui.window
    return (f"{day} {rollout} {window}", f"{day} {window}", day, f"{at:%H:%M:%S}Z")


def should_move(snapshot: Snapshot) -> bool:
    """Whether a recording is being played on, so that there must be new snapshots of it."""
    player = snapshot.player
    if player is None or snapshot.record.error is not None:
        return False
    return not (player.paused or player.ended or player.seeking_s is not None)


def times(speed: float) -> str:
    """A speed that was asked for: ``0.125x``, ``4x``, ``1024x``."""
    return f"{speed:.5g}x"


def _state(live: Snapshot, player: PlayerView) -> str:
    if live.record.error is not None:
        return "■ REPLAY BROKEN OFF"
    if player.ended:
        return "■ REPLAY END"
    if player.paused:
        return "❚❚ REPLAY PAUSED"
    speed = times(player.speed) if player.reached_speed is None else _reached(player.reached_speed)
    return f"▷ REPLAY {speed}"


def _reached(speed: float) -> str:
    return f"{speed:.0f}x" if speed >= 10 else f"{speed:.1f}x"
