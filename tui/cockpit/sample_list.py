"""The list of samples in its order: kept until samples, filter or scores change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tui.cockpit.sample_filters import (
    SampleFilter,
    disagreement,
    fits,
    has_text,
    is_slow,
    p95_ms,
)
from tui.cockpit.scoring import Scoring
from tui.cockpit.ui_state import View
from tui.model import Sample

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
        self._last_place = 0

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

    def place(self, view: View) -> int:
        """The place of the chosen sample; where it has left the list, that which it had."""
        chosen = view.ui.samples.chosen
        place = None if chosen is None else self.listed(view).places.get(chosen)
        if place is not None:
            self._last_place = place
        return self._last_place

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
