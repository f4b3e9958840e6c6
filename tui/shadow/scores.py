"""What judge and people think of the answers that are kept: who scored what, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from tui.grading.agreement import Agreement, agreement
from tui.grading.grades import Scored, scored_text
from tui.model import Event, EventKind, HumanScore, Sample
from tui.routing.controller import CommandRefused, Log
from tui.shadow.samples import SampleStore

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
        text = scored_text(Scored(sample, deployment, value, blind))
        return self._log(EventKind.SCORED, actor, text, reason=note)

    def unscore(self, sample: int, deployment: str, actor: str) -> Event:
        """Take a score back. Raises CommandRefused."""
        kept = self._scorable(sample, deployment)
        if deployment not in kept.human:
            raise CommandRefused(f"sample {sample}: the answer of {deployment} has no score to take back")
        self._keep(replace(kept, human={d: s for d, s in kept.human.items() if d != deployment}))
        return self._log(EventKind.SCORED, actor, scored_text(Scored(sample, deployment, None)))

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
