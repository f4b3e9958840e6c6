"""Pins and ends of versions in words: glyph, word and date, as table, banner and screens show them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.line import Line, Tone
from tui.lifecycle.retirement import days_words
from tui.model import (
    ALL_TASKS,
    DeploymentView,
    Figures,
    Lifecycle,
    LifecycleStatus,
    Phase,
    Pin,
    PinState,
    Quantiles,
)

_GLYPHS: Final[Mapping[PinState, str]] = MappingProxyType(
    {
        PinState.PINNED: "◆",
        PinState.PINNED_UNTIL: "◇",
        PinState.HARD_STOP: "◆",
        PinState.NOT_PINNED: "✗",
        PinState.UNKNOWN: "?",
        PinState.MISMATCH: "✗",
    }
)
_NEAR_DAYS: Final = 30


def pin_glyph(pin: Pin) -> str:
    return _GLYPHS[pin.state]


def pin_words(pin: Pin) -> str:
    """``◆ PINNED``, ``◇ PINNED UNTIL 2027-04-14``, ``◆ HARD STOP 2027-04-14``, ``✗ NOT PINNED``, ``?
    UNKNOWN``."""
    until = f" {pin.until}" if pin.until is not None else ""
    return f"{_GLYPHS[pin.state]} {pin.state.value.upper()}{until}"


def pin_short(pin: Pin, today: date) -> str:
    """The same in at most 12 cells: ``◇ until 140d``, ``◆ stop 9d``."""
    words = {PinState.PINNED_UNTIL: "until", PinState.HARD_STOP: "stop", PinState.UNKNOWN: "unknown"}
    word = words.get(pin.state, pin.state.value.upper())
    days = "" if pin.until is None else f" {days_left(pin.until, today)}"
    return f"{_GLYPHS[pin.state]} {word}{days}"


def pin_tone(pin: Pin, today: date) -> Tone:
    """How much a pin asks to be looked at."""
    if pin.state is PinState.MISMATCH:
        return "alert"
    if pin.state is PinState.NOT_PINNED or (pin.until is not None and (pin.until - today).days <= _NEAR_DAYS):
        return "warn"
    return "dim" if pin.state is PinState.UNKNOWN else ""


def phase_words(lifecycle: Lifecycle | None) -> str:
    """``legacy``, ``deprecated``; a dash where nothing is known."""
    if lifecycle is None or lifecycle.phase is Phase.UNKNOWN:
        return fmt.NO_DATA
    return "GA" if lifecycle.phase is Phase.GENERALLY_AVAILABLE else lifecycle.phase.value


def days_left(day: date, today: date) -> str:
    """``140d``; ``-3d`` where it is past."""
    return f"{(day - today).days}d"


_TEXT: Final = 300
_LABEL: Final = 12
_AFTER: Final = "15m"


def said(label: str, text: str, width: int, tone: Tone = "") -> Iterator[Line]:
    """A labelled text in as many lines as it takes; none for an empty one."""
    pieces = textwrap.wrap(plain(text, _TEXT), max(width - _LABEL, 20))
    for i, piece in enumerate(pieces):
        yield Line(fmt.fit(label if i == 0 else "", _LABEL) + piece, tone)


def pin_line(status: LifecycleStatus, today: date, width: int) -> Iterator[Line]:
    """The pin alone; reason and remedy too where it is not in order."""
    tone = pin_tone(status.pin, today)
    yield from said("pin", pin_words(status.pin), width, tone)
    if tone in ("warn", "alert"):
        yield from said("", status.pin.reason, width)
        yield from said("remedy", status.pin.remedy, width)


def status_lines(status: LifecycleStatus, today: date, width: int) -> Iterator[Line]:
    """Pin with reason and remedy, warning, phase, date, replacement, and where all that is from."""
    yield from said("pin", pin_words(status.pin), width, pin_tone(status.pin, today))
    yield from said("", status.pin.reason, width)
    yield from said("remedy", status.pin.remedy, width)
    if status.warning:
        yield from said("then", status.warning, width, "alert" if status.severity == "alarm" else "warn")
    lifecycle = status.lifecycle
    if lifecycle is not None:
        ends = "no date is known"
        if lifecycle.retires is not None:
            may_move = {True: ", tentative", False: ", planned", None: ""}[lifecycle.tentative]
            ends = f"retires {lifecycle.retires}, {days_words(lifecycle.retires, today)}{may_move}"
        yield from said("phase", f"{lifecycle.phase.value}, {ends}", width)
        if lifecycle.replacement is not None:
            target = f"{lifecycle.replacement.model} {lifecycle.replacement.version}".strip()
            yield from said("replacement", target, width)
        yield from said("source", lifecycle.source, width, "dim")


def served_lines(deployment: DeploymentView, width: int) -> Iterator[Line]:
    """What answers where that is not by name what was asked for, and since when where it changed."""
    asked = deployment.deployment
    if deployment.served not in (None, f"{asked.model}-{asked.version}"):
        yield from said("answers as", deployment.served or "", width)
    if (change := deployment.changed) is not None:
        text = f"{change.at:%Y-%m-%d %H:%M:%S}Z from {change.before} to {change.after}"
        yield from said("changed", text, width, "alert")


def change_lines(deployment: DeploymentView) -> Iterator[Line]:
    """The 15 minutes before the version changed beside the last 15 minutes of the one that answers now."""
    change = deployment.changed
    if change is None:
        return
    after = deployment.figures.get(_AFTER, {}).get(ALL_TASKS, Figures(span_s=0.0))
    yield Line("")
    yield Line(f"{'since the version changed':<28}{'before':>12}{'after':>12}{'moved':>9}", "title")
    for label, value, shape in _ROWS:
        yield _moved(label, value(change.figures), value(after), shape)


def _moved(label: str, before: float | None, after: float | None, shape: Callable[[float | None], str]) -> Line:
    moved = fmt.NO_DATA
    if before is not None and after is not None and before > 0 and shape is not _count:
        moved = f"{100 * (after / before - 1):+.0f}%"
    return Line(f"  {label:<26}{shape(before):>12}{shape(after):>12}{moved:>9}")


def _count(value: float | None) -> str:
    return fmt.NO_DATA if value is None else f"{value:,.0f}"


def _rank(name: str) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        of: Quantiles | None = figures.latency_ms
        return None if of is None else getattr(of, name)

    return value


_ROWS: Final[tuple[tuple[str, Callable[[Figures], float | None], Callable[[float | None], str]], ...]] = (
    ("finished requests (n)", lambda f: f.requests, _count),
    ("latency P50 (ms)", _rank("p50"), fmt.ms),
    ("latency P95 (ms)", _rank("p95"), fmt.ms),
    ("latency P99 (ms)", _rank("p99"), fmt.ms),
    ("cost per 1,000 (USD)", lambda f: f.cost_per_1k_usd, fmt.usd),
    ("tokens per answer", lambda f: f.tokens_per_request, fmt.count),
    ("filtered (%)", lambda f: f.filter_pct, fmt.pct),
    ("errors (%)", lambda f: f.error_pct, fmt.pct),
)
