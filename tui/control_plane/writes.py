"""Writes to a deployment, create and delete: ask, follow, read back, compare; say what is only half done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from tui.control_plane._follow import Follower, StillUnderWay
from tui.control_plane.answers import (
    ArmAnswer,
    ArmCall,
    ArmError,
    ConnectionLost,
    HalfDone,
    means_absent,
    remedy_for,
)
from tui.control_plane.http import ArmHttp
from tui.control_plane.requests import PINNED, AccountId, put_body
from tui.model import DeploymentSpec, ManagedDeployment

Look = Callable[[str, ArmCall], Awaitable[ManagedDeployment | None]]
"""Reads a deployment by name, None when there is none. Raises ``ArmError``."""

_LOST_WAIT_S = 5.0
"""What was lost on the way back may take a moment to show."""


class Write:
    """One write to the deployment ``name``, until it is known what became of it."""

    def __init__(
        self,
        http: ArmHttp,
        look: Look,
        sleep: Callable[[float], Awaitable[None]],
        call: ArmCall,
        name: str,
    ) -> None:
        self._http = http
        self._look = look
        self._sleep = sleep
        self._call = call
        self._name = name

    async def create(
        self, account: AccountId, spec: DeploymentSpec, *, replace_version: bool
    ) -> ManagedDeployment:
        """The deployment, which is as asked. Raises ``ArmError``, ``HalfDone`` once something was sent."""
        self._call.on_step(f"looking whether there is a {spec.name}")
        existing = await self._look(spec.name, self._call)
        if existing is not None:
            _check_same_version(self._call.doing, spec, existing, replace_version)
            self._call = replace(self._call, doing=f"changing {spec.name}")
        body = put_body(spec, existing)
        kept = "" if existing is None else "; the rest stays as it is"
        self._call.on_step(
            f"asking for {spec.name}: {spec.model} {spec.version}, {spec.sku} {spec.capacity}, {PINNED}{kept}"
        )
        answer, lost = await self._sent("PUT", account.deployment(spec.name), body)
        found, failure = await self._outcome(answer, lost, gone=False)
        problem = failure or lost
        if found is None:
            raise self._half_done("there is no such deployment now", problem, None)
        if failure is not None or (found.state or "succeeded").lower() != "succeeded":
            raise self._half_done(f"it is there in state {found.state}", problem, found)
        if differences := _differences(body, found):
            raise self._half_done(f"not as asked: {'; '.join(differences)}", problem, found, code="NotAsAsked")
        self._call.on_step(
            f"read back: {found.name} is {found.model} {found.version}, {found.upgrade_option}, as asked"
        )
        return found

    async def delete(self, account: AccountId) -> bool:
        """Whether there was one to remove. Raises as ``create``."""
        name = self._name
        self._call.on_step(f"asking to remove {name}")
        try:
            answer, lost = await self._sent("DELETE", account.deployment(name), None)
        except ArmError as error:
            if not means_absent(error):
                raise
            answer, lost = ArmAnswer(204, {}, None), None
        absent = answer is not None and answer.status == 204
        found, failure = await self._outcome(answer, lost, gone=True)
        if found is not None:
            raise self._half_done(f"it is still there in state {found.state}", failure or lost, found)
        self._call.on_step(f"there is no {name}" if absent else f"{name} is gone")
        return not absent

    async def _sent(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[ArmAnswer | None, ArmError | None]:
        """The answer to a write, or why it is not known whether the write was taken.

        Raises:
            ArmError: It was refused, or did not leave.
        """
        try:
            answer = await self._http.write(method, path, body, self._call)
        except ArmError as error:
            arrived = error.sent if isinstance(error, ConnectionLost) else (error.status or 0) >= 500
            if not arrived:
                raise
            self._call.on_step(f"{error}: looking what became of it")
            return None, error
        return answer, None

    async def _outcome(
        self, answer: ArmAnswer | None, lost: ArmError | None, *, gone: bool
    ) -> tuple[ManagedDeployment | None, ArmError | None]:
        """What stands there after a write, and the error with which its operation ended.

        Raises:
            HalfDone: Time is up, or it cannot be read.
        """
        follower = Follower(self._http, self._call, self._sleep)
        failure: ArmError | None = None
        try:
            if answer is not None:
                failure = await follower.operation(answer)
            elif lost is not None:
                await follower.pause(_LOST_WAIT_S, None)
            found = await follower.settled(
                lambda: self._look(self._name, self._call),
                gone=gone,
                sure=failure is not None,
            )
        except ArmError as error:
            sent = "the request was accepted" if answer is not None else "the request was sent"
            late = isinstance(error, StillUnderWay)
            raise HalfDone(
                self._call.doing,
                f"{sent}; {error.message}" if late else f"{sent}; what became of it is not known: {error}",
                code=error.code,
                found=None,
                known=False,
                remedy=f"look at {self._name} again before anything else",
            ) from error
        return found, failure

    def _half_done(
        self, now: str, problem: ArmError | None, found: ManagedDeployment | None, code: str = ""
    ) -> HalfDone:
        """``problem`` is what went wrong on the way, ``now`` what there is now."""
        code = code or (problem.code if problem is not None else "") or "NotAsAsked"
        remedy = remedy_for(code)
        if found is not None and (found.state or "").lower() == "failed":
            remedy = "remove it, or try again"
        elif not remedy and isinstance(problem, ConnectionLost):
            remedy = "the request may not have arrived: try again"
        why = problem.message if problem is not None else ""
        return HalfDone(self._call.doing, why, now, code=code, found=found, remedy=remedy)


def check_spec(spec: DeploymentSpec) -> None:
    """Raises ``ValueError`` for a spec that names no exact version, or no possible capacity."""
    for what, text in (("model", spec.model), ("version", spec.version), ("SKU", spec.sku)):
        if not text.strip() or not text.isprintable():
            raise ValueError(f"deployment {spec.name}: the {what} has to be named exactly, not {text[:80]!r}")
    if spec.capacity < 1:
        raise ValueError(f"deployment {spec.name}: the capacity has to be at least 1, not {spec.capacity}")


def _check_same_version(
    doing: str, spec: DeploymentSpec, existing: ManagedDeployment, replace_version: bool
) -> None:
    same = (existing.model, existing.version) == (spec.model, spec.version)
    if not same and not replace_version:
        raise ArmError(
            doing,
            f"there is a {spec.name} already, with {existing.model} {existing.version}",
            code="DeploymentExists",
            remedy="choose another name: whoever uses this one would get answers of another version",
        )


def _differences(body: Mapping[str, Any], found: ManagedDeployment) -> list[str]:
    """Where a deployment is not as the PUT asked for, in words; upper and lower case are the same."""
    properties, sku = body["properties"], body["sku"]
    model = properties["model"]
    pairs: list[tuple[str, Any, Any]] = [
        ("model", model["name"], found.model),
        ("version", model["version"], found.version),
        ("upgrade option", properties["versionUpgradeOption"], found.upgrade_option),
        ("SKU", sku["name"], found.sku),
        ("capacity", sku["capacity"], found.capacity),
    ]
    for what, key, there in (
        ("content filter policy", "raiPolicyName", found.rai_policy),
        ("spillover", "spilloverDeploymentName", found.spillover),
    ):
        if properties.get(key) is not None:
            pairs.append((what, properties[key], there))
    return [
        f"{what}: asked {asked}, there is {'none' if there is None else there}"
        for what, asked, there in pairs
        if str(asked).lower() != str(there).lower()
    ]
