"""Kappa against its definition, its interval, and which samples judge and person are apart on."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.grading.agreement import INTERVAL_FROM, agreement, kappa
from tui.model import TIE, Answer, HumanScore, Judgement, OutcomeKind, Sample, SampleKind

AT = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
SCORES = st.integers(1, 5)


def sample(
    number: int, judge: dict[str, float], person: dict[str, int], better: str = TIE, failed: str = ""
) -> Sample:
    return Sample(
        id=number,
        at=AT,
        at_s=float(number),
        task="default",
        kind=SampleKind.PAIR,
        messages=(),
        answers=(Answer("old", OutcomeKind.OK, "a"), Answer("new", OutcomeKind.OK, "b")),
        judged=Judgement(AT, "old", judge, better, failed=failed) if judge or failed else None,
        human={name: HumanScore(value, "ann", AT) for name, value in person.items()},
    )


def by_definition(pairs: list[tuple[int, int]]) -> float | None:
    """From the table of counts and the weights (i - j)^2 / (5 - 1)^2."""
    n = len(pairs)
    if not n:
        return None
    grades = range(1, 6)
    seen = sum(pairs.count((i, j)) / n * (i - j) ** 2 / 16 for i in grades for j in grades)
    judges = {i: sum(x == i for x, _ in pairs) / n for i in grades}
    persons = {j: sum(y == j for _, y in pairs) / n for j in grades}
    by_chance = sum(judges[i] * persons[j] * (i - j) ** 2 / 16 for i in grades for j in grades)
    return 1 - seen / by_chance if by_chance > 1e-12 else None


@given(st.lists(st.tuples(SCORES, SCORES), max_size=30))
def test_kappa_is_what_its_definition_says(pairs: list[tuple[int, int]]) -> None:
    expected = by_definition(pairs)
    assert kappa(pairs) == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_kappa_at_its_marks() -> None:
    assert kappa([(1, 1), (5, 5), (3, 3)]) == pytest.approx(1.0)
    assert kappa([(1, 5), (5, 1)]) == pytest.approx(-1.0)
    assert kappa([(1, 1), (1, 5), (5, 1), (5, 5)]) == pytest.approx(0.0)
    assert kappa([(4, 4), (4, 4)]) is None
    # Scores need not be whole: mean squared gap 1/6, expected by chance 39.5/3 + 35/3 - 2 * 10/3 * 3 = 29/6.
    assert kappa([(3.5, 3), (1.5, 1), (5, 5)]) == pytest.approx(1 - 1 / 29)


def test_only_answers_scored_by_both_count() -> None:
    found = agreement(
        [
            sample(1, {"old": 4, "new": 2}, {"old": 4, "new": 3}, better="old"),
            sample(2, {"old": 5, "new": 1}, {"new": 3}, better="old"),
            sample(3, {}, {"old": 1, "new": 5}),
            sample(4, {}, {"old": 1, "new": 5}, failed="HTTP 503"),
            sample(5, {"old": 3, "new": 3}, {}),
            sample(6, {"old": 3, "new": 4}, {"old": 5, "new": 1}, better="new"),
            sample(7, {"old": 3, "new": 3}, {"old": 5, "new": 1}),
        ]
    )
    assert (found.answers, found.samples) == (7, 4)
    assert (found.same, found.within_1) == (1, 2)
    assert found.kappa == kappa([(4, 4), (2, 3), (1, 3), (3, 5), (4, 1), (3, 5), (3, 1)])
    assert (found.low, found.high) == (None, None)


def test_nothing_scored_is_no_agreement() -> None:
    found = agreement([])
    assert (found.answers, found.samples, found.kappa, found.low) == (0, 0, None, None)


def scored(count: int, rng: random.Random, noise: float = 0.8) -> list[Sample]:
    def grade(value: float) -> int:
        return min(max(round(value), 1), 5)

    samples = []
    for number in range(count):
        base = rng.gauss(3.4, 0.9)
        quality = {"old": base + rng.gauss(0, 0.5), "new": base + rng.gauss(0, 0.5)}
        judge = {name: float(grade(value + rng.gauss(0, noise))) for name, value in quality.items()}
        person = {name: grade(value + rng.gauss(0, 0.6)) for name, value in quality.items()}
        samples.append(sample(number, judge, person))
    return samples


def test_an_interval_is_given_from_thirty_samples_on_and_holds_the_truth() -> None:
    rng = random.Random(4)
    assert agreement(scored(INTERVAL_FROM - 1, rng)).low is None
    truth = agreement(scored(5_000, rng)).kappa
    assert truth is not None
    held = 0
    for _ in range(200):
        found = agreement(scored(INTERVAL_FROM, rng))
        assert found.low is not None
        assert found.high is not None
        assert found.kappa is not None
        assert -1 < found.low < found.kappa < found.high < 1
        held += found.low <= truth <= found.high
    assert 180 <= held < 200


def test_full_agreement_says_nothing_of_the_spread() -> None:
    samples = [sample(n, {"old": 1.0 + n % 5}, {"old": 1 + n % 5}) for n in range(60)]
    found = agreement(samples)
    assert found.kappa == pytest.approx(1.0)
    assert (found.low, found.high) == (None, None)
