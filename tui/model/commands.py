"""Commands: what may be asked of a run. One frozen value each; ``engine/commands.py`` says what they do.

Who asks goes beside the command, never in it: over a socket the engine says by itself who that is.
"""

from __future__ import annotations

import msgspec

from tui.model.control import DeploymentSpec
from tui.model.events import WeightTable


class Command(msgspec.Struct, frozen=True, tag=True):
    """A wish. On the wire it is named for its class. ``task`` None means every task."""


class RollBack(Command, frozen=True):
    """The baseline to 100 %. Never refused for the state of the data; a plan that would raise its canary is
    held. Where nothing changes it fails with ``NothingToDo``."""

    reason: str = ""
    task: str | None = None


class Shift(Command, frozen=True):
    """One deployment to ``pct`` percent; ``force`` raises it even where its data forbid it."""

    deployment: str
    pct: float
    reason: str = ""
    task: str | None = None
    force: bool = False


class Nudge(Command, frozen=True):
    """One deployment up or down by ``points`` of weight, stopping at 0 and 100."""

    deployment: str
    points: float
    task: str | None = None


class Promote(Command, frozen=True):
    """One deployment to 100 %; a plan of its own goes on from there, watching."""

    deployment: str
    task: str | None = None


class Undo(Command, frozen=True):
    """The weights before the last change."""


class ApplyWeights(Command, frozen=True):
    """A whole table of weights, from the profile of that name."""

    weights: WeightTable
    profile: str
    reason: str = ""


class SaveProfile(Command, frozen=True):
    """The weights in force under a name, in the folder beside the rollout file."""

    name: str
    note: str = ""
    replace: bool = False


class PauseTraffic(Command, frozen=True):
    """Start no further request."""


class ContinueTraffic(Command, frozen=True):
    """Start requests again."""


class ToggleGuard(Command, frozen=True):
    """The guard from off to armed, or from armed to off."""


class HoldPlan(Command, frozen=True):
    """The plan stands still; the weights stay."""

    task: str | None = None


class ResumePlan(Command, frozen=True):
    """The plan begins, goes on from where it was held, or passes the gate it waits at."""

    task: str | None = None


class SkipStep(Command, frozen=True):
    """The plan goes to its next step without waiting for more."""

    task: str | None = None


class RetryStep(Command, frozen=True):
    """The plan begins its step again."""

    task: str | None = None


class CreateDeployment(Command, frozen=True):
    """A pinned deployment in the account of an endpoint, read back. It gets no traffic."""

    endpoint: str
    spec: DeploymentSpec


class AddToRollout(Command, frozen=True):
    """A deployment of an account joins the run at weight 0."""

    endpoint: str
    name: str


class RemoveDeployment(Command, frozen=True):
    """A deployment without traffic is removed from its account."""

    endpoint: str
    name: str


class Mark(Command, frozen=True):
    """A note in the event log."""

    text: str


class Score(Command, frozen=True):
    """What a person thinks of the answer of one deployment, 1 to 5, in place of an earlier score. ``blind``
    is whether the person did not see whose answer it was."""

    sample: int
    deployment: str
    value: int
    note: str = ""
    blind: bool = True


class Unscore(Command, frozen=True):
    """That score is taken back."""

    sample: int
    deployment: str


AnyCommand = (
    RollBack
    | Shift
    | Nudge
    | Promote
    | Undo
    | ApplyWeights
    | SaveProfile
    | PauseTraffic
    | ContinueTraffic
    | ToggleGuard
    | HoldPlan
    | ResumePlan
    | SkipStep
    | RetryStep
    | CreateDeployment
    | AddToRollout
    | RemoveDeployment
    | Mark
    | Score
    | Unscore
)
"""What the wire may carry."""
