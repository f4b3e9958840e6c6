"""The keys of the samples screens: looking, filtering, scoring, copying, keeping."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from textual import on

from tui.base.text import visible
from tui.cockpit.controls import Controls
from tui.cockpit.deploying import Deploying
from tui.cockpit.messages import NoteWritten, SampleChosen, SamplesSearched, SamplesWanted
from tui.cockpit.questions import ask_note, ask_search
from tui.cockpit.sample_files import Written, write_task_file
from tui.cockpit.sample_filters import message_text
from tui.cockpit.sample_list import Listing, Scored, Scoring, can_be_scored, in_blind_order
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.screens.sample import SampleScreen
from tui.cockpit.screens.samples import SampleFilterScreen, SamplesScreen
from tui.cockpit.text import format as fmt
from tui.cockpit.text.sample_facts import LETTERS
from tui.model import Answer, Sample, Snapshot

MAX_COPY_BYTES: Final = 74_000
"""What terminals take in one OSC 52 sequence: 100,000 bytes of base64 in xterm, in others as many or more."""


class Sampling(Deploying):
    """Answers the keys that look at samples and score them."""

    _controls: Controls
    _actor: str
    _listing: Listing
    _scoring: Scoring
    _place_in_list = 0
    _told_of_disk = False

    # --- looking ---

    async def action_samples(self) -> None:
        """The list; from one sample back to it."""
        if isinstance(self.screen, SampleScreen):
            await self.action_back()
        elif not isinstance(self.screen, SamplesScreen):
            note = self._controls.samples_note
            await self._open(SamplesScreen(self._keys, self._listing, self._scoring, note))

    async def action_open_sample(self) -> None:
        """The chosen sample; there, the whole prompt or its beginning."""
        screen = self.screen
        if isinstance(screen, SampleScreen):
            self._choose_sample(whole_prompt=not self.ui.samples.whole_prompt)
        elif isinstance(screen, SamplesScreen):
            if screen.at is None:
                self.notice("there is no sample to read")
                return
            self._choose_sample(chosen=screen.at, side=0, whole_prompt=False)
            await self.push_screen(SampleScreen(self._keys, self._listing, self._scoring))
            self._show()

    async def action_back(self) -> None:
        """Of the list the search first, then the list itself."""
        screen = self.screen
        if isinstance(screen, SamplesScreen) and not screen.prompt.asking and self.ui.samples.filter.text:
            self._want(text="")
            return
        await super().action_back()
        self._show()

    def action_sample_filter(self) -> None:
        view = self.view
        self.push_screen(
            SampleFilterScreen(view.ui.samples.filter, tuple(view.live.deployments), view.ui.keys["next_task"])
        )

    @on(SamplesWanted)
    def _samples_wanted(self, message: SamplesWanted) -> None:
        self._choose_sample(filter=message.filter)

    def action_search_samples(self) -> None:
        if isinstance(self.screen, LiveScreen):
            ask_search(self.screen.prompt, self.ui.samples.filter.text, self.post_message)

    @on(SamplesSearched)
    async def _samples_searched(self, message: SamplesSearched) -> None:
        self._want(text=message.text)
        if isinstance(self.screen, SampleScreen):
            await self.action_back()

    @on(SampleChosen)
    def _sample_chosen(self, message: SampleChosen) -> None:
        self._choose_sample(chosen=message.sample)

    def _want(self, **changes: Any) -> None:
        self._choose_sample(filter=replace(self.ui.samples.filter, **changes))

    def _choose_sample(self, **choices: Any) -> None:
        self._choose(samples=replace(self.ui.samples, **choices))

    # --- moving ---

    def _move(self, step: int) -> None:
        if not isinstance(self.screen, SamplesScreen):
            super()._move(step)
            return
        rows = self._rows()
        if rows:
            place = self._place(0 if self.ui.samples.chosen is None else None) + step
            self._choose_sample(chosen=rows[min(max(place, 0), len(rows) - 1)].id)

    def _jump(self, *, last: bool) -> None:
        if not isinstance(self.screen, SamplesScreen):
            super()._jump(last=last)
            return
        rows = self._rows()
        # The newest, whichever it will be.
        self._choose_sample(chosen=rows[-1].id if last and rows else None)

    def action_next_sample(self, step: int = 1) -> None:
        """The next one of the list."""
        rows = self._rows()
        gone = self._listed_place() is None
        place = self._place() + (0 if gone and step > 0 else step)
        if 0 <= place < len(rows):
            self._go_to(rows[place])
        else:
            self.notice(f"this is the {'last' if step > 0 else 'first'} sample of the list")

    def action_previous_sample(self) -> None:
        self.action_next_sample(-1)

    def action_answer_a(self) -> None:
        self._choose_sample(side=0)

    def action_answer_b(self) -> None:
        if isinstance(self.screen, SampleScreen) and len(self.screen.answers) > 1:
            self._choose_sample(side=1)
        else:
            self.notice("this sample has one answer")

    def _rows(self) -> Sequence[Sample]:
        return self._listing.listed(self.view).rows

    def _listed_place(self) -> int | None:
        chosen = self.ui.samples.chosen
        return None if chosen is None else self._listing.listed(self.view).places.get(chosen)

    def _place(self, newest: int | None = None) -> int:
        """The place of the chosen sample in the list; where it has left the list, that which it had."""
        place = self._listed_place() if newest is None else newest
        if place is not None:
            self._place_in_list = place
        return self._place_in_list

    def _go_to(self, sample: Sample, side: int = 0) -> None:
        self._choose_sample(chosen=sample.id, side=side, whole_prompt=False)
        self._place()

    # --- scoring ---

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

    def _score(self, value: int) -> None:
        sample, answer, side = self._under_cursor()
        if sample is None or answer is None:
            return
        if not can_be_scored(answer):
            self.notice(f"{self._called(sample, side)} has no text: there is nothing to score")
            return
        blind = self._is_hidden(sample)
        scored = Scored(sample.id, answer.deployment)
        self._scoring.remember(scored, sample.human.get(answer.deployment))
        place = self._place()
        self._give(scored, value, self._note_to(sample, answer), blind=blind)
        self._go_on(sample, place, f"{self._called(sample, side)} scored {value}")

    def action_skip_sample(self) -> None:
        """Leave this sample without a score."""
        sample, _, _ = self._under_cursor()
        if sample is not None:
            self._go_on(sample, self._place(), "")

    def _go_on(self, sample: Sample, place: int, said: str) -> None:
        """To the next answer without a score: of this sample where something is ``said`` of it, of the ones
        after it, of those before."""
        if said and self._scoring.unscored(sample):
            self.notice(said, samples=replace(self.ui.samples, side=self._open_side(sample)))
            return
        rows = self._rows()
        here = place < len(rows) and rows[place].id == sample.id
        after = place + 1 if here else place
        waiting = (s for s in (*rows[after:], *rows[:after]) if s.id != sample.id and self._scoring.unscored(s))
        following = next(waiting, None)
        if following is None:
            self.notice(f"{said}{': ' if said else ''}no other sample of the list is without a score")
            return
        side = self._open_side(following)
        self.notice(said, samples=replace(self.ui.samples, chosen=following.id, side=side, whole_prompt=False))
        self._place()

    def _open_side(self, sample: Sample) -> int:
        answers = in_blind_order(sample, self.view.live.run_id)
        missing = (
            side
            for side, answer in enumerate(answers)
            if can_be_scored(answer) and self._scoring.value(sample, answer.deployment) is None
        )
        return next(missing, 0)

    def action_unscore(self) -> None:
        """Take back the last score that is left of this session."""
        if not self._scoring.given:
            self.notice("nothing to take back: no score of this session is left")
            return
        scored, before = self._scoring.given.pop()
        sample = self._listing.find(scored.sample)
        if sample is not None:
            answers = in_blind_order(sample, self.view.live.run_id)
            self._go_to(sample, [a.deployment for a in answers].index(scored.deployment))
        if before is not None and before.by == self._actor:
            self._give(scored, before.value, before.note, blind=before.blind)
            self.notice(f"#{scored.sample}: your score before it, {before.value}, is back")
            return
        self._scoring.begin(scored, None)
        self._commands.unscore(
            scored.sample, scored.deployment, after=lambda done: self._score_ended(scored, None, done)
        )
        lost = "" if before is None else f"; the score of {before.by} before it is not brought back"
        self.notice(f"#{scored.sample}: score taken back{lost}")

    def action_note_score(self) -> None:
        sample, answer, side = self._under_cursor()
        if sample is None or answer is None or not isinstance(self.screen, LiveScreen):
            return
        name = self._called(sample, side)
        now = self._note_to(sample, answer)
        ask_note(self.screen.prompt, sample.id, answer.deployment, name, now, self.post_message)

    @on(NoteWritten)
    def _note_written(self, message: NoteWritten) -> None:
        """The note goes with the score; where there is none yet, it waits for it."""
        scored = Scored(message.sample, message.deployment)
        self._scoring.notes[scored] = message.text
        sample = self._listing.find(message.sample)
        human = None if sample is None else sample.human.get(message.deployment)
        if sample is None:
            self.notice(f"#{message.sample} is no longer kept: the note is lost")
        elif human is not None and self._scoring.value(sample, message.deployment) == human.value:
            self._give(scored, human.value, message.text, blind=human.blind)
        else:
            self.notice("the note is written with the score")

    def action_reveal(self) -> None:
        """Versions are shown, or hidden again where they have not been seen."""
        self._choose_sample(blind=not self.ui.samples.blind)

    def _give(self, scored: Scored, value: int, note: str, *, blind: bool) -> None:
        self._scoring.begin(scored, value)
        self._commands.score(
            scored.sample,
            scored.deployment,
            value,
            note=note,
            blind=blind,
            after=lambda done: self._score_ended(scored, value, done),
        )

    def _score_ended(self, scored: Scored, value: int | None, done: bool) -> None:
        self._scoring.end(scored, value)
        if done and value is not None:
            self._scoring.notes.pop(scored, None)
        elif not done and value is not None:
            self._scoring.forget(scored)
        self._show()

    def _note_to(self, sample: Sample, answer: Answer) -> str:
        """The note of this person to an answer, written or waiting."""
        human = sample.human.get(answer.deployment)
        own = human.note if human is not None and human.by == self._actor else ""
        return self._scoring.notes.get(Scored(sample.id, answer.deployment), own)

    def _under_cursor(self) -> tuple[Sample | None, Answer | None, int]:
        screen = self.screen
        if not isinstance(screen, SampleScreen) or self.ui.samples.chosen is None:
            return None, None, 0
        # The keys before this one may have gone on already: what is chosen counts, not what is painted.
        sample = self._listing.find(self.ui.samples.chosen) or screen.sample
        if sample is None or sample.id != self.ui.samples.chosen:
            return None, None, 0
        answers = in_blind_order(sample, self.view.live.run_id)
        side = min(self.ui.samples.side, len(answers) - 1)
        return sample, answers[side] if answers else None, max(side, 0)

    def _is_hidden(self, sample: Sample) -> bool:
        return self._scoring.hidden(sample, self.ui.samples, read_only=self.ui.read_only)

    def _called(self, sample: Sample, side: int) -> str:
        return f"#{sample.id} answer {LETTERS[side]}" if len(sample.answers) > 1 else f"#{sample.id}"

    # --- copying and keeping ---

    def action_copy(self) -> None:
        """Of a sample the chosen answer; else what is shown."""
        sample, answer, side = self._under_cursor()
        if sample is None:
            super().action_copy()
        elif answer is None or not answer.text:
            self.notice(f"{self._called(sample, side)} has no text to copy")
        else:
            self._copy(answer.text, self._called(sample, side))

    def action_copy_prompt(self) -> None:
        """The prompt, each message below its role where there are several."""
        sample, _, _ = self._under_cursor()
        if sample is not None:
            several = len(sample.messages) > 1
            texts = (
                (f"{message.get('role', '?')}:\n" if several else "") + message_text(message)
                for message in sample.messages
            )
            self._copy("\n\n".join(texts), f"the prompt of #{sample.id}")

    def _copy(self, text: str, what: str) -> None:
        """Control characters are made visible: what is pasted into a shell must not act."""
        shown = visible(text[:MAX_COPY_BYTES])
        data = shown.encode(errors="replace")
        if len(text) > MAX_COPY_BYTES or len(data) > MAX_COPY_BYTES:
            shown = data[:MAX_COPY_BYTES].decode(errors="ignore")
            self.say(
                f"copied the first {len(shown):,} of {len(text):,} characters of {what}: terminals take no more"
            )
        else:
            self.say(f"copied {what}, {len(shown):,} characters")
        self.copy_to_clipboard(shown)

    def action_export(self) -> None:
        """The listed samples as a task file; elsewhere picture and figures."""
        if not isinstance(self.screen, SamplesScreen | SampleScreen):
            super().action_export()
            return
        listed = self._listing.listed(self.view)
        key = self.ui.keys["export"]
        if listed.unsearched:
            self.notice(f"still searching: press {key} again when the list is whole")
        elif not listed.rows:
            self.notice("no sample is listed: there is nothing to export")
        elif not self._told_of_disk:
            self._told_of_disk = True
            what = fmt.counted(len(listed.rows), "sample")
            self.say(
                f"export writes the texts of {what} to disk, into {self._export_folder}: {key} again does it",
                "warn",
            )
        else:
            self.run_worker(self._keep(self.view.all_tasks, listed.rows), exit_on_error=False)

    async def _keep(self, snapshot: Snapshot, samples: Sequence[Sample]) -> None:
        try:
            written = await asyncio.to_thread(write_task_file, self._export_folder, snapshot, samples)
        except OSError as error:
            self.say(f"export failed: {error}: choose a folder that can be written", "alert")
        else:
            for text in _said(written, snapshot.baseline):
                self.say(text, "dim" if written.path else "warn")


def _said(written: Written, baseline: str) -> Iterator[str]:
    """What became of an export, a line each: the last one is what the banner shows."""
    for reason, number in (written.left_out or {}).items():
        yield f"left out {fmt.counted(number, 'sample')}: {reason}"
    if written.references:
        yield f"{written.references} without a known answer refer to that of {baseline}"
    if written.path is not None:
        yield f"exported {fmt.counted(written.items, 'sample')}: {written.path}"
