"""Reader of chat completions off the wire: only what is measured, at the least cost.

The formats and their traps are those of Azure OpenAI's chat completions (REST reference 2024-10-21 and the
content-streaming page of Microsoft's documentation): the first event has no choices and empty names, usage
comes in a last event without choices, an asynchronous filter sends events without ``delta`` even after
``stop``. Compatible services add reasoning, content in parts, faults inside a stream, usage in other places.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import from_json

from tui.service._events import EventReader, EventTooLong, TextEvents
from tui.service.answer import Answer, merged, read_usage
from tui.service.complaint import carries_complaint, read_complaint, says_error
from tui.service.errors import failed_reason, filtered_reason

_BOM = b"\xef\xbb\xbf"
_DONE = b"[DONE]"
_STRAY_BYTES = 400
_DECIDING_BYTES = 8
"""As long as the shortest event: by then the first bytes say what the answer is."""

_OBJECTS = (b"{", b"[", b"<", b'"')
_FIELDS = (b"data", b"event", b"id", b"retry", b"error", b":")
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "reasoning_details")
_OTHER_CONTENT = ("tool_calls", "function_call", "refusal", "audio")
_REASONING_PARTS = frozenset({"thinking", "reasoning"})
_ANSWERS = (b"", b"message")
"""Types of events that are a part of the answer; one of another type is, where it has choices."""

_FAULTS = re.compile(rb"error|exception|fail", re.IGNORECASE)
"""Types of events that report a fault: ``error``, and those of Bedrock (``throttlingException``)."""
_NO_REASON = frozenset({"null", "None"})
"""A ``finish_reason`` that is none yet, by gateways that write it as text (DashScope)."""

_TEXTS = ("text", "thinking", "content", "function", "name", "arguments", "summary", "transcript")
# A surrogate that has no partner is no character; the pairs before it in the pattern are left alone.
_SURROGATES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class UnreadableAnswer(ValueError):
    """The service answered 200 with something that is not a chat completion."""


class AnswerReader:
    """Reads one answer as its bytes arrive. Whether it is streamed is told by its first bytes, not by its
    ``Content-Type``: gateways put events under ``application/json`` and objects under ``text/plain``.

    Events after the first token of the answer are parsed only where they can carry a figure, or all of them
    when ``keep_text``.
    """

    def __init__(self, *, keep_text: bool = False) -> None:
        self.answer = Answer()
        self._keep_text = keep_text
        self._events: EventReader | None = None
        self._body: list[bytes] | None = None
        self._head = b""
        self._strange = False
        self._text_events = TextEvents()

    def feed(self, chunk: bytes, at_s: float | None) -> None:
        """Take the next bytes, cut anywhere, which arrived at ``at_s``.

        Raises:
            UnreadableAnswer: An event that is too long, or is no JSON object.
        """
        if self._events is not None:
            if self._strange:
                self._head = (self._head + chunk)[:_STRAY_BYTES]
            try:
                events = self._events.feed(chunk)
            except EventTooLong as error:
                raise UnreadableAnswer(str(error)) from error
            for kind, data in events:
                self._event(kind, data, at_s)
        elif self._body is not None:
            self._body.append(chunk)
        else:
            self._begin(self._head + chunk, at_s)

    def _begin(self, head: bytes, at_s: float | None, *, ended: bool = False) -> None:
        start = head.removeprefix(_BOM).lstrip()
        if len(start) < _DECIDING_BYTES and start[:1] not in _OBJECTS and not ended:
            self._head = start
        elif start[:1] in _OBJECTS:
            self._body = [start]
        else:
            self._events = EventReader()
            self._head = b""
            self._strange = not start.startswith(_FIELDS)
            self.feed(head, at_s)

    def close(self, at_s: float | None = None) -> None:
        """The body has ended.

        Raises:
            UnreadableAnswer: It was no chat completion at all.
        """
        if self._events is None and self._body is None and self._head.strip():
            self._begin(self._head, at_s, ended=True)
        if self._events is not None:
            for kind, data in self._events.close():
                self._event(kind, data, at_s)
            if self._strange and not (self.answer.has_choice or self.answer.error):
                words = read_complaint(self._head.decode("utf-8", "replace")).message
                raise UnreadableAnswer(f"HTTP 200 with text in place of an answer: {words}")
        elif self._body is not None:
            self._whole(b"".join(self._body))
        else:
            raise UnreadableAnswer("HTTP 200 with an empty body")

    def _whole(self, body: bytes) -> None:
        if body.startswith(b"<"):
            page = read_complaint(body.decode("utf-8", "replace")).message
            raise UnreadableAnswer(f"HTTP 200 with {page} in place of an answer")
        document = _object(body)
        self._read(document, None)
        answer = self.answer
        if answer.error is None and not answer.has_choice and not answer.filters.blocked_side("prompt"):
            kind = str(document.get("object", "no kind named"))
            said = body[:_STRAY_BYTES].decode("utf-8", "replace")
            raise UnreadableAnswer(f"the answer is not a chat completion: it has no choices ({kind}): {said}")
        answer.whole = True

    def _event(self, kind: bytes, data: bytes, at_s: float | None) -> None:
        answer = self.answer
        begun = answer.first_answer_s is not None and answer.model is not None
        if (
            begun
            and not self._keep_text
            and not kind
            and (length := self._text_events.length(data)) is not None
        ):
            answer.written_bytes += length
            return
        data = data.strip()
        if data == _DONE:
            answer.done = True
            return
        if not data:
            return
        if kind and _FAULTS.search(kind):
            answer.error = answer.error or _error_event(data)
            return
        if data[:1] not in (b"{", b"["):
            # A ping, or words of a gateway: quoted if nothing better comes.
            answer.stray = answer.stray or data[:_STRAY_BYTES]
            return
        event = _object(data)
        if str(event.get("type", "")).startswith("response."):
            raise UnreadableAnswer("the stream is of the Responses API, not of chat completions")
        if kind in _ANSWERS or "choices" in event or "error" in event:
            self._read(event, at_s)

    def _read(self, document: dict[str, Any], at_s: float | None) -> None:
        """One event, or a whole answer: both have everything in the same places."""
        answer = self.answer
        model = document.get("model")
        if model and isinstance(model, str):
            answer.model = model
        fingerprint = document.get("system_fingerprint")
        if fingerprint and isinstance(fingerprint, str):
            answer.fingerprint = fingerprint
        self._read_usage(document)
        groq = document.get("x_groq")
        if isinstance(groq, dict):
            self._read_usage(groq)
            self._read_error(groq)
        if answer.error is None and carries_complaint(document):
            answer.error = document
        answer.filters.read_document(document)
        choices = document.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._read_choice(choice, at_s)

    def _read_usage(self, holder: dict[str, Any]) -> None:
        usage = holder.get("usage")
        if isinstance(usage, dict):
            self.answer.usage = merged(self.answer.usage, read_usage(usage))

    def _read_error(self, holder: dict[str, Any]) -> None:
        error = holder.get("error")
        if error and self.answer.error is None and says_error(error):
            self.answer.error = {"error": error}

    def _read_choice(self, choice: dict[str, Any], at_s: float | None) -> None:
        answer = self.answer
        answer.has_choice = True
        reason = choice.get("finish_reason")
        # A late block by the asynchronous filter outranks the "stop" before it; no "stop" outranks a failure.
        before = answer.finish_reason or ""
        told = reason and isinstance(reason, str) and reason not in _NO_REASON
        if told and not (filtered_reason(before) or failed_reason(before)):
            answer.finish_reason = reason
        if "error" in choice:
            self._read_error(choice)
        answer.filters.read_side(choice, "completion")
        self._read_usage(choice)
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice.get("message")
        if isinstance(delta, dict):
            if "error" in delta:
                self._read_error(delta)
            self._read_delta(delta, at_s)
        elif isinstance(text := choice.get("text"), str) and text:
            # The older completions API, which some compatible servers answer with.
            self._wrote(text, at_s)

    def _read_delta(self, delta: dict[str, Any], at_s: float | None) -> None:
        for name in _REASONING:
            if thought := _text(delta.get(name)):
                self._wrote(thought, at_s, reasoning=True)
                break
        content = delta.get("content")
        if isinstance(content, str):
            self._wrote(content, at_s)
        elif content:
            for part in content if isinstance(content, list) else [content]:
                kind = part.get("type") if isinstance(part, dict) else None
                thinks = isinstance(kind, str) and kind in _REASONING_PARTS
                self._wrote(_text(part), at_s, reasoning=thinks)
        for name in _OTHER_CONTENT:
            if other := delta.get(name):
                self._mark(at_s)
                self.answer.written_bytes += len(_text(other).encode("utf-8", "replace"))

    def _wrote(self, text: str, at_s: float | None, *, reasoning: bool = False) -> None:
        if not text:
            return
        answer = self.answer
        answer.written_bytes += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if self._keep_text and not reasoning:
            answer.text.append(text)
        self._mark(at_s, reasoning=reasoning)

    def _mark(self, at_s: float | None, *, reasoning: bool = False) -> None:
        answer = self.answer
        if answer.first_token_s is None:
            answer.first_token_s = at_s
        if answer.first_answer_s is None and not reasoning:
            answer.first_answer_s = at_s


def _error_event(data: bytes) -> object:
    """The data of an event of the type ``error``: an object as it is, anything else as words."""
    try:
        document = _object(data)
    except UnreadableAnswer:
        return {"error": data.decode("utf-8", "replace")}
    return document or {"error": "no reason given"}


def _text(value: object, depth: int = 4) -> str:
    """All text in a part of an answer: a string, a list of parts, or the fields of one that hold text."""
    if isinstance(value, str) or depth == 0:
        return value if isinstance(value, str) else ""
    if isinstance(value, list):
        return "".join(_text(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return "".join(_text(value[name], depth - 1) for name in _TEXTS if name in value)
    return ""


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = from_json(data)
    except ValueError:
        # Bytes that are no UTF-8 and lone surrogates are replaced; what is no JSON then either never was.
        readable = data.decode("utf-8", "replace").encode()
        readable = _SURROGATES.sub(lambda m: b"\\ufffd" if m[1] else m[0], readable)
        try:
            document = from_json(readable)
        except ValueError as error:
            head = readable[:_STRAY_BYTES].decode("utf-8", "replace")
            raise UnreadableAnswer(f"the answer is not JSON ({error}): {head}") from error
    if isinstance(document, list) and len(document) == 1:
        # Gemini's compatible API puts a refusal into a list.
        document = document[0]
    if not isinstance(document, dict):
        raise UnreadableAnswer(f"the answer is a JSON {type(document).__name__}, not an object")
    return document
