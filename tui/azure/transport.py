"""The HTTP transport under the SDK: aiohttp, with the clock read where the bytes move.

Timed around the SDK call, a request seems slower by the time that the SDK spends building and parsing
objects; timed here it does not.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
import yarl

MAX_BODY_BYTES = 32 * 1024 * 1024
"""An answer longer than this is cut off: no chat completion comes near it, an endless one passes it."""

KEEP_ALIVE_S = 90.0
CONNECT_TIMEOUT_S = 10.0


class AnswerTooLong(httpx2.ReadError):
    """The body passed ``MAX_BODY_BYTES``; the connection was closed."""


@dataclass(slots=True)
class Exchange:
    """What the wire saw of one call. Instants are readings of the transport's clock, in seconds."""

    sent_s: float | None = None
    last_byte_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")
"""The exchange that the next call of this task fills in; set by whoever calls the SDK."""


class TimedTransport(httpx2.AsyncBaseTransport):
    """Sends to one endpoint through one aiohttp session and fills in the task's ``Exchange``.

    ``max_connections`` bounds the sockets; a request that finds none free waits, so callers keep no more than
    that in flight.
    """

    def __init__(self, *, max_connections: int, timeout_s: float, clock: Callable[[], float]) -> None:
        self._max_connections = max_connections
        self._clock = clock
        # Callers bound the whole request; a timer of the session's own would be set anew with every chunk.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_TIMEOUT_S, timeout_s))
        self._session: aiohttp.ClientSession | None = None

    def _opened(self, url: httpx2.URL) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._max_connections,
                keepalive_timeout=KEEP_ALIVE_S,
                ttl_dns_cache=300,
                ssl=ssl.create_default_context(),
            )
            # With trust_env the session would look up proxy and .netrc anew, in other threads, between the
            # reading of the clock and the first byte of every request.
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, proxy=_proxy_for(url), auto_decompress=False
            )
        return self._session

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises the exceptions of httpx2 that the SDK knows: ``TimeoutException``, ``NetworkError``, ..."""
        exchange = current_exchange.get(None) or Exchange()
        session = self._opened(request.url)
        url = str(request.url)
        body = request.content
        exchange.sent_s = self._clock()
        try:
            response = await session.request(
                request.method, url, headers=request.headers, data=body or None, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translated(error) from error
        exchange.headers = response.headers
        return httpx2.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response, exchange, self._clock),
            request=request,
        )

    async def connect(self, url: httpx2.URL, count: int) -> int:
        """Have ``count`` connections to ``url`` open (TCP, TLS) after a first request; give how many there are.

        Nothing is sent over them. Through a proxy none is opened: what it passes on is known only by requests.
        """
        connector = self._session.connector if self._session is not None else None
        if connector is None or _proxy_for(url) is not None:
            return 0
        request = aiohttp.ClientRequest("GET", yarl.URL(str(url)), loop=asyncio.get_running_loop())
        opened = await asyncio.gather(
            *(connector.connect(request, [], self._timeout) for _ in range(count)), return_exceptions=True
        )
        connections = [one for one in opened if isinstance(one, aiohttp.connector.Connection)]
        for connection in connections:
            connection.release()
        return len(connections)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class _Body(httpx2.AsyncByteStream):
    """The bytes of an answer as they arrive; ``last_byte_s`` follows each of them."""

    def __init__(
        self, response: aiohttp.ClientResponse, exchange: Exchange, clock: Callable[[], float]
    ) -> None:
        self._response = response
        self._exchange = exchange
        self._clock = clock

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        try:
            async for chunk in self._response.content.iter_any():
                self._exchange.last_byte_s = self._clock()
                total += len(chunk)
                if total > MAX_BODY_BYTES:
                    self._response.close()
                    raise AnswerTooLong(f"the answer passed {MAX_BODY_BYTES // 2**20} MB and was cut off")
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translated(error) from error

    async def aclose(self) -> None:
        # A body read to its end has already given its connection back; any other must not be used again.
        if not self._response.content.at_eof():
            self._response.close()
        self._response.release()


def _proxy_for(url: httpx2.URL) -> str | None:
    """The proxy that the environment names for ``url`` (``HTTPS_PROXY``, ``NO_PROXY``, ...), if any."""
    return None if proxy_bypass(url.host) else getproxies().get(url.scheme)


def _translated(error: Exception) -> httpx2.TransportError:
    """aiohttp's exceptions in the terms of the SDK: what timed out, what could not connect, what broke off."""
    text = str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        return (
            httpx2.ReadTimeout(text)
            if isinstance(error, aiohttp.SocketTimeoutError)
            else httpx2.ConnectTimeout(text)
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx2.ConnectError(text)
    if isinstance(error, (aiohttp.InvalidURL, ValueError)):
        return httpx2.UnsupportedProtocol(text)
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError)):
        return httpx2.RemoteProtocolError(text)
    return httpx2.ReadError(text)
