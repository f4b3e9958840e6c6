"""One criterion on the scale: looked at after every event, though worked out only where it can matter."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.model import VerdictState
from tui.verdict.drift import BATCH, Drift, highest_rate
from tui.verdict.odds import ABOVE, BELOW, Counts
from tui.verdict.scale import Scale

TO_WORSE, TO_OK = math.log(220), math.log(20)
EVENTS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.03, 0.1, 0.1, 0.1, 0.5, 0.9])), min_size=1, max_size=300
)


def scale(margin: float = 1.0) -> Scale:
    return Scale(margin, TO_WORSE, TO_OK)


def looked_at_every_time(events: list[tuple[bool, float]], margin: float) -> list[tuple[int, VerdictState]]:
    """What a judge reaches who works out both processes anew after every event."""
    counts, state, reached = Counts(), VerdictState.NOT_YET, []
    for i, (is_canary, rho) in enumerate(events):
        counts.add(rho, is_canary, not is_canary)
        if state is not VerdictState.WORSE and counts.log_e(1.0, ABOVE) >= TO_WORSE:
            state = VerdictState.WORSE
            reached.append((i, state))
        elif state is VerdictState.NOT_YET and counts.log_e(margin, BELOW) >= TO_OK:
            state = VerdictState.OK
            reached.append((i, state))
    return reached


def reached_by(one: Scale, events: list[tuple[bool, float]]) -> list[tuple[int, VerdictState]]:
    found = [(i, one.event(is_canary, rho)) for i, (is_canary, rho) in enumerate(events)]
    return [(i, state) for i, state in found if state is not None]


@given(events=EVENTS, margin=st.sampled_from([1.0, 1.5]))
def test_it_decides_at_the_very_event(events: list[tuple[bool, float]], margin: float) -> None:
    assert reached_by(scale(margin), events) == looked_at_every_time(events, margin)


@pytest.mark.parametrize(("ratio", "expected"), [(3.0, VerdictState.WORSE), (0.5, VerdictState.OK)])
def test_long_runs_decide_at_the_very_event(ratio: float, expected: VerdictState) -> None:
    rng = random.Random(4)
    rhos = [0.1] * 700 + [0.25] * 1300
    events = [(rng.random() < rho * ratio / (1 - rho + rho * ratio), rho) for rho in rhos]
    found = reached_by(scale(), events)
    assert found == looked_at_every_time(events, 1.0)
    assert found[0][1] is expected


@settings(max_examples=50)
@given(events=EVENTS, cut=st.integers(0, 300))
def test_what_was_kept_goes_on_as_if_nothing_had_happened(events: list[tuple[bool, float]], cut: int) -> None:
    whole, before, after = scale(1.5), scale(1.5), scale(1.5)
    expected = reached_by(whole, events)
    first = reached_by(before, events[:cut])
    after.from_json(json.loads(json.dumps(before.as_json())))
    rest = [(i + len(events[:cut]), state) for i, state in reached_by(after, events[cut:])]
    assert first + rest == expected
    assert after.log_worse == pytest.approx(whole.log_worse)
    assert after.counts().by_share == whole.counts().by_share


def test_worse_stays_whatever_comes() -> None:
    one = scale()
    while one.event(True, 0.1) is None:
        assert one.state is VerdictState.NOT_YET
    assert one.state is VerdictState.WORSE
    assert all(one.event(False, 0.1) is None for _ in range(2000))
    assert one.state is VerdictState.WORSE
    assert one.worse_progress < 1, "the evidence itself goes on and may fall again"


@pytest.mark.parametrize(
    "broken", [{}, {"state": "fine"}, {"against": [0.0]}, {"favour": [math.nan] * 4}, {"counts": {"x": [1, 2]}}]
)
def test_a_state_that_is_none_is_refused(broken: dict[str, object]) -> None:
    kept = scale().as_json()
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        scale().from_json({**kept, **broken} if broken else broken)


# --- late drift -----------------------------------------------------------------------------------


def equal_for_long(rng: random.Random) -> Scale:
    one = scale(1.5)
    for _ in range(20_000):
        one.event(rng.random() < 0.1, 0.1)
    assert one.state is VerdictState.OK
    return one


def test_late_drift_is_found_where_the_evidence_alone_would_take_very_long() -> None:
    rng = random.Random(1)
    one = equal_for_long(rng)
    q, events = 0.1 * 3 / (0.9 + 0.1 * 3), 0
    while one.event(rng.random() < q, 0.1) is None:
        events += 1
        assert events < 1000
    assert one.state is VerdictState.WORSE
    assert one.drifted
    assert one.log_worse < 0, "all that it did before still speaks for it"


def test_an_equal_version_does_not_drift() -> None:
    for seed in range(5):
        rng, one = random.Random(seed), equal_for_long(random.Random(seed))
        assert all(one.event(rng.random() < 0.25, 0.25) is None for _ in range(100_000))


def test_a_version_alone_is_held_against_its_own_past() -> None:
    rng = random.Random(2)
    one = equal_for_long(rng)
    most = highest_rate(30, 3000)
    for _ in range(2000):
        assert one.alone(BATCH, sum(rng.random() < 0.01 for _ in range(BATCH)), most) is None
    batches = 0
    while one.alone(BATCH, sum(rng.random() < 0.06 for _ in range(BATCH)), most) is None:
        batches += 1
        assert batches < 200
    assert one.drifted
    assert one.alone(BATCH, BATCH, most) is None, "WORSE is told once"


def test_a_drift_goes_on_where_it_was_kept() -> None:
    one = Drift()
    for _ in range(3 * BATCH + 5):
        one.event(True, 0.5)
    other = Drift.from_json(json.loads(json.dumps(one.as_json())))
    assert 0 < other.progress == pytest.approx(one.progress)
    assert (other.seen, other.expected) == (one.seen, one.expected) == (3 * BATCH + 5, 0)
    for broken in ([], [1.0], ["x"] * 7, [math.inf] * 7):
        with pytest.raises(ValueError, match=r"not the state of a drift|could not convert"):
            Drift.from_json({**one.as_json(), "logs": broken})


@given(bad=st.integers(0, 5000), more=st.integers(0, 5000))
def test_the_highest_rate_lies_above_the_one_that_was_seen(bad: int, more: int) -> None:
    requests = bad + more + 1
    assert bad / requests < highest_rate(bad, requests) <= 1
