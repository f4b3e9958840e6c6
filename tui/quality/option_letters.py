"""The letter with which a piece of a reply picks an option."""

from __future__ import annotations

import re
from collections.abc import Container

_START_CHARS = 400

_LEAD = (
    r"[\s\"'<:*-]*(?:(?:the )?(?:correct |right |best )?(?:option|choice|letter|answer|alternative|statement)"
    r"\s?[:#]?\s?)"
)
_ON = r"(?:because|since|as|is|was|and|or|for|which|with|but|not|due|given|would|seems|rather|based|it)"
_AT_START = (
    re.compile(r"[\s\"'<:*-]*[(\[{]\s?([A-Za-z])\s?[)\]}]"),
    re.compile(
        _LEAD + r"[\"'(\[]?(?:([B-Zb-z])(?![\w'])|([Aa])(?=[\s.,:;!)\]\"']*$|[.,:;)\]]|\sis\b|\s[-–—]))",
        re.IGNORECASE,
    ),
    re.compile(
        r"[\s\"'<:*-]*(?:([A-Z])(?=[.):;,!|\"\]]|'(?!\w)|\s*$|\s*[&✅✔✓✗✘❌])|([a-z])(?=[.)\"'\]]*\s*$|[.):]\s))"
    ),
    re.compile(r"[\s\"'<:*-]*([A-Z])(?=\s?[–—=→(:]|\s?-\s|\s\|)"),
    re.compile(rf"[\s\"'<:*-]*(?:([B-HJ-Z])(?=\s)|([A-HJ-Zb-hj-z])(?=\s{_ON}\b)|(I)(?=\s(?:is|because)\b))"),
)
"""How a letter stands at the beginning: (B), option B, B., B - and plain B; "a" and "I" may be words."""

_ANOTHER = re.compile(
    r"[\s\"')\]}.]*(?:\b(?:or|and)\b|[/&,;])\s*(?:also |maybe |perhaps |possibly )?(?:[Oo]ption )?[(\[]?"
    r"(?![AI] [a-z])([A-Z])(?![\w'])"
)
_SEPARATOR = re.compile(r"[\s\"'.):,]*(?:[–—-]\s)?\s*")


def letter_at_start(text: str) -> tuple[str, str] | None:
    """The letter with which a text begins, in upper case, and the rest: (B), option B, B., B - text."""
    start = text[:_START_CHARS]
    for pattern in _AT_START:
        if found := pattern.match(start):
            return found[found.lastindex or 1].upper(), text[found.end() :]
    return None


def word_at_start(text: str) -> tuple[str, str]:
    """The first word of a text, and the rest."""
    word, _, rest = text[:_START_CHARS].lstrip(" \"'*:-").partition(" ")
    return word, rest


def another_follows(rest: str, letter: str, letters: Container[str]) -> bool:
    """Whether what stands after a letter goes on with "or C", "and C", "/C", ", C" or "; C"."""
    other = _ANOTHER.match(rest)
    return other is not None and other[1] in letters and other[1] != letter


def past_separator(rest: str) -> str:
    """What follows a letter's mark: past brackets, full stop, colon or dash, but not past a minus."""
    separator = _SEPARATOR.match(rest)
    return rest[separator.end() :] if separator else rest
