"""The list of samples: newest first, with a cursor that stays on its sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.widget import Widget

from tui.cockpit.actions import Place
from tui.cockpit.questions import ask_search
from tui.cockpit.sample_desk import SampleDesk, want
from tui.cockpit.sample_list import Listed
from tui.cockpit.screens.sample import SampleScreen
from tui.cockpit.screens.sample_filter import SampleFilterScreen
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.text.line import Line
from tui.cockpit.text.samples import filter_line, header_line, sample_row, shows_version
from tui.cockpit.text.wrapping import wrapped
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import TonedLines

_BETWEEN_S = 0.002
"""Keys are heard and the screen is painted between two pieces of a search."""

_NONE_YET = "no sample is kept yet"
_NONE_FITS = "no sample fits: {filter} changes the filter, {search} the text"


class SamplesScreen(ScrollingScreen):
    """Only the rows in view are made. As long as nobody has moved, the newest stands on top; then the chosen
    row stays where it is on the screen, whatever comes in above it."""

    PLACE: ClassVar[Place | None] = "samples"
    HELPS: ClassVar[frozenset[str]] = frozenset(
        {"back", "open_sample", "sample_filter", "search_samples", "reveal", "export"}
    )

    def __init__(self, keymap: Mapping[str, str], desk: SampleDesk) -> None:
        super().__init__(keymap)
        self._desk = desk
        self._top = 0
        self._searching = False
        self._was: tuple[int | None, int] = (None, 0)
        self.painted: tuple[int, ...] = ()
        """The ids of the rows in view, from the top."""
        self.at: int | None = None
        """The id of the row under the cursor, as it was last painted."""

    def body(self) -> Iterable[Widget]:
        """What is listed, titles, rows."""
        yield TonedLines(id="samples-head")
        yield TonedLines(id="samples-rows")

    def show_body(self, view: View) -> None:
        """The rows around the cursor."""
        if not self.in_view:
            return
        listed = self._desk.listing.listed(view)
        area = self.query_one("#samples-rows", TonedLines)
        place = self._scroll(view, listed, area.size.height)
        rows = listed.rows[self._top : self._top + area.size.height]
        width = self.size.width - 3
        lines = [
            sample_row(sample, view, self._desk.scoring, width, chosen=self._top + i == place)
            for i, sample in enumerate(rows)
        ]
        self.painted = tuple(sample.id for sample in rows)
        self.at = listed.rows[place].id if listed.rows else None
        self._remember_shown(view, rows)
        head = [Line(filter_line(view, listed, self._top), "title"), header_line(width)]
        self.query_one("#samples-head", TonedLines).show(head)
        area.show(lines or self._why_none(view, listed, width))
        if listed.unsearched and not self._searching:
            self._searching = True
            self.set_timer(_BETWEEN_S, self._search_on)

    def _scroll(self, view: View, listed: Listed, height: int) -> int:
        """Set the first row in view; returns the place of the cursor."""
        chosen = view.ui.samples.chosen
        if chosen is None:
            self._top, self._was = 0, (None, 0)
            return 0
        place = listed.places.get(chosen)
        if place is None:
            place = min(self._was[1], max(len(listed.rows) - 1, 0))
        elif chosen == self._was[0]:
            # What came in above moves the rows, not the cursor on the screen.
            self._top += place - self._was[1]
        self._was = (chosen, place)
        self._top = min(max(self._top, place - max(height, 1) + 1), place)
        self._top = max(min(self._top, len(listed.rows) - height), 0)
        return place

    def _remember_shown(self, view: View, rows: Sequence[object]) -> None:
        choices = view.ui.samples
        for sample in self._desk.listing.listed(view).rows[self._top : self._top + len(rows)]:
            hidden = self._desk.scoring.hidden(sample, choices, read_only=view.ui.read_only)
            if shows_version(sample, choices, hidden=hidden):
                self._desk.scoring.show(sample)

    def _why_none(self, view: View, listed: Listed, width: int) -> list[Line]:
        keys = view.ui.keys
        if listed.unsearched:
            return []
        if listed.total:
            said = _NONE_FITS.format(filter=keys["sample_filter"], search=keys["search_samples"])
        else:
            said = self._desk.note() or _NONE_YET
        return [Line(row, "warn") for row in wrapped(said, width)]

    def _search_on(self) -> None:
        self._searching = False
        if self._view is not None and self.is_attached:
            self._desk.listing.search_on(self._view)
            self.show_body(self._view)

    # --- keys ---

    def move(self, step: int) -> None:
        """The cursor moves, and the rows where it has to."""
        view, listing = self.host.view, self._desk.listing
        rows = listing.listed(view).rows
        if rows:
            place = (0 if view.ui.samples.chosen is None else listing.place(view)) + step
            self.host.choose_sample(chosen=rows[min(max(place, 0), len(rows) - 1)].id)

    def jump(self, *, last: bool) -> None:
        """To the end, or to the newest, whichever it will be."""
        rows = self._desk.listing.listed(self.host.view).rows
        self.host.choose_sample(chosen=rows[-1].id if last and rows else None)

    async def go_back(self) -> None:
        """Out of the search first, then out of the list."""
        if self.host.view.ui.samples.filter.text:
            want(self.host, text="")
        else:
            await super().go_back()

    def action_samples(self) -> None:
        """They are in view."""

    async def action_open_sample(self) -> None:
        """The sample under the cursor."""
        if self.at is None:
            self.host.notice("there is no sample to read")
            return
        self.host.choose_sample(chosen=self.at, side=0, whole_prompt=False)
        await self.app.push_screen(SampleScreen(self._keymap, self._desk))
        self.host.choose()

    def action_sample_filter(self) -> None:
        self.app.push_screen(SampleFilterScreen(self.host))

    def action_search_samples(self) -> None:
        host = self.host
        ask_search(self.prompt, host.view.ui.samples.filter.text, lambda text: want(host, text=text))

    def action_reveal(self) -> None:
        """Versions are shown, or hidden again where they have not been seen."""
        self.host.choose_sample(blind=not self.host.view.ui.samples.blind)

    def action_export(self) -> None:
        """The listed samples as a task file."""
        if (writing := self._desk.export(self.host)) is not None:
            self.app.run_worker(writing, exit_on_error=False)

    def on_click(self, event: events.Click) -> None:
        """Choose the row under the mouse."""
        area = self.query_one("#samples-rows", TonedLines)
        row = event.screen_y - area.region.y
        if 0 <= row < len(self.painted):
            self.host.choose_sample(chosen=self.painted[row])

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """A row down."""
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """A row up."""
        self.move(-1)

    def plain_text(self) -> str:
        """The rows in view."""
        parts = [self.query_one(f"#{name}", TonedLines) for name in ("samples-head", "samples-rows")]
        return "\n".join(line.rstrip() for part in parts for line in part.plain_lines)
