"""The engine without a screen: a progress line, a final table, a JSON document."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import wait
from dataclasses import asdict
from typing import Any, TextIO

from tui.engine import Engine
from tui.model import (
    ALL_TASKS,
    DEFAULT_TASK,
    DeploymentView,
    Event,
    Figures,
    OutcomeKind,
    PinState,
    PlanView,
    Quantiles,
    Snapshot,
    TrafficState,
    Verdict,
    VerdictState,
    WeightTable,
)

_REPORT_EVERY_S = 10
_WAKE_S = 0.2
_RENEW = "\r\x1b[K"
_HEAD = (
    "deployment", "weight", "requests", "ok", "P50 ms", "P95 ms", "P99 ms", "TTFT ms", "$/1k", "filt %", "err %"
)  # fmt: skip
_OVER = frozenset({TrafficState.BUDGET_SPENT, TrafficState.ENDED, TrafficState.STOPPED})


class CouldNotRun(Exception):
    """No endpoint could be used; the text says which one failed and why."""


def check_endpoints(engine: Engine, asked: threading.Event) -> None:
    """Wait for what the endpoints answered before the traffic, or until ``asked`` is set.

    Raises:
        CouldNotRun: One is unreachable or refuses us.
        EngineFailed: The engine broke.
    """
    while not asked.is_set() and not engine.probes.done():
        wait([engine.probes], _WAKE_S)
    if engine.probes.done():
        bad = [probe for probe in engine.probes.result() if probe.verdict != "ok"]
        if bad:
            raise CouldNotRun("\n".join(f"endpoint {p.endpoint} is {p.verdict}: {p.text}" for p in bad))


def finish(engine: Engine, *, drain_s: float, asked: threading.Event) -> int:
    """End the run: requests under way may finish for ``drain_s`` seconds, or until ``asked`` is set.

    Returns how many requests have no outcome. Raises EngineFailed when the engine broke.
    """
    engine.end(0.0 if asked.is_set() else drain_s)
    while not engine.ended.done():
        wait([engine.ended], _WAKE_S)
        if asked.is_set():
            engine.end()
    return engine.ended.result()


def follow(engine: Engine, *, for_s: float | None, out: TextIO, asked: threading.Event) -> None:
    """Report progress until there was traffic for ``for_s`` seconds, it ends, or ``asked`` is set.

    On a terminal one line is renewed each second; elsewhere a plain line comes every 10 seconds.
    """
    report = _Report(out, for_s)
    news = threading.Event()
    began_s: float | None = None

    def tell(_: Snapshot) -> None:
        news.set()

    engine.subscribe(tell)
    # Written here and not where the snapshots come from: a terminal that is slow must not hold the engine.
    while not (asked.is_set() or engine.ended.done() or (snapshot := engine.snapshot()).state in _OVER):
        if began_s is None and snapshot.state is not TrafficState.STARTING:
            began_s = snapshot.at_s
        left = _WAKE_S
        if for_s is not None and began_s is not None:
            left = min(_WAKE_S, began_s + for_s - engine.clock())
        if left <= 0:
            break
        if news.wait(left):
            news.clear()
            report.on(engine.snapshot())
    engine.unsubscribe(tell)
    report.close()


class _Report:
    """The progress of a run. Where nobody can read it any more it falls silent; the run goes on."""

    def __init__(self, out: TextIO, for_s: float | None) -> None:
        self._out = out
        self._for_s = for_s
        self._interactive = out.isatty()
        self._last_s = 0.0
        self._silent = False

    def on(self, snapshot: Snapshot) -> None:
        if self._interactive:
            self._write(_RENEW + _progress(snapshot, self._for_s))
        elif snapshot.at_s - self._last_s >= _REPORT_EVERY_S:
            self._last_s = snapshot.at_s
            self._write(_progress(snapshot, self._for_s) + "\n")

    def close(self) -> None:
        if self._interactive:
            self._write(_RENEW)

    def _write(self, text: str) -> None:
        if self._silent:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            # The terminal was closed, or the reader of the pipe has left.
            self._silent = True


def result(snapshot: Snapshot, *, seed: int, lost: int) -> dict[str, Any]:
    """What ``--json`` writes. Latency and TTFT in ms, cost in USD, null where there are no data."""
    return {
        "rollout": snapshot.rollout,
        "run_id": snapshot.run_id,
        "seconds": round(snapshot.at_s, 3),
        "seed": seed,
        "state": snapshot.state.value,
        "saturated": snapshot.sender.saturated or any(f.saturated for f in _totals(snapshot).values()),
        "skipped": snapshot.sender.skipped,
        "lost": lost,
        "spent_usd": snapshot.spent_usd,
        "weights": _weights(snapshot.weights),
        "deployments": {
            name: _deployment(view, snapshot.weights[DEFAULT_TASK].get(name, 0.0))
            for name, view in snapshot.deployments.items()
        },
        "sources": [asdict(source) for source in snapshot.sources],
        "verdicts": {
            canary: {v.criterion: _verdict(v) for v in verdicts}
            for canary, verdicts in snapshot.verdicts.items()
        },
        "guard": {"mode": snapshot.guard.mode, "said": snapshot.guard.said},
        "plan": None if snapshot.plan is None else _plan(snapshot.plan),
        "record": {
            "path": snapshot.record.path,
            "error": snapshot.record.error,
            "unwritten_rows": snapshot.record.waiting + snapshot.record.dropped,
        },
        "events": [_event(event) for event in snapshot.events],
    }


def table(snapshot: Snapshot) -> str:
    """The final table in plain text: one line a deployment, figures since the start of the run."""
    rows = [_HEAD, *(_row(name, view, snapshot) for name, view in snapshot.deployments.items())]
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = (
        "  ".join([name.ljust(first), *(cell.rjust(w) for cell, w in zip(cells, widths, strict=True))])
        for name, *cells in rows
    )
    return "\n".join([*lines, "", *_remarks(snapshot)])


def _row(name: str, view: DeploymentView, snapshot: Snapshot) -> tuple[str, ...]:
    f = _total(view)
    q, ttft = f.latency_ms, f.ttft_ms
    return (
        name,
        f"{snapshot.weights[DEFAULT_TASK].get(name, 0.0):g}%",
        str(f.requests),
        str(f.kinds.get(OutcomeKind.OK, 0)),
        *(("-",) * 3 if q is None else (f"{q.p50:.0f}", f"{q.p95:.0f}", f"{q.p99:.0f}")),
        "-" if ttft is None else f"{ttft.p50:.0f}",
        "n/a" if view.deployment.provisioned else _number(f.cost_per_1k_usd, "{:.3f}", "?"),
        _number(f.filter_pct, "{:.2f}", "-"),
        _number(f.error_pct, "{:.2f}", "-"),
    )


def _remarks(snapshot: Snapshot) -> Iterator[str]:
    sender = snapshot.sender
    spent = f"${snapshot.spent_usd:.4f}"
    yield f"run {snapshot.run_id}: {snapshot.at_s:.0f} s, {sender.sent} requests sent, {spent}"
    affected = sum(f.saturated for f in _totals(snapshot).values())
    if sender.skipped or affected:
        yield (
            f"CLIENT SATURATED: {sender.skipped} requests skipped, {affected} sent while this machine was"
            " behind; their latency includes our own delay"
        )
    for name, view in snapshot.deployments.items():
        if view.held_back:
            yield f"{name}: {view.held_back} requests held back while the service asked for a pause"
        if view.retired:
            yield f"{name}: RETIRED: {view.last_error}"
        elif view.last_error:
            yield f"{name}: last error: {view.last_error}"
        if (pin := view.standing.pin).state is PinState.MISMATCH:
            yield f"{name}: MISMATCH: {pin.reason}; {pin.remedy}"
    yield from worse(snapshot)
    for source in snapshot.sources:
        if source.bad_lines or source.error:
            yield f"source {source.name}: {source.bad_lines} bad lines; {source.error or source.last_bad}"
    if snapshot.record.error:
        yield f"RECORD: {snapshot.record.error}"
    elif snapshot.record.path:
        yield f"record: {snapshot.record.path}"


def _deployment(view: DeploymentView, weight_pct: float) -> dict[str, Any]:
    f, pin = _total(view), view.standing.pin
    return {
        "weight": weight_pct,
        "requests": f.requests,
        "ok": f.kinds.get(OutcomeKind.OK, 0),
        "errors": {kind.value: n for kind, n in f.kinds.items() if kind is not OutcomeKind.OK},
        "latency_ms": _quantiles(f.latency_ms),
        "ttft_ms": _quantiles(f.ttft_ms),
        "ms_per_output_token": _quantiles(f.ms_per_output_token),
        "tokens": {
            "prompt": f.prompt_tokens,
            "cached": f.cached_tokens,
            "completion": f.completion_tokens,
            "reasoning": f.reasoning_tokens,
        },
        "cost_usd": f.cost_usd,
        "cost_estimated_usd": f.estimated_usd,
        "filters": {
            "prompt_blocked": f.prompt_blocked,
            "completion_blocked": f.completion_blocked,
            "annotated": f.annotated,
            "below_threshold": f.below_threshold,
            "unfiltered": f.unfiltered,
            "categories": dict(f.filter_categories),
        },
        "served_models": dict(f.served_models),
        "pin": {"state": pin.state.value, "until": pin.until and pin.until.isoformat(), "reason": pin.reason},
        "spillovers": f.spillovers,
        "held_back": view.held_back,
        "retired": view.retired,
        "last_error": view.last_error,
        "sent_while_saturated": f.saturated,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "state": verdict.state.value,
        "advisory": verdict.advisory,
        "limit": verdict.limit,
        "baseline": verdict.baseline_value,
        "canary": verdict.canary_value,
        "difference_pct": verdict.difference_pct,
        "interval_pct": [verdict.difference_low_pct, verdict.difference_high_pct],
        "requests": {"baseline": verdict.baseline_requests, "canary": verdict.canary_requests},
        "events": verdict.events,
        "since_s": verdict.since_s,
        "note": verdict.note,
    }


def _plan(plan: PlanView) -> dict[str, Any]:
    return {
        "canary": plan.canary,
        "state": plan.state.value,
        "step": plan.index + 1,
        "steps": [asdict(step) for step in plan.steps],
        "in_step_s": round(plan.in_step_s, 3),
        "step_requests": plan.step_requests,
        "waiting_for": plan.waiting_for,
        "reason": plan.reason,
    }


def worse(snapshot: Snapshot) -> tuple[str, ...]:
    """What is WORSE, one sentence a criterion; advisory criteria are left out."""
    return tuple(
        f"{canary} is WORSE: {v.label} {_number(v.canary_value, '{:g}', '?')} {v.unit} against"
        f" {_number(v.baseline_value, '{:g}', '?')}, limit {v.limit}, n={v.canary_requests}; {v.note}"
        for canary, verdicts in snapshot.verdicts.items()
        for v in verdicts
        if v.state is VerdictState.WORSE and not v.advisory
    )


def _weights(table: WeightTable | None) -> dict[str, dict[str, float]] | None:
    return None if table is None else {task: dict(shares) for task, shares in table.items()}


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "at_s": round(event.at_s, 3),
        "actor": event.actor,
        "kind": event.kind.value,
        "text": event.text,
        "reason": event.reason,
        "before": _weights(event.before),
        "after": _weights(event.after),
    }


def _quantiles(q: Quantiles | None) -> dict[str, Any]:
    if q is None:
        return {"p50": None, "p95": None, "p99": None, "n": 0}
    return {"p50": round(q.p50, 3), "p95": round(q.p95, 3), "p99": round(q.p99, 3), "n": q.count}


def _progress(snapshot: Snapshot, for_s: float | None) -> str:
    totals = _totals(snapshot)
    done = sum(f.requests for f in totals.values())
    errors = sum(f.error_count for f in totals.values())
    shares = " / ".join(f"{pct:g}" for pct in snapshot.weights[DEFAULT_TASK].values())
    until = f" of {for_s:.0f} s" if for_s is not None else " s"
    saturated = "  CLIENT SATURATED" if snapshot.sender.saturated else ""
    return (
        f"{snapshot.at_s:5.0f}{until}  {snapshot.state.value}  {done} done  {errors} errors"
        f"  {snapshot.sender.in_flight} in flight  weights {shares}  ${snapshot.spent_usd:.4f}{saturated}"
    )


def _totals(snapshot: Snapshot) -> Mapping[str, Figures]:
    return {name: _total(view) for name, view in snapshot.deployments.items()}


def _total(view: DeploymentView) -> Figures:
    return view.figures["run"][ALL_TASKS]


def _number(value: float | None, style: str, missing: str) -> str:
    return missing if value is None else style.format(value)
