"""The run record: one SQLite file that keeps the events, outcomes and per-second history of a run.

A thread of its own writes the file, so that nothing here ever blocks the caller or raises for what a disk
does. Outcomes and history are committed in batches; an event is written at once and synced. What cannot be
written waits in memory and is tried again every second.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sized
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from tui.model import Event, Outcome, Pair, RecordView, Second
from tui.record.file import Connect, RecordFile, connect_sqlite
from tui.record.reader import (
    BrokenRun,
    RunInfo,
    UnreadableRecord,
    last_weights,
    list_runs,
    read_events,
    read_run,
)
from tui.record.schema import RunHead

__all__ = [
    "MOST_HELD",
    "BrokenRun",
    "RecordError",
    "RunInfo",
    "RunRecord",
    "UnreadableRecord",
    "last_weights",
    "list_runs",
    "read_events",
    "read_run",
    "record_path",
    "records_of",
    "runs_folder",
]

MOST_HELD = 200_000
"""Outcomes that wait in memory while the file cannot be written; then the oldest are dropped and counted."""

MOST_SECONDS_HELD = 3600

_ROWS_PER_COMMIT = 1000
_Row = TypeVar("_Row")


class RecordError(Exception):
    """An event could not be made durable before the record was closed."""


def runs_folder(env: Mapping[str, str]) -> Path:
    """Where run records are kept: ``$XDG_STATE_HOME/canarytop/runs``, by default under ``~/.local/state``.

    A relative ``XDG_STATE_HOME`` is ignored, as the XDG Base Directory Specification demands.
    """
    state = Path(env.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path(env.get("HOME") or Path.home()) / ".local" / "state"
    return state / "canarytop" / "runs"


def record_path(folder: Path, rollout_name: str, run_id: str, started_at: datetime) -> Path:
    """``<UTC stamp>-<rollout>-<short id>.sqlite`` in ``folder``; sorts by time."""
    stamp = started_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    short_id = re.sub(r"[^A-Za-z0-9]+", "", run_id)[:8]
    return folder / f"{stamp}-{_in_a_name(rollout_name)}-{short_id}.sqlite"


def records_of(folder: Path, rollout_name: str) -> list[Path]:
    """The records in ``folder`` that may be of a rollout of this name, newest first."""
    return sorted(folder.glob(f"*Z-{_in_a_name(rollout_name)}-*.sqlite"), reverse=True)


def _in_a_name(rollout_name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", rollout_name)[:48]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class RunRecord:
    """The record of the running run. Made with ``create``; every method may be called from any thread."""

    def __init__(self, file: RecordFile, batch_s: float, retry_s: float, most_held: int) -> None:
        self._file = file
        self._batch_s = batch_s
        self._retry_s = retry_s
        self._most_held = most_held
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._events: list[tuple[Event, Future[None]]] = []
        self._outcomes: deque[Outcome] = deque()
        self._seconds: deque[Second] = deque()
        self._pairs: deque[Pair] = deque()
        self._texts: deque[Outcome] = deque()
        self._state: Mapping[str, Any] | None = None
        self._in_hand = 0
        self._dropped = 0
        self._error: str | None = None
        self._closing = False
        self._giving_up = False
        self._finished = False
        self._thread = threading.Thread(target=self._run, name="run-record", daemon=True)

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        run_id: str,
        rollout_name: str,
        rollout_text: str,
        started_at: datetime,
        meta: Mapping[str, Any],
        keep_text: bool = False,
        batch_s: float = 0.5,
        retry_s: float = 1.0,
        most_held: int = MOST_HELD,
        connect: Connect = connect_sqlite,
        now: Callable[[], datetime] = _utc_now,
    ) -> Self:
        """Start recording into a new file at ``path``; its folder is made when missing.

        ``batch_s`` is the longest that an outcome waits for its commit, ``retry_s`` the pause after a failure,
        ``most_held`` how many outcomes may wait before the oldest are dropped. Prompts and answers are written
        only with ``keep_text``. The file is made in the background: what goes wrong is in ``view().error``,
        never raised. Raises ValueError when ``started_at`` has no time zone.
        """
        head = RunHead(run_id, rollout_name, rollout_text, started_at, dict(meta), keep_text)
        record = cls(RecordFile(path, head, connect, now), batch_s, retry_s, most_held)
        record._thread.start()
        return record

    @property
    def _rows(self) -> tuple[Sized, ...]:
        return self._outcomes, self._seconds, self._pairs, self._texts

    def outcome(self, outcome: Outcome) -> None:
        """Keep one outcome; it is in the file within ``batch_s``."""
        with self._lock:
            self._outcomes.append(outcome)
            self._trim()

    def second(self, second: Second) -> None:
        """Keep one second of the history; it is in the file within ``batch_s``."""
        with self._lock:
            self._seconds.append(second)
            if len(self._seconds) > MOST_SECONDS_HELD:
                self._seconds.popleft()
                self._dropped += 1

    def pair(self, pair: Pair) -> None:
        """Keep what both versions made of one item; it is in the file within ``batch_s``."""
        with self._lock:
            self._pairs.append(pair)
            self._trim()

    def texts(self, outcome: Outcome) -> None:
        """Keep the prompt and the answer of a request that is no traffic, where texts are kept at all."""
        if self._file.keeps_text:
            with self._lock:
                self._texts.append(outcome)
                self._trim()

    def state(self, state: Mapping[str, Any]) -> None:
        """Keep what a resumed run takes up; only the newest is kept. JSON, which may not change any more."""
        with self._lock:
            self._state = state

    def event(self, event: Event, state: Mapping[str, Any] | None = None) -> Future[None]:
        """Write one event at once. The future is done when the disk has it, however long that takes.

        A ``state``, as ``state()`` takes it, is committed together with the event: a resumed run knows both or
        neither. The future fails with RecordError only if the record is closed before; its callbacks run in
        the writing thread.
        """
        durable: Future[None] = Future()
        durable.set_running_or_notify_cancel()
        with self._lock:
            if not self._finished:
                self._events.append((event, durable))
                self._state = state or self._state
                self._wake.set()
                return durable
        durable.set_exception(RecordError(f"{self._file.path} is closed: event {event.id} was not written"))
        return durable

    def view(self) -> RecordView:
        """Where the record is, what is wrong with it, and how many rows wait in memory."""
        with self._lock:
            waiting = self._in_hand + len(self._events) + sum(map(len, self._rows))
            return RecordView(str(self._file.path), self._error, waiting, self._dropped)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write everything that waits and the time of the end. False if that failed within ``timeout_s``."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout_s)
        self._giving_up = True
        self._wake.set()
        self._thread.join(self._retry_s)
        return self._error is None and not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._wake.wait(self._batch_s if self._error is None else self._retry_s)
                self._wake.clear()
                self._write_all()
            self._finish()
        except Exception as error:
            self._error = f"the run record {self._file.path} stopped: {error!r}; this is a fault of the program"
            raise
        finally:
            self._refuse_the_rest()
            self._file.release()

    def _finish(self) -> None:
        while not (self._write_all() and self._attempt(self._file.end)) and not self._giving_up:
            self._wake.wait(self._retry_s)
            self._wake.clear()

    def _refuse_the_rest(self) -> None:
        with self._lock:
            self._finished = True
            unwritten, self._events = self._events, []
        for event, durable in unwritten:
            durable.set_exception(
                RecordError(f"event {event.id} was not written before the record was closed: {self._error}")
            )

    def _write_all(self) -> bool:
        """Write what waits, an event before every batch of rows; False when the file could not take it."""
        while self._attempt(self._write_events):
            if not (any(self._rows) or self._state is not None):
                self._error = None
                return True
            if not self._attempt(self._write_rows):
                return False
        return False

    def _attempt(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except (sqlite3.Error, OSError) as error:
            self._file.drop()
            self._error = self._file.explain(error)
            return False
        return True

    def _write_events(self) -> None:
        self._file.open()
        with self._lock:
            batch, state = self._events.copy(), self._state
        if batch:
            self._file.write_events([event for event, _ in batch], state)
            with self._lock:
                del self._events[: len(batch)]
                self._state = None if self._state is state else self._state
            for _, durable in batch:
                durable.set_result(None)

    def _write_rows(self) -> None:
        with self._lock:
            outcomes, seconds = _taken(self._outcomes), _taken(self._seconds)
            pairs, texts = _taken(self._pairs), _taken(self._texts)
            state, self._state = self._state, None
            self._in_hand = len(outcomes) + len(seconds) + len(pairs) + len(texts)
        try:
            self._file.write_rows(outcomes, seconds, state, pairs=pairs, texts=texts)
        except BaseException:
            with self._lock:
                self._state = self._state or state
                self._outcomes.extendleft(reversed(outcomes))
                self._seconds.extendleft(reversed(seconds))
                self._pairs.extendleft(reversed(pairs))
                self._texts.extendleft(reversed(texts))
                self._trim()
                self._in_hand = 0
            raise
        self._in_hand = 0

    def _trim(self) -> None:
        for rows in (self._outcomes, self._pairs, self._texts):
            while len(rows) > self._most_held:
                rows.popleft()
                self._dropped += 1


def _taken(rows: deque[_Row]) -> list[_Row]:
    return [rows.popleft() for _ in range(min(len(rows), _ROWS_PER_COMMIT))]
