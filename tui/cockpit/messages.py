"""What threads, widgets and dialogs tell the app. The app alone gives commands."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from tui.cockpit.text.line import Tone
from tui.model import Snapshot


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
class TaskChosen(Message):
    """A row of the task matrix was clicked; None is all tasks."""

    task: str | None


@dataclass
class RunOver(Message):
    """The run has ended; ``gone`` says that its engine is gone without a word, and what to do."""

    gone: str
