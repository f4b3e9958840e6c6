"""Samples of a run: the newest requests with their answers, in memory, and who scored them how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from tui.grading.agreement import Agreement, PersonScore, agreement, person_score_text
from tui.model import (
    Answer,
    Context,
    Event,
    EventKind,
    Grade,
    HumanScore,
    Outcome,
    Pair,
    Request,
    Sample,
    SampleKind,
)
from tui.routing.controller import CommandRefused

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
    """What judge and people think of the answers that are kept, and what follows from it.

    ``on_pair`` is told of every two values of one item: of known answers, and both scores of a pair. These are
    the judge's, or those of people where there is no judge (``by_people``).
    """

    def __init__(self, on_pair: Callable[[Pair], None], context: Context, *, by_people: bool) -> None:
        self.store = SampleStore()
        self.agreement = ""
        """How far people and judge agree, in one line; empty where no answer has both scores."""
        self._by_people = by_people
        self._on_pair = on_pair
        self._context = context
        self._paired: set[int] = set()
        self._changed_s: dict[str, float] = {}

    def keep(
        self,
        request: Request,
        kind: SampleKind,
        outcomes: Sequence[Outcome],
        grades: Sequence[Grade | None] = (),
        match: str | None = None,
    ) -> Sample:
        """Keep a request and its answers, with their grades where it has a known answer."""
        grades = grades or [None] * len(outcomes)
        sample = Sample(
            id=self.store.next_id(),
            at=self._context.now(),
            at_s=self._context.clock(),
            task=request.task,
            kind=kind,
            messages=request.messages,
            answers=tuple(_answer(o, grade) for o, grade in zip(outcomes, grades, strict=True)),
            source=request.source,
            expected=request.expected,
            match=match,
        )
        self.store.put(sample)
        return sample

    def pair(self, task: str, canary: str, criterion: str, baseline: int, own: int) -> None:
        """Two values of one item are evidence."""
        self._on_pair(Pair(self._context.clock(), task, canary, criterion, baseline, own))

    def version_changed(self, deployment: str) -> None:
        """No answer until now is evidence about what answers from now on."""
        self._changed_s[deployment] = self._context.clock()

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
        score = HumanScore(value, actor, self._context.now(), note, blind)
        kept = replace(kept, human={**kept.human, deployment: score})
        self._keep(kept)
        if self._by_people and len(kept.answers) == len(kept.human) == 2 and kept.id not in self._paired:
            # Once for each sample: evidence cannot be taken back.
            self._paired.add(kept.id)
            self._weigh(kept, {name: score.value for name, score in kept.human.items()})
        text = person_score_text(PersonScore(sample, deployment, value, blind))
        return self._context.log(EventKind.SCORED, actor, text, reason=note)

    def unscore(self, sample: int, deployment: str, actor: str) -> Event:
        """Take a score back. Raises CommandRefused."""
        kept = self._scorable(sample, deployment)
        if deployment not in kept.human:
            raise CommandRefused(f"sample {sample}: the answer of {deployment} has no score to take back")
        self._keep(replace(kept, human={d: s for d, s in kept.human.items() if d != deployment}))
        return self._context.log(
            EventKind.SCORED, actor, person_score_text(PersonScore(sample, deployment, None))
        )

    def _scorable(self, sample: int, deployment: str) -> Sample:
        kept = self.store.get(sample)
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
            self.pair(sample.task, canary, "quality", round(scores[base]), round(scores[canary]))

    def _keep(self, sample: Sample) -> None:
        self.store.put(sample)
        self._compare()

    def _compare(self) -> None:
        self.store.publish()
        self.agreement = _words(agreement(self.store.shown))


def _answer(outcome: Outcome, grade: Grade | None) -> Answer:
    return Answer(
        deployment=outcome.deployment,
        kind=outcome.kind,
        text=outcome.answer_text or "",
        latency_ms=outcome.latency_ms,
        ttft_ms=outcome.ttft_ms,
        answer_ttft_ms=outcome.answer_ttft_ms,
        usage=outcome.usage,
        cost_usd=outcome.cost_usd,
        cost_estimated=outcome.cost_estimated,
        filters=outcome.filters,
        served_model=outcome.served_model,
        error=outcome.error,
        finish_reason=outcome.finish_reason,
        grade=grade,
    )


def _words(found: Agreement) -> str:
    if not found.answers:
        return ""
    if found.kappa is None:
        return f"{found.same} of {found.answers} answers scored alike by judge and people"
    between = "" if found.low is None or found.high is None else f" ({found.low:.2f}…{found.high:.2f})"
    within = f"{found.within_1} of {found.answers} answers within 1"
    return f"judge and people: weighted kappa {found.kappa:.2f}{between}, {within}"
