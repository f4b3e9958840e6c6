"""Tokens from a variable and from Entra ID, which is stood in for here."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from aiohttp import web

from tests.support.service import ask, serving
from tui.model import Assignment, Deployment, Endpoint, OutcomeKind, Request
from tui.service.client import ServiceClient
from tui.service.credentials import CredentialError, EntraToken, token_from_env


@pytest.fixture
def entra(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """azure-identity as a stand-in whose tokens name their scope; the list tells what was closed."""
    closed: list[str] = []

    class Credential:
        async def close(self) -> None:
            closed.append("credential")

    def provider(credential: Credential, scope: str) -> Any:
        async def token() -> str:
            if scope == "bad":
                raise RuntimeError("no account\nmore lines")
            return f"token-for-{scope}"

        return token

    fake = type("aio", (), {"DefaultAzureCredential": Credential, "get_bearer_token_provider": provider})
    for name in ("azure", "azure.identity", "azure.identity.aio"):
        monkeypatch.setitem(sys.modules, name, fake)
    return closed


async def test_a_variable_is_read_anew_each_time() -> None:
    env = {"ARM_TOKEN": " one "}
    token = token_from_env("ARM_TOKEN", env)
    assert await token() == "one"
    env["ARM_TOKEN"] = "two"
    assert await token() == "two"


async def test_a_missing_variable_is_told_with_how_to_set_it() -> None:
    with pytest.raises(CredentialError, match=r"no token in ARM_TOKEN: .*az account get-access-token"):
        await token_from_env("ARM_TOKEN", {})()


def test_entra_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    with pytest.raises(CredentialError, match=r"the control plane wants Entra ID.*'canarytop\[azure\]'"):
        EntraToken("https://management.azure.com/.default", who="the control plane")


async def test_entra_tokens_are_for_their_scope_and_failures_in_words(entra: list[str]) -> None:
    good = EntraToken("scope", who="x")
    assert await good() == "token-for-scope"
    with pytest.raises(CredentialError, match=r"^no token from Entra ID: no account; try `az login`$"):
        await EntraToken("bad", who="x")()
    await good.close()
    assert entra == ["credential"]


async def test_the_data_plane_asks_for_a_token_of_its_own_scope(entra: list[str]) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers["authorization"])
        return web.json_response({"error": {"code": "401"}}, status=401)

    async with serving(handler) as url:
        client = ServiceClient(
            {"main": Endpoint("main", url, "v1", None, entra=True)},
            {"d": Deployment("d", "main", "gpt-4o", "2024-11-20")},
            env={},
            clock=lambda: 0.0,
            stream=False,
        )
        request = Request(id=1, task="default", messages=({"role": "user", "content": "x"},), source="test")
        outcome = await client.complete(request, Assignment(1, "default", "d", 100.0, 0.0), 0.0)
        await client.close()
    assert outcome.kind is OutcomeKind.REFUSED
    assert seen == ["Bearer token-for-https://ai.azure.com/.default"]
    assert entra == ["credential"]


async def test_a_token_that_the_service_repeats_is_in_no_outcome(entra: list[str]) -> None:
    async def handler(request: web.Request) -> web.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        assert token == "token-for-https://ai.azure.com/.default"
        error = {"code": token, "message": f"bad token {token}, {token[:12]}..."}
        return web.json_response({"error": error}, status=401, headers={"x-ms-region": token})

    async with serving(handler) as url:
        endpoint = Endpoint("main", url, "azure", "2024-10-21", entra=True)
        deployment = Deployment("d", "main", "gpt-4o", "2024-11-20")
        client = ServiceClient({"main": endpoint}, {"d": deployment}, env={}, clock=lambda: 0.0)
        outcome = await ask(client, "d")
        await client.close()
    assert outcome.region == "[key]"
    assert outcome.error == "HTTP 401: key or endpoint refused: bad token [key], [key]..."
