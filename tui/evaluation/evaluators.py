"""Evaluators, one for each task that has weights: what is good enough for one may not be for another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.evaluation.canary_tests import Listener
from tui.evaluation.evaluator import Evaluator
from tui.model import DEFAULT_TASK, Assignment, Outcome, Pair, Verdict
from tui.rollout import Criteria

Calibrated = Mapping[str, Mapping[str, float]]
"""Task -> criterion -> a limit in ms that is known already."""


class Evaluators:
    """``criteria`` are by task and name every task that has weights; a request of another one is evaluated with
    the default task, whose weights it had.

    The chance of a false alarm that the criteria allow is that of a canary: it is split over the tasks.
    """

    def __init__(
        self,
        baseline: str,
        canaries: Sequence[str],
        criteria: Mapping[str, Criteria],
        *,
        calibrated: Calibrated | None = None,
        timeout_s: float = math.inf,
        alone_moves: bool = False,
    ) -> None:
        several = len(criteria) > 1
        self.by_task = {
            task: Evaluator(
                baseline,
                canaries,
                replace(wanted, alpha_pct=wanted.alpha_pct / len(criteria)),
                task=task if several else "",
                calibrated=(calibrated or {}).get(task),
                timeout_s=timeout_s,
                alone_moves=alone_moves,
            )
            for task, wanted in criteria.items()
        }
        self._default = self.by_task[DEFAULT_TASK]

    def of(self, task: str) -> Evaluator:
        """The evaluator of a task, or of the default one."""
        return self.by_task.get(task, self._default)

    # --- the walk of a request ---

    def assigned(self, assignment: Assignment, now_s: float) -> None:
        """Hear of an assignment, whatever becomes of it."""
        self.of(assignment.task).assigned(assignment, now_s)

    def add(self, outcome: Outcome, now_s: float) -> None:
        """Count one outcome; O(number of criteria)."""
        self.of(outcome.task).add(outcome, now_s)

    def add_pair(self, pair: Pair, now_s: float) -> None:
        """Count one item that both versions answered. Raises ValueError for values that its criterion has
        not."""
        self.of(pair.task).add_pair(pair.canary, pair.criterion, pair.baseline, pair.own, now_s)

    def add_canary(self, name: str) -> None:
        """Compare one more from now on."""
        for evaluator in self.by_task.values():
            evaluator.add_canary(name)

    def listen(self, canary: str, listener: Callable[[str], Listener]) -> None:
        """Let ``listener(task)`` hear of every group of requests that is tested for a canary in a task."""
        for task, evaluator in self.by_task.items():
            evaluator.listen(canary, listener(task))

    def version_changed(self, name: str) -> None:
        """A deployment answers with another version: what was counted of the one before counts no more."""
        for evaluator in self.by_task.values():
            evaluator.version_changed(name)

    # --- what they say ---

    def changes(self) -> list[tuple[str, Verdict]]:
        """Verdicts reached since this was last asked, with their canary."""
        return [change for evaluator in self.by_task.values() for change in evaluator.changes()]

    def frozen(self) -> list[str]:
        """Which limits were frozen since this was last asked, and from what."""
        return [text for evaluator in self.by_task.values() for text in evaluator.frozen()]

    def tripwire(self, canary: str) -> str | None:
        """Why a canary looks entirely broken in any task: consecutive failures."""
        found = (evaluator.tripwire(canary) for evaluator in self.by_task.values())
        return next((why for why in found if why is not None), None)

    def verdicts(self, now_s: float) -> dict[str, tuple[Verdict, ...]]:
        """One verdict a criterion for each canary, task after task, in the order of the decision table."""
        found: dict[str, tuple[Verdict, ...]] = {}
        for evaluator in self.by_task.values():
            for canary, verdicts in evaluator.verdicts(now_s).items():
                found[canary] = found.get(canary, ()) + verdicts
        return found

    def worse(self, canary: str, now_s: float) -> tuple[Verdict, ...]:
        """The criteria of a canary that are WORSE in any task and may move something."""
        return tuple(v for evaluator in self.by_task.values() for v in evaluator.worse(canary, now_s))

    # --- what survives a restart ---

    def state(self) -> dict[str, Any]:
        """All evidence, as JSON has it."""
        return {task: evaluator.state() for task, evaluator in self.by_task.items()}

    def restore(self, state: Mapping[str, Any], offset_s: float = 0.0) -> None:
        """Take up evidence; that of tasks which are no longer there is left out. Evaluators that refused a
        state must not be used any more.

        Raises:
            ValueError: It is not such a state, or evidence for other margins than today's.
        """
        for task, evaluator in self.by_task.items():
            if task in state:
                evaluator.restore(state[task], offset_s)
