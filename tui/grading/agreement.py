"""Scores of people: how the run record says them, and how far those of the judging model agree with them.

The measure of agreement is Cohen's kappa with quadratic weights (Cohen, "Weighted kappa", Psychological
Bulletin 70, 1968): one minus the mean squared difference over that which is expected where judge and person
score independently, each as they do. It is 1 for the same scores, 0 for chance, below 0 for worse than chance.
With quadratic weights it needs sums only, 1 - mean (x - y)^2 / (mean x^2 + mean y^2 - 2 mean x mean y), and
scores need not be whole (Fleiss and Cohen, Educational and Psychological Measurement 33, 1973).

The interval is the jackknife's, 95 %, on the scale of artanh(kappa), where its spread is more even (Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 11). A sample at a time is left out with all its
answers, because two answers to one prompt are no two independent items. Simulated, it covers the true kappa in
93 to 97 % of the cases from 30 samples on, for kappas from 0.1 to 0.95.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import sub

from tui.model import Sample

INTERVAL_FROM = 30
"""Samples scored by both below which no interval is given: it would cover less often than it says."""

_Z95 = 1.959964
_LARGEST = 0.9999
"""Of |kappa| on the scale of artanh, which has no end."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """``answers`` scored by both judge and person, of ``samples``; of them ``same`` have the same score and
    ``within_1`` one at most 1 apart.

    ``kappa`` is None where it is not defined: without answers, or where all scores are one and the same.
    ``low`` and ``high`` are its 95 % interval, None below ``INTERVAL_FROM`` samples and where all agree, which
    says nothing of the spread.
    """

    answers: int
    samples: int
    same: int
    within_1: int
    kappa: float | None
    low: float | None
    high: float | None


def agreement(samples: Iterable[Sample]) -> Agreement:
    """Of the answers that both a person and the judge have scored; the others do not count."""
    scored = [pairs for sample in samples if (pairs := list(_scored(sample)))]
    every = [pair for pairs in scored for pair in pairs]
    gaps = [judge - person for judge, person in every]
    low, high = _interval(scored)
    return Agreement(
        answers=len(every),
        samples=len(scored),
        same=sum(gap == 0 for gap in gaps),
        within_1=sum(abs(gap) <= 1 for gap in gaps),
        kappa=kappa(every),
        low=low,
        high=high,
    )


def kappa(pairs: Iterable[tuple[float, float]]) -> float | None:
    """Quadratically weighted kappa of (score, score) pairs; None where chance alone would agree always."""
    return _kappa(_sums(pairs))


def _scored(sample: Sample) -> Iterator[tuple[float, int]]:
    """(judge's, person's) score of each answer that has both."""
    if sample.judged is not None:
        for deployment, score in sample.judged.scores.items():
            if (human := sample.human.get(deployment)) is not None:
                yield score, human.value


def _sums(pairs: Iterable[tuple[float, float]]) -> tuple[float, ...]:
    """Sums over pairs (x, y) of 1, x, y, x^2 + y^2 and (x - y)^2."""
    terms = [(1.0, x, y, x * x + y * y, (x - y) ** 2) for x, y in pairs]
    return tuple(map(sum, zip(*terms, strict=True))) if terms else (0.0,) * 5


def _kappa(sums: Iterable[float]) -> float | None:
    n, x, y, xx_yy, gap2 = sums
    if not n:
        return None
    expected = n * xx_yy - 2 * x * y
    return 1 - n * gap2 / expected if expected > 1e-9 * n else None


def _interval(scored: Sequence[Sequence[tuple[float, int]]]) -> tuple[float | None, float | None]:
    count = len(scored)
    total = _sums(pair for pairs in scored for pair in pairs)
    whole = _kappa(total)
    if count < INTERVAL_FROM or whole is None:
        return None, None
    without = [_kappa(map(sub, total, _sums(pairs))) for pairs in scored]
    kappas = [_stretched(value) for value in without if value is not None]
    if len(kappas) < count:
        return None, None
    mean = math.fsum(kappas) / count
    error = math.sqrt((count - 1) / count * math.fsum((value - mean) ** 2 for value in kappas))
    if not error:
        return None, None
    middle = _stretched(whole)
    return math.tanh(middle - _Z95 * error), math.tanh(middle + _Z95 * error)


def _stretched(value: float) -> float:
    return math.atanh(min(max(value, -_LARGEST), _LARGEST))


_SCORED = re.compile(r"sample (\d{1,18}): (.+) ([1-5]) of 5( blind)?", re.DOTALL)
_TAKEN_BACK = re.compile(r"sample (\d{1,18}): score of (.+) taken back", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PersonScore:
    """The answer of one deployment in one sample. ``value`` is 1 to 5, None where a score was taken back."""

    sample: int
    deployment: str
    value: int | None
    blind: bool = False


def person_score_text(scored: PersonScore) -> str:
    """``sample 12: gpt4o-prod-v0513 4 of 5 blind``."""
    if scored.value is None:
        return f"sample {scored.sample}: score of {scored.deployment} taken back"
    return f"sample {scored.sample}: {scored.deployment} {scored.value} of 5{' blind' if scored.blind else ''}"


def read_person_score(text: str) -> PersonScore | None:
    """What such a text says; None for any other."""
    if found := _TAKEN_BACK.fullmatch(text):
        return PersonScore(int(found[1]), found[2], None)
    if found := _SCORED.fullmatch(text):
        return PersonScore(int(found[1]), found[2], int(found[3]), found[4] is not None)
    return None
