"""A verdict in one line, as guard and plan give it for a reason."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.model import Verdict, VerdictState
from tui.text import plain

_PART = 80


def evidence_line(verdict: Verdict) -> str:
    """What a verdict rests on: ``P95 latency 655 ms vs 402 ms (+63%, limit +10%), evidence 1 in 2,000, n=412``.

    The evidence is what the verdict's note says of it; ``n`` are the canary's requests. Parts that are not
    known, or not finite, are left out.
    """
    values = f"{_value(verdict.canary_value, verdict.unit)} vs {_value(verdict.baseline_value, verdict.unit)}"
    difference = verdict.difference_pct
    shown = f"{difference:+.0f}%" if difference is not None and math.isfinite(difference) else ""
    limit = f"limit {plain(verdict.limit, _PART)}" if verdict.limit else ""
    bracket = ", ".join(part for part in (shown, limit) if part)
    head = f"{label(verdict)} {values}" + (f" ({bracket})" if bracket else "")
    parts = [head, plain(verdict.note, _PART) if verdict.note else "", f"n={verdict.canary_requests:,}"]
    return ", ".join(part for part in parts if part)


def label(verdict: Verdict) -> str:
    """The name of the criterion as it is shown, with its task where several are judged."""
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


def _value(value: float | None, unit: str) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    gap = "" if unit in ("", "%") else " "
    return f"{number}{gap}{plain(unit, 16)}"
