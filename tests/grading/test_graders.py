"""The rules by which replies are graded, one by one: number, choice, yesno."""

from __future__ import annotations

import re

import pytest

from tui.grading import MATCHES, BadExpected, UnknownMatch, grade
from tui.model import Grade, Mark

OPTIONS = {"A": "5 minutes", "B": "14 minutes", "C": "A contract is void", "D": "p = 8", "E": "-17"}
RULES = {"A": "No", "B": "Yes, because the offer stood", "C": "It is ambiguous"}


def mark(reply: str, expected: str, match: str, **more: object) -> Mark:
    return grade(reply, expected, match, **more).mark  # type: ignore[arg-type]


def taken(reply: str, expected: str, match: str, **more: object) -> str:
    """What was taken as the answer, with a question mark where there was none."""
    found = grade(reply, expected, match, **more)  # type: ignore[arg-type]
    return "?" if found.mark is Mark.UNGRADED else found.answer


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("24", "24"),
        ("24.00", "24"),
        ("twenty-four", "24"),
        ("The answer is two.", "2"),
        ("one", "1"),
        ("one hundred and five", "105"),
        ("two thousand one hundred twenty-five", "2125"),
        ("minus fifty", "-50"),
        ("negative three", "-3"),
        ("$1,234.50", "1234.5"),
        ("USD 18,000", "18000"),
        ("€ 18 000", "18000"),
        ("18\u202f000", "18000"),
        ("1'234'567", "1234567"),
        ("It costs US$24.", "24"),
        ("−50", "-50"),
        ("–50", "-50"),
        ("-$1,960", "-1960"),
        ("$-1,960", "-1960"),
        ("x = - 5", "-5"),
        ("１２", "12"),
        ("60%", "60"),
        ("60 percent", "0.6"),
        ("0.6", "60%"),
        ("60", "60 %"),
        ("1/2", "0.5"),
        ("0.5", "1/2"),
        ("½", "0.5"),
        ("1 1/2", "1.5"),
        ("fifty-two point six two", "52.62"),
        ("52.620000001", "52.62"),
        ("1.3333333333333335", "1.3333333333333333"),
        ("0.30000000000000004", "3/10"),
        (r"$\frac{3}{4}$", "0.75"),
        (r"\dfrac12", "0.5"),
        ("1.5e3", "1500"),
        ("1.5 × 10^3", "1500"),
        (r"$1.5 \times 10^{3}$", "1500"),
        ("18k", "18000"),
        ("2.5 million", "2500000"),
        ("5 million", "5"),
        ("2/3", "0.67"),
        ("0.6667", "0.67"),
        (r"18\,000", "18000"),
        (r"18{,}000", "18000"),
        ("24 cm²", "24"),
        ("24 m^2", "24"),
        ("30mph", "30"),
        ('{"answer": 24}', "24"),
        ("<answer>24</answer>", "24"),
    ],
)
def test_numbers_are_read_as_people_write_them(reply: str, expected: str) -> None:
    assert mark(reply, expected, "number") is Mark.RIGHT


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("25", "24"),
        ("24.3", "24"),
        ("0.6", "60"),
        ("-24", "24"),
        ("2.54", "2.5"),
        ("1000000", "1000001"),
        ("1 hour 12 minutes", "72"),
        ("1e999999", "24"),
        ("9" * 5000, "24"),
        ("5/0", "5"),
    ],
)
def test_other_numbers_are_wrong(reply: str, expected: str) -> None:
    assert mark(reply, expected, "number") is Mark.WRONG


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("First 12, then 30.\n#### 24", "24"),
        ("#### 1,234", "1,234"),
        ("#### Answer: 24", "24"),
        ("**Answer:** 24 apples (12 red, 12 green)", "24"),
        ("The answer is 12 + 12 = 24.", "24"),
        ("The answer is 24, that is 2 dozen.", "24"),
        ("Thus $\\boxed{24}$ apples, 6 fewer than 30.", "24"),
        ("\\boxed{\\text{24 apples}}", "24"),
        ("Answer:\n\n24", "24"),
        ("## Final Answer\n24", "24"),
        ("24\n\nThere are 3 boxes with 8 apples in each.", "24"),
        ("She has **24** apples. That is 4 more than 20.", "24"),
        ("12 + 12 = 24", "24"),
        ("36-12=24", "24"),
        ("12 - 36 = -24", "-24"),
        ("The answer is 36-12=24.", "24"),
        ("The final amount for the day is $42, of which 18 were spent.\nA: 24", "24"),
        ("She pays $24 for the 16 glasses.", "24"),
        ("She has 24 marbles, 12 of which are blue.", "24"),
        ("The first one is done. It takes 24 minutes (2 hours and 30 minutes less).", "24"),
        ("Solution x = 24", "24"),
        ("5 apples plus 19 pears makes 24 fruits in 3 baskets", "24"),
        ("So she has 24 apples left from the original 30.", "24"),
        ("There are 24 apples in the 3 baskets.", "24"),
        ("He drove 45 miles in 4 hours.", "45"),
        ("So the total is \\(24\\) apples.", "24"),
        ("1. Add 3.\n2. Add 4.\n3. The rest is easy.", "4"),
        ("On 07/01/1972 at 12:30 there were 24.", "24"),
        ("The answer is not 12. It comes to 24.", "24"),
        ("Is the answer 12? It comes to 24.", "24"),
        ("One might think the answer is 12. It is 24.", "24"),
        ("The answer is 12. Wait, the answer is 24.", "24"),
        ("The answer is 12.\n\nFinal answer: 24", "24"),
        ("<think>the answer is 12</think>24", "24"),
        ("The answer is 24. Again: 24.", "24"),
        ("one apple and one pear: that is two", "two"),
        ("The answer is 12. The answer is 24.", "?"),
        ("Answer: 12\nAnswer: 24", "?"),
        ("12\n\n24", "?"),
        ("The answer is 12 (or 24).", "?"),
        ("Answer: 24\n\nOr is it 24 or 25?", "?"),
        ("You have 24 fruits: three apples and a lot of plums.", "24"),
        ("It is 24.\n\nNote: that is 12 + 12.", "24"),
        ("The answer is 12 or 24.", "?"),
        ("It is between 12 and 24.", "?"),
        ("12–24", "?"),
        ("", "?"),
        ("N/A", "?"),
        ("NaN", "?"),
        ("Infinity", "?"),
        ("No one knows.", "?"),
    ],
)
def test_which_number_is_the_answer(reply: str, answer: str) -> None:
    assert taken(reply, "24", "number") == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(B)", "B"),
        ("B.", "B"),
        ("B) 14 minutes", "B"),
        ("Option B", "B"),
        ("option b", "B"),
        ("The correct answer is (B) 14 minutes.", "B"),
        ("**Answer:** B", "B"),
        ("$\\boxed{\\text{(B)}}$", "B"),
        ("\\boxed{B}", "B"),
        ('{"answer": "B"}', "B"),
        ("14 minutes", "B"),
        ("It takes her 14 minutes.", "B"),
        ("The answer is 14 minutes, since 70/5 = 14.", "B"),
        ("8", "D"),
        ("The answer is p = 8.", "D"),
        ("−17", "E"),
        ("The answer is A contract is void", "C"),
        ("A contract is void.", "C"),
        ("A", "A"),
        ("A.", "A"),
        ("The answer is A.", "A"),
        ("A is correct.", "A"),
        ("I would go with B.", "B"),
        ("I think B is the best option.", "B"),
        ("B is correct because A ignores the rate.", "B"),
        ("(a) The speed is 3. (b) The time is 4. The answer is (B).", "B"),
        ("(a) The speed is 3. (b) The time is 4. So it must be (D).", "D"),
        ("The solution p = 8 is not valid. The answer is (B).", "B"),
        ("Option B is correct because 5 + 9 = 14.", "B"),
        ("The answer must be more than 5 minutes. The answer is (B).", "B"),
        ("A: 5 minutes is too short. The answer is B.", "B"),
        ("A is wrong. C is wrong. B is correct.", "B"),
        ("A: 5 minutes - incorrect\nB: 14 minutes - correct\nC: void - incorrect", "B"),
        ("A. 5 minutes ❌\nB. 14 minutes ✅", "B"),
        ("B\n\nA is too short. C and D do not fit.", "B"),
        ("Answer: B, not C", "B"),
        ("One might say the answer is A, but the answer is B.", "B"),
        ("The answer is C. Wait, the answer is B.", "B"),
        ("C looks good at first.\n\nFinal answer: B", "B"),
        ("B or C", "?"),
        ("The answer is A or B.", "?"),
        ("Both A and B are correct.", "?"),
        ("A, B and D", "?"),
        ("(B) 5 minutes", "?"),
        ("A. 5 minutes\nB. 14 minutes", "?"),
        ("The answer is A. The answer is B.", "?"),
        ("Neither A nor C works, therefore B.", "B"),
        ("It may be A or it may be B.", "?"),
        ("A / B", "?"),
        ("answer is b", "B"),
        ("It depends on a number of things.", "?"),
        ("N/A", "?"),
    ],
)
def test_which_option_is_picked(reply: str, answer: str) -> None:
    assert taken(reply, "B", "choice", options=OPTIONS) == answer


def test_options_that_are_words_count_where_an_answer_stands() -> None:
    assert taken("Yes, because the offer stood.", "B", "choice", options=RULES) == "B"
    assert taken("No", "B", "choice", options=RULES) == "A"
    assert taken("No claim is made here that it is ambiguous", "B", "choice", options=RULES) == "C"


def test_two_options_with_one_text_are_one() -> None:
    twins = {"A": "687", "B": "687", "C": "1,493"}
    assert mark("The difference is 687.", "A", "choice", options=twins) is Mark.RIGHT
    assert mark("1493", "A", "choice", options=twins) is Mark.WRONG


def test_dates_are_compared_without_leading_zeros() -> None:
    dates = {"A": "07/01/1972", "B": "07/11/1972"}
    assert taken("It was 7/1/1972.", "(A)", "choice", options=dates) == "A"


def test_without_options_any_letter_may_be_picked() -> None:
    assert taken("(E)", "(E)", "choice") == "E"
    assert taken("I am not sure.", "(E)", "choice") == "?"
    assert taken("I'm not able to say.", "(E)", "choice") == "?"
    assert taken("'E'", "(E)", "choice") == "E"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Yes", "Yes"),
        ("yes.", "Yes"),
        ("NO", "No"),
        ("Yes — the clause grants it.", "Yes"),
        ("No, the clause does not grant it.", "No"),
        ("No clause here grants it.", "No"),
        ("**No**", "No"),
        ("$\\boxed{\\text{Yes}}$", "Yes"),
        ("Label: No", "No"),
        ("The answer is no.", "No"),
        ("The answer is a clear yes.", "Yes"),
        ("I would say yes.", "Yes"),
        ("True", "Yes"),
        ("False.", "No"),
        ("Nope", "No"),
        ("Does it name a date? No. Does it ask for anything? Yes.\n\nAnswer: Yes", "Yes"),
        ("Does it ask for anything? Yes.", "Yes"),
        ("There is no date and no deadline in it, so yes.", "Yes"),
        ("It names no other party. Therefore, no.", "No"),
        ("Yes, it looks so. Actually, no.", "No"),
        ("Yes, at first sight. But the second sentence takes it back, so the answer is No.", "No"),
        ("Yes or No: No", "No"),
        ("Yes/No? Yes.", "Yes"),
        ("It does.", "Yes"),
        ("It does not.", "No"),
        ("The clause does not describe an audit right.", "No"),
        ("This sentence doesn't make a request.", "No"),
        ("No doubt about it: yes.", "Yes"),
        ('"Yes"', "Yes"),
        ("Yes. No.", "?"),
        ("Yes and no.", "?"),
        ("Yes or No", "?"),
        ("Yes.\n\nNo, the clause does not say so.", "?"),
        ("The answer is Yes. The answer is No.", "?"),
        ("Answer: Yes\nAnswer: No", "?"),
        ("If it covered affiliates, the answer would be No. As it stands, the answer is Yes.", "Yes"),
        ("There is support for it. On balance, though, no.", "No"),
        ("Yes, but also no.", "?"),
        ("Partly yes, partly no.", "?"),
        ("It depends.", "?"),
        ("There is no way to tell.", "?"),
        (
            "For small ones the answer is yes. But overall we cannot tell.\nTherefore, the answer is unknown.",
            "?",
        ),
        ("Yes, for some. Overall, it depends.", "?"),
        ("No. From the text alone, that cannot be determined.", "?"),
        ("Answer: Unclear", "?"),
        ("It is not known whether he ever met her.", "?"),
        ("It is not clear if he did.", "?"),
        ("The text does not say whether it does.", "?"),
        ("It is not known whether fish sleep, but the answer is yes.", "Yes"),
        ("It depends on the wording, but here yes.", "Yes"),
        ("Yes. The exact date is unknown.", "Yes"),
        ("No. It is unknown who wrote it.", "No"),
        ("The clause does not mention affiliates.", "No"),
        ("The statement is false.", "No"),
    ],
)
def test_whether_yes_or_no_was_said(reply: str, answer: str) -> None:
    assert taken(reply, "Yes", "yesno") == answer


def test_a_grade_says_what_was_taken_and_why() -> None:
    assert grade("So 12 + 12 = 24", "24", "number") == Grade(Mark.RIGHT, "24", "the last number")
    assert grade("**B**", "A", "choice") == Grade(Mark.WRONG, "B", "stated as the answer")
    assert grade(" ", "Yes", "yesno") == Grade(Mark.UNGRADED, "", "the reply is empty")


def test_an_ungraded_reply_is_not_right_and_a_reference_is_neither() -> None:
    assert grade("24", "24", "number").is_right is True
    assert grade("25", "24", "number").is_right is False
    assert grade("no idea", "24", "number").is_right is False
    reference = grade("The patient is well.", "Patient doing well.", "reference")
    assert (reference.mark, reference.is_right) == (Mark.FOR_JUDGE, None)


def test_an_unknown_match_kind_is_refused_by_name() -> None:
    with pytest.raises(UnknownMatch, match=f"'fuzzy' is not known; known are {', '.join(MATCHES)}"):
        grade("24", "24", "fuzzy")


@pytest.mark.parametrize(
    ("expected", "match", "says"),
    [
        ("many", "number", "expected is no number: many"),
        ("24 or 25", "number", "expected is no number"),
        ("1e999", "number", "expected is no number"),
        ("maybe", "yesno", "neither Yes nor No: maybe"),
        ("(AB)", "choice", "expected is no option"),
        (" - ", "label", "expected is empty"),
        (" ", "exact", "expected is empty"),
        ("{", "json", "expected is no JSON value"),
        ("(a", "regex", "expected is no usable pattern: missing )"),
    ],
)
def test_an_expected_answer_of_another_kind_is_refused(expected: str, match: str, says: str) -> None:
    with pytest.raises(BadExpected, match=re.escape(says)):
        grade("anything", expected, match)


def test_an_expected_letter_that_is_no_option_is_refused() -> None:
    with pytest.raises(BadExpected, match="the options are A, B, C"):
        grade("A", "F", "choice", options=RULES)
