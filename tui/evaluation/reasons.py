"""A verdict in one line, as guard and plan give it for a reason."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.base.text import plain
from tui.model import Verdict, VerdictState

_PART = 80
_NOTE = 160
_MOST_PCT = 999


def evidence_line(verdict: Verdict) -> str:
    """What a verdict rests on: ``P95 655 ms vs 402 ms (+63%, between +41 and +88%, limit +10%), evidence 1 in
    2,000, n=412``.

    The evidence is what the verdict's note says of it; ``n`` are the canary's requests. Parts that are not
    known, or not finite, are left out.
    """
    values = f"{value(verdict.canary_value, verdict.unit)} vs {value(verdict.baseline_value, verdict.unit)}"
    difference = _signed(verdict.difference_pct)
    limit = f"limit {plain(verdict.limit, _PART)}" if verdict.limit else ""
    parts = (f"{difference}%" if difference else "", interval(verdict), limit)
    bracket = ", ".join(part for part in parts if part)
    head = f"{label(verdict)} {values}" + (f" ({bracket})" if bracket else "")
    said = [head, plain(verdict.note, _NOTE) if verdict.note else "", f"n={verdict.canary_requests:,}"]
    return ", ".join(part for part in said if part)


def label(verdict: Verdict) -> str:
    """The name of the criterion as it is shown, with its task where several are evaluated."""
    return f"{plain(verdict.task, _PART)} {plain(verdict.label or verdict.criterion, _PART)}".lstrip()


def acts(verdict: Verdict, criteria: Sequence[str]) -> bool:
    """Whether this verdict may make a hand act: WORSE, resting on both deployments, not advisory, and chosen.

    ``criteria`` are the chosen ids; when empty, every criterion is.
    """
    return (
        verdict.state is VerdictState.WORSE
        and not verdict.advisory
        and verdict.canary_requests > 0
        and verdict.baseline_requests > 0
        and (not criteria or verdict.criterion in criteria)
    )


def interval(verdict: Verdict) -> str:
    """``between +41 and +88%``, or one end of it; empty where neither is known."""
    low, high = _signed(verdict.difference_low_pct), _signed(verdict.difference_high_pct)
    if low and high:
        return f"between {low} and {high}%"
    return f"{low}% or more" if low else f"{high}% or less" if high else ""


def _signed(percent: float | None) -> str:
    """Without the sign of percent; empty where it is not known or not finite."""
    if percent is None or not math.isfinite(percent):
        return ""
    return f"{percent:+.0f}" if percent <= _MOST_PCT else f">+{_MOST_PCT}"


def value(number: float | None, unit: str) -> str:
    """With its unit; a dash where it is not known."""
    if number is None or not math.isfinite(number):
        return "–"
    shown = f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
    gap = "" if unit in ("", "%") else " "
    return f"{shown}{gap}{plain(unit, 16)}"
