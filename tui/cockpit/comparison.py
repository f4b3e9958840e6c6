"""Canary beside baseline in plain figures: a difference and how many values it rests on. Never a judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.cockpit import format as fmt
from tui.model import ALL_TASKS, Figures, Quantiles, Snapshot

ENOUGH = 30
"""Below this many answers on either side a P95 rests on one or two values, and no difference is shown."""

Tone = Literal["", "dim", "warn", "alert"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``short`` fits ten cells; ``sentence`` is for the banner."""

    text: str
    tone: Tone = ""
    short: str = ""
    sentence: str = ""


def figures_of(snapshot: Snapshot, deployment: str, window: str) -> Figures | None:
    """All tasks of one deployment in one window; None before anything was measured."""
    view = snapshot.deployments.get(deployment)
    return None if view is None else view.figures.get(window, {}).get(ALL_TASKS)


def against_baseline(snapshot: Snapshot, deployment: str, window: str) -> Comparison:
    """``P95 +63% n=412`` for a canary with enough answers on both sides, else why there is no difference."""
    own = _latency(snapshot, deployment, window)
    if deployment == snapshot.baseline:
        return Comparison(f"baseline n={fmt.count(own.count)}" if own else "baseline", "dim", "baseline")
    if own is None:
        figures = figures_of(snapshot, deployment, window)
        text = "… no answers" if figures is not None and figures.requests else "… no traffic"
        return Comparison(text, "dim", text.replace("no traffic", "unused"), text)
    if own.count < ENOUGH:
        return Comparison(f"… n={own.count}", "dim", f"… n={own.count}", f"{own.count} answers so far")
    base = _latency(snapshot, snapshot.baseline, window)
    if base is None or base.count < ENOUGH:
        text = f"… baseline n={base.count if base else 0}"
        return Comparison(text, "dim", f"… n={own.count}", text)
    change, n = fmt.difference_pct(own.p95, base.p95), fmt.count(own.count)
    sentence = f"P95 {fmt.ms(own.p95)} ms vs {fmt.ms(base.p95)} ms ({change}, n={n})"
    return Comparison(f"P95 {change} n={n}", "", f"{change} n={n}", sentence)


def _latency(snapshot: Snapshot, deployment: str, window: str) -> Quantiles | None:
    figures = figures_of(snapshot, deployment, window)
    return None if figures is None else figures.latency_ms
