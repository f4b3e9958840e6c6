"""Rules of the graders for replies of chatty models: emojis, checklists, corrections, open ends."""

from __future__ import annotations

import pytest

from tui.grading import grade
from tui.model import Mark

OPTIONS = {"A": "the first rule", "B": "the old rule", "C": "the new rule", "D": "no rule"}
LABELS = ("audit rights", "insurance", "license grant")


def taken(reply: str, match: str) -> str:
    """What was taken as the answer, with a question mark where there was none."""
    expected = {"number": "24", "choice": "A", "yesno": "Yes", "label": "insurance"}[match]
    found = grade(
        reply,
        expected,
        match,
        options=OPTIONS if match == "choice" else {},
        labels=LABELS if match == "label" else (),
    )
    return "?" if found.mark is Mark.UNGRADED else found.answer


@pytest.mark.parametrize(
    ("reply", "match", "answer"),
    [
        ("A ✅", "choice", "A"),
        ("Answer: A 😊", "choice", "A"),
        ("B is old.\n\n### ✅ Final Answer: C\n\nLet me know!", "choice", "C"),
        ("~~23~~ **24**", "number", "24"),
        ("- ❌ B) the old rule\n- ✅ C) the new rule", "choice", "C"),
        ("- [ ] audit rights\n- [x] insurance", "label", "insurance"),
        ("- ❌ 23\n- ✅ 24", "number", "24"),
        ("| Option | Correct? |\n|---|---|\n| B | No |\n| A | Yes |\n| C | No |", "choice", "A"),
    ],
)
def test_emojis_are_passed_over_and_ticks_count(reply: str, match: str, answer: str) -> None:
    assert taken(reply, match) == answer


@pytest.mark.parametrize(
    ("reply", "match", "answer"),
    [
        ("The answer is 23... no, sorry: the answer is 24.", "number", "24"),
        ("Answer: B\n\nEdit: I misread it. Answer: C", "choice", "C"),
        ("Label: No\n\nWait, I misread the clause. Corrected label: Yes", "yesno", "Yes"),
        ("At first I thought no. But on closer reading, yes.", "yesno", "Yes"),
        ("While B might be defensible elsewhere, the better answer here is C.", "choice", "C"),
        ("- Names a party: yes\n- Names a date: no\n- Answer: no", "yesno", "No"),
        ("So x = 24. Verification: 2·24 = 48. ✓", "number", "24"),
        ("insurance is the best fit. audit rights comes close.", "label", "insurance"),
        ("The label's insurance, not audit rights.", "label", "insurance"),
    ],
)
def test_the_corrected_answer_counts(reply: str, match: str, answer: str) -> None:
    assert taken(reply, match) == answer


@pytest.mark.parametrize(
    ("reply", "match"),
    [
        ("I'm torn between 24 and 25.", "number"),
        ("24? 25? I can't tell.", "number"),
        ("The answer is 24 under one reading and 25 under another.", "number"),
        ("Possible answers: A, B", "choice"),
        ("Answer: D; C", "choice"),
        ("**B** and **A** are both correct.", "choice"),
        ("Maybe A, maybe B.", "choice"),
        ("It depends: no under one reading, yes under another.", "yesno"),
        ("Yes. On second reading: No. Or yes after all?", "yesno"),
        ("Either audit rights or insurance would fit.", "label"),
        ("No answer given.", "yesno"),
        ("[no output]", "yesno"),
    ],
)
def test_what_is_left_open_is_no_answer(reply: str, match: str) -> None:
    assert taken(reply, match) == "?"


@pytest.mark.parametrize(
    ("reply", "match", "answer"),
    [
        ("It depends on the reading, but on the natural one the answer is yes.", "yesno", "Yes"),
        ("I was torn between B and A. In the end I choose A.", "choice", "A"),
        ("Both B and C are distractors. The key is A.", "choice", "A"),
    ],
)
def test_doubt_that_is_settled_does_not_leave_it_open(reply: str, match: str, answer: str) -> None:
    assert taken(reply, match) == answer


@pytest.mark.parametrize(
    ("reply", "is_right"),
    [
        ("Paris ✅", True),
        ("- Paris", True),
        ("In short: Paris", True),
        ('{"answer": "Paris"}', True),
        ('{"answer": "Lyon"}', False),
        ("Not it: Paris", False),
    ],
)
def test_an_exact_answer_may_have_a_lead_in_or_stand_in_an_object(reply: str, is_right: bool) -> None:
    assert grade(reply, "Paris", "exact").is_right is is_right


def test_emojis_of_an_expected_text_count() -> None:
    assert grade("👍", "👍", "exact").is_right
    assert not grade("👎", "👍", "exact").is_right


def test_json_that_was_only_thought_does_not_count() -> None:
    assert grade('<think>{"a": 2}?</think>\n{"a": 1}', '{"a": 1}', "json").is_right
    assert grade("As in [1]:\n\n[1, 2, 3]", "[1, 2, 3]", "json").is_right
    assert grade('"</think>"', '"</think>"', "json").is_right
