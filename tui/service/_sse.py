"""Server-sent events off the wire, as the WHATWG HTML standard defines them (section 9.2.6)."""

from __future__ import annotations

MAX_EVENT_BYTES = 8 * 1024 * 1024

Event = tuple[bytes, bytes]
"""The type of an event, empty where none was given, and its data."""

_LF = ord("\n")
_BOM = b"\xef\xbb\xbf"


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
