"""The samples of a run: the newest ones, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from tui.model import Sample

MOST = 10_000
MOST_CHARS = 64_000_000
"""Of all texts together."""


class SampleStore:
    """Written to by the engine's loop only; ``shown`` may be read from any thread."""

    def __init__(self, most: int = MOST, most_chars: int = MOST_CHARS) -> None:
        self.next_id = count(1).__next__
        self.shown: tuple[Sample, ...] = ()
        """Oldest first, as of the last ``publish``."""
        self._most = most
        self._most_chars = most_chars
        self._kept: dict[int, Sample] = {}
        self._chars = 0
        self._changed = False

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, sample: int) -> Sample | None:
        return self._kept.get(sample)

    def put(self, sample: Sample) -> None:
        """Keep a new sample, or another value of one that is kept; the oldest make room."""
        before = self._kept.get(sample.id)
        self._chars += _chars(sample) - (0 if before is None else _chars(before))
        self._kept[sample.id] = sample
        self._changed = True
        while len(self._kept) > 1 and (len(self._kept) > self._most or self._chars > self._most_chars):
            self._chars -= _chars(self._kept.pop(next(iter(self._kept))))

    def publish(self) -> None:
        """Show what is kept now."""
        if self._changed:
            self._changed = False
            self.shown = tuple(self._kept.values())


def _chars(sample: Sample) -> int:
    return sum(len(answer.text) for answer in sample.answers) + _messages(sample.messages)


def _messages(messages: Iterable[object]) -> int:
    return sum(len(str(message)) for message in messages)
