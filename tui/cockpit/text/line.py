"""Lines of a screen that scrolls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from tui.cockpit.text.wrapping import wrapped

Tone = Literal["", "dim", "warn", "alert", "title", "baseline", "canary"]
"""What a text means to the eye; ``palette.STYLES`` draws it."""


@dataclass(frozen=True, slots=True)
class Line:
    """``chosen`` is the one that keys act on; ``mark`` stands in the cell at the left edge."""

    text: str
    tone: Tone = ""
    chosen: bool = False
    mark: str = " "


def hanging(head: str, text: str, width: int, tone: Tone = "") -> list[Line]:
    """``text`` beside ``head``, its further rows below its first."""
    cells = cell_len(head)
    rows = wrapped(text, max(width - cells, 20))
    return [Line(f"{head if i == 0 else ' ' * cells}{row}", tone) for i, row in enumerate(rows)]
