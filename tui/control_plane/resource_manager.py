"""Control plane of Azure OpenAI: deployments, models and quota of one account through ARM.

Requests and answers are those of the REST reference of Microsoft.CognitiveServices, 2025-09-01. What is
created is always pinned: an exact version with NoAutoUpgrade, read back and compared, because the service
chooses where a PUT is silent, and a PUT resets what it does not carry.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from tui.control_plane import resources
from tui.control_plane.answers import (
    Access,
    ArmCall,
    ArmError,
    Deadline,
    OnStep,
    WriteNotAllowed,
    means_absent,
    silent,
)
from tui.control_plane.http import ArmHttp
from tui.control_plane.requests import API_VERSION, MANAGEMENT_URL, AccountId, az_create, az_delete
from tui.control_plane.writes import Write, check_spec
from tui.model import Account, DeploymentSpec, ManagedDeployment, OfferedModel, QuotaUse
from tui.service.credentials import TokenProvider

_READ_S = 120.0


class ResourceManager:
    """One account's control plane. ``account`` is its full resource id.

    ``clock`` (seconds) and ``sleep`` time the waiting; a write may take ``operation_s`` in all, a single
    request ``timeout_s``. Only with ``write`` is anything changed.

    Raises ``ValueError`` that names what is wrong with the id or the address.
    """

    def __init__(
        self,
        account: str,
        token: TokenProvider,
        *,
        write: bool = False,
        base_url: str = MANAGEMENT_URL,
        api_version: str = API_VERSION,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        operation_s: float = 1800.0,
        timeout_s: float = 30.0,
    ) -> None:
        self.id = AccountId.parse(account)
        self.may_write = write
        self._base_url = base_url
        self._api_version = api_version
        self._clock = clock
        self._sleep = sleep
        self._operation_s = operation_s
        self._http = ArmHttp(base_url, api_version, token, sleep=sleep, timeout_s=timeout_s)

    async def close(self) -> None:
        """Close the connections; the token provider belongs to whoever made it."""
        await self._http.close()

    async def account(self, on_step: OnStep = silent) -> Account:
        """The account itself. Raises ``ArmError``, as every method here."""
        document = await self._http.object(
            self.id.path, self._reading(f"reading account {self.id.account}", on_step)
        )
        return resources.account(document)

    async def deployments(self, on_step: OnStep = silent) -> tuple[ManagedDeployment, ...]:
        """All deployments of the account, in the order of the service."""
        items = self._http.pages(self.id.deployments, self._reading("listing the deployments", on_step))
        listed: dict[tuple[str, object], ManagedDeployment] = {}
        async for item in items:
            deployment = resources.managed_deployment(item)
            listed.setdefault((deployment.name, deployment.body.get("id")), deployment)
        return tuple(listed.values())

    async def deployment(self, name: str, on_step: OnStep = silent) -> ManagedDeployment | None:
        """One deployment, None when there is none. Raises ``ValueError`` for an impossible name."""
        return await self._look(name, self._reading("", on_step))

    async def models(self, on_step: OnStep = silent) -> tuple[OfferedModel, ...]:
        """What the account can deploy, and the dates of it."""
        return await self._offered(self.id.models, f"listing the models of {self.id.account}", on_step)

    async def models_of_region(self, location: str, on_step: OnStep = silent) -> tuple[OfferedModel, ...]:
        """What a region offers, each version once. Raises ``ValueError`` for a name that no region has."""
        path = self.id.location(location, "models")
        return await self._offered(path, f"listing the models of {location}", on_step)

    async def quota(self, location: str, on_step: OnStep = silent) -> tuple[QuotaUse, ...]:
        """How far the subscription's quota in a region is used. Raises as ``models_of_region``."""
        items = self._http.pages(
            self.id.location(location, "usages"),
            self._reading(f"reading the quota in {location}", on_step, "quota"),
        )
        return tuple([resources.quota_use(item) async for item in items])

    async def create(
        self, spec: DeploymentSpec, *, on_step: OnStep = silent, replace_version: bool = False
    ) -> ManagedDeployment:
        """Create a pinned deployment, or pin one that is there; it is read back and is as asked.

        What an existing deployment has besides is carried over. Its model or version is changed only with
        ``replace_version``, since whoever uses it would get other answers.

        Raises:
            ValueError: The name, the version or the capacity is impossible.
            WriteNotAllowed: Writes are not allowed here.
            HalfDone: The request was sent and did not end as asked; the text says what is there now.
            ArmError: It was refused, or not sent; nothing was changed.
        """
        self.id.deployment(spec.name)
        check_spec(spec)
        write = self._write(f"creating {spec.name}", spec.name, on_step)
        return await write.create(self.id, spec, replace_version=replace_version)

    async def delete(self, name: str, *, on_step: OnStep = silent) -> bool:
        """Remove a deployment and see that it is gone; False when there was none.

        Raises:
            ValueError: The name is impossible.
            WriteNotAllowed, HalfDone, ArmError: As for ``create``.
        """
        self.id.deployment(name)
        return await self._write(f"deleting {name}", name, on_step).delete(self.id)

    def az_create(self, spec: DeploymentSpec, existing: ManagedDeployment | None = None) -> str:
        """The command that does by hand what ``create`` does."""
        return az_create(self.id, spec, existing, base_url=self._base_url, api_version=self._api_version)

    def az_delete(self, name: str) -> str:
        """The command that does by hand what ``delete`` does."""
        return az_delete(self.id, name)

    def _reading(self, doing: str, on_step: OnStep, access: Access = "read") -> ArmCall:
        return ArmCall(doing, access, Deadline(self._clock, _READ_S), on_step)

    def _write(self, doing: str, name: str, on_step: OnStep) -> Write:
        """Raises ``WriteNotAllowed``."""
        if not self.may_write:
            raise WriteNotAllowed(
                doing,
                "the rollout file allows reading only",
                code="ReadOnly",
                remedy="set `write = true` under [control_plane] in the rollout file",
            )
        call = ArmCall(doing, "write", Deadline(self._clock, self._operation_s), on_step)
        return Write(self._http, self._look, self._sleep, call, name)

    async def _look(self, name: str, call: ArmCall) -> ManagedDeployment | None:
        reading = replace(call, doing=f"reading {name}", access="read")
        try:
            document = await self._http.object(self.id.deployment(name), reading)
        except ArmError as error:
            if means_absent(error):
                return None
            raise
        return resources.managed_deployment(document)

    async def _offered(self, path: str, doing: str, on_step: OnStep) -> tuple[OfferedModel, ...]:
        items = self._http.pages(path, self._reading(doing, on_step))
        offered: dict[tuple[str, str, str], OfferedModel] = {}
        async for item in items:
            model = resources.offered_model(item)
            offered.setdefault((model.format, model.model, model.version), model)
        return tuple(offered.values())
