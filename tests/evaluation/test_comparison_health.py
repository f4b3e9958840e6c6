"""Whether both versions get the traffic, and the mix of prompts, that was asked for."""

from __future__ import annotations

import json
import math
import random

import pytest

from tests.support.typed import about
from tui.evaluation.comparison_health import PromptMix, SplitTest
from tui.model import VerdictState

TO_WORSE, TO_OK = math.log(260), math.log(20)


def split_of(*draws: tuple[float, int, int]) -> SplitTest:
    """After (canary's share, its assignments, the baseline's)."""
    made = SplitTest(TO_WORSE, TO_OK)
    for share, own, others in draws:
        for is_canary, n in ((True, own), (False, others)):
            for _ in range(n):
                made.add(share, is_canary=is_canary)
    again = SplitTest(TO_WORSE, TO_OK)
    again.from_json(json.loads(json.dumps(made.as_json())))
    return again


@pytest.mark.parametrize(
    ("share", "expected"), [(0.1, VerdictState.OK), (0.2, VerdictState.WORSE), (0.04, VerdictState.WORSE)]
)
def test_the_split_is_looked_at_both_ways(share: float, expected: VerdictState) -> None:
    split = split_of((0.1, round(4000 * share), round(4000 * (1 - share))))
    assert split.state is expected
    assert split.shares == (about(share, abs=0.001), about(0.1))
    assert sum(split.drawn) == 4000
    assert max(split.progress) == 1.0


def test_the_split_goes_by_the_weights_of_each_draw() -> None:
    assert split_of((0.05, 100, 1900), (0.5, 1000, 1000)).state is VerdictState.OK
    assert split_of((0.05, 1000, 1000), (0.5, 100, 1900)).state is VerdictState.WORSE


def test_without_a_draw_nothing_is_known_of_the_split() -> None:
    split = split_of()
    assert (split.state, split.shares, split.progress) == (VerdictState.NOT_YET, (None, None), (0.0, 0.0))


def mix(own: float, base: float, groups: int) -> PromptMix:
    made, rng = PromptMix(TO_WORSE, TO_OK), random.Random(1)
    for _ in range(groups):
        blocked = sum(rng.random() < own for _ in range(8))
        made.update(8, 32, sum(rng.random() < base for _ in range(32)), blocked)
    return made


@pytest.mark.parametrize(
    ("own", "base", "expected"),
    [(0.3, 0.3, VerdictState.OK), (0.15, 0.05, VerdictState.WORSE), (0.05, 0.15, VerdictState.WORSE)],
)
def test_the_mix_is_looked_at_both_ways(own: float, base: float, expected: VerdictState) -> None:
    made = mix(own, base, 800)
    assert made.state is expected
    mine, theirs = made.shares
    assert mine == pytest.approx(own, abs=0.02)
    assert theirs == pytest.approx(base, abs=0.02)
    again = PromptMix(TO_WORSE, TO_OK)
    again.from_json(json.loads(json.dumps(made.as_json())))
    assert (again.as_json(), again.state, again.shares) == (made.as_json(), made.state, made.shares)


def test_without_a_group_nothing_is_known_of_the_mix() -> None:
    made = PromptMix(TO_WORSE, TO_OK)
    made.update(0, 32, 4, 0)
    assert (made.state, made.shares, made.progress) == (VerdictState.NOT_YET, (None, None), (0.0, 0.0))
    for broken in ({}, {**made.as_json(), "logs": [[0.0]] * 3}, {**made.as_json(), "counts": [1]}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            PromptMix(TO_WORSE, TO_OK).from_json(broken)
