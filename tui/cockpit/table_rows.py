"""The version table as values: which columns fit, and one row of cells per deployment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from tui.base.text import plain
from tui.cockpit import format as fmt
from tui.cockpit.comparison import NO_TRAFFIC, against_baseline, figures_of
from tui.cockpit.pin_words import pin_glyph, pin_short, pin_tone
from tui.cockpit.ui_state import View
from tui.cockpit.verdict_words import cell_texts, overall
from tui.cockpit.weight_view import asked_pct, is_sent_to, seen_pct, tasks_differ
from tui.model import HISTORY_SPAN_S, DeploymentView, Figures, Quantiles, Snapshot, VerdictState

Tone = Literal["", "dim", "warn", "alert", "baseline", "canary"]


@dataclass(frozen=True, slots=True)
class Column:
    """``rank`` says which columns stay when the terminal is narrow: low ranks first. ``longer_title`` stands
    where there is room for it."""

    title: str
    width: int
    rank: int
    left: bool = False
    longer_title: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands: ``width`` cells, then a gap of ``gap`` cells whose first one holds the mark."""

    column: Column
    width: int
    gap: int

    @property
    def title(self) -> str:
        longer = self.column.longer_title
        return longer if 0 < len(longer) <= self.width else self.column.title


@dataclass(frozen=True, slots=True)
class Cell:
    """``mark`` stands in the gap after the cell: ``!`` measured by a saturated sender, ``~`` estimated.

    ``longer`` says more, for cells with room for it, the longest first.
    """

    text: str
    tone: Tone = ""
    mark: str = " "
    longer: tuple[str, ...] = ()

    def within(self, width: int) -> str:
        """The longest text that fits ``width`` cells, else the shortest there is."""
        return next((text for text in self.longer if cell_len(text) <= width), self.text)


@dataclass(frozen=True, slots=True)
class Row:
    deployment: str
    cells: tuple[Cell, ...]


VERSION, VERDICT = Column("VERSION", 8, 0, left=True), Column("VS BASELINE", 10, 1, left=True)
RATE = Column("RPS", 5, 3, longer_title=f"RPS {HISTORY_SPAN_S}s")
"""The one figure that does not cover the window."""

PIN = Column("PIN", 12, 6, left=True)
"""Where it does not fit, the name carries the sign of a pin that is not in order."""

THROTTLED = Column("THR%", 5, 10, longer_title="THROTTLED%")
"""Comes first among the rates while anything is throttled."""

_COST = Column("$/1k", 5, 4)

COLUMNS: tuple[Column, ...] = (
    VERSION,
    Column("WGT", 7, 1),
    RATE,
    Column("P50", 5, 4),
    Column("P95", 5, 2),
    Column("P99", 5, 5),
    Column("TTFT", 5, 7),
    Column("TOK/R", 5, 8),
    _COST,
    Column("FILT%", 5, 3),
    Column("ERR%", 5, 2),
    THROTTLED,
    Column("N", 5, 9),
    PIN,
    VERDICT,
)

_RANK_OF_THROTTLED = 2

_STALE_LEAST_S = 10.0
_STALE_GAPS = 5.0


def layout(width: int, *, judged: bool = False, throttled: bool = False) -> tuple[Place, ...]:
    """The columns that fit into ``width`` cells, each with the gap after it.

    What is left over goes to the title of the rate, to a second cell of gap where two columns look like one, to
    the last column, then to the names. ``judged`` is whether verdicts stand in the last column, which are
    longer than a difference; ``throttled`` is whether any request was, so that its column must be there.
    """

    def rank(column: Column) -> int:
        return _RANK_OF_THROTTLED if throttled and column is THROTTLED else column.rank

    kept: list[Column] = []
    room = width
    for column in sorted(COLUMNS, key=rank):
        if column.width + 1 <= room:
            kept.append(column)
            room -= column.width + 1
    shown = [c for c in COLUMNS if c in kept]
    widths, gaps = {c: c.width for c in shown}, dict.fromkeys(shown, 1)
    if VERDICT in kept:
        # Nothing stands behind the last column.
        gaps[VERDICT] = 0
        room += 1

    def give(cells: dict[Column, int], column: Column, most: int, least: int = 1) -> None:
        nonlocal room
        if column in shown and min(room, most) >= least:
            cells[column] += min(room, most)
            room -= min(room, most)

    more = len(RATE.longer_title) - RATE.width
    give(widths, RATE, more, least=more)
    give(gaps, _COST, 1)
    if VERDICT in kept:
        give(gaps, shown[-2], 1)
    if judged:
        give(widths, VERDICT, 10)
    give(widths, VERDICT, 6)
    give(widths, VERSION, 40)
    longer = len(THROTTLED.longer_title) - THROTTLED.width
    give(widths, THROTTLED, longer, least=longer)
    give(widths, VERSION, 8)
    return tuple(Place(c, widths[c], gaps[c]) for c in shown)


def rows(view: View, *, pins: bool = True) -> tuple[Row, ...]:
    """One row per deployment, in the order of the rollout file. Weights, verdicts and pins are live, also while
    frozen. ``pins`` is whether there is a column for them."""
    return tuple(Row(name, _cells(view, name, pins)) for name in view.picture.deployments)


def anything_throttled(view: View) -> bool:
    """Whether a request of any deployment was throttled in the window."""
    of_all = (figures_of(view.picture, name, view.ui.window) for name in view.picture.deployments)
    return any(figures is not None and figures.throttled_count for figures in of_all)


def figures_age_s(view: View, name: str) -> float | None:
    """Seconds since the last answer where that is longer than the traffic explains, else None.

    Longer than 10 s, and than five times the mean gap between two requests at the weight asked for.
    """
    picture = view.picture
    last = picture.deployments[name].last_answer_s
    if last is None:
        return None
    since = picture.at_s - last + (0.0 if view.ui.frozen else view.ui.age_s)
    expected_rps = picture.sender.offered_rps * asked_pct(picture, name) / 100
    limit = max(_STALE_LEAST_S, _STALE_GAPS / expected_rps) if expected_rps > 0 else _STALE_LEAST_S
    return since if since > limit or view.ui.stale else None


def _cells(view: View, name: str, pins: bool) -> tuple[Cell, ...]:
    deployment = view.picture.deployments[name]
    figures = figures_of(view.picture, name, view.ui.window)
    age_s = figures_age_s(view, name)
    tone: Tone = "dim" if age_s is not None else ""
    mark = "!" if figures is not None and figures.saturated else " "

    def cell(text: str, mark: str = " ") -> Cell:
        return Cell(text, "dim" if text == fmt.NO_DATA else tone, " " if text == fmt.NO_DATA else mark)

    def of(value: Callable[[Figures], float | None], shape: Callable[[float | None], str]) -> str:
        return shape(value(figures)) if figures is not None else fmt.NO_DATA

    return (
        _name(view, name, deployment, pins),
        _weight(view, name),
        cell(fmt.rate(_rps_now(view.picture, name))),
        cell(of(lambda f: _rank(f.latency_ms, "p50"), fmt.ms), mark),
        cell(of(lambda f: _rank(f.latency_ms, "p95"), fmt.ms), mark),
        cell(of(lambda f: _rank(f.latency_ms, "p99"), fmt.ms), mark),
        cell(of(lambda f: _rank(f.ttft_ms, "p50"), fmt.ms), mark),
        cell(_tokens(figures)),
        cell(*_cost(deployment, figures)),
        cell(of(lambda f: f.filter_pct, fmt.pct)),
        cell(of(lambda f: f.error_pct, fmt.pct)),
        cell(of(lambda f: f.throttled_pct, fmt.pct)),
        cell(of(lambda f: f.requests, fmt.count)),
        _pin(view, name),
        _last(view, name, deployment, age_s),
    )


def _rps_now(snapshot: Snapshot, name: str) -> float | None:
    """Over the trailing span of the history: a window of an hour would hide that traffic has moved."""
    if not snapshot.history:
        return None
    newest = snapshot.history[-1]
    figures = newest.figures.get(name)
    return figures.requests / min(HISTORY_SPAN_S, max(newest.at_s, 1.0)) if figures is not None else None


def _rank(quantiles: Quantiles | None, name: Literal["p50", "p95", "p99"]) -> float | None:
    if quantiles is None:
        return None
    return {"p50": quantiles.p50, "p95": quantiles.p95, "p99": quantiles.p99}[name]


def _name(view: View, name: str, deployment: DeploymentView, pins: bool) -> Cell:
    model, version = plain(deployment.deployment.model, 40), plain(deployment.deployment.version, 20)
    short, full = plain(view.short(name), 40), plain(name, 60)
    glyph, tone = _look(view, name, deployment)
    said = (f"{full} {model} {version}", f"{short} {model} {version}", f"{short} {model}", f"{short} {version}")
    pin, today = view.live.deployments[name].status.pin, view.live.at.date()
    if not pins and (pinned := pin_tone(pin, today)) in ("warn", "alert"):
        longer = (f"{glyph} {short} {pin_short(pin, today)}",)
        return Cell(f"{glyph} {short}", pinned, pin_glyph(pin), longer)
    return Cell(f"{glyph} {short}", tone, longer=tuple(f"{glyph} {text}" for text in said))


def _look(view: View, name: str, deployment: DeploymentView) -> tuple[str, Tone]:
    if asked_pct(view.live, name) <= 0:
        return "○", "dim"
    return ("●", "baseline") if deployment.role == "baseline" else ("▲", "canary")


def _pin(view: View, name: str) -> Cell:
    pin, today = view.live.deployments[name].status.pin, view.live.at.date()
    return Cell(pin_short(pin, today), pin_tone(pin, today))


def _weight(view: View, name: str) -> Cell:
    asked, seen = asked_pct(view.live, name), seen_pct(view.live, name)
    mark = "~" if tasks_differ(view.live, name) else " "
    if seen is None:
        return Cell(f"{fmt.weight(asked)}%", mark=mark)
    return Cell(f"{fmt.weight(asked)}/{seen:.0f}%", "warn", mark)


def _tokens(figures: Figures | None) -> str:
    if figures is not None and figures.answers_without_usage and not figures.answers_with_usage:
        return fmt.UNKNOWN
    return fmt.count(None if figures is None else figures.tokens_per_request)


def _cost(deployment: DeploymentView, figures: Figures | None) -> tuple[str, str]:
    if deployment.deployment.provisioned:
        return "n/a", " "
    if figures is None or not figures.requests:
        return fmt.NO_DATA, " "
    if deployment.deployment.price is None and not figures.priced:
        return fmt.UNKNOWN, " "
    return fmt.usd(figures.cost_per_1k_usd), "~" if figures.estimated_usd > 0 else " "


def _last(view: View, name: str, deployment: DeploymentView, age_s: float | None) -> Cell:
    if deployment.unreachable is not None:
        return Cell("✗ no reach", "alert", longer=("✗ unreachable",))
    if deployment.failing is not None:
        return Cell("✗ failing", "alert")
    if deployment.quota_exhausted is not None:
        return Cell("✗ quota", "alert", longer=("✗ quota exhausted", "✗ no quota"))
    if deployment.throttled_s > 0:
        left = fmt.wait(deployment.throttled_s)
        return Cell(f"▲ wait {left}", "warn", longer=(f"▲ throttled {left}",))
    sent_to = is_sent_to(view.picture, name)
    if age_s is not None and (view.ui.stale or sent_to):
        return Cell(f"? {fmt.age(age_s)} old", "dim")
    verdicts = view.live.verdicts.get(name, ())
    said = cell_texts(verdicts, asked_pct(view.live, name))
    if said is not None and (sent_to or overall(verdicts) is not VerdictState.NOT_YET):
        (*longer, shortest), said_tone = said
        return Cell(shortest, said_tone, longer=tuple(longer))
    if age_s is not None:
        # Old figures are no fault where nothing is sent.
        return Cell(NO_TRAFFIC.removeprefix("… "), "dim", longer=(NO_TRAFFIC,))
    if name == view.picture.baseline and view.live.verdicts:
        return Cell("baseline", "dim")
    compared = against_baseline(view.picture, name, view.ui.window)
    *longer, shortest = (compared.text, *compared.shorter)
    return Cell(shortest, compared.tone, longer=tuple(longer))
