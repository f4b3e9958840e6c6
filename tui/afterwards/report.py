"""Report of a run, the hand-over record: what was seen in a run, what was decided, by whom and on which
evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Literal

from tui.afterwards.decision import Table
from tui.afterwards.recording import Recording, RunEvaluator
from tui.afterwards.summary import Summary, summarise
from tui.base.text import markdown

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
    for number, row in enumerate((table.columns, *table.rows)):
        yield f"| {' | '.join(markdown(cell) for cell in row)} |"
        if number == 0:
            yield "|---" * len(table.columns) + "|"
