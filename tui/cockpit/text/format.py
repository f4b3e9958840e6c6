"""Numbers as the screen shows them: fixed decimals, cell-exact widths, a dash for no data; and short names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size

NO_DATA = "–"
UNKNOWN = "?"
"""There are data, but not this figure: the service did not report it, or its price is not known."""

_LONGEST_NUMBER: Final = 16
"""Cells of a word with a number: a longer one is a path or a name, which may be cut."""


def ms(value: float | None) -> str:
    """Milliseconds without decimals; from 100 s on, whole seconds."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    return f"{value:.0f}" if value < 99_999.5 else f"{value / 1000:.0f}s"


def rate(value: float | None) -> str:
    """Requests per second, one decimal below 1,000."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    return f"{value:.1f}" if value < 999.95 else f"{value:.0f}"


def pct(value: float | None) -> str:
    """Percent with two decimals, without the sign; 100 has none."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    return f"{value:.2f}" if value < 99.995 else f"{value:.0f}"


def usd(value: float | None) -> str:
    """USD with three decimals below 10, two below 100, then none."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    return f"{value:.3f}" if value < 9.9995 else f"{value:.2f}" if value < 99.995 else f"{value:.0f}"


def weight(value: float) -> str:
    """A weight in percent, at most one decimal, without the sign. Never 0 for a weight above 0."""
    if 0 < value < 0.05:
        return "<.1"
    return f"{round(value, 1):g}"


def count(value: float | None) -> str:
    """A count of things: exact below 10,000, then three digits with k or M."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    for limit, divisor, unit in ((9_999.5, 1, ""), (999_500, 1_000, "k"), (math.inf, 1_000_000, "M")):
        if value < limit:
            scaled = value / divisor
            return f"{scaled:.0f}{unit}" if divisor == 1 or scaled >= 99.95 else f"{scaled:.1f}{unit}"
    return NO_DATA


def counted(n: int, thing: str) -> str:
    """``1 row``, ``1204 rows``: a count with its noun, whose plural is regular."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def duration(seconds: float) -> str:
    """``01:48`` below an hour, ``1:02:03`` from there on. Negative durations are zero."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def age(seconds: float) -> str:
    """How long ago, in one unit: ``9s``, ``3m``, ``2h``."""
    whole = max(0, int(seconds))
    for size, unit in ((3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def wait(seconds: float) -> str:
    """How long still to wait, in the nearest unit: ``9s``, ``3m``, ``2h``."""
    whole = math.ceil(seconds)
    for size, unit in ((3600, "h"), (60, "m")):
        if whole >= size:
            return f"{round(whole / size)}{unit}"
    return f"{whole}s"


def difference_pct(value: float, against: float) -> str:
    """``+63%``: how much ``value`` lies over or under ``against``; a dash where that is not defined."""
    if not (math.isfinite(value) and math.isfinite(against)) or against <= 0:
        return NO_DATA
    change = 100 * (value / against - 1)
    return f"{change:+.0f}%" if abs(change) < 999.5 else ">+999%"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly ``width`` terminal cells: padded, or cut with an ellipsis."""
    cells = cell_len(text)
    if cells > width:
        return "" if width <= 0 else set_cell_size(text, width - 1) + "…"
    return " " * (width - cells) + text if right else text + " " * (width - cells)


def clip(text: str, width: int) -> str:
    """At most ``width`` terminal cells, cut with an ellipsis. No number is cut: its word goes as a whole."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    kept = set_cell_size(text, width - 1)
    start = kept.rfind(" ") + 1
    broken = text[start:].split(" ", 1)[0]
    if len(broken) <= _LONGEST_NUMBER and any(c.isdigit() for c in broken) and not kept.endswith(broken):
        kept = kept[:start]
    return kept.rstrip(" ,;:(") + "…"


LONGEST: Final = 12

_TOKENS: Final = re.compile(r"[^-_.:/\s]+")


def short_names(names: Sequence[str]) -> dict[str, str]:
    """A different label of at most 12 characters for each name: the shortest ending that tells them apart.

    ``gpt4o-prod-v1120`` and ``gpt4o-prod-v0513`` become ``v1120`` and ``v0513``. Where no ending of whole words
    does, the first 12 characters are taken, and where those agree, the last 11.
    """
    unique = list(dict.fromkeys(names))
    most = max((len(_TOKENS.findall(name)) for name in unique), default=0)
    ways: list[Callable[[str], str]] = [lambda name, k=k: _ending(name, k) for k in range(1, most + 1)]  # type: ignore[misc]
    ways += [lambda name: name[:LONGEST], lambda name: "…" + name[-(LONGEST - 1) :]]
    for way in ways:
        labels = {name: way(name) for name in unique}
        told_apart = len(set(labels.values())) == len(unique)
        # One letter of a longer name says too little.
        if told_apart and all(
            min(2, len(name) or 1) <= len(label) <= LONGEST for name, label in labels.items()
        ):
            return labels
    return {name: f"{name[: LONGEST - 3]}~{i}" for i, name in enumerate(unique, 1)}


def _ending(name: str, words: int) -> str:
    starts = [match.start() for match in _TOKENS.finditer(name)]
    return name[starts[-words] :] if words <= len(starts) else name


def times(speed: float) -> str:
    """A speed that was asked for: ``0.125x``, ``4x``, ``1024x``."""
    return f"{speed:.5g}x"
