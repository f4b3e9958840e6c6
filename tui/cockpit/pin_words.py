"""Pins and ends of versions in words: glyph, word and date, as table, banner and screens show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

from tui.cockpit import format as fmt
from tui.model import Lifecycle, Phase, Pin, PinState

Tone = Literal["", "dim", "warn", "alert"]

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
