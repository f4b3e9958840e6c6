"""What breaks around a run: the service, the source file, the disk. It is said, and the run goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.engine_runs import (
    NEW,
    OLD,
    WAIT_S,
    Beside,
    beside,
    done,
    finished,
    kinds,
    pretend,
    recorded,
    rollout,
    running,
    total,
    until,
)
from tests.support.service import serving
from tui.model import EventKind, OutcomeKind, Snapshot, VerdictState
from tui.model.commands import PauseTraffic, RollBack
from tui.record.record import read_events, read_run
from tui.rollout import SourceSpec
from tui.simulator.server import Simulator

ONE = {OLD: 100.0, NEW: 0.0}


@pytest.fixture
def there() -> Iterator[Beside]:
    loop = Beside()
    yield loop
    loop.close()


def said(snapshot: Snapshot, kind: EventKind) -> list[str]:
    return [event.text for event in snapshot.events if event.kind is kind]


def test_a_service_that_dies_and_comes_back(there: Beside, tmp_path: Path) -> None:
    first = Simulator(pretend(OLD, NEW))
    port = there.run(first.start())
    of = rollout(tmp_path, f"http://127.0.0.1:{port}")
    with running(of, record=recorded(tmp_path, of)) as engine:
        until(engine, lambda s: all(total(s, name).requests > 5 for name in (OLD, NEW)))
        there.run(first.stop())
        gone = until(engine, lambda s: all(view.unreachable for view in s.deployments.values()))
        assert len(said(gone, EventKind.UNREACHABLE)) == 2
        second = Simulator(pretend(OLD, NEW), port=port)
        assert there.run(second.start()) == port
        back = until(engine, lambda s: not any(view.unreachable for view in s.deployments.values()))
        again = [text for text in said(back, EventKind.REACHABLE) if "able to serve" not in text]
        assert sorted(again) == [f"{n} answers again" for n in (NEW, OLD)]
        answered = sum(total(back, name).kinds[OutcomeKind.OK] for name in (OLD, NEW))
        until(engine, lambda s: sum(total(s, n).kinds[OutcomeKind.OK] for n in (OLD, NEW)) > answered + 20)
        last = finished(engine)
        lost = sum(total(last, name).kinds[OutcomeKind.CONNECTION_LOST] for name in (OLD, NEW))
        assert lost >= 10
        assert set().union(*(total(last, n).kinds for n in (OLD, NEW))) == {
            OutcomeKind.OK,
            OutcomeKind.CONNECTION_LOST,
        }
        # Both simulators together have seen every request that reached one.
        seen = [
            sum(one["outcomes"].get("ok", 0) for one in simulator.truth.as_json()["deployments"].values())
            for simulator in (first, second)
        ]
        answered = sum(total(last, name).kinds[OutcomeKind.OK] for name in (OLD, NEW))
        assert answered <= sum(seen) <= answered + lost
        there.run(second.stop())
    assert EventKind.REACHABLE in kinds(read_events(tmp_path / "run1.sqlite"))


@pytest.mark.parametrize(("status", "wait"), [(429, "200000"), (429, "60"), (503, "7500"), (403, "7500")])
def test_a_canary_that_is_told_to_wait_gets_nothing_and_is_blamed_for_nothing(
    tmp_path: Path, status: int, wait: str
) -> None:
    asked = []

    async def serve(request: web.Request) -> web.StreamResponse:
        if f"/{NEW}/" not in request.path:
            choice = {"index": 0, "message": {"content": "OK"}, "finish_reason": "stop"}
            return web.json_response({"model": "gpt-4o-2024-11-20", "choices": [choice]})
        asked.append(request.path)
        body = {"error": {"code": str(status), "message": "not now"}}
        return web.json_response(body, status=status, headers={"retry-after": wait})

    with (
        beside(serving(serve)) as url,
        running(rollout(tmp_path, url, stream=False)) as engine,
    ):
        until(engine, lambda s: s.deployments[NEW].throttled_s > 0)
        under_way = len(asked)
        until(engine, lambda s: s.deployments[NEW].held_back > 200)
        last = finished(engine)
    view = last.deployments[NEW]
    assert len(asked) == under_way == total(last, NEW).requests
    assert float(wait) - 60 < view.throttled_s <= float(wait)
    assert view.next_try_s is not None
    assert view.next_try_s <= 300
    assert total(last, NEW).throttled_pct == (100.0 if status == 429 else 0.0)
    assert total(last, NEW).error_pct == (0.0 if status == 429 else 100.0)
    split = next(v for v in last.verdicts[NEW] if v.criterion == "split")
    assert split.state is not VerdictState.WORSE
    worse = [event.text for event in last.events if event.kind is EventKind.WORSE]
    assert all(text.startswith(f"{NEW} WORSE (advisory): throttled ") for text in worse), worse


GARBAGE = {
    "no-json": (b"<html>it works!</html>", "application/json"),
    "half-a-document": (b'{"id": "x", "choices": [{"mess', "application/json"),
    "another-document": (b"[1, 2, 3]", "application/json"),
    "random-bytes": (bytes(range(256)) * 64, "application/octet-stream"),
    "nothing": (b"", "application/json"),
    "stream-of-nonsense": (b"data: {broken\n\ndata: [DONE]\n\n", "text/event-stream"),
    "5-mb-line": (b"x" * 5 * 2**20, "text/event-stream"),
    "5-mb-json": (b'{"a": "' + b"x" * 5 * 2**20 + b'"}', "application/json"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_garbage_is_an_error_of_the_server(stream: bool, tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        body, content_type = GARBAGE[request.path.split("/")[3]]
        return web.Response(body=body, headers={"content-type": content_type})

    weights = {what: 100 / len(GARBAGE) for what in GARBAGE}
    with (
        beside(serving(answer)) as url,
        running(rollout(tmp_path, url, weights=weights, stream=stream, rate=40.0, timeout_s=WAIT_S)) as engine,
    ):
        until(engine, lambda s: all(total(s, what).requests for what in GARBAGE))
        last = finished(engine)
    for what in GARBAGE:
        figures, error = total(last, what), last.deployments[what].last_error
        assert figures.latency_ms is None, what
        assert set(figures.kinds) <= {OutcomeKind.SERVER_ERROR, OutcomeKind.CONNECTION_LOST}, what
        assert error, what
        assert len(error) <= 240, what


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_stream_without_end_is_ended_by_the_timeout(stream: bool, tmp_path: Path) -> None:
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "and so on "}}]}\n\n'

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(chunk)
            await asyncio.sleep(0.005)

    with (
        beside(serving(answer)) as url,
        running(rollout(tmp_path, url, weights=ONE, stream=stream, rate=20.0, timeout_s=0.3)) as engine,
    ):
        until(engine, lambda s: total(s, OLD).kinds.get(OutcomeKind.TIMEOUT, 0) >= 5)
        last = finished(engine)
    assert set(total(last, OLD).kinds) == {OutcomeKind.TIMEOUT}
    assert "0.3 s" in (last.deployments[OLD].last_error or "")
    assert last.deployments[OLD].unreachable


def test_a_stream_that_never_stops_growing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.service.transport.MAX_BODY_BYTES", 2**20)
    chunk = b": comment\n" * 6000
    written = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal written
        await request.read()
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(chunk)
            written += len(chunk)

    with (
        beside(serving(answer)) as url,
        running(rollout(tmp_path, url, weights=ONE, rate=10.0, timeout_s=WAIT_S)) as engine,
    ):
        until(engine, lambda s: done(s) >= 3)
        engine.send(PauseTraffic(), actor="ann").result(WAIT_S)
        last = finished(engine)
    assert set(total(last, OLD).kinds) == {OutcomeKind.CONNECTION_LOST}
    assert "1 MB and was cut off" in (last.deployments[OLD].last_error or "")
    # What was written and not read lies in the buffers of the two sockets.
    assert written < done(last) * 32 * 2**20


def test_a_followed_source_that_is_truncated_and_rotated(there: Beside, tmp_path: Path) -> None:
    line = '{"messages": [{"role": "user", "content": "number %d, with some words to fill the line"}]}\n'
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(line % n for n in range(10)))
    simulator = Simulator(pretend(OLD, NEW))
    port = there.run(simulator.start())
    of = rollout(
        tmp_path,
        f"http://127.0.0.1:{port}",
        rate=200.0,
        sources=(SourceSpec("sampled", path=path, follow=True, loop=False),),
    )
    with running(of) as engine:

        def given(count: int) -> Snapshot:
            return until(engine, lambda s: s.sources[0].given >= count)

        assert given(10).sources[0].given == 10
        path.write_text("".join(line % n for n in range(4)))
        assert given(14).sources[0].given == 14
        with path.open("a") as file:
            file.write("{broken\n" + line % 5)
        assert given(15).sources[0].bad_lines == 1
        path.rename(tmp_path / "requests.jsonl.1")
        away = until(engine, lambda s: s.sources[0].error)
        assert not away.sources[0].ended
        path.write_text("".join(line % n for n in range(6)))
        assert given(21).sources[0].error is None
        last = finished(engine)
    texts = " | ".join(said(last, EventKind.SOURCE))
    assert [
        word in texts for word in ("was truncated", "was rotated", "waiting for it", "can be read again")
    ] == [True] * 4
    assert last.sender.sent == done(last) == 21
    there.run(simulator.stop())


class SmallDisk:
    """Connections to files that may have so many pages, until somebody makes room."""

    def __init__(self, pages: int) -> None:
        self.pages: int | None = pages

    def __call__(self, path: Path) -> sqlite3.Connection:
        conn = sqlite3.connect(path, timeout=1.0)
        if self.pages is not None:
            conn.execute(f"PRAGMA max_page_count = {self.pages}")
        return conn


def test_a_full_disk_is_said_and_the_run_goes_on(there: Beside, tmp_path: Path) -> None:
    simulator = Simulator(pretend(OLD, NEW))
    port = there.run(simulator.start())
    disk = SmallDisk(pages=20)
    of = rollout(tmp_path, f"http://127.0.0.1:{port}", rate=300.0)
    with running(of, record=recorded(tmp_path, of, connect=disk)) as engine:
        full = until(engine, lambda s: s.record.error)
        assert "full" in (full.record.error or "")
        assert "free some space there" in (full.record.error or "")
        assert str(tmp_path) in (full.record.error or "")
        engine.send(RollBack(reason="disk or not"), actor="ann").result(WAIT_S)
        on = until(engine, lambda s: done(s) > done(full) + 50 and s.record.waiting > 20)
        assert on.weights == {"default": {OLD: 100.0, NEW: 0.0}}
        assert on.record.dropped == 0
        disk.pages = None
        until(engine, lambda s: s.record.error is None and s.record.waiting < 20)
        last = finished(engine)
    run = read_run(tmp_path / "run1.sqlite")
    assert run.requests == done(last)
    assert run.ended_at is not None
    assert read_events(tmp_path / "run1.sqlite") == last.events
    there.run(simulator.stop())
