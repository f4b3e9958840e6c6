"""The texts of one sample, scrolled; what is out of view is laid out in pieces meanwhile."""

from __future__ import annotations

from textual import events
from textual.content import Content

from tui.cockpit.text.sample_page import SamplePage
from tui.cockpit.widgets.lines import Lines

_SLICE_S = 0.008
"""A key waits no longer than one piece."""

_BETWEEN_S = 0.002
"""Keys are heard and the screen is painted between two pieces."""


class SampleText(Lines):
    """Shows a ``SamplePage`` from a row on; it stays there while the page grows."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._page: SamplePage | None = None
        self._top = 0
        self._to_end = False
        self._to_side: int | None = None
        self._laying = False

    def show(self, page: SamplePage) -> None:
        """Show this page where the last one was scrolled to."""
        self._page = page
        # What stands below may have become higher or lower: the room for the texts is known after the layout.
        self.call_after_refresh(self._show)
        self._show()

    def to_top(self) -> None:
        """The next page is of another sample."""
        self._top, self._to_end, self._to_side = 0, False, None

    def to_answer(self, side: int) -> None:
        """Bring an answer into view: 0 is A."""
        self._to_side = side

    def scroll_rows(self, rows: int) -> None:
        """Down (positive) or up."""
        self._to_end, self._to_side = False, None
        self._top = max(self._top + rows, 0)
        self._show()

    def jump(self, *, last: bool) -> None:
        """To the end or the beginning."""
        self._to_side, self._to_end = None, last
        self._top = 0 if not last else self._top
        self._show()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """A row down."""
        self.scroll_rows(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """A row up."""
        self.scroll_rows(-1)

    def _show(self) -> None:
        page, height = self._page, self.size.height
        if page is None or not self.is_attached or height <= 0:
            return
        if self._to_side is not None and not page.reaches(self._to_side):
            page.lay_for(_SLICE_S)
        if self._to_side is not None and page.reaches(self._to_side):
            start = page.start_of(self._to_side)
            if not self._top <= start <= self._top + height - 2:
                self._top = start
            self._to_side = None
        if self._to_end:
            self._top = max(page.height - height, 0)
            self._to_end = not page.done
        rows = page.rows(self._top, height)
        if len(rows) < height and self._top:
            self._top = max(page.height - height, 0)
            rows = page.rows(self._top, height)
        self.set_lines([Content(" ").append(row) for row in rows])
        if not page.done and not self._laying:
            self._laying = True
            self.set_timer(_BETWEEN_S, self._lay_on)

    def _lay_on(self) -> None:
        self._laying = False
        if self._page is None or not self.is_attached:
            return
        self._page.lay_for(_SLICE_S)
        if self._to_end or self._to_side is not None or not self._page.done:
            self._show()
