"""Viewers at the door of an engine: over a real socket, with the simulator behind it."""

from __future__ import annotations

import math
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine_runs import NEW, OLD, beside, engine_of, pretend, rollout, simulator
from tui.cockpit.connection import Connection, EngineGone
from tui.engine.messages import (
    HEAD,
    PROTOCOL,
    Hello,
    Past,
    Stop,
    Update,
    Welcome,
    from_engine,
    length_of,
    packed,
    whole,
)
from tui.engine.server import Server
from tui.engine.sockets import NoSocket, connected, live_sockets, socket_path, sockets_folder
from tui.engine.thread import Engine
from tui.model import EventKind, Second, Snapshot, TrafficState
from tui.model.commands import AddToRollout, Mark, Nudge, RollBack, SaveProfile, Shift
from tui.routing.controller import CommandRefused, NothingToDo
from tui.weight_profiles import WeightProfile

WAIT_S = 30.0


class Attached(Connection):
    """A viewer that can wait for what it sees."""

    def until(self, condition: Callable[[Snapshot], object]) -> Snapshot:
        news = threading.Event()
        self.subscribe(lambda _: news.set())
        while not condition(snapshot := self.first_snapshot(WAIT_S)):
            assert news.wait(WAIT_S), f"it never came to that: {snapshot}"
            news.clear()
        return snapshot


@contextmanager
def served(
    folder: Path, *, unattended_s: float = math.inf, **options: Any
) -> Iterator[tuple[Engine, Callable[..., Attached]]]:
    """An engine with its door open, and a way to attach to it."""
    with tempfile.TemporaryDirectory(prefix="ct-") as short, ExitStack() as stack:
        path = Path(short) / "run1.sock"
        welcome = Welcome(PROTOCOL, "1.2.3", "run1", "test", 1, 0, kept_by_viewers=True)
        server = Server(path, welcome, unattended_s=unattended_s, now=lambda: datetime.now(UTC))
        url = stack.enter_context(beside(simulator(pretend(OLD, NEW))))
        engine = engine_of(rollout(folder, url, **options), server=server)
        stack.callback(engine.stop)
        engine.start()

        def attach(name: str = "ann", protocol: int = PROTOCOL, **more: Any) -> Attached:
            viewer = Attached(path, Hello(protocol, "1.2.3", name, "pts/1", **more))
            stack.callback(viewer.close)
            return viewer

        yield engine, attach


def test_a_viewer_sees_what_the_engine_sees(tmp_path: Path) -> None:
    with served(tmp_path) as (engine, attach):
        first = attach()
        assert first.welcome.run_id == "run1"
        seen = first.until(lambda s: len(s.history) > 1 and s.deployments[NEW].figures["run"])
        late = attach("bob")
        assert late.until(lambda s: s.at_s >= seen.at_s).history[: len(seen.history)] == seen.history
        engine.stop()
        assert first.ended.result(WAIT_S) == 0
        own, theirs = engine.snapshot(), first.snapshot()
        assert theirs.history == own.history
        assert theirs.deployments == own.deployments
        assert [e.text for e in theirs.events] == [e.text for e in own.events]
        assert theirs.state is TrafficState.STOPPED


def test_commands_of_a_viewer_are_its_persons(tmp_path: Path) -> None:
    with served(tmp_path) as (_, attach):
        ann = attach()
        event = ann.send(Shift(NEW, 20.0), actor="whoever").result(WAIT_S)
        assert (event.actor, event.after) == ("ann", {"default": {OLD: 80.0, NEW: 20.0}})
        assert ann.snapshot().weights == {"default": {OLD: 80.0, NEW: 20.0}}, "it is in the newest snapshot"
        with pytest.raises(CommandRefused, match="no deployment is named nobody"):
            ann.send(Shift("nobody", 20.0), actor="ann").result(WAIT_S)
        ann.send(RollBack(), actor="ann").result(WAIT_S)
        with pytest.raises(NothingToDo):
            ann.send(RollBack(), actor="ann").result(WAIT_S)
        ann.send(SaveProfile("now", "by wire"), actor="ann").result(WAIT_S)
        [profile] = ann.profiles().result(WAIT_S)
        assert isinstance(profile, WeightProfile)
        assert (profile.name, profile.saved_by, profile.weights["default"][NEW]) == ("now", "ann", 0.0)


def test_one_is_in_control_and_lowering_is_for_all(tmp_path: Path) -> None:
    with served(tmp_path) as (_, attach):
        ann, bob, eve = attach(), attach("bob"), attach("eve", read_only=True)
        for viewer in (ann, bob, eve):
            viewer.until(
                lambda s: (
                    [(v.name, v.in_control) for v in s.viewers][:3]
                    == [("ann", True), ("bob", False), ("eve", False)]
                )
            )
        for raising in (
            Shift(NEW, 60.0),
            Nudge(NEW, 5.0),
            Nudge(OLD, -5.0),
            Mark("x"),
            AddToRollout("main", "y"),
        ):
            with pytest.raises(
                CommandRefused, match=r"ann \(pts/1\) is in control of this run: take over first"
            ):
                bob.send(raising, actor="bob").result(WAIT_S)
        assert bob.send(Nudge(NEW, -5.0), actor="bob").result(WAIT_S).actor == "bob"
        assert bob.send(RollBack(), actor="bob").result(WAIT_S).actor == "bob"
        bob.take_over().result(WAIT_S)
        ann.until(lambda s: [v.name for v in s.viewers if v.in_control] == ["bob"])
        assert bob.send(Shift(NEW, 30.0), actor="bob").result(WAIT_S).actor == "bob"
        with pytest.raises(CommandRefused, match="bob"):
            ann.send(Mark("mine"), actor="ann").result(WAIT_S)
        for asked in (eve.take_over(), eve.stop(), eve.send(RollBack(), actor="eve")):
            with pytest.raises(CommandRefused, match="read-only"):
                asked.result(WAIT_S)
        bob.close()
        ann.until(lambda s: not [v for v in s.viewers if v.in_control])
        assert ann.send(Mark("free again"), actor="ann").result(WAIT_S).text == "free again"
        said = [e.text for e in ann.snapshot().events if e.kind is EventKind.VIEWER]
        assert said == [
            "bob (pts/1) attached (looks on)",
            "eve (pts/1) attached (read-only)",
            "bob (pts/1) takes over control",
            "bob (pts/1) is gone; the run goes on",
        ]


def test_a_viewer_that_does_not_read_holds_nobody(tmp_path: Path) -> None:
    with served(tmp_path) as (engine, attach):
        ann = attach()
        ann.until(lambda s: s.history)
        slow = connected(ann.path, None)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(packed(Hello(PROTOCOL, "1", "slow")))
        ann.until(lambda s: len(s.viewers) == 2)
        for n in range(300):
            ann.send(Mark(f"{n} " + "x" * 600), actor="ann").result(WAIT_S)
        assert engine.snapshot().events[-1].text.startswith("299 ")
        # It has lost snapshots; what comes when it reads again is whole.
        frames = _frames(slow)
        assert isinstance(next(frames), Welcome)
        updates, snapshot, past = 0, None, dict[str | None, tuple[Second, ...]]()
        while snapshot is None or not snapshot.events[-1].text.startswith("299 "):
            match next(frames):
                case Past(task, seconds):
                    past[task] = (*past.get(task, ()), *seconds)
                case Update() as news:
                    updates, snapshot = updates + 1, whole(snapshot, news, past)
        assert updates < 200
        assert [e.text.split()[0] for e in snapshot.events if e.kind is EventKind.MARKED] == [
            str(n) for n in range(300)
        ]
        slow.close()
        ann.until(lambda s: len(s.viewers) == 1)


def _frames(source: socket.socket) -> Iterator[Any]:
    while True:
        body = _exactly(source, length_of(_exactly(source, HEAD)))
        yield from_engine(body)


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += (part := source.recv(count - len(data)))
        assert part
    return data


def test_another_version_may_roll_back_and_stop_and_sees_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as (engine, attach):
        old = attach(protocol=PROTOCOL + 1)
        assert old.send(RollBack(), actor="ann").result(WAIT_S).kind is EventKind.ROLLED_BACK
        with pytest.raises(EngineGone, match="shows nothing"):
            old.first_snapshot(0.0)
        old.stop().result(WAIT_S)
        assert old.ended.result(WAIT_S) == 0
        assert engine.ended.result(WAIT_S) == 0


def test_noise_is_let_go_and_harms_nobody(tmp_path: Path) -> None:
    with served(tmp_path) as (_, attach):
        ann = attach()
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 8, packed(Stop(1)), b"\x00\x00\x00\x01\xc1"):
            with connected(ann.path, WAIT_S) as other:
                other.sendall(noise)
                assert other.recv(1) == b""
        assert ann.send(Mark("still here"), actor="ann").result(WAIT_S).text == "still here"


def test_who_leaves_is_not_lost(tmp_path: Path) -> None:
    with served(tmp_path, unattended_s=0.0) as (engine, attach):
        ann = attach()
        ann.until(lambda s: s.history)
        ann.leave()
        ann.close()
        bob = attach("bob")
        seen = bob.until(lambda s: any("ann" in e.text and "left" in e.text for e in s.events))
        assert seen.ends_at is None
        assert not engine.ended.done()


def test_a_run_that_lost_its_last_viewer_ends(tmp_path: Path) -> None:
    with served(tmp_path, unattended_s=0.0) as (engine, attach):
        attach().close()
        assert engine.ended.result(WAIT_S) == 0
        said = [e.text for e in engine.snapshot().events if e.kind is EventKind.UNATTENDED]
        assert said[0] == "nobody looks on any more: the run ends at once"


def test_who_comes_back_in_time_keeps_the_run(tmp_path: Path) -> None:
    with served(tmp_path, unattended_s=600.0) as (engine, attach):
        attach().close()
        bob = attach("bob")
        seen = bob.until(lambda s: any(e.kind is EventKind.UNATTENDED for e in s.events))
        assert "the run ends in 10 min unless somebody attaches" in next(
            e.text for e in seen.events if e.kind is EventKind.UNATTENDED
        )
        assert bob.until(lambda s: s.ends_at is None).state is TrafficState.RUNNING
        assert not engine.ended.done()


def test_the_time_that_was_given_on_leaving_counts(tmp_path: Path) -> None:
    with served(tmp_path) as (engine, attach):
        ann = attach()
        ann.first_snapshot(WAIT_S)
        ann.leave(0.0)
        assert ann.ended.result(WAIT_S) == 0
        assert engine.ended.result(WAIT_S) == 0


def test_sockets_are_found_newest_first_and_dead_ones_go(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ct-") as runtime:
        folder = sockets_folder({"XDG_RUNTIME_DIR": runtime})
        assert folder.stat().st_mode & 0o777 == 0o700
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(socket_path(folder, "dead")))
        dead.close()
        with socket.socket(socket.AF_UNIX) as alive:
            alive.bind(str(socket_path(folder, "alive")))
            alive.listen()
            assert live_sockets(folder) == [socket_path(folder, "alive")]
        assert not socket_path(folder, "dead").exists()
        folder.chmod(0o755)
        with pytest.raises(NoSocket, match="not yours alone"):
            sockets_folder({"XDG_RUNTIME_DIR": runtime})
        with pytest.raises(NoSocket, match="longer than a socket may be"):
            socket_path(Path("/" + "x" * 90), "0123456789abcdef")
