"""One state that the banner can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["calm", "note", "warn", "alarm"]


@dataclass(frozen=True, slots=True)
class State:
    """``figure`` and ``key`` are the second line when it is the worst one; where there is no room, the longest
    of ``shorter`` that fits takes the figure's place."""

    icon: str
    word: str
    severity: Severity
    figure: str
    key: str = ""
    shorter: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        return f"{self.icon} {self.word}"
