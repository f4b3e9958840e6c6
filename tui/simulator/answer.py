"""Bodies of answers: the whole JSON, the events of a stream, their content-filter results (azure.md A2-A5).

Written from ready-made pieces of JSON: names are checked where a deployment is made, so only text that is not
of the stock needs escaping.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.model import OutcomeKind, Usage
from tui.simulator.content import STOCK
from tui.simulator.draw import Drawn

_HARMS = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_SAFE_PROMPT = {**_HARMS, "jailbreak": {"detected": False, "filtered": False}}
_SAFE_COMPLETION = {
    **_HARMS,
    "protected_material_code": {"detected": False, "filtered": False},
    "protected_material_text": {"detected": False, "filtered": False},
}
_OUTAGE = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}
_DETECTED = {"detected": True, "filtered": False}


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


SAFE_COMPLETION = compact(_SAFE_COMPLETION)
OUTAGE = compact(_OUTAGE)
_SAFE_PROMPT_TEXT = compact(_SAFE_PROMPT)


def blocking_prompt_results(drawn: Drawn) -> Mapping[str, Any]:
    return {**_SAFE_PROMPT, drawn.harm: {"filtered": True, "severity": "high"}}


def prompt_results(drawn: Drawn) -> str:
    """JSON of what the filter found in the prompt of an answered request."""
    if drawn.unfiltered:
        return OUTAGE
    if drawn.annotated == "prompt":
        return compact({**_SAFE_PROMPT, "jailbreak": _DETECTED})
    return _SAFE_PROMPT_TEXT


def completion_results(drawn: Drawn) -> str:
    """JSON of what the filter found in the whole answer."""
    if drawn.unfiltered:
        return OUTAGE
    results: dict[str, Any] = {}
    if drawn.annotated == "completion":
        results["protected_material_text"] = _DETECTED
    if drawn.below_threshold:
        results[drawn.harm] = {"filtered": False, "severity": "low"}
    if drawn.kind is OutcomeKind.COMPLETION_FILTERED:
        results[drawn.harm] = {"filtered": True, "severity": "high"}
    return compact({**_SAFE_COMPLETION, **results}) if results else SAFE_COMPLETION


_FRAGMENTS = tuple(compact(word)[1:-1] for word in STOCK)
"""One token each, as it stands inside a JSON string."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that the bodies of one answer are made of. ``created`` is Unix time in seconds; ``pieces`` are its
    tokens, of the stock of text where there are none."""

    drawn: Drawn
    id: str
    created: int
    model: str
    fingerprint: str
    include_usage: bool
    async_filter: bool
    pieces: Sequence[str] = ()

    @property
    def _blocked(self) -> bool:
        return self.drawn.kind is OutcomeKind.COMPLETION_FILTERED

    def whole(self) -> bytes:
        """The body of an answer that is not streamed. A blocked one has no content."""
        content = "" if self._blocked else f'"content":"{self._text(0, self.drawn.tokens)}",'
        return (
            f'{{"choices":[{{"content_filter_results":{completion_results(self.drawn)},'
            f'"finish_reason":"{self.drawn.finish_reason}","index":0,"logprobs":null,'
            f'"message":{{"annotations":[],{content}"refusal":null,"role":"assistant"}}}}],'
            f'"created":{self.created},"id":"{self.id}","model":"{self.model}","object":"chat.completion",'
            f'"prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{prompt_results(self.drawn)}}}],'
            f'"system_fingerprint":"{self.fingerprint}","usage":{_usage(self.drawn.usage)}}}'
        ).encode()

    def opening(self) -> bytes:
        """The first event, which has no choices and no id, and the one that gives the role."""
        first = (
            'data: {"choices":[],"created":0,"id":"","model":"","object":"",'
            f'"prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{prompt_results(self.drawn)}}}]'
            f"{self._no_usage}}}\n\n"
        )
        role = self._event("{}", '{"content":"","refusal":null,"role":"assistant"}', "null")
        return (first + role).encode()

    def content(self, start: int, stop: int) -> bytes:
        """One event with the tokens from ``start`` up to ``stop``."""
        if self.async_filter:
            results = "{}"
        elif self.drawn.unfiltered:
            results = OUTAGE
        elif stop == self.drawn.tokens and not self._blocked:
            results = completion_results(self.drawn)
        else:
            results = SAFE_COMPLETION
        return self._event(results, f'{{"content":"{self._text(start, stop)}"}}', "null").encode()

    def closing(self) -> bytes:
        """Everything after the last content, down to ``[DONE]``.

        With the asynchronous filter, its findings come after the end in events without a delta, and a block is
        such an event instead of an end.
        """
        finish = f'"{self.drawn.finish_reason}"'
        events: list[str] = []
        if not self.async_filter:
            events.append(self._event(completion_results(self.drawn) if self._blocked else "{}", "{}", finish))
        elif self._blocked:
            events.append(self._late(0, self._length, completion_results(self.drawn), finish))
        else:
            middle = self._length // 2
            events.append(self._event("{}", "{}", finish))
            events.append(self._late(0, middle, SAFE_COMPLETION, "null"))
            events.append(self._late(middle, self._length, completion_results(self.drawn), "null"))
        if self.include_usage:
            events.append(f'data: {{"choices":[],{self._envelope},"usage":{_usage(self.drawn.usage)}}}\n\n')
        events.append("data: [DONE]\n\n")
        return "".join(events).encode()

    @property
    def _no_usage(self) -> str:
        return ',"usage":null' if self.include_usage else ""

    @property
    def _envelope(self) -> str:
        return (
            f'"created":{self.created},"id":"{self.id}","model":"{self.model}",'
            f'"object":"chat.completion.chunk","system_fingerprint":"{self.fingerprint}"'
        )

    @property
    def _length(self) -> int:
        return self.drawn.usage.prompt_tokens * 4 + self.drawn.tokens * 6

    def _event(self, results: str, delta: str, finish: str) -> str:
        return (
            f'data: {{"choices":[{{"content_filter_results":{results},"delta":{delta},"finish_reason":{finish},'
            f'"index":0,"logprobs":null}}],{self._envelope}{self._no_usage}}}\n\n'
        )

    def _late(self, start: int, end: int, results: str, finish: str) -> str:
        return (
            f'data: {{"choices":[{{"content_filter_offsets":{{"check_offset":{end},"start_offset":{start},'
            f'"end_offset":{end}}},"content_filter_results":{results},"finish_reason":{finish},"index":0}}],'
            f'"created":0,"id":"","model":"","object":""{self._no_usage}}}\n\n'
        )

    def _text(self, start: int, stop: int) -> str:
        if self.pieces:
            return compact("".join(self.pieces[start:stop]))[1:-1]
        first = self.drawn.text_start
        return "".join(_FRAGMENTS[(first + i) % len(_FRAGMENTS)] for i in range(start, stop))


def _usage(usage: Usage) -> str:
    return (
        f'{{"completion_tokens":{usage.completion_tokens},"completion_tokens_details":{{'
        f'"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":{usage.reasoning_tokens},'
        f'"rejected_prediction_tokens":0}},"prompt_tokens":{usage.prompt_tokens},"prompt_tokens_details":{{'
        f'"audio_tokens":0,"cached_tokens":{usage.cached_tokens}}},'
        f'"total_tokens":{usage.prompt_tokens + usage.completion_tokens}}}'
    )
