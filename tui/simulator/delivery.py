"""Delivery of answers: they are put on the wire at their pace."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping

from aiohttp import web

from tui.model import OutcomeKind
from tui.simulator.answer import Answer
from tui.simulator.refusals import Refusal

_MIN_GAP_MS = 10.0
_MAX_GROUP_TOKENS = 20


class Delivery:
    """Writes one answer to one request; its pace counts from now on.

    Its methods raise ``ConnectionError`` or are cancelled when the client leaves.
    """

    def __init__(
        self, request: web.BaseRequest, headers: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._request = request
        self._headers = headers
        self._started_s = asyncio.get_running_loop().time()
        self._clock = clock
        self.first_content_s: float | None = None
        """By the clock, when the first content of a stream had been written."""

    async def refuse(self, refusal: Refusal, after_ms: float = 0.0) -> web.StreamResponse:
        await self._wait_until(after_ms)
        return await self._send(refusal.status, refusal.body, refusal.headers)

    async def whole(self, answer: Answer, ttft_ms: float, ms_per_token: float) -> web.StreamResponse:
        """Send the answer in one piece, at the time at which a stream would have ended."""
        drawn = answer.drawn
        await self._wait_until(ttft_ms + max(0, drawn.tokens - 1) * ms_per_token)
        body = answer.whole()
        if drawn.kind is not OutcomeKind.CONNECTION_LOST:
            return await self._send(200, body)
        if drawn.tokens:
            response = web.StreamResponse(headers={**self._headers, "content-type": "application/json"})
            response.content_length = len(body)
            await response.prepare(self._request)
            await response.write(body[: len(body) // 2])
        return await self._break_off()

    async def stream(self, answer: Answer, ttft_ms: float, ms_per_token: float) -> web.StreamResponse:
        """Send the answer as events: what opens it at 60 % of the time to the first token, then the content.

        Tokens that would follow each other within 10 ms share an event, which is sent when its last is due; the
        first always comes alone. The last goes out together with the end.
        """
        drawn = answer.drawn
        drops = drawn.kind is OutcomeKind.CONNECTION_LOST
        if drops and not drawn.tokens:
            await self._wait_until(ttft_ms)
            return await self._break_off()
        await self._wait_until(0.6 * ttft_ms)
        response = web.StreamResponse(
            headers={
                **self._headers,
                "content-type": "text/event-stream; charset=utf-8",
                "cache-control": "no-cache",
            }
        )
        await response.prepare(self._request)
        await response.write(answer.opening())
        group = _group_tokens(ms_per_token)
        start, stop = 0, min(1, drawn.tokens)
        while stop < drawn.tokens:
            await self._wait_until(ttft_ms + (stop - 1) * ms_per_token)
            await response.write(answer.content(start, stop))
            self._note_content()
            start, stop = stop, min(stop + group, drawn.tokens)
        await self._wait_until(ttft_ms + max(0, stop - 1) * ms_per_token)
        last = answer.content(start, stop) if drawn.tokens else b""
        if drops:
            await response.write(last)
            return await self._break_off()
        await response.write_eof(last + answer.closing())
        if drawn.tokens:
            self._note_content()
        return response

    async def never(self) -> web.StreamResponse:
        """Say nothing until the client goes away, which cancels this."""
        silence: asyncio.Future[web.StreamResponse] = asyncio.get_running_loop().create_future()
        return await silence

    async def _send(
        self, status: int, body: bytes, more: Mapping[str, str] | None = None
    ) -> web.StreamResponse:
        headers = {**self._headers, **(more or {}), "content-type": "application/json"}
        response = web.Response(status=status, body=body, headers=headers)
        await response.prepare(self._request)
        await response.write_eof()
        return response

    async def _break_off(self) -> web.StreamResponse:
        if self._request.transport is not None:
            self._request.transport.abort()
        return await self.never()

    async def _wait_until(self, due_ms: float) -> None:
        delay_s = self._started_s + due_ms / 1000 - asyncio.get_running_loop().time()
        if delay_s > 0:
            await asyncio.sleep(delay_s)

    def _note_content(self) -> None:
        if self.first_content_s is None:
            self.first_content_s = self._clock()


def _group_tokens(ms_per_token: float) -> int:
    if ms_per_token * _MAX_GROUP_TOKENS <= _MIN_GAP_MS:
        return _MAX_GROUP_TOKENS
    return math.ceil(_MIN_GAP_MS / ms_per_token)
