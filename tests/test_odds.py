"""The evidence from bad events: never more than chance allows under H0, exact, kept over a restart."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.verdict.odds import ABOVE, BELOW, Counts, Evidence, log_mean

_RHOS = st.floats(0.01, 0.99)
_EVENTS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.05, 0.1, 0.25, 0.5])), max_size=60)


def _canary_share(ratio: float, rho: float) -> float:
    return rho * ratio / (1 - rho + rho * ratio)


def _mean_e(r0: float, ratios: tuple[float, ...], truth: float, rhos: list[float]) -> float:
    """E's exact mean after one event at each weight: the sum over every way they can fall."""
    mean = 0.0
    for falls in itertools.product((True, False), repeat=len(rhos)):
        evidence, chance = Evidence(r0, ratios), 1.0
        for is_canary, rho in zip(falls, rhos, strict=True):
            share = _canary_share(truth, rho)
            chance *= share if is_canary else 1 - share
            evidence.fold(rho, is_canary, not is_canary)
        mean += chance * math.exp(evidence.log_e())
    return mean


@given(rhos=st.lists(_RHOS, min_size=1, max_size=6), r0=st.sampled_from([0.8, 1.0, 1.5]))
def test_at_the_tested_ratio_the_mean_is_exactly_one(rhos: list[float], r0: float) -> None:
    for ratios in (ABOVE, BELOW):
        assert _mean_e(r0, ratios, r0, rhos) == pytest.approx(1.0, rel=1e-9)


@given(rhos=st.lists(_RHOS, min_size=1, max_size=5), inside=st.floats(0.05, 1.0))
def test_everywhere_inside_h0_the_mean_is_at_most_one(rhos: list[float], inside: float) -> None:
    assert _mean_e(1.0, ABOVE, inside, rhos) <= 1 + 1e-9
    assert _mean_e(1.5, BELOW, 1.5 / inside, rhos) <= 1 + 1e-9


def test_outside_h0_the_mean_grows() -> None:
    assert _mean_e(1.0, ABOVE, 2.0, [0.5] * 8) > 1.2
    assert _mean_e(1.5, BELOW, 0.6, [0.5] * 8) > 1.2


def test_one_event_at_even_weights_by_hand() -> None:
    """At rho 1/2 and r_k = 3 a canary event counts 3 / 2, one of the baseline 1 / 2."""
    evidence = Evidence(1.0, (3.0,))
    evidence.fold(0.5, 1, 0)
    assert evidence.log_e() == pytest.approx(math.log(1.5))
    evidence.fold(0.5, 0, 1)
    assert evidence.log_e() == pytest.approx(math.log(0.75))
    mixed = Evidence(1.0, (3.0, 1.0))
    assert log_mean(mixed.with_events(0.5, 1, 0)) == pytest.approx(math.log((1.5 + 1.0) / 2))
    assert mixed.log_e() == 0


@given(events=_EVENTS)
def test_order_does_not_matter_and_counts_are_enough(events: list[tuple[bool, float]]) -> None:
    forward, backward, counts = Evidence(1.0, ABOVE), Evidence(1.0, ABOVE), Counts()
    for is_canary, rho in events:
        forward.fold(rho, is_canary, not is_canary)
        counts.add(rho, is_canary, not is_canary)
    for is_canary, rho in reversed(events):
        backward.fold(rho, is_canary, not is_canary)
    for other in (backward.log_e(), counts.log_e(1.0, ABOVE)):
        assert other == pytest.approx(forward.log_e(), abs=1e-9)


def test_the_growth_is_the_divergence_between_the_two_shares() -> None:
    """ETA rests on it: with r_k the truth, an event is worth KL(q(r) || q(r0))."""
    q, q0 = _canary_share(2.0, 0.1), 0.1
    divergence = q * math.log(q / q0) + (1 - q) * math.log((1 - q) / (1 - q0))
    assert Evidence(1.0, (2.0,)).growth(2.0, 0.1) == pytest.approx(divergence)
    assert Evidence(1.0, ABOVE).growth(1.0, 0.1) < 0


def test_the_interval_holds_the_ratio_and_leaves_open_what_is_not_known() -> None:
    counts = Counts({0.1: [200, 900], 0.5: [400, 200]})
    low, high = counts.ratio_interval(0.05)
    assert counts.ratio() == pytest.approx(2.0)
    assert low is not None
    assert high is not None
    assert 1.5 < low < 2.0 < high < 2.6
    assert Counts().ratio_interval(0.05) == (None, None)
    assert Counts().ratio() is None


def test_counts_over_more_weights_than_are_kept_lose_no_event() -> None:
    counts = Counts()
    for i in range(1, 200):
        counts.add(i / 200, i % 2 == 0, i % 2)
    assert (counts.canary, counts.baseline, len(counts.by_share)) == (99, 100, 64)
