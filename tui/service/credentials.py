"""Tokens for the service: from an environment variable, or from Entra ID."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

TokenProvider = Callable[[], Awaitable[str]]
"""Gives a bearer token that is valid now. Raises ``CredentialError`` when none can be had."""

MANAGEMENT_SCOPE = "https://management.azure.com/.default"
"""What a token for the control plane is asked for; one for the data plane is no good there."""


class CredentialError(Exception):
    """No token could be had; the text says why and what to do."""


class EntraToken:
    """Tokens from Entra ID by whatever signs in here: environment, managed identity, ``az login``.

    ``who`` says in the error what wants it; ``told`` is told of each token, to clean texts of it. Raises
    ``CredentialError`` when azure-identity is not installed.
    """

    def __init__(self, scope: str, *, who: str, told: Callable[[str], None] | None = None) -> None:
        try:
            from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider
        except ImportError as error:
            raise CredentialError(
                f"{who} wants Entra ID: install it with pip install 'canarytop[azure]'"
            ) from error
        self._credential: Any = DefaultAzureCredential()
        self._told = told
        self._provider: Any = get_bearer_token_provider(self._credential, scope)

    async def __call__(self) -> str:
        """A token, from the cache while it is valid. Raises ``CredentialError``."""
        try:
            token = str(await self._provider())
        except Exception as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CredentialError(f"no token from Entra ID: {first}; try `az login`") from error
        if self._told is not None:
            self._told(token)
        return token

    async def close(self) -> None:
        await self._credential.close()


def token_from_env(name: str, env: Mapping[str, str]) -> TokenProvider:
    """Tokens from the variable ``name``, which is read anew each time."""

    async def token() -> str:
        value = env.get(name, "").strip()
        if not value:
            raise CredentialError(
                f"no token in {name}: set it, for example to the output of `az account get-access-token "
                "--resource https://management.azure.com --query accessToken -o tsv`"
            )
        return value

    return token
