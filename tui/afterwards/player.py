"""A recording shown to the cockpit at any speed: it gives snapshots like an engine, and takes no command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from tui.afterwards.judging import Judging
from tui.afterwards.playback import Playback
from tui.afterwards.recording import Recording
from tui.model import Snapshot
from tui.record_reader import UnreadableRecord
from tui.routing.controller import CommandRefused

_FRAME_S = 0.5


class Player:
    """Thread-safe. ``start`` lets a thread of its own play; without it, ``step`` does.

    Args:
        recording: What to show.
        make_judge: A fresh judge, for each time that the recording is played from the start.
        speed: Seconds of the run per second, above 0.
        clock: Monotonic seconds.

    Raises ValueError for a speed that is not above 0, UnreadableRecord when the file breaks off.
    """

    def __init__(
        self,
        recording: Recording,
        make_judge: Callable[[], Judging] | None = None,
        *,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recording = recording
        self._make_judge = make_judge
        self._clock = clock
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._callbacks: list[Callable[[Snapshot], None]] = []
        self._speed = _checked(speed)
        self._paused = False
        self._thread: threading.Thread | None = None
        self.error: UnreadableRecord | None = None
        self._playback = self._fresh()
        self._playback.advance(0.0)
        self._snapshot = self._playback.snapshot()
        self._stepped_at = clock()

    # --- playing ---

    def start(self) -> None:
        """Play in a thread, twice a second a step, until ``close``."""
        self._stepped_at = self._clock()
        self._thread = threading.Thread(target=self._play, name="player", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop playing and let go of the file."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._playback.close()

    def step(self) -> None:
        """Go on by the time that has passed since the last step, at the speed that is set."""
        with self._lock:
            now = self._clock()
            passed_s, self._stepped_at = now - self._stepped_at, now
            if not self._paused:
                self._go_to(self._playback.at_s + passed_s * self._speed)

    def seek(self, at_s: float) -> None:
        """Show second ``at_s`` of the run, or the nearest that it has; going back plays it anew."""
        with self._lock:
            if not at_s >= self._playback.at_s:
                self._playback.close()
                self._playback = self._fresh()
            self._stepped_at = self._clock()
            self._go_to(max(at_s, 0.0))

    def pause(self) -> None:
        with self._lock:
            self._paused = True

    def proceed(self) -> None:
        with self._lock:
            self._paused = False
            self._stepped_at = self._clock()

    def set_speed(self, speed: float) -> None:
        """Seconds of the run per second. Raises ValueError when not above 0."""
        with self._lock:
            self.step()
            self._speed = _checked(speed)

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def speed(self) -> float:
        return self._speed

    def _fresh(self) -> Playback:
        return Playback(self._recording, self._make_judge() if self._make_judge is not None else None)

    def _play(self) -> None:
        while not self._over.wait(_FRAME_S):
            try:
                self.step()
            except UnreadableRecord as error:
                self.error = error
                return

    def _go_to(self, at_s: float) -> None:
        self._playback.advance(min(at_s, self._recording.duration_s))
        self._snapshot = self._playback.snapshot()
        for callback in self._callbacks:
            callback(self._snapshot)

    # --- what the cockpit asks of an engine ---

    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """``callback`` gets one at every step, from the thread that plays."""
        self._callbacks.append(callback)

    def _refuse(self, *_: Any, **__: Any) -> Future[Any]:
        refused: Future[Any] = Future()
        refused.set_exception(CommandRefused("this is a recording: what was done in it cannot be changed"))
        return refused

    roll_back = shift = nudge = promote = undo = apply_weights = _refuse
    save_profile = profiles = pause_traffic = continue_traffic = mark = _refuse
    toggle_guard = hold_plan = resume_plan = skip_step = retry_step = _refuse


def _checked(speed: float) -> float:
    if not 0 < speed < float("inf"):
        raise ValueError(f"a speed of {speed:g} is not above 0: give how many seconds of the run pass in one")
    return speed
