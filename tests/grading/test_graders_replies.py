"""The graders on whole replies in the styles of real models."""

from __future__ import annotations

import json
from string import ascii_uppercase

import pytest

from bench.graders import graded_replies
from tests.support.places import SHARED
from tui.grading import grade

CASES = SHARED / "cases" / "grading.jsonl"

NOT_READ = {
    "36 years old and Bob is 72 years old.",
    "I count fourteen pieces of fruit.",
    "She saved $25, which is 5 times the $5 that she had.",
    "by the end of day 3.",
    "The priority is high, although the cost is low.",
}
"""Ends of replies that a person understands and the graders do not."""


def test_replies_are_graded_as_a_person_would_save_for_these() -> None:
    replies = list(graded_replies())
    missed = {each.reply for each in replies if each.grade.mark.value != each.should}
    assert len(replies) > 400
    assert {end for end in NOT_READ for reply in missed if reply.endswith(end)} == NOT_READ
    assert len(missed) == len(NOT_READ)


@pytest.mark.skipif(not CASES.is_file(), reason="cases of grading (../shared/cases) are not here")
def test_cases_are_graded_as_said() -> None:
    rows = [json.loads(line) for line in CASES.read_text().splitlines()]
    assert rows
    for row in rows:
        options = dict(zip(ascii_uppercase, row.get("options", ()), strict=False))
        found = grade(row["reply"], row["expected"], row["match"], options=options)
        assert (row["reply"], found.mark.value) == (row["reply"], row["grade"])
