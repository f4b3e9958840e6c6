"""A judge that fails, prefers a place or drifts is noticed; one that does not is left alone."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest

from bench.judging import Pretend, drift_found, preference_found
from tests.grading.test_agreement import AT
from tui.grading.judgement import failed_judgement
from tui.model import TIE, Judgement, JudgeView
from tui.shadow.judge_health import ALPHA, FAILING_IN_A_ROW, RECENT, JudgeHealth, _Anchors, _Place

NEVER = 1e9


def judgement(first: str = "old", better: str = "old", *, score: float = 4.0) -> Judgement:
    return Judgement(AT, first, {"old": score, "new": score}, better)


def failure(why: str = "HTTP 503") -> Judgement:
    return failed_judgement(why, "old", AT, None)


def health() -> JudgeHealth:
    return JudgeHealth(random.Random(1))


# --- failures ---


def test_nothing_asked_says_nothing() -> None:
    assert health().view() == JudgeView()
    assert JudgeView().is_sound


def test_failures_are_counted_and_the_last_reason_is_said() -> None:
    seen = health()
    for n in range(40):
        seen.add(failure("the judge did not answer with JSON: hm") if n == 10 else judgement(better=TIE))
    view = seen.view()
    assert (view.asked, view.failed, view.recent, view.recent_failed_pct) == (40, 1, 40, 2.5)
    assert view.text == "no score for 1 of the last 40; last: the judge did not answer with JSON: hm"
    assert view.is_sound


def test_failures_in_a_row_are_called_at_once_and_end_with_a_score() -> None:
    seen = health()
    for _ in range(FAILING_IN_A_ROW - 1):
        seen.add(failure())
    assert not seen.view().failing
    seen.add(failure("HTTP 429: slow down"))
    assert seen.view().failing
    assert seen.view().text == "FAILING: no score 5 times in a row; last: HTTP 429: slow down"
    assert not seen.view().is_sound
    seen.add(judgement())
    assert not seen.view().failing


def test_a_fifth_of_failures_is_called_and_forgotten_when_it_is_over() -> None:
    seen = health()
    for n in range(30):
        seen.add(failure() if n % 5 == 0 else judgement(first=("old", "new")[n % 2]))
    assert seen.view().failing
    assert seen.view().text == "FAILING: no score for 6 of the last 30; last: HTTP 503"
    for n in range(RECENT):
        seen.add(judgement(first=("old", "new")[n % 2]))
    assert not seen.view().failing
    assert (seen.view().failed, seen.view().recent_failed_pct) == (6, 0.0)


def test_failures_say_nothing_of_place_and_drift() -> None:
    seen = health()
    for _ in range(200):
        seen.add_anchor("a", failure())
    assert seen.view().position == JudgeView().position
    assert seen.view().anchors == JudgeView().anchors


# --- place ---


def test_the_evidence_for_a_place_has_mean_one_when_the_place_is_chance() -> None:
    for n in (1, 2, 5, 10):
        total = 0.0
        for wins in itertools.product((True, False), repeat=n):
            place = _Place(NEVER)
            for is_first in wins:
                place.add(is_first)
            total += math.exp(place._log_e())
        assert total / 2**n == pytest.approx(1.0)


@pytest.mark.parametrize(("first_wins", "name"), [(True, "first"), (False, "second")])
def test_a_preference_for_a_place_is_said_with_its_share_and_stays_said(first_wins: bool, name: str) -> None:
    seen, rng = health(), random.Random(2)
    for n in range(200):
        first, other = ("old", "new") if rng.random() < 0.5 else ("new", "old")
        wins = first_wins if n % 20 < 15 else not first_wins
        seen.add(judgement(first, first if wins else other))
    view = seen.view()
    assert view.position.biased
    assert not view.is_sound
    assert view.position.text == (
        f"PREFERS the {name} answer: 75 % of 200; the order is random, so it favours no version"
    )
    for _ in range(120):
        seen.add(judgement("old", "new" if first_wins else "old"))
    assert seen.view().position.biased


def test_a_version_that_always_wins_is_no_preference_for_a_place() -> None:
    seen, rng = health(), random.Random(3)
    for _ in range(1000):
        seen.add(judgement("old" if rng.random() < 0.5 else "new", "old"))
    view = seen.view()
    assert not view.position.biased
    assert "no preference shown" in view.position.text
    assert view.position.first + view.position.second == 1000


def test_ties_do_not_count_for_a_place() -> None:
    seen = health()
    for _ in range(100):
        seen.add(judgement(better=TIE))
    assert seen.view().position == JudgeView().position


def test_a_bonus_of_a_point_is_noticed_within_some_dozen_judgements() -> None:
    found = [preference_found(run, Pretend(bonus=1.0), 200) for run in range(20)]
    assert all(found)
    assert statistics.median(number for number in found if number) < 40


def test_a_fair_judge_is_left_alone() -> None:
    alarms = [preference_found(run, Pretend(), 300) for run in range(40)]
    assert sum(number is not None for number in alarms) <= 3


# --- drift ---


def test_the_evidence_for_a_drift_does_not_grow_on_average_while_nothing_moves() -> None:
    normal = statistics.NormalDist()
    steps = 1000
    grid = [normal.inv_cdf((i + 0.5) / steps) for i in range(steps)]
    for before in ((), (0.3,), (-1.0, 2.0, 0.5), (0.1,) * 12):
        ends = []
        for last in grid:
            anchors = _Anchors(NEVER)
            for z in (*before, last):
                anchors._weigh(z)
            ends.append(math.exp(anchors._log_e()))
        anchors = _Anchors(NEVER)
        for z in before:
            anchors._weigh(z)
        assert statistics.fmean(ends) == pytest.approx(math.exp(anchors._log_e()), rel=0.03)


def test_ranks_of_a_steady_judge_are_standard_normal_however_coarse_its_scores() -> None:
    rng, seen = random.Random(5), list[float]()
    anchors = _Anchors(NEVER)
    anchors._weigh = seen.append  # type: ignore[assignment, method-assign]
    for n in range(6000):
        anchors.add(str(n % 7), rng.choice([3.0, 3.5, 3.5, 4.0]), rng)
    assert len(seen) == 6000 - 7
    assert abs(statistics.fmean(seen)) < 0.05
    assert abs(statistics.stdev(seen) - 1) < 0.05


def test_a_judge_that_says_the_same_every_time_does_not_drift() -> None:
    seen = health()
    for n in range(2000):
        seen.add_anchor(str(n % 10), judgement(("old", "new")[n % 2], score=4.0))
    view = seen.view().anchors
    assert (view.anchors, view.judgements, view.difference, view.drifted) == (10, 1990, 0.0, False)
    assert view.text == "the last 20 re-judged anchors score as at first: no drift shown"


@pytest.mark.parametrize(("moved", "way"), [(3.0, "lower"), (5.0, "higher")])
def test_a_drift_is_said_with_its_size_and_stays_said(moved: float, way: str) -> None:
    seen = health()
    for n in range(40):
        seen.add_anchor(str(n % 10), judgement(better=TIE, score=4.0))
    assert not seen.view().anchors.drifted
    for n in range(20):
        seen.add_anchor(str(n % 10), judgement(better=TIE, score=moved))
    view = seen.view()
    assert view.anchors.text == f"DRIFTS: the last 20 re-judged anchors score 1.0 points {way} than at first"
    assert not view.is_sound
    for n in range(200):
        seen.add_anchor(str(n % 10), judgement(better=TIE, score=4.0))
    assert seen.view().anchors.drifted


def test_a_drift_of_a_noisy_judge_is_noticed_and_its_preference_for_a_place_is_none() -> None:
    drifting = [drift_found(run, Pretend(drift=-1.0, drifts_after=100), 300) for run in range(20)]
    # One of twenty may have been called before the drift: that is what alpha allows.
    assert sum(number is not None and 100 < number < 140 for number in drifting) >= 19
    steady = [drift_found(run, Pretend(bonus=1.0), 500) for run in range(40)]
    assert sum(number is not None for number in steady) <= 2


def test_more_anchors_than_are_kept_count_as_judgements_only() -> None:
    seen = health()
    for n in range(1005):
        seen.add_anchor(str(n), judgement(better=TIE))
    seen.add_anchor("1003", judgement(better=TIE))
    assert (seen.view().asked, seen.view().anchors.anchors, seen.view().anchors.judgements) == (1006, 1000, 0)


def test_alpha_is_a_percent_and_a_larger_one_is_reached_earlier() -> None:
    assert ALPHA == 0.01
    strict, lax = JudgeHealth(random.Random(1), 1e-6), JudgeHealth(random.Random(1), 0.2)
    for _ in range(10):
        strict.add(judgement())
        lax.add(judgement())
    assert lax.view().position.biased
    assert not strict.view().position.biased
    assert 0 < strict.view().position.progress < 1
