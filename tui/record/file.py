"""The SQLite file of a run record: making it, writing to it, and finding it again when it was taken away."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from tui.model import Event, Outcome, Pair, Second
from tui.record.lock import RecordLock
from tui.record.schema import (
    RunHead,
    create_tables,
    insert_events,
    insert_outcomes,
    insert_pairs,
    insert_seconds,
    insert_texts,
    is_run_record,
    iso,
    replace_state,
)

Connect = Callable[[Path], sqlite3.Connection]


def connect_sqlite(path: Path) -> sqlite3.Connection:
    """An open database that waits at most a second for another program's lock."""
    return sqlite3.connect(path, timeout=1.0)


class RecordFile:
    """One run record on disk, used by the thread that writes it.

    Every writing method commits wholly or raises sqlite3.Error or OSError and leaves nothing; then ``drop``
    it, and the next ``open`` starts afresh on the same file. A file that was deleted underneath is written
    again in full from what the open connection still reads.
    """

    def __init__(self, path: Path, head: RunHead, connect: Connect, now: Callable[[], datetime]) -> None:
        self.path = path
        self._head = head
        self._connect = connect
        self._now = now
        self._conn: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._lock = RecordLock()

    @property
    def keeps_text(self) -> bool:
        return self._head.keep_text

    def open(self) -> None:
        """Make sure that the file at ``path`` is open and ours; does nothing when it is."""
        inode = self._inode_on_disk()
        if self._conn is not None and inode != self._inode:
            inode = self._restore(self._conn)
        if self._conn is None:
            # A file in our place that we did not make is somebody else's.
            if inode is not None and inode != self._inode:
                raise FileExistsError("another file has this name")
            if inode is None:
                self._make_file()
            self._lock.hold(self.path)
            self._conn = self._opened()

    def write_events(self, events: Sequence[Event], state: Mapping[str, Any] | None = None) -> None:
        """Commit events, and the state that they led to, and sync them to the disk."""
        conn = self._open_conn()
        conn.execute("PRAGMA synchronous = FULL")
        with conn:
            insert_events(conn, events)
            if state is not None:
                replace_state(conn, state)
        conn.execute("PRAGMA synchronous = NORMAL")

    def write_rows(
        self,
        outcomes: Sequence[Outcome],
        seconds: Sequence[Second],
        state: Mapping[str, Any] | None = None,
        *,
        pairs: Sequence[Pair] = (),
        texts: Sequence[Outcome] = (),
    ) -> None:
        """Commit outcomes, history, pairs and state in one transaction; a power cut may take the last few, a
        crash not."""
        conn = self._open_conn()
        with conn:
            insert_outcomes(conn, outcomes)
            if self._head.keep_text:
                insert_texts(conn, (*outcomes, *texts))
            insert_seconds(conn, seconds)
            insert_pairs(conn, pairs)
            if state is not None:
                replace_state(conn, state)

    def end(self) -> None:
        """Write down that the run has ended, now, and fold the write-ahead log into the one file."""
        conn = self._open_conn()
        conn.execute("PRAGMA synchronous = FULL")
        with conn:
            conn.execute("UPDATE run SET ended_at = ?", (iso(self._now()),))
        # Impossible while somebody reads or without space; the record is complete all the same.
        with suppress(sqlite3.OperationalError):
            conn.execute("PRAGMA journal_mode = DELETE")

    def drop(self) -> None:
        """Let go of the file, whatever state it is in."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()

    def explain(self, error: Exception) -> str:
        """What failed, where, and what to do."""
        what = str(error).lower()
        if "full" in what or "no space" in what:
            remedy = "free some space there"
        elif "lock" in what or "busy" in what:
            remedy = "close the other program that holds it"
        elif "malformed" in what or "not a database" in what or "another file" in what:
            remedy = "move that file away"
        else:
            remedy = f"check that {self.path.parent} exists and may be written"
        return f"cannot write the run record {self.path}: {error}; {remedy}. Until then it is kept in memory"

    def _open_conn(self) -> sqlite3.Connection:
        if self._conn is None:
            raise sqlite3.OperationalError("the file is not open")
        return self._conn

    def release(self) -> None:
        """The run is over: nobody writes this file any more."""
        self.drop()
        self._lock.release()

    def _inode_on_disk(self) -> int | None:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def _make_file(self) -> None:
        """An empty file that only its owner may read; SQLite gives its side files the same rights."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            self._inode = os.fstat(handle).st_ino
        finally:
            os.close(handle)

    def _opened(self) -> sqlite3.Connection:
        conn = self._connect(self.path)
        try:
            # Tables come before the journal mode: then the file says whose it is without its write-ahead log.
            if not is_run_record(conn):
                create_tables(conn, self._head)
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = NORMAL")
            # In KiB when negative: rows are only appended, a larger cache would keep what nobody reads again.
            conn.execute("PRAGMA cache_size = -256")
        except BaseException:
            conn.close()
            raise
        return conn

    def _restore(self, conn: sqlite3.Connection) -> int | None:
        """Write the deleted file that ``conn`` still reads to its old place; the inode found there now."""
        if self._inode_on_disk() is None:
            copy_path = self.path.with_suffix(".restoring")
            copy_path.unlink(missing_ok=True)
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(copy_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with closing(sqlite3.connect(copy_path)) as copy:
                conn.backup(copy)
            self.drop()
            # The log that belonged to the deleted file must not be taken for the new one's.
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            self._inode = copy_path.stat().st_ino
            copy_path.rename(self.path)
        else:
            self.drop()
        return self._inode_on_disk()
