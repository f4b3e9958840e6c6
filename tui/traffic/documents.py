"""A file that is one JSON document instead of JSON lines: told by its beginning, read whole."""

from __future__ import annotations

import json
from pathlib import Path

from tui.base.encoded_file import PIECE_BYTES, DamagedFile, Utf8Reader
from tui.base.recorded_request import BadRecord

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024

# Each value costs some 60 bytes of memory, however short it is written.
_MAX_COMMAS = 5_000_000
_TABLE = (
    "python -c \"import csv, json; [print(json.dumps(r)) for r in csv.DictReader(open('FILE'){})]\""
    " > requests.jsonl"
)

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
    data = bytearray()
    commas = 0
    with path.open("rb") as file:
        reader = Utf8Reader(lambda: file.read(PIECE_BYTES) or None)
        try:
            while (piece := reader.read()) is not None:
                data += piece
                commas += piece.count(b",")
                if len(data) > MAX_DOCUMENT_BYTES or commas > _MAX_COMMAS:
                    raise BadRecord(
                        f"a JSON document of more than {MAX_DOCUMENT_BYTES // 1024**2} MB, or"
                        f" {_MAX_COMMAS // 10**6} million values; convert it to JSON lines (jq -c '.[]' FILE)"
                    )
        except DamagedFile as error:
            raise BadRecord(str(error)) from error
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


def table_conversion(line: bytes) -> str | None:
    """How to convert a file whose line is one of a table; None where it does not look like one."""
    if b"{" in line or not line[:1].isalpha():
        return None
    for separator, option in ((b"\t", ", delimiter='\\t'"), (b",", "")):
        if separator in line:
            return _TABLE.format(option)
    return None


def _next_value(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
