"""The way to the service and back: connections, heads and cookies, over real sockets."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from aiohttp import web

from tests.support.service import Heard, ask, client_of, http, serving, speaking
from tests.support.typed import present
from tui.model import Outcome, OutcomeKind
from tui.service.transport import MAX_FIELD_BYTES, TimedTransport

ANSWER = {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello."}}]}
BODY = json.dumps(ANSWER).encode()
OK = http(BODY, fields=b"Content-Type: application/json\r\n")


async def answered_with(answer: bytes, *, stream: bool = False) -> tuple[Outcome, Outcome]:
    """The outcome of a request that is answered so, and of the next one, which is answered as it should be."""
    answers = iter((answer, OK))

    async def speech(_: Heard) -> bytes:
        return next(answers)

    async with speaking(speech) as url, client_of(url, stream=stream, timeout_s=5) as client:
        return await ask(client), await ask(client)


def one_line(text: str | None) -> bool:
    return text is not None and text != "" and text.isprintable()


async def test_a_netrc_adds_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "cookie", [b"ARRAffinity=backend1; Path=/", "sitzung=schön; Path=/".encode(), b"\xff\xfe=\x80", b";;==\x01"]
)
async def test_no_cookie_is_kept(cookie: bytes) -> None:
    heads = []

    async def speech(heard: Heard) -> bytes:
        heads.append(heard.head.lower())
        return http(
            BODY, fields=b"Content-Type: application/json\r\nSet-Cookie: " + cookie + b"\r\nSet-Cookie: b=c\r\n"
        )

    async with speaking(speech) as url, client_of(url, stream=False) as client:
        assert [(await ask(client)).kind for _ in range(3)] == [OutcomeKind.OK] * 3
    assert len(heads) == 3
    assert not any(b"cookie" in head for head in heads)


# --- a kept connection that is closed before a byte comes ---


@pytest.mark.parametrize("reset", [False, True])
async def test_a_kept_connection_that_was_closed_is_dialled_anew_once(reset: bool) -> None:
    bodies, times = list[bytes](), list[float]()

    async def speech(heard: Heard) -> bytes | None:
        times.append(client._clock())
        bodies.append(heard.body)
        if (heard.connection, heard.request) == (1, 2):
            if reset:
                heard.writer.transport.abort()
            return None
        return OK

    async with speaking(speech) as url, client_of(url, stream=False) as client:
        first, second, third = await ask(client), await ask(client), await ask(client)
    assert [o.kind for o in (first, second, third)] == [OutcomeKind.OK] * 3
    assert [o.reconnected for o in (first, second, third)] == [False, True, False]
    assert len(bodies) == 4
    assert bodies[1] == bodies[2]
    # Its time runs from the first try.
    assert second.sent_s <= times[1] <= times[2] <= second.sent_s + present(second.latency_ms) / 1000


async def test_the_rest_of_an_answer_before_it_is_no_answer() -> None:
    async def speech(heard: Heard) -> bytes | None:
        if heard.connection == 1:
            # Only behind the second request: before it the connection would have been closed.
            return b"HTTP/1.1 204 No Content\r\n\r\n" if heard.request == 1 else b'{"error": "too late"}'
        return OK

    async with speaking(speech) as url, client_of(url, stream=False) as client:
        assert (await ask(client)).kind is OutcomeKind.SERVER_ERROR
        second = await ask(client)
    assert (second.kind, second.reconnected) == (OutcomeKind.OK, True)


async def test_it_is_tried_once_more_and_no_more() -> None:
    async def speech(heard: Heard) -> bytes | None:
        return OK if (heard.connection, heard.request) == (1, 1) else None

    async with speaking(speech) as url, client_of(url, stream=False) as client:
        assert (await ask(client)).kind is OutcomeKind.OK
        lost = await ask(client)
    assert (lost.kind, lost.reconnected) == (OutcomeKind.CONNECTION_LOST, True)


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\nContent-", OK[:-5]])
async def test_a_fresh_connection_or_an_answer_that_began_is_not_tried_again(part: bytes) -> None:
    asked = 0

    async def speech(heard: Heard) -> bytes | None:
        nonlocal asked
        asked += 1
        if part and heard.request == 1:
            return OK
        heard.writer.write(part)
        return None

    async with speaking(speech) as url, client_of(url, stream=False) as client:
        if part:
            await ask(client)
        lost = await ask(client)
    assert (lost.kind, lost.reconnected) == (OutcomeKind.CONNECTION_LOST, False)
    assert asked == (2 if part else 1)


# --- heads ---


@pytest.mark.parametrize(
    "fields",
    [
        b"X-Long: " + b"x" * 20_000 + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (n, b"x" * 100) for n in range(500)),
        b"X-Twice: 1\r\nX-Twice: 2\r\nContent-Type: application/json\r\nContent-Type: text/plain\r\n",
        b"x-ms-region: West\x01\x1b[31m Europe\r\n",
        "x-ms-region: Österreich\r\n".encode("latin-1"),
        b"X-Empty:\r\n",
    ],
    ids=["long", "many", "twice", "control", "latin", "empty"],
)
async def test_a_strange_head_is_read_as_other_clients_read_it(fields: bytes) -> None:
    strange, after = await answered_with(http(BODY, fields=fields))
    assert strange.kind is OutcomeKind.OK, strange.error
    assert after.kind is OutcomeKind.OK


@pytest.mark.parametrize(
    "answer",
    [
        http(BODY, fields=b"X-Endless: " + b"x" * (2 * MAX_FIELD_BYTES) + b"\r\n"),
        http(BODY, fields=b"Content-Length: 5\r\n"),
        http(BODY, fields=b"Transfer-Encoding: chunked\r\n"),
        http(BODY, fields=b"X: a\x00b\nY\r\n\x00: 1\r\n"),
        http(BODY, "20 OK"),
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28" * 9,
        b"\r\n" * 400 + b"\x00" * 9,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x05",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_no_http_is_one_line_and_spoils_nothing(answer: bytes, stream: bool) -> None:
    async def speech(heard: Heard) -> bytes | None:
        if heard.connection == 1:
            heard.writer.write(answer)
            return None
        return OK

    async with speaking(speech) as url, client_of(url, stream=stream, timeout_s=5) as client:
        broken, after = await ask(client), await ask(client)
    assert broken.kind in (OutcomeKind.CONNECTION_LOST, OutcomeKind.SERVER_ERROR)
    assert one_line(broken.error)
    assert after.kind is OutcomeKind.OK


@pytest.mark.parametrize(
    "rest", [b"zz\r\nhello\r\n", b"5\r\nhelloX\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5\r\nhe", b""]
)
async def test_chunks_that_break_off_or_are_none(rest: bytes) -> None:
    """The head has come before, so that it is the body that breaks."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    go_on = asyncio.Event()

    async def speech(heard: Heard) -> bytes | None:
        heard.writer.write(head)
        await go_on.wait()
        heard.writer.write(rest)
        return None

    way = TimedTransport(max_connections=1, timeout_s=5, clock=time.perf_counter)
    async with (
        asyncio.timeout(20),
        speaking(speech) as url,
        httpx2.AsyncClient(transport=way) as client,
        client.stream("POST", url, json={}) as response,
    ):
        chunks = response.aiter_bytes()
        assert await anext(chunks) == b"{"
        go_on.set()
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            [chunk async for chunk in chunks]


# --- no socket left on this machine ---


@contextmanager
def no_file_left() -> Iterator[None]:
    """Takes every file that this process may still open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [socket.socket()]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0].fileno() + 8, hard))
    try:
        while True:
            try:
                taken.append(socket.socket())
            except OSError:
                break
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in taken:
            one.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_no_file_left_is_no_fault_of_the_service(host: str) -> None:
    async def speech(_: Heard) -> bytes:
        return OK

    async with speaking(speech) as url, client_of(re.sub("127.0.0.1", host, url), stream=False) as client:
        await asyncio.to_thread(str)  # its executor is a module, which is read from a file
        with no_file_left():
            starved = await ask(client)
            probe = await client.probe("main")
        after = await ask(client)
    assert starved.kind is OutcomeKind.CLIENT_SATURATED
    assert starved.saturated
    assert starved.latency_ms is None
    assert "ulimit -n" in present(starved.error)
    assert probe.verdict == "unreachable"
    assert "ulimit -n" in probe.text
    assert after.kind is OutcomeKind.OK
