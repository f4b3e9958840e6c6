"""Server-sent events off the wire, as the WHATWG HTML standard defines them (section 9.2.6).

Events that bring nothing but text are measured without parsing them.
"""

from __future__ import annotations

import re

MAX_EVENT_BYTES = 8 * 1024 * 1024

Event = tuple[bytes, bytes]
"""The type of an event, empty where none was given, and its data."""

_LF = ord("\n")
_BOM = b"\xef\xbb\xbf"

# The text of an event that is skipped is between this and the next quote that is not escaped.
_MARKS = (b'"content":"', b'"content": "')
_BACKSLASH = ord("\\")
_TWO_BYTES = re.compile(rb"\\u0[0-7]")
_FIGURES = re.compile(rb'"(?:usage|finish_reason)"\s*:\s*[^n\s]')


class EventTooLong(ValueError):
    """An event passed ``MAX_EVENT_BYTES``."""


class EventReader:
    """Cuts a stream of bytes into events as they arrive. Lines end with CRLF, LF or CR.

    A field called ``error`` is no part of the standard: llama.cpp's server reports a fault in it. It is given
    as an event of the type ``error``. A line that is a JSON object is given as an event too: servers that fail
    in the middle of a stream write the error as they would without one (Ollama).
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_return = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that ``chunk``, cut anywhere, brings to their end.

        Raises:
            EventTooLong: An event does not end within ``MAX_EVENT_BYTES``.
        """
        if b"\r" in chunk or self._after_return:
            chunk = self._with_line_feeds(chunk)
        rest = self._rest
        if not rest and chunk.startswith(b"data:") and chunk.find(b"\n") == len(chunk) - 2 and chunk[-1] == _LF:
            return [(b"", chunk[5:-2])]
        if rest:
            seen = len(rest) - 1
            rest += chunk
            end = rest.rfind(b"\n\n", seen)
            if end < 0:
                return self._none_yet()
            ready = bytes(rest[:end])
            del rest[: end + 2]
        else:
            end = chunk.rfind(b"\n\n")
            if end < 0:
                rest += chunk
                return self._none_yet()
            ready = chunk[:end]
            rest += chunk[end + 2 :]
        events: list[Event] = []
        for block in ready.split(b"\n\n"):
            if block.startswith(b"data:") and b"\n" not in block:
                events.append((b"", block[5:]))
            else:
                _read_lines(block, events)
        return events

    def close(self) -> list[Event]:
        """The event that the stream ended in. The standard drops it; services forget the last blank line."""
        events: list[Event] = []
        _read_lines(bytes(self._rest), events)
        self._rest.clear()
        return events

    def _none_yet(self) -> list[Event]:
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLong(f"one event of the stream passed {MAX_EVENT_BYTES // 2**20} MB")
        return []

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_return = False
        if chunk:
            self._after_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _read_lines(block: bytes, events: list[Event]) -> None:
    kind = b""
    data: list[bytes] = []
    for line in (*block.removeprefix(_BOM).split(b"\n"), b""):
        if not line:
            if data:
                events.append((kind, b"\n".join(data)))
            kind = b""
            data = []
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif line.startswith(b"{"):
            if data:
                events.append((kind, b"\n".join(data)))
            kind, data = b"", [line]
        elif name == b"event":
            kind = value
        elif name == b"error":
            kind = b"error"
            data.append(value)


class TextEvents:
    """Events of one answer that bring nothing but text, found by their bytes."""

    def __init__(self) -> None:
        self._before = b""
        self._after = b""

    def length(self, data: bytes) -> int | None:
        """UTF-8 bytes of the text of an event; None for one that has to be parsed."""
        # Most differ from the one before in nothing but their text.
        start, end = len(self._before), len(data) - len(self._after)
        alike = start and data.find(b'"', start) == end
        if not (alike and data.startswith(self._before) and data.endswith(self._after)):
            if (text := _only_text(data)) is None:
                return None
            start, end = text
            self._before, self._after = data[:start], data[end:]
        return _length(data, start, end)


def _only_text(data: bytes) -> tuple[int, int] | None:
    """Where the text is in an event that has nothing else to say; None for one that must be parsed.

    In a JSON string a quote is escaped, so the text of an answer cannot match a quoted name.
    """
    find = data.find  # half the time of ``in``
    if find(b'"error') >= 0 or find(b"true") >= 0 or find(b'"detail') >= 0 or _FIGURES.search(data):
        return None
    if find(b'"severity"') >= 0 and data.count(b'"severity"') != data.count(b'"safe"'):
        return None
    for mark in _MARKS:
        start = data.find(mark)
        if start >= 0:
            start += len(mark)
            end = data.find(b'"', start)
            return (start, end) if end > start and data[end - 1] != _BACKSLASH else None
    return None


def _length(data: bytes, start: int, end: int) -> int:
    """UTF-8 bytes of the text between two places of a JSON string: an escape is one, that of a letter two or
    three."""
    escapes = data.count(b"\\", start, end)
    if not escapes:
        return end - start
    letters, of_two = data.count(b"\\u", start, end), len(_TWO_BYTES.findall(data, start, end))
    return end - start - escapes - 2 * letters - of_two
