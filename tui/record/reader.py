"""Reading run records: also those of a run that was killed, or is still being written. Nothing is changed."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from tui.base.text import plain
from tui.model import Assignment, Event, EventKind, Outcome, Pair, Second, WeightTable
from tui.record._rows import (
    LONGEST_RUN_S,
    OUTCOME_COLUMNS,
    SECOND_COLUMNS,
    instant_of,
    moment_s,
    outcome_of,
    pairs_of,
    seconds_of,
    weights_of,
)
from tui.record.lock import is_live
from tui.record.schema import VERSION, RunHead, is_run_record

_ERROR_CHARS = 200

_COMPUTES = "SELECT 1 FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
"""What is in a file that runs a query of its own in place of rows, which may never end."""


class UnreadableRecord(Exception):
    """A file is not a run record, or not one that can be read. Says which, why and what to do."""


class EmptyRecord(UnreadableRecord):
    """A file that never held anything: its run was killed before it began."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run. ``ended_at`` is None when it has no clean end: it is ``live``, or was interrupted. ``pid`` is
    the process that it began in, ``rollout_path`` the file that it ran; both None in old records."""

    path: Path
    run_id: str
    rollout: str
    started_at: datetime
    ended_at: datetime | None
    requests: int
    last_weights: WeightTable | None
    live: bool = False
    pid: int | None = None
    rollout_path: str | None = None


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """A file among the run records that cannot be read, and why."""

    path: Path
    error: str


def list_runs(folder: Path) -> tuple[RunInfo | BrokenRun, ...]:
    """Every run in ``folder``, newest first by file name; empty when the folder does not exist."""
    return tuple(_run_or_broken(path) for path in sorted(folder.glob("*.sqlite"), reverse=True))


def live_runs(folder: Path, rollout: Path) -> tuple[RunInfo, ...]:
    """The live runs of a rollout file, newest first. Only records that are held are opened."""
    held = (path for path in sorted(folder.glob("*.sqlite"), reverse=True) if is_live(path))
    runs = (_run_or_broken(path) for path in held)
    return tuple(run for run in runs if isinstance(run, RunInfo) and run.rollout_path == str(rollout))


def read_run(path: Path) -> RunInfo:
    """What the record says of its run. Raises UnreadableRecord."""
    live = is_live(path)
    with _reading(path) as conn:
        run_id, rollout, started_at, ended_at, meta = conn.execute(
            "SELECT run_id, rollout, started_at, ended_at, meta FROM run"
        ).fetchone()
        known = dict(json.loads(meta))
        pid, rollout_path = known.get("pid"), known.get("rollout_path")
        # Rows are never deleted, so the last number is the count, without a scan.
        requests = int(conn.execute("SELECT max(seq) FROM outcomes").fetchone()[0] or 0)
        return RunInfo(
            path=path,
            run_id=str(run_id),
            rollout=str(rollout),
            started_at=instant_of(started_at),
            ended_at=instant_of(ended_at) if ended_at else None,
            requests=requests,
            last_weights=_last_weights(conn),
            live=live,
            pid=pid if isinstance(pid, int) else None,
            rollout_path=rollout_path if isinstance(rollout_path, str) else None,
        )


def last_weights(path: Path) -> WeightTable | None:
    """The weights after the last event that says any; None when none does. Raises UnreadableRecord."""
    with _reading(path) as conn:
        return _last_weights(conn)


def last_state(path: Path) -> Mapping[str, Any] | None:
    """What the run kept for one that resumes it; None where it kept nothing. Raises UnreadableRecord."""
    with _reading(path) as conn:
        if not conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
            return None
        row = conn.execute("SELECT json FROM state").fetchone()
        state = json.loads(row[0]) if row else None
        return state if isinstance(state, dict) else None


def read_events(path: Path) -> tuple[Event, ...]:
    """All events in the order in which they were written. Raises UnreadableRecord."""
    with _reading(path) as conn:
        rows = conn.execute(
            "SELECT id, at, at_s, actor, kind, text, reason, before, after, grp FROM events ORDER BY seq"
        ).fetchall()
        return tuple(
            Event(
                id=int(number),
                at=instant_of(at),
                at_s=moment_s(at_s),
                actor=str(actor),
                kind=EventKind(kind),
                text=str(text),
                reason=str(reason),
                before=weights_of(before),
                after=weights_of(after),
                group=int(group),
            )
            for number, at, at_s, actor, kind, text, reason, before, after, group in rows
        )


def read_head(path: Path) -> RunHead:
    """How the run began: its rollout file as it stood then, what else was noted. Raises UnreadableRecord."""
    with _reading(path) as conn:
        run_id, rollout, text, started_at, meta = conn.execute(
            "SELECT run_id, rollout, rollout_text, started_at, meta FROM run"
        ).fetchone()
        texts = conn.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'texts'").fetchone()
        started = instant_of(started_at)
        return RunHead(str(run_id), str(rollout), str(text), started, dict(json.loads(meta)), texts is not None)


def read_outcomes(path: Path) -> Iterator[Outcome]:
    """Every outcome in the order in which they ended, one in memory at a time.

    ``shares`` are empty: an outcome keeps only the weight of its own deployment. Raises UnreadableRecord.
    """
    with _reading(path) as conn:
        columns = _there(conn, "outcomes", OUTCOME_COLUMNS)
        yield from map(outcome_of, conn.execute(f"SELECT {columns} FROM outcomes ORDER BY seq"))


def read_assignments(path: Path) -> Iterator[Assignment]:
    """The assignment of every request that has an outcome, in the order in which they were handed over.

    ``at_s`` is that moment, the closest to the draw that is kept; ``shares`` are empty. SQLite sorts,
    outside of our memory. Raises UnreadableRecord.
    """
    with _reading(path) as conn:
        chars = _there(conn, "outcomes", "prompt_chars")
        rows = conn.execute(
            "SELECT request_id, task, deployment, weight_pct, coalesce(sent_s, due_s, ended_s, 0) AS drawn_s,"
            f" saturated, {chars} FROM outcomes ORDER BY drawn_s, seq"
        )
        yield from _assignments(rows)


def read_held_back(path: Path) -> Iterator[Assignment]:
    """Every assignment that was not sent because its deployment had asked for a pause, in order of time.
    ``shares`` are empty. Raises UnreadableRecord."""
    with _reading(path) as conn:
        if not conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'held_back'").fetchone():
            return
        rows = conn.execute(
            "SELECT request_id, task, deployment, weight_pct, at_s, 0, prompt_chars FROM held_back"
            " ORDER BY rowid"
        )
        yield from _assignments(rows)


def _assignments(rows: Iterable[tuple[Any, ...]]) -> Iterator[Assignment]:
    """Those that lie within the run; of another one nobody knows who its neighbours were."""
    for number, task, deployment, weight_pct, at_s, saturated, size in rows:
        drawn_s = moment_s(at_s or 0.0)
        if isfinite(drawn_s):
            yield Assignment(
                int(number),
                str(task),
                str(deployment),
                float("nan") if weight_pct is None else float(weight_pct),
                drawn_s,
                prompt_chars=None if size is None else int(size),
                saturated=bool(saturated),
            )


def read_pairs(path: Path) -> Iterator[Pair]:
    """What both versions made of the same items, in order of time. Raises UnreadableRecord."""
    with _reading(path) as conn:
        if not conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'pairs'").fetchone():
            return
        rows = conn.execute("SELECT at_s, task, canary, criterion, baseline, own FROM pairs ORDER BY rowid")
        yield from pairs_of(rows)


def read_seconds(path: Path) -> Iterator[Second]:
    """The per-second history, oldest first, one second in memory at a time. Raises UnreadableRecord."""
    with _reading(path) as conn:
        columns = _there(conn, "seconds", SECOND_COLUMNS)
        yield from seconds_of(conn.execute(f"SELECT {columns} FROM seconds ORDER BY rowid"))


def _there(conn: sqlite3.Connection, table: str, columns: str) -> str:
    """The columns to select: NULL in place of those that a record of an older version does not have."""
    known = {row[1] for row in conn.execute(f"PRAGMA table_info({table})")}
    return ", ".join(name if name in known else f"NULL AS {name}" for name in columns.split(", "))


_MOMENTS = (
    ("outcomes", "ended_s"), ("outcomes", "sent_s"), ("events", "at_s"), ("seconds", "at_s"), ("pairs", "at_s"),
    ("held_back", "at_s"),
)  # fmt: skip
_IN_A_RUN = f"typeof({{0}}) IN ('real', 'integer') AND {{0}} BETWEEN 0 AND {LONGEST_RUN_S}"


def count_outside(path: Path) -> int:
    """How many moments lie outside of any run; such rows are left out. Raises UnreadableRecord."""
    with _reading(path) as conn:
        known = {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}
        counts = (
            conn.execute(f"SELECT count({column}) FROM {table} WHERE NOT ({_IN_A_RUN.format(column)})")
            for table, column in _MOMENTS
            if table in known
        )
        return sum(int(rows.fetchone()[0]) for rows in counts)


def last_moment_s(path: Path) -> float:
    """When the last thing that the record knows of happened, in seconds of the run. Raises UnreadableRecord."""
    with _reading(path) as conn:
        newest = " UNION ALL ".join(
            f"SELECT max({column}) FROM {table} WHERE {_IN_A_RUN.format(column)}"
            for table, column in (("outcomes", "ended_s"), ("events", "at_s"), ("seconds", "at_s"))
        )
        return max((float(s) for (s,) in conn.execute(newest) if s is not None), default=0.0)


def _run_or_broken(path: Path) -> RunInfo | BrokenRun:
    try:
        return read_run(path)
    except UnreadableRecord as error:
        return BrokenRun(path, str(error))


def _last_weights(conn: sqlite3.Connection) -> WeightTable | None:
    row = conn.execute("SELECT after FROM events WHERE after IS NOT NULL ORDER BY seq DESC LIMIT 1").fetchone()
    return weights_of(row[0]) if row else None


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The record, open for reading; whatever its content does wrong becomes UnreadableRecord."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # SQLite waits for ever for whoever would write to a pipe.
            raise UnreadableRecord(f"{path} is no file: move it elsewhere")
        # Through SQLite only: a plain open and close would drop the locks of a writer in this process.
        # What reads on and on may be closed by another thread than it was opened by; never two at once.
        conn = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0, check_same_thread=False
        )
        try:
            if not is_run_record(conn):
                if not conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise EmptyRecord(f"{path} is empty: its run was killed before it began; it can be deleted")
                raise UnreadableRecord(f"{path} is not a run record of canarytop: move it elsewhere")
            if conn.execute(_COMPUTES).fetchone():
                raise UnreadableRecord(f"{path} computes its rows, as no run record does: move it elsewhere")
            version = conn.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise UnreadableRecord(
                    f"{path} has version {version}, this program reads up to {VERSION}: use a newer canarytop"
                )
            yield conn
        finally:
            conn.close()
    except (sqlite3.Error, OSError) as error:
        raise UnreadableRecord(
            f"cannot read {path}: {_said(error)}; check its rights, or move it elsewhere"
        ) from error
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise UnreadableRecord(
            f"{path} holds what no run record does: {_said(error)}; move it elsewhere"
        ) from error


def _said(error: Exception) -> str:
    """What went wrong. Errors repeat what stands in the file, which may be anything."""
    return plain(str(error), _ERROR_CHARS)
