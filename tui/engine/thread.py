"""The engine's thread: commands are scheduled onto its loop, snapshots come out of it."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from tui.engine.commands import HANDLERS
from tui.engine.server import Server
from tui.engine.session import Session
from tui.engine.setup import Setup
from tui.model import ENGINE, Event, EventKind, Sample, Snapshot
from tui.model.commands import Command
from tui.routing.controller import CommandRefused, LeftHalfDone
from tui.service.client import Probe
from tui.weight_profiles import BrokenProfile, WeightProfile, list_profiles

SWITCH_INTERVAL_S = 0.0005
"""With the interpreter's default of 5 ms a busy screen adds up to 10 ms to every measured latency."""

_STOP_S = 10.0
_OVER = "the run is over: nothing can be changed any more"
_T = TypeVar("_T")


class EngineFailed(Exception):
    """The engine could not start or broke; the text says what failed and where."""


class Engine:
    """Owns the thread of one run. Every method may be called from any thread and returns at once.

    Commands return a future of the ``Event`` that was logged; it fails with ``CommandRefused`` where the
    command was not carried out. A snapshot is built every ``tick_s`` seconds. ``server`` lets viewers attach.
    """

    def __init__(self, setup: Setup, *, tick_s: float = 1.0, server: Server | None = None) -> None:
        self._setup = setup
        self._server = server
        self._tick_s = tick_s
        self._session: Session | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._snapshot: Snapshot | None = None
        self._subscribers: list[Callable[[Snapshot], None]] = []
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._drain_s = 0.0
        self._why = ""
        self._is_to_end = False
        self._up: Future[None] = Future()
        self.probes: Future[tuple[Probe, ...]] = Future()
        """What each endpoint answered before the traffic started."""
        self.ended: Future[int] = Future()
        """Resolves when the run is over, to the number of requests without an outcome; fails with
        ``EngineFailed`` when the run broke."""

    # --- life ---

    def start(self) -> None:
        """Start the thread; returns when commands are taken, before the first request.

        Raises:
            EngineFailed: The parts of the run could not be put together.
        """
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread.start()
        self._up.result()

    def end(self, drain_s: float = 0.0, why: str = "") -> None:
        """Begin to end the run, for a reason that is logged; ``ended`` tells when it has. Requests under way
        may finish for ``drain_s`` seconds; called again with 0 they are cancelled at once."""
        self._drain_s = drain_s
        self._why = self._why or why
        self._is_to_end = True
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._end_soon)
        except RuntimeError:
            # The loop is closed: the run is over already.
            return

    def stop(self, drain_s: float = 0.0) -> None:
        """End the run and wait until everything it used is closed."""
        self.end(drain_s)
        if self._thread.is_alive():
            self._thread.join(drain_s + _STOP_S)

    def _end_soon(self) -> None:
        if self._stopping is None:
            return
        if self._stopping.is_set() and self._drain_s == 0:
            self._live().cut()
        self._stopping.set()

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # noqa: BLE001 - a thread has no caller: whoever waits is told
            failure = EngineFailed(
                f"the engine stopped: {type(error).__name__}: {error}; what it sent until then is recorded: see"
                " `canarytop runs`, and report this line"
            )
            failure.__cause__ = error
            for future in (self._up, self.probes, self.ended):
                if not future.done():
                    future.set_exception(failure)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        if self._is_to_end:
            # Asked before there was a loop to ask.
            self._stopping.set()
        session = self._session = Session(self._setup)
        self._loop.set_exception_handler(partial(_log_bug, session))
        session.say_start()
        self._publish()
        if self._server is not None:
            await self._server.open(self)
        self._up.set_result(None)
        stopping = asyncio.create_task(self._stopping.wait())
        # What it reads and imports for its first look would make the first requests late.
        watching = asyncio.create_task(session.control_plane.watch())
        preflight = asyncio.create_task(session.preflight())
        await asyncio.wait({stopping, preflight}, return_when=asyncio.FIRST_COMPLETED)
        preflight.cancel()
        [probes] = await asyncio.gather(preflight, return_exceptions=True)
        answers = () if isinstance(probes, asyncio.CancelledError) else preflight.result()
        self.probes.set_result(answers)
        if self._setup.must_answer and any(probe.verdict != "ok" for probe in answers):
            self._stopping.set()
        if not self._stopping.is_set():
            await session.begin(answers)
        # What exists now stays: the collector need not walk it again in the middle of a measurement.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 100)
        parts = (session.send, self._tick, session.work)
        work = [] if self._stopping.is_set() else [asyncio.create_task(part()) for part in parts]
        work.append(watching)
        for task in work:
            task.add_done_callback(self._stop_if_broken)
        if not self._stopping.is_set():
            # That traffic has begun is seen at once, not at the next tick.
            await asyncio.sleep(0)
            self._publish()
        await stopping
        for task in work:
            task.cancel()
        results = await asyncio.gather(*work, return_exceptions=True)
        # What waits for the control plane may take half an hour: it says what it leaves behind.
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        lost = await session.finish(self._drain_s, self._why)
        self._publish()
        broken = next((result for result in results if isinstance(result, Exception)), None)
        if self._server is not None:
            await self._server.close(lost, "" if broken is None else f"{type(broken).__name__}: {broken}")
        if broken is not None:
            raise broken
        self.ended.set_result(lost)

    def _stop_if_broken(self, task: asyncio.Task[None]) -> None:
        # A run that no longer sends, or shows nothing new, must not look like one that does.
        if not task.cancelled() and task.exception() is not None:
            self._end_soon()

    async def _tick(self) -> None:
        session, loop = self._live(), asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._tick_s, loop.time())
            await asyncio.sleep(due - loop.time())
            for _ in session.ticking():
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            self._publish()

    # --- snapshots ---

    def snapshot(self) -> Snapshot:
        """The newest one."""
        if self._snapshot is None:
            raise EngineFailed("the engine has not been started")
        return self._snapshot

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """``callback`` gets each snapshot, in the engine's thread: once a second and after every command."""
        self._subscribers.append(callback)

    def unsubscribe(self, callback: Callable[[Snapshot], None]) -> None:
        self._subscribers.remove(callback)

    def warn(self, text: str) -> bool:
        """Log what went wrong beside the run; from any thread. False once the run is over and logs nothing."""
        nobody: Future[Any] = Future()
        self._schedule(lambda: self.say(EventKind.WARNING, ENGINE, text), nobody)
        return not nobody.done()

    def say(self, kind: EventKind, actor: str, text: str) -> None:
        """Log something; on the engine's own loop."""
        self._live().log(kind, actor, text)

    def clock(self) -> float:
        """Seconds since the run started."""
        return self._live().clock()

    def _publish(self) -> None:
        self._snapshot = self._live().snapshot()
        for callback in tuple(self._subscribers):
            callback(self._snapshot)
        if self._server is not None:
            self._server.publish(self._snapshot)

    # --- commands ---

    def send(self, command: Command, *, actor: str) -> Future[Event]:
        """Carry out a command in the name of ``actor``. The future fails with ``CommandRefused`` where it was
        not carried out, and is cancelled where the run ends first."""
        handle = HANDLERS[type(command)]
        return self._ask(actor, lambda session: handle(session, command, actor))

    def profiles(self) -> Future[tuple[WeightProfile | BrokenProfile, ...]]:
        """Every weight profile beside the rollout file, broken ones with their error."""
        return self._ask(ENGINE, lambda s: asyncio.to_thread(list_profiles, s.setup.rollout.profiles_dir))

    def samples(self) -> tuple[Sample, ...]:
        """The requests that are kept with their answers, oldest first; the same object until one changes."""
        return self._session.sampler.store.shown if self._session is not None else ()

    def samples_note(self) -> str:
        """Why there are no samples, empty where there may be some."""
        rollout = self._setup.rollout
        asked = rollout.quality.samples_per_s or rollout.quality.shadow_pct
        if asked or any(spec.known is not None for spec in rollout.tasks.values()):
            return ""
        return "this rollout keeps none: samples_per_s is 0 under [quality]"

    def _ask(self, actor: str, act: Callable[[Session], _T | Coroutine[Any, Any, _T]]) -> Future[_T]:
        """Call ``act`` on the engine's loop; what it has to wait for, it waits for in a task of its own."""
        future: Future[_T] = Future()

        def begin() -> None:
            with self._ends(future, actor):
                result = act(self._live())
                if not isinstance(result, Coroutine):
                    self._settle(partial(future.set_result, result))
                elif self._stopping is not None and self._stopping.is_set():
                    result.close()
                    future.set_exception(CommandRefused(_OVER))
                else:
                    task = asyncio.ensure_future(finish(result))
                    self._tasks.add(task)
                    task.add_done_callback(ended)

        async def finish(under_way: Coroutine[Any, Any, _T]) -> None:
            with self._ends(future, actor):
                result = await under_way
                self._settle(partial(future.set_result, result))

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                future.cancel()

        self._schedule(begin, future)
        return future

    @contextmanager
    def _ends(self, future: Future[Any], actor: str) -> Iterator[None]:
        """What is raised in the block is how the command ended; a refusal is logged."""
        try:
            yield
        except CommandRefused as refused:
            kind = EventKind.HALF_DONE if isinstance(refused, LeftHalfDone) else EventKind.REFUSED
            self._live().log(kind, actor, str(refused))
            self._settle(partial(future.set_exception, refused))
        except Exception as error:
            future.set_exception(error)
            raise

    def _settle(self, tell: Callable[[], None]) -> None:
        """Whoever hears how a command ended finds it in the newest snapshot."""
        try:
            self._publish()
        finally:
            tell()

    def _schedule(self, call: Callable[[], object], future: Future[Any]) -> None:
        try:
            if self._loop is None:
                raise RuntimeError("not started")
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            future.set_exception(CommandRefused(_OVER))

    def _live(self) -> Session:
        if self._session is None:
            raise EngineFailed("the engine has not been started")
        return self._session


def _log_bug(session: Session, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio would print over the screen goes into the log of the run."""
    error = context.get("exception")
    text = (
        f"{context.get('message')}: {type(error).__name__}: {error}" if error else str(context.get("message"))
    )
    session.log(EventKind.RECORD, ENGINE, f"internal error, please report it: {text}")
