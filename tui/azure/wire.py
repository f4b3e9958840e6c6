"""Reading chat completions off the wire: only what is measured, at the least cost.

The formats and their traps are those of Azure OpenAI's chat completions (REST reference 2024-10-21 and the
content-streaming page of Microsoft's documentation): the first event has no choices and empty names, usage
comes in a last event without choices, an asynchronous filter sends events without ``delta`` even after
``stop``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from tui.model import NO_HITS, FilterHits, Usage

MAX_LINE_BYTES = 8 * 1024 * 1024
_MAX_CATEGORIES = 32
_WRITTEN = ("content", "reasoning_content", "reasoning", "refusal")

# Of an event after the first content, only these parts can matter: how it ended, what it used, what fired.
# In a JSON string a quote is escaped, so the text of an answer cannot match the quoted names.
_WORTH_PARSING = re.compile(
    rb'"finish_reason"\s*:\s*"|"usage"\s*:\s*\{|"(?:filtered|detected)"\s*:\s*true|"error"\s*:\s*\{'
    rb'|"severity"\s*:\s*"(?!safe")'
)
_WRITTEN_TEXT = re.compile(rb'"(?:content|reasoning_content|reasoning|refusal)"\s*:\s*("(?:[^"\\]|\\.)*")')


class UnreadableAnswer(ValueError):
    """The service answered 200 with something that is not a chat completion."""


@dataclass(slots=True)
class Answer:
    """What was read of one answer so far. ``characters`` counts what the model wrote, reasoning included."""

    model: str | None = None
    fingerprint: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    blocked: dict[str, None] = field(default_factory=dict)
    annotated: dict[str, None] = field(default_factory=dict)
    below_threshold: dict[str, None] = field(default_factory=dict)
    unfiltered: bool = False
    error: dict[str, Any] | None = None
    text: list[str] = field(default_factory=list)
    characters: int = 0

    def hits(self) -> FilterHits:
        if not (self.blocked or self.annotated or self.below_threshold or self.unfiltered):
            return NO_HITS
        return FilterHits(
            tuple(self.blocked), tuple(self.annotated), tuple(self.below_threshold), self.unfiltered
        )


class EventStream:
    """Parses server-sent events as their bytes arrive.

    ``feed`` returns True the first time that an event with content was complete, which is the moment of TTFT.
    After it, events are parsed only where they can carry a figure, or all of them when ``keep_text``.
    """

    def __init__(self, *, keep_text: bool = False) -> None:
        self.answer = Answer()
        self.done = False
        self.has_content = False
        self._keep_text = keep_text
        self._rest = b""

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes, cut anywhere.

        Raises:
            UnreadableAnswer: A line longer than ``MAX_LINE_BYTES``, or an event that is not a JSON object.
        """
        had_content = self.has_content
        data = self._rest + chunk if self._rest else chunk
        end = data.rfind(b"\n")
        if end < 0:
            if len(data) > MAX_LINE_BYTES:
                raise UnreadableAnswer(f"one line of the stream passed {MAX_LINE_BYTES // 2**20} MB")
            self._rest = data
            return False
        self._rest = data[end + 1 :]
        for line in data[:end].split(b"\n"):
            if line.startswith(b"data:"):
                self._event(line[5:])
        return self.has_content and not had_content

    def close(self) -> None:
        """The stream ended: an event without its closing newline still counts.

        Raises:
            UnreadableAnswer: As for ``feed``.
        """
        if self._rest:
            self.feed(b"\n")

    def _event(self, data: bytes) -> None:
        if (
            self.has_content
            and not self._keep_text
            and self.answer.model is not None
            and not _WORTH_PARSING.search(data)
        ):
            self.done = self.done or data.strip() == b"[DONE]"
            for text in _WRITTEN_TEXT.findall(data):
                self.answer.characters += len(from_json(text))
            return
        data = data.strip()
        if data == b"[DONE]":
            self.done = True
            return
        event = _object(data)
        if str(event.get("type", "")).startswith("response."):
            raise UnreadableAnswer("the stream is of the Responses API, not of chat completions")
        _read_common(event, self.answer)
        for choice in _dicts(event.get("choices")):
            delta = choice.get("delta")
            if isinstance(delta, dict):
                self.answer.characters += _characters(delta)
                content = delta.get("content")
                if content and isinstance(content, str):
                    self.has_content = True
                    if self._keep_text:
                        self.answer.text.append(content)
                elif delta.get("tool_calls") or delta.get("function_call") or delta.get("refusal"):
                    self.has_content = True
            elif choice.get("text"):
                # The older completions API, which some compatible servers answer with.
                self.has_content = True


def read_completion(body: bytes, *, keep_text: bool = False) -> Answer:
    """Read a whole (not streamed) chat completion.

    Raises:
        UnreadableAnswer: The body is not a JSON object with ``choices``.
    """
    document = _object(body)
    answer = Answer()
    _read_common(document, answer)
    if not isinstance(document.get("choices"), list) and answer.error is None:
        kind = str(document.get("object", "no kind named"))[:40]
        raise UnreadableAnswer(f"the answer is not a chat completion: it has no choices ({kind})")
    for choice in _dicts(document.get("choices")):
        message = choice.get("message")
        if isinstance(message, dict):
            answer.characters += _characters(message)
            if keep_text and isinstance(message.get("content"), str):
                answer.text.append(message["content"])
    return answer


def _characters(message: dict[str, Any]) -> int:
    return sum(len(text) for name in _WRITTEN if isinstance(text := message.get(name), str))


def read_filter_results(results: object, side: str, into: Answer) -> None:
    """Sort one ``content_filter_results`` object into what was blocked, annotated, below threshold, unchecked.

    Categories are open-ended, so they are walked, not listed.
    """
    if not isinstance(results, dict):
        return
    for category, verdict in list(results.items())[:_MAX_CATEGORIES]:
        if not isinstance(verdict, dict):
            continue
        name = f"{side}:{str(category).replace('-', '_')[:40]}"
        if category == "error":
            into.unfiltered = True
        elif verdict.get("filtered") is True:
            into.blocked[name] = None
        elif verdict.get("detected") is True:
            into.annotated[name] = None
        elif verdict.get("severity", "safe") not in ("safe", None):
            into.below_threshold[name] = None


def _read_common(document: dict[str, Any], answer: Answer) -> None:
    """What streamed events and whole answers have in the same place."""
    model = document.get("model")
    if model and isinstance(model, str):
        answer.model = model[:128]
    fingerprint = document.get("system_fingerprint")
    if fingerprint and isinstance(fingerprint, str):
        answer.fingerprint = fingerprint[:64]
    usage = document.get("usage")
    if isinstance(usage, dict):
        answer.usage = _usage(usage) if usage.get("prompt_tokens") else None
    error = document.get("error")
    if isinstance(error, dict):
        answer.error = error
    for prompt in _dicts(document.get("prompt_filter_results") or document.get("prompt_annotations")):
        read_filter_results(prompt.get("content_filter_results"), "prompt", answer)
    for choice in _dicts(document.get("choices")):
        reason = choice.get("finish_reason")
        # A late block by the asynchronous filter outranks the "stop" that came before it.
        if isinstance(reason, str) and answer.finish_reason != "content_filter":
            answer.finish_reason = reason[:32]
        read_filter_results(choice.get("content_filter_results"), "completion", answer)


def _usage(usage: dict[str, Any]) -> Usage:
    prompt_details = usage.get("prompt_tokens_details")
    completion_details = usage.get("completion_tokens_details")
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(prompt_details.get("cached_tokens")) if isinstance(prompt_details, dict) else 0,
        reasoning_tokens=(
            _count(completion_details.get("reasoning_tokens")) if isinstance(completion_details, dict) else 0
        ),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40 else 0


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = from_json(data)
    except ValueError as error:
        raise UnreadableAnswer(f"the answer is not JSON: {str(error)[:120]}") from error
    if not isinstance(document, dict):
        raise UnreadableAnswer(f"the answer is a JSON {type(document).__name__}, not an object")
    return document
