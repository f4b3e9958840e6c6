"""HTTP client of a web address: the way there, links that lead nowhere else, bodies with a bound, JSON."""

from __future__ import annotations

import asyncio
import json
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from tui.service.proxies import Proxy, proxy_for


def absolute(text: str) -> httpx.URL | None:
    """None for text that is no absolute address."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return None
    return url if url.host else None


def own_link(base: httpx.URL, text: str) -> httpx.URL | None:
    """A link of the service at ``base`` as an address; None where it leads to another host."""
    try:
        url = base.join(text)
    except (httpx.InvalidURL, ValueError):
        return None
    return url if (url.scheme, url.host, _port(url)) == (base.scheme, base.host, _port(base)) else None


async def client_of(base: httpx.URL, limits: httpx.Timeout | None) -> tuple[httpx.AsyncClient, Proxy | None]:
    """A client of the host of ``base``, through the proxy that is returned with it. It keeps no cookies and
    follows no redirects.

    Raises:
        ProxyRefused: The environment names a proxy that cannot be used.
    """
    proxy = proxy_for(str(base))
    # A thread reads the certificates: that takes a tenth of a second, in which nothing else would run here.
    tls: ssl.SSLContext | bool = False
    if base.scheme == "https":
        tls = await asyncio.to_thread(httpx.create_ssl_context)
    client = httpx.AsyncClient(
        verify=tls,
        timeout=limits,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        proxy=None if proxy is None else httpx.Proxy(proxy.url, auth=proxy.login),
        # Proxies are found here, by one rule for all clients.
        trust_env=False,
    )
    return client, proxy


def through(proxy: Proxy | None) -> str:
    """Words for the end of a sentence on a connection that failed."""
    return "" if proxy is None else f", through {proxy}"


async def read_body(response: httpx.Response, most: int) -> bytes | None:
    """The body; None as soon as it passes ``most`` bytes."""
    chunks: list[bytes] = []
    total = 0
    async for chunk in response.aiter_bytes():
        total += len(chunk)
        if total > most:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def json_of(raw: bytes) -> Any:
    """None where the body is empty or no JSON."""
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return None


def _port(url: httpx.URL) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)
