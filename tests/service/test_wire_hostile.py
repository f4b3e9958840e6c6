"""Answers that are broken at random: none raises, none hangs, none harms the request that follows it."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
from collections import Counter

from tests.service.test_wire_cases import CASES, RIGHT, WHOLE_STREAM
from tests.support.service import Heard, ask, client_of, http, speaking
from tui.model import ANSWERED, Outcome, OutcomeKind

SEED = 20261130
PATIENCE_S = 5.0
SEEDS = [(reply.body, reply.status, reply.headers) for reply, _ in CASES.values()]
PARTS = [
    *(
        b"data: ",
        b"data: [DONE]\n\n",
        b"event: error\n",
        b":\n",
        b"\r",
        b"\n\n",
        b"\xef\xbb\xbf",
        b"\x00",
        b"\xff",
    ),
    *(b'"', b"\\", b"\\ud800", b"{", b"]", b"null", b"[" * 300, b"9" * 400, b"1e999", b"NaN", b"<html>"),
    *(b'"error":', b'"usage":'),
]
HEADS = [
    b"Retry-After: Mon, 01 Jan 99999999999999 00:00:00 GMT\r\n",
    b"Retry-After: 1e999\r\nretry-after-ms: nan\r\n",
    b"Content-Type: text/plain; charset=undefined\r\n",
    b"Content-Type: application/json; charset=utf-16\r\n",
    b"Set-Cookie: k=\xc3\xa9\xff; Path=/\r\n",
    b"x-request-id: \x1b[2J\xe9\r\nx-ms-region: " + b"y" * 5000 + b"\r\n",
    b"x-ratelimit-limit-tokens: \xd9\xa3\r\nx-ms-deployment-name: \xff\r\n",
    b"Content-Encoding: deflate\r\n",
    b"Content-Encoding: gzip, br, zstd\r\n",
    b"Content-Encoding: x\x0b\r\n",
]
STATUSES = ["200 OK", "204 No Content", "302 Found", "400 Bad Request", "403 X", "429 \xe9", "503", "599 X"]


def mutated(rng: random.Random, body: bytes) -> bytes:
    """``body`` with a few of its bytes lost, changed, moved or doubled, or with a part that has a meaning."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 5)):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice((1, 1, 4, 40, 400)))
        match rng.randrange(6):
            case 0:
                del data[at:end]
            case 1:
                data[at:at] = rng.choice(PARTS)
            case 2:
                data[at:at] = data[at:end]
            case 3:
                data[at:end] = bytes(reversed(data[at:end]))
            case 4:
                data[at:end] = rng.randbytes(end - at)
            case _:
                other = rng.choice(SEEDS)[0]
                data[at:] = other[rng.randint(0, len(other)) :]
    return bytes(data)


def answers(count: int, seed: int = SEED) -> list[tuple[list[bytes], bool]]:
    """What is written to the socket, in how many pieces, and whether the service hangs up behind it."""
    rng = random.Random(seed)
    made = []
    for n in range(count):
        body, status, headers = SEEDS[n % len(SEEDS)]
        body = mutated(rng, body)
        line = f"{status} X" if rng.random() < 0.7 else rng.choice(STATUSES)
        head = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        if rng.random() < 0.3:
            head += rng.choice(HEADS)
        if rng.random() < 0.1:
            body, head = gzip.compress(body), b"Content-Encoding: gzip\r\n"
            body = mutated(rng, body) if rng.random() < 0.5 else body
        wire = http(body, line, fields=head)
        hangs_up = rng.random() < 0.2
        if hangs_up and rng.random() < 0.5:
            wire = wire[: rng.randint(1, len(wire))]
        if rng.random() < 0.05:
            wire, hangs_up = mutated(rng, wire), True
        size = rng.choice((1, 3, 17, 200, 10**6)) if len(wire) < 3000 else 10**6
        made.append(([wire[at : at + size] for at in range(0, len(wire), size)], hangs_up))
    return made


async def asked(broken: list[tuple[list[bytes], bool]]) -> list[tuple[Outcome, Outcome]]:
    """The outcome of each broken answer, and that of a good one right after it by the same client."""
    upcoming: list[tuple[list[bytes], bool]] = []

    async def speech(heard: Heard) -> bytes | None:
        if b'"temperature"' not in heard.body:
            return http(WHOLE_STREAM)
        pieces, hangs_up = upcoming[0]
        for piece in pieces:
            heard.writer.write(piece)
            await heard.writer.drain()
            await asyncio.sleep(0)
        return None if hangs_up else b""

    pairs = []
    async with speaking(speech) as url, client_of(url, timeout_s=PATIENCE_S) as client:
        for answer in broken:
            upcoming[:] = [answer]
            pairs.append((await ask(client, params={"temperature": 1}), await ask(client)))
    return pairs


async def test_broken_answers_end_in_an_outcome_and_harm_no_other() -> None:
    pairs = await asked(answers(300))
    for n, (broken, good) in enumerate(pairs):
        assert (good.kind, good.usage) == (OutcomeKind.OK, RIGHT), n
        assert broken.kind not in (OutcomeKind.TIMEOUT, OutcomeKind.CANCELLED) or broken.http_status in (
            408,
            499,
        ), n
        if broken.kind is not OutcomeKind.COMPLETION_FILTERED:  # an answer, or the end of one by an error
            assert (broken.latency_ms is not None, broken.error is None) == ((broken.kind in ANSWERED,) * 2), n
        assert re.match(r"\w+Error\b", broken.error or "") is None, (n, broken.error)
    assert len(Counter(broken.kind for broken, _ in pairs)) > 5
