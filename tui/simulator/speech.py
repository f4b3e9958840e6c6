"""What deployments say: answers to known items, answers of a quality, and judgements.

How answers to known items are worded: as models do, and such that nobody hesitates over what is meant.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tui.simulator.behaviour import Behaviour
from tui.simulator.call import Call
from tui.simulator.judging import Judged, asks_to_judge, judgement
from tui.simulator.known import KnownItem, KnownItems, task_named
from tui.simulator.prose import composed, tokens_of
from tui.simulator.right_wrong import right_answer, wrong_answer
from tui.simulator.scores import Scores
from tui.simulator.task_quality import EVERY_TASK, TaskQuality, how_good, is_right, quality_of, standard_normal


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


class Speech:
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
        return Reply(item.task or EVERY_TASK, tokens_of(worded(item, answer, rng)), right)


WORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "number": (
            "{a}",
            "The answer is {a}.",
            "**{a}**",
            "Answer: {a}",
            "I worked it through one step at a time and checked the result.\n\n#### {a}",
        ),
        "choice": (
            "{a}",
            "({a})",
            "The correct answer is {a}.",
            "Answer: {a}",
            "**{a}**",
            "I went through the options and left out those that do not hold.\n\nAnswer: {a}",
        ),
        "yesno": (
            "{a}",
            "{a}.",
            "**{a}**",
            "Answer: {a}",
            "The answer is {a}.",
            "{a}. That follows from the wording of the text.",
        ),
        "label": ("{a}", "Label: {a}", "The answer is: {a}", "**{a}**", "Answer: {a}"),
        "exact": ("{a}", "Answer: {a}"),
        "regex": ("{a}",),
        "json": ("{a}", "```json\n{a}\n```"),
    }
)
"""Kind -> templates."""


def worded(item: KnownItem, answer: str, rng: random.Random) -> str:
    """The answer in one of the wordings of its kind."""
    return rng.choice(WORDINGS[item.kind]).replace("{a}", answer)
