"""Text for people: what came from models, services and files made harmless, and spans of time in words."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import escape

PIECE_CHARS = 4096
"""How much of a long text ``visible_pieces`` looks at in one step."""

_MARKUP = re.compile(r"([\\`*_\[\]|~$])")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Marks and letters that have no shape (Unicode, Default_Ignorable_Code_Point, and the empty Braille cell)."""
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_EMOJI_SELECTOR = "\ufe0f"
_MARKS_A_LETTER = 3
_TAB = "    "
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SIZES = ((1, "s", "s"), (60, "m", "min"), (3_600, "h", "h"), (86_400, "d", "days"))
_MOST_OF_UNIT = 99

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def plain(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, control and formatting characters made visible.

    White space of any kind becomes one blank; what is cut off is marked with ``…``.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    head = text[: 4 * limit]
    if not head.isprintable() or not head.isascii():
        head = " ".join(head.split())
        head = "".join(_visible(c) for c in head)
    if len(head) <= limit and len(text) <= 4 * limit:
        return head
    return head[: max(limit - 1, 0)] + "…"


def visible_pieces(text: str) -> Iterator[str]:
    """A long text as it can be painted, piece by piece: of what moves nothing, only line feeds are left.

    A tab becomes four blanks, any other blank one; control, formatting, bidirectional and zero-width
    characters, characters without a shape and a fourth mark on one letter become escapes. A selector that only
    makes a symbol an emoji is left out: terminals do not agree on how wide it makes it.
    """
    start = 0
    while start < len(text):
        end = start + PIECE_CHARS
        if text[end - 1 : end + 1] == "\r\n":
            end += 1
        piece = text[start:end]
        if piece.isascii() and piece.replace("\n", "").isprintable():
            yield piece
        else:
            yield _painted(piece)
        start = end


def visible(text: str) -> str:
    """All of ``visible_pieces``."""
    return "".join(visible_pieces(text))


def markdown(text: str) -> str:
    """``text`` so that Markdown shows it as it is: marks escaped, HTML as entities, no address made a link."""
    safe = _MARKUP.sub(r"\\\1", " ".join(text.split()))
    return (
        escape(safe, quote=False)
        .replace("://", ":&#47;&#47;")
        .replace("@", "&#64;")
        .replace("www.", "www&#46;")
    )


def span(seconds: float) -> str:
    """``1 d 2 h``, ``13 min``, ``45 s``: the two largest units, what has begun counts whole."""
    left, parts = int(seconds + 0.999), []
    for size, unit in _UNITS:
        if left >= size:
            parts.append(f"{left // size:,} {unit}")
        left %= size
    return " ".join(parts[:2]) or "at once"


def seconds_in(text: str) -> float | None:
    """The seconds that ``90s``, ``5m``, ``1.5h`` or a bare number of seconds means; None where it is none."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)?", text.strip())
    return None if match is None else float(match[1]) * _SECONDS[match[2] or "s"]


def about(seconds: float, *, words: bool = False) -> str:
    """A time in one unit, never less than it is, up to 99 days: ``45s``, ``3h``; in words ``11 min``."""
    number, letter, word = _in_one_unit(seconds)
    return f"{number} {word}" if words else f"{number}{letter}"


def between(low_s: float, high_s: float | None, *, words: bool = False) -> str:
    """A range of times: ``20m-2h``, ``20-50m``, ``>20m`` where ``high_s`` is None; in words ``20 min - 2 h``,
    ``20-50 min``, ``over 20 min``."""
    low, unit, _ = _in_one_unit(low_s)
    first = about(low_s, words=words)
    if high_s is None or not high_s <= _MOST_OF_UNIT * _SIZES[-1][0]:
        return f"over {first}" if words else f">{first}"
    last = about(max(low_s, high_s), words=words)
    if first == last:
        return first
    if unit == _in_one_unit(high_s)[1]:
        return f"{low}-{last}"
    return f"{first} - {last}" if words else f"{first}-{last}"


def _in_one_unit(seconds: float) -> tuple[int, str, str]:
    """The number, the letter and the word of the smallest unit with at most two digits."""
    for size, letter, word in _SIZES:
        number = math.ceil(max(seconds, 0.0) / size)
        if number <= _MOST_OF_UNIT:
            return number, letter, word
    return _MOST_OF_UNIT, *_SIZES[-1][1:]


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    return _escape(character)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _painted(piece: str) -> str:
    shown: list[str] = []
    marks = 0
    before = ""
    for character in piece.replace("\r\n", "\n"):
        category, looks = _look(character)
        if category in ("Mn", "Me"):
            marks += 1
            if character == _EMOJI_SELECTOR and before == "So":
                before = ""
                continue
            if marks > _MARKS_A_LETTER:
                looks = _escape(character)
        else:
            marks = 0
        shown.append(looks)
        before = category
    return "".join(shown)


@lru_cache(maxsize=4096)
def _look(character: str) -> tuple[str, str]:
    """The category of a character in a long text, and how it is painted."""
    category = unicodedata.category(character)
    if character in "#*0123456789":
        return "So", character
    if character == "\n":
        return category, character
    if character == "\t":
        return category, _TAB
    if category == "Zs":
        return category, " "
    if character in _BLANK or any(ord(character) in selectors for selectors in _SELECTORS):
        return category, _escape(character)
    return category, _visible(character)
