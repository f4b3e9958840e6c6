"""Items with a known answer: read from task files, found by their question, and how hard each is.

Task files have the program's own format, so its reader reads them here. The words of a prompt tell
which task it is of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from types import MappingProxyType

from tui.grading import TaskFileRefused, TaskItem, read_task_file
from tui.simulator.behaviour import standard_normal
from tui.simulator.call import spoken


@dataclass(frozen=True, slots=True)
class KnownItem:
    """One question with its answer.

    ``kind`` is how answers are compared: number, choice, yesno, label, exact, json, regex (``expected`` is then
    a text that the pattern finds), or anything else, where no answer is right or wrong. ``options`` (letter ->
    text) and ``labels`` are what the question lets one choose from.
    """

    task: str
    instructions: str
    question: str
    expected: str
    kind: str
    options: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()


class KnownItems:
    """Items by the text of their question; of several with the same, the one with the same instructions."""

    def __init__(self, items: Iterable[KnownItem] = ()) -> None:
        self._by_question: dict[str, list[KnownItem]] = {}
        for item in items:
            self._by_question.setdefault(item.question, []).append(item)
        self._difficulty = _difficulties(item for items in self._by_question.values() for item in items)

    def find(self, instructions: str, question: str) -> KnownItem | None:
        items = self._by_question.get(question)
        if items is None:
            return None
        return next((item for item in items if item.instructions == instructions), items[0])

    def difficulty(self, item: KnownItem) -> float:
        """Standard normal over the items of its task; the greater, the harder."""
        return self._difficulty[_text(item)]


def task_named(task: str | None, instructions: str, question: str) -> str:
    """The task of an item: as its file says, else as its words tell; empty where neither does."""
    return task or task_of(instructions, question) or ""


def _difficulties(items: Iterable[KnownItem]) -> dict[str, float]:
    """By rank instead of by the hash itself: then the mean over the items of a task is what accuracy says, for
    few items too."""
    by_task: dict[str, set[str]] = {}
    for item in items:
        by_task.setdefault(item.task, set()).add(_text(item))
    return {
        text: NormalDist().inv_cdf((rank + 0.5) / len(texts))
        for texts in by_task.values()
        for rank, text in enumerate(sorted(texts, key=standard_normal))
    }


def _text(item: KnownItem) -> str:
    return f"{item.task}\n{item.instructions}\n{item.question}"


TASK_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "email_summarisation": ("summarise the e-mail", "summarize the email", "e-mail thread", "email thread"),
        "email_triage": ("sentence from an email", "incoming e-mail", "triage", "which queue"),
        "contract_analysis": ("contract", "clause", "agreement"),
        "dialogue_summarisation": ("summarise the conversation", "about this meeting", "transcript"),
        "dialogue_classification": ("section of a clinical note", "this conversation belong"),
        "legal_mcq": ("statute", "lawsuit", "jurisprudence", "plaintiff"),
        "arithmetic": ("answer with the number", "solve the problem", "how many"),
    }
)
"""Task -> words, in lower case, one of which tells it."""

_AROUND = re.compile(r"^(?:\(\?i\))?(?:\\b|\^)?|(?:\\b|\$)$")
_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")
_READ_CHARS = 4_000


def task_of(instructions: str, question: str) -> str | None:
    """The task whose words come first in a prompt, None where there are none of any task.

    First the instructions are looked through, then the question, 4,000 characters of each.
    """
    for text in (instructions[:_READ_CHARS].lower(), question[:_READ_CHARS].lower()):
        places = {
            task: min((at for word in words if (at := text.find(word)) >= 0), default=-1)
            for task, words in TASK_WORDS.items()
        }
        found = {task: at for task, at in places.items() if at >= 0}
        if found:
            return min(found, key=lambda task: found[task])
    return None


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


def plain_pattern(pattern: str) -> str | None:
    """A text that a pattern finds, None for all but plain text, perhaps between ``^``, ``$`` or ``\\b``."""
    text = re.sub(r"\\([^\w\s])", lambda escaped: f"\0{ord(escaped[1]):x}\0", _AROUND.sub("", pattern))
    if not text.strip() or _SPECIAL.search(text):
        return None
    return re.sub("\0([0-9a-f]+)\0", lambda code: chr(int(code[1], 16)), text)


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
