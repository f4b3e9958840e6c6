"""Log lines in what a collector wrote around them: docker, Kubernetes, journald, and text before JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tui.base.line_reader import MAX_LINE_BYTES, BadLine, Line, LineReader
from tui.base.recorded_request import BadRecord, parse
from tui.traffic.formats import format_of, records_of

_FIELDS = ("log", "message", "MESSAGE", "msg", "@message", "line", "textPayload", "jsonPayload", "_source")
# Docker cuts what a container writes into pieces of this size.
_PIECE_CHARS = 16 * 1024
_MAX_STREAMS = 8
_CRI = re.compile(rb"^\S+ (stdout|stderr) ([FP])(?::\S*)? ")


class LogLines:
    """The lines of a file without what is around them, which its first ones tell."""

    def __init__(self, reader: LineReader) -> None:
        self._reader = reader
        self._envelope: Envelope | None = None
        self.settled = False
        """What is around the lines is not asked any more."""
        self.first: Line | BadLine | None = None
        """The first line of the file, as it is."""

    @property
    def name(self) -> str:
        """What a line is called in a message."""
        return self._envelope.name if self._envelope is not None else "the line"

    def read(self) -> list[Line | BadLine]:
        """What the next chunk completes. Raises OSError like ``LineReader.read``."""
        lines = self._reader.read()
        if lines and self.first is None:
            self.first = lines[0]
        if lines and not self.settled:
            self._envelope = envelope_of([line for line in lines if isinstance(line, Line)])
            self.settled = self._envelope is not None
        if self._envelope is None:
            return lines
        opened: list[Line | BadLine] = []
        for line in lines:
            opened += self._envelope.open(line) if isinstance(line, Line) else [line]
        return opened + (self._envelope.finish() if self._reader.ended else [])


class Envelope:
    """What is around each line of a file, and the lines that are in pieces.

    ``field`` is the one that holds the line; None means that plain text stands before it. ``whole_at_lf``: a
    line goes on in the next record until one ends with a line feed.
    """

    def __init__(self, field: str | None, *, whole_at_lf: bool = False) -> None:
        self.name = f"the text under {field}" if field is not None else "the JSON in the line"
        self._field = field
        self._whole_at_lf = whole_at_lf
        self._pieces: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        self._first: dict[str, int] = {}

    def open(self, line: Line) -> list[Line | BadLine]:
        """The line that this one completes; none while it is in pieces."""
        if self._field is None:
            return self._after_text(line)
        try:
            record = parse(line.data, "the line")
        except BadRecord as error:
            return [BadLine(line.number, str(error))]
        inner = record.get(self._field) if isinstance(record, dict) else None
        if isinstance(inner, dict):
            return [Line(line.number, json.dumps(inner).encode())]
        if not isinstance(inner, str):
            return [BadLine(line.number, f"no {self._field} in the line")]
        stream = str(record.get("stream", ""))[:20]
        return self._piece(line.number, stream, inner, whole=not self._whole_at_lf or inner.endswith("\n"))

    def finish(self) -> list[Line | BadLine]:
        """The lines whose last piece has not come, at the end of the file."""
        return [line for stream in list(self._pieces) for line in self._piece(0, stream, "", whole=True)]

    def _after_text(self, line: Line) -> list[Line | BadLine]:
        tagged = _CRI.match(line.data)
        if tagged is not None:
            text = line.data[tagged.end() :].decode(errors="surrogateescape")
            return self._piece(line.number, tagged[1].decode(), text, whole=tagged[2] == b"F")
        at = line.data.find(b"{")
        return [Line(line.number, line.data[at:]) if at >= 0 else BadLine(line.number, "no JSON in the line")]

    def _piece(self, number: int, stream: str, text: str, *, whole: bool) -> list[Line | BadLine]:
        if stream not in self._pieces and len(self._pieces) >= _MAX_STREAMS:
            return [BadLine(number, "pieces of too many streams")]
        pieces = self._pieces.setdefault(stream, [])
        self._first.setdefault(stream, number)
        size = self._sizes[stream] = self._sizes.get(stream, 0) + len(text)
        if size <= MAX_LINE_BYTES:
            pieces.append(text)
        if not whole:
            return []
        first = self._first.pop(stream)
        del self._pieces[stream], self._sizes[stream]
        if size > MAX_LINE_BYTES:
            return [BadLine(first, f"longer than {MAX_LINE_BYTES // 1024**2} MB in all its pieces")]
        data = "".join(pieces).encode(errors="surrogateescape").strip()
        return [Line(first, data)] if data else []


def envelope_of(lines: Iterable[Line]) -> Envelope | None:
    """What is around these lines, the first of a file; None where nothing is, or where a record is known as it
    is."""
    records: list[Mapping[str, Any]] = []
    after_text = False
    for line in lines:
        if line.data[:1] in (b"{", b"[", b"\xef"):
            try:
                value = parse(line.data, "the line")
            except BadRecord:
                continue  # it is reported when its turn comes
            if any(format_of(record) is not None for record in records_of(value)):
                return None
            if isinstance(value, dict):
                records.append(value)
        elif not after_text and (at := line.data.find(b"{")) > 0:
            after_text = _CRI.match(line.data) is not None or _is_object(line.data[at:])
    for field in _FIELDS:
        held = [record[field] for record in records if field in record]
        texts = [text for text in held if isinstance(text, str)]
        if (
            any(isinstance(value, dict) and format_of(value) is not None for value in held)
            or any(text.lstrip()[:1] in ("{", "[") for text in texts)
            or (texts and field == "log" and any("stream" in record for record in records))
        ):
            cut = any(text.endswith("\n") or len(text) >= _PIECE_CHARS for text in texts)
            return Envelope(field, whole_at_lf=field == "log" and cut)
    return Envelope(None) if after_text and not records else None


def _is_object(data: bytes) -> bool:
    try:
        return isinstance(parse(data, "the line"), dict)
    except BadRecord:
        return False
