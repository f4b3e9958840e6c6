"""The graders on answers worded in many ways, a few items of every task file."""

from __future__ import annotations

import random
from types import ModuleType

import pytest

from bench import phrasings, phrasings_fifth, phrasings_fourth, phrasings_second, phrasings_third
from bench.graders import TASKS, Result, cases, table
from tui.grading.task_files import grade_item, read_task_file

ITEMS_A_FILE = 4
SHORT = tuple(name for name in phrasings.PHRASINGS if name != "100 kB")


@pytest.mark.skipif(not TASKS.is_dir(), reason="task files (../shared/data/tasks) are not here")
@pytest.mark.parametrize(
    "wordings",
    [phrasings, phrasings_second, phrasings_third, phrasings_fourth, phrasings_fifth],
    ids=lambda module: module.__name__,
)
def test_answers_are_graded_as_a_person_would(wordings: ModuleType) -> None:
    rng = random.Random(7)
    results = [
        Result(case, grade_item(item, case.reply))
        for path in sorted(TASKS.glob("*.jsonl"))
        for item in rng.sample(read_task_file(path).items, ITEMS_A_FILE)
        for case in cases(item, wordings, rng, SHORT)
    ]
    missed = [
        (result.case.reply[-200:], result.case.should, result.grade) for result in results if not result.met
    ]
    assert not missed
    assert f"all: {len(results):,} of {len(results):,}" in list(table({"all": results}))[-1]
