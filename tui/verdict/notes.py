"""What is said beside a verdict: why there is none yet, how strong the evidence is, what stands behind it."""

from __future__ import annotations

import math

from tui.model import VerdictState
from tui.verdict.criteria import Criterion
from tui.verdict.difference import BURN_IN
from tui.verdict.drift import BATCH, RUN_LENGTH
from tui.verdict.limits import Limits
from tui.verdict.scales import Scales
from tui.verdict.stretches import Comparison

_HEALTH = {
    "prompt_filter": "the versions get a different mix of prompts",
    "split": "the split is not what was asked for",
}
_CALLED = {"ttft": "the first token", "token": "each token"}


def note(row: Criterion, side: Scales, seen: Comparison, limits: Limits) -> str:
    """One line for people; empty where there is nothing to say."""
    state = side.state(row)
    if row.kind == "health":
        return _HEALTH[row.id] if state is VerdictState.WORSE else ""
    if row.measure is not None and (missing := limits.missing(row.measure)):
        return missing
    if side.burning_in(row, seen):
        return f"{side.events(row, seen)} of {BURN_IN} requests to begin"
    if (drift := side.drift_of(row)) is not None:
        often = f"{drift.seen} bad events lately where {drift.expected:.0f} were due"
        return f"late drift: {often}; by chance once in {RUN_LENGTH * BATCH:,}"
    log_e = side.log_e(row)
    parts = [f"evidence 1 in {math.exp(min(log_e, 20.0)):,.0f}"] if log_e > 1 else []
    if state is VerdictState.WORSE and row.measure == "latency":
        parts += [_cause(side, seen)]
    return "; ".join(part for part in parts if part)


def _cause(side: Scales, seen: Comparison) -> str:
    """Whether whole answers take longer because the version is slower, or because it says more."""
    slower = [said for measure, said in _CALLED.items() if side.is_worse(measure)]
    if slower:
        return f"slower: {' and '.join(slower)}"
    own, base = seen.means("tokens")
    if side.is_worse("tokens") and own and base:
        return f"chattier, not slower: answers {100 * (own / base - 1):+.0f}%"
    return ""
