"""The samples of a run: the newest ones, in memory.

What judge and people think of the answers that are kept: who scored what, and what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count

from tui.grading.agreement import Agreement, PersonScore, agreement, person_score_text
from tui.model import Event, EventKind, HumanScore, Sample
from tui.routing.controller import CommandRefused, Log

MOST = 10_000
MOST_CHARS = 64_000_000
"""Of all texts together."""


class SampleStore:
    """Written to by the engine's loop only; ``shown`` may be read from any thread."""

    def __init__(self, most: int = MOST, most_chars: int = MOST_CHARS) -> None:
        self.next_id = count(1).__next__
        self.shown: tuple[Sample, ...] = ()
        """Oldest first, as of the last ``publish``."""
        self._most = most
        self._most_chars = most_chars
        self._kept: dict[int, Sample] = {}
        self._chars = 0
        self._changed = False

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, sample: int) -> Sample | None:
        return self._kept.get(sample)

    def put(self, sample: Sample) -> None:
        """Keep a new sample, or another value of one that is kept; the oldest make room."""
        before = self._kept.get(sample.id)
        self._chars += _chars(sample) - (0 if before is None else _chars(before))
        self._kept[sample.id] = sample
        self._changed = True
        while len(self._kept) > 1 and (len(self._kept) > self._most or self._chars > self._most_chars):
            self._chars -= _chars(self._kept.pop(next(iter(self._kept))))

    def publish(self) -> None:
        """Show what is kept now."""
        if self._changed:
            self._changed = False
            self.shown = tuple(self._kept.values())


def _chars(sample: Sample) -> int:
    return sum(len(answer.text) for answer in sample.answers) + _messages(sample.messages)


def _messages(messages: Iterable[object]) -> int:
    return sum(len(str(message)) for message in messages)


_NOTE_CHARS = 500
_BEST = 5


class Scores:
    """``pair(task, canary, criterion, baseline, own)`` is told of both scores of a pair: the judge's, or those
    of people where there is no judge (``by_people``)."""

    def __init__(
        self,
        store: SampleStore,
        *,
        by_people: bool,
        pair: Callable[[str, str, str, int, int], None],
        log: Log,
        now: Callable[[], datetime],
    ) -> None:
        self.agreement = ""
        """How far people and judge agree, in one line; empty where no answer has both scores."""
        self._store = store
        self._by_people = by_people
        self._pair = pair
        self._log = log
        self._now = now
        self._paired: set[int] = set()
        self._changed_s: dict[str, float] = {}

    def version_changed(self, deployment: str, at_s: float) -> None:
        """No answer before ``at_s`` is evidence about what answers from now on."""
        self._changed_s[deployment] = at_s

    def judged(self, sample: Sample) -> None:
        """The judge has scored both answers of a pair."""
        assert sample.judged is not None
        self._weigh(sample, sample.judged.scores)
        if sample.human:
            self._compare()

    def score(self, sample: int, deployment: str, value: int, actor: str, note: str, blind: bool) -> Event:
        """Keep what a person thinks of one answer, 1 to 5. Raises CommandRefused."""
        kept = self._scorable(sample, deployment)
        if not 1 <= value <= _BEST:
            raise CommandRefused(f"a score of {value}: from 1 (useless) to 5 (as good as can be)")
        note = note[:_NOTE_CHARS]
        score = HumanScore(value, actor, self._now(), note, blind)
        kept = replace(kept, human={**kept.human, deployment: score})
        self._keep(kept)
        if self._by_people and len(kept.answers) == len(kept.human) == 2 and kept.id not in self._paired:
            # Once for each sample: evidence cannot be taken back.
            self._paired.add(kept.id)
            self._weigh(kept, {name: score.value for name, score in kept.human.items()})
        text = person_score_text(PersonScore(sample, deployment, value, blind))
        return self._log(EventKind.SCORED, actor, text, reason=note)

    def unscore(self, sample: int, deployment: str, actor: str) -> Event:
        """Take a score back. Raises CommandRefused."""
        kept = self._scorable(sample, deployment)
        if deployment not in kept.human:
            raise CommandRefused(f"sample {sample}: the answer of {deployment} has no score to take back")
        self._keep(replace(kept, human={d: s for d, s in kept.human.items() if d != deployment}))
        return self._log(EventKind.SCORED, actor, person_score_text(PersonScore(sample, deployment, None)))

    def _scorable(self, sample: int, deployment: str) -> Sample:
        kept = self._store.get(sample)
        if kept is None:
            raise CommandRefused(f"sample {sample} is no longer kept: only the newest are")
        answer = kept.answer(deployment)
        if answer is None or not answer.text:
            raise CommandRefused(f"sample {sample} has no answer of {deployment} to score")
        return kept

    def _weigh(self, sample: Sample, scores: Mapping[str, float]) -> None:
        """Scores of both answers are evidence, unless another version has answered meanwhile."""
        base, canary = (answer.deployment for answer in sample.answers)
        if sample.at_s >= max(self._changed_s.get(base, 0.0), self._changed_s.get(canary, 0.0)):
            self._pair(sample.task, canary, "quality", round(scores[base]), round(scores[canary]))

    def _keep(self, sample: Sample) -> None:
        self._store.put(sample)
        self._compare()

    def _compare(self) -> None:
        self._store.publish()
        self.agreement = _words(agreement(self._store.shown))


def _words(found: Agreement) -> str:
    if not found.answers:
        return ""
    if found.kappa is None:
        return f"{found.same} of {found.answers} answers scored alike by judge and people"
    between = "" if found.low is None or found.high is None else f" ({found.low:.2f}…{found.high:.2f})"
    within = f"{found.within_1} of {found.answers} answers within 1"
    return f"judge and people: weighted kappa {found.kappa:.2f}{between}, {within}"
