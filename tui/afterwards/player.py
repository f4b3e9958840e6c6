"""Player of a recording at any speed: it gives snapshots like an engine, and takes no command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from math import isnan
from typing import Any

from tui.afterwards.playback import Playback
from tui.afterwards.recording import Recording, RunEvaluator
from tui.model import Event, PlayerView, Sample, Snapshot
from tui.model.commands import Command
from tui.record.reader import UnreadableRecord
from tui.routing.controller import CommandRefused

_FRAME_S = 0.5
_SLICE, _SLICE_S = 500, 60.0
"""What is read between two looks at what is wished by now: happenings, seconds of the run."""


class Player:
    """``start`` lets a thread of its own play; without it, ``step`` does. That thread alone reads the record:
    all other methods may be called from any thread and return at once.

    Args:
        recording: What to show.
        make_evaluator: A fresh evaluator, for each time that the recording is played from the start.
        speed: Seconds of the run per second, above 0.
        clock: Monotonic seconds.

    Raises ValueError for a speed that is not above 0, UnreadableRecord when the file breaks off.
    """

    def __init__(
        self,
        recording: Recording,
        make_evaluator: Callable[[], RunEvaluator] | None = None,
        *,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recording = recording
        self._make_evaluator = make_evaluator
        self._clock = clock
        self._callbacks: list[Callable[[Snapshot], None]] = []
        self._thread: threading.Thread | None = None
        self._over, self._wake = threading.Event(), threading.Event()
        self._playback = self._fresh()
        self._playback.advance(0.0)
        # Guards what follows. Never held while the record is read.
        self._lock = threading.RLock()
        self._speed = _checked(speed)
        self._reached_speed: float | None = None
        self._paused = False
        self._due_s = 0.0
        self._settled_at = clock()
        self._seeking_s: float | None = None
        self._sought_from_s = 0.0
        self._error: str | None = None
        self._picture = self._playback.snapshot()
        self._snapshot = self._picture
        self._publish()

    # --- playing ---

    def start(self) -> None:
        """Play in a thread, twice a second a step, until ``close``."""
        self._settled_at = self._clock()
        self._thread = threading.Thread(target=self._play, name="player", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop playing and let go of the file."""
        self._over.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._playback.close()

    def step(self) -> None:
        """Go to the moment that is due by now. A seek goes on until it is there; playing on takes the time of
        one frame at most, and is slower than asked where that is too little.

        To be called by whoever plays. Raises UnreadableRecord.
        """
        with self._lock:
            now = self._clock()
            passed_s, self._settled_at = now - self._settled_at, now
            if self._seeking_s is None:
                if self._error is not None:
                    return
                if not self._paused:
                    self._due_s = min(self._due_s + passed_s * self._speed, self._recording.duration_s)
                if self._due_s <= self._playback.at_s:
                    return
        began_s, began_at = self._playback.at_s, self._clock()
        shown_at = began_at
        while not self._over.is_set():
            with self._lock:
                if self._seeking_s is None:
                    # A wish may have come while what follows the picture was read already.
                    self._due_s = max(self._due_s, self._playback.at_s)
                due_s = self._due_s
            if self._approach(due_s):
                if self._arrive(due_s):
                    return
            elif (now := self._clock()) - shown_at >= _FRAME_S:
                shown_at = now
                if self._fall_behind((self._playback.at_s - began_s) / (now - began_at)):
                    return

    # --- what is wished ---

    def seek(self, at_s: float) -> None:
        """Show second ``at_s`` of the run, or the nearest that it has; going back plays it anew. The newest
        wish counts. Raises ValueError for what is no number."""
        if isnan(at_s):
            raise ValueError("no moment to show: give seconds of the run")
        with self._lock:
            self._due_s = self._seeking_s = min(max(at_s, 0.0), self._recording.duration_s)
            reached_s = self._playback.at_s
            self._sought_from_s = reached_s if self._due_s >= reached_s and self._error is None else 0.0
            self._publish()
        self._wake.set()

    def seek_by(self, seconds: float) -> None:
        """On (positive) or back from the moment that is shown, or that is sought."""
        with self._lock:
            from_s = self._seeking_s if self._seeking_s is not None else self._picture.at_s
            self.seek(from_s + seconds)

    def pause(self) -> None:
        """Stand still at what is shown; a seek goes on."""
        with self._lock:
            self._paused = True
            self._from_here()

    def proceed(self) -> None:
        """Play on from what is shown."""
        with self._lock:
            self._paused = False
            self._from_here()

    def set_speed(self, speed: float) -> None:
        """Seconds of the run per second. Raises ValueError when not above 0."""
        with self._lock:
            self._speed = _checked(speed)
            self._from_here()

    def _from_here(self) -> None:
        """The time since the last frame is not made up for: another speed holds from what is shown."""
        if self._seeking_s is None:
            self._due_s, self._settled_at = self._picture.at_s, self._clock()
        self._reached_speed = None
        self._publish()

    @property
    def error(self) -> str | None:
        """Why the recording cannot be shown any further, None while it can."""
        return self._error

    # --- the thread that plays ---

    def _fresh(self) -> Playback:
        return Playback(self._recording, self._make_evaluator() if self._make_evaluator is not None else None)

    def _play(self) -> None:
        while not self._over.is_set():
            self._wake.wait(_FRAME_S if self._reached_speed is None else 0)
            self._wake.clear()
            try:
                self.step()
            except Exception as error:  # noqa: BLE001 - a thread has no caller: the screen says it
                self._break_off(error)

    def _approach(self, due_s: float) -> bool:
        """Read one slice towards ``due_s``, from the start when it lies behind; whether it is reached."""
        if due_s < self._playback.at_s or self._error is not None:
            self._playback.close()
            self._playback, self._error = self._fresh(), None
        next_s = min(due_s, self._playback.at_s + _SLICE_S)
        return self._playback.advance(next_s, _SLICE) and next_s == due_s

    def _arrive(self, due_s: float) -> bool:
        """Show it, unless something else is due by now."""
        picture = self._playback.snapshot()
        with self._lock:
            if self._due_s != due_s:
                return False
            if self._seeking_s is not None:
                self._seeking_s, self._settled_at = None, self._clock()
            self._picture, self._reached_speed = picture, None
            self._publish()
        return True

    def _fall_behind(self, speed: float) -> bool:
        """A frame's time has passed on the way: say how far a seek is, or play on from where it has come to.
        Returns whether that was shown and the rest left out."""
        picture = None if self._seeking_s is not None else self._playback.snapshot()
        with self._lock:
            if picture is not None and self._seeking_s is None:
                self._picture = picture
                if not self._paused:
                    # A frame's worth stays due: the thread goes on at once, and never idles while it is behind.
                    self._reached_speed = speed
                    self._due_s = min(self._due_s, picture.at_s + _FRAME_S * self._speed)
            self._publish()
            return self._seeking_s is None

    def _break_off(self, error: Exception) -> None:
        known = isinstance(error, UnreadableRecord)
        with self._lock:
            self._error = str(error) if known else f"the player stopped: {type(error).__name__}: {error}"
            self._due_s, self._seeking_s, self._reached_speed = self._picture.at_s, None, None
            self._publish()

    def _publish(self) -> None:
        """With the lock held: nobody is given an older snapshot after a newer one."""
        record = self._picture.record
        if self._error is not None:
            record = replace(record, error=self._error)
        self._snapshot = replace(self._picture, record=record, player=self._view())
        for callback in tuple(self._callbacks):
            callback(self._snapshot)

    def _view(self) -> PlayerView:
        sought_pct, reached_s = 0.0, self._playback.at_s
        # It may not have begun yet, and stand anywhere.
        if self._seeking_s is not None and self._sought_from_s < reached_s <= self._seeking_s:
            sought_pct = 100 * (reached_s - self._sought_from_s) / (self._seeking_s - self._sought_from_s)
        return PlayerView(
            duration_s=self._recording.duration_s,
            speed=self._speed,
            reached_speed=self._reached_speed,
            paused=self._paused,
            ended=self._picture.at_s >= self._recording.duration_s,
            seeking_s=self._seeking_s,
            sought_pct=sought_pct,
        )

    # --- what the cockpit asks of an engine ---

    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """``callback`` gets one at every step and wish, in the thread of either. It must return at once."""
        self._callbacks.append(callback)

    def samples(self) -> tuple[Sample, ...]:
        """None: a record has no texts, or not those that belong together."""
        return ()

    def samples_note(self) -> str:
        """Why there are none."""
        return "a recording has no samples: they are kept in memory, and only while their run goes on"

    def send(self, command: Command, *, actor: str) -> Future[Event]:
        """Every command is refused."""
        return _refused()

    def profiles(self) -> Future[Any]:
        """Refused too."""
        return _refused()


def _refused() -> Future[Any]:
    refused: Future[Any] = Future()
    refused.set_exception(CommandRefused("this is a recording: what was done in it cannot be changed"))
    return refused


def _checked(speed: float) -> float:
    if not 0 < speed < float("inf"):
        raise ValueError(f"a speed of {speed:g} is not above 0: give how many seconds of the run pass in one")
    return speed
