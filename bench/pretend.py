"""A service for where no C compiler is: ``python -m bench.pretend PORT``.

As the C server it takes ``/dN/`` (ms to the first byte) and ``/iN/`` (ms between the 50 events of a stream) in
the path, states its service time in ``x-svc-us`` and counts under ``/stats``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

_EVENTS = 50
_NAMES = {"id": "chatcmpl-1", "model": "gpt-4o-2024-11-20", "system_fingerprint": "fp_1"}
_USAGE = {"prompt_tokens": 412, "completion_tokens": _EVENTS, "total_tokens": 412 + _EVENTS}
_HEADERS = "x-ratelimit-remaining-requests: 2749\r\nx-ms-deployment-name: gpt-4o\r\nx-request-id: 1\r\n"


def _choice(index: int) -> dict[str, Any]:
    reason = "stop" if index == _EVENTS - 1 else None
    return {"index": 0, "delta": {"content": " word"}, "finish_reason": reason, "content_filter_results": {}}


def _event(**fields: Any) -> bytes:
    data = b"data: " + json.dumps({**_NAMES, **fields}).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


_STREAM = [_event(choices=[_choice(index)]) for index in range(_EVENTS)]
_STREAM[-1] += _event(choices=[], usage=_USAGE) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
_ANSWER = json.dumps(
    {
        **_NAMES,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "word"}}],
        "usage": _USAGE,
    }
).encode()


class _Connection(asyncio.Protocol):
    requests = 0
    open = 0
    first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""
        _Connection.open += 1

    def connection_lost(self, _: Exception | None) -> None:
        _Connection.open -= 1

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not found or len(body) < (int(length[1]) if length else 0):
            return
        self._data = b""
        self._answer(head.split(b"\r\n", 1)[0], body)

    def _answer(self, line: bytes, body: bytes) -> None:
        if not line.startswith(b"POST"):
            counted = {"n": _Connection.requests, "open": _Connection.open, "t_first": _Connection.first}
            self._whole(json.dumps(counted).encode(), "")
            return
        _Connection.requests += 1
        _Connection.first = _Connection.first or time.time()
        delay, gap = (int(found[1]) / 1000 if (found := re.search(p, line)) else 0.0 for p in _PATHS)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if re.search(rb'"stream": ?true', body):
            loop.call_at(begun + delay, self._stream, begun, begun + delay, gap, 0)
        else:
            loop.call_at(begun + delay, lambda: self._whole(_ANSWER, _served(begun, loop.time())))

    def _whole(self, body: bytes, headers: str) -> None:
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        )
        self._transport.write(head.encode() + body)

    def _stream(self, begun: float, due: float, gap: float, index: int) -> None:
        loop = asyncio.get_running_loop()
        if self._transport.is_closing():
            return
        if index == 0:
            served = _served(begun, loop.time())
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
            self._transport.write((head + served + "\r\n").encode())
        self._transport.write(_STREAM[index])
        if index + 1 < _EVENTS:
            loop.call_at(due + gap, self._stream, begun, due + gap, gap, index + 1)


_PATHS = (rb"/d(\d+)/", rb"/i(\d+)/")


def _served(begun: float, now: float) -> str:
    return f"{_HEADERS}x-svc-us: {(now - begun) * 1e6:.0f}\r\n"


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
