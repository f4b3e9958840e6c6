"""Answers of a rollout's services that are asked once: those of deployments, of accounts, and price lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from tui.control_plane.retail_prices import PRICES_URL, PricesUnavailable, RetailPrices, TokenMeter
from tui.engine.accounts import LOOK_WITHIN_S, Look, Managers, look_once
from tui.grading.judgement import RESPONSE_FORMAT
from tui.model import DEFAULT_TASK, AccountView, Assignment, Deployment, Outcome, OutcomeKind, Request
from tui.preflight.finding import CannotAsk
from tui.rollout import ControlPlane, Rollout
from tui.service.client import Probe, ServiceClient
from tui.service.credentials import CredentialError

MAX_TOKENS = 16
"""The longest answer that is asked for."""

_TRIES = 3
_AGAIN_AFTER_S = 1.0
_LONGEST_WAIT_S = 2.0
_ANSWER_WITHIN_S = 30.0
_MESSAGES = ({"role": "user", "content": "Reply with the word OK."},)
_PASSING = frozenset(
    {
        OutcomeKind.SERVER_ERROR,
        OutcomeKind.CONNECTION_LOST,
        OutcomeKind.RATE_LIMITED,
        OutcomeKind.CLIENT_SATURATED,
    }
)
_PUBLIC = "management.azure.com"

PriceList = tuple[TokenMeter, ...] | PricesUnavailable
"""The meters of a region, or why there are none."""


@dataclass(frozen=True, slots=True)
class Answers:
    """``probes`` and ``looks`` are by endpoint, ``outcomes`` by deployment, the judge's by ``judge_of``: None
    where the endpoint cannot be reached. Endpoints that name no account have no look."""

    probes: Mapping[str, Probe]
    outcomes: Mapping[str, Outcome | None]
    looks: Mapping[str, Look]

    def account(self, endpoint: str) -> AccountView | None:
        """The account of an endpoint; None where ARM was not asked about it, or could not be."""
        look = self.looks.get(endpoint)
        return look.view if look is not None and look.view.deployments is not None else None

    def served(self, deployment: str) -> str | None:
        """``model`` of its own answer."""
        outcome = self.outcomes.get(deployment)
        return outcome.served_model if outcome is not None and outcome.counts_for_version else None


def judge_of(rollout: Rollout) -> Deployment | None:
    """The judge under a name that no deployment of the file can have; None where there is none."""
    if rollout.quality.judge is None:
        return None
    judge = rollout.quality.judge.deployment
    return replace(judge, name=f"judge {judge.name}", id=judge.wire_id)


async def ask(
    rollout: Rollout,
    env: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> Answers:
    """Ask every endpoint, each of its deployments, the judge and every account, all at the same time.

    Raises ``CannotAsk`` where one cannot even be addressed.
    """
    async with AsyncExitStack() as closing:
        try:
            managers = Managers(rollout, env, sleep=sleep)
            closing.push_async_callback(managers.close)
            client = ServiceClient(
                rollout.endpoints,
                rollout.deployments,
                env=env,
                clock=clock,
                timeout_s=min(rollout.traffic.timeout_s, _ANSWER_WITHIN_S),
                stream=rollout.traffic.stream,
                max_in_flight=len(rollout.deployments),
            )
            closing.push_async_callback(client.close)
            judge = judge_of(rollout)
            judges = None if judge is None else _client_of_judge(judge, rollout, env, clock)
            if judges is not None:
                closing.push_async_callback(judges.close)
        except (CredentialError, ValueError) as error:
            raise CannotAsk(str(error)) from error
        looks, asked = await asyncio.gather(
            look_once(managers.by_endpoint, now=now, within_s=LOOK_WITHIN_S),
            asyncio.gather(*(_ask_endpoint(n, client, rollout, clock, sleep) for n in rollout.endpoints)),
        )
        outcomes = {name: outcome for _, answers in asked for name, outcome in answers.items()}
        probes = {probe.endpoint: probe for probe, _ in asked}
        if judge is not None and judges is not None:
            reached = probes[judge.endpoint].verdict != "unreachable"
            params = {"response_format": RESPONSE_FORMAT}
            outcomes[judge.name] = (
                await _ask_deployment(judge.name, judges, clock, sleep, params) if reached else None
            )
    return Answers(probes, outcomes, looks)


def _client_of_judge(
    judge: Deployment, rollout: Rollout, env: Mapping[str, str], clock: Callable[[], float]
) -> ServiceClient:
    """Not streamed, as its judgements are."""
    return ServiceClient(
        {judge.endpoint: rollout.endpoints[judge.endpoint]},
        {judge.name: judge},
        env=env,
        clock=clock,
        timeout_s=_ANSWER_WITHIN_S,
        stream=False,
        max_in_flight=1,
    )


async def _ask_endpoint(
    endpoint: str,
    client: ServiceClient,
    rollout: Rollout,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> tuple[Probe, dict[str, Outcome | None]]:
    names = [d.name for d in rollout.deployments.values() if d.endpoint == endpoint]
    probe = await client.probe(endpoint)
    if probe.verdict == "unreachable":
        return probe, dict.fromkeys(names)
    # Also where we are refused: some may use deployments and not list models.
    outcomes = await asyncio.gather(*(_ask_deployment(name, client, clock, sleep) for name in names))
    return probe, dict(zip(names, outcomes, strict=True))


async def _ask_deployment(
    name: str,
    client: ServiceClient,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    params: Mapping[str, Any] = MappingProxyType({}),
) -> Outcome:
    """Its answer to a short request, asked again where the failure may pass."""
    request = Request(0, DEFAULT_TASK, _MESSAGES, "check", max_tokens=MAX_TOKENS, params=params)
    for left in reversed(range(_TRIES)):
        at_s = clock()
        outcome = await client.complete(request, Assignment(0, DEFAULT_TASK, name, 0.0, at_s), at_s)
        wait_s = _AGAIN_AFTER_S if outcome.retry_after_s is None else outcome.retry_after_s
        if outcome.kind not in _PASSING or not left or wait_s > _LONGEST_WAIT_S:
            return outcome
        await sleep(wait_s)
    raise AssertionError("the last try returns")


async def price_lists(
    regions: Iterable[str], base_url: str, *, now: Callable[[], datetime]
) -> dict[str, PriceList]:
    """The price lists of regions (``eastus2``), by their names."""
    wanted = sorted(set(regions))

    async def of(region: str) -> PriceList:
        try:
            return await RetailPrices(base_url, now=now).token_meters(region)
        except PricesUnavailable as error:
            return error

    return dict(zip(wanted, await asyncio.gather(*map(of, wanted)), strict=True))


def prices_host(plane: ControlPlane | None) -> str:
    """Where the price list is: with the public cloud; with another control plane (a rehearsal, a sovereign
    cloud) at its host."""
    if plane is None:
        return PRICES_URL
    url = urlsplit(plane.url)
    return PRICES_URL if url.hostname == _PUBLIC else f"{url.scheme}://{url.netloc}"
