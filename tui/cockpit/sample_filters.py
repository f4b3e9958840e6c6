"""Which samples are looked for, and whether one is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tui.model import ERRORS, FILTERED, THROTTLED, TIE, Answer, OutcomeKind, Sample

MUCH: Final = 2.0
"""Points of the scale of 1 to 5 that are a disagreement, not a nuance."""


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """What a sample must be to be listed; all that is set must hold.

    Where a ``version`` is set, ``slow``, ``error``, ``throttled``, ``filtered`` and ``wrong`` are asked of its
    answer, else of any answer. ``text`` is looked for in prompt and answers, upper and lower case alike.
    """

    version: str | None = None
    slow: bool = False
    error: bool = False
    throttled: bool = False
    filtered: bool = False
    wrong: bool = False
    disagrees: bool = False
    unscored: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class SampleChoices:
    """What the person has chosen on the samples screens.

    ``chosen`` is the id of a sample, None for the newest whichever it is. ``side`` is 0 or 1, the answer under
    the cursor. ``blind`` hides which version answered until the sample is scored.
    """

    filter: SampleFilter = SampleFilter()
    chosen: int | None = None
    side: int = 0
    blind: bool = True
    whole_prompt: bool = False


def is_error(answer: Answer) -> bool:
    """The caller would see a failure of the version."""
    return answer.kind in ERRORS


def is_throttled(answer: Answer) -> bool:
    """Refused for a rate limit or a used-up quota."""
    return answer.kind in THROTTLED


def is_filtered(answer: Answer) -> bool:
    """Prompt or answer was blocked."""
    return answer.kind in FILTERED or bool(answer.filters.blocked)


def is_wrong(answer: Answer) -> bool:
    """Graded, and it did not give the right answer. One in which no answer was found counts, as in accuracy."""
    return answer.grade is not None and answer.grade.is_right is False


def fits(sample: Sample, wanted: SampleFilter) -> bool:
    """Whether a sample is looked for, as far as it alone tells: ``slow``, ``unscored`` and ``text`` are not
    asked here."""
    answers: Iterable[Answer] = sample.answers
    if wanted.version is not None:
        answers = [answer for answer in sample.answers if answer.deployment == wanted.version]
        if not answers:
            return False
    return (
        (not wanted.error or any(map(is_error, answers)))
        and (not wanted.throttled or any(map(is_throttled, answers)))
        and (not wanted.filtered or any(map(is_filtered, answers)))
        and (not wanted.wrong or any(map(is_wrong, answers)))
        and (not wanted.disagrees or disagreement(sample) is not None)
    )


def disagreement(sample: Sample) -> tuple[int, float] | None:
    """How much is wrong with what the judge said, None where nothing is; the greater, the more to be looked at.

    2, where a person contradicts it: by 2 points or more on one answer (the points follow), or by preferring
    the other answer (at least 1 point). 1, where its own scores of the two answers are 2 points or more apart.
    """
    judged = sample.judged
    if judged is None or judged.failed:
        return None
    apart = [
        abs(judged.scores[name] - score.value) for name, score in sample.human.items() if name in judged.scores
    ]
    most = max(apart, default=0.0)
    if most >= MUCH or _prefers_the_other(sample, judged.better):
        return 2, most
    scores = judged.scores.values()
    spread = max(scores) - min(scores) if scores else 0.0
    return (1, spread) if spread >= MUCH else None


def _prefers_the_other(sample: Sample, better: str) -> bool:
    if len(sample.human) < 2 or better == TIE or better not in sample.human:
        return False
    return any(
        score.value > sample.human[better].value for name, score in sample.human.items() if name != better
    )


def p95_ms(samples: Iterable[Sample], version: str | None) -> float | None:
    """The P95 (nearest rank) of the latencies of all answers, or one version's; None where there are none."""
    known = sorted(
        answer.latency_ms
        for sample in samples
        for answer in sample.answers
        if answer.latency_ms is not None and version in (None, answer.deployment)
    )
    return known[math.ceil(0.95 * len(known)) - 1] if known else None


def is_slow(sample: Sample, above_ms: float, version: str | None) -> bool:
    """Whether an answer took longer than that."""
    return any(
        answer.latency_ms is not None and answer.latency_ms > above_ms and version in (None, answer.deployment)
        for answer in sample.answers
    )


def has_text(sample: Sample, folded: str) -> bool:
    """Whether prompt or an answer has the text, which is case-folded already."""
    return any(folded in answer.text.casefold() for answer in sample.answers) or any(
        folded in message_text(message).casefold() for message in sample.messages
    )


def message_text(message: Mapping[str, Any]) -> str:
    """What a chat message says: its text parts, and the names of other parts and of tool calls."""
    content = message.get("content")
    parts: Sequence[Any] = content if isinstance(content, Sequence) and not isinstance(content, str) else ()
    texts = [content] if isinstance(content, str) else [_part_text(part) for part in parts]
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, Sequence) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            texts.append(f"[calls {function.get('name')}({function.get('arguments')})]")
    return "\n".join(texts)


def _part_text(part: object) -> str:
    if not isinstance(part, Mapping):
        return ""
    text = part.get("text")
    return text if isinstance(text, str) else f"[{part.get('type', 'part')}]"


def said_kind(kind: OutcomeKind) -> str:
    """The kind of an outcome in words."""
    return kind.value.replace("_", " ")
