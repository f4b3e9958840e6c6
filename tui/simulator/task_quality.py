"""How good the answers of a pretend deployment are, as data, and the draws that follow from it."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

EVERY_TASK = "*"
JUDGE_NOISE = 0.3
"""Spread of what a judge feels about the same answer, in points, where nothing else is said."""

_SHARED = 0.64
"""Share of an item's difficulty that all deployments feel alike. It makes pairs of 90 % and 82 % accuracy
discordant in 16 % of the items; with nothing in common it would be 24 %, with all of it 8 %."""
_TASTE = 0.5
"""Share of a score's spread that comes from the prompt."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class TaskQuality:
    """Quality of the answers to one task; ``EVERY_TASK`` stands for each that has none of its own.

    ``accuracy_pct`` is the percentage of items with a known answer that are answered right. ``score_mean`` is
    the mean of the whole scores 1-5 that a judge of the usual noise gives, ``score_spread`` the standard
    deviation of how good answers are, in points.

    Raises ``ValueError`` for a number out of range.
    """

    task: str
    accuracy_pct: float = 90.0
    score_mean: float = 4.3
    score_spread: float = 0.7

    def __post_init__(self) -> None:
        for name, least, most in (("accuracy_pct", 0, 100), ("score_mean", 1, 5), ("score_spread", 0, 4)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"quality of {self.task}: {name} must be {least} to {most}, not {value!r}")


def quality_of(qualities: Iterable[TaskQuality], *tasks: str | None) -> TaskQuality | None:
    """The quality for the first of ``tasks`` that has one, else the one for every task, else None."""
    by_task = {quality.task: quality for quality in qualities}
    return next((by_task[task] for task in (*tasks, EVERY_TASK) if task in by_task), None)


def standard_normal(text: str) -> float:
    """A draw from the standard normal distribution that is always the same for the same text."""
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=6).digest()
    return _NORMAL.inv_cdf((int.from_bytes(digest) + 0.5) / 2**48)


def is_right(quality: TaskQuality, difficulty: float, rng: random.Random) -> bool:
    """Whether an item is answered right; ``difficulty`` is standard normal over the items, the same for all
    deployments, the rest is drawn."""
    felt = math.sqrt(_SHARED) * difficulty + math.sqrt(1 - _SHARED) * rng.gauss(0, 1)
    return 100 * _NORMAL.cdf(felt) < quality.accuracy_pct


def how_good(quality: TaskQuality, taste: float, rng: random.Random) -> float:
    """How good an answer is, in points; it may lie beyond 1 and 5. ``taste`` is standard normal over the
    prompts, the same for all deployments, the rest is drawn."""
    felt = math.sqrt(_TASTE) * taste + math.sqrt(1 - _TASTE) * rng.gauss(0, 1)
    return _centre(quality.score_mean, quality.score_spread) + quality.score_spread * felt


def whole_score(good: float) -> int:
    """The score that a judge gives who feels an answer to be ``good``."""
    return max(1, min(5, math.floor(good + 0.5)))


@lru_cache(maxsize=1024)
def _centre(mean: float, spread: float) -> float:
    """The centre of a normal distribution whose whole scores have that mean, the judge's noise added."""
    felt = math.hypot(spread, JUDGE_NOISE)
    low, high = -20.0, 26.0
    for _ in range(60):
        middle = (low + high) / 2
        if 1 + sum(_NORMAL.cdf((middle - step) / felt) for step in (1.5, 2.5, 3.5, 4.5)) < mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2
