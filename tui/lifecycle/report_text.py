"""Lifecycle report as text for a terminal: a table, a time line, and a block for each deployment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from rich.cells import cell_len, set_cell_size

from tui.lifecycle.dates import named
from tui.lifecycle.migration import HORIZON_DAYS, Migration, MigrationState
from tui.lifecycle.report import DeploymentReport, LifecycleReport, ModelReport, TableReport
from tui.lifecycle.report_words import (
    COUNTED_WITH,
    arm_words,
    day_words,
    ends_words,
    plan_line,
    remarks,
    rung_words,
    source_words,
    step_words,
    takes_words,
    title,
)
from tui.model import PinState

_LABEL = 11
_NAME = 24
_LEAST_WIDTH, _MOST_WIDTH = 60, 160
_WEEK = 7
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBERS = frozenset({"DAYS"})
_HEAD = ("DEPLOYMENT", "VERSION", "PHASE", "ENDS", "DAYS", "PIN")
_TABLE_HEAD = ("", "RETIRES", "DAYS", "MODEL", "VERSION", "PHASE", "REPLACEMENT")
_WIDE = 100


def rollout_text(report: LifecycleReport, width: int = 80) -> str:
    """The report of a rollout in lines of at most ``width`` cells (at least 60)."""
    width = min(max(width, _LEAST_WIDTH), _MOST_WIDTH)
    lines = [f"Lifecycle of {title(report)}, seen on {day_words(report.today)}"]
    for source in report.sources:
        lines += _wrapped(source_words(source, report.today), width)
    for note in arm_words(report):
        lines += _wrapped(note, width)
    lines += ["", *_columns([_HEAD, *(_row(one, report.today) for one in report.deployments)], width)]
    lines += ["", *_time_line(report, width)]
    for one in report.deployments:
        lines += ["", *_block(one, report, width)]
    if any(_shown(one.migration, report.today) for one in report.deployments):
        lines += ["", *_wrapped(COUNTED_WITH, width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def table_text(report: TableReport, width: int = 80) -> str:
    """The whole lifecycle table in lines of at most ``width`` cells (at least 60)."""
    width = min(max(width, _LEAST_WIDTH), _MOST_WIDTH)
    lines = [f"Lifecycle of models, seen on {day_words(report.today)}"]
    for source in report.sources:
        lines += _wrapped(source_words(source, report.today), width)
    rows = [_TABLE_HEAD, *(_model_row(one, report.today, width) for one in report.models)]
    lines += ["", *_columns(rows, width), "", "x = past its date   * = every version"]
    lines += [
        line
        for one in report.models
        for note in one.notes
        for line in _wrapped(f"{one.lifecycle.model} {one.lifecycle.version}: {note}", width, "  ")
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _row(one: DeploymentReport, today: date) -> tuple[str, ...]:
    ends = one.migration.ends
    return (
        one.deployment.name,
        f"{one.lifecycle.model} {one.lifecycle.version}",
        one.lifecycle.phase.value,
        "not known" if ends is None else str(ends),
        "" if ends is None else str((ends - today).days),
        one.pin.state.value.upper(),
    )


def _model_row(one: ModelReport, today: date, width: int) -> tuple[str, ...]:
    lifecycle, retires, to = one.lifecycle, one.lifecycle.retires, one.lifecycle.replacement
    return (
        "x" if retires is not None and retires < today else "",
        "not known" if retires is None else str(retires),
        "" if retires is None else str((retires - today).days),
        lifecycle.model,
        lifecycle.version,
        lifecycle.phase.value,
        "" if to is None else named(to) if width >= _WIDE else to.model,
    )


def _block(one: DeploymentReport, report: LifecycleReport, width: int) -> Iterator[str]:
    today, lifecycle, migration = report.today, one.lifecycle, one.migration
    yield from _wrapped(f"{one.deployment.name} is {lifecycle.model} {lifecycle.version}", width, "  ")
    if one.warning is not None:
        yield from _labelled(one.warning.severity.upper(), one.warning.text, width)
    yield from _labelled("phase", f"{lifecycle.phase.value} ({lifecycle.source})", width)
    yield from _labelled("ends", ends_words(one, today), width)
    if report.arm_known or one.pin.state is PinState.MISMATCH:
        yield from _labelled("pin", f"{one.pin.state.value.upper()}: {one.pin.reason}; {one.pin.remedy}", width)
    yield from _labelled("at the end", one.at_the_date, width)
    yield from _labelled("due", one.due, width)
    for note in one.notes:
        yield from _labelled("sources", note, width)
    yield from _labelled("plan", plan_line(migration, today), width)
    if _shown(migration, today):
        for remark in remarks(migration, today):
            yield from _labelled("", remark, width)
        yield from _steps(one, today, width)


def _shown(migration: Migration, today: date) -> bool:
    return bool(migration.steps) and migration.within(HORIZON_DAYS, today)


def _steps(one: DeploymentReport, today: date, width: int) -> Iterator[str]:
    rows = [("", "START BY", "STEP", "TAKES")]
    for step in one.migration.steps:
        late, when = ("", "") if step.done else _by(step.latest_start, today)
        rows.append((late, when, step_words(step, "the replacement", "this deployment"), takes_words(step)))
        rows += [(*_by(rung.latest_start, today), f"  {rung_words(rung)}", "") for rung in step.rungs]
    assert one.migration.ends is not None
    rows.append(("", day_words(one.migration.ends), "the version ends", ""))
    yield from (f"  {line}" for line in _columns(rows, width - 2))


def _by(day: date, today: date) -> tuple[str, str]:
    return "late" if day < today else "", day_words(day)


def _time_line(report: LifecycleReport, width: int) -> Iterator[str]:
    name = min(_NAME, max((len(one.deployment.name) for one in report.deployments), default=0))
    weeks = width - name - 1
    yield from _wrapped("TIME LINE, a column a week: = nothing due, # the move is under way, X the end", width)
    yield f"{'':{name}} {_axis(report.today, weeks)}"
    for one in report.deployments:
        yield f"{_middle_cut(one.deployment.name, name)} {_bar(one.migration, report.today, weeks)}"


def _axis(today: date, weeks: int) -> str:
    """The first week of each month, January with its year."""
    axis = [" "] * weeks
    for week in range(weeks):
        day = today + timedelta(week * _WEEK)
        begun = day if day.day == 1 else (day + timedelta(_WEEK - 1))
        if begun.month != (day - timedelta(1)).month and week + 3 <= weeks:
            axis[week : week + 3] = f"'{begun.year % 100:02}" if begun.month == 1 else _MONTHS[begun.month - 1]
    return "".join(axis)


def _bar(migration: Migration, today: date, weeks: int) -> str:
    if migration.ends is None:
        return "X (no date)" if migration.state is MigrationState.GONE else "? no date is known"
    left = (migration.ends - today).days
    if migration.state is MigrationState.GONE or left < 0:
        return f"X ended {migration.ends}"
    begins = migration.begins
    free = weeks if begins is None else max((begins - today).days // _WEEK, 0)
    end = left // _WEEK
    bar = "=" * min(free, end, weeks) + "#" * (min(end, weeks) - min(free, end, weeks))
    return f"{bar}X" if end < weeks else f"{bar[:-1]}>"


def _labelled(label: str, text: str, width: int) -> Iterator[str]:
    for number, line in enumerate(_wrapped(text, width - _LABEL - 1)):
        yield f" {label if number == 0 else '':<{_LABEL}}{line}"


def _columns(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Rows, the first of them heads, in columns; where there is no room the widest ones are cut."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    gap = 2 if sum(widths) + 2 * (len(widths) - 1) <= width else 1
    while sum(widths) + gap * (len(widths) - 1) > width:
        widths[widths.index(max(widths))] -= 1
    for row in rows:
        cells = (
            cell.rjust(room) if head in _NUMBERS else _middle_cut(cell, room)
            for head, cell, room in zip(rows[0], row, widths, strict=True)
        )
        yield (" " * gap).join(cells)


def _middle_cut(text: str, cells: int) -> str:
    """``text`` in exactly ``cells`` cells, cut in the middle: names have their version at the end."""
    if cell_len(text) <= cells:
        return set_cell_size(text, cells)
    tail = text[-(cells // 2) :] if cells > 1 else ""
    while cell_len(tail) > cells // 2:
        tail = tail[1:]
    return set_cell_size(text, max(cells - 1 - cell_len(tail), 0)) + "…" + tail


def _wrapped(text: str, width: int, indent: str = "") -> Iterable[str]:
    """Lines of at most ``width`` cells, those after the first begun with ``indent``."""
    lines, line = [], ""
    for word in text.split():
        while cell_len(word) > width - len(indent):
            head = set_cell_size(word, width - len(indent)).rstrip()
            lines += [line] * bool(line.strip()) + [head]
            line, word = indent, word[len(head) :]
        if line.strip() and cell_len(line) + 1 + cell_len(word) > width:
            lines.append(line)
            line = indent
        line += word if not line.strip() else f" {word}"
    return [*lines, line] if line.strip() else lines
