"""Report of a run, the hand-over record: what was seen in a run, what was decided, by whom and on which
evidence."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import inf
from typing import Literal

from tui.afterwards.decision import Table, business_table, number, pairs_table, people_table
from tui.afterwards.playback import Playback
from tui.afterwards.plots import plots_of
from tui.afterwards.recording import Recording, RunEvaluator
from tui.base.text import markdown, plain
from tui.model import (
    ALL_TASKS,
    DEFAULT_TASK,
    ERRORS,
    NEVER_SERVED,
    PAIRED,
    THROTTLED,
    Event,
    Figures,
    OutcomeKind,
    Quantiles,
    Verdict,
    WeightTable,
)
from tui.record.reader import read_pairs
from tui.rollout import Rollout

Format = Literal["md", "html", "json"]

_STYLE = (
    "body{font:14px/1.5 sans-serif;margin:2em auto;max-width:1100px;padding:0 1em;color:#1a1a1a}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "td,th{border:1px solid #c8c8c8;padding:3px 8px;text-align:left;vertical-align:top}"
    "th{background:#f0f0f0}svg{max-width:100%;height:auto;display:block;margin:1em 0}"
)


def report(
    recording: Recording, format_: Format, evaluator: RunEvaluator | None = None, *, name: str = "report"
) -> Mapping[str, str]:
    """The files of the report, file name -> text; the first is the report itself, called after ``name``.

    Markdown has its plots in files beside it, HTML inside. Raises UnreadableRecord.
    """
    summary = summarise(recording, evaluator)
    if format_ == "json":
        return {f"{name}.json": _json(summary)}
    if format_ == "html":
        return {f"{name}.html": _html(summary)}
    plots = {f"{name}-{plot}.svg": svg for plot, svg in summary.plots}
    return {f"{name}.md": _markdown(summary, tuple(plots))} | plots


def _json(summary: Summary) -> str:
    document = {
        "title": summary.title,
        **dict(summary.facts),
        **{
            table.title: [dict(zip(table.columns, row, strict=True)) for row in table.rows]
            for table in summary.tables
        },
    }
    return json.dumps(document, indent=1) + "\n"


def _html(summary: Summary) -> str:
    facts = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in summary.facts)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(summary.title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(summary.title)}</h1>",
        f"<table>{facts}</table>",
        *map(_html_table, summary.tables),
        "<h2>Over time</h2>",
        *(svg for _, svg in summary.plots),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _html_table(table: Table) -> str:
    title = f"<h2>{escape(table.title)}</h2>"
    if not table.rows:
        return f"{title}<p>{escape(table.empty)}</p>"
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f"{title}\n<table><tr>{head}</tr>\n{chr(10).join(rows)}</table>"


def _markdown(summary: Summary, plots: tuple[str, ...]) -> str:
    lines = [
        f"# {markdown(summary.title)}",
        "",
        *(f"- {markdown(k)}: {markdown(v)}" for k, v in summary.facts),
        "",
    ]
    for table in summary.tables:
        lines += [f"## {markdown(table.title)}", "", *_markdown_table(table), ""]
    lines += ["## Over time", "", *(f"![{markdown(plot)}](<{plot}>)\n" for plot in plots)]
    return "\n".join(lines)


def _markdown_table(table: Table) -> Iterator[str]:
    if not table.rows:
        yield markdown(table.empty)
        return
    for row in (table.columns, *table.rows):
        yield f"| {' | '.join(markdown(cell) for cell in row)} |"
        if row is table.columns:
            yield "|---" * len(table.columns) + "|"


_TEXT_CHARS = 400


@dataclass(frozen=True, slots=True)
class Summary:
    """Content of a report before it is laid out: plain text cells without markup, and the plots, SVG texts by a
    short name."""

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    plots: tuple[tuple[str, str], ...]


def summarise(recording: Recording, evaluator: RunEvaluator | None) -> Summary:
    """The summary of a whole recording. ``evaluator`` evaluates it again; without one there are no verdicts.
    Raises UnreadableRecord."""
    playback = Playback(recording, evaluator)
    playback.advance(inf)
    seen = playback.snapshot()
    rollout = recording.rollout
    figures = {name: view.figures["run"][ALL_TASKS] for name, view in seen.deployments.items()}
    ended = recording.ended_at
    end = "no clean end: interrupted, or still running" if ended is None else _instant(ended)
    spent = f"{seen.spent_usd:.4f} USD, of which {seen.spent_estimated_usd:.4f} estimated"
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
            ("spent on traffic", spent),
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
        plots=plots_of(recording),
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
    rows = tuple(
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
        for name, f in figures.items()
    )
    columns = (
        "deployment", "requests", "P50 ms", "P95 ms", "P99 ms", "answers", "TTFT P50 ms", "$/1k", "filter %",
        "error %", "errors by kind", "throttled %", "throttled by kind", "never served",
    )  # fmt: skip
    return Table("What each deployment did", columns, rows, "no deployment")


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
    columns = ("UTC", "actor", "event", "text", "reason", "weights before", "weights after")
    return Table("What was done, by whom and why", columns, rows, "no events")


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
