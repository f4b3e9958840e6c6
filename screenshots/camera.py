"""From a state to a picture: the real cockpit in a terminal of some size, as SVG, and that SVG as PNG."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from html import escape, unescape
from pathlib import Path
from unittest.mock import patch

from screenshots.frames import frame
from screenshots.states import Size, State
from tests.support.cockpit_driver import cockpit
from tests.support.cockpit_fakes import Clock, FakeControls
from tui.cockpit.plots.process import InlineRenderer, Renderer

_TRIES = 10
_ZOOM = 0.8
"""16 pixels a row: sharp, and the folder stays small enough for a repository."""
_FONTS = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
_FONT_FOLDERS = tuple(
    Path(folder).expanduser()
    for folder in ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts",
                   "/Library/Fonts", "~/Library/Fonts")
)  # fmt: skip


_TEXT = re.compile(
    r'<text (class="[^"]*") x="([\d.]+)" (y="[\d.]+") textLength="([\d.]+)"([^>]*)>([^<]+)</text>'
)
_BRAILLE = re.compile("[\u2800-\u28ff]")


class CannotDraw(Exception):
    """What is needed to make PNG files is not installed; the text says what to install."""


async def photograph(state: State, size: Size, renderer: Renderer | None = None) -> str:
    """The screen as SVG, once nothing on it changes any more; ``renderer`` draws the plots, None for real.

    Raises:
        RuntimeError: It never came to rest.
    """
    moment = frame(state.moment)
    clock = Clock()
    clock.now_s = moment.at_s
    drawing = renderer or InlineRenderer()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    if state.monochrome:
        environment["NO_COLOR"] = "1"
    with patch.dict(os.environ, environment, clear=True):
        async with cockpit(FakeControls(moment, clock), size, drawing, **state.options) as running:
            await state.act(running)
            before = ""
            for _ in range(_TRIES):
                await running.settle()
                svg = running.app.export_screenshot(title=f"canarytop: {state.name}")
                if svg == before:
                    return svg
                before = svg
    raise RuntimeError(f"{state.name} at {size[0]}x{size[1]} still changed after {_TRIES} looks")


def words(svg: str) -> str:
    """What can be read on the picture, row by row."""
    return unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg))).replace("\xa0", " ")


def fonts(folders: Iterable[Path] = _FONT_FOLDERS) -> tuple[Path, ...]:
    """The DejaVu files: its Mono has the box lines, the other one the braille.

    Raises:
        CannotDraw: One is missing.
    """
    there = {path.name: path for folder in folders for path in sorted(folder.rglob("DejaVuSans*.ttf"))}
    missing = [name for name in _FONTS if name not in there]
    if missing:
        raise CannotDraw(
            f"font {', '.join(missing)} is not installed: apt-get install fonts-dejavu-core, or put the files "
            "of dejavu-fonts.github.io into ~/.local/share/fonts"
        )
    return tuple(there[name] for name in _FONTS)


def png(svg: str) -> bytes:
    """The same picture as PNG.

    Raises:
        CannotDraw: resvg-py or a font is missing.
    """
    try:
        import resvg_py
    except ImportError:
        raise CannotDraw(
            "resvg-py is not installed: pip install 'resvg-py>=0.3', or make screenshots"
        ) from None
    # The style sheet points at fonts of a content network, which a picture must not depend on.
    drawn = re.sub(r"@font-face\s*{.*?}", "", svg, flags=re.DOTALL)
    drawn = drawn.replace("Fira Code, monospace", "DejaVu Sans Mono").replace("arial", "DejaVu Sans")
    drawn = _TEXT.sub(_cell_by_cell, drawn)
    files = [str(path) for path in fonts()]
    return bytes(resvg_py.svg_to_bytes(svg_string=drawn, font_files=files, skip_system_fonts=True, zoom=_ZOOM))


def _cell_by_cell(element: re.Match[str]) -> str:
    """A run with braille as one element a cell: those glyphs come from a font that is wider than the cells."""
    look, x, y, length, rest, escaped = element.groups()
    text = unescape(escaped)
    if not _BRAILLE.search(text):
        return element[0]
    cell = float(length) / len(text)
    return "".join(
        f'<text {look} x="{float(x) + i * cell:.1f}" {y} textLength="{cell:.1f}" '
        f'lengthAdjust="spacingAndGlyphs"{rest}>{escape(character)}</text>'
        for i, character in enumerate(text)
        if not character.isspace()
    )
