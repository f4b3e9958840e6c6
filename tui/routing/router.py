"""Assignment: which deployment answers a request, drawn by the weights in force at that moment."""

from __future__ import annotations

from itertools import accumulate

from tui.model import DEFAULT_TASK, Assignment, Context, WeightTable
from tui.routing.weights import frozen, shares_of


class Router:
    """Draws deployments. The weights are one object, swapped whole: a draw sees the old or the new."""

    def __init__(self, weights: WeightTable, context: Context) -> None:
        self._rng = context.rng("router")
        self._clock = context.clock
        self.swap(weights)

    @property
    def weights(self) -> WeightTable:
        return self._drawn[0]

    def swap(self, weights: WeightTable) -> None:
        """From the moment this returns, no request is assigned by the old weights."""
        table = frozen(weights)
        ladders = {}
        for task, shares in table.items():
            names = [name for name, pct in shares.items() if pct > 0]
            ladders[task] = tuple(zip(accumulate(shares[n] for n in names), names, strict=True))
        self._drawn = (table, ladders)

    def assign(
        self, request_id: int, task: str, *, prompt_chars: int | None = None, saturated: bool = False
    ) -> Assignment:
        """Draw one deployment for a request of ``task``; a deployment at weight 0 is never drawn. How large the
        prompt is, and whether this machine is behind, are noted."""
        table, ladders = self._drawn
        shares = shares_of(table, task)
        ladder = ladders[task] if task in ladders else ladders["default"]
        point = self._rng.random() * 100
        name = next((name for top, name in ladder if point < top), ladder[-1][1])
        at_s = self._clock()
        return Assignment(request_id, task, name, shares[name], at_s, shares, prompt_chars, saturated)


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
