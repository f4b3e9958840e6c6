"""The cockpit's end of the wire: an engine in another process, as ``Controls`` show one."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui.cockpit.controls import ProfileList
from tui.engine.messages import (
    HEAD,
    PROTOCOL,
    Answer,
    Ask,
    AskProfiles,
    BadFrame,
    Ended,
    Frame,
    FromEngine,
    Hello,
    Leave,
    Past,
    Samples,
    Stop,
    TakeOver,
    Update,
    Welcome,
    from_engine,
    length_of,
    packed,
    whole,
)
from tui.engine.sockets import NoSocket, connected
from tui.model import Event, Sample, Second, Snapshot
from tui.model.commands import Command
from tui.routing.controller import CommandRefused, LeftHalfDone, NothingToDo

_HELLO_S = 10.0
_GONE = "the engine is gone; all it sent is recorded: watch FILE --resume goes on from there"
_REFUSALS = {"nothing": NothingToDo, "half done": LeftHalfDone, "refused": CommandRefused}


class EngineGone(Exception):
    """The engine ended without saying so; the text says what to do."""


class Connection:
    """An engine behind a socket. Every method may be called from any thread and returns at once.

    ``welcome`` is what the engine said first. ``ended`` resolves to the number of requests without an outcome
    when the run is over; it fails with ``EngineGone`` where the engine is gone without a word.
    """

    def __init__(self, path: Path, hello: Hello) -> None:
        """Attach.

        Raises:
            NoSocket: Nobody listens at ``path``, or what does is no engine.
        """
        self.path = path
        self.ended: Future[int] = Future()
        self._subscribers: list[Callable[[Snapshot], None]] = []
        self._asked: dict[int, Future[Any]] = {}
        self._ids = itertools.count(1)
        self._sending = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._past: dict[str | None, tuple[Second, ...]] = {}
        self._samples: tuple[Sample, ...] = ()
        self._shown = threading.Event()
        self.was_stopped = False
        self.was_closed = False
        """Whether this end let go."""
        self._socket = connected(path, _HELLO_S)
        try:
            self._put(hello)
            welcome = _received(self._socket)
            if not isinstance(welcome, Welcome):
                raise BadFrame("it does not begin with a welcome")
        except (OSError, EOFError, BadFrame) as error:
            self._socket.close()
            raise NoSocket(f"what listens at {path} is no engine that may be attached to: {error}") from error
        self.welcome = welcome
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._read, name="engine-link", daemon=True)
        self._thread.start()

    @property
    def is_same_version(self) -> bool:
        """Whether snapshots come; another version understands roll backs and the end of the run alone."""
        return self.welcome.protocol == PROTOCOL

    # --- what is shown ---

    def first_snapshot(self, timeout_s: float) -> Snapshot:
        """Wait for the first one.

        Raises:
            EngineGone: None came.
        """
        if not self._shown.wait(timeout_s) or self._snapshot is None:
            raise EngineGone(_GONE if self.ended.done() else f"the engine at {self.path} shows nothing")
        return self._snapshot

    def snapshot(self) -> Snapshot:
        """The newest one; there is none before ``first_snapshot``."""
        assert self._snapshot is not None, "the first snapshot is waited for"
        return self._snapshot

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """``callback`` gets each snapshot, in the thread that reads."""
        self._subscribers.append(callback)

    def samples(self) -> tuple[Sample, ...]:
        return self._samples

    def samples_note(self) -> str:
        return self.welcome.samples_note

    # --- what is asked ---

    def send(self, command: Command, *, actor: str) -> Future[Event]:
        """Give a command; the engine names the actor itself."""
        return self._ask(lambda id: Ask(id, command))  # type: ignore[arg-type]

    def profiles(self) -> Future[ProfileList]:
        return self._ask(AskProfiles)

    def take_over(self) -> Future[Any]:
        """Take control of the run."""
        return self._ask(TakeOver)

    def stop(self) -> Future[Any]:
        """End the run."""
        self.was_stopped = True
        return self._ask(Stop)

    def leave(self, ends_in_s: float | None = None) -> None:
        """Say that this viewer goes on purpose; the run goes on, for ``ends_in_s`` seconds or as it would."""
        try:
            self._put(Leave(ends_in_s))
        except OSError:
            # It is over already: there is nobody to tell.
            return

    def close(self) -> None:
        """Let go of the engine, which goes on."""
        self.was_closed = True
        # The other end may be faster.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)
        self._socket.close()

    def _ask(self, frame: Callable[[int], Frame]) -> Future[Any]:
        future: Future[Any] = Future()
        id = next(self._ids)
        self._asked[id] = future
        try:
            if self.ended.done():
                raise OSError("it has ended")
            self._put(frame(id))
        except OSError:
            self._asked.pop(id, None)
            future.set_exception(CommandRefused("the run is over: nothing can be changed any more"))
        return future

    def _put(self, frame: Frame) -> None:
        data = packed(frame)
        with self._sending:
            self._socket.sendall(data)

    # --- what comes ---

    def _read(self) -> None:
        failure = EngineGone(_GONE)
        try:
            while True:
                self._take(_received(self._socket))
        except (OSError, EOFError) as error:
            failure.__cause__ = error
        except Exception as error:  # noqa: BLE001 - a thread has no caller: whoever looks on is told
            failure = EngineGone(f"what the engine says cannot be read ({type(error).__name__}: {error})")
        finally:
            if not self.ended.done():
                self.ended.set_exception(failure)
            for future in self._asked.values():
                if not future.done():
                    future.cancel()
            self._shown.set()

    def _take(self, frame: FromEngine) -> None:
        match frame:
            case Past(task, seconds):
                self._past[task] = (*self._past.get(task, ()), *seconds)
            case Samples(order, changed):
                known = {sample.id: sample for sample in (*self._samples, *changed)}
                self._samples = tuple(known[id] for id in order)
            case Update():
                self._snapshot = self._newest(frame)
                self._shown.set()
                for callback in tuple(self._subscribers):
                    callback(self._snapshot)
            case Answer():
                future = self._asked.pop(frame.id, None)
                if future is not None:
                    _settle(future, frame)
            case Ended(lost, failure):
                if failure:
                    self.ended.set_exception(EngineGone(failure))
                else:
                    self.ended.set_result(lost)

    def _newest(self, news: Update) -> Snapshot:
        if self._snapshot is not None:
            return whole(self._snapshot, news)
        past, self._past = self._past, {}
        return whole(None, news, past)


def _settle(future: Future[Any], said: Answer) -> None:
    if said.how == "done":
        future.set_result(said.event if said.event is not None else (*said.profiles, *said.broken))
    elif said.how == "ended":
        future.cancel()
        future.set_running_or_notify_cancel()
    else:
        future.set_exception(_REFUSALS.get(said.how, RuntimeError)(said.text))


def _received(source: socket.socket) -> FromEngine:
    return from_engine(_exactly(source, length_of(_exactly(source, HEAD))))


def _exactly(source: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = source.recv(min(count - len(parts), 1 << 20))
        if not part:
            raise EOFError("it is gone")
        parts += part
    return bytes(parts)
