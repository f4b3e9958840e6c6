"""Budget of a run: USD spent and reserved, and a client whose requests are paid from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tui.model import Assignment, Deployment, Outcome, Request, Usage
from tui.service.prices import cost_usd, estimate_prompt_tokens

_ANSWER_TOKENS = 1000
"""Of an answer to the first requests, where nothing limits it."""

_MEAN_OVER = 50


@dataclass(frozen=True, slots=True)
class Reserve:
    """USD set aside for one request under way; ``prompt_usd`` is the part that its prompt may cost."""

    deployment: str
    usd: float
    prompt_usd: float


class _Answers:
    """What answers of one deployment cost beside their prompts: running means over about the newest 50."""

    def __init__(self) -> None:
        self._n = 0
        self._mean = 0.0
        self._mean_square = 0.0

    def add(self, usd: float) -> None:
        """Count one answer; what its prompt was misjudged by is part of ``usd``."""
        usd = max(usd, 0.0)
        self._n = min(self._n + 1, _MEAN_OVER)
        self._mean += (usd - self._mean) / self._n
        self._mean_square += (usd * usd - self._mean_square) / self._n

    @property
    def of_one_under_way_usd(self) -> float:
        """The mean over the answers that are under way at some moment, which is above that over all: long ones
        are under way for longer. It is E[x^2] / E[x] (inspection paradox)."""
        return self._mean_square / self._mean if self._mean > 0 else 0.0


class Budget:
    """USD spent so far, and USD reserved for what is under way. ``estimated_usd`` is the part of what is spent
    that the service did not report."""

    def __init__(self, budget_usd: float | None) -> None:
        self.budget_usd = budget_usd
        self.usd = 0.0
        self.estimated_usd = 0.0
        self.under_way = 0
        self._reserved_usd = 0.0
        self._answers: dict[str, _Answers] = {}

    def add(self, outcome: Outcome) -> None:
        """Count what one outcome cost, where that is known."""
        if outcome.cost_usd is not None:
            self.usd += outcome.cost_usd
            if outcome.cost_estimated:
                self.estimated_usd += outcome.cost_usd

    def reserve(self, request: Request, deployment: Deployment) -> Reserve:
        """Set aside what a request may cost, where there is a budget: its prompt, and what answers of its
        deployment cost; before the first of them ``max_tokens``, else 1,000 tokens."""
        usd = prompt_usd = 0.0
        price = deployment.price
        if self.budget_usd is not None and price is not None and not deployment.provisioned:
            prompt_tokens = estimate_prompt_tokens(request.messages, request.params)
            prompt_usd = cost_usd(Usage(prompt_tokens, 0), price)
            most_usd = cost_usd(Usage(0, request.max_tokens or _ANSWER_TOKENS), price)
            answers = self._answers.get(deployment.name)
            answer_usd = most_usd if answers is None else answers.of_one_under_way_usd
            usd = prompt_usd + (answer_usd if request.max_tokens is None else min(answer_usd, most_usd))
        self.under_way += 1
        self._reserved_usd += usd
        return Reserve(deployment.name, usd, prompt_usd)

    def settle(self, reserve: Reserve, outcome: Outcome) -> None:
        """A request has ended: what it cost takes the place of what was set aside for it."""
        self.under_way -= 1
        self._reserved_usd -= reserve.usd
        self.add(outcome)
        if outcome.cost_usd is not None:
            self._answers.setdefault(reserve.deployment, _Answers()).add(outcome.cost_usd - reserve.prompt_usd)

    @property
    def reserved_usd(self) -> float:
        """Never below zero, which a sum of differences may be by rounding."""
        return max(self._reserved_usd, 0.0) if self.under_way else 0.0

    @property
    def over(self) -> bool:
        return self.budget_usd is not None and self.usd >= self.budget_usd

    @property
    def full(self) -> bool:
        """Whether all that is left may be needed for what is under way."""
        return self.budget_usd is not None and self.usd + self.reserved_usd >= self.budget_usd


class Client(Protocol):
    """What sends a request."""

    async def complete(
        self,
        request: Request,
        assignment: Assignment,
        due_s: float,
        *,
        saturated: bool = False,
        keep_text: bool | None = None,
    ) -> Outcome:
        """Every end is an outcome."""
        ...


class PayingClient:
    """A client whose requests are paid from a budget. ``changed()`` is called when money was reserved or
    spent."""

    def __init__(
        self,
        client: Client,
        budget: Budget,
        deployments: Mapping[str, Deployment],
        changed: Callable[[], None],
    ) -> None:
        self._client = client
        self._budget = budget
        self._deployments = deployments
        self._changed = changed

    async def complete(
        self,
        request: Request,
        assignment: Assignment,
        due_s: float,
        *,
        saturated: bool = False,
        keep_text: bool | None = None,
    ) -> Outcome:
        """Every end is an outcome."""
        reserve = self._budget.reserve(request, self._deployments[assignment.deployment])
        self._changed()
        outcome = await self._client.complete(
            request, assignment, due_s, saturated=saturated, keep_text=keep_text
        )
        self._budget.settle(reserve, outcome)
        self._changed()
        return outcome
