"""The deployments of a run: how each does, which version it serves, how long it may go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from tui.azure.lifecycle_table import LifecycleTable
from tui.azure.prices import load_prices, price_for
from tui.azure.standing import gone_words, standings_of
from tui.engine.control import ControlRoom
from tui.engine.removals import Removals
from tui.engine.versions import Versions
from tui.model import (
    Deployment,
    DeploymentView,
    EventKind,
    Figures,
    Outcome,
    Standing,
    VersionChange,
)
from tui.rollout import Rollout
from tui.served_names import is_router, same_version
from tui.text import plain
from tui.traffic.health import Health, says_retired

_ERROR = 400


class Fleet:
    """``figures(deployment)`` gives the recent ones of a deployment. ``deployments`` is shared with whoever
    sends to them: one that is added here can be sent to."""

    def __init__(
        self,
        rollout: Rollout,
        *,
        control: ControlRoom,
        lifecycle: LifecycleTable,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        figures: Callable[[str], Figures],
    ) -> None:
        self.deployments: dict[str, Deployment] = {}
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
            self.deployments, account=lambda name: control.view(self.deployments[name].endpoint), now=now
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
        self.deployments[name] = deployment
        self.health[name] = Health(name, clock=self._clock)
        self._versions.add(name, router=is_router(deployment.model) or is_router(deployment.wire_id))
        self.removals.put_back(name)

    def why_not_raise(self, name: str) -> str | None:
        """Why a deployment must not get more traffic now, or None."""
        return self.health[name].why_not_raise()

    # --- the walk of a request ---

    def ended(self, outcome: Outcome) -> tuple[Outcome, VersionChange | None]:
        """The outcome as it counts, and the change of version where it is the first sign of one.

        That a version is retired, since when and what to do is said in the words of its standing.
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
        standings = self._standings()
        self._said_gone.clear()
        return {name: self._view(name, figures[name], standings[name]) for name in self.deployments}

    def _standings(self) -> dict[str, Standing]:
        return standings_of(
            self.deployments.values(),
            self._control.view,
            self._versions.served,
            self._lifecycle,
            self._now().date(),
            baseline=self._baseline,
            planned=self._planned,
            plain_servers=self._plain_servers,
        )

    def _gone(self, name: str, status: int | None) -> str:
        """Worked out once between two looks at the fleet: every request to it ends so."""
        key = name, status
        if key not in self._said_gone:
            standing, today = self._standings()[name], self._now().date()
            self._said_gone[key] = ": ".join(gone_words(standing, status, self._lifecycle, today))
        return self._said_gone[key]

    def _view(
        self, name: str, figures: Mapping[str, Mapping[str, Figures]], standing: Standing
    ) -> DeploymentView:
        deployment, health = self.deployments[name], self.health[name]
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
            standing=standing,
        )
