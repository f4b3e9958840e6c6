"""The list of samples as values: what is listed in one line, and a row a sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from tui.base.text import plain
from tui.cockpit.sample_filters import (
    SampleChoices,
    is_error,
    is_filtered,
    is_throttled,
    is_wrong,
    message_text,
    said_kind,
)
from tui.cockpit.sample_list import Listed
from tui.cockpit.scoring import Scoring, can_be_scored
from tui.cockpit.text import format as fmt
from tui.cockpit.text.columns import fitted
from tui.cockpit.text.line import Line, Tone
from tui.cockpit.ui_state import View
from tui.model import ANSWERED, NEVER_SERVED, Answer, Mark, Sample, SampleKind

HIDDEN: Final = "·"
"""In place of what would give the version away."""

_TEXT_CELLS = 20
_TEXT_CHARS = 300


@dataclass(frozen=True, slots=True)
class _Row:
    sample: Sample
    view: View
    scoring: Scoring
    hidden: bool

    @property
    def pair(self) -> bool:
        return len(self.sample.answers) > 1


@dataclass(frozen=True, slots=True)
class _Column:
    """``texts`` are ways to say it, the longest first: the first that fits is shown."""

    title: str
    width: int
    rank: int
    texts: Callable[[_Row], Sequence[str]]
    left: bool = False
    most: int = 0


def filter_line(view: View, listed: Listed, newer: int = 0) -> str:
    """What is listed, in one line. ``newer`` samples are above the first row in view."""
    choices = view.ui.samples
    wanted = choices.filter
    parts = [f"{len(listed.rows)} of {fmt.counted(listed.total, 'sample')}"]
    if listed.unsearched:
        parts.append(f"searching, {listed.unsearched} to go")
    if view.ui.task is not None:
        parts.append(f"task {plain(view.ui.task, 30)}")
    if wanted.version is not None:
        parts.append(f"version {plain(view.short(wanted.version), 30)}")
    if wanted.slow:
        above = "" if listed.slow_ms is None else f" (P95 {fmt.ms(listed.slow_ms)} ms)"
        parts.append(f"slow{above}")
    words = {"error": wanted.error, "throttled": wanted.throttled, "filtered": wanted.filtered,
             "wrong answer": wanted.wrong,
             "judge disagrees": wanted.disagrees, "unscored": wanted.unscored}  # fmt: skip
    parts += [word for word, on in words.items() if on]
    if wanted.text:
        parts.append(f'"{plain(wanted.text, 40)}"')
    if not choices.blind:
        parts.append("versions shown")
    if newer:
        parts.append(f"↑ {newer} above")
    return "  ".join(parts)


def shows_version(sample: Sample, choices: SampleChoices, *, hidden: bool) -> bool:
    """Whether the row of a sample tells which version gave which answer. A row of a pair names both and says
    nothing of one alone; that of a single answer names its version, but not in the queue of those to score."""
    return not hidden or (len(sample.answers) < 2 and not choices.filter.unscored)


def header_line(width: int) -> Line:
    """The titles of the columns that fit."""
    widths, text = _layout(width)
    titles = [fmt.fit(c.title, w, right=not c.left) for c, w in widths.items()]
    return Line(f"  {' '.join([*titles, fmt.fit('PROMPT', text)])}", "dim")


def sample_row(sample: Sample, view: View, scoring: Scoring, width: int, *, chosen: bool) -> Line:
    """One sample in ``width`` cells."""
    choices = view.ui.samples
    hidden = scoring.hidden(sample, choices, read_only=view.ui.read_only)
    row = _Row(sample, view, scoring, not shows_version(sample, choices, hidden=hidden))
    widths, text = _layout(width)
    cells = [_cell(column, row, cells) for column, cells in widths.items()]
    cells.append(fmt.fit(prompt_start(sample), text))
    line = f"{'❯' if chosen else ' '} {' '.join(cells)}"
    return Line(line.ljust(width) if chosen else line, _tone(sample), chosen)


def prompt_start(sample: Sample) -> str:
    """The beginning of what the user asked, in one line."""
    users = [m for m in sample.messages if m.get("role") == "user"] or list(sample.messages)
    return plain(message_text(users[-1]), _TEXT_CHARS) if users else ""


def answer_state(answer: Answer) -> tuple[int, str]:
    """How an answer ended, in two words, with a rank: the lowest is to be looked at first."""
    if is_error(answer):
        return 0, f"✗ {said_kind(answer.kind)}"
    if is_filtered(answer):
        return 1, "⊘ filtered"
    if is_throttled(answer):
        return 1, f"▲ {said_kind(answer.kind)}"
    if answer.kind in NEVER_SERVED:
        return 4, f"– {said_kind(answer.kind)}"
    if answer.grade is None or answer.grade.mark is Mark.FOR_JUDGE:
        return 6, "✓ answered"
    if is_wrong(answer):
        return (2, "✗ wrong") if answer.grade.mark is Mark.WRONG else (3, "? no answer")
    return 5, "✓ right"


def per_answer(sample: Sample, said: Callable[[Answer], str]) -> str:
    """One value an answer, in the order in which the versions are named."""
    return "/".join(said(answer) for answer in sample.answers)


def _layout(width: int) -> tuple[dict[_Column, int], int]:
    text = max(_TEXT_CELLS, width // 4)
    widths, _ = fitted(_COLUMNS, width - 2 - text - 1)
    used = sum(widths.values()) + len(widths)
    return widths, max(width - 2 - used, 0)


def _cell(column: _Column, row: _Row, cells: int) -> str:
    ways = column.texts(row)
    text = next((way for way in ways if cell_len(way) <= cells), ways[-1])
    return fmt.fit(text, cells, right=not column.left)


def _tone(sample: Sample) -> Tone:
    rank = min((answer_state(answer)[0] for answer in sample.answers), default=6)
    return "alert" if rank == 0 else "warn" if rank < 4 else ""


def _state(row: _Row) -> Sequence[str]:
    states = sorted(answer_state(answer) for answer in row.sample.answers)
    if not states:
        return (fmt.NO_DATA,)
    word = states[0][1]
    some = sum(state[1] == word for state in states)
    return (word,) if some == len(states) else (f"{word} {some}/{len(states)}", word)


def _versions(row: _Row) -> Sequence[str]:
    if row.hidden and not row.pair:
        return (HIDDEN,)
    names = [plain(row.view.short(answer.deployment), 30) for answer in row.sample.answers]
    return "+".join(names), names[0] if names else ""


def _figures(
    row: _Row,
    value: Callable[[Answer], float | None],
    said: Callable[[float | None], str],
    unknown: str = fmt.NO_DATA,
) -> Sequence[str]:
    """Of a pair the greater one, where one for each would not fit, or would give the versions away. ``unknown``
    stands where an answer came without the value."""
    if row.hidden and not row.pair:
        return (HIDDEN,)

    def text(answer: Answer) -> str:
        known = value(answer)
        return unknown if known is None and answer.kind in ANSWERED else said(known)

    greatest = max(row.sample.answers, key=lambda a: -1.0 if (v := value(a)) is None else v, default=None)
    most = said(None) if greatest is None else text(greatest)
    if row.hidden or not row.pair:
        return (most,)
    return per_answer(row.sample, text), most


def _tokens(answer: Answer) -> float | None:
    return None if answer.usage is None else answer.usage.prompt_tokens + answer.usage.completion_tokens


def _per_1k_usd(answer: Answer) -> float | None:
    return None if answer.cost_usd is None else 1000 * answer.cost_usd


def _scores(row: _Row) -> Sequence[str]:
    sample, scoring = row.sample, row.scoring
    values = [scoring.value(sample, answer.deployment) for answer in sample.answers]
    known = [value for value in values if value is not None]
    if not known:
        return ("…" if any(map(can_be_scored, sample.answers)) else fmt.NO_DATA,)
    if row.hidden:
        return (f"{len(known)} of {len(values)}", f"{len(known)}/{len(values)}")
    return ("/".join(fmt.NO_DATA if value is None else str(value) for value in values),)


def _judged(row: _Row) -> Sequence[str]:
    judged = row.sample.judged
    if judged is None:
        return (fmt.NO_DATA,)
    if judged.failed:
        return ("failed",)
    if row.hidden:
        return (HIDDEN,)
    return (per_answer(row.sample, lambda answer: score_said(judged.scores.get(answer.deployment))),)


def score_said(value: float | None) -> str:
    """A judge's score with at most one decimal."""
    return fmt.NO_DATA if value is None or not math.isfinite(value) else f"{round(value, 1):g}"


_KINDS: Final = {SampleKind.LIVE: "live", SampleKind.PAIR: "pair", SampleKind.KNOWN: "known"}

_COLUMNS: Final = (
    _Column("ID", 6, 0, lambda r: (f"#{r.sample.id}",)),
    _Column("TIME", 8, 3, lambda r: (f"{r.sample.at:%H:%M:%S}",), left=True),
    _Column("TASK", 8, 2, lambda r: (plain(r.sample.task, 40),), left=True, most=18),
    _Column("KIND", 5, 4, lambda r: (_KINDS[r.sample.kind],), left=True),
    _Column("VERSION", 11, 1, _versions, left=True, most=25),
    _Column("MS", 6, 2, lambda r: _figures(r, lambda a: a.latency_ms, fmt.ms), most=11),
    _Column("TOK", 5, 5, lambda r: _figures(r, _tokens, fmt.count, fmt.UNKNOWN), most=9),
    _Column("$/1k", 6, 5, lambda r: _figures(r, _per_1k_usd, fmt.usd), most=13),
    _Column("STATE", 14, 0, _state, left=True, most=20),
    _Column("SCORE", 5, 1, _scores, most=6),
    _Column("JUDGE", 5, 3, _judged, most=7),
)
