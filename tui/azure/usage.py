"""Token counts under the names that services give them."""

from __future__ import annotations

from collections.abc import Mapping

from tui.model import Usage

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
