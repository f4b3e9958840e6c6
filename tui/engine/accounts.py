"""The resource managers of a rollout, one for each endpoint that names its account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from tui.azure.credentials import MANAGEMENT_SCOPE, EntraToken, TokenProvider, token_from_env
from tui.azure.resource_manager import ResourceManager
from tui.rollout import ControlPlane, Rollout

_REHEARSAL = "rehearsal"
"""What opens the simulator: any token does."""


async def _rehearsal() -> str:
    return _REHEARSAL


class Managers:
    """``by_endpoint`` are the managers; ``close`` closes them and what gives their tokens.

    Raises ``CredentialError`` where Entra ID is wanted and azure-identity is not installed.
    """

    def __init__(
        self, rollout: Rollout, env: Mapping[str, str], *, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._closing = AsyncExitStack()
        self.by_endpoint: dict[str, ResourceManager] = {}
        plane = rollout.control_plane
        named = {name: e.resource for name, e in rollout.endpoints.items() if e.resource is not None}
        if plane is None or not named:
            return
        token = self._token(plane, env)
        for endpoint, resource in named.items():
            manager = ResourceManager(resource, token, write=plane.write, base_url=plane.url, sleep=sleep)
            self._closing.push_async_callback(manager.close)
            self.by_endpoint[endpoint] = manager

    def _token(self, plane: ControlPlane, env: Mapping[str, str]) -> TokenProvider:
        if plane.token_env is not None:
            return token_from_env(plane.token_env, env)
        if not plane.entra:
            return _rehearsal
        token = EntraToken(MANAGEMENT_SCOPE, who="the control plane")
        self._closing.push_async_callback(token.close)
        return token

    async def close(self) -> None:
        await self._closing.aclose()
