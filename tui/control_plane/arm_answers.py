"""An answer of ARM, how long it asks to wait, and how long there is to wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

OnStep = Callable[[str], None]
"""Told, in a line for people, what is being done."""


def silent(_: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """A success. ``document`` is its JSON; None where the body is empty or no JSON."""

    status: int
    headers: Mapping[str, str]
    document: Any

    @property
    def retry_after_s(self) -> float | None:
        return retry_after_s(self.headers)


class Deadline:
    """How long something may take in all, by ``clock`` (seconds)."""

    def __init__(self, clock: Callable[[], float], limit_s: float) -> None:
        self._clock = clock
        self._began_s = clock()
        self.limit_s = limit_s

    @property
    def passed_s(self) -> float:
        return self._clock() - self._began_s

    @property
    def left_s(self) -> float:
        return self.limit_s - self.passed_s


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``Retry-After``, which is a number or a date; None without a sensible one."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            until, now = parsedate_to_datetime(value), parsedate_to_datetime(headers.get("date", ""))
            seconds = max(0.0, (until - now).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return None
    return seconds if 0 <= seconds < 1e9 else None
