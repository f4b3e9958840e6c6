"""The table of the verdict screen as values: one row a criterion, in as many columns as fit, one row chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.business import lines_by_task
from tui.cockpit.text.columns import fitted
from tui.cockpit.text.line import Line, Tone, hanging
from tui.cockpit.text.verdict_words import (
    TONES,
    WORDS,
    criterion,
    interval,
    limit,
    share,
    signed_pct,
    takes,
    value,
    worse,
)
from tui.cockpit.text.weights import asked_pct
from tui.cockpit.ui_state import View, tasks_of
from tui.measure.business import BusinessLine, cost_texts
from tui.model import Verdict, VerdictState, eta_at

RowKey = tuple[str, str]
"""Task and criterion."""

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_NOTE: Final = 160
_ADVISORY: Final = "*"


@dataclass(frozen=True, slots=True)
class Column:
    """``rank``: low ranks stay when the terminal is narrow; what does not fit is said below the table.
    ``brief`` is what stands where the whole text does not fit."""

    title: str
    width: int
    rank: int
    text: Callable[[View, str, Verdict], str]
    left: bool = False
    most: int = 0
    progress: Callable[[Verdict], float] | None = None
    brief: Callable[[Verdict], str] | None = None

    def within(self, cells: int, text: str) -> str:
        return fmt.fit(text, cells, right=not self.left)

    def cell(self, cells: int, view: View, name: str, verdict: Verdict) -> str:
        if self.progress is not None:
            return bar(self.progress(verdict), cells)
        text = self.text(view, name, verdict)
        if self.brief is not None and cell_len(text) > cells:
            text = self.brief(verdict)
        return self.within(cells, text)


def rows_of(view: View, name: str) -> tuple[Verdict, ...]:
    """The criteria of a canary in the tasks to choose from, and what was judged of any other: a task that
    nothing was ever of would only push the others down."""
    verdicts, tasks = view.live.verdicts.get(name, ()), tasks_of(view.live)
    return tuple(
        v for v in verdicts if not tasks or v.task in tasks or v.canary_requests or v.baseline_requests
    )


def key_of(verdict: Verdict) -> RowKey:
    return verdict.task, verdict.criterion


def chosen_row(rows: tuple[Verdict, ...], chosen: RowKey | None) -> Verdict | None:
    """The row of that key; as long as nobody has chosen one, what is WORSE most, else the first."""
    for verdict in rows:
        if key_of(verdict) == chosen:
            return verdict
    return next(iter((*worse(rows), *rows)), None)


def table_lines(view: View, name: str, width: int, chosen: RowKey | None) -> list[Line]:
    """Titles and rows, and below them what did not fit."""
    rows = rows_of(view, name)
    at = chosen_row(rows, chosen)
    if at is None:
        return [Line("no criterion has been judged: no data is NOT YET, never a pass or a failure", "dim")]
    shown, hidden = fitted(COLUMNS, width)
    heads = {column: column.title for column in shown}
    heads |= {
        c: fmt.fit(view.short(n), w).rstrip()
        for c, w in shown.items()
        for column, n in ((_BASELINE, view.live.baseline), (_CANARY, name))
        if c is column
    }
    lines = [Line(" ".join(c.within(w, heads[c]) for c, w in shown.items()).rstrip(), "dim")]
    task, business = "", lines_by_task(view, name)
    for verdict in rows:
        if verdict.task != task:
            task = verdict.task
            lines.append(Line(_task_title(task, business.get(task), width), "title"))
        row = " ".join(c.cell(w, view, name, verdict) for c, w in shown.items())
        here = verdict is at
        lines.append(Line(row.rstrip(), _tone(verdict), here, "❯" if here else " "))
    if any(verdict.advisory for verdict in rows):
        lines.append(Line(f"{_ADVISORY} advisory: shown, moves neither guard nor plan by itself", "dim"))
    below: list[Line] = []
    for verdict in rows:
        if said := facts((*hidden, *BELOW), view, name, verdict):
            below += hanging(f"{fmt.fit(_brief_label(verdict), _LABEL.width)} ", ", ".join(said), width, "dim")
    return [*lines, *([Line(""), *below] if below else [])]


def facts(columns: tuple[Column, ...], view: View, name: str, verdict: Verdict) -> list[str]:
    """``interval +41…+88%``: what these columns say of a row, as far as it is known."""
    return [
        f"{column.title.lower()} {text}"
        for column in columns
        if (text := column.text(view, name, verdict).strip()) not in ("", fmt.NO_DATA)
    ]


def _tone(verdict: Verdict) -> Tone:
    """What moves nothing raises no alarm."""
    if verdict.advisory:
        return "warn" if verdict.state is VerdictState.WORSE else "dim"
    return TONES[verdict.state]


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


def _brief_label(v: Verdict) -> str:
    return f"{criterion(v)}{_ADVISORY if v.advisory else ''}"


def _eta(view: View, name: str, v: Verdict) -> str:
    return takes(eta_at(v.etas, asked_pct(view.live, name))) if v.state is VerdictState.NOT_YET else ""


def _etas(view: View, name: str, v: Verdict) -> str:
    known = [f"{takes(e)} at {fmt.weight(e.weight_pct)}%" for e in v.etas if e.is_known]
    return ", ".join(known) if v.state is VerdictState.NOT_YET else ""


def _since(view: View, name: str, v: Verdict) -> str:
    return "" if v.since_s is None else fmt.duration(view.live.at_s - v.since_s + view.ui.age_s)


def _worse_share(view: View, name: str, v: Verdict) -> str:
    return f"{100 * share(v.worse_progress):.0f}%"


def _ok_share(view: View, name: str, v: Verdict) -> str:
    return f"{100 * share(v.ok_progress):.0f}%"


_LABEL = Column("CRITERION", 15, 0, _label_of, left=True, most=22, brief=_brief_label)
_BASELINE = Column("BASE", 7, 1, lambda _, __, v: value(v.baseline_value, v.unit))
_CANARY = Column("CANARY", 7, 1, lambda _, __, v: value(v.canary_value, v.unit))
COLUMNS: Final[tuple[Column, ...]] = (
    Column("VERDICT", 9, 0, lambda _, __, v: WORDS[v.state], left=True),
    _LABEL,
    _BASELINE,
    _CANARY,
    Column("DIFF", 6, 1, lambda _, __, v: signed_pct(v.difference_pct)),
    Column("INTERVAL", 13, 4, lambda _, __, v: interval(v)),
    Column("LIMIT", 13, 5, lambda _, __, v: limit(v), left=True, most=18),
    Column("→WORSE", 8, 1, _worse_share, left=True, most=16, progress=lambda v: v.worse_progress),
    Column("→OK", 8, 1, _ok_share, left=True, most=16, progress=lambda v: v.ok_progress),
    Column("N", 13, 3, lambda _, __, v: f"{fmt.count(v.canary_requests)}/{fmt.count(v.baseline_requests)}"),
    Column("EVENTS", 6, 6, lambda _, __, v: fmt.count(v.events)),
    Column("ETA", 7, 2, _eta),
    Column("SINCE", 7, 7, _since),
)
FIGURES: Final = tuple(
    column for column in COLUMNS if column.title not in ("VERDICT", "CRITERION", "BASE", "CANARY", "ETA")
)
"""Those that say more of a row than what it is, its values and its nearest time."""

BELOW: Final = (
    Column("TO DECIDE", 0, 0, _etas),
    Column("NOTE", 0, 0, lambda _, __, v: plain(v.note, _NOTE)),
)
"""Too long for a column: said below the table, as what does not fit is."""
