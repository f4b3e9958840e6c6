"""HTTP to ARM: one request at a time, bounded in size and time, waiting where the service asks to wait.

A throttled request is sent again when the service says so, a write that meets another operation a few times
more, a read whose connection breaks too; nothing else is. The token goes to the configured host only, and into
no text.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx

from tui.base.retry_after import retry_after_s
from tui.control_plane.answers import (
    BUSY_CODES,
    ArmAnswer,
    ArmCall,
    ArmError,
    ConnectionLost,
    refused,
)
from tui.control_plane.http_client import (
    absolute,
    client_of,
    json_of,
    own_link,
    read_body,
    through,
)
from tui.service.credentials import CredentialError, Secrets, TokenProvider
from tui.service.proxies import Proxy, ProxyRefused

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_PAGES = 200
_TRIES_OF_READS = 3
_THROTTLED_TIMES = 6
_BUSY_TIMES = 6
_BUSY_WAIT_S = 5.0
_RECONNECT_WAIT_S = 1.0
_CONNECT_S = 10.0


class ArmHttp:
    """A client of one ARM host. Raises ``ValueError`` for an address to which a token must not go."""

    def __init__(
        self,
        base_url: str,
        api_version: str,
        token: TokenProvider,
        *,
        sleep: Callable[[float], Awaitable[None]],
        timeout_s: float,
    ) -> None:
        base = absolute(base_url)
        if base is None or base.scheme not in ("https", "http") or base.query or base.fragment or base.userinfo:
            raise ValueError(f"ARM's address {base_url[:200]!r} is not https://HOST")
        if base.scheme == "http" and base.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(
                f"ARM's address {base_url[:200]!r}: a token travels unencrypted over http; use https"
            )
        self._base = base
        self._api_version = api_version
        self._token = token
        self._sleep = sleep
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None
        self._proxy: Proxy | None = None
        self._secrets = Secrets(mark="[token]")

    async def get(self, where: str | httpx.URL, call: ArmCall) -> ArmAnswer:
        """``where`` is a path, or a ``link`` of the service, which already has its query.

        Raises:
            ArmError: The service refuses, cannot be reached, or does not answer with what it should.
        """
        for attempt in range(1, _TRIES_OF_READS + 1):
            try:
                return await self._send("GET", where, None, call)
            except ConnectionLost as lost:
                if attempt == _TRIES_OF_READS or call.deadline.left_s <= _RECONNECT_WAIT_S * attempt:
                    raise
                call.on_step(f"{lost}; asking again ({attempt + 1} of {_TRIES_OF_READS})")
                await self._sleep(_RECONNECT_WAIT_S * attempt)
        raise AssertionError("every attempt returns or raises")

    async def object(self, where: str | httpx.URL, call: ArmCall) -> dict[str, Any]:
        """As ``get``; the answer has to be a JSON object."""
        answer = await self.get(where, call)
        if not isinstance(answer.document, dict):
            raise ArmError(
                call.doing, "the answer is not a JSON object", code="UnreadableAnswer", status=answer.status
            )
        return answer.document

    async def pages(self, where: str, call: ArmCall) -> AsyncIterator[Any]:
        """The items of all pages of a list. A link that was already followed ends it: there is no more.

        Raises:
            ArmError: As for ``object``; the list has no items, or no end within ``MAX_PAGES`` pages.
        """
        seen: set[str] = set()
        link: str | httpx.URL = where
        while str(link) not in seen:
            if len(seen) == MAX_PAGES:
                raise ArmError(call.doing, f"the list goes on after {MAX_PAGES} pages", code="UnreadableAnswer")
            seen.add(str(link))
            page = await self.object(link, call)
            items = page.get("value")
            if not isinstance(items, list):
                raise ArmError(call.doing, "the answer is not a list: it has no value", code="UnreadableAnswer")
            for item in items:
                yield item
            following = page.get("nextLink")
            if not isinstance(following, str) or not following:
                return
            own = self.link(following)
            if own is None:
                raise ArmError(call.doing, "the list goes on at another host", code="ForeignLink")
            link = own

    async def write(self, method: str, path: str, body: Any, call: ArmCall) -> ArmAnswer:
        """Send a write; where it meets another operation of the account, a few times.

        Raises:
            ConnectionLost: No answer came; whether it arrived is in ``sent``.
            ArmError: The service refuses.
        """
        for attempt in range(1, _BUSY_TIMES + 1):
            try:
                return await self._send(method, path, body, call)
            except ArmError as error:
                wait_s = _BUSY_WAIT_S * attempt
                busy = error.status == 409 and error.code in BUSY_CODES
                if not busy or attempt == _BUSY_TIMES or wait_s > call.deadline.left_s:
                    raise
                call.on_step(
                    f"another operation is under way on the account: again in {wait_s:g} s "
                    f"({attempt} of {_BUSY_TIMES - 1})"
                )
                await self._sleep(wait_s)
        raise AssertionError("every attempt returns or raises")

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def link(self, text: str) -> httpx.URL | None:
        """A link of the service as an address; None where it leads to another host, which gets no token."""
        return own_link(self._base, text)

    def clean(self, text: str) -> str:
        """Text of the service without the token, should it repeat it."""
        return self._secrets.clean(text)

    async def _send(
        self,
        method: str,
        where: str | httpx.URL,
        body: Any,
        call: ArmCall,
    ) -> ArmAnswer:
        """Send until the answer is not that the service throttles."""
        for attempt in range(1, _THROTTLED_TIMES + 1):
            status, headers, raw = await self._exchange(method, where, body, call.doing)
            document = json_of(raw)
            if status < 300:
                return ArmAnswer(status, headers, document)
            error = refused(call, status, document, self.clean)
            wait_s = retry_after_s(headers) if status in (429, 503) else None
            if wait_s is None or attempt == _THROTTLED_TIMES:
                raise error
            if wait_s > call.deadline.left_s:
                raise ArmError(
                    call.doing,
                    f"the service asks to wait {wait_s:g} s, longer than there is time",
                    code=error.code or "Throttled",
                    status=status,
                    remedy="try again later",
                )
            call.on_step(
                f"HTTP {status}: the service asks to wait {wait_s:g} s ({attempt} of {_THROTTLED_TIMES - 1})"
            )
            await self._sleep(wait_s)
        raise AssertionError("every attempt returns or raises")

    async def _exchange(
        self, method: str, where: str | httpx.URL, body: Any, doing: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        url = self._address(where)
        token = await self._valid_token(doing)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        try:
            client = await self._opened()
        except ProxyRefused as error:
            raise ConnectionLost(doing, f"ARM cannot be reached: {error}", sent=False) from None
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                client.stream(method, url, headers=headers, content=content) as response,
            ):
                raw = await read_body(response, MAX_BODY_BYTES)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise ConnectionLost(doing, f"ARM cannot be reached: {self._said(error)}", sent=False) from None
        except httpx.RequestError as error:
            raise ConnectionLost(doing, f"the connection broke: {self._said(error)}", sent=True) from None
        except TimeoutError:
            raise ConnectionLost(doing, f"no answer within {self._timeout_s:g} s", sent=True) from None
        if raw is None:
            text = f"the answer passed {MAX_BODY_BYTES // 2**20} MB and was cut off"
            raise ConnectionLost(doing, text, sent=True)
        return response.status_code, response.headers, raw

    def _said(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return self._secrets.shown(text, 200) + through(self._proxy)

    async def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = httpx.Timeout(self._timeout_s, connect=min(_CONNECT_S, self._timeout_s))
            client, proxy = await client_of(self._base, limits)
            if self._client is None:
                self._client, self._proxy = client, proxy
        return self._client

    def _address(self, where: str | httpx.URL) -> httpx.URL:
        if isinstance(where, httpx.URL):
            return where
        path = f"{self._base.path.rstrip('/')}{where}"
        return self._base.copy_with(path=path).copy_set_param("api-version", self._api_version)

    async def _valid_token(self, doing: str) -> str:
        try:
            token = (await self._token()).strip()
        except CredentialError as error:
            raise ArmError(doing, str(error), code="NoToken") from None
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ArmError(
                doing,
                "the token is empty or has characters that no token has",
                code="NoToken",
                remedy="set it anew; try `az login`",
            )
        self._secrets.add(token)
        return token
