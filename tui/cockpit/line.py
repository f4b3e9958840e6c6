"""A line of a screen that scrolls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "dim", "warn", "alert", "title", "baseline"]


@dataclass(frozen=True, slots=True)
class Line:
    """``chosen`` is the one that keys act on."""

    text: str
    tone: Tone = ""
    chosen: bool = False
