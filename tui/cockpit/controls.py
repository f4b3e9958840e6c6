"""What the cockpit needs of the engine: snapshots out, commands in. The engine satisfies it by shape alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from tui.model import DeploymentSpec, Event, Sample, Snapshot, WeightTable
from tui.weight_profiles import BrokenProfile, WeightProfile

ProfileList = tuple[WeightProfile | BrokenProfile, ...]


class Controls(Protocol):
    """Every command is thread-safe and returns at once.

    Its future resolves to the event that was logged, or fails with ``CommandRefused`` whose text is for people.
    ``task`` None is every task.
    """

    def snapshot(self) -> Snapshot:
        """The newest snapshot."""

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """``callback`` gets one each second and right after every command, from the engine's thread."""

    def roll_back(self, *, actor: str, reason: str = "", task: str | None = None) -> Future[Event]:
        """The baseline to 100 %."""

    def shift(
        self,
        deployment: str,
        pct: float,
        *,
        actor: str,
        reason: str = "",
        task: str | None = None,
        force: bool = False,
    ) -> Future[Event]:
        """One deployment to ``pct`` percent; ``force`` overrides a refusal for the state of the data."""

    def nudge(self, deployment: str, points: float, *, actor: str, task: str | None = None) -> Future[Event]:
        """One deployment up or down by ``points``, stopping at 0 and 100."""

    def promote(self, deployment: str, *, actor: str, task: str | None = None) -> Future[Event]:
        """One deployment to 100 %."""

    def undo(self, *, actor: str) -> Future[Event]:
        """Back to the weights before the last change."""

    def apply_weights(self, weights: WeightTable, *, actor: str, reason: str, profile: str) -> Future[Event]:
        """The weights of a profile."""

    def save_profile(self, name: str, note: str, *, actor: str, replace: bool = False) -> Future[Event]:
        """The current weights under a name."""

    def profiles(self) -> Future[ProfileList]:
        """Every weight profile beside the rollout file, broken ones with their error."""

    def pause_traffic(self, *, actor: str) -> Future[Event]:
        """Start no further request."""

    def continue_traffic(self, *, actor: str) -> Future[Event]:
        """Start requests again."""

    def toggle_guard(self, *, actor: str) -> Future[Event]:
        """The guard from off to armed, or from armed to off."""

    def hold_plan(self, *, actor: str, task: str | None = None) -> Future[Event]:
        """The plan stands still."""

    def resume_plan(self, *, actor: str, task: str | None = None) -> Future[Event]:
        """The plan goes on: from where it was held, through an open gate, or from its beginning."""

    def skip_step(self, *, actor: str, task: str | None = None) -> Future[Event]:
        """To the next step at once."""

    def retry_step(self, *, actor: str, task: str | None = None) -> Future[Event]:
        """The step begins again."""

    def create_deployment(self, endpoint: str, spec: DeploymentSpec, *, actor: str) -> Future[Event]:
        """A pinned deployment in the account of an endpoint."""

    def add_to_rollout(self, endpoint: str, name: str, *, actor: str) -> Future[Event]:
        """A deployment of an account joins the run at weight 0."""

    def remove_deployment(self, endpoint: str, name: str, *, actor: str) -> Future[Event]:
        """A deployment without traffic is removed from its account."""

    def mark(self, text: str, *, actor: str) -> Future[Event]:
        """A note of the operator in the event log."""

    def samples(self) -> tuple[Sample, ...]:
        """The requests that are kept with their answers, oldest first; the same tuple until one changes."""

    def samples_note(self) -> str:
        """Why there are no samples, empty where there are or will be."""

    def score(
        self, sample: int, deployment: str, value: int, *, actor: str, note: str = "", blind: bool = True
    ) -> Future[Event]:
        """What a person thinks of the answer of one deployment, 1 to 5, in place of an earlier score."""

    def unscore(self, sample: int, deployment: str, *, actor: str) -> Future[Event]:
        """That score is taken back."""


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
