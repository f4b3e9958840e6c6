"""Numbers out of a saved state: what is no such number is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def instant(value: Any, offset_s: float) -> float | None:
    """Seconds of a run moved by ``offset_s``; None for None. Raises TypeError for what is no finite number."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is not a finite number of seconds")
    return float(value) + offset_s


def number(value: Any) -> float | None:
    """A finite number of at least 0; None for None. Raises TypeError for anything else."""
    if value is not None and (instant(value, 0.0) or 0.0) < 0:
        raise TypeError(f"{value!r} is not a number of at least 0")
    return None if value is None else float(value)


def whole(value: Any) -> int:
    """A whole number of at least 0. Raises TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r} is not a whole number of at least 0")
    return value


def finite(values: Sequence[float], count: int) -> list[float]:
    """So many finite numbers. Raises TypeError or ValueError where they are something else."""
    numbers = [float(value) for value in values]
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"not {count} finite numbers")
    return numbers
