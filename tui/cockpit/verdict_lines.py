"""The verdict screen as values: one row per criterion, in as many columns as fit, and what it all rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from tui.cockpit import format as fmt
from tui.cockpit.business_lines import business_lines, decision_lines, lines_by_task
from tui.cockpit.columns import fitted
from tui.cockpit.help_lines import ASSUMPTIONS
from tui.cockpit.line import Line
from tui.cockpit.plan_lines import plan_lines
from tui.cockpit.quality_lines import quality_lines
from tui.cockpit.ui_state import View, canaries, tasks_of
from tui.cockpit.verdict_words import (
    TONES,
    WORDS,
    about,
    criterion,
    interval,
    label,
    limit,
    overall,
    share,
    signed_pct,
    value,
)
from tui.cockpit.weight_view import asked_pct
from tui.measure.business import BusinessLine
from tui.measure.business_words import cost_texts
from tui.model import Verdict, VerdictState
from tui.text import plain

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_NOTE: Final = 160
_ADVISORY: Final = "*"


@dataclass(frozen=True, slots=True)
class _Column:
    """``rank``: low ranks stay when the terminal is narrow; what does not fit is said below the table."""

    title: str
    width: int
    rank: int
    text: Callable[[View, str, Verdict], str]
    left: bool = False
    most: int = 0
    progress: Callable[[Verdict], float] | None = None

    def within(self, cells: int, text: str) -> str:
        return fmt.fit(text, cells, right=not self.left)

    def cell(self, cells: int, view: View, name: str, verdict: Verdict) -> str:
        if self.progress is not None:
            return bar(self.progress(verdict), cells)
        return self.within(cells, self.text(view, name, verdict))


def judged_canary(view: View) -> str | None:
    """The canary whose verdicts are shown: the chosen row where it is one, else the first that is judged."""
    names = canaries(view.live)
    if view.ui.selected in names:
        return view.ui.selected
    return next((name for name in names if view.live.verdicts.get(name)), next(iter(names), None))


def verdict_lines(view: View, width: int, *, plan_first: bool = False) -> tuple[Line, ...]:
    """Everything that the verdict screen says of the canary in view, ``width`` cells wide."""
    name = judged_canary(view)
    if name is None:
        return (Line("this rollout has no canary: there is nothing to judge", "dim"),)
    ladder = [
        line
        for plan in view.live.plans
        for line in plan_lines(plan, plain(view.short(plan.canary), 40), view.ui.keys, view.ui.age_s)
    ]
    table = (*_head(view, name), *decision_lines(view, name, width), *_table(view, name, width))
    judged = [table, business_lines(view, name, width), quality_lines(view, width)]
    blocks = [ladder, *judged] if plan_first else [*judged, ladder]
    blocks.append(_assumptions(width))
    lines: list[Line] = []
    for block in blocks:
        if block:
            lines += [*([Line("")] if lines else []), *block]
    return tuple(lines)


def _head(view: View, name: str) -> list[Line]:
    live = view.live
    verdicts = live.verdicts.get(name, ())
    state = overall(verdicts)
    said = "not judged yet" if state is None else WORDS[state]
    short, base = (plain(view.short(n), 40) for n in (name, live.baseline))
    title = f"{said}   canary {short} {fmt.weight(asked_pct(live, name))}% against {base}"
    lines = [Line(title, "title" if state is None or TONES[state] != "alert" else "alert")]
    if state is not None:
        stated = (
            f"an equal version is called WORSE in at most {live.alpha_pct:g}% of runs, all criteria together"
        )
        lines.append(Line(stated, "dim"))
    guard = live.guard
    mode = {"off": "off", "armed": "ARMED", "dry_run": "DRY RUN"}[guard.mode]
    on = f" on {plain(', '.join(guard.criteria), 120)}" if guard.criteria else ""
    if view.session == "live":
        # A record keeps what the guard said, not whether it was armed.
        lines.append(Line(f"guard {mode}{on}   {view.ui.keys['toggle_guard']} turns it {_other(guard.mode)}"))
    if guard.said:
        lines.append(Line(f"guard said  {plain(guard.said, _NOTE)}", "warn"))
    return lines


def _other(mode: str) -> str:
    return "on" if mode == "off" else "off"


def _table(view: View, name: str, width: int) -> list[Line]:
    verdicts = _of_tasks(view, name)
    if not verdicts:
        return [Line("no criterion has been judged: no data is NOT YET, never a pass or a failure", "dim")]
    shown, hidden = fitted(_COLUMNS, width)
    heads = {column: column.title for column in shown}
    heads |= {
        c: fmt.fit(view.short(n), w).rstrip()
        for c, w in shown.items()
        for column, n in ((_BASELINE, view.live.baseline), (_CANARY, name))
        if c is column
    }
    lines = [Line(" ".join(c.within(w, heads[c]) for c, w in shown.items()).rstrip(), "dim")]
    task, business = "", lines_by_task(view, name)
    for verdict in verdicts:
        if verdict.task != task:
            task = verdict.task
            lines.append(Line(_task_title(task, business.get(task), width), "title"))
        row = " ".join(c.cell(w, view, name, verdict) for c, w in shown.items())
        lines.append(Line(row.rstrip(), "dim" if verdict.advisory else TONES[verdict.state]))
    if any(verdict.advisory for verdict in verdicts):
        lines.append(Line(f"{_ADVISORY} advisory: shown, moves neither guard nor plan", "dim"))
    below: list[Line] = []
    for verdict in verdicts:
        said = [
            f"{column.title.lower()} {text}"
            for column in (*hidden, *_BELOW)
            if (text := column.text(view, name, verdict).strip()) not in ("", fmt.NO_DATA)
        ]
        if said:
            below += _wrapped(fmt.fit(label(verdict), _LABEL.width), ", ".join(said), width)
    return [*lines, *([Line(""), *below] if below else [])]


def _of_tasks(view: View, name: str) -> tuple[Verdict, ...]:
    """Those of the tasks to choose from, and what was judged of any other: a task that nothing was ever of
    would only push the others down."""
    verdicts, tasks = view.live.verdicts.get(name, ()), tasks_of(view.live)
    return tuple(
        v for v in verdicts if not tasks or v.task in tasks or v.canary_requests or v.baseline_requests
    )


def _task_title(task: str, line: BusinessLine | None, width: int) -> str:
    """The task, and what the canary costs or saves there as far as it fits."""
    title = f"task {plain(task, 60)}"
    room = width - cell_len(title) - 3
    said = "" if line is None else next((t for t in cost_texts(line) if cell_len(t) <= room), "")
    return f"{title}   {said}".rstrip()


def bar(progress: float, cells: int) -> str:
    """``████▌···``: how far the evidence is, in eighths of a cell. Full only when the threshold is reached."""
    eighths = int(share(progress) * cells * 8)
    whole, rest = divmod(eighths, 8)
    part = _EIGHTHS[rest].strip() if rest else ""
    return "█" * whole + part + "·" * (cells - whole - len(part))


def _label_of(view: View, name: str, v: Verdict) -> str:
    unit = f" {plain(v.unit, 8)}" if v.unit else ""
    return f"{criterion(v)}{unit}{_ADVISORY if v.advisory else ''}"


def _eta(view: View, name: str, v: Verdict) -> str:
    known = sorted(v.etas, key=lambda eta: abs(eta.weight_pct - asked_pct(view.live, name)))
    return about(known[0].seconds) if known and v.state is VerdictState.NOT_YET else ""


def _etas(view: View, name: str, v: Verdict) -> str:
    known = [f"{about(e.seconds)} at {fmt.weight(e.weight_pct)}%" for e in v.etas if e.seconds is not None]
    return ", ".join(known) if v.state is VerdictState.NOT_YET else ""


def _since(view: View, name: str, v: Verdict) -> str:
    return "" if v.since_s is None else fmt.duration(view.live.at_s - v.since_s + view.ui.age_s)


def _worse_share(view: View, name: str, v: Verdict) -> str:
    return f"{100 * share(v.worse_progress):.0f}%"


def _ok_share(view: View, name: str, v: Verdict) -> str:
    return f"{100 * share(v.ok_progress):.0f}%"


_LABEL = _Column("CRITERION", 15, 0, _label_of, left=True, most=22)
_BASELINE = _Column("BASE", 7, 1, lambda _, __, v: value(v.baseline_value, v.unit))
_CANARY = _Column("CANARY", 7, 1, lambda _, __, v: value(v.canary_value, v.unit))
_COLUMNS: Final[tuple[_Column, ...]] = (
    _Column("VERDICT", 9, 0, lambda _, __, v: WORDS[v.state], left=True),
    _LABEL,
    _BASELINE,
    _CANARY,
    _Column("DIFF", 6, 1, lambda _, __, v: signed_pct(v.difference_pct)),
    _Column("INTERVAL", 13, 4, lambda _, __, v: interval(v)),
    _Column("LIMIT", 13, 5, lambda _, __, v: limit(v), left=True, most=18),
    _Column("→WORSE", 8, 1, _worse_share, left=True, most=16, progress=lambda v: v.worse_progress),
    _Column("→OK", 8, 1, _ok_share, left=True, most=16, progress=lambda v: v.ok_progress),
    _Column("N", 13, 3, lambda _, __, v: f"{fmt.count(v.canary_requests)}/{fmt.count(v.baseline_requests)}"),
    _Column("EVENTS", 6, 6, lambda _, __, v: fmt.count(v.events)),
    _Column("ETA", 4, 2, _eta),
    _Column("SINCE", 7, 7, _since),
)
_BELOW: Final = (
    _Column("TO DECIDE", 0, 0, _etas),
    _Column("NOTE", 0, 0, lambda _, __, v: plain(v.note, _NOTE)),
)
"""Too long for a column: said below the table, as what does not fit is."""


def _assumptions(width: int) -> tuple[Line, ...]:
    return (
        Line("WHAT THE VERDICTS ASSUME", "title"),
        *(line for text in ASSUMPTIONS for line in _wrapped("· ", text, width)),
    )


def _wrapped(head: str, text: str, width: int) -> Sequence[Line]:
    pieces = textwrap.wrap(text, max(width - cell_len(head), 20)) or [""]
    return [Line((head if i == 0 else " " * cell_len(head)) + p, "dim") for i, p in enumerate(pieces)]
