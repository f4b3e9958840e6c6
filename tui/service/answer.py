"""Answer as far as it was read: whether it is one, and its token counts under the names that services use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.model import OutcomeKind, Usage
from tui.service.errors import Refusal, classify, failed_reason, filtered_reason
from tui.service.filters import FilterReport


@dataclass(slots=True)
class Answer:
    """What was read of one answer so far.

    ``first_token_s`` and ``first_answer_s`` are when the first token of any kind, and the first that is no
    reasoning, came (streams only). ``written_bytes`` is the length of what the model wrote, reasoning included,
    in UTF-8.
    """

    model: str | None = None
    fingerprint: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    filters: FilterReport = field(default_factory=FilterReport)
    error: object = None
    text: list[str] = field(default_factory=list)
    written_bytes: int = 0
    first_token_s: float | None = None
    first_answer_s: float | None = None
    has_choice: bool = False
    done: bool = False
    whole: bool = False
    stray: bytes = b""

    def known_usage(self) -> Usage | None:
        """The token counts; None where they cannot be true: no prompt, or text without a token."""
        usage = self.usage
        if usage is None or usage.prompt_tokens == 0 or (usage.completion_tokens == 0 and self.written_bytes):
            return None
        return usage

    def blocked(self) -> bool:
        """Whether the filter stopped the completion, reported before, at or after its end."""
        return (self.finish_reason is not None and filtered_reason(self.finish_reason)) or (
            self.filters.blocked_side("completion")
        )

    def refusal(self) -> Refusal | None:
        """Why what was read to its end is no answer; None where it is one, blocked or not.

        An answer has a choice, and a finish reason that is no error.
        """
        if self.error is not None:
            return classify(200, self.error, after_content=self.written_bytes > 0)
        if not self.has_choice and self.filters.blocked_side("prompt"):
            text = "prompt blocked by the content filter"
            return Refusal(OutcomeKind.PROMPT_FILTERED, text, self.filters.hits())
        if self.blocked():
            return None
        if not self.has_choice and (self.done or self.stray):
            stray = self.stray.decode("utf-8", "replace")
            return Refusal(OutcomeKind.SERVER_ERROR, f"the answer has no choice{': ' if stray else ''}{stray}")
        if self.finish_reason:
            failed = failed_reason(self.finish_reason)
            text = f"the answer failed: finish_reason {self.finish_reason}"
            return Refusal(OutcomeKind.SERVER_ERROR, text) if failed else None
        if self.whole or self.done:
            end = ", then [DONE]" if self.done else ""
            return Refusal(OutcomeKind.SERVER_ERROR, f"the answer was cut short: it has no finish_reason{end}")
        return Refusal(OutcomeKind.CONNECTION_LOST, "the stream ended before the answer did")


_MOST_TOKENS = 2**40
_PROMPT = ("prompt_tokens", "input_tokens")
_COMPLETION = ("completion_tokens", "output_tokens")
_PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_COMPLETION_DETAILS = ("completion_tokens_details", "output_tokens_details")
_REASONING = ("reasoning_tokens",)
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
"""OpenAI, DeepSeek and Anthropic call them so."""


def read_usage(usage: Mapping[str, object]) -> Usage | None:
    """Token counts of one ``usage`` object; None where a count is missing or is no number.

    Reasoning is part of ``completion_tokens`` (OpenAI, chat completions) unless the total says that it comes on
    top (xAI, chat completions; Gemini's compatible API gives it no name). ``input_tokens``
    beside ``cache_read_input_tokens`` leaves out what was read from and written to the cache (Anthropic, prompt
    caching) unless the total says that it does not.
    """
    prompt, completion = _first(usage, _PROMPT), _first(usage, _COMPLETION)
    total = _count(usage.get("total_tokens"))
    if prompt is None and completion is not None and total is not None:
        prompt = total - completion
    elif completion is None and prompt is not None and total is not None:
        completion = total - prompt
    if prompt is None or completion is None or prompt < 0 or completion < 0:
        return None
    cached = _within(usage, _PROMPT_DETAILS, _CACHED)
    reasoning = _within(usage, _COMPLETION_DETAILS, _REASONING)
    if reasoning and (total == prompt + completion + reasoning or reasoning > completion):
        completion += reasoning
    elif not reasoning and total is not None and total > prompt + completion and not _caches(usage):
        completion = total - prompt
    if "cache_read_input_tokens" in usage and "prompt_tokens" not in usage and total != prompt + completion:
        prompt += cached + (_count(usage.get("cache_creation_input_tokens")) or 0)
    return Usage(prompt, completion, min(cached, prompt), reasoning)


def merged(before: Usage | None, usage: Usage | None) -> Usage | None:
    """What two reports of one answer say together: the later one, but a zero replaces no count."""
    if before is None or usage is None:
        return usage or before
    return Usage(
        usage.prompt_tokens or before.prompt_tokens,
        usage.completion_tokens or before.completion_tokens,
        usage.cached_tokens or before.cached_tokens,
        usage.reasoning_tokens or before.reasoning_tokens,
    )


def _caches(usage: Mapping[str, object]) -> bool:
    """Whether it counts a cache as Anthropic does, beside the prompt, where a total may hold it."""
    return any(name.startswith("cache_") for name in usage)


def _first(counts: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    for name in names:
        if (count := _count(counts.get(name))) is not None:
            return count
    return None


def _within(usage: Mapping[str, object], details: tuple[str, ...], names: tuple[str, ...]) -> int:
    """A part of a count: in the details where they have any, else beside the counts, else 0."""
    for place in details:
        inner = usage.get(place)
        if isinstance(inner, Mapping) and (count := _first(inner, names)):
            return count
    return _first(usage, names) or 0


def _count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # A bool is an int to isinstance, and no count.
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None
