"""Scores that a person gives to answers: what this session has shown, has scored, and can take back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from tui.cockpit.sample_filters import SampleChoices
from tui.model import ANSWERED, Answer, HumanScore, Sample

if TYPE_CHECKING:
    from tui.cockpit.host import Host
    from tui.cockpit.sample_list import Listing

LETTERS: Final = "AB"
"""The answers of a pair."""

_KEPT_FOR_UNDO = 1000


@dataclass(frozen=True, slots=True)
class Scored:
    """A score that this session has given."""

    sample: int
    deployment: str


def in_blind_order(sample: Sample, run_id: str) -> tuple[Answer, ...]:
    """The answers as A and B: always the same for one sample, and told by nothing but a hash of run and id."""
    if len(sample.answers) < 2:
        return sample.answers
    drawn = blake2b(f"{run_id}:{sample.id}".encode(), digest_size=1).digest()[0]
    return sample.answers[::-1] if drawn & 1 else sample.answers


def can_be_scored(answer: Answer) -> bool:
    """There is something to read."""
    return answer.kind in ANSWERED and bool(answer.text)


class Scoring:
    """The scores under way and those that can be taken back, and for which samples the version has been seen.

    A score counts at once, before the engine has confirmed it: keys that are typed ahead find the next answer.
    """

    def __init__(self) -> None:
        self.version = 0
        """Changes whenever another answer has a score."""
        self.given: deque[tuple[Scored, HumanScore | None]] = deque(maxlen=_KEPT_FOR_UNDO)
        """The scores of this session, the last one at the end, each with the one that it replaced."""
        self.notes: dict[Scored, str] = {}
        """Notes to answers that have no score yet."""
        self._under_way: dict[Scored, int | None] = {}
        self._seen: set[int] = set()

    def remember(self, score: Scored, before: HumanScore | None) -> None:
        """A score is given that can be taken back."""
        self.given.append((score, before))

    def forget(self, score: Scored) -> None:
        """The newest score of an answer was refused: there is nothing to take back."""
        for at in reversed(range(len(self.given))):
            if self.given[at][0] == score:
                del self.given[at]
                return

    def begin(self, score: Scored, value: int | None) -> None:
        """A score is asked of the engine; None to take it back."""
        self._under_way[score] = value
        self.version += 1

    def end(self, score: Scored, value: int | None) -> None:
        """The engine has answered: from here on the sample itself tells."""
        if self._under_way.get(score, 0) == value:
            self._under_way.pop(score, None)
            self.version += 1

    def value(self, sample: Sample, deployment: str) -> int | None:
        """The score of an answer, 1 to 5."""
        scored = Scored(sample.id, deployment)
        if scored in self._under_way:
            return self._under_way[scored]
        human = sample.human.get(deployment)
        return None if human is None else human.value

    def unscored(self, sample: Sample) -> bool:
        """Whether an answer that can be scored has no score."""
        return any(can_be_scored(a) and self.value(sample, a.deployment) is None for a in sample.answers)

    def show(self, sample: Sample) -> None:
        """The person has seen which version gave which answer."""
        self._seen.add(sample.id)

    def seen(self, sample: Sample) -> bool:
        return sample.id in self._seen

    def hidden(self, sample: Sample, choices: SampleChoices, *, read_only: bool) -> bool:
        """Whether versions, and what gives them away, are not shown: until everything is scored, unless the
        person wants to see them, looks for one version, or has seen them before."""
        return (
            choices.blind
            and not read_only
            and choices.filter.version is None
            and not self.seen(sample)
            and self.unscored(sample)
        )


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the keys of the sample screen act on: an answer, 0 is A; None where the sample has none."""

    sample: Sample
    answer: Answer | None
    side: int

    @property
    def called(self) -> str:
        """Which one, without naming its version."""
        several = len(self.sample.answers) > 1
        return f"#{self.sample.id} answer {LETTERS[self.side]}" if several else f"#{self.sample.id}"


class Scorer:
    """Gives, takes back and annotates scores, and goes on to the next answer without one.

    ``actor`` is whose scores these are.
    """

    def __init__(self, host: Host, listing: Listing, scoring: Scoring, actor: str) -> None:
        self._host = host
        self._listing = listing
        self._scoring = scoring
        self._actor = actor

    def score(self, at: Cursor, value: int) -> None:
        """1 to 5 for the answer under the cursor."""
        if at.answer is None:
            return
        if not can_be_scored(at.answer):
            self._host.notice(f"{at.called} has no text: there is nothing to score")
            return
        ui = self._host.view.ui
        blind = self._scoring.hidden(at.sample, ui.samples, read_only=ui.read_only)
        scored = Scored(at.sample.id, at.answer.deployment)
        self._scoring.remember(scored, at.sample.human.get(at.answer.deployment))
        place = self._listing.place(self._host.view)
        self._give(scored, value, self.note_to(at), blind=blind)
        self._go_on(at.sample, place, f"{at.called} scored {value}")

    def skip(self, sample: Sample) -> None:
        """Leave a sample without a score."""
        self._go_on(sample, self._listing.place(self._host.view), "")

    def unscore(self) -> None:
        """Take back the last score that is left of this session, and go to its answer."""
        if not self._scoring.given:
            self._host.notice("nothing to take back: no score of this session is left")
            return
        scored, before = self._scoring.given.pop()
        sample = self._listing.find(scored.sample)
        if sample is not None:
            answers = in_blind_order(sample, self._host.view.live.run_id)
            self.go_to(sample, [a.deployment for a in answers].index(scored.deployment))
        if before is not None and before.by == self._actor:
            self._give(scored, before.value, before.note, blind=before.blind)
            self._host.notice(f"#{scored.sample}: your score before it, {before.value}, is back")
            return
        self._scoring.begin(scored, None)
        self._host.commands.unscore(
            scored.sample, scored.deployment, after=lambda done: self._ended(scored, None, done)
        )
        lost = "" if before is None else f"; the score of {before.by} before it is not brought back"
        self._host.notice(f"#{scored.sample}: score taken back{lost}")

    def note_to(self, at: Cursor) -> str:
        """The note of this person to the answer under the cursor, written or waiting."""
        if at.answer is None:
            return ""
        human = at.sample.human.get(at.answer.deployment)
        own = human.note if human is not None and human.by == self._actor else ""
        return self._scoring.notes.get(Scored(at.sample.id, at.answer.deployment), own)

    def write_note(self, scored: Scored, text: str) -> None:
        """The note goes with the score; where there is none yet, it waits for it."""
        self._scoring.notes[scored] = text
        sample = self._listing.find(scored.sample)
        human = None if sample is None else sample.human.get(scored.deployment)
        if sample is None:
            self._host.notice(f"#{scored.sample} is no longer kept: the note is lost")
        elif human is not None and self._scoring.value(sample, scored.deployment) == human.value:
            self._give(scored, human.value, text, blind=human.blind)
        else:
            self._host.notice("the note is written with the score")

    def go_to(self, sample: Sample, side: int = 0) -> None:
        """Show a sample of the list."""
        self._host.choose_sample(chosen=sample.id, side=side, whole_prompt=False)
        self._listing.place(self._host.view)

    def _go_on(self, sample: Sample, place: int, said: str) -> None:
        """To the next answer without a score: of this sample where something is ``said`` of it, of the ones
        after it, of those before."""
        view = self._host.view
        if said and self._scoring.unscored(sample):
            self._host.notice(said, samples=replace(view.ui.samples, side=self._open_side(sample)))
            return
        rows = self._listing.listed(view).rows
        here = place < len(rows) and rows[place].id == sample.id
        after = place + 1 if here else place
        waiting = (s for s in (*rows[after:], *rows[:after]) if s.id != sample.id and self._scoring.unscored(s))
        following = next(waiting, None)
        if following is None:
            self._host.notice(f"{said}{': ' if said else ''}no other sample of the list is without a score")
            return
        self._host.notice(said)
        self.go_to(following, self._open_side(following))

    def _open_side(self, sample: Sample) -> int:
        answers = in_blind_order(sample, self._host.view.live.run_id)
        missing = (
            side
            for side, answer in enumerate(answers)
            if can_be_scored(answer) and self._scoring.value(sample, answer.deployment) is None
        )
        return next(missing, 0)

    def _give(self, scored: Scored, value: int, note: str, *, blind: bool) -> None:
        self._scoring.begin(scored, value)
        self._host.commands.score(
            scored.sample,
            scored.deployment,
            value,
            note=note,
            blind=blind,
            after=lambda done: self._ended(scored, value, done),
        )

    def _ended(self, scored: Scored, value: int | None, done: bool) -> None:
        self._scoring.end(scored, value)
        if done and value is not None:
            self._scoring.notes.pop(scored, None)
        elif not done and value is not None:
            self._scoring.forget(scored)
        self._host.choose()
