"""Synthetic requests: e-mail summarisation and contract analysis, of varied length or as a trace says."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from tui.base.recorded_request import MAX_REQUEST_BYTES, Recorded
from tui.traffic.phrases import CLAUSES, COMPANIES, EMAIL_SENTENCES, FIRST_NAMES, LAST_NAMES, PLACES, TOPICS

CHARS_PER_TOKEN = 4
"""Estimate for English text, used wherever tokens are not counted by the service."""

_INSTRUCTIONS: Mapping[str, str] = MappingProxyType(
    {
        "email_summarisation": "Summarise the e-mail thread in at most three sentences. "
        "Name who has to do what, and by when.",
        "contract_analysis": "You review contracts. List the obligations, dates and amounts in the text, "
        "and name every clause that is unusual or one-sided.",
    }
)

TASKS = tuple(_INSTRUCTIONS)

_MAX_CHARS = MAX_REQUEST_BYTES - 4096


class Synthetic:
    """Endless requests of the program's own templates, the same for the same generator.

    ``task`` None alternates at random between the tasks; a task without a template of its own gets the e-mail
    template under its name. ``tokens = "trace"`` gives the prompt about the context tokens of the arrival, at
    ``CHARS_PER_TOKEN``, and asks for at most its generated tokens; without counts it is a natural one.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        task: str | None = None,
        tokens: Literal["natural", "trace"] = "natural",
    ) -> None:
        self._rng = rng
        self._tasks: Sequence[str] = (task,) if task is not None else TASKS
        self._from_trace = tokens == "trace"
        self._long = {name: _long_text(name, rng) for name in self._tasks} if self._from_trace else {}

    def make(self, context_tokens: int | None = None, generated_tokens: int | None = None) -> Recorded:
        """One request. Both counts are those of the arrival, None where it has none."""
        task = self._rng.choice(self._tasks)
        if self._from_trace and context_tokens is not None:
            text = self._sized(task, context_tokens * CHARS_PER_TOKEN)
            limit = max(1, generated_tokens) if generated_tokens is not None else None
            return Recorded(({"role": "user", "content": text},), task, limit)
        messages = (
            {"role": "system", "content": _instruction(task)},
            {"role": "user", "content": _natural(task, self._rng)},
        )
        return Recorded(messages, task)

    def _sized(self, task: str, chars: int) -> str:
        """A prompt of exactly ``chars`` characters (at least 1, at most what a request may have).

        It starts with a number of its own: a shared beginning would be served from the prompt cache, and the
        latency would not be that of the trace.
        """
        chars = min(max(chars, 1), _MAX_CHARS)
        head = f"Ref {self._rng.getrandbits(64):016x}. {_instruction(task)}\n\n"
        body = self._long[task]
        start = self._rng.randrange(len(body))
        copies = (start + chars) // len(body) + 1
        return (head + (body * copies)[start : start + chars])[:chars]


def _instruction(task: str) -> str:
    return _INSTRUCTIONS.get(task, _INSTRUCTIONS["email_summarisation"])


def _natural(task: str, rng: random.Random) -> str:
    return _contract(rng) if task == "contract_analysis" else _email(rng)


def _long_text(task: str, rng: random.Random) -> str:
    """About 64,000 characters of prompts of the task, to cut pieces from."""
    parts: list[str] = []
    size = 0
    while size < 64_000:
        parts.append(_natural(task, rng))
        size += len(parts[-1]) + 2
    return "\n\n".join(parts)


def _person(rng: random.Random) -> str:
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"


_DRAWS: Mapping[str, Callable[[random.Random], str]] = MappingProxyType(
    {
        "person": _person,
        "other": _person,
        "company": lambda rng: rng.choice(COMPANIES),
        "partner": lambda rng: rng.choice(COMPANIES),
        "topic": lambda rng: rng.choice(TOPICS),
        "place": lambda rng: rng.choice(PLACES),
        "weekday": lambda rng: rng.choice(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")),
        "day": lambda rng: str(rng.randint(1, 28)),
        "month": lambda rng: rng.choice(("January", "March", "April", "June", "September", "November")),
        "days": lambda rng: str(rng.choice((5, 10, 14, 30, 45, 60, 90))),
        "percent": lambda rng: str(rng.randint(2, 40)),
        "amount": lambda rng: f"{rng.randint(8, 950) * 500:,}",
        "count": lambda rng: str(rng.randint(3, 60)),
    }
)


class _Facts(dict[str, str]):
    """What a sentence or a clause may mention; what is not ``known`` is drawn when it is first mentioned."""

    def __init__(self, rng: random.Random, **known: str) -> None:
        super().__init__(known)
        self._rng = rng

    def __missing__(self, name: str) -> str:
        drawn = self[name] = _DRAWS[name](self._rng)
        return drawn


def _length(rng: random.Random, median: float, low: int, high: int) -> int:
    """A lognormal length: most are short, a few are several times the median (sigma 0.7)."""
    return min(high, max(low, round(median * rng.lognormvariate(0.0, 0.7))))


def _email(rng: random.Random) -> str:
    """A thread of one to four messages."""
    facts = _Facts(rng)
    sender, receiver = facts["person"], facts["other"]
    subject = f"{facts['topic']} for {facts['company']}"
    messages: list[str] = []
    for turn in range(rng.choice((1, 1, 2, 2, 3, 4))):
        sentences = [
            rng.choice(EMAIL_SENTENCES).format_map(_Facts(rng, topic=facts["topic"]))
            for _ in range(_length(rng, 7, 2, 60))
        ]
        prefix = "Re: " if turn else ""
        messages.append(
            f"From: {sender}\nTo: {receiver}\nSubject: {prefix}{subject}\n\n"
            f"Hello {receiver.split()[0]},\n\n{_paragraphs(sentences)}\n\nBest regards\n{sender}"
        )
        sender, receiver = receiver, sender
    return "\n\n---\n\n".join(messages)


def _contract(rng: random.Random) -> str:
    """An agreement with two to sixty numbered clauses."""
    facts = _Facts(rng)
    opening = (
        f"This agreement is made on {facts['day']} {facts['month']} between {facts['company']}, represented by "
        f"{facts['person']} (the Supplier), and {facts['partner']}, represented by {facts['other']} (the "
        f"Customer), and concerns the {facts['topic']}."
    )
    parties = {"company": facts["company"], "partner": facts["partner"], "topic": facts["topic"]}
    clauses = []
    for number in range(1, _length(rng, 9, 2, 60) + 1):
        title, text = rng.choice(CLAUSES)
        clauses.append(f"{number}. {title}. " + text.format_map(_Facts(rng, **parties)))
    return "\n\n".join([opening, *clauses])


def _paragraphs(sentences: list[str]) -> str:
    return "\n\n".join(" ".join(sentences[i : i + 4]) for i in range(0, len(sentences), 4))
