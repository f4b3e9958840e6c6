"""Graders: one table from the match kind of a task to the function that grades a reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from tui.base.text import plain
from tui.grading.choice import grade_choice, letter_expected
from tui.grading.json_equality import grade_json, json_expected
from tui.grading.label import grade_label, label_expected
from tui.grading.literal import exact_expected, grade_exact, grade_regex, pattern_expected
from tui.grading.number import grade_number, number_expected
from tui.grading.reading import BadExpected, Reading, read, ungraded
from tui.grading.yesno import grade_yesno, yesno_expected
from tui.model import Grade, Mark

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Reply:
    """Reply of a model and what a task says of the answer to it."""

    text: str
    expected: str
    options: Mapping[str, str]
    labels: Sequence[str]

    @cached_property
    def reading(self) -> Reading:
        return read(self.text)


@dataclass(frozen=True, slots=True)
class Grader:
    """Grader of one match kind. ``check`` raises BadExpected for an expected answer that is not of the kind;
    ``reads``: it takes the reply as a person reads it, which must not be empty."""

    match: str
    check: Callable[[str], object]
    grade: Callable[[Reply], Grade]
    reads: bool = False


GRADERS = {
    row.match: row
    for row in (
        Grader("number", number_expected, lambda of: grade_number(of.reading, of.expected), reads=True),
        Grader(
            "choice", letter_expected, lambda of: grade_choice(of.reading, of.expected, of.options), reads=True
        ),
        Grader("yesno", yesno_expected, lambda of: grade_yesno(of.reading, of.expected), reads=True),
        Grader("label", label_expected, lambda of: grade_label(of.reading, of.expected, of.labels), reads=True),
        Grader("exact", exact_expected, lambda of: grade_exact(of.text, of.expected)),
        Grader("regex", pattern_expected, lambda of: grade_regex(of.text, of.expected)),
        Grader("json", json_expected, lambda of: grade_json(of.text, of.expected)),
        Grader("reference", str, lambda of: Grade(Mark.FOR_JUDGE, "", "a reference text, not a right answer")),
    )
}

MATCHES = tuple(GRADERS)
"""Every match kind, by the names that stand in task files."""


class UnknownMatch(ValueError):
    """A match kind that no grader knows; the text says which are known."""


def grade(
    reply: str,
    expected: str,
    match: str,
    *,
    options: Mapping[str, str] = NO_OPTIONS,
    labels: Sequence[str] = (),
) -> Grade:
    """Grade a reply against the expected answer. No reply raises, whatever is in it.

    ``options`` (letter -> text) and ``labels`` are what the prompt allows, see ``prompts``. Raises
    UnknownMatch, and BadExpected when the expected answer is not of the kind.
    """
    kind = kind_of(expected, match, options=options, labels=labels)
    grader, given = GRADERS[kind], Reply(reply, expected, options, labels)
    if grader.reads and not given.reading.lines:
        return ungraded("the reply is empty")
    return grader.grade(given)


def kind_of(
    expected: str, match: str, *, options: Mapping[str, str] = NO_OPTIONS, labels: Sequence[str] = ()
) -> str:
    """The match kind by which a task is graded, after a check that its expected answer is of that kind.

    It is ``match``, save for a ``label`` task without known labels: where its options are lettered it is graded
    as ``choice``, where Yes or No is expected as ``yesno``. Raises UnknownMatch and BadExpected.
    """
    if match not in GRADERS:
        raise UnknownMatch(f"match {plain(repr(match), 40)} is not known; known are {', '.join(MATCHES)}")
    if match == "label" and not labels:
        match = _kind_of_label(expected, options)
    GRADERS[match].check(expected)
    if match == "choice":
        letter_expected(expected, options)
    return match


def _kind_of_label(expected: str, options: Mapping[str, str]) -> str:
    for kind, check in (("choice", letter_expected), ("yesno", yesno_expected)):
        try:
            check(expected)
        except BadExpected:
            continue
        if kind == "yesno" or options:
            return kind
    return "label"
