"""Replies made to break a grader: none raises, and what is shown of them is short and harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.grading import grade
from tui.grading.reading import HEAD_CHARS, TAIL_CHARS, read
from tui.model import Grade, Mark

TASKS = {
    "number": ("24", {}),
    "choice": ("B", {"options": {"A": "5 minutes", "B": "14 minutes", "C": "A contract"}}),
    "yesno": ("Yes", {}),
    "label": ("license grant", {"labels": ("license grant", "audit rights", "PLAN")}),
    "exact": ("Paris", {}),
    "regex": (r"(?i)\bparis\b.*\d+", {}),
    "json": ('{"a": [1, 2]}', {}),
    "reference": ("any text", {}),
}

PIECES = st.sampled_from(
    [
        "Answer:", "the answer is", "####", "\\boxed{", "}", "**", "Yes", "No", "A", "(B)", "1,234", "-", "−",
        "\n", " ", "24", "/", "0", "license grant", "PLAN", "or", "{", "[", '"a": ', "\\frac{1}{", "e999999",
        "NaN", "Infinity", "\x00", "\u202e", "\ud800", "\ue000", "\ue003", "```", "<think>", "</think>", "|",
        "%", "twenty", "minus", "٣", "½", "İ", "#", "$", "\\", "<b>", "</b>", "> ", "1. ", "?", "not", "if",
        "because", "~~~json",
    ]
)  # fmt: skip
REPLIES = st.one_of(
    st.text(alphabet=st.characters(), max_size=200),
    st.lists(PIECES, max_size=40).map("".join),
    st.lists(PIECES).map(" ".join),
)


def graded(reply: str, match: str) -> Grade:
    expected, more = TASKS[match]
    return grade(reply, expected, match, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("match", TASKS)
@given(reply=REPLIES)
def test_no_reply_raises_and_what_is_shown_is_harmless(match: str, reply: str) -> None:
    found = graded(reply, match)
    assert found.answer.isprintable()
    assert len(found.answer) <= 80
    assert 0 < len(found.why) <= 60
    assert graded(reply, match) == found


@pytest.mark.parametrize("match", TASKS)
@pytest.mark.parametrize(
    "piece",
    ["\x00", "\u202e", "\ud800", "[", "{", '{"a":', "(", "**a** ", "\\boxed{", "\\text{", "the answer is ",
     "Answer: ", "|",
     "1", "1,", "-", "Yes. No. ", "A B ", "$", "#### ", "```json\n", "\n", " ", "'", "é", "<a ", "1/",
     "twenty-", "…"],
)  # fmt: skip
def test_long_replies_of_one_piece_do_not_raise(match: str, piece: str) -> None:
    graded(piece * (30_000 // len(piece)), match)


def test_marks_cannot_be_forged_in_a_reply() -> None:
    assert read("\ue00099\ue003 12").boxed == ()


def test_a_long_reply_is_read_at_its_ends() -> None:
    filler = "word " * (2 * (HEAD_CHARS + TAIL_CHARS) // 5)
    assert graded(f"{filler}\n\nAnswer: 24", "number").mark is Mark.RIGHT
    assert graded(f"Answer: 24\n\n{filler}", "number").mark is Mark.RIGHT
    reading = read(filler)
    assert reading.cut
    assert len(reading.text) <= HEAD_CHARS + TAIL_CHARS + 2
    assert set(reading.text.split()) == {"word"}


def test_a_pattern_made_for_backtracking_is_searched_in_one_pass() -> None:
    # The standard library would need some 10^9 steps for the second, and 2^100,000 for the first.
    assert grade("a" * 100_000 + "b", "(a|a)+$", "regex").mark is Mark.WRONG
    assert grade("a" * 3_000 + "b" * 3_000 + "c" * 3_000, ".*a.*b.*c.*d", "regex").mark is Mark.WRONG
