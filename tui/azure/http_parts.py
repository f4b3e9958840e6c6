"""What clients of web addresses share: links that lead nowhere else, bodies with a bound, JSON or none."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import httpx


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


async def tls_for(base: httpx.URL) -> ssl.SSLContext | bool:
    """What ``verify`` of a client is to be. A thread reads the certificates: that takes a tenth of a second, in
    which nothing else would run on this loop."""
    return await asyncio.to_thread(httpx.create_ssl_context) if base.scheme == "https" else False


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
