"""Which task a prompt is of, told by the words in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
