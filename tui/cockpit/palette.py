"""The colours of the cockpit, safe for colour-blind eyes and free of red/green pairs.

Hues after Okabe and Ito, "Color Universal Design" (2008). Colour never carries a meaning alone: each series has
a marker of its own too, and each state a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tui.cockpit.text.line import Tone

Rgb = tuple[int, int, int]

_HUES: Final = MappingProxyType(
    {
        "baseline": (0x56, 0xB4, 0xE9),
        "canary": (0xE6, 0x9F, 0x00),
        "third": (0xF0, 0xE4, 0x42),
        "fourth": (0xE4, 0xE4, 0xE4),
        "breach": (0xD5, 0x5E, 0x00),
        "info": (0xCC, 0x79, 0xA7),
        "axis": (0x8C, 0x93, 0x9C),
        "frame": (0x4A, 0x52, 0x5C),
        "bright": (0xF2, 0xF2, 0xF2),
    }
)
_DIM: Final = 0.55

SERIES_COLOURS: Final = ("baseline", "canary", "third", "fourth")
"""Colour names of the versions in the order in which they are given out."""


def rgb(colour: str, dim: bool = False) -> Rgb:
    """Red, green, blue (0-255) of a colour name; a name that is not known is drawn like an axis."""
    red, green, blue = _HUES.get(colour, _HUES["axis"])
    return (round(red * _DIM), round(green * _DIM), round(blue * _DIM)) if dim else (red, green, blue)


def css(colour: str, dim: bool = False) -> str:
    """The same colour as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*rgb(colour, dim))


THEME_VARIABLES: Final = MappingProxyType(
    {name: css(name) for name in _HUES} | {f"{name}-dim": css(name, dim=True) for name in SERIES_COLOURS}
)
"""Variables for a Textual theme: ``$baseline``, ``$baseline-dim``, ``$canary``, ``$breach`` and the others."""

STYLES: Final[Mapping[Tone, str]] = MappingProxyType(
    {
        "": "",
        "dim": "$axis",
        "warn": "$canary",
        "alert": "bold $breach",
        "title": "bold $baseline",
        "baseline": "$baseline",
        "canary": "$canary",
    }
)
"""How each tone is drawn, in the markup of Textual's styles."""
