"""What a check finds of an endpoint: whether it is there, lets us in, and is where the file says."""

from __future__ import annotations

import re
from collections.abc import Collection

from tui.base.text import plain
from tui.engine.accounts import Look
from tui.model import NEVER_SERVED, AccountView, Endpoint, Outcome, OutcomeKind
from tui.preflight.finding import CONTROL_PLANE, REACH, Finding
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
_SHOWN = 60


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


def region(endpoint: Endpoint, account: AccountView | None) -> Finding | None:
    """Whether the file and ARM agree about where it is; None of a plain server."""
    if endpoint.plain:
        return None
    by_file = endpoint.region
    by_arm = account.location if account is not None else None
    if by_file and by_arm and region_key(by_file) != region_key(by_arm):
        remedy, toml = f"under [endpoints.{endpoint.name}]:", f'region = "{plain(by_arm, _SHOWN)}"'
        text = f"the file says {by_file}, by ARM it is in {plain(by_arm, _SHOWN)}"
        return Finding("region", where(endpoint), "wrong", text, remedy, toml)
    if by_arm:
        said = "the file agrees" if by_file else "the file names none"
        return Finding("region", where(endpoint), "ok", f"{plain(by_arm, _SHOWN)} by ARM, {said}")
    said = f"{by_file} by the file" if by_file else "the file names none"
    why = "ARM does not say" if account is not None else "not known without ARM"
    return Finding("region", where(endpoint), "unknown", f"{said}; {why}")


def region_key(region: str) -> str:
    """``East US 2`` and ``eastus2`` are one region."""
    return re.sub(r"[^a-z0-9]", "", region.casefold())
