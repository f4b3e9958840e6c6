"""Names that a service made up, kept few, short and printable."""

from __future__ import annotations

from tui.base.text import plain

OTHER = "other"
MOST_NAMES = 32
LONGEST_NAME = 64


class Names:
    """The first 31 different names stay themselves; every later one is ``other``.

    A name once admitted stays admitted, so that what was counted under it can be subtracted again.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def key(self, name: str) -> str:
        """``name`` in at most 64 printable characters, or ``other``."""
        known = self._known.get(name)
        if known is not None:
            return known
        clean = plain(name, LONGEST_NAME)
        if clean not in self._known:
            if len(self._known) >= MOST_NAMES - 1:
                return OTHER
            self._known[clean] = clean
        return self._known[clean]
