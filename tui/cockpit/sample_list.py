"""The list of samples in its order, and what this session knows of scoring them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from tui.cockpit.sample_filters import (
    SampleChoices,
    SampleFilter,
    disagreement,
    fits,
    has_text,
    is_slow,
    p95_ms,
)
from tui.cockpit.ui_state import View
from tui.model import ANSWERED, Answer, HumanScore, Sample

_SEARCH_S = 0.015
"""Reading many texts takes longer than a key may: after this time the list is shown as far as it is."""


@dataclass(frozen=True, slots=True)
class Listed:
    """``rows`` of ``total`` samples, the first one on top, and the place of each by its id.

    ``slow_ms`` is what counts as slow. ``unsearched`` samples have not been looked into for the text yet:
    ``search_on``.
    """

    rows: tuple[Sample, ...] = ()
    total: int = 0
    slow_ms: float | None = None
    unsearched: int = 0
    places: Mapping[int, int] = field(default_factory=dict)


class Listing:
    """Newest first; where disagreement is looked for, the greatest first; where scores are missing, first the
    pairs that the judge has scored, then other pairs, then single answers. A pair says more of the versions
    than a single answer, and a score beside the judge's says how far the judge can be trusted.
    """

    def __init__(
        self,
        samples: Callable[[], Sequence[Sample]],
        scoring: Scoring,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._samples = samples
        self._scoring = scoring
        self._clock = clock
        self._by_id: tuple[object, Mapping[int, Sample]] = (None, {})
        self._listed = Listed()
        self._asked: tuple[object, ...] = ()
        self._of: Sequence[Sample] | None = None
        self._text = ""
        self._found: dict[int, tuple[object, bool]] = {}

    def find(self, sample: int | None) -> Sample | None:
        """The newest state of a sample, None where it is not kept any more."""
        samples = self._samples()
        if self._by_id[0] is not samples:
            self._by_id = (samples, {each.id: each for each in samples})
        return None if sample is None else self._by_id[1].get(sample)

    def listed(self, view: View) -> Listed:
        """What the filters of this moment leave; a frozen picture gets no new ones."""
        samples, wanted = self._samples(), view.ui.samples.filter
        before_s = None if view.ui.frozen is None else view.ui.frozen.at_s
        asked = (wanted, view.ui.task, before_s, self._scoring.version if wanted.unscored else 0)
        if samples is not self._of or asked != self._asked:
            self._of, self._asked = samples, asked
            self._listed = self._list(samples, wanted, view.ui.task, before_s)
        return self._listed

    def search_on(self, view: View) -> None:
        """Look into more of the samples that the search has not reached."""
        self._of = None
        self.listed(view)

    def _list(
        self, samples: Sequence[Sample], wanted: SampleFilter, task: str | None, before_s: float | None
    ) -> Listed:
        left = [
            sample
            for sample in reversed(samples)
            if (task is None or sample.task == task) and (before_s is None or sample.at_s <= before_s)
        ]
        if wanted != SampleFilter(text=wanted.text):
            plain = replace(wanted, slow=False, unscored=False, text="")
            left = [sample for sample in left if fits(sample, plain)]
        if wanted.unscored:
            left = [sample for sample in left if self._scoring.unscored(sample)]
        unsearched = 0
        if wanted.text:
            left, unsearched = self._search(left, wanted.text.casefold())
        slow_ms = p95_ms(left, wanted.version) if wanted.slow else None
        if wanted.slow:
            left = [s for s in left if slow_ms is not None and is_slow(s, slow_ms, wanted.version)]
        if wanted.disagrees:
            left.sort(key=lambda sample: disagreement(sample) or (0, 0.0), reverse=True)
        elif wanted.unscored:
            left.sort(key=_rank)
        places = {sample.id: place for place, sample in enumerate(left)}
        return Listed(tuple(left), len(samples), slow_ms, unsearched, places)

    def _search(self, samples: Sequence[Sample], folded: str) -> tuple[list[Sample], int]:
        """Those with the text among those that have been looked into, and how many have not."""
        if folded != self._text:
            self._text, self._found = folded, {}
        left, unsearched = [], 0
        ends_s: float | None = None
        for sample in samples:
            known = self._found.get(sample.id)
            if known is None or known[0] is not sample.answers:
                now_s = self._clock()
                # From the first one on: what is known already must not use the time up.
                ends_s = now_s + _SEARCH_S if ends_s is None else ends_s
                if now_s > ends_s:
                    unsearched += 1
                    continue
                known = self._found[sample.id] = (sample.answers, has_text(sample, folded))
            if known[1]:
                left.append(sample)
        if len(self._found) > 2 * len(samples):
            self._found = {s.id: self._found[s.id] for s in samples if s.id in self._found}
        return left, unsearched


def _rank(sample: Sample) -> int:
    if len(sample.answers) < 2:
        return 2
    return 0 if sample.judged is not None and not sample.judged.failed else 1


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
