"""What threads, widgets and dialogs tell the app. The app alone gives commands."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from tui.cockpit.sample_filters import SampleFilter
from tui.cockpit.text.line import Tone
from tui.cockpit.text.weights import WeightWish
from tui.model import DeploymentSpec, Snapshot
from tui.weight_profiles import WeightProfile


@dataclass
class SnapshotArrived(Message):
    """A new snapshot; one that is still waiting is replaced, so a flood becomes one repaint."""

    snapshot: Snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotArrived)


@dataclass
class CommandEnded(Message):
    """A future of the engine is done; ``what`` names the command for the log, ``then`` takes its result.
    ``after`` is called however it ended, with whether it succeeded."""

    what: str
    future: Future[Any]
    then: Callable[[Any], None] | None = None
    after: Callable[[bool], None] | None = None


@dataclass
class Said(Message):
    """A line for the event log and, for a few seconds, the banner."""

    text: str
    tone: Tone = "dim"


@dataclass
class RowChosen(Message):
    """The row of one deployment was chosen."""

    deployment: str


@dataclass
class ActionChosen(Message):
    """An action was chosen by name or with the mouse."""

    action: str


@dataclass
class WeightWished(Message):
    """A weight was typed."""

    wish: WeightWish


@dataclass
class SeekWished(Message):
    """A moment of a recording was typed, in seconds of the run."""

    at_s: float


@dataclass
class PromotionAccepted(Message):
    """The promotion dialog was answered with yes."""

    deployment: str


@dataclass
class ProfileAccepted(Message):
    """A profile is to be applied."""

    profile: WeightProfile


@dataclass
class ProfileNamed(Message):
    """The current weights are to be saved."""

    name: str
    note: str
    replace: bool


@dataclass
class DeploymentWished(Message):
    """A deployment is to be created in the account of an endpoint."""

    endpoint: str
    spec: DeploymentSpec


@dataclass
class RemovalAccepted(Message):
    """A deployment is to be removed: its name was typed in full."""

    endpoint: str
    name: str


@dataclass
class TaskChosen(Message):
    """A row of the task matrix was clicked; None is all tasks."""

    task: str | None


@dataclass
class MarkWritten(Message):
    """A note for the event log was typed."""

    text: str


@dataclass
class FilterTyped(Message):
    """Only events with this text are to be shown."""

    text: str


@dataclass
class SampleChosen(Message):
    """The row of one sample was clicked."""

    sample: int


@dataclass
class SamplesWanted(Message):
    """Only samples that fit are to be listed."""

    filter: SampleFilter


@dataclass
class SamplesSearched(Message):
    """Only samples with this text are to be listed; empty lists all."""

    text: str


@dataclass
class NoteWritten(Message):
    """A note to the score of one answer was typed."""

    sample: int
    deployment: str
    text: str


@dataclass
class RunLeft(Message):
    """A person leaves and the run goes on; it ends in ``ends_in_s`` seconds, None leaves that as it is."""

    ends_in_s: float | None


class RunToEnd(Message):
    """A person leaves, and the run ends."""


@dataclass
class RunOver(Message):
    """The run has ended; ``gone`` says that its engine is gone without a word, and what to do."""

    gone: str
