"""One sample: prompt and answers to be scrolled, and under them the facts of each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.widget import Widget

from tui.base.text import plain
from tui.cockpit.actions import Place
from tui.cockpit.messages import ActionChosen
from tui.cockpit.sample_list import Listing, Scoring, in_blind_order
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.text import format as fmt
from tui.cockpit.text.sample_facts import fact_lines, key_line, remarks, title
from tui.cockpit.text.sample_page import SamplePage
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import Lines
from tui.model import Answer, Sample

_SLICE_S = 0.008
"""What is out of view is laid out in pieces: a key waits no longer than one."""

_BETWEEN_S = 0.002
"""Keys are heard and the screen is painted between two pieces."""


class SampleScreen(ScrollingScreen):
    """The chosen sample, also when the list has gone on without it."""

    PLACE: ClassVar[Place | None] = "sample"
    HELPS: ClassVar[frozenset[str]] = frozenset({"back", "open_sample", "next_sample", "reveal", "copy"})

    def __init__(self, keymap: Mapping[str, str], listing: Listing, scoring: Scoring) -> None:
        super().__init__(keymap)
        self._listing = listing
        self._scoring = scoring
        self._sample: Sample | None = None
        self._hidden = False
        self._answers: tuple[Answer, ...] = ()
        self._page: SamplePage | None = None
        self._page_of: tuple[object, ...] = ()
        self._top = 0
        self._side = 0
        self._to_end = False
        self._to_side: int | None = None
        self._laying = False

    def body(self) -> Iterable[Widget]:
        """Which sample, its texts, its facts."""
        yield Lines(id="sample-head")
        yield Lines(id="sample-text")
        yield Lines(id="sample-facts")

    def show_body(self, view: View) -> None:
        """The sample as it is now, scrolled to where it was."""
        if not self.size.width:
            # Not laid out yet; it is shown again when it is.
            return
        sample = self._listing.find(view.ui.samples.chosen)
        kept = sample is not None
        if sample is None:
            if self._sample is None or self._sample.id != view.ui.samples.chosen:
                return
            sample = self._sample
        self._take(sample, view)
        if not self._hidden and self.in_view:
            self._scoring.show(sample)
        width = self.size.width - 2
        facts = fact_lines(view, sample, self._answers, self._scoring, width, hidden=self._hidden)
        keys = key_line(view, sample, self._answers, hidden=self._hidden)
        lines = [*facts, Content(fmt.clip(keys, width)).stylize("$axis")]
        self.query_one("#sample-facts", Lines).set_lines([Content(" ").append(line) for line in lines])
        self.query_one("#sample-head", Lines).set_lines([self._head(view, sample, kept=kept)])
        # The facts may have become higher or lower: what is left for the texts is known after the layout.
        self.call_after_refresh(self._show_text)
        self._show_text()

    def _take(self, sample: Sample, view: View) -> None:
        ui = view.ui
        hidden = self._scoring.hidden(sample, ui.samples, read_only=ui.read_only)
        width = self.size.width - 2
        notes = tuple(remarks(sample, sample.answers, self._scoring, hidden=hidden))
        page_of = (sample.id, sample.answers, sample.messages, width, ui.samples.whole_prompt, hidden, notes)
        same = self._sample is not None and self._sample.id == sample.id
        if not same:
            self._top, self._to_end, self._to_side = 0, False, None
        if not same or self._side != ui.samples.side:
            self._side = ui.samples.side
            self._to_side = self._side if same else None
        self._sample, self._hidden = sample, hidden
        if self._page is not None and page_of == self._page_of:
            return
        self._page_of = page_of
        self._answers = in_blind_order(sample, view.live.run_id)
        self._page = SamplePage(
            sample,
            self._answers,
            width,
            titles=[self._title(side) for side in range(len(self._answers))],
            remarks=remarks(sample, self._answers, self._scoring, hidden=hidden),
            whole_prompt=ui.samples.whole_prompt,
            more=f"{ui.keys['open_sample']} shows the whole prompt",
        )

    def _title(self, side: int) -> Callable[[], Content]:
        def said() -> Content:
            if self._view is None:
                return Content("")
            return title(self._view, self._answers[side], side, hidden=self._hidden)

        return said

    def _head(self, view: View, sample: Sample, *, kept: bool) -> Content:
        listed = self._listing.listed(view)
        place = listed.places.get(sample.id)
        parts = [f"#{sample.id}", f"{sample.at:%H:%M:%S}Z", sample.kind.value, plain(sample.task, 40)]
        parts.append("not in the list" if place is None else f"{place + 1} of {len(listed.rows)}")
        if sample.source:
            parts.append(f"from {plain(sample.source, 40)}")
        if not kept:
            parts.append("no longer kept")
        if self._page is not None and self._page.diff is not None and not self._page.diff.whole:
            parts.append("words compared in the beginning only")
        state = "BLIND" if self._hidden else "versions shown"
        text = fmt.clip("  ".join(parts), max(self.size.width - len(state) - 4, 0))
        return Content.assemble((f" {text}", "bold $baseline"), "  ", (state, "bold $canary"))

    def _show_text(self) -> None:
        """What is in view of the texts; the rest is laid out meanwhile."""
        if self._page is None or not self.is_attached:
            return
        area = self.query_one("#sample-text", Lines)
        height = area.size.height
        if height <= 0:
            return
        if self._to_side is not None and not self._page.reaches(self._to_side):
            self._page.lay_for(_SLICE_S)
        if self._to_side is not None and self._page.reaches(self._to_side):
            start = self._page.start_of(self._to_side)
            if not self._top <= start <= self._top + height - 2:
                self._top = start
            self._to_side = None
        if self._to_end:
            self._top = max(self._page.height - height, 0)
            self._to_end = not self._page.done
        rows = self._page.rows(self._top, height)
        if len(rows) < height and self._top:
            self._top = max(self._page.height - height, 0)
            rows = self._page.rows(self._top, height)
        area.set_lines([Content(" ").append(row) for row in rows])
        if not self._page.done and not self._laying:
            self._laying = True
            self.set_timer(_BETWEEN_S, self._lay_on)

    def _lay_on(self) -> None:
        self._laying = False
        if self._page is None or not self.is_attached:
            return
        self._page.lay_for(_SLICE_S)
        if self._to_end or self._to_side is not None or not self._page.done:
            self._show_text()

    @property
    def answers(self) -> Sequence[Answer]:
        """Of the sample in view, A first."""
        return self._answers

    @property
    def sample(self) -> Sample | None:
        return self._sample

    @property
    def hidden(self) -> bool:
        """Whether the versions are."""
        return self._hidden

    def scroll_lines(self, lines: int) -> None:
        """Down (positive) or up."""
        self._to_end, self._to_side = False, None
        self._top = max(self._top + lines, 0)
        self._show_text()

    def jump(self, *, last: bool) -> None:
        """To the end or the beginning."""
        self._to_side, self._to_end = None, last
        self._top = 0 if not last else self._top
        self._show_text()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """A line down."""
        self.post_message(ActionChosen("down"))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """A line up."""
        self.post_message(ActionChosen("up"))

    def plain_text(self) -> str:
        """What is in view."""
        parts = [self.query_one(f"#{name}", Lines) for name in ("sample-head", "sample-text", "sample-facts")]
        return "\n".join(line.rstrip() for part in parts for line in part.plain_lines)
