"""The keys of a replay: what they ask of whoever plays the recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual import on

from tui.cockpit.controls import Playing
from tui.cockpit.messages import SeekWished
from tui.cockpit.questions import ask_seek
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.text._banner_run import times
from tui.cockpit.viewer import Viewer
from tui.model import PlayerView

SLOWEST: Final = 0.125
FASTEST: Final = 1024.0
"""Between these the keys halve and double the speed, in seconds of the run per second."""

_STEPS_A_RUN = 20
_STEP_S = 10.0


class Replaying(Viewer):
    """Answers the keys that move through a recording."""

    _player: Playing | None = None
    """Who plays it; None in a live run."""

    def begin_to_play(self) -> None:
        """There is somebody to see it."""
        if self._player is not None:
            self._player.start()

    def action_play_pause(self) -> None:
        """Stand still, or play on; from the end, from the start."""

        def toggle(player: Playing, now: PlayerView) -> None:
            if now.ended and now.seeking_s is None:
                player.seek(0.0)
                player.proceed()
            elif now.paused:
                player.proceed()
            else:
                player.pause()

        self._ask(toggle)

    def action_faster(self) -> None:
        """Twice as fast, within bounds."""

        def double(player: Playing, now: PlayerView) -> None:
            if now.speed < FASTEST:
                player.set_speed(min(2 * now.speed, FASTEST))
            else:
                self.say(f"{times(now.speed)} is as fast as the keys go")

        self._ask(double)

    def action_slower(self) -> None:
        """Half as fast, within bounds."""

        def halve(player: Playing, now: PlayerView) -> None:
            if now.speed > SLOWEST:
                player.set_speed(max(now.speed / 2, SLOWEST))
            else:
                self.say(f"{times(now.speed)} is as slow as the keys go")

        self._ask(halve)

    def action_seek_ahead(self) -> None:
        self._ask(lambda player, now: player.seek_by(_step_s(now)))

    def action_seek_back(self) -> None:
        self._ask(lambda player, now: player.seek_by(-_step_s(now)))

    def action_step_ahead(self) -> None:
        self._ask(lambda player, now: player.seek_by(_STEP_S))

    def action_step_back(self) -> None:
        self._ask(lambda player, now: player.seek_by(-_STEP_S))

    def action_seek(self) -> None:
        """Ask for a moment."""
        if isinstance(self.screen, LiveScreen):
            ask_seek(self.screen.prompt, lambda: self.view, self.post_message)

    @on(SeekWished)
    def _seek_wished(self, message: SeekWished) -> None:
        self._ask(lambda player, now: player.seek(message.at_s))

    def _ask(self, wish: Callable[[Playing, PlayerView], None]) -> None:
        """By what the player says now: the snapshot in view may be older than the key before this one."""
        now = self._player.snapshot().player if self._player is not None else None
        if self._player is not None and now is not None:
            wish(self._player, now)


def _step_s(now: PlayerView) -> float:
    return max(now.duration_s / _STEPS_A_RUN, _STEP_S)
