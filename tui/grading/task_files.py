"""Task files: JSON lines of questions with known answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui.base.line_reader import BadLine, Line, LineReader
from tui.base.recorded_request import BadRecord, mapping, parse, read_chat
from tui.base.text import plain
from tui.grading.graders import UnknownMatch, grade, kind_of
from tui.grading.literal import PatternsNotInstalled
from tui.grading.options import labels_of, options_of, prompt_text
from tui.grading.reading import BadExpected
from tui.model import Grade

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_ITEMS = 100_000
MAX_ID_CHARS = 200

_KEPT_BAD_LINES = 50
_REASON_CHARS = 160
_READ = frozenset({"id", "task", "messages", "expected", "match", "max_tokens", "max_completion_tokens"})


@dataclass(frozen=True, slots=True)
class TaskItem:
    """One question. ``task`` is None where the file names none. ``options`` and ``labels`` are what the prompt
    lets the model choose from, empty where it offers nothing. ``more`` are the fields not read here."""

    id: str
    task: str | None
    messages: tuple[Mapping[str, Any], ...]
    expected: str
    match: str
    max_tokens: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskFile:
    """The items of a file in its order. ``bad_lines`` are the first 50 lines that cannot be used, of
    ``bad_count``."""

    items: tuple[TaskItem, ...]
    bad_lines: tuple[BadLine, ...] = ()
    bad_count: int = 0


class TaskFileRefused(ValueError):
    """A file that is not used at all; the text says why and what to do."""


def read_task_file(path: Path) -> TaskFile:
    """Read a task file; a line that cannot be used is counted and does not stop the others.

    A line is an object with ``id`` (text, once in a file), ``messages`` as in recorded traffic, ``match`` and
    ``expected`` (text; other JSON values are taken as their JSON text), and perhaps ``task``, ``max_tokens``
    and request parameters; any other field is kept. Raises OSError when the file cannot be read,
    TaskFileRefused for more than 64 MB or 100,000 items, and for patterns where RE2 is not installed.
    """
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise TaskFileRefused(f"the file has {size / 1024**2:,.0f} MB; at most 64 MB are read: split it")
    reader = LineReader(path)
    items: dict[str, TaskItem] = {}
    bad: list[BadLine] = []
    bad_count = 0
    while not reader.ended:
        for line in reader.read():
            number = line.line if isinstance(line, BadLine) else line.number
            try:
                item = _item(line)
                if item.id in items:
                    raise BadRecord(f"id {plain(item.id, 60)} stands in an earlier line")
            except PatternsNotInstalled as error:
                reader.close()
                raise TaskFileRefused(f"line {number}: {error}") from error
            except (BadRecord, BadExpected, UnknownMatch) as error:
                bad_count += 1
                if len(bad) < _KEPT_BAD_LINES:
                    bad.append(BadLine(number, plain(str(error), _REASON_CHARS)))
                continue
            if len(items) >= MAX_ITEMS:
                reader.close()
                raise TaskFileRefused(f"the file has more than {MAX_ITEMS:,} items: split it")
            items[item.id] = item
    return TaskFile(tuple(items.values()), tuple(bad), bad_count)


def task_item(record: Mapping[str, Any]) -> TaskItem:
    """The item in one parsed line. Raises BadRecord, BadExpected and UnknownMatch."""
    match = record.get("match")
    if not isinstance(match, str):
        raise UnknownMatch("match is missing or not text; say how the answer is compared")
    request = read_chat({**record, "expected": _text(record.get("expected"))})
    if request.expected is None:
        raise BadExpected("expected is missing")
    prompt = prompt_text(request.messages)
    options = options_of(prompt) if match in ("choice", "label") else {}
    labels = labels_of(prompt, request.expected) if match == "label" else ()
    kind_of(request.expected, match, options=options, labels=labels)
    return TaskItem(
        id=_id(record.get("id")),
        task=request.task,
        messages=request.messages,
        expected=request.expected,
        match=match,
        max_tokens=request.max_tokens,
        params=request.params,
        options=options,
        labels=labels,
        more={key: value for key, value in record.items() if key not in _READ and key not in request.params},
    )


def grade_item(item: TaskItem, reply: str) -> Grade:
    """Grade a reply to an item. No reply raises."""
    return grade(reply, item.expected, item.match, options=item.options, labels=item.labels)


def _item(line: Line | BadLine) -> TaskItem:
    if isinstance(line, BadLine):
        raise BadRecord(line.reason)
    return task_item(mapping(parse(line.data, "the line"), "the line"))


def _id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise BadRecord("id is missing or not text")
    if not value.isprintable():
        raise BadRecord("id has characters that cannot be shown")
    if len(value) > MAX_ID_CHARS:
        raise BadRecord(f"id has {len(value):,} characters; the limit is {MAX_ID_CHARS}")
    return value


def _text(value: object) -> str | None:
    """An expected answer as text: a JSON value other than a string as its JSON."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise BadExpected("expected has NaN or Infinity in it, or is nested too deeply") from error
