"""Lines of styled text of which only the changed ones are painted again."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from tui.cockpit.palette import STYLES
from tui.cockpit.text.line import Line


class Lines(Widget):
    """Shows one ``Content`` per row, cut at the edge; rows below the last are blank."""

    DEFAULT_CSS = """
    Lines { height: auto; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Content, ...] = ()
        self._strips: dict[int, Strip] = {}
        self._painted: object = None

    @property
    def plain_lines(self) -> tuple[str, ...]:
        """What is shown, without colours."""
        return tuple(line.plain for line in self._lines)

    def set_lines(self, lines: Sequence[Content]) -> None:
        """Show these lines; rows that did not change are not painted."""
        before, self._lines = self._lines, tuple(lines)
        both = min(len(before), len(self._lines))
        for y in range(max(len(before), len(self._lines))):
            same = y < both and (before[y] is self._lines[y] or before[y].is_same(self._lines[y]))
            if not same:
                self._strips.pop(y, None)
                left, top = self.content_offset
                self.refresh(Region(left, top + y, self.size.width, 1))
        if len(before) != len(self._lines):
            self.refresh(layout=self.styles.height is not None and self.styles.height.is_auto)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row per line."""
        return len(self._lines)

    def notify_style_update(self) -> None:
        """Colours have changed: nothing that was painted is right."""
        self._strips.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Row ``y``, kept until its content, the width or the style changes."""
        width, style = self.size.width, self.visual_style
        if (width, style) != self._painted:
            self._painted = (width, style)
            self._strips.clear()
        strip = self._strips.get(y)
        if strip is None:
            content = self._lines[y] if y < len(self._lines) else Content("")
            strips = Visual.to_strips(self, content, width, 1, style, pad=True)
            strip = strips[0] if strips else Strip.blank(width, style.rich_style)
            self._strips[y] = strip
        return strip


class TonedLines(Lines):
    """Keeps one cell free at the left edge."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines."""
        before, ready = self._shown, self._lines
        self._shown = lines
        self.set_lines(
            [
                ready[i] if i < len(before) and before[i] == line else _drawn(line)
                for i, line in enumerate(lines)
            ]
        )


def _drawn(line: Line) -> Content:
    drawn = Content(f"{line.mark}{line.text}").stylize(STYLES[line.tone])
    return drawn.stylize_before("on $cursor") if line.chosen else drawn
