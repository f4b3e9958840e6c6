"""One sample: prompt and answers to be scrolled, the facts of each answer, and the keys that score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Final

from textual.content import Content
from textual.widget import Widget

from tui.base.text import plain, visible
from tui.cockpit.actions import Place
from tui.cockpit.questions import ask_note, ask_search
from tui.cockpit.sample_desk import SampleDesk, want
from tui.cockpit.sample_filters import message_text
from tui.cockpit.scoring import Cursor, Scored, Scorer, in_blind_order
from tui.cockpit.screens.sample_filter import SampleFilterScreen
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.text import format as fmt
from tui.cockpit.text.sample_facts import fact_lines, key_line, remarks, title
from tui.cockpit.text.sample_page import SamplePage
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import Lines
from tui.cockpit.widgets.sample_text import SampleText
from tui.model import Answer, Sample

MAX_COPY_BYTES: Final = 74_000
"""What terminals take in one OSC 52 sequence: 100,000 bytes of base64 in xterm, in others as many or more."""


class SampleScreen(ScrollingScreen):
    """The chosen sample, also when the list has gone on without it."""

    PLACE: ClassVar[Place | None] = "sample"
    HELPS: ClassVar[frozenset[str]] = frozenset({"back", "open_sample", "next_sample", "reveal", "copy"})

    def __init__(self, keymap: Mapping[str, str], desk: SampleDesk) -> None:
        super().__init__(keymap)
        self._desk = desk
        self._sample: Sample | None = None
        self._hidden = False
        self._answers: tuple[Answer, ...] = ()
        self._page: SamplePage | None = None
        self._page_of: tuple[object, ...] = ()
        self._side = 0

    def body(self) -> Iterable[Widget]:
        """Which sample, its texts, its facts."""
        yield Lines(id="sample-head")
        yield SampleText(id="sample-text")
        yield Lines(id="sample-facts")

    def show_body(self, view: View) -> None:
        """The sample as it is now, scrolled to where it was."""
        if not self.size.width:
            # Not laid out yet; it is shown again when it is.
            return
        sample = self._desk.listing.find(view.ui.samples.chosen)
        kept = sample is not None
        if sample is None:
            if self._sample is None or self._sample.id != view.ui.samples.chosen:
                return
            sample = self._sample
        page = self._take(sample, view)
        scoring = self._desk.scoring
        if not self._hidden and self.in_view:
            scoring.show(sample)
        width = self.size.width - 2
        facts = fact_lines(view, sample, self._answers, scoring, width, hidden=self._hidden)
        keys = key_line(view, sample, self._answers, hidden=self._hidden)
        lines = [*facts, Content(fmt.clip(keys, width)).stylize("$axis")]
        self.query_one("#sample-facts", Lines).set_lines([Content(" ").append(line) for line in lines])
        self.query_one("#sample-head", Lines).set_lines([self._head(view, sample, kept=kept)])
        self._text.show(page)

    def _take(self, sample: Sample, view: View) -> SamplePage:
        ui, scoring = view.ui, self._desk.scoring
        hidden = scoring.hidden(sample, ui.samples, read_only=ui.read_only)
        width = self.size.width - 2
        notes = tuple(remarks(sample, sample.answers, scoring, hidden=hidden))
        page_of = (sample.id, sample.answers, sample.messages, width, ui.samples.whole_prompt, hidden, notes)
        same = self._sample is not None and self._sample.id == sample.id
        if not same:
            self._text.to_top()
        elif self._side != ui.samples.side:
            self._text.to_answer(ui.samples.side)
        self._side = ui.samples.side
        self._sample, self._hidden = sample, hidden
        if self._page is None or page_of != self._page_of:
            self._page_of = page_of
            self._answers = in_blind_order(sample, view.live.run_id)
            self._page = SamplePage(
                sample,
                self._answers,
                width,
                titles=[self._title(side) for side in range(len(self._answers))],
                remarks=remarks(sample, self._answers, scoring, hidden=hidden),
                whole_prompt=ui.samples.whole_prompt,
                more=f"{ui.keys['open_sample']} shows the whole prompt",
            )
        return self._page

    def _title(self, side: int) -> Callable[[], Content]:
        def said() -> Content:
            if self._view is None:
                return Content("")
            return title(self._view, self._answers[side], side, hidden=self._hidden)

        return said

    def _head(self, view: View, sample: Sample, *, kept: bool) -> Content:
        listed = self._desk.listing.listed(view)
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

    @property
    def _text(self) -> SampleText:
        return self.query_one(SampleText)

    def plain_text(self) -> str:
        """What is in view."""
        parts = [self.query_one(f"#{name}", Lines) for name in ("sample-head", "sample-text", "sample-facts")]
        return "\n".join(line.rstrip() for part in parts for line in part.plain_lines)

    # --- moving ---

    def move(self, step: int) -> None:
        """Down (positive) or up."""
        self._text.scroll_rows(step)

    def jump(self, *, last: bool) -> None:
        """To the end or the beginning."""
        self._text.jump(last=last)

    async def action_samples(self) -> None:
        """Back to the list."""
        await self.action_back()

    def action_open_sample(self) -> None:
        """The whole prompt, or its beginning."""
        self.host.choose_sample(whole_prompt=not self.host.view.ui.samples.whole_prompt)

    def action_next_sample(self, step: int = 1) -> None:
        """The next one of the list."""
        view, listing = self.host.view, self._desk.listing
        rows = listing.listed(view).rows
        gone = view.ui.samples.chosen not in listing.listed(view).places
        place = listing.place(view) + (0 if gone and step > 0 else step)
        if 0 <= place < len(rows):
            self._scorer.go_to(rows[place])
        else:
            self.host.notice(f"this is the {'last' if step > 0 else 'first'} sample of the list")

    def action_previous_sample(self) -> None:
        self.action_next_sample(-1)

    def action_answer_a(self) -> None:
        self.host.choose_sample(side=0)

    def action_answer_b(self) -> None:
        if len(self._answers) > 1:
            self.host.choose_sample(side=1)
        else:
            self.host.notice("this sample has one answer")

    def action_reveal(self) -> None:
        """Versions are shown, or hidden again where they have not been seen."""
        self.host.choose_sample(blind=not self.host.view.ui.samples.blind)

    def action_sample_filter(self) -> None:
        self.app.push_screen(SampleFilterScreen(self.host))

    def action_search_samples(self) -> None:
        """The list is shown as soon as a text is typed."""
        ask_search(self.prompt, self.host.view.ui.samples.filter.text, self._search)

    def _search(self, text: str) -> None:
        want(self.host, text=text)
        # A screen that waited for its own end would wait for ever.
        self.app.call_later(self.go_back)

    # --- scoring ---

    @property
    def _scorer(self) -> Scorer:
        return Scorer(self.host, self._desk.listing, self._desk.scoring, self._desk.actor)

    @property
    def _cursor(self) -> Cursor | None:
        """By what is chosen, not what is painted: the keys before this one may have gone on already."""
        view = self.host.view
        sample = self._desk.listing.find(view.ui.samples.chosen) or self._sample
        if sample is None or sample.id != view.ui.samples.chosen:
            return None
        answers = in_blind_order(sample, view.live.run_id)
        side = max(min(view.ui.samples.side, len(answers) - 1), 0)
        return Cursor(sample, answers[side] if answers else None, side)

    def _score(self, value: int) -> None:
        if (cursor := self._cursor) is not None:
            self._scorer.score(cursor, value)

    def action_score_1(self) -> None:
        self._score(1)

    def action_score_2(self) -> None:
        self._score(2)

    def action_score_3(self) -> None:
        self._score(3)

    def action_score_4(self) -> None:
        self._score(4)

    def action_score_5(self) -> None:
        self._score(5)

    def action_skip_sample(self) -> None:
        if (cursor := self._cursor) is not None:
            self._scorer.skip(cursor.sample)

    def action_unscore(self) -> None:
        self._scorer.unscore()

    def action_note_score(self) -> None:
        cursor, scorer = self._cursor, self._scorer
        if cursor is not None and cursor.answer is not None:
            scored = Scored(cursor.sample.id, cursor.answer.deployment)
            ask_note(
                self.prompt,
                cursor.called,
                scorer.note_to(cursor),
                lambda text: scorer.write_note(scored, text),
            )

    # --- copying and keeping ---

    def action_copy(self) -> None:
        """The chosen answer."""
        cursor = self._cursor
        if cursor is None:
            super().action_copy()
        elif cursor.answer is None or not cursor.answer.text:
            self.host.notice(f"{cursor.called} has no text to copy")
        else:
            self._copy(cursor.answer.text, cursor.called)

    def action_copy_prompt(self) -> None:
        """The prompt, each message below its role where there are several."""
        cursor = self._cursor
        if cursor is not None:
            messages = cursor.sample.messages
            texts = (
                (f"{message.get('role', '?')}:\n" if len(messages) > 1 else "") + message_text(message)
                for message in messages
            )
            self._copy("\n\n".join(texts), f"the prompt of #{cursor.sample.id}")

    def _copy(self, text: str, what: str) -> None:
        """Control characters are made visible: what is pasted into a shell must not act."""
        shown = visible(text[:MAX_COPY_BYTES])
        data = shown.encode(errors="replace")
        if len(text) > MAX_COPY_BYTES or len(data) > MAX_COPY_BYTES:
            shown = data[:MAX_COPY_BYTES].decode(errors="ignore")
            self.host.say(
                f"copied the first {len(shown):,} of {len(text):,} characters of {what}: terminals take no more"
            )
        else:
            self.host.say(f"copied {what}, {len(shown):,} characters")
        self.app.copy_to_clipboard(shown)

    def action_export(self) -> None:
        """The listed samples as a task file."""
        if (writing := self._desk.export(self.host)) is not None:
            self.app.run_worker(writing, exit_on_error=False)
