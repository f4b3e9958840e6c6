"""The engine without a screen: a progress line, a final table, a JSON document."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from typing import TextIO

from tui.base.text import span
from tui.engine.thread import Engine
from tui.headless.exit import answers_most, verdicts_said
from tui.headless.result import ALL_WELL, Exit, total, totals
from tui.headless.table import verdict_table, worse
from tui.measure.business import business, line_texts, spent_text
from tui.model import (
    DeploymentView,
    Event,
    EventKind,
    Figures,
    OutcomeKind,
    PinState,
    QualityView,
    Snapshot,
    TrafficState,
    WeightTable,
)

_REPORT_EVERY_S = 10
_WAKE_S = 0.2
_RENEW = "\r\x1b[K"
_HEAD = (
    "deployment", "weight", "requests", "ok", "P50 ms", "P95 ms", "P99 ms", "TTFT ms", "$/1k", "filt %",
    "err %", "thr %",
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
            remedy = "see [endpoints.{0}] of the rollout file; canarytop check --online says more"
            raise CouldNotRun(
                "\n".join(
                    f"endpoint {p.endpoint} is {p.verdict}: {p.text.rstrip('. ')}; {remedy.format(p.endpoint)}"
                    for p in bad
                )
            )


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


def follow(
    engine: Engine,
    *,
    for_s: float | None,
    out: TextIO | None,
    asked: threading.Event,
    terminal_lost: Callable[[], None] = lambda: None,
) -> None:
    """Report progress until there was traffic for ``for_s`` seconds, it ends, or ``asked`` is set.

    On a terminal one line is renewed each second; elsewhere a plain line comes every 10 seconds. Where that
    terminal is gone, ``terminal_lost`` is told.
    """
    report = _Report(out, for_s, terminal_lost)
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

    def __init__(self, out: TextIO | None, for_s: float | None, terminal_lost: Callable[[], None]) -> None:
        self._out = out
        self._terminal_lost = terminal_lost
        self._for_s = for_s
        self._interactive = out is not None and out.isatty()
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
        if self._silent or self._out is None:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError) as error:
            # The terminal was closed, or the reader of the pipe has left.
            self._silent = True
            if isinstance(error, OSError) and error.errno == errno.EIO:
                self._terminal_lost()


def table(snapshot: Snapshot, ends: Exit = ALL_WELL) -> str:
    """The end of a run in plain text: a line a deployment with its figures since the start, a table of verdicts
    for each canary, what else is to be said, and last what the exit code stands for."""
    rows = [_HEAD, *(_row(name, view, snapshot) for name, view in snapshot.deployments.items())]
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = (
        "  ".join([name.ljust(first), *(cell.rjust(w) for cell, w in zip(cells, widths, strict=True))])
        for name, *cells in rows
    )
    return "\n".join([*lines, *verdict_table(snapshot), "", *_remarks(snapshot), *_end(ends)])


def _end(ends: Exit) -> Iterator[str]:
    yield from (f"not OK yet: {what}" for what in ends.not_ok)
    yield from (f"also: {what}" for what in ends.also)
    if ends.why:
        yield f"exit {ends.code}: {ends.why}"


def _row(name: str, view: DeploymentView, snapshot: Snapshot) -> tuple[str, ...]:
    f = total(view)
    q, ttft = f.latency_ms, f.ttft_ms
    return (
        name,
        _weight_of(name, snapshot.weights),
        str(f.requests),
        str(f.kinds.get(OutcomeKind.OK, 0)),
        *(("-",) * 3 if q is None else (f"{q.p50:.0f}", f"{q.p95:.0f}", f"{q.p99:.0f}")),
        "-" if ttft is None else f"{ttft.p50:.0f}",
        _cost(view, f),
        _number(f.filter_pct, "{:.2f}", "-"),
        _number(f.error_pct, "{:.2f}", "-"),
        _number(f.throttled_pct, "{:.2f}", "-"),
    )


def _cost(view: DeploymentView, figures: Figures) -> str:
    """USD per 1,000 requests: ``?`` where answers came whose price is not known, ``-`` where there is none."""
    if view.deployment.provisioned:
        return "n/a"
    answers = figures.answers_with_usage + figures.answers_without_usage
    about = "~" if figures.estimated_usd > 0 else ""
    return _number(figures.cost_per_1k_usd, "{:.3f}", "?" if answers else "-") + about


def _remarks(snapshot: Snapshot) -> Iterator[str]:
    sender = snapshot.sender
    spent = spent_text(snapshot)
    yield f"run {snapshot.run_id}: {snapshot.at_s:.0f} s, {sender.sent} requests sent, {spent}"
    affected = sum(f.saturated for f in totals(snapshot).values())
    unsent = sum(f.kinds.get(OutcomeKind.CLIENT_SATURATED, 0) for f in totals(snapshot).values())
    if sender.skipped or affected > unsent:
        yield (
            f"CLIENT SATURATED: {sender.skipped} requests skipped, {affected - unsent} sent while this machine"
            " was behind; their latency includes our own delay"
        )
    if unsent:
        why = f": {sender.no_socket}" if sender.no_socket else "; see the limit of open files (ulimit -n)"
        yield f"CLIENT SATURATED: {unsent} requests not sent, this machine had no socket for them{why}"
    for name, view in snapshot.deployments.items():
        if (unknown := (f := total(view)).answers_without_usage) > 0:
            answers = f"{unknown} of {unknown + f.answers_with_usage} answers"
            yield f"{name}: {answers} reported no usage; what they cost is estimated"
        if view.quota_exhausted:
            yield f"{name}: QUOTA EXHAUSTED: {view.quota_exhausted}"
        elif view.throttled_s > 0:
            yield f"{name}: THROTTLED: its service asks to wait {span(view.throttled_s)} more"
        if view.held_back:
            why = "its quota is exhausted" if view.quota_exhausted else "its service asked for a pause"
            yield f"{name}: {view.held_back} requests held back because {why}"
        if view.retired:
            yield f"{name}: RETIRED: {view.last_error}"
        elif view.last_error and view.last_error != view.quota_exhausted:
            yield f"{name}: last error: {view.last_error}"
        if (pin := view.status.pin).state is PinState.MISMATCH:
            yield f"{name}: MISMATCH: {pin.reason}; {pin.remedy}"
    yield from verdicts_said(snapshot)
    yield from worse(snapshot)
    yield from _guard_lines(snapshot)
    yield from _business_lines(snapshot)
    yield from _quality_lines(snapshot.quality)
    for source in snapshot.sources:
        if source.bad_lines or source.error:
            yield f"source {source.name}: {source.bad_lines} bad lines; {source.error or source.last_bad}"
    if snapshot.record.error:
        yield f"RECORD: {snapshot.record.error}"
    elif snapshot.record.path:
        yield f"record: {snapshot.record.path}"


def _guard_lines(snapshot: Snapshot) -> Iterator[str]:
    """What guard and people did with the weights, and who is not able to serve."""
    ability = snapshot.deployments[snapshot.baseline].ability
    if ability.state == "unable":
        yield f"BASELINE DEAD: {snapshot.baseline} {ability.why}"
    guard = snapshot.guard
    did = guard.said or "did nothing"
    yield f"guard {guard.mode.replace('_', ' ')}" + (f": {did}" if guard.said or guard.mode != "off" else "")
    for event in snapshot.roll_backs:
        what = "rolled back" if event.kind is EventKind.ROLLED_BACK else "NOT rolled back"
        when = f"after {span(event.at_s)} ({event.at:%H:%M:%S}Z)"
        head = f"{what} by {event.actor} {when}{_tasks(event, snapshot)}"
        yield ": ".join(filter(None, (head, event.text.removeprefix("not rolled back: "), event.reason)))


def _tasks(event: Event, snapshot: Snapshot) -> str:
    """The tasks that a change of weights changed, where there are several."""
    before, after = event.before or {}, event.after or {}
    changed = [task for task in after if before.get(task) != after[task]]
    return f" in {', '.join(changed)}" if changed and len(snapshot.weights) > 1 else ""


def _business_lines(snapshot: Snapshot) -> Iterator[str]:
    # What the few answers cost that came says nothing of what all would.
    lines = [
        line
        for line in business(snapshot)
        if all(answers_most(snapshot.deployments[n], line.task) for n in (snapshot.baseline, line.canary))
    ]
    several = len({line.canary for line in lines}) > 1
    for line in lines:
        if line.cost is not None or line.graded or line.rate_from == "rollout file":
            yield f"business: {line_texts(line, line.canary if several else '')[0]}"


def _quality_lines(view: QualityView) -> Iterator[str]:
    if (judge := view.judge) is not None:
        about = "~" if view.judge_estimated_usd > 0 else ""
        cut = f"{judge.unanswered:,} cut off" if judge.asked and judge.unanswered else ""
        said = (judge.text or "nothing asked yet", cut, judge.position.text, judge.anchors.text)
        yield f"judge {view.judge_name}: {'; '.join(filter(None, said))}; {about}${view.judge_usd:.4f}"
    if view.agreement:
        yield view.agreement


def _weight_of(name: str, table: WeightTable) -> str:
    """``10%``, or ``5-50%`` where it differs from task to task."""
    weights = sorted({shares.get(name, 0.0) for shares in table.values()})
    return f"{weights[0]:g}%" if len(weights) == 1 else f"{weights[0]:g}-{weights[-1]:g}%"


def _progress(snapshot: Snapshot, for_s: float | None) -> str:
    done_by = totals(snapshot).values()
    done = sum(f.requests for f in done_by)
    errors = sum(f.error_count for f in done_by)
    throttled = sum(f.throttled_count for f in done_by)
    shares = " / ".join(_weight_of(name, snapshot.weights).removesuffix("%") for name in snapshot.deployments)
    until = f" of {for_s:.0f} s" if for_s is not None else " s"
    saturated = "  CLIENT SATURATED" if snapshot.sender.saturated else ""
    return (
        f"{snapshot.at_s:5.0f}{until}  {snapshot.state.value}  {done} done  {errors} errors"
        f"  {throttled} throttled  {snapshot.sender.in_flight} in flight  weights {shares}"
        f"  {spent_text(snapshot)}{saturated}"
    )


def _number(value: float | None, style: str, missing: str) -> str:
    return missing if value is None else style.format(value)
