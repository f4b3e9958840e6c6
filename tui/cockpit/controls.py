"""What the cockpit needs of the engine: snapshots out, commands in. The engine satisfies it by shape alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from tui.engine.messages import Welcome
from tui.model import Event, Sample, Snapshot
from tui.model.commands import Command
from tui.weight_profiles import BrokenProfile, WeightProfile

ProfileList = tuple[WeightProfile | BrokenProfile, ...]


class Controls(Protocol):
    """Every method is thread-safe and returns at once. Where what was asked was not done, its future fails with
    ``CommandRefused``, whose text is for people."""

    def snapshot(self) -> Snapshot:
        """The newest snapshot."""

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """``callback`` gets one each second and right after every command, from the engine's thread."""

    def send(self, command: Command, *, actor: str) -> Future[Event]:
        """Ask for a command. The future resolves to the event that was logged."""

    def profiles(self) -> Future[ProfileList]:
        """Every weight profile beside the rollout file, broken ones with their error."""

    def samples(self) -> tuple[Sample, ...]:
        """The requests that are kept with their answers, oldest first; the same tuple until one changes."""

    def samples_note(self) -> str:
        """Why there are no samples, empty where there are or will be."""


class Attached(Protocol):
    """What the cockpit needs of the run that it is attached to, beside ``Controls``. Thread-safe, at once."""

    @property
    def welcome(self) -> Welcome:
        """What the engine said first."""

    @property
    def ended(self) -> Future[int]:
        """Done when the run is over, or its engine gone."""

    def take_over(self) -> Future[Any]:
        """Take control of the run."""

    def stop(self) -> Future[Any]:
        """End the run."""

    def leave(self, ends_in_s: float | None = None) -> None:
        """Go, while the run goes on; it ends in ``ends_in_s`` seconds, None leaves that as it is."""


class Exits(Protocol):
    """Who is told that what is shown ends. Thread-safe, at once, and before the screen is given back."""

    def quit(self) -> None:
        """A person has left."""

    def hang_up(self) -> None:
        """The terminal is gone."""


class Playing(Protocol):
    """What the cockpit needs of whoever plays a recording, beside ``Controls``, whose commands it refuses.

    Every wish is thread-safe, returns at once, and shows in the newest snapshot from then on.
    """

    def snapshot(self) -> Snapshot:
        """The newest snapshot; it has a ``player``."""

    def start(self) -> None:
        """Begin to play; called once, when the first picture is on the screen."""

    def pause(self) -> None:
        """Stand still."""

    def proceed(self) -> None:
        """Play on."""

    def set_speed(self, speed: float) -> None:
        """Seconds of the run per second, above 0."""

    def seek(self, at_s: float) -> None:
        """To a second of the run, or the nearest that it has; the newest wish counts."""

    def seek_by(self, seconds: float) -> None:
        """On (positive) or back from the moment that is shown, or that is being sought."""
