"""Reading a TOML file that may be anything: a folder, a device, a gigabyte, another encoding."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from tui.base.text import plain

_INT64 = 2**63
# tomllib needs time in the square of the parts of a dotted key: minutes for one that fills a small file.
_ENDLESS_KEY = re.compile(r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){64}""")
_AT_END = "at end of document"
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class TomlFileError(Exception):
    """A file that cannot be read as TOML. ``line`` counts from 1, None where no line is to blame."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_toml(path: Path, max_bytes: int) -> tuple[str, dict[str, Any]]:
    """The text of a file and what it holds.

    Raises:
        TomlFileError: The file is missing, unreadable, not regular, larger than ``max_bytes``, not UTF-8 or
            not TOML (then with line and column).
    """
    text = _read_text(path, max_bytes)
    return text, parse_toml(text)


def parse_toml(text: str) -> dict[str, Any]:
    """What a text holds.

    Raises:
        TomlFileError: It is not TOML (then with line and column), or made to take for ever.
    """
    if _ENDLESS_KEY.search(text):
        raise TomlFileError("not valid here: a key of more than 64 parts")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = text.rstrip().split("\n")
        said = str(error).replace(_AT_END, f"at line {len(last)}, column {len(last[-1]) + 1}")
        found = _AT_LINE.search(said)
        raise TomlFileError(f"not valid TOML: {plain(said, 200)}", int(found[1]) if found else None) from None
    except (ValueError, RecursionError):
        # tomllib lets these two through: a decimal of thousands of digits, brackets thousands deep.
        raise TomlFileError("not valid TOML: a number too long or brackets too deep") from None
    if _has_huge_number(document):
        raise TomlFileError("not valid TOML: a whole number does not fit 64 bits")
    return document


def _read_text(path: Path, max_bytes: int) -> str:
    try:
        # Not blocking: opening a pipe that nobody writes to would wait for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise TomlFileError("not a regular file")
            data = file.read(max_bytes + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise TomlFileError(f"cannot be read: {why}; check the path and the file's rights") from None
    except ValueError:
        raise TomlFileError("cannot be read: the path holds a NUL character") from None
    if len(data) > max_bytes:
        raise TomlFileError(f"larger than {max_bytes // 1024} KB: this is not such a file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TomlFileError(f"not UTF-8 text: byte {error.start + 1}, on line {line}", line) from None


def _has_huge_number(document: dict[str, Any]) -> bool:
    """TOML numbers fit 64 bits; longer ones (hexadecimal ones parse) make Python itself fail when printed."""
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, int) and not -_INT64 <= value < _INT64:
            return True
    return False
