"""The rules by which replies are graded, one by one: label, exact, regex, json."""

from __future__ import annotations

import re

import pytest

from tests.grading.test_graders import mark, taken
from tui.grading import BadExpected, grade
from tui.grading import literal as patterns
from tui.model import Mark

LABELS = (
    "affiliate license-licensee",
    "cap on liability",
    "uncapped liability",
    "ip ownership assignment",
    "joint ip ownership",
    "license grant",
    "non-compete",
    "audit rights",
    "rofr-rofo-rofn",
)
SECTIONS = ("PLAN", "EXAM", "FAM/SOCHX", "OTHER_HISTORY", "CC", "GENHX")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("license grant", "license grant"),
        ("License Grant.", "license grant"),
        ("LICENSE GRANT", "license grant"),
        ("Label: license grant", "license grant"),
        ("**Label:** Non-Compete", "non-compete"),
        ("Noncompete", "non-compete"),
        ("non_compete", "non-compete"),
        ("audit right", "audit rights"),
        ("ROFR/ROFO/ROFN", "rofr-rofo-rofn"),
        ("Affiliate License - Licensee", "affiliate license-licensee"),
        ("$\\boxed{\\text{license grant}}$", "license grant"),
        ('{"label": "license grant"}', "license grant"),
        ("License Grant clause", "license grant"),
        ("This is a license grant clause.", "license grant"),
        ("The clause falls under license grant.", "license grant"),
        ("I would classify it as license grant, rather than audit rights.", "license grant"),
        (
            "This clause is about who owns what. It is best described as joint IP ownership.",
            "joint ip ownership",
        ),
        ("uncapped liability", "uncapped liability"),
        ("The liability here is not limited: uncapped liability.", "uncapped liability"),
        ("It could be audit rights.\n\nFinal answer: license grant", "license grant"),
        ("license grant\n\nIt is neither audit rights nor a cap on liability.", "license grant"),
        ("It is not a license grant but a non-compete.", "non-compete"),
        ("license grant. The label is license grant.", "license grant"),
        ("License grant: the licensee may use it.", "license grant"),
        ("Candidates are audit rights and license grant. Therefore: license grant", "license grant"),
        ("One could argue for audit rights, but license grant is the better fit.", "license grant"),
        ("Label: license grant, audit rights", "?"),
        ("license grant or audit rights", "?"),
        ("The label is license grant. The label is audit rights.", "?"),
        ("Both license grant and audit rights apply.", "?"),
        ("None of these.", "?"),
    ],
)
def test_which_label_is_named(reply: str, answer: str) -> None:
    assert taken(reply, "license grant", "label", labels=LABELS) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("PLAN", "PLAN"),
        ("plan", "PLAN"),
        ("fam/sochx", "FAM/SOCHX"),
        ("FAM/SOCHX (family and social history)", "FAM/SOCHX"),
        ("Other History", "OTHER_HISTORY"),
        ("The doctor does an exam and makes a plan; it belongs to GENHX.", "GENHX"),
        ("They talk about the plan and the exam. CC", "CC"),
        ("They talk about the plan.", "?"),
    ],
)
def test_labels_in_capitals_are_not_found_in_running_text_in_small_letters(reply: str, answer: str) -> None:
    assert taken(reply, "PLAN", "label", labels=SECTIONS) == answer


def test_without_the_other_labels_the_statement_or_the_short_reply_is_the_answer() -> None:
    assert mark("UCC", "UCC", "label") is Mark.RIGHT
    assert mark("Governed by: UCC", "UCC", "label") is Mark.RIGHT
    assert taken("Common law", "UCC", "label") == "Common law"
    assert taken("The answer is common law.", "UCC", "label") == "common law"
    assert mark("It is a long story.\nIt has several parts.", "UCC", "label") is Mark.UNGRADED


def test_labels_that_are_letters_or_yes_and_no_are_graded_as_such() -> None:
    options = {"A": "Yes", "B": "No", "C": "It's ambiguous"}
    assert taken("It’s ambiguous", "C", "label", options=options) == "C"
    assert taken("B: No", "C", "label", options=options) == "B"
    assert taken("No, it does not.", "Yes", "label") == "No"


@pytest.mark.parametrize(
    ("reply", "is_right"),
    [
        ("Paris", True),
        ("  Paris.\n", True),
        ('"Paris"', True),
        ("**Paris**", True),
        ("```\nParis\n```", True),
        ("The capital of France is a city on the Seine.\nAnswer: Paris", True),
        ("Let me think.\n\nParis", True),
        ("paris", False),
        ("Paris, France", False),
        ("It is Paris", True),
        ("The capital of France is Paris.", True),
        ('Therefore, the answer is "Paris".', True),
        ("The answer is “Paris.”", True),
        ("The answer is `Paris`, because it is the capital.", True),
        ("The answer is Paris. I hope this helps!", True),
        ("That's `Paris`.", True),
        ('This is a "Paris" question.', True),
        ("[Paris]", True),
        ("Paris\n\nIt has been the capital of France for centuries.", True),
        ("It's `Lyon`, not `Paris`.", False),
        ("It is not Paris", False),
        ('The answer is "Lyon". Paris is larger.', False),
        ("The answer is Paris, France", False),
    ],
)
def test_an_exact_answer_is_the_text_letter_for_letter(reply: str, is_right: bool) -> None:
    assert grade(reply, "Paris", "exact").mark is (Mark.RIGHT if is_right else Mark.WRONG)


@pytest.mark.parametrize(
    ("reply", "expected", "is_right"),
    [
        ("> > }", "> > }", True),
        ("> }", "> > }", False),
        ("The answer is > > }.", "> > }", True),
        ("# heading", "# heading", True),
        ("heading", "# heading", False),
        ("$5", "$5", True),
        ("The price is **$5**.", "$5", True),
        ("5", "$5", False),
        ("<b>x</b>", "<b>x</b>", True),
        ("```python\nf(**x) * y**2\n```", "f(**x) * y**2", True),
        ("**Paris**", '"Paris"', True),
        ('{"answer": "x"}', '{"answer": "x"}', True),
        ("__init__", "__init__", True),
        ("```\nx\n```", "```\nx\n```", True),
        ("init", "__init__", False),
        ("The answer is Mr. Smith.", "Mr. Smith", True),
    ],
)
def test_marks_of_an_exact_answer_count_where_it_has_them(reply: str, expected: str, is_right: bool) -> None:
    assert grade(reply, expected, "exact").mark is (Mark.RIGHT if is_right else Mark.WRONG)


def test_an_exact_answer_that_is_given_twice_differently_is_no_answer() -> None:
    assert mark("Answer: Paris\nAnswer: London", "Paris", "exact") is Mark.UNGRADED


def test_a_pattern_is_searched_in_the_reply_as_it_is() -> None:
    assert mark("The order number is AB-1234.", r"\b[A-Z]{2}-\d{4}\b", "regex") is Mark.RIGHT
    assert mark("The order number is AB-123.", r"\b[A-Z]{2}-\d{4}\b", "regex") is Mark.WRONG
    assert mark("Visit PARIS, in France", r"(?i)\bparis\b.*france", "regex") is Mark.RIGHT
    assert mark("", ".*", "regex") is Mark.UNGRADED
    assert mark("x" * 200_000 + " 42", r"\b42$", "regex") is Mark.RIGHT
    assert mark("Zürich \ud800 42", r"(?m)^Zürich .* 42$", "regex") is Mark.RIGHT


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"(\w)\1", r"invalid escape sequence: \1"),
        ("(?=a)", "invalid perl operator: (?="),
        ("a++", "bad repetition operator: ++"),
        ("((a{99}){99}){99}", "invalid repetition size"),
        (r"(\pL{1,100} ?){5}Z", "pattern too large"),
        ("[a", "missing ]: [a"),
        ("x" * 1001, "the limit is 1,000"),
        ("\ud800", "half of a surrogate pair"),
    ],
)
def test_a_pattern_that_cannot_be_searched_safely_is_refused(pattern: str, says: str) -> None:
    with pytest.raises(BadExpected, match=re.escape(says)):
        grade("anything", pattern, "regex")


def test_without_re2_a_pattern_is_refused_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mark("Paris", "Pa.is", "regex") is Mark.RIGHT
    monkeypatch.setattr(patterns, "re2", None)
    with pytest.raises(BadExpected, match=re.escape("pip install 'canarytop[patterns]'")):
        grade("Paris", "Pa.is", "regex")
    assert mark("Paris", "Paris", "exact") is Mark.RIGHT


@pytest.mark.parametrize(
    ("reply", "is_right"),
    [
        ('{"a": 1, "b": [true, null]}', True),
        ('{"b":[true,null],"a":1.0}', True),
        ('```json\n{"a": 1, "b": [true, null]}\n```', True),
        ('Here it is:\n\n```\n{"a": 1e0, "b": [true, null]}\n```\nAnything else?', True),
        ('The result [see below] is {"a": 1, "b": [true, null]}.', True),
        ('{"a": 1, "b": [true, null]} and once more {"b": [true, null], "a": 1}', True),
        ('{"a": 1, "b": [1, null]}', False),
        ('{"a": 1}', False),
        ('[{"a": 1, "b": [true, null]}]', False),
        ('{"a": "1", "b": [true, null]}', False),
    ],
)
def test_json_is_compared_by_value(reply: str, is_right: bool) -> None:
    assert grade(reply, '{"a": 1, "b": [true, null]}', "json").mark is (Mark.RIGHT if is_right else Mark.WRONG)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ('{"a": 1} or {"a": 2}', "several JSON values that differ"),
        ('{"x": oops {"a": 1}}', "broken JSON"),
        ('{"a": NaN}', "a number that is not known in JSON"),
        ("{" * 20, "no JSON found"),
        ("[" * 100_000, "JSON nested too deeply"),
        ('{"a":' * 50_000, "JSON nested too deeply"),
        ("no JSON here", "no JSON found"),
    ],
)
def test_json_that_is_not_one_value_is_no_answer(reply: str, why: str) -> None:
    found = grade(reply, '{"a": 1}', "json")
    assert (found.mark, found.why) == (Mark.UNGRADED, why)


def test_json_numbers_are_neither_rounded_nor_too_large() -> None:
    assert mark('{"a": 0.10}', '{"a": 0.1}', "json") is Mark.RIGHT
    assert mark("9007199254740993", "9007199254740992", "json") is Mark.WRONG
    assert mark("1e999999", "1", "json") is Mark.WRONG
    assert mark("1" * 10_000, "1", "json") is Mark.WRONG
    assert mark("true", "1", "json") is Mark.WRONG
