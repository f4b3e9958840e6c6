"""A file that is one JSON document instead of JSON lines: told by its beginning, read whole."""

from __future__ import annotations

import json
from pathlib import Path

from tui.recorded_request import BadRecord

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024

_DECODER = json.JSONDecoder()


def opens_document(first_line: bytes) -> bool:
    """Whether the first line of a file is the beginning of a JSON value that goes on in the next lines.

    Such a line is right JSON up to its very end. (A string cannot go on in the next line, so a line that was
    cut inside one is a bad line.)
    """
    if first_line[:1] not in (b"{", b"[") and first_line[:4] not in (b"\xef\xbb\xbf{", b"\xef\xbb\xbf["):
        return False
    try:
        text = first_line.decode("utf-8-sig")
        json.loads(text)
    except json.JSONDecodeError as error:
        return not error.msg.startswith("Unterminated string") and error.pos >= len(text)
    except (ValueError, RecursionError):
        return False
    return False


def read_document(path: Path) -> list[object]:
    """The JSON values in the file, usually one. Raises BadRecord when it is too large or not JSON, OSError when
    it cannot be read."""
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        limit_mb = MAX_DOCUMENT_BYTES // 1024**2
        raise BadRecord(
            f"a JSON document of more than {limit_mb} MB; convert it to JSON lines (jq -c '.[]' FILE)"
        )
    with path.open("rb") as file:
        data = file.read(MAX_DOCUMENT_BYTES)
    values: list[object] = []
    try:
        text = data.decode("utf-8-sig").strip()
        at = 0
        while at < len(text):
            value, end = _DECODER.raw_decode(text, at)
            values.append(value)
            at = _next_value(text, end)
    except json.JSONDecodeError as error:
        raise BadRecord(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise BadRecord("nested too deeply") from error
    except ValueError as error:
        raise BadRecord("not UTF-8, or a number with too many digits") from error
    return values


def _next_value(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
