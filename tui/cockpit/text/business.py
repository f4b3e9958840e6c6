"""The business line on screen: the block of the verdict screen, and the few words for a row or a dialog."""

from __future__ import annotations

from rich.cells import cell_len

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.line import Line, Tone
from tui.cockpit.text.wrapping import wrapped
from tui.cockpit.ui_state import View
from tui.measure.business import (
    BusinessLine,
    CostOfBoth,
    business,
    change_text,
    day_text,
    estimated_text,
    line_texts,
    pairs_text,
)
from tui.model import VerdictState

_INDENT = "  "
_BROKEN = 12
"""Cells that are lost at the end of a row, where the next word does not fit."""


def business_lines(view: View, canary: str, width: int) -> list[Line]:
    """A line for each task in view, and what it rests on below it."""
    short, base = (plain(view.short(name), 40) for name in (canary, view.live.baseline))
    lines = [Line(f"BUSINESS  all requests of a task on {short}, against {base}", "title")]
    for line in business(view.live):
        if line.canary == canary:
            lines += _rows(line_texts(line)[0], width, _tone(line))
            if evidence := _evidence(line):
                lines += _rows(_INDENT + evidence, width, "dim")
    return lines


def decision_lines(view: View, canary: str, width: int) -> list[Line]:
    """One row, where one task is in view and something is known of its quality or of its real traffic."""
    if len(view.live.weights) > 1:
        return []
    lines = (line for line in business(view.live) if line.canary == canary)
    return [
        Line(_fitting(line_texts(line), width), _tone(line))
        for line in lines
        if line.graded or line.rate_from == "rollout file"
    ]


def lines_by_task(view: View, canary: str) -> dict[str, BusinessLine]:
    """Those of one canary, for the tasks that it is on trial in."""
    return {line.task: line for line in business(view.all_tasks) if line.canary == canary}


def cost_cell(line: BusinessLine, cells: int) -> str:
    """``-92% saves $143/day`` in ``cells`` cells, or less of it; empty where nothing is known."""
    if line.cost is None:
        return ""
    change, day = change_text(line.cost), day_text(line)
    texts = (f"{change} {day}".strip(), day, change)
    return next((text for text in texts if cell_len(text) <= cells), "")


def dialog_lines(view: View, canary: str, width: int, most: int) -> list[str]:
    """What is known of the tasks in view, at most two rows each; of more than ``most`` the
    first."""
    if most < 1:
        return []
    known = [x for x in business(view.live) if x.canary == canary and (x.cost is not None or x.graded)]
    lines = [_fitting(line_texts(line), 2 * (width - _BROKEN)) for line in known[:most]]
    return lines + ([f"and {fmt.counted(len(known) - most, 'more task')}"] if len(known) > most else [])


def _fitting(texts: tuple[str, ...], width: int) -> str:
    return next((text for text in texts if cell_len(text) <= width), texts[-1])


def _tone(line: BusinessLine) -> Tone:
    worse = any(one.state is VerdictState.WORSE and not one.advisory for one in line.graded)
    return "alert" if worse else ""


def _evidence(line: BusinessLine) -> str:
    parts = [] if line.cost is None else [_cost(line.cost)]
    if line.graded:
        parts.append(pairs_text(line.graded))
    return "; ".join(parts)


def _cost(cost: CostOfBoth) -> str:
    """``$/1k 0.310 vs 3.90 (-93…-91%), 1,204 answers at the same weights``."""
    parts = f"$/1k {fmt.usd(cost.canary_usd_per_1k)} vs {fmt.usd(cost.baseline_usd_per_1k)}"
    if cost.low_pct is not None and cost.high_pct is not None:
        parts += f" ({cost.low_pct:+.0f}…{cost.high_pct:+.0f}%)"
    seen = "compared at the same weights" if cost.seen_in == "comparison" else "mean of the run"
    estimated = f", {estimated_text(cost.estimated_pct)}" if cost.estimated_pct > 0 else ""
    return f"{parts}, {fmt.counted(cost.canary_answers, 'answer')} of the canary, {seen}{estimated}"


def _rows(text: str, width: int, tone: Tone) -> list[Line]:
    indent = text[: len(text) - len(text.lstrip())]
    first, *others = wrapped(text.lstrip(), max(width - len(indent) - len(_INDENT), 20))
    return [Line(indent + first, tone), *(Line(indent + _INDENT + row, tone) for row in others)]
