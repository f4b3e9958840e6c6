"""Where a run stands, for one that takes it up: its newest weights, in a small file of the rollout."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from tui.engine.setup import Setup
from tui.model import WEIGHT_CHANGES, Event, EventKind, WeightTable
from tui.record.kept_weights import KeptWeights, changed, still_stands

_BEGINNINGS = frozenset({EventKind.STARTED, EventKind.RESUMED})


class Standing:
    """Hears every event, and has the weights kept after each change.

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
