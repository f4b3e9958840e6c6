"""Making text from models, services and files harmless before it is shown or kept."""

from __future__ import annotations

import re
import unicodedata
from html import escape

_MARKUP = re.compile(r"([\\`*_\[\]|~$])")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, control and formatting characters made visible.

    White space of any kind becomes one blank; what is cut off is marked with ``…``.
    """
    head = text[: 4 * limit]
    if not head.isprintable() or not head.isascii():
        head = " ".join(head.split())
        head = "".join(_visible(c) for c in head)
    if len(head) <= limit and len(text) <= 4 * limit:
        return head
    return head[: max(limit - 1, 0)] + "…"


def markdown(text: str) -> str:
    """``text`` so that Markdown shows it as it is: marks escaped, HTML as entities, no address made a link."""
    safe = _MARKUP.sub(r"\\\1", " ".join(text.split()))
    return (
        escape(safe, quote=False)
        .replace("://", ":&#47;&#47;")
        .replace("@", "&#64;")
        .replace("www.", "www&#46;")
    )


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
