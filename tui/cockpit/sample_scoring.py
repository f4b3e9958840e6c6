"""What this session knows of scoring: what it has shown, what it has scored, what may be seen."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import blake2b

from tui.cockpit.sample_filters import SampleChoices
from tui.model import ANSWERED, Answer, HumanScore, Sample

_KEPT_FOR_UNDO = 1000


@dataclass(frozen=True, slots=True)
class Scored:
    """A score that this session has given."""

    sample: int
    deployment: str


def in_blind_order(sample: Sample, run_id: str) -> tuple[Answer, ...]:
    """The answers as A and B: always the same for one sample, and told by nothing but a hash of run and id."""
    if len(sample.answers) < 2:
        return sample.answers
    drawn = blake2b(f"{run_id}:{sample.id}".encode(), digest_size=1).digest()[0]
    return sample.answers[::-1] if drawn & 1 else sample.answers


def can_be_scored(answer: Answer) -> bool:
    """There is something to read."""
    return answer.kind in ANSWERED and bool(answer.text)


class Scoring:
    """The scores under way and those that can be taken back, and for which samples the version has been seen.

    A score counts at once, before the engine has confirmed it: keys that are typed ahead find the next answer.
    """

    def __init__(self) -> None:
        self.version = 0
        """Changes whenever another answer has a score."""
        self.given: deque[tuple[Scored, HumanScore | None]] = deque(maxlen=_KEPT_FOR_UNDO)
        """The scores of this session, the last one at the end, each with the one that it replaced."""
        self.notes: dict[Scored, str] = {}
        """Notes to answers that have no score yet."""
        self._under_way: dict[Scored, int | None] = {}
        self._seen: set[int] = set()

    def remember(self, score: Scored, before: HumanScore | None) -> None:
        """A score is given that can be taken back."""
        self.given.append((score, before))

    def forget(self, score: Scored) -> None:
        """The newest score of an answer was refused: there is nothing to take back."""
        for at in reversed(range(len(self.given))):
            if self.given[at][0] == score:
                del self.given[at]
                return

    def begin(self, score: Scored, value: int | None) -> None:
        """A score is asked of the engine; None to take it back."""
        self._under_way[score] = value
        self.version += 1

    def end(self, score: Scored, value: int | None) -> None:
        """The engine has answered: from here on the sample itself tells."""
        if self._under_way.get(score, 0) == value:
            self._under_way.pop(score, None)
            self.version += 1

    def value(self, sample: Sample, deployment: str) -> int | None:
        """The score of an answer, 1 to 5."""
        scored = Scored(sample.id, deployment)
        if scored in self._under_way:
            return self._under_way[scored]
        human = sample.human.get(deployment)
        return None if human is None else human.value

    def unscored(self, sample: Sample) -> bool:
        """Whether an answer that can be scored has no score."""
        return any(can_be_scored(a) and self.value(sample, a.deployment) is None for a in sample.answers)

    def show(self, sample: Sample) -> None:
        """The person has seen which version gave which answer."""
        self._seen.add(sample.id)

    def seen(self, sample: Sample) -> bool:
        return sample.id in self._seen

    def hidden(self, sample: Sample, choices: SampleChoices, *, read_only: bool) -> bool:
        """Whether versions, and what gives them away, are not shown: until everything is scored, unless the
        person wants to see them, looks for one version, or has seen them before."""
        return (
            choices.blind
            and not read_only
            and choices.filter.version is None
            and not self.seen(sample)
            and self.unscored(sample)
        )
