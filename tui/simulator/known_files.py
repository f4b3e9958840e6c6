"""Items with known answers out of task files. Their format is the program's, so its reader reads them here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tui.grading import TaskFileRefused, TaskItem, read_task_file
from tui.simulator.call import spoken
from tui.simulator.known import KnownItem, task_named
from tui.simulator.right_wrong import plain_pattern


def read_known(paths: Sequence[Path]) -> tuple[list[KnownItem], list[str]]:
    """The items of the files, and a sentence about each file for people.

    Raises ``ValueError`` that names a file that cannot be read or has no item.
    """
    found: list[KnownItem] = []
    notes: list[str] = []
    for path in paths:
        try:
            read = read_task_file(path)
        except (OSError, TaskFileRefused) as error:
            raise ValueError(f"{path}: cannot be read as a task file: {error}") from error
        if not read.items:
            why = f": line {read.bad_lines[0].line}: {read.bad_lines[0].reason}" if read.bad_lines else ""
            raise ValueError(f"{path}: there is no item with a known answer in it{why}")
        items = [_known(item) for item in read.items]
        found += items
        note = f"{path}: {len(items)} items"
        if unknown := sum(item.kind == "reference" for item in items):
            note += (
                f", {unknown} of them without a right answer (references, or patterns that are no plain text)"
            )
        if read.bad_count:
            note += f"; {read.bad_count} bad lines, the first is line {read.bad_lines[0].line}"
        notes.append(note)
    return found, notes


def _known(item: TaskItem) -> KnownItem:
    instructions, question, _ = spoken(item.messages)
    task = task_named(item.task, instructions, question)
    kind, expected = _kind(item), item.expected
    if kind == "regex":
        text = plain_pattern(expected)
        kind, expected = ("reference", expected) if text is None else (kind, text)
    return KnownItem(task, instructions, question, expected, kind, item.options, item.labels)


def _kind(item: TaskItem) -> str:
    """A label whose labels are not known is told by a letter, or by Yes or No."""
    if item.match != "label" or item.labels:
        return item.match
    if item.options:
        return "choice"
    return "yesno" if item.expected.strip(" .").lower() in ("yes", "no") else "label"
