"""One reply, graded: from the name of a match kind to its grader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from tui.base.text import plain
from tui.grading.choice import grade_choice, letter_expected
from tui.grading.grades import BadExpected, ungraded
from tui.grading.json_equality import grade_json, json_expected
from tui.grading.label import grade_label, label_expected
from tui.grading.literal import exact_expected, grade_exact
from tui.grading.number import grade_number, number_expected
from tui.grading.patterns import grade_regex, pattern_expected
from tui.grading.reading import read
from tui.grading.yesno import grade_yesno, yesno_expected
from tui.model import Grade, Mark

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

_CHECKS: Mapping[str, Callable[[str], object]] = {
    "number": number_expected,
    "choice": letter_expected,
    "yesno": yesno_expected,
    "label": label_expected,
    "exact": exact_expected,
    "regex": pattern_expected,
    "json": json_expected,
    "reference": str,
}

MATCHES = tuple(_CHECKS)
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
    if kind == "reference":
        return Grade(Mark.FOR_JUDGE, "", "a reference text, not a right answer")
    if kind == "json":
        return grade_json(reply, expected)
    if kind == "regex":
        return grade_regex(reply, expected)
    if kind == "exact":
        return grade_exact(reply, expected)
    reading = read(reply)
    if not reading.lines:
        return ungraded("the reply is empty")
    if kind == "number":
        return grade_number(reading, expected)
    if kind == "choice":
        return grade_choice(reading, expected, options)
    if kind == "yesno":
        return grade_yesno(reading, expected)
    return grade_label(reading, expected, labels)


def kind_of(
    expected: str, match: str, *, options: Mapping[str, str] = NO_OPTIONS, labels: Sequence[str] = ()
) -> str:
    """The match kind by which a task is graded, after a check that its expected answer is of that kind.

    It is ``match``, save for a ``label`` task without known labels: where its options are lettered it is graded
    as ``choice``, where Yes or No is expected as ``yesno``. Raises UnknownMatch and BadExpected.
    """
    if match not in _CHECKS:
        raise UnknownMatch(f"match {plain(repr(match), 40)} is not known; known are {', '.join(MATCHES)}")
    if match == "label" and not labels:
        match = _kind_of_label(expected, options)
    _CHECKS[match](expected)
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
