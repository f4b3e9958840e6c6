"""What a run keeps count of beside the measures: money, and what the weights do since they were changed."""

from __future__ import annotations

from tui.model import DEFAULT_TASK, Assignment, Outcome, WeightTable


class Spending:
    """USD spent so far; ``estimated_usd`` is the part of it that the service did not report."""

    def __init__(self, budget_usd: float | None) -> None:
        self.budget_usd = budget_usd
        self.usd = 0.0
        self.estimated_usd = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count what one outcome cost, where that is known."""
        if outcome.cost_usd is not None:
            self.usd += outcome.cost_usd
            if outcome.cost_estimated:
                self.estimated_usd += outcome.cost_usd

    @property
    def over(self) -> bool:
        return self.budget_usd is not None and self.usd >= self.budget_usd


class SinceChange:
    """Requests assigned since the weights last changed, by task and deployment."""

    def __init__(self) -> None:
        self._under: WeightTable | None = None
        self._counts: dict[str, dict[str, int]] = {}

    def add(self, assignment: Assignment, weights: WeightTable) -> None:
        """Count one assignment that was drawn by ``weights``."""
        if weights is not self._under:
            self._under, self._counts = weights, {}
        task = assignment.task if assignment.task in weights else DEFAULT_TASK
        counts = self._counts.setdefault(task, {})
        counts[assignment.deployment] = counts.get(assignment.deployment, 0) + 1

    def counts(self, weights: WeightTable) -> dict[str, dict[str, int]]:
        """The counts under ``weights``: none when they have only just come into force."""
        if weights is not self._under:
            return {}
        return {task: dict(counts) for task, counts in self._counts.items()}
