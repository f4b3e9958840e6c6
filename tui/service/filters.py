"""Report of the content filters, in every place and spelling that services use.

Azure OpenAI annotates choices and prompts (``content_filter_results``, singular in refusals and in what
gateways pass on); its Responses API has one list ``content_filters``. Categories are open-ended: they are
walked, not listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from tui.model import NO_HITS, FilterHits

_MAX_CATEGORIES = 32
_MAX_NAME = 40
_RESULTS = ("content_filter_results", "content_filter_result")
_SIDES = ("prompt", "completion")
_PROMPTS = ("prompt_filter_results", "prompt_annotations")


@dataclass(slots=True)
class FilterReport:
    """What the filter said of one answer so far, by category with its side: ``completion:hate``."""

    blocked: dict[str, None] = field(default_factory=dict)
    annotated: dict[str, None] = field(default_factory=dict)
    below_threshold: dict[str, None] = field(default_factory=dict)
    unfiltered: bool = False

    def hits(self) -> FilterHits:
        """The report as a value."""
        if not (self.blocked or self.annotated or self.below_threshold or self.unfiltered):
            return NO_HITS
        return FilterHits(
            tuple(self.blocked), tuple(self.annotated), tuple(self.below_threshold), self.unfiltered
        )

    def blocked_side(self, side: str) -> bool:
        """Whether a category of ``prompt`` or ``completion`` was blocked."""
        return any(name.startswith(side) for name in self.blocked)

    def read_document(self, document: Mapping[str, object]) -> None:
        """What a whole answer, or one event of a stream, says outside its choices."""
        for name in _PROMPTS:
            if name in document:
                for prompt in _mappings(document[name]):
                    self.read_side(prompt, "prompt")
        if "content_filters" in document:
            self._read_list(document["content_filters"], "completion")

    def read_side(self, holder: Mapping[str, object], side: str) -> None:
        """The results in a choice, a prompt's annotation or the inner error of a refusal."""
        for name in _RESULTS:
            if name in holder:
                self.read_results(holder[name], side)
        if "content_filters" in holder:
            self._read_list(holder["content_filters"], side)

    def read_results(self, results: object, side: str) -> None:
        """Sort one object of results into blocked, annotated, below the threshold, or not checked at all."""
        if isinstance(results, list):
            for item in results[:_MAX_CATEGORIES]:
                self.read_results(item, side)
        if not isinstance(results, Mapping):
            return
        for category, verdict in islice(results.items(), _MAX_CATEGORIES):
            if category == "error":
                # "The contents are not filtered": the filter itself failed, and the text went through.
                self.unfiltered = self.unfiltered or bool(verdict)
                continue
            if type(verdict) is dict and _is_safe(verdict):
                continue
            name = f"{side}:{category_name(category)}"
            for part in _mappings(verdict):
                self._sort(name, part)

    def _sort(self, name: str, verdict: Mapping[str, object]) -> None:
        if verdict.get("error"):
            self.unfiltered = True
        elif verdict.get("filtered") is True:
            self.blocked[name] = None
        elif verdict.get("detected") is True:
            self.annotated[name] = None
        elif verdict.get("severity", "safe") not in ("safe", None):
            self.below_threshold[name] = None

    def _read_list(self, entries: object, side: str) -> None:
        for entry in _mappings(entries):
            source = entry.get("source_type")
            own_side = source if isinstance(source, str) and source in _SIDES else side
            for name in _RESULTS:
                self.read_results(entry.get(name), own_side)
            if entry.get("error"):
                self.unfiltered = True
            if entry.get("blocked") is True and not self.blocked_side(own_side):
                self.blocked[f"{own_side}:not_named"] = None


def _is_safe(verdict: Mapping[str, object]) -> bool:
    """Whether there is nothing to sort, as in nearly every verdict of every answer."""
    get = verdict.get
    return (
        get("filtered") is not True
        and get("detected") is not True
        and get("severity", "safe") == "safe"
        and "error" not in verdict
    )


def category_name(category: object) -> str:
    """One spelling for a category that Azure OpenAI writes in two, at most ``_MAX_NAME`` characters."""
    return "self_harm" if category == "self-harm" else str(category)[:_MAX_NAME]


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    """The objects of a list, or the one that stands in its place."""
    items = value if isinstance(value, list) else [value]
    return (item for item in items[:_MAX_CATEGORIES] if isinstance(item, Mapping))
