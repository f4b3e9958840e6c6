"""Which words of two texts differ.

The longest common subsequence of words, found with one big integer a row (H. Hyyrö, "Bit-parallel LCS-length
computation revisited", AWOCA 2004): exact, and a few milliseconds for some thousand words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

MOST_CHARS: Final = 20_000
"""How much of each text is compared: what a person reads of an answer, and no more than can be done at once."""

_MOST_WORDS: Final = 3_000
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]")
_STRAY_WORDS, _STRAY_CHARS = 2, 4

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class WordDiff:
    """Where the words stand that only one of the texts has: start and end. ``whole`` is whether the texts were
    compared to their ends."""

    first: tuple[Span, ...]
    second: tuple[Span, ...]
    whole: bool


def word_diff(first: str, second: str) -> WordDiff:
    """Compare two texts word by word, up to 3,000 words in 20,000 characters of each. Blanks do not count."""
    a, b = _words(first), _words(second)
    whole = max(len(first), len(second)) <= MOST_CHARS and max(len(a), len(b)) <= _MOST_WORDS
    a, b = a[:_MOST_WORDS], b[:_MOST_WORDS]
    same_a, same_b = _common([word for word, _, _ in a], [word for word, _, _ in b])
    return WordDiff(_spans(a, same_a), _spans(b, same_b), whole)


def _words(text: str) -> list[tuple[str, int, int]]:
    found = islice(_WORD.finditer(text, 0, MOST_CHARS), _MOST_WORDS + 1)
    return [(m[0], m.start(), m.end()) for m in found]


def _common(a: Sequence[str], b: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """For each word whether the other text has it too."""
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    in_a, in_b = a[head : len(a) - tail], b[head : len(b) - tail]
    same_a, same_b = [False] * len(in_a), [False] * len(in_b)
    for i, j in _without_strays(in_a, _pairs(in_a, in_b)):
        same_a[i] = same_b[j] = True
    ends = [True] * head, [True] * tail
    return ends[0] + same_a + ends[1], ends[0] + same_b + ends[1]


def _pairs(a: Sequence[str], b: Sequence[str]) -> list[Span]:
    """The places of a longest common subsequence, in order."""
    mask = (1 << len(a)) - 1
    places: dict[str, int] = {}
    for i, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << i
    row, rows = mask, []
    for word in b:
        hits = row & places.get(word, 0)
        row = ((row + hits) | (row - hits)) & mask
        rows.append(row)
    pairs = []
    i, j = len(a), len(b)
    while i and j:
        if rows[j - 1] >> (i - 1) & 1:
            i -= 1
            continue
        j -= 1
        if not j or rows[j - 1] >> (i - 1) & 1:
            i -= 1
            pairs.append((i, j))
    return pairs[::-1]


def _without_strays(a: Sequence[str], pairs: Sequence[Span]) -> list[Span]:
    """A comma or a short word alone between changes is no common ground: it would cut a changed sentence into
    crumbs."""
    kept: list[Span] = []
    run: list[Span] = []
    for pair in (*pairs, (-1, -1)):
        if run and pair != (run[-1][0] + 1, run[-1][1] + 1):
            if len(run) > _STRAY_WORDS or any(len(a[i]) >= _STRAY_CHARS for i, _ in run):
                kept += run
            run = []
        run.append(pair)
    return kept


def _spans(words: Sequence[tuple[str, int, int]], same: Sequence[bool]) -> tuple[Span, ...]:
    """Neighbours as one span, blanks between them included."""
    spans: list[Span] = []
    after = -1
    for i, ((_, start, end), known) in enumerate(zip(words, same, strict=True)):
        if known:
            continue
        if after == i:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        after = i + 1
    return tuple(spans)
