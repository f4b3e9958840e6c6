"""Length-prefixed messages on the pipes between the cockpit and its plot process."""

from __future__ import annotations

import struct
from typing import Final, Protocol

DRAWN: Final = b"+"
FAILED: Final = b"!"
"""First byte of an answer: rows joined by newlines follow, or the reason in words."""

_HEADER: Final = struct.Struct(">I")


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


def read_frame(stream: Readable) -> bytes | None:
    """One message, or None when the other side has gone."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    (length,) = _HEADER.unpack(header)
    body = stream.read(length)
    return body if len(body) == length else None


def write_frame(stream: Writable, body: bytes) -> None:
    """Send one message of less than 4 GiB. Raises OSError when the other side has gone."""
    stream.write(_HEADER.pack(len(body)) + body)
    stream.flush()
