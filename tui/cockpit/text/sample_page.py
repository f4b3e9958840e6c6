"""One sample laid out: the prompt, then its answers side by side, or one below the other where that is too
narrow, with the words marked that differ. Only what is asked for is laid out."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from rich.cells import cell_len
from textual.content import Content

from tui.base.text import plain, visible_pieces
from tui.cockpit.sample_filters import message_text
from tui.cockpit.text._word_diff import MOST_CHARS, Span, WordDiff, word_diff
from tui.cockpit.text.format import fit
from tui.cockpit.text.wrapping import Wrapped
from tui.model import Answer, Sample

SIDE_BY_SIDE: Final = 100
"""From this many columns on two answers stand side by side."""

_FOLDED_ROWS, _LAST_FOLDED_ROWS = 2, 5
_INDENT = 2
_GUTTER: Final = " │ "
_CHANGED: Final = "bold underline $canary"
_ROWS_AT_ONCE = 200


class _Block(Protocol):
    @property
    def height(self) -> int: ...
    @property
    def done(self) -> bool: ...
    def lay(self, rows: int) -> None: ...
    def row(self, at: int) -> Content: ...


@dataclass(frozen=True, slots=True)
class _Said:
    """A line of our own. ``text`` is asked each time: a title changes when versions are revealed."""

    text: Callable[[], Content]
    height: int = 1
    done: bool = True

    def lay(self, rows: int) -> None:
        """It is there."""

    def row(self, at: int) -> Content:
        return self.text()


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of somebody else, at most ``most`` rows of it."""

    wrapped: Wrapped
    indent: int = 0
    most: int | None = None
    changed: Sequence[Span] = ()
    starts: Sequence[int] = field(default=())

    @property
    def height(self) -> int:
        rows = len(self.wrapped.rows)
        return rows if self.most is None else min(rows, self.most)

    @property
    def done(self) -> bool:
        return self.wrapped.done or (self.most is not None and len(self.wrapped.rows) > self.most)

    def lay(self, rows: int) -> None:
        self.wrapped.lay(rows if self.most is None else min(rows, self.most + 1))

    def row(self, at: int) -> Content:
        offset, text = self.wrapped.rows[at]
        content = Content(" " * self.indent + text)
        shift = self.indent - offset
        first = max(bisect_right(self.starts, offset) - 1, 0)
        for start, end in self.changed[first:]:
            if start >= offset + len(text):
                break
            if end > offset:
                content = content.stylize(_CHANGED, max(start + shift, self.indent), end + shift)
        return content


@dataclass(frozen=True, slots=True)
class _Beside:
    """Two texts side by side, each ``width`` cells wide."""

    left: _Block
    right: _Block
    width: int

    @property
    def height(self) -> int:
        return max(self.left.height, self.right.height)

    @property
    def done(self) -> bool:
        return self.left.done and self.right.done

    def lay(self, rows: int) -> None:
        self.left.lay(rows)
        self.right.lay(rows)

    def row(self, at: int) -> Content:
        left = self.left.row(at) if at < self.left.height else Content("")
        right = self.right.row(at) if at < self.right.height else Content("")
        return beside(left, right, self.width)


def column_width(width: int) -> int:
    """Cells of one of two columns in ``width``."""
    return (width - len(_GUTTER)) // 2


def beside(left: Content, right: Content, width: int) -> Content:
    """Two lines in columns of ``width`` cells; the left one is cut where it is too long."""
    cells = cell_len(left.plain)
    if cells > width:
        left = Content(fit(left.plain, width))
        cells = width
    return Content.assemble(left, " " * (width - cells), (_GUTTER, "$frame"), right)


class SamplePage:
    """The rows of one sample in ``width`` cells.

    Args:
        sample: What is shown.
        answers: Its answers in the order in which they are shown.
        width: Cells of a row.
        titles: The line above each answer, as it reads now.
        remarks: What was written about the answers; stands below them.
        whole_prompt: All of it, not only its beginning.
        more: What to press for the whole prompt.
        clock: Seconds.
    """

    def __init__(
        self,
        sample: Sample,
        answers: Sequence[Answer],
        width: int,
        *,
        titles: Sequence[Callable[[], Content]],
        remarks: Sequence[str] = (),
        whole_prompt: bool = False,
        more: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._width = width
        self._clock = clock
        self._blocks: list[_Block] = []
        self._answers_at: list[int] = []
        self.diff: WordDiff | None = None
        self._add_prompt(sample, whole_prompt, more)
        if sample.expected is not None:
            said = f"expected ({sample.match or 'as it stands'})"
            self._say(said, "$axis")
            self._blocks.append(_Text(Wrapped(sample.expected, width - _INDENT), _INDENT))
        self._say("", "")
        self._add_answers(answers, titles)
        for remark in remarks:
            self._say("", "")
            self._blocks.append(_Text(Wrapped(remark, width)))

    @property
    def done(self) -> bool:
        """Whether all of it is laid out."""
        return all(block.done for block in self._blocks)

    @property
    def height(self) -> int:
        """Rows that are laid out by now."""
        return sum(block.height for block in self._blocks)

    def start_of(self, side: int) -> int:
        """The row above an answer."""
        at = self._answers_at[min(side, len(self._answers_at) - 1)] if self._answers_at else 0
        return sum(block.height for block in self._blocks[:at])

    def reaches(self, side: int) -> bool:
        """Whether all that stands before an answer is laid out, so that it can be gone to."""
        at = self._answers_at[min(side, len(self._answers_at) - 1)] if self._answers_at else 0
        return all(block.done for block in self._blocks[:at])

    def rows(self, first: int, count: int) -> list[Content]:
        """Rows from ``first`` on, as many as there are up to ``count``; they are laid out for it."""
        shown: list[Content] = []
        begins = 0
        for block in self._blocks:
            block.lay(max(first + count - begins, 0))
            shown += map(block.row, range(max(first - begins, 0), min(block.height, first + count - begins)))
            begins += block.height
            if begins >= first + count:
                break
        return shown

    def lay_for(self, seconds: float) -> None:
        """Lay out more of what is out of view, for so long."""
        ends_s = self._clock() + seconds
        for block in self._blocks:
            while not block.done:
                if self._clock() > ends_s:
                    return
                block.lay(block.height + _ROWS_AT_ONCE)

    def _say(self, text: str, style: str) -> None:
        content = Content(text).stylize(style)
        self._blocks.append(_Said(lambda: content))

    def _add_prompt(self, sample: Sample, whole: bool, more: str) -> None:
        messages = sample.messages
        shown = messages if whole or len(messages) <= 2 else (messages[0], messages[-1])
        folded = len(messages) > len(shown)
        for i, message in enumerate(shown):
            last = i == len(shown) - 1
            if folded and last:
                self._say(f"… {len(messages) - len(shown)} more messages ({more})", "$axis")
            self._say(plain(str(message.get("role", "?")), 20), "$axis")
            most = None if whole else _LAST_FOLDED_ROWS if last else _FOLDED_ROWS
            text = _Text(Wrapped(message_text(message), self._width - _INDENT), _INDENT, most)
            self._blocks.append(text)
            if most is not None:
                text.lay(most + 1)
                if len(text.wrapped.rows) > most:
                    self._say(f"  … ({more})", "$axis")

    def _add_answers(self, answers: Sequence[Answer], titles: Sequence[Callable[[], Content]]) -> None:
        changed: tuple[Sequence[Span], ...] = ((), ())
        if len(answers) == 2 and all(answer.text for answer in answers):
            self.diff = word_diff(*(_beginning(answer.text) for answer in answers))
            changed = (self.diff.first, self.diff.second)
        beside_each_other = len(answers) == 2 and self._width >= SIDE_BY_SIDE - 2
        width = column_width(self._width) if beside_each_other else self._width
        texts = [
            _Text(Wrapped(answer.text, width), 0, None, spans, [start for start, _ in spans])
            for answer, spans in zip(answers, changed, strict=False)
        ]
        heads = [_Said(title) for title in titles]
        if beside_each_other:
            self._answers_at = [len(self._blocks)] * 2
            self._blocks += [_Beside(heads[0], heads[1], width), _Beside(texts[0], texts[1], width)]
            return
        for head, text in zip(heads, texts, strict=True):
            self._answers_at.append(len(self._blocks))
            self._blocks += [head, text]


def _beginning(text: str) -> str:
    """What is compared of a text, as it is painted."""
    kept: list[str] = []
    chars = 0
    for piece in visible_pieces(text):
        kept.append(piece)
        chars += len(piece)
        if chars > MOST_CHARS:
            break
    return "".join(kept)
