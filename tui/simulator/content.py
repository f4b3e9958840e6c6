"""Content of answers: to known items, of a quality, or judgements; and a stock of text for all others."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tui.simulator.behaviour import (
    EVERY_TASK,
    Behaviour,
    TaskQuality,
    how_good,
    is_right,
    quality_of,
    standard_normal,
)
from tui.simulator.call import Call
from tui.simulator.judging import Judged, Scores, asks_to_judge, judgement
from tui.simulator.known import KnownItem, KnownItems, task_named
from tui.simulator.known_answers import phrased, right_answer, wrong_answer

_PROSE = (
    "The supplier asks for payment within thirty days of delivery, and offers a discount of two percent to "
    "whoever pays within ten. Both parties may end the agreement with ninety days' notice; “material breach” "
    "ends it at once. Marta will send the revised figures on Thursday — they replace those of the first draft."
    "\n\nOpen points: who carries the cost of the audit, how long the café's records are kept, and whether "
    "clause 7 (liability, capped at €250,000) covers lost profit. Nothing else in the thread needs an answer "
    "before the next call. 👍 "
)
STOCK = tuple(word + " " for word in _PROSE.split(" ") if word)
"""One token each."""

_ASIDE = (
    "It is hard to say more without the full context.",
    "Various points were raised and should be looked into.",
    "The text mentions several matters of importance.",
    "Some of the details may need to be checked with the parties involved.",
    "There are dates and amounts, which I have left out here.",
    "Overall, the tone is friendly and the matter appears to be under way.",
    "As is usual in such cases, the standard terms probably apply.",
    "No further action seems to be required at this time.",
)
"""What an answer says that says nothing."""

_READ_CHARS = 2_500
_SENTENCE_WORDS = range(4, 61)
_TOKENS = re.compile(r"\s*(?:\w{1,8}|[^\w\s]{1,4})|\s+")


def tokens_of(text: str) -> tuple[str, ...]:
    """A text in pieces of about a token each; joined they are the text."""
    return tuple(_TOKENS.findall(text))


def composed(question: str, good: float, tokens: int, rng: random.Random) -> tuple[str, ...]:
    """An answer of ``tokens`` words: the better (1 to 5), the more of its sentences come from the question.

    Sentences are taken from 2,500 characters of it, drawn anywhere, each once; the others say nothing.
    """
    start = rng.randrange(max(1, len(question) - _READ_CHARS + 1))
    parts = question[start : start + _READ_CHARS].replace("\n", ". ").split(". ")
    if len(question) > _READ_CHARS:
        del parts[0], parts[-1:]  # cut off
    own = [part for part in parts if len(part.split()) in _SENTENCE_WORDS]
    rng.shuffle(own)
    substance = (good - 1) / 4
    words: list[str] = []
    while len(words) < tokens:
        sentence = own.pop().rstrip(".") + "." if own and rng.random() < substance else rng.choice(_ASIDE)
        words += sentence.split()
    del words[tokens:]
    if words:
        words[-1] = words[-1].rstrip(".,;:") + "."
    return tuple(word + " " for word in words[:-1]) + tuple(words[-1:])


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer that has something to say.

    ``pieces`` are its tokens, empty for one that is written to the length that is drawn, or that fails.
    ``right`` is whether it is the known answer, ``good`` how good it is in points, ``judged`` how it was come
    to if it is a judgement; None for what it is not.
    """

    task: str = ""
    pieces: tuple[str, ...] = ()
    right: bool | None = None
    good: float | None = None
    judged: Judged | None = None


class Content:
    """Shared by the deployments, so that each of them can judge what the others said."""

    def __init__(self, known: Iterable[KnownItem] = ()) -> None:
        self.scores = Scores()
        self._known = KnownItems(known)

    def reply(self, call: Call, behaviour: Behaviour, rng: random.Random) -> Reply | None:
        """What to say; None for any text of the stock, where neither question nor quality is known."""
        if asks_to_judge(call):
            said = judgement(call.question, self.scores, behaviour, rng)
            return Reply(pieces=tokens_of(said.text), judged=said.judged)
        item = self._known.find(call.instructions, call.question)
        if item is None and not behaviour.quality:
            return None
        told = task_named(None, call.instructions, call.question)
        task = item.task if item is not None else told
        quality = quality_of(behaviour.quality, task, told)
        if item is not None and (answered := self._to_known(item, quality, rng)) is not None:
            return answered
        if quality is None:
            return None
        return Reply(task or EVERY_TASK, good=how_good(quality, standard_normal(call.question), rng))

    def write(self, reply: Reply, question: str, tokens: int, rng: random.Random) -> tuple[str, ...]:
        """The tokens of a reply of which ``tokens`` are sent, remembered for whoever is to judge it."""
        if reply.good is None:
            return reply.pieces
        pieces = composed(question, reply.good, tokens, rng)
        self.scores.remember("".join(pieces), reply.good)
        return pieces

    def _to_known(self, item: KnownItem, quality: TaskQuality | None, rng: random.Random) -> Reply | None:
        """Right as often as its quality says, or as usual; None where no answer is right or wrong."""
        right = is_right(quality or TaskQuality(EVERY_TASK), self._known.difficulty(item), rng)
        answer = right_answer(item) if right else wrong_answer(item, rng)
        if answer is None:
            return None
        return Reply(item.task or EVERY_TASK, tokens_of(phrased(item, answer, rng)), right)
