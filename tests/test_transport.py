"""The way to the service: through the proxy that the environment names, or past it."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from tests.service import ask, client_of, serving
from tui.model import OutcomeKind

ANSWER = {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello."}}]}
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = []

    async def proxy(request: web.Request) -> web.Response:
        hosts.append(request.host)
        return web.json_response(ANSWER)

    async with serving(proxy) as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        async with client_of("http://service.invalid", stream=False) as client:
            outcome = await ask(client)
    assert outcome.kind is OutcomeKind.OK
    assert hosts == ["service.invalid"]


async def test_no_proxy_leads_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def service(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps(ANSWER), content_type="application/json")

    monkeypatch.setenv("HTTP_PROXY", NOBODY)
    async with serving(service) as url, client_of(url, stream=False) as client:
        assert (await ask(client)).kind is OutcomeKind.CONNECTION_LOST
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with client_of(url, stream=False) as other:
            assert (await ask(other)).kind is OutcomeKind.OK


async def test_a_netrc_adds_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    seen = []

    async def service(request: web.Request) -> web.Response:
        seen.append((request.headers.get("Authorization"), request.headers.get("api-key")))
        return web.json_response(ANSWER)

    async with serving(service) as url, client_of(url, env={"KEY": "the-key"}, stream=False) as client:
        await ask(client)
    assert seen == [(None, "the-key")]
