"""The health of the split: whether both versions get the traffic, and the mix of prompts, that was asked for.

These rows move nothing. They say whether the comparison itself can be trusted, so they look both ways: WORSE is
uneven in either direction.
"""

from __future__ import annotations

import math

from tui.model import VerdictState
from tui.verdict.odds import ABOVE, BELOW, Counts

EVEN_WITHIN = 1.25
"""The split, or the mix of prompts, is OK when it is shown to be off by less than this factor either way."""


def state(counts: Counts, of_split: bool, to_worse: float, to_ok: float) -> VerdictState:
    """``to_worse`` and ``to_ok`` are ln(1/error); ``of_split`` tells assignments from blocked prompts."""
    uneven, even = _log_es(counts, of_split)
    if uneven >= to_worse:
        return VerdictState.WORSE
    return VerdictState.OK if even >= to_ok else VerdictState.NOT_YET


def progress(counts: Counts, of_split: bool, to_worse: float, to_ok: float) -> tuple[float, float]:
    """How far the evidence is on its way to uneven and to even, each 0 to 1."""
    uneven, even = _log_es(counts, of_split)
    return min(max(uneven / to_worse, 0.0), 1.0), min(max(even / to_ok, 0.0), 1.0)


def shares(counts: Counts) -> tuple[float | None, float | None]:
    """The canary's share of the events, and what was asked for, 0 to 1; None without events."""
    total = counts.canary + counts.baseline
    if not total:
        return None, None
    asked = math.fsum(rho * (canary + baseline) for rho, (canary, baseline) in counts.by_share.items())
    return counts.canary / total, asked / total


def _log_es(counts: Counts, of_split: bool) -> tuple[float, float]:
    """ln of the evidence for uneven and for even."""
    if not counts.by_share:
        return 0.0, 0.0
    even = min(counts.log_e(EVEN_WITHIN, BELOW), counts.log_e(1 / EVEN_WITHIN, ABOVE))
    if of_split:
        return _split_log_e(counts), even
    above, below = counts.log_e(1.0, ABOVE), counts.log_e(1.0, BELOW)
    top = max(above, below)
    return top + math.log((math.exp(above - top) + math.exp(below - top)) / 2), even


def _split_log_e(counts: Counts) -> float:
    """ln of the e-value that assignments do not follow the weights: per share a mixture over
    Beta(100 rho, 100 (1 - rho)) against the binomial (Lindon and Malek, NeurIPS 2022)."""
    total = 0.0
    for rho, (canary, baseline) in counts.by_share.items():
        a, b = 100 * rho, 100 * (1 - rho)
        total += _log_beta(a + canary, b + baseline) - _log_beta(a, b)
        total -= canary * math.log(rho) + baseline * math.log(1 - rho)
    return total


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
