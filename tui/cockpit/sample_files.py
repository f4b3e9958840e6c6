"""Samples as a task file: what failed in production, kept to be asked again."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tui.base.line_reader import MAX_LINE_BYTES
from tui.base.recorded_request import BadRecord
from tui.grading import BadExpected, UnknownMatch
from tui.grading.task_files import MAX_FILE_BYTES, MAX_ITEMS, task_item
from tui.model import Answer, Sample, Snapshot

_REFERENCE: Final = "reference"
_REASON_CHARS = 80


@dataclass(frozen=True, slots=True)
class Written:
    """A task file. ``references`` of its ``items`` had no expected answer and have the baseline's in its place;
    ``left_out`` are reasons with the number of samples each kept out. ``path`` is None where nothing was left
    to write."""

    path: Path | None
    items: int = 0
    references: int = 0
    left_out: Mapping[str, int] | None = None


def write_task_file(folder: Path, snapshot: Snapshot, samples: Iterable[Sample]) -> Written:
    """Write samples so that ``quality.read_task_file`` reads every line. The file is new, named after run and
    instant, and readable by its owner only.

    A sample without an expected answer gets the answer of the baseline as its ``reference``. One that has
    neither, or that a task file cannot hold, is left out and counted.

    Raises:
        OSError: The folder or the file cannot be written; the error names it.
    """
    run = re.sub(r"[^A-Za-z0-9_-]+", "-", snapshot.run_id)[:60]
    lines: list[bytes] = []
    left_out: Counter[str] = Counter()
    references = size = 0
    for sample in samples:
        record = task_record(sample, snapshot.baseline, run)
        try:
            line = _line(record)
        except (BadRecord, BadExpected, UnknownMatch) as error:
            left_out[str(error)[:_REASON_CHARS]] += 1
            continue
        if len(lines) >= MAX_ITEMS or size + len(line) > MAX_FILE_BYTES:
            left_out[f"the file is full at {MAX_FILE_BYTES // 1024**2} MB or {MAX_ITEMS:,} items"] += 1
            continue
        lines.append(line)
        size += len(line)
        references += record is not None and "reference_of" in record
    if not lines:
        return Written(None, left_out=left_out)
    folder.mkdir(parents=True, exist_ok=True)
    path = _write_new(folder, f"{run}-samples-{snapshot.at:%Y%m%dT%H%M%SZ}", lines)
    return Written(path, len(lines), references, left_out)


def task_record(sample: Sample, baseline: str, run: str) -> dict[str, Any] | None:
    """One line of the file: what a task file needs, and beside it what was answered and what was thought of it.
    None where there is no right answer and none of the baseline's."""
    own = sample.answer(baseline)
    if sample.expected is not None and sample.match is not None:
        expected: dict[str, Any] = {"expected": sample.expected, "match": sample.match}
    elif own is not None and own.text.strip():
        expected = {"expected": own.text, "match": _REFERENCE, "reference_of": baseline}
    else:
        return None
    return {
        "id": f"{run}-{sample.id}",
        "task": sample.task,
        "messages": [dict(message) for message in sample.messages],
        **expected,
        "sampled_at": sample.at.isoformat(),
        "answers": {answer.deployment: _answer(answer) for answer in sample.answers},
        "scores": {
            name: {"value": score.value, "by": score.by, "note": score.note, "blind": score.blind}
            for name, score in sample.human.items()
        },
        "judge": None if sample.judged is None else dict(sample.judged.scores),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {"kind": answer.kind.value, "text": answer.text, "error": answer.error,
            "grade": None if answer.grade is None else answer.grade.mark.value}  # fmt: skip


def _line(record: Mapping[str, Any] | None) -> bytes:
    """The record as a line that can be read again; what was answered is left away where it makes the line too
    long. Raises BadRecord, BadExpected and UnknownMatch."""
    if record is None:
        raise BadExpected("no expected answer is known, and none of the baseline's")
    task_item(record)
    for kept in (record, {key: value for key, value in record.items() if key != "answers"}):
        try:
            line = json.dumps(kept, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        except (UnicodeEncodeError, ValueError) as error:
            raise BadRecord("the text has half of a surrogate pair, or a number is not finite") from error
        if len(line) <= MAX_LINE_BYTES:
            return line
    raise BadRecord(f"it is longer than a line may be, {MAX_LINE_BYTES // 1024**2} MB")


def _write_new(folder: Path, stem: str, lines: Iterable[bytes]) -> Path:
    number = 1
    while True:
        path = folder / (f"{stem}.jsonl" if number == 1 else f"{stem}-{number}.jsonl")
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            continue
        with os.fdopen(file, "wb") as out:
            out.writelines(lines)
        return path
