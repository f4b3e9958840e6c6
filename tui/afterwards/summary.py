"""Content of a report before it is laid out: plain text cells without markup, and the plots."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from tui.afterwards.decision import Table, business_table, number, pairs_table, people_table
from tui.afterwards.playback import Playback
from tui.afterwards.recording import Recording, RunEvaluator
from tui.afterwards.svg_plot import Series, svg_plot
from tui.base.text import plain
from tui.model import (
    ALL_TASKS,
    DEFAULT_TASK,
    ERRORS,
    NEVER_SERVED,
    PAIRED,
    THROTTLED,
    WEIGHT_CHANGES,
    Event,
    Figures,
    OutcomeKind,
    Quantiles,
    Second,
    Verdict,
    WeightTable,
)
from tui.record.reader import read_pairs
from tui.rollout import Rollout

_TEXT_CHARS = 400
_MOST_SECONDS = 4000


@dataclass(frozen=True, slots=True)
class Summary:
    """``plots`` are SVG texts by a short name."""

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    plots: tuple[tuple[str, str], ...]


def summarise(recording: Recording, evaluator: RunEvaluator | None) -> Summary:
    """Read the whole recording. ``evaluator`` evaluates it again; without one there are no verdicts.

    Raises UnreadableRecord.
    """
    playback = Playback(recording, evaluator)
    playback.advance(inf)
    seen = playback.snapshot()
    rollout = recording.rollout
    figures = {name: view.figures["run"][ALL_TASKS] for name, view in seen.deployments.items()}
    end = "no clean end: interrupted, or still running"
    if recording.ended_at is not None:
        end = _instant(recording.ended_at)
    return Summary(
        title=f"Run {plain(recording.head.run_id, 80)} of {plain(rollout.name, 80)}",
        facts=(
            ("started", _instant(recording.head.started_at)),
            ("ended", end),
            ("lasted", f"{recording.duration_s:.0f} s"),
            ("environment", plain(str(recording.head.meta.get("environment", "-")), 80)),
            ("baseline", rollout.baseline),
            ("judge", _judge(rollout)),
            ("requests", str(sum(f.requests for f in figures.values()))),
            (
                "spent on traffic",
                f"{seen.spent_usd:.4f} USD, of which {seen.spent_estimated_usd:.4f} estimated",
            ),
            ("weights at the end", _weights(seen.weights)),
            ("record", plain(str(recording.path), 200)),
            *((("damage", recording.damage),) if recording.damage else ()),
        ),
        tables=(
            _versions(recording, figures),
            business_table(seen),
            _figures(figures),
            _criteria(seen.verdicts),
            pairs_table(read_pairs(recording.path)),
            people_table(recording.events),
            _timeline(recording.events),
        ),
        plots=_plots(recording),
    )


def _judge(rollout: Rollout) -> str:
    if (judge := rollout.quality.judge) is None:
        return "none: people score"
    return f"{judge.deployment.name}: {judge.deployment.model} {judge.deployment.version}"


def _versions(recording: Recording, figures: dict[str, Figures]) -> Table:
    rows = []
    for name, d in recording.rollout.deployments.items():
        served = ", ".join(f"{plain(model, 64)} ({n})" for model, n in figures[name].served_models.items())
        role = "baseline" if name == recording.rollout.baseline else "canary"
        rows.append((name, role, f"{d.model} {d.version}", served or "-"))
    return Table("Versions", ("deployment", "role", "pinned", "served (answers)"), tuple(rows), "none")


def _figures(figures: dict[str, Figures]) -> Table:
    rows = []
    for name, f in figures.items():
        rows.append(
            (
                name,
                str(f.requests),
                *_quantiles(f.latency_ms),
                f"{f.ttft_ms.p50:.0f} (n {f.ttft_ms.count})" if f.ttft_ms else "-",
                f"{number(f.cost_per_1k_usd, '.4f')}{'~' if f.estimated_usd > 0 else ''} (n {f.priced})",
                number(f.filter_pct, ".2f"),
                number(f.error_pct, ".2f"),
                _by_kind(f, ERRORS),
                number(f.throttled_pct, ".2f"),
                _by_kind(f, THROTTLED),
                _by_kind(f, NEVER_SERVED),
            )
        )
    columns = (
        "deployment", "requests", "P50 ms", "P95 ms", "P99 ms", "answers", "TTFT P50 ms", "$/1k", "filter %",
        "error %", "errors by kind", "throttled %", "throttled by kind", "never served",
    )  # fmt: skip
    return Table("What each deployment did", columns, tuple(rows), "no deployment")


def _by_kind(f: Figures, kinds: Collection[OutcomeKind]) -> str:
    return ", ".join(f"{kind.value} {n}" for kind, n in f.kinds.items() if kind in kinds) or "-"


def _criteria(verdicts: Mapping[str, Sequence[Verdict]]) -> Table:
    rows = [_verdict_row(canary, v) for canary, of_one in verdicts.items() for v in of_one if not _is_idle(v)]
    columns = (
        "canary", "criterion", "verdict", "baseline", "canary value", "difference % [interval]", "limit",
        "requests baseline / canary, or pairs", "note", "what it rests on",
    )  # fmt: skip
    return Table("Criteria, judged again from the recorded outcomes", columns, tuple(rows), "not judged")


def _verdict_row(canary: str, v: Verdict) -> tuple[str, ...]:
    interval = f" [{number(v.difference_low_pct, '+.1f')}, {number(v.difference_high_pct, '+.1f')}]"
    paired = v.criterion in PAIRED
    since = f" at {v.since_s:.0f} s" if v.since_s is not None else ""
    return (
        canary,
        f"{plain(v.task, 60)} {plain(v.label, 60)}".lstrip() + (" (advisory)" if v.advisory else ""),
        v.state.value.replace("_", " ").upper() + since,
        _value(v.baseline_value, v.unit),
        _value(v.canary_value, v.unit),
        number(v.difference_pct, "+.1f") + interval,
        plain(v.limit, 80),
        f"{v.canary_requests} pairs" if paired else f"{v.baseline_requests} / {v.canary_requests}",
        plain(v.note, 200) or "-",
        plain(v.explained, _TEXT_CHARS) or "-",
    )


def _is_idle(v: Verdict) -> bool:
    """Of the default task beside others, when no request was ever of it."""
    return v.task == DEFAULT_TASK and not (v.baseline_requests or v.canary_requests)


def _value(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.4g} {plain(unit, 20)}".strip()


def _timeline(events: Iterable[Event]) -> Table:
    rows = tuple(
        (
            _instant(e.at),
            plain(e.actor, 40),
            e.kind.value.replace("_", " "),
            plain(e.text, _TEXT_CHARS),
            plain(e.reason, _TEXT_CHARS) or "-",
            _weights(e.before),
            _weights(e.after),
        )
        for e in events
    )
    return Table(
        "What was done, by whom and why",
        ("UTC", "actor", "event", "text", "reason", "weights before", "weights after"),
        rows,
        "no events",
    )


def _plots(recording: Recording) -> tuple[tuple[str, str], ...]:
    seconds = _sparse(recording)
    names = tuple(recording.rollout.deployments)
    marks = tuple(
        (e.at_s, f"{e.kind.value.replace('_', ' ')}: {plain(e.text, 80)}")
        for e in recording.events
        if e.kind in WEIGHT_CHANGES
    )

    def lines(*fields: tuple[str, str], bright: str = "", last: bool = False) -> list[Series]:
        made = []
        for group, name in enumerate(names):
            for label, field in fields:
                points = _points(seconds, name, field)
                said = f"{name} {label} {_last(points) if last else ''}".strip()
                made.append(Series(said, points, group, dim=label != bright))
        return made

    latencies = (("P50", "p50_ms"), ("P95", "p95_ms"), ("P99", "p99_ms"))
    latency = lines(*latencies, bright="P95", last=True)
    failures = lines(*_failures(seconds), bright="filter")
    return (
        ("latency", svg_plot("Latency, with the last values", "ms", latency, marks=marks)),
        ("cost", svg_plot("Cost of 1,000 requests", "USD", lines(("", "cost_per_1k_usd")), marks=marks)),
        ("failures", svg_plot("Failures", "%", failures, marks=marks)),
        ("weights", svg_plot("Weights", "%", lines(("", "weight_pct")), marks=marks)),
    )


def _failures(seconds: Sequence[Second]) -> tuple[tuple[str, str], ...]:
    """The rates that are drawn: throttled only where something was."""
    rates = (("filter", "filter_pct"), ("error", "error_pct"))
    throttled = any(f.throttled_pct for second in seconds for f in second.figures.values())
    return (*rates, ("throttled", "throttled_pct")) if throttled else rates


def _sparse(recording: Recording) -> list[Second]:
    """At most some thousand seconds, evenly taken: a plot has no room for more."""
    every = max(1, int(recording.duration_s // _MOST_SECONDS))
    return [second for number, second in enumerate(recording.seconds()) if number % every == 0]


def _points(seconds: Sequence[Second], name: str, field: str) -> list[tuple[float, float | None]]:
    return [(second.at_s, getattr(second.figures.get(name), field, None)) for second in seconds]


def _last(points: Sequence[tuple[float, float | None]]) -> str:
    """The last value of a line without decimals."""
    return next((f"{value:.0f}" for _, value in reversed(points) if value is not None), "-")


def _weights(table: WeightTable | None) -> str:
    if table is None:
        return "-"
    tasks = [
        (f"{plain(task, 64)}: " if len(table) > 1 else "")
        + ", ".join(f"{plain(name, 64)} {pct:g}%" for name, pct in shares.items())
        for task, shares in table.items()
    ]
    return "; ".join(tasks)


def _quantiles(q: Quantiles | None) -> tuple[str, str, str, str]:
    return ("-", "-", "-", "0") if q is None else (f"{q.p50:.0f}", f"{q.p95:.0f}", f"{q.p99:.0f}", str(q.count))


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
