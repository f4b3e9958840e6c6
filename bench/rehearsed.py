"""The rehearsals: what is played, what the verdicts must say of it, and what they must not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui.simulator.behaviour import Role
from tui.simulator.scenarios import SCENARIOS, Change, Scenario

ONSET_S = 60.0
"""When something changes in most of them."""

_SOON_S = 20.0
"""When quotas begin that must not hide a slower canary: limits are frozen, and little is weighed."""

LATENCY = ("latency_p50", "latency_p95", "latency_p99")
SPEED = ("ttft_p50", "ttft_p95", "token_p50", "token_p95")

_TOKENS = 860
"""What an account is charged for a request of the templates: about 600 tokens of prompt, 256 for the answer."""


@dataclass(frozen=True)
class Rehearsed:
    """One thing to play. Of the criteria in ``right`` one at least has to be called WORSE after ``onset_s``;
    those in ``also`` may be, for they follow from it: a slow answer is slow to begin too, and a longer one
    takes longer.
    ``never_ok`` must not be called OK. Where nothing is right an armed guard stands by, and must not act.
    ``throttled`` is the side that the criterion of that name has to show; ``busy``: this machine stalls."""

    scenario: Scenario
    right: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    never_ok: tuple[str, ...] = ()
    onset_s: float = ONSET_S
    throttled: str = ""
    busy: bool = False

    @property
    def may(self) -> tuple[str, ...]:
        """What may be WORSE after the onset."""
        return (*self.right, *self.also)


def plays(rate: float, canary_pct: float) -> Mapping[str, Rehearsed]:
    """By name, for so many requests per second of which the canary gets ``canary_pct``: quotas go by these."""
    table = SCENARIOS
    slower = tuple(Change(0, "canary", what, times=1.25) for what in ("ttft_ms", "ms_per_token"))
    return {
        "healthy": Rehearsed(table["healthy"]),
        "both-drift": Rehearsed(table["both-drift"]),
        "busy": Rehearsed(
            Scenario("busy", "both versions alike, on a machine that is behind for half of the time"), busy=True
        ),
        "throttled": Rehearsed(table["throttled"], throttled="canary"),
        "throttled-baseline": Rehearsed(table["throttled-baseline"], throttled="baseline"),
        "throttled-slower": Rehearsed(
            Scenario(
                "throttled-slower",
                "the canary is 25 % slower, and from 20 s about 35 % of its requests do not fit its quota",
                (
                    *slower,
                    Change(_SOON_S, "canary", "requests_per_min", to=0.65 * 60 * rate * canary_pct / 100),
                ),
            ),
            LATENCY,
            SPEED,
            never_ok=LATENCY,
            onset_s=0.0,
            throttled="canary",
        ),
        **{name: Rehearsed(scenario) for name, scenario in _spilled().items()},
        **_large_prompts(60 * rate * canary_pct / 100, "canary", slower),
        **_large_prompts(60 * rate * (1 - canary_pct / 100), "baseline", slower),
        "slow-canary": Rehearsed(table["slow-canary"], LATENCY, SPEED),
        "filter-canary": Rehearsed(table["filter-canary"], ("completion_filter",)),
        "flaky-canary": Rehearsed(table["flaky-canary"], ("errors",)),
        "chatty-canary": Rehearsed(table["chatty-canary"], ("tokens", "cost"), (*LATENCY, "long_answers")),
        "outage": Rehearsed(table["outage"], ("errors",), LATENCY),
    }


def _spilled() -> Mapping[str, Scenario]:
    roles: tuple[Role, ...] = ("canary", "baseline")
    return {
        f"spillover-{role}": Scenario(
            f"spillover-{role}",
            f"from 60 s another deployment answers 40 % of the {role}'s requests, said only in a header",
            (Change(ONSET_S, role, "spillover_pct", to=40.0),),
        )
        for role in roles
    }


def _large_prompts(per_min: float, role: Role, slower: tuple[Change, ...]) -> Mapping[str, Rehearsed]:
    """A quota of tokens for 70 % of what a side is asked: the large prompts do not fit. Each 1,000 tokens of a
    prompt take 200 ms here, or it would not matter which ones are answered."""
    sized = Change(0, "all", "ttft_ms_per_1k", to=200.0)
    quota = Change(_SOON_S, role, "tokens_per_min", to=0.7 * per_min * _TOKENS)
    what = f"from 20 s the {role}'s quota of tokens is 70 % of what it is asked, and refuses the large prompts"
    name = f"quota-{role}"
    slower = (*slower, Change(0, "canary", "ttft_ms_per_1k", times=1.25))
    return {
        name: Rehearsed(Scenario(name, what, (sized, quota)), onset_s=_SOON_S, throttled=role),
        f"{name}-slower": Rehearsed(
            Scenario(f"{name}-slower", f"the canary is 25 % slower; {what}", (sized, *slower, quota)),
            also=(*LATENCY, *SPEED),
            never_ok=LATENCY,
            onset_s=0.0,
            throttled=role,
        ),
    }
