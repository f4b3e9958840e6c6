"""Contexts of a run without a run, and parts of it that have nothing against anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from tui.engine.automation import Automation, EvidencePolicy, evaluators_of
from tui.engine.deployments import Deployments
from tui.engine.readiness import Readiness
from tui.evaluation.evaluators import Calibrated
from tui.model import Ability, Context, Event, EventKind, Log, WeightTable
from tui.rollout import Rollout
from tui.routing.controller import Controller
from tui.routing.router import Router


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class KeptLog:
    """Keeps events as the engine's log does."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(
        self,
        kind: EventKind,
        actor: str,
        text: str,
        *,
        reason: str = "",
        before: WeightTable | None = None,
        after: WeightTable | None = None,
        group: int = 0,
    ) -> Event:
        event = Event(len(self.events), datetime.now(UTC), 0.0, actor, kind, text, reason, before, after, group)
        self.events.append(event)
        return event


def context_of(
    log: Log | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    **more: Any,
) -> Context:
    """A context with a log that is kept and a clock that stands still, where none is given."""
    return Context(clock, now, log or KeptLog(), seed=1, **more)


class RaiseAny:
    """Policy that has nothing against any traffic, but for what ``why`` says."""

    def __init__(self, why: Callable[[str], str | None] = lambda _: None) -> None:
        self._why = why

    def why_not_raise(self, deployment: str, tasks: tuple[str, ...]) -> str | None:
        return self._why(deployment)

    def why_never(self, deployment: str) -> str | None:
        return None


class AlwaysReady(Readiness):
    """Every deployment answers and is able to serve."""

    def __init__(self) -> None:
        self.probed: list[str] = []

    def fresh(self, name: str) -> bool:
        return True

    def ability(self, name: str) -> Ability:
        return Ability()

    def probe(self, name: str, then: Callable[[], None]) -> None:
        self.probed.append(name)


class _Unhindered:
    """Deployments that can take all traffic."""

    def __init__(self) -> None:
        self.removals = RaiseAny()

    def why_not_raise(self, _: str) -> str | None:
        return None


def automated(
    of: Rollout, context: Context, known: Calibrated | None = None
) -> tuple[Router, Controller, Automation]:
    """The automation of a rollout without a service, and what it acts on."""
    evaluators, _ = evaluators_of(of, known)
    router = Router(of.weights, context)
    policy = EvidencePolicy(cast(Deployments, _Unhindered()), evaluators, context)
    controller = Controller(router, policy, context, baseline=of.baseline)
    return router, controller, Automation(of, evaluators, controller, AlwaysReady(), context)
