"""What is noticed of a judging model that prefers a place or drifts, simulated: false alarms, and how soon.

``python -m bench.judging [--runs N]``. The pretend judge gives quality plus noise of 0.6, rounded.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from tui.grading.judgement import in_random_order
from tui.model import TIE, Judgement
from tui.shadow.judge_health import ALPHA, JudgeHealth

NOISE = 0.6
ANCHORS = 20
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_NEVER = 10**9
_LONGEST = 2_000


@dataclass(frozen=True)
class Pretend:
    """A judge that adds ``bonus`` points to what stands first, and ``drift`` to everything from its judgement
    number ``drifts_after`` on."""

    bonus: float = 0.0
    drift: float = 0.0
    drifts_after: int = _NEVER

    def judge(self, old: float, new: float, number: int, rng: random.Random) -> Judgement:
        """Of two answers of these qualities."""
        first, second = in_random_order("old", "new", rng)
        more = self.drift if number >= self.drifts_after else 0.0
        quality = {"old": old, "new": new}
        scores = {
            name: float(min(max(round(quality[name] + more + bonus + rng.gauss(0, NOISE)), 1), 5))
            for name, bonus in ((first, self.bonus), (second, 0.0))
        }
        better = TIE if scores[first] == scores[second] else max(scores, key=scores.__getitem__)
        return Judgement(_AT, first, scores, better)


def qualities(rng: random.Random) -> tuple[float, float]:
    """Of the two answers to one prompt: prompts differ, and so do the versions."""
    base = rng.gauss(3.4, 0.8)
    return base + rng.gauss(0, 0.4), base + rng.gauss(0, 0.4)


def preference_found(run: int, pretend: Pretend, most: int) -> int | None:
    """The judgement after which a preference for a place was called, None within ``most``; looked at after
    each."""
    rng = random.Random(run)
    health = JudgeHealth(rng)
    for number in range(most):
        health.add(pretend.judge(*qualities(rng), number, rng))
        if health.view().position.biased:
            return number + 1
    return None


def drift_found(run: int, pretend: Pretend, most: int) -> int | None:
    """The same of a drift. The anchors are judged round by round; the first round is what the others are held
    against, and is not counted."""
    rng = random.Random(run)
    health = JudgeHealth(rng)
    pairs = [qualities(rng) for _ in range(ANCHORS)]
    for number in range(-ANCHORS, most):
        anchor = number % ANCHORS
        health.add_anchor(str(anchor), pretend.judge(*pairs[anchor], number, rng))
        if health.view().anchors.drifted:
            return number + 1
    return None


def alarms(found: Callable[[int], int | None], runs: int) -> int:
    with ProcessPoolExecutor(2) as pool:
        return sum(number is not None for number in pool.map(found, range(runs), chunksize=8))


def delays(found: Callable[[int], int | None], runs: int, after: int = 0) -> tuple[float, float, int]:
    """Median and P90 of the judgements from ``after`` to the alarm, and the runs without one."""
    with ProcessPoolExecutor(2) as pool:
        numbers = list(pool.map(found, range(runs), chunksize=8))
    seen = sorted(number - after if number is not None else _NEVER for number in numbers)
    return statistics.median(seen), seen[int(0.9 * runs)], seen.count(_NEVER)


def cost_us() -> float:
    """Microseconds for one judgement of an anchor and a view."""
    rng = random.Random(1)
    health = JudgeHealth(rng)
    pretend = Pretend()
    made = [(str(n % ANCHORS), pretend.judge(3.0, 4.0, n, rng)) for n in range(5_000)]
    began = time.process_time()
    for anchor, judgement in made:
        health.add_anchor(anchor, judgement)
        health.view()
    return (time.process_time() - began) / len(made) * 1e6


def report(runs: int) -> Iterator[str]:
    """The tables, line by line."""
    yield f"cost of one judgement with a view: {cost_us():.0f} us"
    yield f"\nfalse alarms at alpha {100 * ALPHA:g} %, looked at after every judgement"
    most = 3_000
    n = alarms(partial(preference_found, pretend=Pretend(), most=most), runs)
    yield f"  preference, a fair judge, {most:,} judgements: {n} of {runs} runs ({100 * n / runs:.1f} %)"
    for bonus, name in ((0.0, "a steady judge"), (1.0, "a steady judge that prefers the first")):
        n = alarms(partial(drift_found, pretend=Pretend(bonus), most=most), runs)
        yield f"  drift, {name}, {most:,} judgements: {n} of {runs} runs ({100 * n / runs:.1f} %)"
    yield f"\n{'judgements until it is noticed':<58}{'median':>8}{'P90':>8}{'never':>7}"
    for bonus in (0.25, 0.5, 1.0):
        found = partial(preference_found, pretend=Pretend(bonus), most=_LONGEST)
        yield _row(f"{bonus:g} points for the first", delays(found, runs))
    for drift in (-0.25, -0.5, 0.5, -1.0, 1.0):
        for after in (40, 100, 500):
            pretend = Pretend(drift=drift, drifts_after=after)
            found = partial(drift_found, pretend=pretend, most=after + _LONGEST)
            yield _row(f"a drift of {drift:+g} after {after} judgements of anchors", delays(found, runs, after))


def _row(what: str, seen: tuple[float, float, int]) -> str:
    median, p90, never = seen
    cells = ("-" if value >= _NEVER else f"{value:.0f}" for value in (median, p90))
    return f"  {what:<56}" + "".join(f"{cell:>8}" for cell in cells) + f"{never:>7}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.judging", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    given = parser.parse_args()
    for line in report(given.runs):
        print(line, flush=True)


if __name__ == "__main__":
    main()
