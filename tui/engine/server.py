"""The door of an engine: viewers attach over a Unix socket, see its snapshots and give it commands.

It lives on the engine's loop. A viewer that does not read loses snapshots, never answers, and never holds the
engine: what waits for it is bounded, and past that it is let go.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tui.base.text import plain, span
from tui.engine.messages import (
    HEAD,
    PROTOCOL,
    Answer,
    Ask,
    AskProfiles,
    BadFrame,
    Ended,
    Frame,
    FromViewer,
    Hello,
    Leave,
    Past,
    Samples,
    Stop,
    TakeOver,
    Welcome,
    from_viewer,
    length_of,
    packed,
    update,
)
from tui.engine.sockets import may_speak
from tui.model import ENGINE, Event, EventKind, Sample, Second, Snapshot, TrafficState, ViewerView
from tui.model.commands import Command, Nudge, RollBack
from tui.routing.controller import CommandRefused, LeftHalfDone, NothingToDo
from tui.weight_profiles import WeightProfile

_BEHIND_BYTES = 256 * 1024
"""What may wait for a viewer before it loses a snapshot."""

_GIVEN_UP_BYTES = 64 * 1024 * 1024
"""What may wait, answers included, before it is let go."""

_PART_S, _PART_SAMPLES = 600, 20
"""History and samples of one frame to whoever has just attached: packing it holds the loop for some ms."""

_HELLO_S, _FLUSH_S = 5.0, 1.0
_FIRST_VIEWER_S = 10.0
_NO_TRAFFIC = (TrafficState.ENDED, TrafficState.BUDGET_SPENT)


class Served(Protocol):
    """The engine as its door needs it; every method on its own loop."""

    def snapshot(self) -> Snapshot: ...
    def send(self, command: Command, *, actor: str) -> Future[Event]: ...
    def profiles(self) -> Future[Any]: ...
    def samples(self) -> tuple[Sample, ...]: ...
    def samples_note(self) -> str: ...
    def say(self, kind: EventKind, actor: str, text: str) -> None: ...
    def end(self, drain_s: float = 0.0, why: str = "") -> None: ...


class _Viewer:
    """One connection: what its other end has seen, and what is on its way there."""

    def __init__(self, writer: asyncio.StreamWriter, hello: Hello, view: ViewerView) -> None:
        self._writer = writer
        self.view = view
        self.looks = hello.looks and hello.protocol == PROTOCOL
        self.up_to_date: Snapshot | None = None
        """The snapshot that it has; None while its first is being sent."""
        self.samples: tuple[Sample, ...] = ()
        self.left = False
        """It said that it goes."""

    @property
    def waiting(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    def put(self, frame: Frame) -> None:
        """Send it when the other end takes it."""
        if self._writer.is_closing():
            return
        self._writer.write(packed(frame))
        if self.waiting > _GIVEN_UP_BYTES:
            self._writer.transport.abort()

    async def drain(self) -> None:
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


class Server:
    """Listens at ``path`` for viewers of one run. ``welcome`` is what they are told first, less their number.

    A run that is ``kept_by_viewers`` goes on for ``unattended_s`` (infinity: for ever) after the last of them
    was lost, and as long as it has traffic after the last has left on purpose. ``now`` is the wall clock, UTC.
    """

    def __init__(
        self, path: Path, welcome: Welcome, *, unattended_s: float, now: Callable[[], datetime]
    ) -> None:
        self.path = path
        self._welcome = welcome
        self._unattended_s = unattended_s
        self._now = now
        self._engine: Served | None = None
        self._baseline = ""
        self._attached: set[_Viewer] = set()
        self._viewers: dict[int, _Viewer] = {}
        """Those of them that look on."""
        self._count = 0
        self._listening: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._ends: asyncio.TimerHandle | None = None
        self._ends_at: datetime | None = None
        self._is_unattended = False
        self._ending = False

    # --- life ---

    async def open(self, engine: Served) -> None:
        """Begin to listen.

        Raises:
            OSError: The socket cannot be made.
        """
        self._engine, self._baseline = engine, engine.snapshot().baseline
        self._welcome = msgspec.structs.replace(self._welcome, samples_note=engine.samples_note())
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        self.path.chmod(0o600)
        self._listening = await asyncio.start_unix_server(self._connected, sock=listener)
        if self._welcome.kept_by_viewers and not math.isinf(self._unattended_s):
            # Whoever started it may be gone already.
            self._is_unattended = True
            self._end_in(max(self._unattended_s, _FIRST_VIEWER_S))

    async def close(self, lost: int, failure: str = "") -> None:
        """Tell every viewer that the run is over and listen no more."""
        if self._listening is None:
            return
        self._ending = True
        self._listening.close()
        self.path.unlink(missing_ok=True)
        for viewer in tuple(self._attached):
            viewer.put(Ended(lost, failure))
            viewer.close()
        if self._serving:
            _, stuck = await asyncio.wait(self._serving, timeout=_FLUSH_S)
            for task in stuck:
                task.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)

    # --- what viewers see ---

    def publish(self, snapshot: Snapshot) -> None:
        """Show a new snapshot to every viewer that keeps up."""
        seen = self.seen(snapshot)
        for viewer in tuple(self._viewers.values()):
            if viewer.up_to_date is not None and viewer.waiting <= _BEHIND_BYTES:
                self._show(viewer, seen)
        if (
            snapshot.state in _NO_TRAFFIC
            and self._count
            and not self._viewers
            and self._welcome.kept_by_viewers
        ):
            self._end("nobody looks on, and there is no more traffic")

    def seen(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with who looks on, and when that ends."""
        viewers = tuple(viewer.view for viewer in self._viewers.values() if viewer.looks)
        return replace(snapshot, viewers=viewers, ends_at=self._ends_at)

    def _show(self, viewer: _Viewer, snapshot: Snapshot) -> None:
        samples = self._live().samples()
        if samples is not viewer.samples:
            known = {sample.id: sample for sample in viewer.samples}
            changed = tuple(sample for sample in samples if known.get(sample.id) is not sample)
            viewer.samples = samples
            viewer.put(Samples(tuple(sample.id for sample in samples), changed))
        if viewer.up_to_date is not None:
            viewer.put(update(viewer.up_to_date, snapshot))
        viewer.up_to_date = snapshot

    async def _show_all(self, viewer: _Viewer) -> None:
        """Everything that there is, in parts between which the engine goes on."""
        snapshot, samples = self.seen(self._live().snapshot()), self._live().samples()
        histories: list[tuple[str | None, tuple[Second, ...]]] = [(None, snapshot.history)]
        for task, seconds in (*histories, *snapshot.task_history.items()):
            for first in range(0, len(seconds), _PART_S):
                viewer.put(Past(task, seconds[first : first + _PART_S]))
                await viewer.drain()
                await asyncio.sleep(0)
        for first in range(0, len(samples), _PART_SAMPLES):
            part = samples[: first + _PART_SAMPLES]
            viewer.put(Samples(tuple(sample.id for sample in part), part[first:]))
            await viewer.drain()
            await asyncio.sleep(0)
        viewer.samples = samples
        viewer.put(update(replace(snapshot, events=(), roll_backs=()), snapshot))
        viewer.up_to_date = snapshot

    # --- one viewer ---

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, BadFrame, TimeoutError):
            # Its other end is gone, or is no viewer; who sees nothing more knows it.
            return
        finally:
            self._serving.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket")
        if not may_speak(peer):
            return
        async with asyncio.timeout(_HELLO_S):
            hello = await _received(reader)
        if not isinstance(hello, Hello):
            return
        self._count += 1
        name, where = plain(hello.name, 40), plain(hello.where, 60)
        view = ViewerView(self._count, name, where, self._now(), read_only=hello.read_only)
        viewer = _Viewer(writer, hello, view)
        names = tuple(_named(one.view) for one in self._viewers.values())
        viewer.put(msgspec.structs.replace(self._welcome, viewer=viewer.view.id, viewers=names))
        self._attached.add(viewer)
        if hello.looks:
            self._enter(viewer)
        try:
            showing = asyncio.create_task(self._show_all(viewer)) if viewer.looks else None
            try:
                while True:
                    self._heard(viewer, await _received(reader))
            finally:
                if showing is not None:
                    showing.cancel()
                    await asyncio.gather(showing, return_exceptions=True)
        finally:
            self._attached.discard(viewer)
            if hello.looks:
                self._gone(viewer)

    def _heard(self, viewer: _Viewer, frame: FromViewer) -> None:
        match frame:
            case Ask(id, command):
                why = self._why_not(viewer, command)
                if why:
                    viewer.put(Answer(id, "refused", why))
                else:
                    self._answer(viewer, id, self._live().send(command, actor=viewer.view.name))
            case AskProfiles(id):
                self._answer(viewer, id, self._live().profiles())
            case TakeOver(id):
                viewer.put(self._taken_over(viewer, id))
            case Stop(id):
                if viewer.view.read_only:
                    viewer.put(Answer(id, "refused", "this viewer is read-only"))
                    return
                self._say(EventKind.VIEWER, viewer, "ends the run")
                viewer.put(Answer(id))
                self._ending = True
                self._live().end(why=f"{_named(viewer.view)} ended it")
            case Leave(ends_in_s):
                viewer.left = True
                if ends_in_s is not None:
                    self._end_in(ends_in_s)
            case Hello():
                raise BadFrame("a second hello")

    def _answer(self, viewer: _Viewer, id: int, future: Future[Any]) -> None:
        future.add_done_callback(lambda done: viewer.put(answer(id, done)))

    # --- who is in control ---

    def _why_not(self, viewer: _Viewer, command: Command) -> str:
        """Why this viewer may not give this command; empty where it may. What lowers the canary is for all."""
        if viewer.view.read_only:
            return "this viewer is read-only"
        lowers = isinstance(command, Nudge) and command.points < 0 and command.deployment != self._baseline
        if isinstance(command, RollBack) or lowers:
            return ""
        holder = next((one.view for one in self._viewers.values() if one.view.in_control), None)
        if holder is None:
            self._give_control(viewer)
        elif holder.id != viewer.view.id:
            return f"{_named(holder)} is in control of this run: take over first"
        return ""

    def _taken_over(self, viewer: _Viewer, id: int) -> Answer:
        if viewer.view.read_only:
            return Answer(id, "refused", "this viewer is read-only")
        if not viewer.view.in_control:
            self._say(EventKind.VIEWER, viewer, "takes over control")
            self._give_control(viewer)
            self.publish(self._live().snapshot())
        return Answer(id)

    def _give_control(self, viewer: _Viewer) -> None:
        for one in self._viewers.values():
            one.view = replace(one.view, in_control=one is viewer)

    def _enter(self, viewer: _Viewer) -> None:
        self._viewers[viewer.view.id] = viewer
        holder = next((one for one in self._viewers.values() if one.view.in_control), None)
        if holder is None and not viewer.view.read_only:
            self._give_control(viewer)
        if self._count > 1:
            control = "in control" if viewer.view.in_control else "looks on"
            how = "read-only" if viewer.view.read_only else control
            self._say(EventKind.VIEWER, viewer, f"attached ({how})")
        if self._ends is not None and self._is_unattended:
            self._ends.cancel()
            self._ends = self._ends_at = None
            self._is_unattended = False

    def _gone(self, viewer: _Viewer) -> None:
        del self._viewers[viewer.view.id]
        if self._ending:
            return
        self._say(EventKind.VIEWER, viewer, f"{'left' if viewer.left else 'is gone'}; the run goes on")
        lost = not (self._viewers or viewer.left or viewer.view.read_only)
        if not lost or math.isinf(self._unattended_s) or not self._welcome.kept_by_viewers:
            return
        self._is_unattended = True
        for_s = self._unattended_s
        when = f"in {span(for_s)} unless somebody attaches" if for_s > 0 else "at once"
        text = f"nobody looks on any more: the run ends {when}"
        self._live().say(EventKind.UNATTENDED, viewer.view.name, text)
        self._end_in(for_s)

    def _end_in(self, seconds: float) -> None:
        if self._ends is not None:
            self._ends.cancel()
        self._ends_at = self._now() + timedelta(seconds=seconds)
        self._ends = asyncio.get_running_loop().call_later(seconds, self._time_is_over)

    def _time_is_over(self) -> None:
        self._end("nobody came back" if self._is_unattended else "the time that was given on leaving is over")

    def _end(self, why: str) -> None:
        if not self._ending:
            self._ending = True
            self._live().say(EventKind.UNATTENDED, ENGINE, f"{why}: the run ends")
            self._live().end(why=why)

    def _say(self, kind: EventKind, viewer: _Viewer, text: str) -> None:
        self._live().say(kind, viewer.view.name, f"{_named(viewer.view)} {text}")

    def _live(self) -> Served:
        assert self._engine is not None, "opened with an engine"
        return self._engine


def answer(id: int, done: Future[Any]) -> Answer:
    """How an ask ended, as a frame."""
    if done.cancelled():
        return Answer(id, "ended", "the run ended first")
    error = done.exception()
    if error is None:
        result = done.result()
        if isinstance(result, Event):
            return Answer(id, event=result)
        profiles = tuple(one for one in result if isinstance(one, WeightProfile))
        return Answer(id, profiles=profiles, broken=tuple(one for one in result if one not in profiles))
    if isinstance(error, LeftHalfDone):
        return Answer(id, "half done", str(error))
    if isinstance(error, NothingToDo):
        return Answer(id, "nothing", str(error))
    if isinstance(error, CommandRefused):
        return Answer(id, "refused", str(error))
    return Answer(id, "failed", f"{type(error).__name__}: {error}")


async def _received(reader: asyncio.StreamReader) -> FromViewer:
    """The next frame.

    Raises:
        BadFrame: What comes is none.
        asyncio.IncompleteReadError: The other end is gone.
    """
    return from_viewer(await reader.readexactly(length_of(await reader.readexactly(HEAD))))


def _named(view: ViewerView) -> str:
    return f"{view.name} ({view.where})" if view.where else view.name
