"""A recording in memory: whoever plays it for the cockpit, and snapshots of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.support.cockpit_fakes import START, FakeControls, made_snapshot
from tui.model import PlayerView, Snapshot

LENGTH_S = 1865.0
"""31:05; the made-up snapshots stand at 06:40."""


def recorded(at_s: float = 400.0, player: PlayerView | None = None, **changes: Any) -> Snapshot:
    """A moment of a recording; every field may be replaced."""
    at = START + timedelta(seconds=at_s)
    shown = player or PlayerView(LENGTH_S)
    return made_snapshot(**({"at": at, "at_s": at_s, "environment": "recording", "player": shown} | changes))


class FakePlayer(FakeControls):
    """Satisfies ``Playing`` too. A seek is there at once, unless it is ``slow``: then it stays on its way until
    ``arrive``. ``wishes`` are what was asked, as one word each."""

    def __init__(self, snapshot: Snapshot | None = None, *, slow: bool = False) -> None:
        super().__init__(snapshot or recorded())
        self.slow = slow
        self.wishes: list[str] = []

    @property
    def now(self) -> PlayerView:
        assert self.current.player is not None
        return self.current.player

    def start(self) -> None:
        self.wishes.append("start")

    def pause(self) -> None:
        self._show("pause", paused=True)

    def proceed(self) -> None:
        self._show("proceed", paused=False)

    def set_speed(self, speed: float) -> None:
        self._show(f"{speed:g}x", speed=speed)

    def seek(self, at_s: float) -> None:
        to_s = min(max(at_s, 0.0), self.now.duration_s)
        self._show(f"seek {to_s:g}", seeking_s=to_s)
        if not self.slow:
            self.arrive()

    def seek_by(self, seconds: float) -> None:
        self.seek((self.current.at_s if self.now.seeking_s is None else self.now.seeking_s) + seconds)

    def arrive(self) -> None:
        at_s = self.now.seeking_s
        assert at_s is not None
        view = replace(self.now, seeking_s=None, ended=at_s >= self.now.duration_s)
        self.publish(at=START + timedelta(seconds=at_s), at_s=at_s, player=view)

    def _show(self, wish: str, **changes: Any) -> None:
        self.wishes.append(wish)
        self.publish(player=replace(self.now, **changes))
