"""Pretend judge: which calls ask for a judgement, how good the judged answers were, and what it says."""

from __future__ import annotations

import hashlib
import json
import random
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tui.simulator.behaviour import Behaviour, whole_score
from tui.simulator.call import Call

_KEPT = 20_000


class Scores:
    """The last 20,000 answers, by the hash of their text with single blanks between its words."""

    def __init__(self) -> None:
        self._good: OrderedDict[bytes, float] = OrderedDict()

    def remember(self, text: str, good: float) -> None:
        """``good`` is in points, 1 to 5 or a little beyond."""
        key = _key(text)
        self._good[key] = good
        self._good.move_to_end(key)
        if len(self._good) > _KEPT:
            self._good.popitem(last=False)

    def learn(self, body: bytes) -> None:
        """Remember answers given as JSON, ``{TEXT: POINTS}``. Raises ``ValueError`` for anything else."""
        try:
            told = {str(text): float(good) for text, good in json.loads(body).items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(
                f'Send {{"TEXT OF AN ANSWER": POINTS}} with points from 1 to 5. ({error})'
            ) from error
        for text, good in told.items():
            if not 1 <= good <= 5:
                raise ValueError(f"Points are from 1 to 5, not {good!r}.")
            self.remember(text, good)

    def of(self, text: str) -> float | None:
        """How good an answer was, None for one that is not known."""
        good = self._good.get(key := _key(text))
        if good is not None:
            self._good.move_to_end(key)
        return good


def _key(text: str) -> bytes:
    return hashlib.blake2b(" ".join(text.split()).encode(errors="surrogatepass"), digest_size=16).digest()


Judged = Literal["fair", "first", "nonsense", "failed"]
"""How a judgement was come to: fairly, with points for standing first, as nonsense, or not at all."""

_ASKED_FOR = frozenset({"first", "second", "better", "reason"})
_UNKNOWN = 3.0

_REASONS = {
    "first": (
        "The first answer names what was asked for; the second leaves out some of it.",
        "The first answer keeps to the text and is complete, the second says little of substance.",
        "Dates and duties are clearer in the first answer.",
    ),
    "second": (
        "The second answer names what was asked for; the first leaves out some of it.",
        "The second answer keeps to the text and is complete, the first says little of substance.",
        "Dates and duties are clearer in the second answer.",
    ),
    "tie": (
        "Both answers cover the same points about equally well.",
        "Neither answer is clearly the better one.",
        "They differ in wording only.",
    ),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """``text`` is the answer; empty for one that fails."""

    judged: Judged
    text: str


def asks_to_judge(call: Call) -> bool:
    """Whether the schema that is asked for is that of a judgement."""
    properties = call.schema.get("properties") if call.schema is not None else None
    return isinstance(properties, Mapping) and properties.keys() >= _ASKED_FOR


def judgement(question: str, scores: Scores, behaviour: Behaviour, rng: random.Random) -> Judgement:
    """What a judge says of the two answers in ``question``; a text that is not known is worth 3.

    Every draw is made whatever the behaviour, so that a fault changes only the judgements that it should.
    """
    fails = 100 * rng.random() < behaviour.judge_fail_pct
    breaks = 100 * rng.random() < behaviour.judge_nonsense_pct
    leans = 100 * rng.random() < behaviour.judge_first_pct
    felt = []
    for answer in answers_in(question):
        noise = rng.gauss(0, behaviour.judge_noise)
        good = scores.of(answer)
        felt.append((_UNKNOWN if good is None else good + noise) - behaviour.judge_stricter)
    bonus = behaviour.judge_first_bonus if leans else 0.0
    first, second = whole_score(felt[0] + bonus), whole_score(felt[1])
    better = "tie" if first == second else "first" if first > second else "second"
    said = {"first": first, "second": second, "better": better, "reason": rng.choice(_REASONS[better])}
    nonsense = _nonsense(said, rng)
    if fails:
        return Judgement("failed", "")
    if breaks:
        return Judgement("nonsense", nonsense)
    return Judgement("first" if leans else "fair", json.dumps(said))


def answers_in(question: str) -> tuple[str, str]:
    """What stands between ``<<<ANSWER 1`` and ``ANSWER 1>>>``, and the same with 2; empty where a line is
    missing. Read from the end: the task's own prompt comes before them."""
    answers = []
    end = len(question)
    for number in (2, 1):
        opening, closing = f"<<<ANSWER {number}\n", f"\nANSWER {number}>>>"
        stop = question.rfind(closing, 0, end)
        start = question.rfind(opening, 0, stop + 1) if stop >= 0 else -1
        answers.append(question[start + len(opening) : stop] if start >= 0 else "")
        end = start if start >= 0 else end
    return answers[1], answers[0]


def _nonsense(said: Mapping[str, Any], rng: random.Random) -> str:
    """An answer that the schema does not allow."""
    text = json.dumps(said)
    return rng.choice(
        (
            "Both answers are interesting, and I would rather not put a number on either of them.",
            text[: len(text) // 2],
            json.dumps({**said, "first": 9, "second": 0}),
            json.dumps({**said, "first": "four"}),
            json.dumps({**said, "better": "both"}),
            json.dumps({key: value for key, value in said.items() if key != "second"}),
            json.dumps([said]),
            "{}",
        )
    )
