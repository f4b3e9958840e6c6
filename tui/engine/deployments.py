"""The deployments of a run: how each does, which version it serves, how long it may go on.

Which deployments joined a run on the way and which were removed, as its record keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from tui.base.served_names import is_router, same_version
from tui.base.text import plain
from tui.engine.control_plane import RunControlPlane
from tui.engine.versions import Versions
from tui.lifecycle.status import gone_words, statuses_of
from tui.lifecycle.table import LifecycleTable
from tui.model import (
    AccountView,
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
    """``at`` is since when it is in that state."""

    state: RemovalState
    at: datetime


class Removals:
    """``deployments`` are those of the run by name; ``account(deployment)`` is its account as last seen, None
    where none is known."""

    def __init__(
        self,
        deployments: Mapping[str, Deployment],
        *,
        account: Callable[[str], AccountView | None],
        now: Callable[[], datetime],
    ) -> None:
        self._deployments = deployments
        self._account = account
        self._now = now
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
        account = self._account(name) if removal.state == "doubted" else None
        if account is None or account.read_at is None or account.read_at <= removal.at:
            return why
        managed = account.deployment(self._deployments[name].wire_id)
        if managed is None:
            return "it is gone from its account"
        return why if (managed.state or "").lower() == "deleting" else None

    def seen(self) -> frozenset[str]:
        """Those that are known to be removed."""
        return frozenset(name for name, removal in self._removals.items() if removal.state == "seen")

    def doubted(self) -> frozenset[str]:
        """Those that may be removed."""
        return frozenset(name for name in self._removals if self.why_never(name) is not None) - self.seen()


class Deployments:
    """``figures(deployment)`` gives the recent ones of a deployment. ``deployments`` is shared with whoever
    sends to them: one that is added here can be sent to."""

    def __init__(
        self,
        rollout: Rollout,
        *,
        control: RunControlPlane,
        lifecycle: LifecycleTable,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        figures: Callable[[str], Figures],
    ) -> None:
        self.by_name: dict[str, Deployment] = {}
        self.health: dict[str, Health] = {}
        self._baseline = rollout.baseline
        self._planned = rollout.plan.canary if rollout.plan is not None else None
        self._plain_servers = rollout.plain_servers
        self._control = control
        self._clock = clock
        self._now = now
        self._prices = load_prices()
        self._lifecycle = lifecycle
        self._versions = Versions(clock=clock, now=now, figures=figures)
        self.removals = Removals(
            self.by_name, account=lambda name: control.view(self.by_name[name].endpoint), now=now
        )
        self._said_gone: dict[tuple[str, int | None], str] = {}
        for deployment in rollout.deployments.values():
            self.add(deployment)

    def add(self, deployment: Deployment) -> None:
        """One more, or one anew under the name of one that was removed; it gets the price of the bundled table
        where it has none of its own."""
        name = deployment.name
        if deployment.price is None and not deployment.provisioned:
            price = price_for(deployment.model, deployment.version, self._prices)
            deployment = replace(deployment, price=price)
        self.by_name[name] = deployment
        self.health[name] = Health(name, clock=self._clock)
        self._versions.add(name, router=is_router(deployment.model) or is_router(deployment.wire_id))
        self.removals.put_back(name)

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
        return self._versions.ended(outcome)

    def is_on_trial(self, outcome: Outcome) -> bool:
        """Whether the version that its deployment answers with now has given an outcome."""
        served, own = self._versions.served(outcome.deployment), outcome.served_model
        same = served is None or own is None or same_version(served, own)
        return same and outcome.counts_for_version

    def news(self, outcome: Outcome) -> Iterator[tuple[EventKind, str]]:
        """What an outcome says of its deployment that is worth an event."""
        yield from self.health[outcome.deployment].ended(outcome)
        yield from self._versions.news(outcome)

    def compared(self) -> Iterator[str]:
        """A sentence for each changed version that enough requests followed; each once."""
        return self._versions.compared()

    # --- what is seen ---

    def views(self, figures: Mapping[str, Mapping[str, Mapping[str, Figures]]]) -> dict[str, DeploymentView]:
        """Every deployment with its figures, by its name as those are."""
        statuses = self._statuses()
        self._said_gone.clear()
        return {name: self._view(name, figures[name], statuses[name]) for name in self.by_name}

    def _statuses(self) -> dict[str, LifecycleStatus]:
        return statuses_of(
            self.by_name.values(),
            self._control.view,
            self._versions.served,
            self._lifecycle,
            self._now().date(),
            baseline=self._baseline,
            planned=self._planned,
            plain_servers=self._plain_servers,
        )

    def _gone(self, name: str, http_status: int | None) -> str:
        """Worked out once between two looks at the fleet: every request to it ends so."""
        key = name, http_status
        if key not in self._said_gone:
            status, today = self._statuses()[name], self._now().date()
            self._said_gone[key] = ": ".join(gone_words(status, http_status, self._lifecycle, today))
        return self._said_gone[key]

    def _view(
        self, name: str, figures: Mapping[str, Mapping[str, Figures]], status: LifecycleStatus
    ) -> DeploymentView:
        deployment, health = self.by_name[name], self.health[name]
        throttled_s, next_try_s = health.pause.waits_s()
        return DeploymentView(
            deployment=deployment,
            role="baseline" if name == self._baseline else "canary",
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


@dataclass(frozen=True, slots=True)
class Changes:
    """``joined`` are deployments that the rollout file does not have, by name. ``removed`` were seen to be gone
    from their account, ``doubted`` were to be removed."""

    joined: Mapping[str, Deployment] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    doubted: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {
            "joined": {
                name: {
                    "endpoint": d.endpoint,
                    "model": d.model,
                    "version": d.version,
                    "provisioned": d.provisioned,
                    "id": d.id,
                }
                for name, d in self.joined.items()
            },
            "removed": sorted(self.removed),
            "doubted": sorted(self.doubted),
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any] | None) -> Changes:
        """What the state of a run says of them; nobody where it says nothing, or nothing that makes sense."""
        kept = _mapping(_mapping(state).get("members"))
        joined = {}
        for name, saved in _mapping(kept.get("joined")).items():
            texts = [_mapping(saved).get(key) for key in ("endpoint", "model", "version")]
            if all(isinstance(text, str) and text for text in texts):
                endpoint, model, version = (str(text) for text in texts)
                provisioned = _mapping(saved).get("provisioned") is True
                given = _mapping(saved).get("id")
                joined[str(name)] = Deployment(
                    str(name),
                    endpoint,
                    model,
                    version,
                    provisioned=provisioned,
                    id=given if isinstance(given, str) and given else None,
                )
        return cls(joined, _names(kept.get("removed")), _names(kept.get("doubted")))


NO_CHANGES = Changes()


def _names(value: object) -> frozenset[str]:
    return (
        frozenset(name for name in value if isinstance(name, str)) if isinstance(value, list) else frozenset()
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
