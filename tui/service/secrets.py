"""Keeping keys, tokens and passwords inside the process: every text of a service is cleaned of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from tui.base.text import plain

_HEAD = 8
"""From this length on the beginning of a secret is taken for it: services shorten what they quote."""

_USERINFO = re.compile(r"://[^\s/?#\"'<>]+@")
_SHORTEST = 4
_MOST = 64
_SHORT = 32
"""Longest text that is remembered as cleaned: longer ones are ids of requests and errors, each of its own."""

_KNOWN = 256


class Secrets:
    """The secrets of one run. Tokens come and go: the last ``_MOST`` that were added are known."""

    def __init__(self, values: Iterable[str] = (), *, mark: str = "[key]") -> None:
        self._mark = mark
        self._values: dict[str, None] = {}
        self._heads: re.Pattern[str] | None = None
        self._known: dict[tuple[str, int], str] = {}
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Know one more. What is shorter than 4 characters would be found in any text, and is no secret."""
        value = value.strip()
        for spelt in (value, quote(value, safe=""), escape(value), *_escaped(value)):
            self._add(spelt)

    def _add(self, value: str) -> None:
        if len(value) < _SHORTEST or value in self._values:
            return
        self._values[value] = None
        self._known.clear()
        if len(self._values) > _MOST:
            self._values.pop(next(iter(self._values)))
        longest_first = sorted({secret[:_HEAD] for secret in self._values}, key=len, reverse=True)
        self._heads = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def clean(self, text: str) -> str:
        """``text`` with ``mark`` in place of each secret and of each beginning of one."""
        if self._heads is None or self._heads.search(text) is None:
            return text
        parts, at = [], 0
        while (found := self._heads.search(text, at)) is not None:
            parts += [text[at : found.start()], self._mark]
            at = max(found.end(), *(found.start() + _same(text, found.start(), s) for s in self._values))
        return "".join((*parts, text[at:]))

    def shown(self, text: str, limit: int) -> str:
        """``text`` cleaned, also of the logins in addresses, whosever they are; then as one harmless line of at
        most ``limit`` characters."""
        # Names of models, regions and reasons come with every answer, and are few.
        known = self._known.get((text, limit)) if len(text) <= _SHORT else None
        if known is not None:
            return known
        shown = self.clean(text)
        if "@" in shown:
            shown = _USERINFO.sub(f"://{self._mark}@", shown)
        shown = plain(shown, limit)
        if len(text) <= _SHORT:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[text, limit] = shown
        return shown


def _escaped(value: str) -> tuple[str, str]:
    """The spellings of PHP and .NET inside a JSON text, which a gateway may quote whole."""
    return value.replace("/", "\\/"), value.replace("+", "\\u002B")


def _same(text: str, start: int, secret: str) -> int:
    """How many characters of ``secret`` stand in ``text`` from ``start`` on."""
    here = text[start : start + len(secret)]
    if here == secret:
        return len(secret)
    return next(
        (n for n, (a, b) in enumerate(zip(here, secret, strict=False)) if a.lower() != b.lower()), len(here)
    )
