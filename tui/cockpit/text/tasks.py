"""The matrix of tasks and canaries as values: what each canary has of each task, and how it is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.business import cost_cell, lines_by_task
from tui.cockpit.text.line import Tone
from tui.cockpit.text.plan import plan_tag
from tui.cockpit.text.verdict_words import cell_texts
from tui.cockpit.text.weights import asked_pct
from tui.cockpit.ui_state import View, canaries, tasks_of
from tui.measure.business import BusinessLine
from tui.model import Snapshot, of_task

ALL: Final = "all tasks"

_NAME: Final = 20
_CELL: Final = 16
_PLAN: Final = 18
_PLAN_MOST: Final = 27
_MONEY: Final = 30
_MONEY_LEAST: Final = 20
_MOST: Final = 6


@dataclass(frozen=True, slots=True)
class TaskCell:
    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """``task`` None is all of them. ``cells`` are as wide as those of the header."""

    task: str | None
    name: str
    cells: tuple[TaskCell, ...]
    chosen: bool = False


def task_rows(view: View, width: int) -> tuple[TaskRow, ...]:
    """The header, a row for all tasks, and one a task; nothing where there is only one task. Of many those
    around the chosen one."""
    whole = view.all_tasks
    tasks = tasks_of(whole)
    if not tasks:
        return ()
    layout = _laid_out(view, width)
    rows = [_head(view, layout), _row(view, None, whole, layout)]
    rows += [_row(view, task, of_task(whole, task), layout) for task in _around(view, tasks)]
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns: ``cells`` of each canary in ``shown``, of ``plan`` and of ``money``, 0 where there is no
    such column. ``costs`` are those of the canary ``costed``, by task."""

    shown: tuple[str, ...]
    cells: int
    plan: int
    money: int = 0
    costed: str = ""
    costs: Mapping[str, BusinessLine] = field(default_factory=dict)


def _laid_out(view: View, width: int) -> _Layout:
    """Weights and verdicts first, then the plan, then what the chosen canary costs, or the first."""
    shown = _columns(view, width)
    cells = min(max((width - _NAME - 2) // max(len(shown), 1) - 1, _CELL), 30)
    left = width - _NAME - 2 - (cells + 1) * len(shown)
    plan = _PLAN_MOST if left > _PLAN and view.all_tasks.plans else 0
    money = min(left - (plan + 1 if plan else 0) - 1, _MONEY)
    if not shown or money < _MONEY_LEAST:
        return _Layout(shown, cells, plan)
    costed = view.ui.selected if view.ui.selected in shown else shown[0]
    return _Layout(shown, cells, plan, money, costed, lines_by_task(view, costed))


def _head(view: View, layout: _Layout) -> TaskRow:
    titles = [fmt.fit(view.short(name), layout.cells) for name in layout.shown]
    if layout.plan:
        titles.append(fmt.fit("PLAN", layout.plan) if layout.money else "PLAN")
    if layout.money:
        whose = f" {view.short(layout.costed)}" if len(layout.shown) > 1 else ""
        titles.append(fmt.clip(f"COST{whose}", layout.money))
    return TaskRow(None, fmt.fit("TASK", _NAME), tuple(TaskCell(title, "dim") for title in titles))


def _around(view: View, tasks: tuple[str, ...]) -> tuple[str, ...]:
    place = tasks.index(view.ui.task) if view.ui.task in tasks else 0
    first = min(max(place - _MOST // 2, 0), max(len(tasks) - _MOST, 0))
    return tasks[first : first + _MOST]


def _columns(view: View, width: int) -> tuple[str, ...]:
    """The canaries that have weight in some task, as many as fit; else the first ones."""
    names = canaries(view.all_tasks)
    weighted = [n for n in names if any(shares.get(n) for shares in view.all_tasks.weights.values())]
    most = max((width - _NAME - 2) // (_CELL + 1), 1)
    return tuple((weighted or names)[:most])


def _row(view: View, task: str | None, snapshot: Snapshot, layout: _Layout) -> TaskRow:
    made = [_cell(snapshot, name, layout.cells) for name in layout.shown]
    if layout.plan:
        tag = "" if snapshot.plan is None else plan_tag(snapshot.plan, view.ui.age_s)
        # The last column may be as wide as its text.
        made.append(TaskCell(fmt.fit(tag, layout.plan) if layout.money else tag))
    if task is not None and task in layout.costs:
        made.append(TaskCell(cost_cell(layout.costs[task], layout.money)))
    name = ALL if task is None else plain(task, 60)
    return TaskRow(task, fmt.fit(name, _NAME), tuple(made), task == view.ui.task)


def _cell(snapshot: Snapshot, name: str, cells: int) -> TaskCell:
    asked = asked_pct(snapshot, name)
    weight = f"{fmt.weight(asked):>4}% "
    said = cell_texts(snapshot.verdicts.get(name, ()), asked)
    if asked <= 0 and (said is None or said[1] != "alert"):
        return TaskCell(fmt.fit(f"{weight}no traffic", cells), "dim")
    if said is None:
        return TaskCell(fmt.fit(weight, cells))
    texts, tone = said
    return TaskCell(fmt.fit(weight + next(_fitting(texts, cells - cell_len(weight)), texts[-1]), cells), tone)


def _fitting(texts: tuple[str, ...], cells: int) -> Iterator[str]:
    return (text for text in texts if cell_len(text) <= cells)
