"""Graders of replies to task files with known answers: is the answer right?

Every grader is a pure function of the reply and the task; its rules stand in its docstring. A reply is RIGHT or
WRONG when an answer was found in it, UNGRADED when none was found or when it contradicts itself. For accuracy
an ungraded reply counts as not right (``Grade.is_right``): the task asked for an answer and the user did not
get one. It keeps its own word so that it can be shown and reviewed. A task with a reference text has no right
and wrong: its mark is FOR_JUDGE, and it does not count.

Of a long reply the first 28,000 and the last 100,000 characters are read (JSON whole, up to 2,000,000).
"""

from __future__ import annotations

from tui.grading.graders import MATCHES, UnknownMatch, grade
from tui.grading.reading import BadExpected
from tui.grading.task_files import TaskFile, TaskFileRefused, TaskItem, grade_item, read_task_file

__all__ = [
    "MATCHES",
    "BadExpected",
    "TaskFile",
    "TaskFileRefused",
    "TaskItem",
    "UnknownMatch",
    "grade",
    "grade_item",
    "read_task_file",
]
