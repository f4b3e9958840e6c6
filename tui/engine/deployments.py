"""Deployments of a run: how each does, which version it serves, how long it may go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from tui.base.served_names import is_router, same_version
from tui.base.text import plain
from tui.engine.control_plane import RunControlPlane
from tui.engine.setup import Changes
from tui.engine.versions import Versions
from tui.lifecycle.status import gone_words, statuses_of
from tui.measure.windows import Measures
from tui.model import (
    Context,
    Deployment,
    DeploymentView,
    EventKind,
    Figures,
    LifecycleStatus,
    Outcome,
    VersionChange,
)
from tui.rollout import Rollout
from tui.service.prices import load_prices, price_for
from tui.traffic.health import Health, says_retired

_ERROR = 400

RemovalState = Literal["under way", "doubted", "seen"]
"""Doubted is a removal of which it is not known what became."""

_WHY: Final[Mapping[RemovalState, str]] = MappingProxyType(
    {
        "under way": "it is being removed",
        "doubted": "it was to be removed, and what became of that has not been seen yet",
        "seen": "it was removed from its account",
    }
)


@dataclass(frozen=True, slots=True)
class Removal:
    """Removal of a deployment from its account; ``at`` is since when it is in that state."""

    state: RemovalState
    at: datetime


class Removals:
    """Removals of deployments in this run and in the one that it resumes. ``deployments`` are those of the run,
    by name."""

    def __init__(
        self, deployments: Mapping[str, Deployment], control_plane: RunControlPlane, context: Context
    ) -> None:
        self._deployments = deployments
        self._control_plane = control_plane
        self._now = context.now
        self._removals: dict[str, Removal] = {}

    def of(self, name: str) -> Removal | None:
        return self._removals.get(name)

    def set(self, name: str, state: RemovalState) -> None:
        """From now on it gets no traffic; a doubted one until a look at its account shows that it is there."""
        self._removals[name] = Removal(state, self._now())

    def put_back(self, name: str, before: Removal | None = None) -> None:
        """It was not removed: it stands as it did ``before``."""
        if before is None:
            self._removals.pop(name, None)
        else:
            self._removals[name] = before

    def why_never(self, name: str) -> str | None:
        """Why a deployment cannot get any traffic at all, or None."""
        removal = self._removals.get(name)
        if removal is None:
            return None
        why = _WHY[removal.state]
        deployment = self._deployments[name]
        account = self._control_plane.view(deployment.endpoint) if removal.state == "doubted" else None
        if account is None or account.read_at is None or account.read_at <= removal.at:
            return why
        managed = account.deployment(deployment.wire_id)
        if managed is None:
            return "it is gone from its account"
        return why if (managed.state or "").lower() == "deleting" else None

    def seen(self) -> frozenset[str]:
        """Those that are known to be removed."""
        return frozenset(name for name, removal in self._removals.items() if removal.state == "seen")

    def doubted(self) -> frozenset[str]:
        """Those that may be removed."""
        return frozenset(name for name in self._removals if self.why_never(name) is not None) - self.seen()


def with_price(deployment: Deployment) -> Deployment:
    """The same with the price of the bundled table, where it has none of its own."""
    if deployment.price is not None or deployment.provisioned:
        return deployment
    return replace(deployment, price=price_for(deployment.model, deployment.version, load_prices()))


class Deployments:
    """Deployments of a run: how each does, which version it serves, how long it may go on.

    ``by_name`` is shared with whoever sends to them: one that is added here can be sent to.
    """

    def __init__(
        self,
        rollout: Rollout,
        by_name: dict[str, Deployment],
        control_plane: RunControlPlane,
        measures: Measures,
        context: Context,
    ) -> None:
        self.baseline = rollout.baseline
        self.by_name = by_name
        self.health: dict[str, Health] = {}
        self.control_plane = control_plane
        self.measures = measures
        self.removals = Removals(by_name, control_plane, context)
        self.joined: dict[str, Deployment] = {}
        """Those that the rollout file does not have."""
        self._planned = rollout.plan.canary if rollout.plan is not None else None
        self._plain_servers = rollout.plain_servers
        self._clock = context.clock
        self._now = context.now
        self._versions = Versions(measures)
        self._said_gone: dict[tuple[str, int | None], str] = {}
        for deployment in by_name.values():
            self.add(deployment)

    def add(self, deployment: Deployment) -> None:
        """One more, or one anew under the name of one that was removed."""
        name = deployment.name
        self.by_name[name] = with_price(deployment)
        self.health[name] = Health(name, clock=self._clock)
        self._versions.add(name, router=is_router(deployment.model) or is_router(deployment.wire_id))
        self.removals.put_back(name)

    def resume(self, changes: Changes) -> None:
        """Those of an earlier run, whose joined ones are here already."""
        self.joined.update(changes.joined)
        for name in (changes.removed | changes.doubted) & self.by_name.keys():
            self.removals.set(name, "seen" if name in changes.removed else "doubted")

    def changes(self) -> Changes:
        """What a run that resumes this one has to know."""
        return Changes(dict(self.joined), self.removals.seen(), self.removals.doubted())

    def pauses(self, name: str) -> bool:
        """Whether its service asked for a pause."""
        return self.health[name].pause.lasts

    def why_not_raise(self, name: str) -> str | None:
        """Why a deployment must not get more traffic now, or None."""
        return self.health[name].why_not_raise()

    # --- the walk of a request ---

    def ended(self, outcome: Outcome) -> tuple[Outcome, VersionChange | None]:
        """The outcome as it counts, and the change of version where it is the first sign of one.

        That a version is retired, since when and what to do is said in the words of its status.
        """
        if says_retired(outcome):
            text = f"{self._gone(outcome.deployment, outcome.http_status)}; {outcome.error}"
            outcome = replace(outcome, error=plain(text, _ERROR))
        return self._versions.ended(outcome, self._now(), self._clock())

    def is_on_trial(self, outcome: Outcome) -> bool:
        """Whether the version that its deployment answers with now has given an outcome."""
        served, own = self._versions.served(outcome.deployment), outcome.served_model
        same = served is None or own is None or same_version(served, own)
        return same and outcome.counts_for_version

    def news(self, outcome: Outcome) -> Iterator[tuple[EventKind, str]]:
        """What an outcome says of its deployment that is worth an event."""
        yield from self.health[outcome.deployment].ended(outcome)
        yield from self._versions.news(outcome, self._clock())

    def compared(self) -> Iterator[str]:
        """A sentence for each changed version that enough requests followed; each once."""
        return self._versions.compared(self._clock())

    # --- what is seen ---

    def views(self, figures: Mapping[str, Mapping[str, Mapping[str, Figures]]]) -> dict[str, DeploymentView]:
        """Every deployment with its figures, by its name as those are."""
        statuses = self._statuses()
        self._said_gone.clear()
        return {name: self._view(name, figures[name], statuses[name]) for name in self.by_name}

    def _statuses(self) -> dict[str, LifecycleStatus]:
        return statuses_of(
            self.by_name.values(),
            self.control_plane.view,
            self._versions.served,
            self.control_plane.lifecycle,
            self._now().date(),
            baseline=self.baseline,
            planned=self._planned,
            plain_servers=self._plain_servers,
        )

    def _gone(self, name: str, http_status: int | None) -> str:
        """Worked out once between two looks at them all: every request to it ends so."""
        key = name, http_status
        if key not in self._said_gone:
            status, today = self._statuses()[name], self._now().date()
            self._said_gone[key] = ": ".join(
                gone_words(status, http_status, self.control_plane.lifecycle, today)
            )
        return self._said_gone[key]

    def _view(
        self, name: str, figures: Mapping[str, Mapping[str, Figures]], status: LifecycleStatus
    ) -> DeploymentView:
        deployment, health = self.by_name[name], self.health[name]
        throttled_s, next_try_s = health.pause.waits_s()
        return DeploymentView(
            deployment=deployment,
            role="baseline" if name == self.baseline else "canary",
            figures=figures,
            in_flight=health.in_flight,
            quota=health.quota,
            throttled_s=throttled_s,
            quota_exhausted=health.pause.quota_exhausted,
            next_try_s=next_try_s,
            held_back=health.held_back,
            unreachable=health.unreachable,
            failing=health.failing,
            last_answer_s=health.last_answer_s,
            stale_s=health.stale_s,
            last_error=health.last_error,
            last_error_s=health.last_error_s,
            served=self._versions.served(name),
            changed=self._versions.last_change(name),
            retired=health.retired,
            ability=health.ability(),
            removed=self.removals.why_never(name),
            status=status,
        )
