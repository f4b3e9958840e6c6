"""Check of a rollout file against its services: every pin, key, region, quota and price, each a finding."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from tui.base.text import plain
from tui.engine.accounts import Look
from tui.lifecycle.status import gone_words, statuses_of
from tui.lifecycle.table import LifecycleTable, load_lifecycle
from tui.model import NEVER_SERVED, AccountView, Deployment, Endpoint, Outcome, OutcomeKind
from tui.preflight import deployments
from tui.preflight.answers import Answers, PriceList, ask, judge_of, price_lists, prices_host
from tui.preflight.deployments import Known
from tui.preflight.finding import CONTROL_PLANE, REACH, Finding, region_key
from tui.preflight.terms import price, price_region, quota, rate
from tui.rollout import Rollout
from tui.service.client import Probe

_NOT_ASKED = frozenset({"Unreachable", "ConnectionLost", "TookTooLong", "UnreadableAnswer", "ForeignLink"})
"""Codes of errors that say nothing about the credential or the account."""

_LET_IN = frozenset(OutcomeKind) - {
    OutcomeKind.REFUSED,
    OutcomeKind.TIMEOUT,
    OutcomeKind.CONNECTION_LOST,
    OutcomeKind.SERVER_ERROR,
    *NEVER_SERVED,
}
_SHOWN_CHARS = 60


def where(endpoint: Endpoint) -> str:
    return f"endpoint {endpoint.name}"


def reach(endpoint: Endpoint, probe: Probe) -> Finding:
    """Whether anything answers at its address."""
    if probe.verdict == "unreachable":
        remedy = f"check url of [endpoints.{endpoint.name}], and that this network may reach it"
        return Finding(REACH, where(endpoint), "unknown", f"it cannot be reached: {probe.text}", remedy)
    return Finding(REACH, where(endpoint), "ok", f"{endpoint.url} answers")


def key(endpoint: Endpoint, probe: Probe, outcomes: Collection[Outcome | None]) -> Finding:
    """Whether we are let in, by its list of models or by the answers of its deployments."""
    if endpoint.entra:
        credential = "the token from Entra ID"
    elif endpoint.key_env is not None:
        credential = f"the key in {endpoint.key_env}"
    elif endpoint.headers_env:
        credential = f"what stands in {', '.join(endpoint.headers_env.values())}"
    else:
        credential = "access without a key"
    if probe.verdict == "unreachable":
        return Finding("key", where(endpoint), "unknown", f"{credential} could not be tried")
    said = f" (its list of models: {probe.text})" if probe.text else ""
    if (probe.verdict == "ok" and not probe.text) or any(o is not None and _is_let_in(o) for o in outcomes):
        return Finding("key", where(endpoint), "ok", f"{credential} is admitted{said}")
    refused = [
        o.error for o in outcomes if o is not None and o.kind is OutcomeKind.REFUSED and not o.asks_for_pause
    ]
    if probe.verdict == "refused" or refused:
        why = probe.text or refused[0] or ""
        remedy = "set another key"
        if not endpoint.plain:
            remedy += ", or give the identity the role Cognitive Services OpenAI User; a network rule"
            remedy += " of the account may refuse this machine too"
        elif endpoint.key_header is None:
            remedy += ", or name the header that the service wants it in: key_header"
        return Finding("key", where(endpoint), "wrong", f"{credential} is refused: {why}", remedy)
    return Finding("key", where(endpoint), "unknown", f"nothing says whether {credential} is admitted{said}")


def _is_let_in(outcome: Outcome) -> bool:
    """Whoever is told when to come back was known: a gateway says so with 403 too."""
    return outcome.kind in _LET_IN or (outcome.kind is OutcomeKind.REFUSED and outcome.asks_for_pause)


def control_plane(endpoint: Endpoint, look: Look) -> Finding:
    """Whether ARM lets us read its account."""
    view, error = look.view, look.error
    if error is None:
        count = len(view.deployments or ())
        text = f"ARM lets us read account {view.name}: {count} deployment{'' if count == 1 else 's'}"
        return Finding(CONTROL_PLANE, where(endpoint), "ok", text)
    later = error.code in _NOT_ASKED or error.status == 429 or (error.status or 0) >= 500
    said = error.remedy and f"; {error.remedy}"
    text = str(error).removesuffix(said)
    if later:
        remedy = error.remedy or "check url of [control_plane], and try again"
        return Finding(CONTROL_PLANE, where(endpoint), "unknown", f"ARM could not be asked: {text}", remedy)
    remedy = error.remedy or f"check [control_plane], and resource of [endpoints.{endpoint.name}]"
    return Finding(CONTROL_PLANE, where(endpoint), "wrong", f"ARM refuses: {text}", remedy)


def endpoint_region(endpoint: Endpoint, account: AccountView | None) -> Finding | None:
    """Whether the file and ARM agree about where it is; None of a plain server."""
    if endpoint.plain:
        return None
    by_file = endpoint.region
    by_arm = account.location if account is not None else None
    if by_file and by_arm and region_key(by_file) != region_key(by_arm):
        remedy, toml = f"under [endpoints.{endpoint.name}]:", f'region = "{plain(by_arm, _SHOWN_CHARS)}"'
        text = f"the file says {by_file}, by ARM it is in {plain(by_arm, _SHOWN_CHARS)}"
        return Finding("region", where(endpoint), "wrong", text, remedy, toml)
    if by_arm:
        said = "the file agrees" if by_file else "the file names none"
        return Finding("region", where(endpoint), "ok", f"{plain(by_arm, _SHOWN_CHARS)} by ARM, {said}")
    said = f"{by_file} by the file" if by_file else "the file names none"
    why = "ARM does not say" if account is not None else "not known without ARM"
    return Finding("region", where(endpoint), "unknown", f"{said}; {why}")


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
        for name, deployment in {**rollout.deployments, **judges}.items()
    }


def _status(outcome: Outcome | None) -> int | None:
    return outcome.http_status if outcome is not None else None


def _of_endpoint(rollout: Rollout, name: str, answers: Answers, served: Iterable[Known]) -> Iterator[Finding]:
    endpoint, probe, look = rollout.endpoints[name], answers.probes[name], answers.looks.get(name)
    yield reach(endpoint, probe)
    yield key(endpoint, probe, [known.outcome for known in served])
    if look is not None:
        yield control_plane(endpoint, look)
    region = endpoint_region(endpoint, answers.account(name))
    if region is not None:
        yield region


async def _of(known: Known, rollout: Rollout, lists: dict[str, PriceList]) -> list[Finding]:
    found = (
        deployments.answer(known),
        deployments.state(known),
        deployments.pin(known),
        deployments.region(known),
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
