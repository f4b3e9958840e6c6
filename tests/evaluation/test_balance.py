"""Whether those that are compared were asked the same."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tui.evaluation.comparison_health import SIZES, SizeBalance


def after(blocks: int, own: float, base: float, seed: int = 1) -> SizeBalance:
    """Blocks of 3 beside 12, whose prompts are large with these chances."""
    balance, rng = SizeBalance(), random.Random(seed)
    for _ in range(blocks):
        own_large = sum(rng.random() < own for _ in range(3))
        large = own_large + sum(rng.random() < base for _ in range(12))
        for name in SIZES:
            balance.update(name, 3, 12, large, own_large)
    return balance


@pytest.mark.parametrize(("own", "base", "smaller"), [(0.3, 0.5, True), (0.5, 0.3, False), (0.02, 0.1, True)])
def test_it_stands_where_the_sizes_differ_and_says_which_way(own: float, base: float, smaller: bool) -> None:
    balance = after(600, own, base)
    assert balance.stands
    assert balance.smaller is smaller


@pytest.mark.parametrize("chance", [0.5, 0.1])
def test_it_does_not_stand_where_chance_alone_speaks(chance: float) -> None:
    assert sum(after(400, chance, chance, seed).stands for seed in range(30)) <= 2


def test_it_ends_when_the_sizes_are_alike_again_and_begins_late_in_a_run() -> None:
    balance, rng = after(5000, 0.5, 0.5), random.Random(2)

    def update(own: float, n: int) -> int:
        """How many blocks until it turns."""
        stood = balance.stands
        for i in range(n):
            own_large = sum(rng.random() < own for _ in range(3))
            balance.update(SIZES[0], 3, 12, own_large + sum(rng.random() < 0.5 for _ in range(12)), own_large)
            if balance.stands is not stood:
                return i
        return n

    assert update(0.2, 600) < 200, "what was balanced for long does not hide it"
    assert update(0.5, 3000) < 3000


def test_what_was_kept_is_the_same() -> None:
    balance, again = after(100, 0.2, 0.5), SizeBalance()
    again.from_json(json.loads(json.dumps(balance.as_json())))
    assert (again.stands, again.smaller, again.as_json()) == (True, True, balance.as_json())
    kept: tuple[Any, ...] = ({}, {name: [] for name in SIZES}, None, dict.fromkeys(SIZES, "x"))
    for broken in kept:
        with pytest.raises((KeyError, TypeError, ValueError)):
            again.from_json(broken)
