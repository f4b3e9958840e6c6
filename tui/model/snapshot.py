"""What is seen: everything that a screen may show at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from tui.model.control import NOT_KNOWN, AccountView, LifecycleStatus
from tui.model.deployments import Deployment
from tui.model.events import Event, WeightTable
from tui.model.figures import Figures, Second
from tui.model.outcomes import ALL_TASKS, Quota
from tui.model.quality import QualityView
from tui.model.verdicts import GuardView, PlanState, PlanView, Verdict


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A deployment began to answer with another version. ``figures`` are those of the 15 minutes before it."""

    at: datetime
    at_s: float
    before: str
    after: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Ability:
    """Whether a deployment is able to serve. ``why`` is a phrase that follows its name ("has failed 99 % of
    212 requests in 30 s") and ``since_s`` the second of the run since which, where it is not able."""

    state: Literal["able", "unable", "unknown"] = "able"
    why: str = ""
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """One deployment as the screen needs it. ``figures[window][task]``; the task ``ALL_TASKS`` pools all."""

    deployment: Deployment
    role: Literal["baseline", "canary"]
    figures: Mapping[str, Mapping[str, Figures]]
    in_flight: int = 0
    quota: Quota | None = None
    throttled_s: float = 0.0
    """Seconds left of the pause that its service asked for, 0 without one."""
    quota_exhausted: str | None = None
    """The service's words; None while there is quota left."""
    next_try_s: float | None = None
    """Seconds until a request is sent to it again, None where none is held back."""
    held_back: int = 0
    unreachable: str | None = None
    failing: str | None = None
    """The last several requests all failed; the text is the last reason. A tripwire, not statistics."""
    last_answer_s: float | None = None
    stale_s: float | None = None
    """Seconds since it should have answered, None while it does or has nothing to answer."""
    last_error: str | None = None
    last_error_s: float | None = None
    served: str | None = None
    """The version that answers, as the service names it; None before it said one."""
    changed: VersionChange | None = None
    """The last change of the version that answers, within this run."""
    retired: bool = False
    """Its last requests were refused because the version is retired."""
    ability: Ability = Ability()
    removed: str | None = None
    """Why it may get no traffic any more; None where it may."""
    status: LifecycleStatus = NOT_KNOWN


class TrafficState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    BUDGET_SPENT = "budget_spent"
    ENDED = "ended"
    """The trace or the sources have no more requests."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SenderView:
    """How well our own sender keeps its schedule. ``late_p99_ms`` is over the last 10 seconds, and so is
    ``no_socket``: why this machine had none for a request, empty where it had."""

    in_flight: int = 0
    max_in_flight: int = 0
    sent: int = 0
    skipped: int = 0
    late_p99_ms: float | None = None
    saturated: bool = False
    offered_rps: float = 0.0
    no_socket: str = ""


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source of requests: what it is, how much it gave, what it could not use and why."""

    name: str
    kind: Literal["synthetic", "sampled"]
    format: str | None = None
    given: int = 0
    bad_lines: int = 0
    last_bad: str | None = None
    ended: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RecordView:
    """Where the run is kept. ``error`` says what could not be written; ``waiting`` rows are held in memory."""

    path: str | None = None
    error: str | None = None
    waiting: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class PlayerView:
    """How a recording is played. ``speed`` is seconds of the run per second; the run lasts ``duration_s``."""

    duration_s: float
    speed: float = 1.0
    reached_speed: float | None = None
    """The speed that is reached, where the record cannot be read as fast as was asked."""
    paused: bool = False
    ended: bool = False
    """The last moment of the recording is shown."""
    seeking_s: float | None = None
    """The second of the run that it is on its way to, ``sought_pct`` of the way done. What is shown is still
    the moment that it came from."""
    sought_pct: float = 0.0


@dataclass(frozen=True, slots=True)
class ViewerView:
    """A cockpit that is attached to the run. ``where`` is its terminal; one at most is in control."""

    id: int
    name: str
    where: str
    since: datetime
    in_control: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a screen may show at one moment. Immutable; a new one is built every second."""

    at: datetime
    at_s: float
    run_id: str
    rollout: str
    environment: str
    state: TrafficState
    baseline: str
    weights: WeightTable
    deployments: Mapping[str, DeploymentView]
    assigned: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Task -> deployment -> requests assigned since the weights last changed: what they do in traffic."""
    history: tuple[Second, ...] = ()
    task_history: Mapping[str, tuple[Second, ...]] = field(default_factory=dict)
    """The same of each task, where there are several."""
    events: tuple[Event, ...] = ()
    """The newest, oldest first."""
    roll_backs: tuple[Event, ...] = ()
    """Those of the run, done or not (``ROLL_BACKS``), oldest first, also where ``events`` has lost them."""
    sender: SenderView = field(default_factory=SenderView)
    sources: tuple[SourceView, ...] = ()
    record: RecordView = field(default_factory=RecordView)
    spent_usd: float = 0.0
    spent_estimated_usd: float = 0.0
    reserved_usd: float = 0.0
    """What the requests under way may cost, where there is a budget."""
    budget_usd: float | None = None
    verdicts: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    """Canary -> one verdict a criterion, in the order of the decision table."""
    alpha_pct: float = 5.0
    """Chance in percent that an equal canary is ever called WORSE, for all its criteria together."""
    guard: GuardView = field(default_factory=GuardView)
    plans: tuple[PlanView, ...] = ()
    """One for each task that climbs."""
    quality: QualityView = field(default_factory=QualityView)
    requests_per_day: Mapping[str, float] = field(default_factory=dict)
    """Those of real users by task, where the rollout file says it."""
    accounts: tuple[AccountView, ...] = ()
    can_undo: WeightTable | None = None
    """The weights that undo would restore."""
    also_running: str = ""
    """Another live run of the same rollout file; empty without one."""
    viewers: tuple[ViewerView, ...] = ()
    """Who looks on, in the order in which they came."""
    ends_at: datetime | None = None
    """When the run ends by itself, where somebody said so on leaving, or nobody looks on any more."""
    player: PlayerView | None = None
    """Of a recording: how it is played. None in a live run."""

    @property
    def plan(self) -> PlanView | None:
        """The plan to look at first: one that asks for a person, else one that acts; None without any."""
        return min(self.plans, key=lambda plan: _URGENCY.index(plan.state), default=None)


_URGENCY = (
    PlanState.STOPPED,
    PlanState.GATE,
    PlanState.HELD,
    PlanState.CLIMBING,
    PlanState.WATCHING,
    PlanState.DONE,
)


def of_task(snapshot: Snapshot, task: str) -> Snapshot:
    """The same moment as far as one task goes: its weights, figures, history, verdicts and plan, as if there
    were no other. Raises KeyError for a task that has no weights."""
    deployments = {
        name: replace(
            view,
            figures={
                window: {task: figures[task], ALL_TASKS: figures[task]}
                for window, figures in view.figures.items()
                if task in figures
            },
        )
        for name, view in snapshot.deployments.items()
    }
    return replace(
        snapshot,
        weights={task: snapshot.weights[task]},
        deployments=deployments,
        assigned={name: counts for name, counts in snapshot.assigned.items() if name == task},
        history=snapshot.task_history.get(task, ()),
        verdicts={
            canary: tuple(replace(v, task="") for v in verdicts if v.task == task)
            for canary, verdicts in snapshot.verdicts.items()
        },
        plans=tuple(replace(plan, task="") for plan in snapshot.plans if plan.task == task),
    )
