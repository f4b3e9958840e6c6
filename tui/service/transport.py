"""HTTP transport under the SDK: aiohttp, with the clock read where the bytes move.

Timed around the SDK call, a request seems slower by the time that the SDK spends building and parsing
objects; timed here it does not.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import aiohttp
import httpx2
import yarl

from tui.service._compressed import AnswerTooLong, decompressor_of
from tui.service.errors import FAULTS, closed_early, refused_by, translated
from tui.service.proxies import Proxy, ProxyRefused, proxy_for

MAX_BODY_BYTES = 32 * 1024 * 1024
"""An answer longer than this is cut off: no chat completion comes near it, an endless one passes it."""

KEEP_ALIVE_S = 90.0
CONNECT_TIMEOUT_S = 10.0
MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 1000
"""Gateways add long heads; the limits of aiohttp (8 kB, 128 fields) refuse answers that other clients read."""

_NOT_FOR_THE_SDK = frozenset({b"content-encoding", b"content-length"})


@dataclass(slots=True)
class Exchange:
    """What the wire saw of one call. Instants are readings of the transport's clock, in seconds. ``dialled``: a
    connection was opened for it; ``reconnected``: it was sent once more, see ``Outcome``."""

    sent_s: float | None = None
    last_byte_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    dialled: bool = False
    reconnected: bool = False


current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")
"""The exchange that the next call of this task fills in; set by whoever calls the SDK."""


class TimedTransport(httpx2.AsyncBaseTransport):
    """Sends to one endpoint through one aiohttp session and fills in the task's ``Exchange``.

    ``max_connections`` bounds the sockets; a request that finds none free waits, so callers keep no more than
    that in flight. No cookie is kept or handed on: some pin all traffic to one backend.
    """

    def __init__(self, *, max_connections: int, timeout_s: float, clock: Callable[[], float]) -> None:
        self._max_connections = max_connections
        self._clock = clock
        # Callers bound the whole request; a timer of the session's own would be set anew with every chunk.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_TIMEOUT_S, timeout_s))
        self._proxy: Proxy | None = None
        self._tls: ssl.SSLContext | bool = True
        self._session: aiohttp.ClientSession | None = None
        self._reconnecting: aiohttp.ClientSession | None = None
        self._read_over: WeakKeyDictionary[asyncio.Future[None], aiohttp.StreamReader] = WeakKeyDictionary()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises the exceptions of httpx2 that the SDK knows: ``TimeoutException``, ``NetworkError``, ..."""
        exchange = current_exchange.get(None)
        if exchange is None:
            current_exchange.set(exchange := Exchange())
        try:
            if self._session is None:
                # Looked up once: the session would do it for every request, in another thread, between the
                # reading of the clock and the first byte.
                self._proxy = proxy_for(str(request.url))
                self._tls = ssl.create_default_context()
                self._session = self._opened(keep_alive=True)
            exchange.sent_s = self._clock()
            try:
                response = await self._send(self._session, request)
            except FAULTS as error:
                if exchange.dialled or not closed_early(error):
                    raise
                exchange.reconnected = True
                if self._reconnecting is None:
                    self._reconnecting = self._opened(keep_alive=False)
                response = await self._send(self._reconnecting, request)
        except ProxyRefused as error:
            raise httpx2.ProxyError(str(error)) from None
        except FAULTS as error:
            raise translated(error, self._proxy)  # noqa: B904 - it has the cause that it should have
        exchange.headers = response.headers
        self._watch(response)
        if response.status == 407 and self._proxy is not None:
            response.close()
            raise refused_by(self._proxy, response.status, response.reason)
        return self._as_sdk_knows_it(response, exchange, request)

    def _watch(self, response: aiohttp.ClientResponse) -> None:
        """Have a body end with its connection: where a chunk is no HTTP, aiohttp closes the one and leaves the
        reader of the other waiting."""
        connection = response.connection
        if connection is None or connection.protocol is None:
            return  # the body has come as a whole
        closed = connection.protocol.closed
        if closed is None:
            _cut(response.content)
            return
        if closed not in self._read_over:
            closed.add_done_callback(self._lost)
        self._read_over[closed] = response.content

    def _lost(self, closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()  # said to the reader by aiohttp; asyncio would print it too
        if (content := self._read_over.pop(closed, None)) is not None:
            _cut(content)

    def _as_sdk_knows_it(
        self, response: aiohttp.ClientResponse, exchange: Exchange, request: httpx2.Request
    ) -> httpx2.Response:
        headers: Sequence[tuple[bytes, bytes]] = response.raw_headers
        body = _Body(response, exchange, self._clock)
        if "Set-Cookie" in response.headers:
            headers = [pair for pair in headers if pair[0].lower() != b"set-cookie"]
        if response.status >= 300:
            # The SDK decodes a refusal as its charset says, and fails where that is none or a wrong one.
            headers = [pair for pair in headers if pair[0].lower() != b"content-type"]
        if (codings := response.headers.getall("Content-Encoding", None)) is not None:
            headers = [pair for pair in headers if pair[0].lower() not in _NOT_FOR_THE_SDK]
            body = _CompressedBody(response, exchange, self._clock, codings)
        return httpx2.Response(response.status, headers=headers, stream=body, request=request)

    def _opened(self, *, keep_alive: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._max_connections,
            # A session that keeps none dials for each request.
            **({"keepalive_timeout": KEEP_ALIVE_S} if keep_alive else {"force_close": True}),
            ttl_dns_cache=300,
            ssl=self._tls,
            socket_factory=_dialled,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            proxy=None if self._proxy is None else self._proxy.url,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MAX_FIELD_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
        )

    async def _send(self, session: aiohttp.ClientSession, request: httpx2.Request) -> aiohttp.ClientResponse:
        headers, to_proxy = request.headers, None
        if self._proxy is not None and self._proxy.login is not None:
            login = {"Proxy-Authorization": aiohttp.encode_basic_auth(*self._proxy.login)}
            if request.url.scheme == "https":
                to_proxy = login
            else:
                headers = httpx2.Headers([*headers.multi_items(), *login.items()])
        return await session.request(
            request.method,
            str(request.url),
            headers=headers,
            data=request.content or None,
            allow_redirects=False,
            proxy_headers=to_proxy,
        )

    async def connect(self, url: httpx2.URL, count: int) -> int:
        """Have ``count`` connections to ``url`` open (TCP, TLS) after a first request; give how many there are.

        Nothing is sent over them. Through a proxy none is opened: what it passes on is known only by requests.
        """
        connector = self._session.connector if self._session is not None else None
        if connector is None or self._proxy is not None or count < 1:
            return 0
        request = aiohttp.ClientRequest("GET", yarl.URL(str(url)), loop=asyncio.get_running_loop())
        dialling = [asyncio.create_task(connector.connect(request, [], self._timeout)) for _ in range(count)]
        opened = 0
        try:
            await asyncio.wait(dialling)
        finally:
            for task in dialling:
                if not task.done():
                    task.cancel()
                elif not task.cancelled() and task.exception() is None:
                    task.result().release()
                    opened += 1
        return opened

    async def aclose(self) -> None:
        for session in (self._session, self._reconnecting):
            if session is not None:
                await session.close()
        self._session = self._reconnecting = None


def _cut(content: aiohttp.StreamReader) -> None:
    if not content.is_eof() and content.exception() is None:
        content.set_exception(aiohttp.ClientPayloadError("the answer broke off: what came next is no HTTP"))


def _dialled(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for the request of this task."""
    if (exchange := current_exchange.get(None)) is not None:
        exchange.dialled = True
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)


class _Body(httpx2.AsyncByteStream):
    """The bytes of an answer as they arrive; ``last_byte_s`` follows each of them."""

    def __init__(
        self, response: aiohttp.ClientResponse, exchange: Exchange, clock: Callable[[], float]
    ) -> None:
        self._response = response
        self._exchange = exchange
        self._clock = clock

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        total = 0
        try:
            async for chunk in self._response.content.iter_any():
                self._exchange.last_byte_s = self._clock()
                total += len(chunk)
                if total > MAX_BODY_BYTES:
                    self._response.close()
                    raise AnswerTooLong(MAX_BODY_BYTES)
                yield chunk
        except FAULTS as error:
            raise translated(error, None)  # noqa: B904 - it has the cause that it should have

    async def aclose(self) -> None:
        # A body read to its end has already given its connection back; any other must not be used again.
        if not self._response.content.at_eof():
            self._response.close()
        self._response.release()


class _CompressedBody(_Body):
    """The same behind the codings of a gateway."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        exchange: Exchange,
        clock: Callable[[], float],
        codings: Sequence[str],
    ) -> None:
        super().__init__(response, exchange, clock)
        self._codings = codings

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        try:
            decompressor = decompressor_of(self._codings, MAX_BODY_BYTES)
            async with aclosing(super().__aiter__()) as chunks:
                async for chunk in chunks:
                    for step, piece in enumerate(
                        (chunk,) if decompressor is None else decompressor.feed(chunk)
                    ):
                        if step:
                            # Other requests come between the steps of a body that swells.
                            await asyncio.sleep(0)
                        yield piece
        except httpx2.DecodingError as error:
            self._response.close()
            if self._response.status < 400:
                raise
            # The status says what it is; the SDK reads why from the body.
            yield str(error).encode()
