"""Texts of models as they are painted: nothing hidden, nothing that acts, in rows of a width."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.base.text import PIECE_CHARS, visible
from tui.cockpit.text._word_diff import _pairs, word_diff
from tui.cockpit.text.wrapping import Wrapped, wrapped

HOSTILE = st.text(
    st.sampled_from(
        "ab \n\t\r\x00\x1b[31m\u202e\u2066\u200b\u200d\ufeff\u00a0\u0301\u3164漢é❤\ufe0f\U000e0041\ud800"
    )
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\r\nc\rd", "a    b\nc\\x0dd"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("a\u200bb\u200dc\ufeff", "a\\u200bb\\u200dc\\ufeff"),
        ("a\u2028b\u0085", "a\\u2028b\\x85"),
        ("10\u00a0EUR\u3000x", "10 EUR x"),
        ("\u3164\u2800", "\\u3164\\u2800"),
        ("❤\ufe0f ok", "❤ ok"),
        ("a\ufe0f❤\ufe0f\ufe0f", "a\\ufe0f❤\\ufe0f"),
        ("e\u0301e\u0301", "e\u0301e\u0301"),
        ("e" + "\u0301" * 5, "e" + "\u0301" * 3 + "\\u0301" * 2),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\ue0041"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_line_end_between_two_pieces_is_one_line_end() -> None:
    assert visible("x" * (PIECE_CHARS - 1) + "\r\ny") == "x" * (PIECE_CHARS - 1) + "\ny"


@given(HOSTILE)
def test_nothing_but_line_feeds_moves_anything(text: str) -> None:
    for character in visible(text):
        assert character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


@given(HOSTILE, st.integers(1, 12))
def test_rows_fit_and_together_are_the_text(text: str, width: int) -> None:
    page = Wrapped(text, width)
    page.lay(10**6)
    whole = visible(text)
    assert page.done
    for offset, row in page.rows:
        assert whole[offset : offset + len(row)] == row
        assert cell_len(row) <= width or len(row.strip("\u0301")) <= 1
    assert "".join(row for _, row in page.rows).replace(" ", "") == whole.replace(" ", "").replace("\n", "")


def test_lines_break_at_blanks_and_long_words_where_the_row_ends() -> None:
    assert wrapped("one two three", 8) == ("one two", "three")
    assert wrapped("abcdefghij", 4) == ("abcd", "efgh", "ij")
    assert wrapped("漢字漢字", 5) == ("漢字", "漢字")
    assert wrapped("a\n\nb", 5) == ("a", "", "b")
    assert wrapped("", 5) == ("",)


def test_only_the_rows_that_are_asked_for_are_laid_out() -> None:
    page = Wrapped("word " * 200_000, 40)
    page.lay(30)
    assert len(page.rows) == 30
    assert not page.done


# --- the word diff ------------------------------------------------------------------------------


def changed(first: str, second: str) -> tuple[list[str], list[str]]:
    diff = word_diff(first, second)
    return [first[a:b] for a, b in diff.first], [second[a:b] for a, b in diff.second]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("the same", "the same", ([], [])),
        ("sent on Monday, today", "sent on Tuesday, today", (["Monday"], ["Tuesday"])),
        ("your card", "your bank account", (["card"], ["bank account"])),
        ("a  b\nc", "a b c", ([], [])),
        ("", "new words", ([], ["new words"])),
        ("支払いは月曜", "支払いは火曜", (["月"], ["火"])),
    ],
)
def test_the_words_that_only_one_text_has_are_marked(
    first: str, second: str, words: tuple[list[str], list[str]]
) -> None:
    assert changed(first, second) == words


def longest(a: str, b: str) -> int:
    rows = [[0] * (len(b) + 1)]
    for x in a:
        row = [0]
        for j, y in enumerate(b):
            row.append(rows[-1][j] + 1 if x == y else max(rows[-1][j + 1], row[-1]))
        rows.append(row)
    return rows[-1][-1]


@given(st.text("abc", max_size=14), st.text("abc", max_size=14))
def test_no_longer_common_sequence_exists(a: str, b: str) -> None:
    pairs = _pairs(a, b)
    assert len(pairs) == longest(a, b)
    assert all(a[i] == b[j] for i, j in pairs)
    assert all(one[0] < two[0] and one[1] < two[1] for one, two in pairwise(pairs))


def test_a_stray_comma_between_changes_is_no_common_ground() -> None:
    assert changed("red, big fish", "blue, tiny bird") == (["red, big fish"], ["blue, tiny bird"])


def test_of_long_texts_the_beginning_is_compared() -> None:
    diff = word_diff("word " * 10_000, "word " * 10_000 + "end")
    assert not diff.whole
    assert diff.first == diff.second == ()
