"""Records as they come back from a bad disk or a bad hand: each kind of damage, and damage drawn at random."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ABSURD: tuple[Any, ...] = (
    None, "", "x", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "2026-01-02", "not a time",
    -1, 0, 2**62, -(2**63), 1e308, -1e308, float("inf"), float("-inf"), b"\x00\xff" * 8, b"", "x" * 100_000,
    "[" * 50_000, "{}", "[]", "null", '{"a": 1e999}', '{"default": {"old-v1": -5, "new-v2": 105}}',
    '{"default": 7}', '{"default": {"old-v1": "a"}}', 1e9, 1e12, 86_400.0 * 365 * 5000, "worse",
    '{"default": {"old-v1": NaN, "new-v2": NaN}}', '{"default": {"old-v1": 90, "new-v2": 90}}',
    '{"default": {}}', '{"default": {"old-v1": true, "new-v2": 100}}', "9" * 10_000,
    '{"blocked": 7}', '{"blocked": [[[]]]}',
    "2026-01-02T14:00:00+23:59", "2026-01-02T14:00:00-00:00", "\ud7ff\x1b[31m\x00", 365 * 86_400.0,
    -0.0, 5e-324, 1e-300,
)  # fmt: skip
"""Values for any column of any table."""

JSON: tuple[Any, ...] = (
    None, True, 7, -1e308, 1e308, "x", [], {}, [[]], {"mode": 5}, {"only": None}, "x" * 10_000,
)  # fmt: skip
"""Values for any place of a kept state."""


def columns(path: Path) -> list[tuple[str, str]]:
    """Every table and column of a record."""
    with sqlite3.connect(path) as conn:
        tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = [(t, row[1]) for t in tables for row in conn.execute(f"PRAGMA table_info({t})")]
    conn.close()
    return found


def with_value(path: Path, table: str, column: str, value: Any, *, every: bool = False) -> None:
    """Put a value into a column, of one row or every row, whatever the column wants."""
    conn = sqlite3.connect(path)
    with conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute(f"CREATE TABLE damaged AS SELECT * FROM {table}")
        where = "" if every else " WHERE rowid = (SELECT max(rowid) / 2 + 1 FROM damaged)"
        conn.execute(f"UPDATE damaged SET {column} = ?{where}", (value,))
        conn.execute(f"DROP TABLE {table}")
        conn.execute(f"ALTER TABLE damaged RENAME TO {table}")
    conn.close()


def with_state(path: Path, rng: random.Random) -> None:
    """Replace a random place of the kept state."""
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE IF NOT EXISTS state (only INTEGER PRIMARY KEY, json TEXT)")
    row = conn.execute("SELECT json FROM state").fetchone()
    state: Any = json.loads(row[0]) if row else {"evaluators": {}, "tasks": {}, "members": {}}
    place, value = state, rng.choice(JSON)
    for _ in range(rng.randint(0, 5)):
        inner = [
            v for v in (place.values() if isinstance(place, dict) else place) if isinstance(v, dict | list)
        ]
        if not inner:
            break
        place = rng.choice(inner)
    if isinstance(place, dict):
        place[rng.choice(list(place) or ["x"])] = value
    elif place:
        place[rng.randrange(len(place))] = value
    with conn:
        conn.execute("DELETE FROM state")
        conn.execute("INSERT INTO state VALUES (1, ?)", (json.dumps(state),))
    conn.close()


def _sql(path: Path, *statements: str) -> None:
    conn = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        conn.execute(statement)
    conn.close()


def _instead(path: Path, put: Callable[[], object]) -> None:
    path.unlink()
    put()


def _bytes(path: Path, change: Callable[[bytearray], bytes]) -> None:
    path.write_bytes(change(bytearray(path.read_bytes())))


def _flipped(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 60)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


NAMED: Mapping[str, Callable[[Path], object]] = {
    "no run": lambda p: _sql(p, "DELETE FROM run"),
    "two runs": lambda p: _sql(p, "INSERT INTO run SELECT * FROM run"),
    "no events": lambda p: _sql(p, "DELETE FROM events"),
    "no outcomes": lambda p: _sql(p, "DELETE FROM outcomes"),
    "no table of events": lambda p: _sql(p, "DROP TABLE events"),
    "no table of outcomes": lambda p: _sql(p, "DROP TABLE outcomes"),
    "no table of seconds": lambda p: _sql(p, "DROP TABLE seconds"),
    "a later version": lambda p: _sql(p, "PRAGMA user_version = 99"),
    "a negative version": lambda p: _sql(p, "PRAGMA user_version = -3"),
    "another program's": lambda p: _sql(p, "PRAGMA application_id = 1"),
    "empty": lambda p: _bytes(p, lambda _: b""),
    "a text": lambda p: _bytes(p, lambda _: b"this is no database\n" * 500),
    "half of it": lambda p: _bytes(p, lambda data: bytes(data[: len(data) // 2])),
    "its head alone": lambda p: _bytes(p, lambda data: bytes(data[:100])),
    "zeros behind its head": lambda p: _bytes(p, lambda data: bytes(data[:4096]) + bytes(len(data) - 4096)),
    "a second far away": lambda p: with_value(p, "seconds", "at_s", 1e15),
    "an outcome far away": lambda p: with_value(p, "outcomes", "ended_s", 1e15),
    "an event far away": lambda p: with_value(p, "events", "at_s", 1e15),
    "a second long ago": lambda p: with_value(p, "seconds", "at_s", -1e15),
    "begun in the year 1": lambda p: with_value(p, "run", "started_at", "0001-01-01T00:00:00+00:00"),
    "begun in the year 9999": lambda p: with_value(p, "run", "started_at", "9999-12-31T23:59:59+00:00"),
    "begun without a zone": lambda p: with_value(p, "run", "started_at", "2026-01-02T03:04:05"),
    "backwards": lambda p: _sql(
        p, "UPDATE seconds SET at_s = 60 - at_s", "UPDATE outcomes SET sent_s = 60 - sent_s"
    ),
    "every number twice": lambda p: _sql(
        p, "UPDATE events SET id = 1, grp = 1", "UPDATE outcomes SET request_id = 1"
    ),
    "tables gone": lambda p: _sql(
        p,
        *(
            f"DROP TABLE IF EXISTS {name}"
            for name in ("run", "events", "outcomes", "seconds", "state", "pairs")
        ),
    ),
    "a view for a table": lambda p: _sql(
        p,
        "DROP TABLE outcomes",
        "CREATE VIEW outcomes AS WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT"
        " seq + 1 FROM n) SELECT seq, seq AS ended_s FROM n",
    ),
    "a weight that does not sum": lambda p: with_value(
        p, "events", "after", '{"default": {"old-v1": 90, "new-v2": 90}}', every=True
    ),
    "no rollout file": lambda p: with_value(p, "run", "rollout_text", ""),
    "a rollout file with mistakes": lambda p: with_value(p, "run", "rollout_text", "[rollout]\nbaseline = 7\n"),
    "a huge rollout file": lambda p: with_value(p, "run", "rollout_text", "a = 1 # " + "x" * 2_000_000),
    "a nested rollout file": lambda p: with_value(p, "run", "rollout_text", "a = " + "[" * 100_000),
    "huge texts": lambda p: _sql(p, "UPDATE outcomes SET error = printf('%.*c', 300000, 'x')"),
    "huge counts": lambda p: _sql(
        p, "UPDATE outcomes SET prompt_tokens = 9223372036854775807, cost_usd = 1e308, latency_ms = 1e308"
    ),
    "negative counts": lambda p: _sql(
        p,
        "UPDATE outcomes SET prompt_tokens = -5, completion_tokens = -5, cost_usd = -1e300, latency_ms = -1",
        "UPDATE seconds SET requests = -7, p95_ms = -1e308",
    ),
    "a folder": lambda p: _instead(p, p.mkdir),
    "a link to itself": lambda p: _instead(p, lambda: p.symlink_to(p)),
    "a link to nowhere": lambda p: _instead(p, lambda: p.symlink_to(p.with_name("gone"))),
    "a pipe": lambda p: _instead(p, lambda: os.mkfifo(p)),
    "not to be read": lambda p: p.chmod(0),
    "a write-ahead log of others": lambda p: p.with_name(p.name + "-wal").write_bytes(
        b"\x37\x7f\x06\x82" * 9000
    ),
    "nested meta": lambda p: with_value(p, "run", "meta", "[" * 50_000),
    "nested weights": lambda p: with_value(p, "events", "after", "[" * 50_000, every=True),
    "nested filters": lambda p: with_value(p, "outcomes", "filters", "[" * 50_000, every=True),
}


def damaged(good: Path, folder: Path, seed: int) -> tuple[str, Path]:
    """A copy of a record with the damage that ``seed`` draws, and what that is. The first are ``NAMED``."""
    rng = random.Random(seed)
    path = folder / f"{seed}.sqlite"
    shutil.copy(good, path)
    names = list(NAMED)
    if seed < len(names):
        NAMED[names[seed]](path)
        return names[seed], path
    kind = rng.choice(["value", "value", "value", "values", "state", "bytes", "cut"])
    if kind in ("value", "values"):
        table, column = rng.choice(columns(path))
        value = rng.choice(ABSURD)
        with_value(path, table, column, value, every=kind == "values")
        return f"{table}.{column} = {value!r:.40} ({kind})", path
    if kind == "state":
        with_state(path, rng)
        return "state", path
    if kind == "cut":
        _bytes(path, lambda data: bytes(data[: rng.randrange(len(data))]))
    else:
        _bytes(path, lambda data: _flipped(data, rng))
    return kind, path
