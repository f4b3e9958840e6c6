"""Reading run records: also those of a run that was killed, or is still being written. Nothing is changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tui.model import Event, EventKind, WeightTable
from tui.record_schema import VERSION, is_run_record


class UnreadableRecord(Exception):
    """A file is not a run record, or not one that can be read. Says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run. ``ended_at`` is None when it has no clean end: it was interrupted, or is running still."""

    path: Path
    run_id: str
    rollout: str
    started_at: datetime
    ended_at: datetime | None
    requests: int
    last_weights: WeightTable | None


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """A file among the run records that cannot be read, and why."""

    path: Path
    error: str


def list_runs(folder: Path) -> tuple[RunInfo | BrokenRun, ...]:
    """Every run in ``folder``, newest first by file name; empty when the folder does not exist."""
    return tuple(_run_or_broken(path) for path in sorted(folder.glob("*.sqlite"), reverse=True))


def interrupted_run(folder: Path, rollout_name: str) -> RunInfo | None:
    """The latest run of the rollout if it has no clean end; None when it ended well or there is none."""
    runs = [run for run in list_runs(folder) if isinstance(run, RunInfo) and run.rollout == rollout_name]
    latest = max(runs, key=lambda run: run.started_at, default=None)
    return latest if latest is not None and latest.ended_at is None else None


def read_run(path: Path) -> RunInfo:
    """What the record says of its run. Raises UnreadableRecord."""
    with _reading(path) as conn:
        run_id, rollout, started_at, ended_at = conn.execute(
            "SELECT run_id, rollout, started_at, ended_at FROM run"
        ).fetchone()
        # Rows are never deleted, so the last number is the count, without a scan.
        requests = conn.execute("SELECT max(seq) FROM outcomes").fetchone()[0] or 0
        return RunInfo(
            path=path,
            run_id=run_id,
            rollout=rollout,
            started_at=datetime.fromisoformat(started_at),
            ended_at=datetime.fromisoformat(ended_at) if ended_at else None,
            requests=requests,
            last_weights=_last_weights(conn),
        )


def last_weights(path: Path) -> WeightTable | None:
    """The weights after the last event that says any; None when none does. Raises UnreadableRecord."""
    with _reading(path) as conn:
        return _last_weights(conn)


def read_events(path: Path) -> tuple[Event, ...]:
    """All events in the order in which they were written. Raises UnreadableRecord."""
    with _reading(path) as conn:
        rows = conn.execute(
            "SELECT id, at, at_s, actor, kind, text, reason, before, after, grp FROM events ORDER BY seq"
        ).fetchall()
        return tuple(
            Event(
                id=number,
                at=datetime.fromisoformat(at),
                at_s=at_s,
                actor=actor,
                kind=EventKind(kind),
                text=text,
                reason=reason,
                before=_weights(before),
                after=_weights(after),
                group=group,
            )
            for number, at, at_s, actor, kind, text, reason, before, after, group in rows
        )


def _run_or_broken(path: Path) -> RunInfo | BrokenRun:
    try:
        return read_run(path)
    except UnreadableRecord as error:
        return BrokenRun(path, str(error))


def _last_weights(conn: sqlite3.Connection) -> WeightTable | None:
    row = conn.execute("SELECT after FROM events WHERE after IS NOT NULL ORDER BY seq DESC LIMIT 1").fetchone()
    return _weights(row[0]) if row else None


def _weights(text: str | None) -> WeightTable | None:
    if text is None:
        return None
    return {
        str(task): {str(deployment): float(pct) for deployment, pct in weights.items()}
        for task, weights in json.loads(text).items()
    }


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The record, open for reading; whatever its content does wrong becomes UnreadableRecord."""
    try:
        # Through SQLite only: a plain open and close would drop the locks of a writer in this process.
        conn = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
        try:
            if not is_run_record(conn):
                raise UnreadableRecord(f"{path} is not a run record of canarytop: move it elsewhere")
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
            f"cannot read {path}: {error}; check its rights, or move it elsewhere"
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableRecord(f"{path} holds what no run record does: {error}; move it elsewhere") from error
