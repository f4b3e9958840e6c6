"""Items with a known answer: found by their question, and how hard each is.

Which task a prompt is of, told by the words in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from types import MappingProxyType

from tui.simulator.task_quality import standard_normal


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
