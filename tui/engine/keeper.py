"""Keeper of a run: what happens goes into its record, its newest weights into a small file of the rollout."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.engine.automation import Automation
from tui.engine.deployments import Deployments
from tui.engine.setup import Setup
from tui.model import (
    ANSWERED,
    FILTERED,
    WEIGHT_CHANGES,
    Event,
    EventKind,
    Outcome,
    Pair,
    RecordView,
    Second,
    WeightTable,
)
from tui.record.kept_weights import KeptWeights, changed, still_stands
from tui.routing.router import Router

_DECISIONS = WEIGHT_CHANGES | {
    EventKind.VERDICT,
    EventKind.WORSE,
    EventKind.GUARD,
    EventKind.PLAN,
    EventKind.ADDED,
    EventKind.REMOVED,
}
_BEGINNINGS = frozenset({EventKind.STARTED, EventKind.RESUMED})
_DISK_S = 1.0


class LastWeights:
    """Newest weights of a run, kept in a small file for the one that resumes it, after each change.

    What a run begins with is kept when it begins to send: one that could not start leaves what was there.
    """

    def __init__(self, setup: Setup, weights: WeightTable) -> None:
        self._file = setup.kept
        self._begun = False
        record = setup.record.view().path if setup.record is not None else None
        self._kept = KeptWeights(
            rollout=setup.rollout.path.resolve(),
            baseline=setup.rollout.baseline,
            weights=weights,
            file_weights=setup.rollout.weights,
            run_id=setup.run_id,
            record=Path(record or "/"),
            event=0,
            kind=EventKind.STARTED,
            actor=setup.actor,
            reason="",
            at=setup.now(),
        )
        stands = setup.stands
        if stands is not None and (tasks := still_stands(stands, weights)):
            self._kept = replace(
                self._kept,
                rolled_back=tasks,
                kind=stands.kind,
                actor=stands.actor,
                reason=stands.reason,
                at=stands.at,
            )

    def heard(self, event: Event) -> None:
        """Keep what an event changed. A change of the weights counts before the traffic too."""
        if event.after is None:
            return
        if event.kind in _BEGINNINGS:
            self._kept = replace(self._kept, event=event.id)
            return
        self._kept = changed(self._kept, event)
        change = event.kind in WEIGHT_CHANGES
        if self._file is not None and (self._begun or change):
            self._file.keep(self._kept, change=change)

    def begun(self) -> Future[None] | None:
        """The run begins to send: from now on it is the last one of its file. The future is done when that is
        on the disk; None where nothing is to be written."""
        if self._begun or self._file is None:
            return None
        self._begun = True
        return self._file.keep(self._kept)


class Keeper:
    """Keeps what a run does. Nothing waits for the disk, but for ``begin``; a run may have no record."""

    def __init__(self, setup: Setup, router: Router, automation: Automation, deployments: Deployments) -> None:
        self._record = setup.record
        self._hear = setup.hear
        self._router = router
        self._automation = automation
        self._deployments = deployments
        self._last_weights = LastWeights(setup, router.weights)
        self._written: Future[None] | None = None

    def heard(self, event: Event) -> None:
        """Keep an event and what it changed."""
        self._last_weights.heard(event)
        if self._record is not None:
            # A run that is killed now must not decide it again: what is known goes with what was done.
            state = self._known() if event.kind in _DECISIONS else None
            self._written = self._record.event(event, state)
        self._hear(event, self._router.weights)

    async def begin(self) -> None:
        """From now on this is the last run of its file. A slow disk is waited for at most ``_DISK_S``."""
        # The record first: the small file names it.
        if self._written is not None:
            await asyncio.to_thread(wait, [self._written], _DISK_S)
        if (kept := self._last_weights.begun()) is not None:
            await asyncio.to_thread(wait, [kept], _DISK_S)

    def outcome(self, outcome: Outcome) -> None:
        if outcome.kind in ANSWERED | FILTERED:
            self._last_weights.begun()
        if self._record is not None:
            self._record.outcome(outcome)

    def pair(self, pair: Pair) -> None:
        if self._record is not None:
            self._record.pair(pair)

    def seconds(self, seconds: Iterable[Second]) -> None:
        if self._record is not None:
            for second in seconds:
                self._record.second(second)

    def state(self) -> None:
        """Keep what a run that resumes this one needs."""
        if self._record is not None:
            self._record.state(self._known())

    def view(self) -> RecordView:
        return self._record.view() if self._record is not None else RecordView()

    def _known(self) -> dict[str, Any]:
        return {**self._automation.state(), "members": self._deployments.changes().as_json()}
