"""The version table as values: which columns fit, and one row of cells per deployment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.comparison import ENOUGH, NO_TRAFFIC, against_baseline, figures_of
from tui.cockpit.text.line import Tone
from tui.cockpit.text.pins import pin_glyph, pin_short, pin_tone
from tui.cockpit.text.verdict_words import cell_texts, overall
from tui.cockpit.text.weights import asked_pct, is_sent_to, seen_pct, tasks_differ
from tui.cockpit.ui_state import View
from tui.model import HISTORY_SPAN_S, DeploymentView, Figures, Quantiles, Snapshot, VerdictState


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
class Seen:
    """What the cells of a row are made of. ``pins`` is whether pins have a column; ``age_s`` is how old the
    figures are where that is worth saying."""

    view: View
    name: str
    deployment: DeploymentView
    figures: Figures | None
    age_s: float | None
    pins: bool


@dataclass(frozen=True, slots=True)
class Column:
    """``cell`` makes the cell of a row. ``rank`` says which columns stay when the terminal is narrow: low ranks
    first. ``meaning`` is for the help, under ``term``, empty for the title. ``longer_title`` stands where there
    is room for it."""

    title: str
    width: int
    rank: int
    cell: Callable[[Seen], Cell]
    meaning: str = ""
    term: str = ""
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
class Row:
    deployment: str
    cells: Mapping[Column, Cell]


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
    give(gaps, COST, 1)
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
    picture = view.picture
    return tuple(
        Row(
            name,
            _cells(
                Seen(
                    view,
                    name,
                    deployment,
                    figures_of(picture, name, view.ui.window),
                    figures_age_s(view, name),
                    pins,
                )
            ),
        )
        for name, deployment in picture.deployments.items()
    )


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


def _cells(seen: Seen) -> Mapping[Column, Cell]:
    return {column: column.cell(seen) for column in COLUMNS}


def _cell(seen: Seen, text: str, mark: str = " ") -> Cell:
    """Old figures are dim."""
    if text == fmt.NO_DATA:
        return Cell(text, "dim")
    return Cell(text, "dim" if seen.age_s is not None else "", mark)


def _rate(seen: Seen) -> Cell:
    return _cell(seen, fmt.rate(_rps_now(seen.view.picture, seen.name)))


def _time(seen: Seen, of: Callable[[Figures], Quantiles | None], rank: Literal["p50", "p95", "p99"]) -> Cell:
    """Milliseconds; ``!`` where our own sender was saturated."""
    quantiles = None if seen.figures is None else of(seen.figures)
    saturated = seen.figures is not None and seen.figures.saturated
    text = fmt.ms(None if quantiles is None else getattr(quantiles, rank))
    return _cell(seen, text, "!" if saturated else " ")


def _figure(
    seen: Seen, of: Callable[[Figures], float | None], shape: Callable[[float | None], str] = fmt.pct
) -> Cell:
    return _cell(seen, fmt.NO_DATA if seen.figures is None else shape(of(seen.figures)))


def _rps_now(snapshot: Snapshot, name: str) -> float | None:
    """Over the trailing span of the history: a window of an hour would hide that traffic has moved."""
    if not snapshot.history:
        return None
    newest = snapshot.history[-1]
    figures = newest.figures.get(name)
    return figures.requests / min(HISTORY_SPAN_S, max(newest.at_s, 1.0)) if figures is not None else None


def _name(seen: Seen) -> Cell:
    view, name, deployment = seen.view, seen.name, seen.deployment
    model, version = plain(deployment.deployment.model, 40), plain(deployment.deployment.version, 20)
    short, full = plain(view.short(name), 40), plain(name, 60)
    glyph, tone = _look(view, name, deployment)
    said = (f"{full} {model} {version}", f"{short} {model} {version}", f"{short} {model}", f"{short} {version}")
    pin, today = view.live.deployments[name].status.pin, view.live.at.date()
    if not seen.pins and (pinned := pin_tone(pin, today)) in ("warn", "alert"):
        longer = (f"{glyph} {short} {pin_short(pin, today)}",)
        return Cell(f"{glyph} {short}", pinned, pin_glyph(pin), longer)
    return Cell(f"{glyph} {short}", tone, longer=tuple(f"{glyph} {text}" for text in said))


def _look(view: View, name: str, deployment: DeploymentView) -> tuple[str, Tone]:
    if asked_pct(view.live, name) <= 0:
        return "○", "dim"
    return ("●", "baseline") if deployment.role == "baseline" else ("▲", "canary")


def _pin(seen: Seen) -> Cell:
    pin, today = seen.view.live.deployments[seen.name].status.pin, seen.view.live.at.date()
    return Cell(pin_short(pin, today), pin_tone(pin, today))


def _weight(seen: Seen) -> Cell:
    live, name = seen.view.live, seen.name
    asked, got = asked_pct(live, name), seen_pct(live, name)
    mark = "~" if tasks_differ(live, name) else " "
    if got is None:
        return Cell(f"{fmt.weight(asked)}%", mark=mark)
    return Cell(f"{fmt.weight(asked)}/{got:.0f}%", "warn", mark)


def _tokens(seen: Seen) -> Cell:
    figures = seen.figures
    if figures is not None and figures.answers_without_usage and not figures.answers_with_usage:
        return _cell(seen, fmt.UNKNOWN)
    return _cell(seen, fmt.count(None if figures is None else figures.tokens_per_request))


def _cost(seen: Seen) -> Cell:
    deployment, figures = seen.deployment.deployment, seen.figures
    if deployment.provisioned:
        return _cell(seen, "n/a")
    if figures is None or not figures.requests:
        return _cell(seen, fmt.NO_DATA)
    if deployment.price is None and not figures.priced:
        return _cell(seen, fmt.UNKNOWN)
    return _cell(seen, fmt.usd(figures.cost_per_1k_usd), "~" if figures.estimated_usd > 0 else " ")


def _last(seen: Seen) -> Cell:
    view, name, deployment, age_s = seen.view, seen.name, seen.deployment, seen.age_s
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


VERSION = Column("VERSION", 8, 0, _name, left=True)

RATE = Column(
    "RPS",
    5,
    3,
    _rate,
    f"Finished requests per second over the last {HISTORY_SPAN_S} s.",
    longer_title=f"RPS {HISTORY_SPAN_S}s",
)
"""The one figure that does not cover the window."""

COST = Column(
    "$/1k",
    5,
    4,
    _cost,
    "USD per 1,000 requests that have a price. ? price unknown, n/a provisioned capacity, ~ in part estimated.",
)

THROTTLED = Column(
    "THR%",
    5,
    10,
    lambda r: _figure(r, lambda f: f.throttled_pct),
    "Throttled: refused for a rate limit or a used-up quota. No error of the version: a criterion of its "
    "own, which is advisory. Narrow terminals show it while there is any.",
    longer_title="THROTTLED%",
)
"""Comes first among the rates while anything is throttled."""

PIN = Column("PIN", 12, 6, _pin, left=True)
"""Where it does not fit, the name carries the sign of a pin that is not in order."""

VERDICT = Column(
    "VS BASELINE",
    10,
    1,
    _last,
    f"P95 against the baseline, with at least {ENOUGH} answers on both sides. A difference, not a verdict.",
    "VS …",
    left=True,
)

COLUMNS: tuple[Column, ...] = (
    VERSION,
    Column(
        "WGT",
        7,
        1,
        _weight,
        "Weight asked for. 25/18% adds the share seen in traffic since the weights last changed, where chance "
        "(three standard errors) does not explain the difference. ~ averages tasks with different weights.",
    ),
    RATE,
    Column(
        "P50",
        5,
        4,
        lambda r: _time(r, lambda f: f.latency_ms, "p50"),
        "Latency of answered requests in ms, from the hand-over to the connection to the last byte; nearest "
        "rank, at most 1 % off. Blocked prompts and errors have no latency.",
        "P50 P95 P99",
    ),
    Column("P95", 5, 2, lambda r: _time(r, lambda f: f.latency_ms, "p95")),
    Column("P99", 5, 5, lambda r: _time(r, lambda f: f.latency_ms, "p99")),
    Column(
        "TTFT",
        5,
        7,
        lambda r: _time(r, lambda f: f.ttft_ms, "p50"),
        "P50 of the time to the first piece of content, streams only.",
    ),
    Column("TOK/R", 5, 8, _tokens, "Prompt and completion tokens per answer."),
    COST,
    Column(
        "FILT%",
        5,
        3,
        lambda r: _figure(r, lambda f: f.filter_pct),
        "Requests whose prompt or completion was blocked by the content filter.",
    ),
    Column(
        "ERR%",
        5,
        2,
        lambda r: _figure(r, lambda f: f.error_pct),
        "Refusals, timeouts, lost connections, server errors, bad requests, deployments gone: failures of the "
        "version. Of the requests that the service had.",
    ),
    THROTTLED,
    Column(
        "N",
        5,
        9,
        lambda r: _figure(r, lambda f: f.requests, fmt.count),
        "Finished requests in the window. n= beside a difference counts answers.",
    ),
    PIN,
    VERDICT,
)
