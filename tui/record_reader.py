"""Reading run records: also those of a run that was killed, or is still being written. Nothing is changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from tui.model import Assignment, Event, EventKind, Outcome, Pair, Second, WeightTable
from tui.record_rows import OUTCOME_COLUMNS, SECOND_COLUMNS, outcome_of, seconds_of
from tui.record_schema import VERSION, RunHead, is_run_record


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


def read_head(path: Path) -> RunHead:
    """How the run began: its rollout file as it stood then, what else was noted. Raises UnreadableRecord."""
    with _reading(path) as conn:
        run_id, rollout, text, started_at, meta = conn.execute(
            "SELECT run_id, rollout, rollout_text, started_at, meta FROM run"
        ).fetchone()
        texts = conn.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'texts'").fetchone()
        started = datetime.fromisoformat(started_at)
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
        yield from map(_assignment, rows)


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
        yield from map(_assignment, rows)


def _assignment(row: tuple[Any, ...]) -> Assignment:
    number, task, deployment, weight_pct, at_s, saturated, size = row
    return Assignment(
        int(number),
        str(task),
        str(deployment),
        float("nan") if weight_pct is None else float(weight_pct),
        float(at_s or 0.0),
        prompt_chars=None if size is None else int(size),
        saturated=bool(saturated),
    )


def read_pairs(path: Path) -> Iterator[Pair]:
    """What both versions made of the same items, in order of time. Raises UnreadableRecord."""
    with _reading(path) as conn:
        if not conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'pairs'").fetchone():
            return
        rows = conn.execute("SELECT at_s, task, canary, criterion, baseline, own FROM pairs ORDER BY rowid")
        for at_s, task, canary, criterion, baseline, own in rows:
            yield Pair(float(at_s or 0.0), str(task), str(canary), str(criterion), int(baseline), int(own))


def read_seconds(path: Path) -> Iterator[Second]:
    """The per-second history, oldest first, one second in memory at a time. Raises UnreadableRecord."""
    with _reading(path) as conn:
        columns = _there(conn, "seconds", SECOND_COLUMNS)
        yield from seconds_of(conn.execute(f"SELECT {columns} FROM seconds ORDER BY rowid"))


def _there(conn: sqlite3.Connection, table: str, columns: str) -> str:
    """The columns to select: NULL in place of those that a record of an older version does not have."""
    known = {row[1] for row in conn.execute(f"PRAGMA table_info({table})")}
    return ", ".join(name if name in known else f"NULL AS {name}" for name in columns.split(", "))


def last_moment_s(path: Path) -> float:
    """When the last thing that the record knows of happened, in seconds of the run. Raises UnreadableRecord."""
    with _reading(path) as conn:
        found = conn.execute(
            "SELECT max(ended_s) FROM outcomes UNION ALL SELECT max(at_s) FROM events"
            " UNION ALL SELECT max(at_s) FROM seconds"
        ).fetchall()
        return max((float(s) for (s,) in found if s is not None and isfinite(float(s))), default=0.0)


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
        # What reads on and on may be closed by another thread than it was opened by; never two at once.
        conn = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0, check_same_thread=False
        )
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
