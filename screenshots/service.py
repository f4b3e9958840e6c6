"""A deployment of the simulator without its server: each request's end, worked out at the moment it is sent."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from tui.model import ANSWERED, Assignment, Deployment, FilterHits, Outcome, OutcomeKind, Quota, Usage
from tui.service.prices import cost_usd
from tui.simulator.behaviour import Behaviour, Role
from tui.simulator.draw import Drawn, draw
from tui.simulator.handler import ASSUMED_ANSWER_TOKENS, QuotaMeter
from tui.simulator.scenarios import Scenario, behaviour_at

_PROMPT_CHECK_SHARE = 0.3
_PROMPT_TOKENS, _PROMPT_SIGMA = 320.0, 0.5
_LATE_MS = 0.6
_TIMEOUT_S = 60.0
_ERRORS = {
    OutcomeKind.CONNECTION_LOST: "the connection was refused",
    OutcomeKind.TIMEOUT: f"no answer within {_TIMEOUT_S:g} s",
    OutcomeKind.PROMPT_FILTERED: "prompt blocked by the content filter",
}


class PretendService:
    """One deployment under a scenario that begins at ``scenario_s``; the k-th request always draws alike."""

    def __init__(
        self, deployment: Deployment, role: Role, scenario: Scenario, scenario_s: float, seed: int
    ) -> None:
        self._deployment = deployment
        self._role: Role = role
        self._scenario = scenario
        self._scenario_s = scenario_s
        self._seed = seed
        self._drawn = 0
        self._meter = QuotaMeter()

    def outcome(self, assignment: Assignment, *, in_flight: int, saturated: bool) -> Outcome:
        """How a request that is sent now will end; ``ended_s`` lies in the future."""
        behaviour = behaviour_at(Behaviour(), self._role, self._scenario, assignment.at_s - self._scenario_s)
        rng = random.Random(f"{self._seed}/{self._deployment.name}/{self._drawn}")
        self._drawn += 1
        prompt_tokens = round(_PROMPT_TOKENS * math.exp(_PROMPT_SIGMA * rng.gauss(0, 1)))
        late_ms = rng.expovariate(1 / _LATE_MS)
        drawn = draw(behaviour, rng, prompt_tokens, None)
        wait_s = self._meter.wait_s(
            assignment.at_s,
            prompt_tokens + ASSUMED_ANSWER_TOKENS,
            behaviour.requests_per_min,
            behaviour.tokens_per_min,
        )
        sent_s = assignment.at_s + late_ms / 1000
        ttft_ms, latency_ms = _times(drawn, behaviour, in_flight)
        kind = OutcomeKind.RATE_LIMITED if wait_s > 0 else drawn.kind
        answered = kind in ANSWERED
        usage = drawn.usage if answered else None
        cost, estimated = self._cost(kind, usage, prompt_tokens)
        if kind is OutcomeKind.RATE_LIMITED:
            latency_ms = 12.0
        return Outcome(
            request_id=assignment.request_id,
            task=assignment.task,
            deployment=assignment.deployment,
            weight_pct=assignment.weight_pct,
            kind=kind,
            due_s=assignment.at_s,
            sent_s=sent_s,
            ended_s=sent_s + latency_ms / 1000,
            late_ms=late_ms,
            latency_ms=latency_ms if answered else None,
            ttft_ms=ttft_ms if answered else None,
            usage=usage,
            cost_usd=cost,
            cost_estimated=estimated,
            filters=_hits(drawn, kind),
            error=_error(kind, drawn, wait_s),
            served_model=f"{self._deployment.model}-{self._deployment.version}" if answered else None,
            retry_after_s=wait_s if kind is OutcomeKind.RATE_LIMITED else None,
            quota=self._quota(assignment.at_s, behaviour),
            saturated=saturated,
        )

    def _cost(self, kind: OutcomeKind, usage: Usage | None, prompt_tokens: int) -> tuple[float | None, bool]:
        price = self._deployment.price
        if price is None:
            return None, False
        if kind is OutcomeKind.PROMPT_FILTERED:
            return cost_usd(Usage(prompt_tokens, 0), price), True
        return (cost_usd(usage, price), False) if usage is not None else (None, False)

    def _quota(self, now_s: float, behaviour: Behaviour) -> Quota:
        said = self._meter.headers(now_s, behaviour.requests_per_min, behaviour.tokens_per_min)
        return Quota(
            *(
                _known(said, f"x-ratelimit-{what}")
                for what in ("remaining-requests", "remaining-tokens", "limit-requests", "limit-tokens")
            )
        )


def _times(drawn: Drawn, behaviour: Behaviour, in_flight: int) -> tuple[float, float]:
    """Time to the first token and to the end, in ms, as the simulator's deployments stretch them under load."""
    ttft_stretch, token_stretch = behaviour.stretch(in_flight)
    ms_per_token = drawn.ms_per_token * token_stretch
    ttft_ms = drawn.ttft_ms * ttft_stretch + drawn.usage.reasoning_tokens * ms_per_token
    if drawn.kind is OutcomeKind.PROMPT_FILTERED:
        return ttft_ms, _PROMPT_CHECK_SHARE * ttft_ms
    if drawn.kind is OutcomeKind.TIMEOUT:
        return ttft_ms, _TIMEOUT_S * 1000
    if drawn.kind in ANSWERED:
        return ttft_ms, ttft_ms + max(drawn.tokens - 1, 0) * ms_per_token
    return ttft_ms, ttft_ms


def _hits(drawn: Drawn, kind: OutcomeKind) -> FilterHits:
    blocked: tuple[str, ...] = ()
    if kind is OutcomeKind.PROMPT_FILTERED:
        blocked = (f"prompt:{drawn.harm}",)
    elif kind is OutcomeKind.COMPLETION_FILTERED:
        blocked = (f"completion:{drawn.harm}",)
    if kind not in ANSWERED:
        return FilterHits(blocked)
    annotated = (f"{drawn.annotated}:protected_material_text",) if drawn.annotated else ()
    low = (f"completion:{drawn.harm}",) if drawn.below_threshold else ()
    return FilterHits(blocked, annotated, low, drawn.unfiltered)


def _error(kind: OutcomeKind, drawn: Drawn, wait_s: float) -> str | None:
    if kind is OutcomeKind.RATE_LIMITED:
        return f"HTTP 429: rate limit exceeded, retry after {math.ceil(wait_s)} s"
    if kind is OutcomeKind.SERVER_ERROR:
        return f"HTTP {drawn.status}: the server had an error while processing the request"
    return _ERRORS.get(kind)


def _known(headers: Mapping[str, str], name: str) -> int | None:
    number = int(headers[name])
    return number if number >= 0 else None
