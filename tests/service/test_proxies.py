"""The proxies that the environment names: used, passed by, or refused by name; never with their password."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from tests.support.service import Handler, Heard, ask, client_of, http, serving, speaking
from tests.support.typed import present
from tui.control_plane.answers import ArmCall, ArmError, Deadline
from tui.control_plane.http import ArmHttp
from tui.control_plane.retail_prices import PricesUnavailable, RetailPrices
from tui.model import OutcomeKind
from tui.service.proxies import ProxyRefused, proxy_for, proxy_secrets

ANSWER = {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello."}}]}
NOBODY = "http://127.0.0.1:1"
ELSEWHERE = "https://service.example:8443/openai"
PASSWORD = "hunter2-secret"
PLAIN, SECURE = "http://service.invalid", "https://service.invalid"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# --- which one ---


@pytest.mark.parametrize(
    ("env", "url", "proxy"),
    [
        ({"HTTPS_PROXY": "http://proxy.corp:3128"}, ELSEWHERE, "http://proxy.corp:3128"),
        ({"https_proxy": "proxy.corp:3128"}, ELSEWHERE, "http://proxy.corp:3128"),
        ({"https_proxy": "proxy.corp", "HTTPS_PROXY": "other:1"}, ELSEWHERE, "http://proxy.corp:80"),
        ({"https_proxy": "https://proxy.corp"}, ELSEWHERE, "https://proxy.corp:443"),
        ({"ALL_PROXY": "http://u:p@[::1]:3128/"}, ELSEWHERE, "http://[::1]:3128"),
        ({"ALL_PROXY": "a:1", "HTTPS_PROXY": "b:2"}, ELSEWHERE, "http://b:2"),
        ({"HTTP_PROXY": "a:1"}, ELSEWHERE, None),
        ({"HTTP_PROXY": "a:1"}, PLAIN, "http://a:1"),
        ({"HTTP_PROXY": "a:1", "REQUEST_METHOD": "GET"}, PLAIN, None),
        ({"https_proxy": "", "ALL_PROXY": "a:1"}, ELSEWHERE, None),
        ({}, ELSEWHERE, None),
    ],
)
def test_which_proxy_is_taken(env: dict[str, str], url: str, proxy: str | None) -> None:
    found = proxy_for(url, env)
    assert (found and found.url) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8089",
        "http://LOCALHOST.:8089",
        "http://sim.localhost",
        "http://127.0.0.1:8089",
        "https://127.8.9.10",
        "http://[::1]:8089/v1",
        "http://[::ffff:127.0.0.1]",
        "http://0.0.0.0:8089",
    ],
)
def test_this_machine_is_never_reached_through_a_proxy(url: str) -> None:
    everywhere = {"http_proxy": "a:1", "https_proxy": "socks5://a:1", "ALL_PROXY": "a:1"}
    assert proxy_for(url, everywhere) is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "past"),
    [
        ("*", ELSEWHERE, True),
        ("service.example", ELSEWHERE, True),
        ("SERVICE.example", ELSEWHERE, True),
        ("example", ELSEWHERE, True),
        (".example", ELSEWHERE, True),
        ("other.org , .example", ELSEWHERE, True),
        ("other.org .example", ELSEWHERE, True),
        ("*.example", ELSEWHERE, True),
        ("ample", ELSEWHERE, False),
        ("vice.example", ELSEWHERE, False),
        ("a.service.example", ELSEWHERE, False),
        ("service.example:8443", ELSEWHERE, True),
        ("service.example:443", ELSEWHERE, False),
        ("service.example:443", "https://service.example", True),
        ("https://service.example", ELSEWHERE, True),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.1.2.3/8", "https://10.9.9.9", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://10.example", False),
        ("10.1.2.3", "https://10.1.2.3:99", True),
        ("10.1.2.3:98", "https://10.1.2.3:99", False),
        ("10.1.*", "https://10.1.2.3", True),
        ("2.3", "https://10.1.2.3", False),
        ("fd00::/8", "https://[fd00::1]", True),
        ("[fd00::1]:443", "https://[fd00::1]", True),
        ("fd00::1", "https://[fd00:0::1]", True),
        ("fd00::2", "https://[fd00::1]", False),
        ("", ELSEWHERE, False),
        (",,", ELSEWHERE, False),
    ],
)
def test_no_proxy_leads_past_it(no_proxy: str, url: str, past: bool) -> None:
    found = proxy_for(url, {"https_proxy": "a:1", "NO_PROXY": no_proxy})
    assert (found is None) is past


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("HTTPS_PROXY", f"socks5://u:{PASSWORD}@proxy.corp:1080", "HTTPS_PROXY names a socks5:// proxy"),
        ("all_proxy", f"socks5h://u:{PASSWORD}@proxy.corp:1080", "all_proxy names a socks5h:// proxy"),
        ("https_proxy", f"http://u:{PASSWORD}@proxy.corp:port", "https_proxy names no proxy"),
        ("https_proxy", f"u:{PASSWORD}@", "https_proxy names no proxy"),
        ("https_proxy", "http://[::1", "https_proxy names no proxy"),
        ("https_proxy", "http://", "https_proxy names no proxy"),
        ("NO_PROXY", "10.0.0.0/99", "NO_PROXY holds 10.0.0.0/99, which is no network"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(variable: str, value: str, said: str) -> None:
    with pytest.raises(ProxyRefused) as refused:
        proxy_for(
            ELSEWHERE, {"HTTPS_PROXY": "a:1", variable: value} if variable == "NO_PROXY" else {variable: value}
        )
    assert said in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_login_is_taken_apart_and_never_shown() -> None:
    env = {"https_proxy": f"http://some%40body:{PASSWORD}%21@proxy.corp:3128", "PATH": "a@b"}
    proxy = proxy_for(ELSEWHERE, env)
    assert present(proxy).login == ("some@body", f"{PASSWORD}!")
    assert f"{proxy}" == "the proxy proxy.corp:3128 (https_proxy)"
    assert PASSWORD not in repr(proxy)
    sent = b64encode(f"some@body:{PASSWORD}!".encode()).decode()
    assert set(proxy_secrets(env)) == {f"{PASSWORD}%21", f"{PASSWORD}!", sent}


# --- over sockets ---


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append((request.host, request.headers.get("Proxy-Authorization")))
        return web.json_response(ANSWER)

    async with serving(proxy) as url:
        monkeypatch.setenv("HTTP_PROXY", url.removeprefix("http://"))
        async with client_of(PLAIN, stream=False) as client:
            outcome = await ask(client)
        monkeypatch.setenv("HTTP_PROXY", url.replace("//", "//user:word@"))
        async with client_of(PLAIN, stream=False) as client:
            assert (await ask(client)).kind is OutcomeKind.OK
    assert outcome.kind is OutcomeKind.OK
    assert seen == [("service.invalid", None), ("service.invalid", "Basic dXNlcjp3b3Jk")]


async def test_the_simulator_is_reached_whatever_the_proxies_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOBODY)

    async def service(_: web.Request) -> web.Response:
        return web.json_response(ANSWER)

    async def nothing(_: web.Request) -> web.Response:
        return web.json_response({"value": [], "Items": []})

    async with serving(service) as url, client_of(url, stream=False) as client:
        assert (await ask(client)).kind is OutcomeKind.OK
    async with serving_get(nothing) as url:
        assert await RetailPrices(url, now=now).token_meters("eastus2") == ()
        async with arm_at(url) as arm:
            assert await looked(arm) == {"value": [], "Items": []}


REFUSALS = {
    "407": http(b"go away", "407 Proxy Authentication Required", fields=b"Proxy-Authenticate: Basic\r\n"),
    "502": http(b"", "502 Bad\x07 Gateway"),
    "gone": None,
    "nobody": None,
}


@pytest.mark.parametrize("how", REFUSALS)
@pytest.mark.parametrize("login", ["", f"user:{PASSWORD}@"])
async def test_a_proxy_that_fails_is_named_as_the_proxy(
    how: str, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = []

    async def refuse(heard: Heard) -> bytes | None:
        heads.append(heard.head)
        return REFUSALS[how]

    async with speaking(refuse) as url:
        at = (NOBODY if how == "nobody" else url).removeprefix("http://")
        monkeypatch.setenv("HTTPS_PROXY", f"http://{login}{at}")
        async with client_of(SECURE, env={"KEY": "the-key"}, stream=False, timeout_s=5) as client:
            outcome, probe = await ask(client), await client.probe("main")
    for text in (present(outcome.error), probe.text):
        assert f"the proxy {at} (HTTPS_PROXY)" in text
        assert text.isprintable()
        assert PASSWORD not in text
        assert (how in ("407", "502")) is (f"HTTP {how}" in text)
    assert outcome.kind is OutcomeKind.CONNECTION_LOST
    assert (how == "407" and not login) is ("put USER:PASSWORD@ before its host" in present(outcome.error))
    assert not any(b"the-key" in head for head in heads)


async def test_a_login_that_a_proxy_wants_for_plain_http_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: Heard) -> bytes | None:
        return REFUSALS["407"]

    async with speaking(refuse) as url:
        monkeypatch.setenv("ALL_PROXY", url)
        async with client_of(PLAIN, stream=False, timeout_s=5) as client:
            outcome = await ask(client)
    assert "(ALL_PROXY) refuses: HTTP 407" in present(outcome.error)


async def test_a_proxy_that_is_refused_stops_every_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://user:{PASSWORD}@proxy.corp:1080")
    said: list[str] = []
    async with client_of(SECURE, stream=False) as client:
        said += [present((await ask(client)).error), (await client.probe("main")).text]
    with pytest.raises(PricesUnavailable) as prices:
        await RetailPrices("https://prices.invalid", now=now).token_meters("eastus2")
    async with arm_at("https://arm.invalid") as arm:
        with pytest.raises(ArmError) as lost:
            await looked(arm)
    for text in (*said, str(prices.value), str(lost.value)):
        assert "ALL_PROXY names a socks5:// proxy" in text
        assert PASSWORD not in text


async def test_the_control_plane_names_a_proxy_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: Heard) -> bytes | None:
        return REFUSALS["407"]

    async with speaking(refuse) as url:
        at = url.removeprefix("http://")
        monkeypatch.setenv("HTTPS_PROXY", f"user:{PASSWORD}@{at}")
        with pytest.raises(PricesUnavailable) as prices:
            await RetailPrices("https://prices.invalid", now=now).token_meters("eastus2")
        async with arm_at("https://arm.invalid") as arm:
            with pytest.raises(ArmError) as lost:
                await looked(arm)
    for text in (str(prices.value), str(lost.value)):
        assert "407" in text
        assert f"through the proxy {at} (HTTPS_PROXY)" in text
        assert PASSWORD not in text


def now() -> datetime:
    return datetime(2026, 11, 30, tzinfo=UTC)


@asynccontextmanager
async def serving_get(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def arm_at(url: str) -> AsyncIterator[ArmHttp]:
    async def token() -> str:
        return "token-token"

    async def no_wait(_: float) -> None:
        await asyncio.sleep(0)

    arm = ArmHttp(url, "2024-10-01", token, sleep=no_wait, timeout_s=5)
    try:
        yield arm
    finally:
        await arm.close()


async def looked(arm: ArmHttp) -> object:
    within = Deadline(asyncio.get_running_loop().time, 60)
    return await arm.object("/x", ArmCall("look", "read", within))
