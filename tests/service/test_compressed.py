"""Answers that a gateway compresses although identity was asked, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import importlib
import json
import random
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

import httpx2
import pytest
from aiohttp import web

from tests.support.service import Heard, ask, client_of, http, serving, speaking
from tests.support.typed import present
from tui.model import OutcomeKind, Usage
from tui.service import _compressed as compressed
from tui.service import transport

with suppress(ImportError):
    import brotli
with suppress(ImportError):
    zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

ANSWER = {
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello. " * 300}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
}
EVENTS = [
    {"model": "m", "choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"model": "m", "choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]},
    {"choices": [], "usage": ANSWER["usage"]},
]
SSE = [f"data: {json.dumps(event)}\n\n".encode() for event in EVENTS] + [b"data: [DONE]\n\n"]
LIMITED = {"error": {"code": "429", "message": "slow down"}}


@pytest.fixture(autouse=True)
def with_its_library(request: pytest.FixtureRequest) -> None:
    coding = getattr(request.node, "callspec", None) and request.node.callspec.params.get("coding", "")
    for name, (library, there) in compressed._LIBRARIES.items():
        if name in (coding or "") and not there:
            pytest.skip(f"{name} is not read here: pip install {library}")


def deflate_raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "DEFLATE ": deflate_raw,
    "br": lambda data: brotli.compress(data),
    "zstd": lambda data: zstd.compress(data),
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
    "br,identity,zstd": lambda data: zstd.compress(brotli.compress(data)),
    "gzip\r\nContent-Encoding: gzip": lambda data: gzip.compress(gzip.compress(data)),
    "identity": lambda data: data,
    "utf-8": lambda data: data,
}
"""Content-Encoding as it is sent, and what it does."""


def packed(coding: str, data: bytes, status: str = "200 OK", of: str = "application/json") -> bytes:
    fields = f"Content-Type: {of}\r\nContent-Encoding: {coding}\r\n".encode()
    return http(PACK[coding](data), status, fields=fields)


@pytest.mark.parametrize("coding", PACK)
async def test_each_coding_in_each_kind_of_answer(coding: str) -> None:
    answers = iter(
        (
            packed(coding, json.dumps(ANSWER).encode()),
            packed(coding, b"".join(SSE), of="text/event-stream"),
            packed(coding, json.dumps(LIMITED).encode(), "429 Too Many Requests"),
        )
    )

    async def speech(_: Heard) -> bytes:
        return next(answers)

    async with speaking(speech) as url:
        async with client_of(url, stream=False, keep_text=True) as client:
            whole = await ask(client)
        async with client_of(url, keep_text=True) as client:
            streamed, limited = await ask(client), await ask(client)
    assert (whole.kind, whole.usage, whole.answer_text) == (OutcomeKind.OK, Usage(3, 4), "Hello. " * 300)
    assert (streamed.kind, streamed.usage, streamed.answer_text) == (OutcomeKind.OK, Usage(3, 4), "Hello")
    assert streamed.ttft_ms is not None
    assert limited.kind is OutcomeKind.RATE_LIMITED
    assert limited.error == "HTTP 429: slow down"


def gzip_flushed() -> Callable[[bytes], bytes]:
    packer = zlib.compressobj(wbits=31)
    return lambda data: packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def deflate_flushed() -> Callable[[bytes], bytes]:
    packer = zlib.compressobj()
    return lambda data: packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def br_flushed() -> Callable[[bytes], bytes]:
    packer = brotli.Compressor()
    return lambda data: packer.process(data) + packer.flush()


def zstd_flushed() -> Callable[[bytes], bytes]:
    packer = zstd.ZstdCompressor()
    return lambda data: packer.compress(data, mode=packer.FLUSH_BLOCK)


@pytest.mark.parametrize(
    ("coding", "flushed"),
    [
        ("gzip", gzip_flushed),
        ("gzip", lambda: gzip.compress),  # a member for each event
        ("deflate", deflate_flushed),
        ("br", br_flushed),
        ("zstd", zstd_flushed),
        ("zstd", lambda: lambda data: zstd.compress(data)),
    ],
)
async def test_an_event_that_is_flushed_comes_through_at_once(
    coding: str, flushed: Callable[[], Callable[[bytes], bytes]]
) -> None:
    """The service holds the rest back until the first event was read."""
    pack, go_on = flushed(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": coding})
        await response.prepare(request)
        await response.write(pack(SSE[0]))
        await go_on.wait()
        for event in SSE[1:]:
            await response.write(pack(event))
        return response

    exchange = transport.Exchange()
    transport.current_exchange.set(exchange)
    way = transport.TimedTransport(max_connections=1, timeout_s=5, clock=time.perf_counter)
    async with (
        asyncio.timeout(20),
        serving(handler) as url,
        httpx2.AsyncClient(transport=way) as client,
        client.stream("POST", url, json={}) as response,
    ):
        assert "content-encoding" not in response.headers
        chunks = response.aiter_bytes()
        first, first_s = await anext(chunks), exchange.last_byte_s
        go_on.set()
        rest = b"".join([chunk async for chunk in chunks])
    assert first == SSE[0]
    assert rest == b"".join(SSE[1:])
    assert present(exchange.sent_s) < present(first_s) < present(exchange.last_byte_s)


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("gzip", b'{"choices": []}', "not gzip"),
        ("gzip", gzip.compress(json.dumps(ANSWER).encode(), mtime=0)[:10] + b"\xff" * 30, "not gzip"),
        ("deflate", b"\x78\x9c" + b"\xff" * 30, "not deflate"),
        ("br", b"\x00\x01\x02" * 20, "not br"),
        ("zstd", b"\x00\x01\x02" * 20, "not zstd"),
        ("gzip, deflate", zlib.compress(b"no gzip"), "not gzip"),
        ("compress", b"\x1f\x9d\x90\x00" * 20, "compressed with compress, which canarytop cannot read"),
        ("x\tsnappy", b"\xff\x06\x00\x00sNaPpY", "compressed with x snappy"),
        ("gzip, gzip, gzip, gzip, gzip", b"", "5 times over"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_body_that_is_not_what_its_head_says(coding: str, body: bytes, said: str, stream: bool) -> None:
    of = "text/event-stream" if stream else "application/json"
    fields = f"Content-Type: {of}\r\nContent-Encoding: {coding}\r\n".encode()
    good = http(json.dumps(ANSWER).encode(), fields=b"Content-Type: application/json\r\n")
    answers = iter((http(body, fields=fields), good, http(body, "503 Busy", fields=fields), good))

    async def speech(_: Heard) -> bytes:
        return next(answers)

    async with speaking(speech) as url, client_of(url, stream=stream, timeout_s=5) as client:
        broken, after, refused, after_that = [await ask(client) for _ in range(4)]
    assert broken.kind is OutcomeKind.SERVER_ERROR
    assert said in present(broken.error)
    assert broken.latency_ms is None
    assert (refused.kind, refused.http_status) == (OutcomeKind.SERVER_ERROR, 503)
    assert said in present(refused.error)
    assert {after.kind, after_that.kind} == {OutcomeKind.OK}


@pytest.mark.parametrize(("coding", "library"), [("br", "Brotli"), ("zstd", "backports.zstd")])
async def test_a_library_that_is_not_there_is_named(
    coding: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(compressed._LIBRARIES, coding, (library, False))
    answers = iter((packed(coding, b"{}"), packed(coding, json.dumps(LIMITED).encode(), "429 Slow down")))

    async def speech(_: Heard) -> bytes:
        return next(answers)

    said = f"the answer is compressed with {coding}, which this installation cannot read: pip install {library}"
    async with speaking(speech) as url, client_of(url, stream=False) as client:
        broken, limited = await ask(client), await ask(client)
    assert (broken.kind, broken.error) == (OutcomeKind.SERVER_ERROR, said)
    assert (limited.kind, limited.error) == (OutcomeKind.RATE_LIMITED, f"HTTP 429: {said}")


ZEROS = b"\0" * 4_000_000


def bomb_of(coding: str) -> bytes:
    if coding == "gzip, gzip":  # it swells before the last coding is off
        return gzip.compress(gzip.compress(b"{}") + ZEROS)
    return PACK[coding](ZEROS)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_a_bomb_is_cut_off(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_BODY_BYTES", 1_000_000)
    bomb = bomb_of(coding)
    decompressor = present(compressed.decompressor_of([coding], 1_000_000))
    assert max(map(len, pieces_of(decompressor, bomb))) <= 2 * compressed.STEP_BYTES

    fields = f"Content-Type: application/json\r\nContent-Encoding: {coding}\r\n".encode()
    good = http(json.dumps(ANSWER).encode(), fields=b"Content-Type: application/json\r\n")
    answers = iter((http(bomb, fields=fields), good))

    async def speech(_: Heard) -> bytes:
        return next(answers)

    async with speaking(speech) as url, client_of(url, stream=False) as client:
        cut, after = await ask(client), await ask(client)
    assert cut.kind is OutcomeKind.CONNECTION_LOST
    assert "cut off" in present(cut.error)
    assert after.kind is OutcomeKind.OK


def pieces_of(decompressor: compressed.Decompressor, data: bytes) -> list[bytes]:
    pieces = [b""]
    with pytest.raises(compressed.AnswerTooLong):
        pieces.extend(decompressor.feed(data))
    return pieces


@pytest.mark.parametrize("coding", [c for c in PACK if "\r" not in c])
def test_however_it_is_cut_the_bytes_are_the_same(coding: str) -> None:
    rng = random.Random(7)
    body = bytes(rng.choices(range(97, 101), k=150_000)) + b"z" * 300_000
    data = PACK[coding](body)
    for most in (1, 60, 5_000, 10**6):
        decompressor = compressed.decompressor_of([coding], 10**6)
        taken, start = list[bytes](), 0
        while start < len(data):
            end = start + rng.randint(1, most)
            chunk, start = data[start:end], end
            taken += [chunk] if decompressor is None else decompressor.feed(chunk)
        assert b"".join(taken) == body


@pytest.mark.parametrize("padding", [b"", b"\0" * 8, b"junk", gzip.compress(b"b", mtime=0)])
def test_what_stands_behind_a_gzip_member(padding: bytes) -> None:
    decompressor = present(compressed.decompressor_of(["gzip"], 10**6))
    expected = b"ab" if padding[:1] == b"\x1f" else b"a"
    assert b"".join(decompressor.feed(gzip.compress(b"a") + padding)) == expected
