"""Findings of a deployment: its answer, how it is managed, its pin, and where it is served."""

from __future__ import annotations

from dataclasses import dataclass

from tui.base.problems import field_name, listed
from tui.base.text import plain, span
from tui.model import (
    ANSWERED,
    FILTERED,
    AccountView,
    Deployment,
    Endpoint,
    LifecycleStatus,
    ManagedDeployment,
    Outcome,
    OutcomeKind,
    PinState,
)
from tui.preflight.finding import Finding, FindingVerdict, region_key, worst
from tui.traffic.health import says_retired

_SHOWN = 60
_BY_PIN: dict[PinState, FindingVerdict] = {
    PinState.MISMATCH: "wrong",
    PinState.NOT_PINNED: "wrong",
    PinState.UNKNOWN: "unknown",
}
_BY_SEVERITY: dict[str, FindingVerdict] = {"note": "warn", "warn": "warn", "alarm": "wrong"}
_ELSEWHERE = ("global", "datazone")
_AT_HOME = frozenset({"standard", "provisionedmanaged"})
_WHAT = {
    OutcomeKind.GONE: "it is not there",
    OutcomeKind.REFUSED: "it does not let us in",
    OutcomeKind.SERVER_ERROR: "it fails",
    OutcomeKind.TIMEOUT: "it does not answer in time",
    OutcomeKind.CONNECTION_LOST: "the connection breaks",
    OutcomeKind.CLIENT_SATURATED: "this machine had no socket left",
    OutcomeKind.CANCELLED: "it was not waited for",
}
_LATER = "ask again; if that stays so, look at the health of the service"
_REMEDIES = {
    401: "check the key of its endpoint",
    403: "check the role of the identity, and the network rules of the account",
    404: "the name in the file, or its id there, has to be what the service calls it; a new one may take 5 min",
    423: "resume it, or take it out of the rollout",
}


_OF_PLAIN_SERVER = {
    **_REMEDIES,
    403: "check what the key may use, and whether this machine may reach the service",
    404: "the name in the file, or its id there, has to be what the service calls the model",
}


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a deployment of the rollout.

    ``outcome`` None: its endpoint cannot be reached. ``account`` None: ARM was not asked about it, or could not
    be. ``gone`` says since when its version is retired, and what to do, should it answer so. ``judges``: it is
    the judge.
    """

    deployment: Deployment
    endpoint: Endpoint
    outcome: Outcome | None
    account: AccountView | None
    status: LifecycleStatus
    gone: tuple[str, str]
    judges: bool = False

    @property
    def table(self) -> str:
        """Its table in the rollout file."""
        return f"[{field_name(('quality', 'judge') if self.judges else ('deployments', self.name))}]"

    @property
    def name(self) -> str:
        return self.deployment.name

    def finding(
        self, what: str, verdict: FindingVerdict, text: str, remedy: str = "", toml: str = ""
    ) -> Finding:
        return Finding(what, self.name, verdict, text, remedy, toml)

    @property
    def managed(self) -> ManagedDeployment | None:
        return self.account.deployment(self.deployment.wire_id) if self.account is not None else None

    @property
    def region(self) -> str | None:
        """Where its account is, as ARM has it, else as the file says, else as its answer says."""
        by_arm = self.account.location if self.account is not None else None
        by_answer = self.outcome.region if self.outcome is not None else None
        return by_arm or self.endpoint.region or by_answer or None


def answer(known: Known) -> Finding:
    """How it answered a short request."""
    outcome = known.outcome
    if outcome is None:
        return known.finding("answer", "unknown", "not asked: its endpoint cannot be reached")
    if outcome.kind in ANSWERED | FILTERED:
        return _answered(known, outcome)
    error = plain(outcome.error or "", 300)
    if says_retired(outcome):
        since, to_do = known.gone
        return known.finding("answer", "wrong", f"{since}; {error}", to_do)
    if outcome.kind is OutcomeKind.QUOTA_EXHAUSTED:
        remedy = "top up the account, or raise its quota: until then it answers nothing, however long one waits"
        return known.finding("answer", "wrong", f"its quota is exhausted: {error}", remedy)
    if outcome.asks_for_pause:
        return _asks_to_wait(known, outcome, error)
    if outcome.kind is OutcomeKind.CLIENT_SATURATED:
        remedy = "raise the limit of open files (ulimit -n) or close other programs, and ask again"
        return known.finding("answer", "unknown", f"{_WHAT[outcome.kind]}: {error}", remedy)
    if outcome.kind is OutcomeKind.BAD_REQUEST and known.judges and _about_schema(error):
        remedy = "name a judge with structured outputs: its judgements are JSON by a schema"
        return known.finding("answer", "wrong", f"it takes no JSON schema: {error}", remedy)
    if outcome.kind is OutcomeKind.BAD_REQUEST:
        remedy = "see whether this model takes chat completions" + _with_version(known)
        return known.finding("answer", "warn", f"it does not take a short request: {error}", remedy)
    remedies = _OF_PLAIN_SERVER if known.endpoint.plain else _REMEDIES
    remedy = remedies.get(outcome.http_status or 0, _LATER)
    return known.finding("answer", "wrong", f"{_WHAT[outcome.kind]}: {error}", remedy)


def _asks_to_wait(known: Known, outcome: Outcome, error: str) -> Finding:
    again = f"; it may be asked again in {span(outcome.retry_after_s)}" if outcome.retry_after_s else ""
    text = f"it asks to wait: {error}{again}"
    if outcome.kind is OutcomeKind.RATE_LIMITED:
        remedy = "its limit was reached by others: ask again, and raise its capacity if that stays so"
        return known.finding("answer", "warn", text, remedy)
    if outcome.kind is OutcomeKind.REFUSED:
        remedy = "the quota of its gateway is used up for now: ask again after that, or raise it"
        return known.finding("answer", "warn", text, remedy)
    return known.finding("answer", "wrong", text, _LATER)


def _with_version(known: Known) -> str:
    return "" if known.endpoint.api_version is None else " with this api_version"


def _about_schema(error: str) -> bool:
    return any(word in error.lower() for word in ("response_format", "json_schema"))


def _answered(known: Known, outcome: Outcome) -> Finding:
    served = plain(outcome.served_model, _SHOWN) if outcome.served_model else "without naming a version"
    took = f" in {outcome.latency_ms:,.0f} ms" if outcome.latency_ms is not None else ""
    if not outcome.counts_for_version:
        by = f" {plain(outcome.served_by, _SHOWN)}" if outcome.served_by else ""
        text = f"another deployment{by} answered for it ({served}): it spills over"
        remedy = "ask again when its capacity is free; what it serves itself was not seen"
        return known.finding("answer", "warn", text, remedy)
    if outcome.kind in FILTERED:
        text = (
            f"its content filter blocked a harmless request ({', '.join(outcome.filters.blocked) or 'unnamed'})"
        )
        return known.finding("answer", "warn", text, "look at its content filter policy, or ask again")
    return known.finding("answer", "ok", f"{served}{took}")


def state(known: Known) -> Finding | None:
    """How ARM has it; None where ARM was not asked."""
    account, managed = known.account, known.managed
    if account is None:
        return None
    if managed is None:
        others = listed([d.name for d in account.deployments or ()]) or "none"
        text = f"account {account.name} has no deployment of this name"
        return known.finding("state", "wrong", text, f"it has: {others}")
    text = ", ".join(
        part
        for part in (
            managed.sku,
            None if managed.capacity is None else f"capacity {managed.capacity}",
            managed.upgrade_option or "no upgrade option",
            managed.state,
        )
        if part
    )
    if managed.paused:
        return known.finding("state", "wrong", f"paused; {text}", _REMEDIES[423])
    if managed.state is None:
        return known.finding("state", "unknown", f"ARM does not say whether it is ready; {text}")
    if managed.state.casefold() != "succeeded":
        remedy = "wait for the operation that is under way; if it failed, set or make it again"
        return known.finding("state", "wrong", f"it is not ready: {text}", remedy)
    return known.finding("state", "ok", text)


def pin(known: Known) -> Finding:
    """Whether it will go on to answer with its version."""
    status, pin = known.status, known.status.pin
    verdict = _BY_PIN.get(pin.state, "ok")
    text = f"{pin.state.value.upper()}{f' {pin.until}' if pin.until else ''}: {pin.reason}"
    if status.warning:
        verdict = worst(verdict, _BY_SEVERITY[status.severity])
        text += f"; {status.warning}"
    return known.finding("pin", verdict, text, pin.remedy)


def region(known: Known) -> Finding | None:
    """Whether its answer came from where its account is; None of a plain server that does not say it."""
    served = known.outcome.region if known.outcome is not None else None
    account, sku = known.account, known.managed.sku if known.managed is not None else None
    by_arm = account.location if account is not None else None
    expected = by_arm or known.endpoint.region
    if known.endpoint.plain and not (served and expected):
        return None
    if not served:
        return known.finding("region", "unknown", "no answer says where it is served")
    served = plain(served, _SHOWN)
    if not expected:
        return known.finding("region", "unknown", f"served in {served}; neither file nor ARM say where it is")
    expected = plain(expected, _SHOWN)
    if region_key(served) == region_key(expected):
        return known.finding("region", "ok", f"served in {served}")
    text = f"served in {served}, not in {expected}"
    kind = (sku or "").casefold()
    if kind.startswith(_ELSEWHERE):
        text = f"served in {served}, as {sku} may be; its account is in {expected}"
        return known.finding("region", "ok", text)
    if kind in _AT_HOME:
        text += f", though {sku} is served where its account is"
        return known.finding("region", "wrong", text, "check url of its endpoint, and region in the file")
    if known.endpoint.plain:
        return known.finding("region", "warn", text, "correct region in the file")
    text += "; its SKU is not known, Global and DataZone ones may be served elsewhere"
    return known.finding("region", "warn", text, "give access to ARM, or correct region in the file")
