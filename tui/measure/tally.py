"""Tally of everything that is counted about the outcomes of one deployment and task in some span of time."""

from __future__ import annotations

from typing import Any, Final

from tui.base.histogram import Histogram, add_counts, subtract_counts
from tui.base.text import plain
from tui.model import ANSWERED, NO_HITS, Figures, FilterHits, Outcome, OutcomeKind

PER_USD = 10**12
"""Money is summed in whole 10^-12 USD, a hundred-thousandth of a cheap token, so that sums never drift."""

OTHER = "other"
MOST_NAMES = 32
LONGEST_NAME = 64

_MOST_USD = 1e9
_MOST_HITS = 32
_COUNTS: Final = ("counts", "kinds", "categories", "models")
_HISTOGRAMS: Final = ("latency", "ttft", "thought", "after_thought", "per_token")
_USAGE: Final = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_SHOWN: Final = (
    *_USAGE,
    "answers_with_usage",
    "answers_without_usage",
    "priced",
    "annotated",
    "below_threshold",
    "unfiltered",
    "spillovers",
    "saturated",
    "reconnected",
)
"""Counts that are figures under the same name."""


class Names:
    """Names that a service made up, kept few, short and printable: every one after the first 31 is ``other``.

    A name once admitted stays admitted, so that what was counted under it can be subtracted again.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def key(self, name: str) -> str:
        """``name`` in at most 64 printable characters, or ``other``."""
        known = self._known.get(name)
        if known is not None:
            return known
        clean = plain(name, LONGEST_NAME)
        if clean not in self._known:
            if len(self._known) >= MOST_NAMES - 1:
                return OTHER
            self._known[clean] = clean
        return self._known[clean]


class VersionNames:
    """Names of the served models and filter categories admitted for one deployment."""

    __slots__ = ("categories", "models")

    def __init__(self) -> None:
        self.models = Names()
        self.categories = Names()


class Tally:
    """Sums that can be merged and subtracted exactly. ``counts`` holds what is not zero, by name.

    Of answers that began with reasoning, ``thought`` holds the first token and ``after_thought`` the first of
    the answer itself; of all others both are the same, and in ``ttft`` alone.
    """

    __slots__ = (*_COUNTS, *_HISTOGRAMS)

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.kinds: dict[OutcomeKind, int] = {}
        self.categories: dict[str, int] = {}
        self.models: dict[str, int] = {}
        self.latency = Histogram()
        self.ttft = Histogram()
        self.thought = Histogram()
        self.after_thought = Histogram()
        self.per_token = Histogram()

    def add_assignment(self) -> None:
        self.counts["assigned"] = self.counts.get("assigned", 0) + 1

    def add(self, outcome: Outcome, names: VersionNames) -> None:
        """Count one outcome. What another deployment answered counts as a request and a spillover only."""
        counts = self.counts
        get = counts.get
        kind = outcome.kind
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if outcome.saturated:
            counts["saturated"] = get("saturated", 0) + 1
        if outcome.reconnected:
            counts["reconnected"] = get("reconnected", 0) + 1
        if outcome.filters is not NO_HITS:
            self._add_hits(outcome.filters, names.categories)
        if not outcome.counts_for_version:
            counts["spillovers"] = get("spillovers", 0) + 1
            return
        if outcome.served_model is not None:
            model = names.models.key(outcome.served_model)
            self.models[model] = self.models.get(model, 0) + 1
        usage = outcome.usage
        if usage is not None:
            counts["answers_with_usage"] = get("answers_with_usage", 0) + 1
            for name in _USAGE:
                if (tokens := getattr(usage, name)) > 0:
                    counts[name] = get(name, 0) + tokens
        elif kind in ANSWERED:
            counts["answers_without_usage"] = get("answers_without_usage", 0) + 1
        cost_usd = outcome.cost_usd
        if cost_usd is not None and 0 <= cost_usd <= _MOST_USD:
            cost = round(cost_usd * PER_USD)
            counts["priced"] = get("priced", 0) + 1
            counts["cost"] = get("cost", 0) + cost
            if outcome.cost_estimated:
                counts["estimated"] = get("estimated", 0) + cost
        if kind in ANSWERED:
            if outcome.latency_ms is not None:
                self.latency.add(outcome.latency_ms)
            if outcome.ttft_ms is not None:
                self.ttft.add(outcome.ttft_ms)
                if outcome.answer_ttft_ms != outcome.ttft_ms:
                    self.thought.add(outcome.ttft_ms)
                    if outcome.answer_ttft_ms is not None:
                        self.after_thought.add(outcome.answer_ttft_ms)
                per_token = outcome.ms_per_output_token
                if per_token is not None:
                    self.per_token.add(per_token)

    def _add_hits(self, hits: FilterHits, names: Names) -> None:
        counts, categories = self.counts, self.categories
        for what, fired in (
            ("", hits.blocked),
            ("annotated", hits.annotated),
            ("below threshold", hits.below_threshold),
        ):
            for category in fired[:_MOST_HITS]:
                key = names.key(f"{category} ({what})" if what else category)
                categories[key] = categories.get(key, 0) + 1
        for name in ("annotated", "below_threshold", "unfiltered"):
            if getattr(hits, name):
                counts[name] = counts.get(name, 0) + 1

    def merge(self, other: Tally) -> None:
        """Add everything in ``other``."""
        for name in _COUNTS:
            add_counts(getattr(self, name), getattr(other, name))
        for name in _HISTOGRAMS:
            getattr(self, name).merge(getattr(other, name))

    def subtract(self, other: Tally) -> None:
        """Undo ``merge(other)`` exactly. Raises ValueError when it never happened."""
        for name in _COUNTS:
            subtract_counts(getattr(self, name), getattr(other, name))
        for name in _HISTOGRAMS:
            getattr(self, name).subtract(getattr(other, name))

    def plus(self, other: Tally) -> Tally:
        """A new tally of both."""
        total = Tally()
        for name in (*_COUNTS, *_HISTOGRAMS):
            setattr(total, name, getattr(self, name).copy())
        total.merge(other)
        return total

    def packed(self) -> tuple[Any, ...]:
        """The same sums in plain small values, for pickling."""
        counts = (getattr(self, name) for name in _COUNTS)
        return (*counts, *(getattr(self, name).packed() for name in _HISTOGRAMS))

    @classmethod
    def unpacked(cls, packed: tuple[Any, ...]) -> Tally:
        """The tally that ``packed`` gave."""
        tally = cls()
        values = (*packed[: len(_COUNTS)], *map(Histogram.unpacked, packed[len(_COUNTS) :]))
        for name, value in zip((*_COUNTS, *_HISTOGRAMS), values, strict=True):
            setattr(tally, name, value)
        return tally

    def _answer_ttft(self) -> Histogram:
        """The time to the first token that is no reasoning, of all answers."""
        of_all = self.ttft.copy()
        of_all.subtract(self.thought)
        of_all.merge(self.after_thought)
        return of_all

    def figures(self, span_s: float, assigned_to_all: int) -> Figures:
        """What a screen shows. ``assigned_to_all`` counts the assignments of the task to any deployment."""
        get = self.counts.get
        assigned = get("assigned", 0)
        ttft_ms = self.ttft.quantiles()
        return Figures(
            span_s=span_s,
            requests=sum(self.kinds.values()),
            assigned=assigned,
            assigned_share_pct=100 * assigned / assigned_to_all if assigned_to_all else None,
            kinds=self.kinds.copy(),
            latency_ms=self.latency.quantiles(),
            ttft_ms=ttft_ms,
            answer_ttft_ms=self._answer_ttft().quantiles() if self.thought.count else ttft_ms,
            ms_per_output_token=self.per_token.quantiles(),
            cost_usd=get("cost", 0) / PER_USD if get("priced") else None,
            estimated_usd=get("estimated", 0) / PER_USD,
            prompt_blocked=self.kinds.get(OutcomeKind.PROMPT_FILTERED, 0),
            completion_blocked=self.kinds.get(OutcomeKind.COMPLETION_FILTERED, 0),
            filter_categories=self.categories.copy(),
            served_models=self.models.copy(),
            **{name: get(name, 0) for name in _SHOWN},
        )
