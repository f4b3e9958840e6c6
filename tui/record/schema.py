"""What a run record holds: the tables of its SQLite file and how values become rows.

Times within the run are seconds since it started; instants are ISO 8601 in UTC. Rows are only ever appended.
A real number may be NULL: SQLite stores NaN as NULL, and one such row must not keep back all that follow.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tui.model import NO_HITS, Event, FilterHits, Outcome, OutcomeKind, Pair, Second, Usage, WeightTable

APPLICATION_ID = 0x63746F70
"""Marks a file as ours (``PRAGMA application_id``): "ctop" in ASCII."""

VERSION = 5
"""Of the schema (``PRAGMA user_version``); a reader refuses what is newer. Version 1 has no table ``state``,
version 2 no table ``pairs``. Versions before 4 have no ``answer_ttft_ms`` and ``reconnected`` of outcomes, no
``throttled_pct`` of seconds, and their ``error_pct`` counts rate limits. Versions before 5 have no table
``held_back`` and no ``prompt_chars`` of outcomes."""

LONGEST_NAME = 200
LONGEST_TEXT = 2000

_MOST_HITS = 32
_MOST_INT = 2**63 - 1
_NO_USAGE = Usage(0, 0)

_TABLES = (
    """CREATE TABLE run (
  run_id TEXT NOT NULL, rollout TEXT NOT NULL, rollout_text TEXT NOT NULL,
  started_at TEXT NOT NULL, ended_at TEXT, meta TEXT NOT NULL
)""",
    """CREATE TABLE events (
  seq INTEGER PRIMARY KEY, id INTEGER NOT NULL, at TEXT NOT NULL, at_s REAL, actor TEXT NOT NULL,
  kind TEXT NOT NULL, text TEXT NOT NULL, reason TEXT NOT NULL, before TEXT, after TEXT, grp INTEGER NOT NULL
)""",
    """CREATE TABLE outcomes (
  seq INTEGER PRIMARY KEY, request_id INTEGER NOT NULL, task TEXT NOT NULL, deployment TEXT NOT NULL,
  weight_pct REAL, kind TEXT NOT NULL, due_s REAL, sent_s REAL,
  ended_s REAL, late_ms REAL, latency_ms REAL, ttft_ms REAL,
  prompt_tokens INTEGER, cached_tokens INTEGER, completion_tokens INTEGER, reasoning_tokens INTEGER,
  cost_usd REAL, cost_estimated INTEGER NOT NULL, filters TEXT, http_status INTEGER, finish_reason TEXT,
  error TEXT, served_model TEXT, system_fingerprint TEXT, served_by TEXT, counts_for_version INTEGER NOT NULL,
  retry_after_s REAL, region TEXT, service_request_id TEXT, source TEXT NOT NULL, saturated INTEGER NOT NULL,
  answer_ttft_ms REAL, reconnected INTEGER NOT NULL, prompt_chars INTEGER
)""",
    """CREATE TABLE held_back (
  request_id INTEGER NOT NULL, task TEXT NOT NULL, deployment TEXT NOT NULL, weight_pct REAL, at_s REAL,
  prompt_chars INTEGER
)""",
    """CREATE TABLE seconds (
  at_s REAL, deployment TEXT NOT NULL, requests INTEGER NOT NULL, p50_ms REAL, p95_ms REAL,
  p99_ms REAL, cost_per_1k_usd REAL, filter_pct REAL, error_pct REAL, weight_pct REAL, share_pct REAL,
  throttled_pct REAL
)""",
    """CREATE TABLE pairs (
  at_s REAL, task TEXT NOT NULL, canary TEXT NOT NULL, criterion TEXT NOT NULL, baseline INTEGER NOT NULL,
  own INTEGER NOT NULL
)""",
    "CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), json TEXT NOT NULL)",
)

_TEXTS_TABLE = (
    "CREATE TABLE texts (request_id INTEGER NOT NULL, deployment TEXT NOT NULL, prompt TEXT, answer TEXT)"
)

_INSERT_OUTCOME = f"INSERT INTO outcomes VALUES (NULL{', ?' * 33})"
_INSERT_SECOND = f"INSERT INTO seconds VALUES (?{', ?' * 11})"
_INSERT_EVENT = f"INSERT INTO events VALUES (NULL{', ?' * 10})"


@dataclass(frozen=True, slots=True)
class RunHead:
    """What a run record says of the run as a whole. ``rollout_text`` is the rollout file as it stood.

    Raises ValueError when ``started_at`` has no time zone.
    """

    run_id: str
    rollout_name: str
    rollout_text: str
    started_at: datetime
    meta: Mapping[str, Any]
    keep_text: bool

    def __post_init__(self) -> None:
        iso(self.started_at)


def create_tables(conn: sqlite3.Connection, head: RunHead) -> None:
    """Make a new file a run record, with its one row in ``run``; all or nothing."""
    conn.execute("BEGIN IMMEDIATE")
    with conn:
        conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        conn.execute(f"PRAGMA user_version = {VERSION}")
        for table in _TABLES:
            conn.execute(table)
        if head.keep_text:
            conn.execute(_TEXTS_TABLE)
        conn.execute(
            "INSERT INTO run VALUES (?, ?, ?, ?, NULL, ?)",
            (
                _name(head.run_id),
                _name(head.rollout_name),
                _whole(head.rollout_text),
                iso(head.started_at),
                _whole(json.dumps(dict(head.meta), default=str)),
            ),
        )


def is_run_record(conn: sqlite3.Connection) -> bool:
    """Whether the open file is a run record of any version."""
    return bool(conn.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)


def insert_outcomes(conn: sqlite3.Connection, outcomes: Iterable[Outcome]) -> None:
    """Keep what became of assignments. Those that were held back were never sent: they have a table of their
    own."""
    held_back: list[Outcome] = []
    sent: list[Outcome] = []
    for outcome in outcomes:
        (held_back if outcome.kind is OutcomeKind.HELD_BACK else sent).append(outcome)
    conn.executemany(_INSERT_OUTCOME, map(_outcome_row, sent))
    conn.executemany(
        "INSERT INTO held_back VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                _int(o.request_id),
                _name(o.task),
                _name(o.deployment),
                o.weight_pct,
                o.sent_s,
                _known(o.prompt_chars),
            )
            for o in held_back
        ),
    )


def insert_pairs(conn: sqlite3.Connection, pairs: Iterable[Pair]) -> None:
    rows = ((p.at_s, _name(p.task), _name(p.canary), _name(p.criterion), p.baseline, p.own) for p in pairs)
    conn.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?, ?, ?)", rows)


def insert_texts(conn: sqlite3.Connection, outcomes: Iterable[Outcome]) -> None:
    """Keep the prompts and answers; only where the file was created to hold them."""
    conn.executemany(
        "INSERT INTO texts VALUES (?, ?, ?, ?)",
        (
            (_int(o.request_id), _name(o.deployment), _whole(o.prompt_text), _whole(o.answer_text))
            for o in outcomes
            if o.prompt_text is not None or o.answer_text is not None
        ),
    )


def replace_state(conn: sqlite3.Connection, state: Mapping[str, Any]) -> None:
    """Keep what a resumed run takes up, instead of what was kept before."""
    conn.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (json.dumps(state),))


def insert_seconds(conn: sqlite3.Connection, seconds: Iterable[Second]) -> None:
    conn.executemany(
        _INSERT_SECOND,
        (
            (
                second.at_s,
                _name(deployment),
                f.requests,
                f.p50_ms,
                f.p95_ms,
                f.p99_ms,
                f.cost_per_1k_usd,
                f.filter_pct,
                f.error_pct,
                f.weight_pct,
                f.share_pct,
                f.throttled_pct,
            )
            for second in seconds
            for deployment, f in second.figures.items()
        ),
    )


def insert_events(conn: sqlite3.Connection, events: Iterable[Event]) -> None:
    conn.executemany(
        _INSERT_EVENT,
        (
            (
                _int(e.id),
                iso(e.at),
                e.at_s,
                _name(e.actor),
                e.kind.value,
                _text(e.text, LONGEST_TEXT),
                _text(e.reason, LONGEST_TEXT),
                _weights(e.before),
                _weights(e.after),
                _int(e.group),
            )
            for e in events
        ),
    )


def iso(instant: datetime) -> str:
    """UTC in ISO 8601. Raises ValueError for a time without zone."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone: give an instant in UTC")
    return instant.astimezone(UTC).isoformat()


def _outcome_row(o: Outcome) -> tuple[Any, ...]:
    usage = o.usage or _NO_USAGE
    counted = o.usage is not None
    return (
        _int(o.request_id),
        _name(o.task),
        _name(o.deployment),
        o.weight_pct,
        o.kind.value,
        o.due_s,
        o.sent_s,
        o.ended_s,
        o.late_ms,
        o.latency_ms,
        o.ttft_ms,
        _int(usage.prompt_tokens) if counted else None,
        _int(usage.cached_tokens) if counted else None,
        _int(usage.completion_tokens) if counted else None,
        _int(usage.reasoning_tokens) if counted else None,
        o.cost_usd,
        o.cost_estimated,
        None if o.filters == NO_HITS else _filters(o.filters),
        None if o.http_status is None else _int(o.http_status),
        _name(o.finish_reason),
        _text(o.error, LONGEST_TEXT),
        _name(o.served_model),
        _name(o.system_fingerprint),
        _name(o.served_by),
        o.counts_for_version,
        o.retry_after_s,
        _name(o.region),
        _name(o.service_request_id),
        _name(o.source),
        o.saturated,
        o.answer_ttft_ms,
        o.reconnected,
        _known(o.prompt_chars),
    )


def _filters(hits: FilterHits) -> str:
    """Compact JSON of the categories that fired, at most 32 each."""
    fired: dict[str, Any] = {}
    for what in ("blocked", "annotated", "below_threshold"):
        names = getattr(hits, what)
        if names:
            fired[what] = [_name(name) for name in names[:_MOST_HITS]]
    if hits.unfiltered:
        fired["unfiltered"] = True
    return json.dumps(fired, separators=(",", ":"))


def _weights(table: WeightTable | None) -> str | None:
    return None if table is None else json.dumps({task: dict(weights) for task, weights in table.items()})


def _int(value: int) -> int:
    """``value`` within what SQLite can hold: a service may send any number of digits."""
    return value if -_MOST_INT <= value <= _MOST_INT else (_MOST_INT if value > 0 else -_MOST_INT)


def _known(value: int | None) -> int | None:
    return None if value is None else _int(value)


def _name(value: str | None) -> str | None:
    return _text(value, LONGEST_NAME)


def _text(value: str | None, longest: int) -> str | None:
    return None if value is None else _whole(value[:longest])


def _whole(value: str | None) -> str | None:
    """``value`` without the lone surrogates that JSON can carry and UTF-8 cannot."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()
