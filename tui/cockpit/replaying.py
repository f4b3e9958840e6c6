"""The keys of a replay: what they ask of whoever plays the recording. Each returns what is to be said of it."""

from __future__ import annotations

from typing import Final

from tui.cockpit.controls import Playing
from tui.cockpit.text.format import times
from tui.model import PlayerView

SLOWEST: Final = 0.125
FASTEST: Final = 1024.0
"""Between these the keys halve and double the speed, in seconds of the run per second."""

STEP_S: Final = 10.0
_STEPS_A_RUN = 20


def play_or_pause(player: Playing, now: PlayerView) -> str:
    """Stand still, or play on; from the end, from the start."""
    if now.ended and now.seeking_s is None:
        player.seek(0.0)
        player.proceed()
    elif now.paused:
        player.proceed()
    else:
        player.pause()
    return ""


def faster(player: Playing, now: PlayerView) -> str:
    """Twice as fast, within bounds."""
    if now.speed >= FASTEST:
        return f"{times(now.speed)} is as fast as the keys go"
    player.set_speed(min(2 * now.speed, FASTEST))
    return ""


def slower(player: Playing, now: PlayerView) -> str:
    """Half as fast, within bounds."""
    if now.speed <= SLOWEST:
        return f"{times(now.speed)} is as slow as the keys go"
    player.set_speed(max(now.speed / 2, SLOWEST))
    return ""


def seek_by(player: Playing, seconds: float) -> str:
    """On, or back where negative."""
    player.seek_by(seconds)
    return ""


def leap_s(now: PlayerView) -> float:
    """A twentieth of the run, at least one step, in seconds."""
    return max(now.duration_s / _STEPS_A_RUN, STEP_S)
