"""A rollout file against its services: every pin, key, region, quota and price, each a finding."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from tui.lifecycle.status import gone_words, statuses_of
from tui.lifecycle.table import LifecycleTable, load_lifecycle
from tui.model import Deployment, Outcome
from tui.preflight import online_deployments, online_endpoints
from tui.preflight.finding import Finding
from tui.preflight.online_asked import Answers, PriceList, ask, judge_of, price_lists, prices_host
from tui.preflight.online_deployments import Known
from tui.preflight.online_prices import price, price_region
from tui.preflight.online_quota import quota, rate
from tui.rollout import Rollout

_LEAST_SECRET = 8
"""Anything shorter is a part of words."""

_SECRET_HEAD = 24


async def check_online(
    rollout: Rollout,
    env: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    prices_url: str | None = None,
) -> tuple[Finding, ...]:
    """What its services say of the rollout: of each endpoint, and then of its deployments and the judge.

    Each of them is sent one short request. ``clock`` (seconds) times it, ``sleep`` waits before it is sent
    again; ``now`` gives the day that dates are compared with. ``prices_url`` None is the host of the price list
    that goes with the control plane.

    Raises:
        CannotAsk: Nothing could be asked: a package is missing, or an address cannot be used.
    """
    table = load_lifecycle()
    answers = await ask(rollout, env, now=now, clock=clock, sleep=sleep)
    judge = judge_of(rollout)
    known = _known(rollout, judge, answers, table, now)
    regions = {region for one in known.values() if (region := price_region(one)) is not None}
    lists = await price_lists(regions, prices_url or prices_host(rollout.control_plane), now=now)
    found = [
        finding
        for name in rollout.endpoints
        for finding in [
            *_of_endpoint(rollout, name, answers, [one for one in known.values() if one.endpoint.name == name]),
            *[f for one in known.values() if one.endpoint.name == name for f in await _of(one, rollout, lists)],
        ]
    ]
    secrets = _secrets(rollout, env)
    return tuple(_without(finding, secrets) for finding in found)


def _known(
    rollout: Rollout,
    judge: Deployment | None,
    answers: Answers,
    table: LifecycleTable,
    now: Callable[[], datetime],
) -> dict[str, Known]:
    today = now().date()
    judges = {} if judge is None else {judge.name: judge}
    deployments = {**rollout.deployments, **judges}
    status = partial(
        statuses_of,
        account_at=answers.account,
        served=answers.served,
        table=table,
        today=today,
        plain_servers=rollout.plain_servers,
    )
    planned = rollout.plan.canary if rollout.plan is not None else None
    statuses = status(rollout.deployments.values(), baseline=rollout.baseline, planned=planned)
    # Apart: the judge is nobody's successor.
    statuses |= status(judges.values(), baseline="")
    return {
        name: Known(
            deployment,
            rollout.endpoints[deployment.endpoint],
            answers.outcomes[name],
            answers.account(deployment.endpoint),
            statuses[name],
            gone_words(statuses[name], _status(answers.outcomes[name]), table, today),
            judges=name in judges,
        )
        for name, deployment in deployments.items()
    }


def _status(outcome: Outcome | None) -> int | None:
    return outcome.http_status if outcome is not None else None


def _of_endpoint(rollout: Rollout, name: str, answers: Answers, served: Iterable[Known]) -> Iterator[Finding]:
    endpoint, probe, look = rollout.endpoints[name], answers.probes[name], answers.looks.get(name)
    yield online_endpoints.reach(endpoint, probe)
    yield online_endpoints.key(endpoint, probe, [known.outcome for known in served])
    if look is not None:
        yield online_endpoints.control_plane(endpoint, look)
    region = online_endpoints.region(endpoint, answers.account(name))
    if region is not None:
        yield region


async def _of(known: Known, rollout: Rollout, lists: dict[str, PriceList]) -> list[Finding]:
    found = (
        online_deployments.answer(known),
        online_deployments.state(known),
        online_deployments.pin(known),
        online_deployments.region(known),
        quota(known),
        # Of the judge's traffic only the share of the pairs is known.
        None if known.judges else await rate(known, rollout),
        price(known, lists),
    )
    return [finding for finding in found if finding is not None]


def _secrets(rollout: Rollout, env: Mapping[str, str]) -> re.Pattern[str] | None:
    """Keys and tokens, or what is left of one that was cut off: a service may repeat them in what it says."""
    plane = rollout.control_plane
    names = [
        name
        for endpoint in rollout.endpoints.values()
        for name in (endpoint.key_env, *endpoint.headers_env.values())
    ]
    names += [plane.token_env] if plane is not None else []
    values = (env.get(name, "").strip() for name in names if name is not None)
    heads = [re.escape(value[:_SECRET_HEAD]) for value in values if len(value) >= _LEAST_SECRET]
    return re.compile(f"(?:{'|'.join(heads)})[^\\s,;]*") if heads else None


def _without(finding: Finding, secrets: re.Pattern[str] | None) -> Finding:
    if secrets is None:
        return finding
    text, remedy, toml = (
        secrets.sub("[secret]", said) for said in (finding.text, finding.remedy, finding.toml)
    )
    return replace(finding, text=text, remedy=remedy, toml=toml)
