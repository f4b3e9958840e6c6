"""Canary beside baseline in plain figures: a difference and how many values it rests on. Never a judgement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tui.cockpit.text import format as fmt
from tui.cockpit.text.line import Tone
from tui.cockpit.text.weights import is_sent_to, tasks_differ
from tui.model import ALL_TASKS, Figures, Quantiles, Snapshot

ENOUGH = 30
"""Below this many answers on either side a P95 rests on one or two values, and no difference is shown."""

NO_TRAFFIC = "… no traffic"
BY_TASK = "tasks have different weights: compare them one by one"

_FEW = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """``text`` for a wide cell, ``shorter`` for narrower ones, the longest first; the last fits ten cells.
    ``sentence`` is for the banner."""

    text: str
    tone: Tone = ""
    shorter: tuple[str, ...] = ()
    sentence: str = ""


def figures_of(snapshot: Snapshot, deployment: str, window: str) -> Figures | None:
    """All tasks of one deployment in one window; None before anything was measured."""
    view = snapshot.deployments.get(deployment)
    return None if view is None else view.figures.get(window, {}).get(ALL_TASKS)


def against_baseline(snapshot: Snapshot, deployment: str, window: str) -> Comparison:
    """``P95 +63% n=412`` for a canary with enough answers on both sides, else why there is no difference.

    An error, throttled or filter rate that lies well above the baseline's comes first: P95 knows only what was
    answered.
    """
    if deployment == snapshot.baseline:
        own = _latency(snapshot, deployment, window)
        return Comparison(f"baseline n={fmt.count(own.count)}" if own else "baseline", "dim", ("baseline",))
    if tasks_differ(snapshot, deployment):
        # With other shares of each task the two answer other work: the pooled figures say nothing.
        return Comparison("by task only", "dim", ("by task",), BY_TASK)
    latency = _p95(snapshot, deployment, window)
    rates = tuple(_rates(snapshot, deployment, window))
    if not rates:
        return latency
    short = rates[0].split(" vs")[0] + "%"
    return Comparison(rates[0], "warn", (short,), ", ".join((*rates, latency.sentence)))


def _p95(snapshot: Snapshot, deployment: str, window: str) -> Comparison:
    own = _latency(snapshot, deployment, window)
    if own is None:
        return _nothing(snapshot, deployment, window)
    if own.count < ENOUGH:
        said = f"{fmt.counted(own.count, 'answer')} so far"
        return Comparison(f"… n={own.count}", "dim", sentence=said)
    base = _latency(snapshot, snapshot.baseline, window)
    if base is None or base.count < ENOUGH:
        text = f"… baseline n={base.count if base else 0}"
        return Comparison(text, "dim", (f"… n={fmt.count(own.count)}",), text)
    change, n = fmt.difference_pct(own.p95, base.p95), fmt.count(own.count)
    sentence = f"P95 {fmt.ms(own.p95)} ms vs {fmt.ms(base.p95)} ms ({change}, n={n})"
    whole_k = f"{own.count / 1000:.0f}k" if own.count >= 1000 else n
    return Comparison(f"P95 {change} n={n}", "", (f"{change} n={n}", f"{change} n={whole_k}", change), sentence)


def _nothing(snapshot: Snapshot, deployment: str, window: str) -> Comparison:
    """Why there is not one answer: none came, none was asked for, or it is too early."""
    figures = figures_of(snapshot, deployment, window)
    if figures is not None and figures.requests:
        text = "… no answers"
    elif is_sent_to(snapshot, deployment):
        text = "… waiting"
    else:
        text = NO_TRAFFIC
    return Comparison(text, "dim", (text.removeprefix("… "),), text)


def _rates(snapshot: Snapshot, deployment: str, window: str) -> Iterator[str]:
    """Error, throttled and filter rate more than a point above the baseline's, where they rest on a few."""
    own, base = (figures_of(snapshot, name, window) for name in (deployment, snapshot.baseline))
    if own is None or base is None:
        return
    for name, count, pct, other in (
        ("ERR", own.error_count, own.error_pct, base.error_pct),
        ("THR", own.throttled_count, own.throttled_pct, base.throttled_pct),
        ("FILT", own.prompt_blocked + own.completion_blocked, own.filter_pct, base.filter_pct),
    ):
        if pct is not None and other is not None and count >= _FEW and pct > other + 1:
            yield f"{name} {fmt.pct(pct)} vs {fmt.pct(other)}%"


def _latency(snapshot: Snapshot, deployment: str, window: str) -> Quantiles | None:
    figures = figures_of(snapshot, deployment, window)
    return None if figures is None else figures.latency_ms
