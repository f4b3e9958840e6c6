"""What verdicts from pairs are worth, simulated and through the engine: false alarms, items to detection.

``python -m bench.paired [--runs N] [--seeds N]``; ``--seeds`` are runs of the real engine on the real
simulator, by a virtual clock.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from tests.support.rehearsal import rehearse
from tui.cli.rehearsal import shipped
from tui.evaluation.criteria import decision_table
from tui.evaluation.paired import PairedTest
from tui.model import VerdictState
from tui.model.criteria import BY_PAIRS
from tui.rollout import GuardSpec, load_rollout
from tui.simulator.behaviour import EVERY_TASK, TaskQuality, how_good, is_right, whole_score
from tui.simulator.scenarios import Change, Scenario

ALPHA, BETA = 0.01, 0.05
_ITEMS = 1_500
_LONGEST = 40_000
_NEVER = 1e9
_PROCESSES = 2
_PUBLISHED = {(0.16, 8.0): 223, (0.15, 5.0): 585, (0.13, 3.0): 1477}
"""(share of pairs that differ, points lower) -> median items to WORSE, as published with the test."""
_DEEDS, _CANARY = "contract_analysis", "gpt4omini-prod-v0718"
_KNOWN_PER_S = 10.0

Draw = Callable[[random.Random], tuple[int, int]]
"""The values of the baseline and of the canary for one item."""


@dataclass(frozen=True)
class RightWrong:
    """``discordance`` is the share of items that only one of the two answers right, ``lower_pct`` by how many
    points the canary is right less often."""

    discordance: float
    lower_pct: float

    def __call__(self, rng: random.Random) -> tuple[int, int]:
        only_base = (self.discordance + self.lower_pct / 100) / 2
        u = rng.random()
        if u >= self.discordance:
            return 1, 1
        return (1, 0) if u < only_base else (0, 1)


@dataclass(frozen=True)
class Scored:
    """Scores 0 to 4 as the pretend judge gives them: two versions with these means of 1 to 5."""

    base: float
    canary: float

    def __call__(self, rng: random.Random) -> tuple[int, int]:
        taste = rng.gauss(0, 1)
        goods = (how_good(TaskQuality(EVERY_TASK, score_mean=m), taste, rng) for m in (self.base, self.canary))
        first, second = (whole_score(good + rng.gauss(0, 0.3)) - 1 for good in goods)
        return first, second


@dataclass(frozen=True)
class Known:
    """Right or wrong as the simulator draws it for items of the same difficulty."""

    base_pct: float
    canary_pct: float

    def __call__(self, rng: random.Random) -> tuple[int, int]:
        difficulty = rng.gauss(0, 1)
        qualities = (TaskQuality(EVERY_TASK, accuracy_pct=pct) for pct in (self.base_pct, self.canary_pct))
        first, second = (int(is_right(quality, difficulty, rng)) for quality in qualities)
        return first, second


def items_to(run: int, draw: Draw, test: Callable[[], PairedTest], longest: int) -> int | None:
    """After how many items of one run a verdict was called, None within ``longest``; looked at after each."""
    rng = random.Random(f"{run}/{draw}")
    paired = test()
    return next((n for n in range(1, longest + 1) if paired.pair(*draw(rng)) is not None), None)


@dataclass(frozen=True)
class Asked:
    """What is asked of pairs; no other verdict can be reached. ``error`` is alpha or beta."""

    side: Literal["worse", "ok"] = "worse"
    most: int = 1
    margin: float = 0.0
    tolerance: float = 0.5
    error: float = ALPHA

    def __call__(self) -> PairedTest:
        limit = math.log(1 / self.error)
        limits = (limit, _NEVER) if self.side == "worse" else (_NEVER, limit)
        return PairedTest(self.most, self.margin, self.tolerance, *limits)


_ACCURACY_WORSE = Asked()
ACCURACY_PCT, QUALITY = (BY_PAIRS[name].tolerance for name in ("accuracy", "quality"))

_ACCURACY_OK = Asked("ok", tolerance=ACCURACY_PCT / 100, error=BETA)
_QUALITY_WORSE = Asked(most=4)
_QUALITY_OK = Asked("ok", 4, tolerance=QUALITY, error=BETA)


def engine_alpha() -> float:
    """The error of one WORSE for contracts in profiles/cheaper.toml: that of the file, split over the tasks and
    the criteria of the task."""
    of = load_rollout(shipped("cheaper.toml"), env={})
    criteria = of.tasks[_DEEDS].criteria
    rows = sum(not row.advisory for row in decision_table(criteria))
    return criteria.alpha_pct / 100 / len(of.tasks) / rows


def through_the_engine(seed: int, alike: bool, for_s: float) -> tuple[int | None, int]:
    """Known contracts only, asked of both versions of ``profiles/cheaper.toml``: after how many items accuracy
    was called WORSE, None where it was not, and how many were weighed. ``alike`` versions are equally good."""
    of = load_rollout(shipped("cheaper.toml"), env={})
    deeds = of.tasks[_DEEDS]
    assert deeds.known is not None
    of = replace(
        of,
        guard=GuardSpec("off"),
        tasks={**of.tasks, _DEEDS: replace(deeds, known=replace(deeds.known, per_s=_KNOWN_PER_S))},
        traffic=replace(of.traffic, rate=0.5, stream=False, budget_usd=None),
        quality=replace(of.quality, shadow_pct=0.0, judge=None),
    )
    scenario: str | Scenario = "migration"
    if alike:
        good = TaskQuality(EVERY_TASK, accuracy_pct=90)
        scenario = Scenario("alike", "two good versions", (Change(0, "all", "quality", to=(good,)),))
    with TemporaryDirectory() as folder:
        run = rehearse(of, scenario, Path(folder), seed=seed, for_s=for_s)
        pairs = run.pairs()
    [verdict] = [v for v in run.last.verdicts[_CANARY] if (v.task, v.criterion) == (_DEEDS, "accuracy")]
    if verdict.state is not VerdictState.WORSE or verdict.since_s is None:
        return None, len(pairs)
    return sum(pair.at_s <= verdict.since_s for pair in pairs), len(pairs)


# --- the tables -------------------------------------------------------------------------------------


def report(pool: ProcessPoolExecutor, runs: int, seeds: int) -> Iterator[str]:
    """The tables, line by line."""

    def find(draw: Draw, asked: Asked, longest: int = _LONGEST, times: int = runs) -> list[int | None]:
        work = partial(items_to, draw=draw, test=asked, longest=longest)
        return list(pool.map(work, range(times), chunksize=8))

    yield f"false WORSE within {_ITEMS:,} items at alpha {100 * ALPHA:g} %, looked at after each"
    for share in (0.05, 0.15, 0.30):
        found = find(RightWrong(share, 0.0), _ACCURACY_WORSE, _ITEMS, 4 * runs)
        yield f"  right or wrong, {100 * share:.0f} % of the pairs differ: {_within(found)}"
    for mean in (3.1, 4.4):
        found = find(Scored(mean, mean), _QUALITY_WORSE, _ITEMS, runs)
        yield f"  scores of 1 to 5 with mean {mean:g}: {_within(found)}"
    yield f"\nfalse OK within {_ITEMS:,} items at beta {100 * BETA:g} %, as much worse as is tolerated"
    found = find(RightWrong(0.13, ACCURACY_PCT), _ACCURACY_OK, _ITEMS, 4 * runs)
    yield f"  {ACCURACY_PCT:g} points of accuracy: {_within(found)}"
    found = find(Scored(4.4, 4.4 - QUALITY), _QUALITY_OK, _ITEMS, runs)
    yield f"  {QUALITY:g} points of quality: {_within(found)}"
    yield f"\nitems to WORSE at alpha {100 * ALPHA:g} %{'median':>14}{'P90':>8}{'published':>11}"
    for (share, lower), published in _PUBLISHED.items():
        found = find(RightWrong(share, lower), _ACCURACY_WORSE)
        yield _row(f"{lower:g} points, {100 * share:.0f} % differ", found, f"{published:,}")
    for base, canary in ((4.6, 3.1), (4.4, 4.1), (4.4, 4.2), (4.4, 4.3)):
        yield _row(f"quality {canary:g} against {base:g}", find(Scored(base, canary), _QUALITY_WORSE), "-")
    yield f"\nitems to OK at beta {100 * BETA:g} %{'median':>18}{'P90':>8}"
    yield _row("equally right, 15 % differ", find(RightWrong(0.15, 0.0), _ACCURACY_OK))
    yield _row("equally good, mean 4.4", find(Scored(4.4, 4.4), _QUALITY_OK))
    tolerated = Asked("ok", 4, margin=0.5, tolerance=0.5, error=BETA)
    yield _row("4.2 against 4.4, 0.5 lower allowed", find(Scored(4.4, 4.2), tolerated))
    alpha = engine_alpha()
    yield f"\nthrough the engine: contracts right in 93 % and in 80 %, alpha {100 * alpha:.3f} %"
    yield _row("simulated", find(Known(93, 80), Asked(error=alpha)))
    engine = list(pool.map(partial(through_the_engine, alike=False, for_s=45.0), range(1, seeds + 1)))
    yield _row(f"{seeds} runs of the engine", [n for n, _ in engine])
    alike = list(pool.map(partial(through_the_engine, alike=True, for_s=100.0), range(1, seeds // 4 + 1)))
    weighed = statistics.mean(n for _, n in alike)
    alarms = sum(n is not None for n, _ in alike)
    yield f"  equal versions: {alarms} of {len(alike)} runs WORSE within {weighed:,.0f} items each"


def _within(found: list[int | None]) -> str:
    times = sum(n is not None for n in found)
    return f"{100 * times / len(found):.2f} % ({times} of {len(found)} runs)"


def _row(what: str, found: list[int | None], published: str = "") -> str:
    every = sorted(math.inf if n is None else n for n in found)
    middle, tenth = statistics.median(every), every[int(0.9 * len(every))]
    return f"  {what:<36}{middle:>8,.0f}{tenth:>8,.0f}{published:>11}".rstrip()


def main() -> None:
    """Lines appear as they are measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.paired", description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    began_s = time.monotonic()
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        for line in report(pool, given.runs, given.seeds):
            print(line, flush=True)
    print(f"\n{(time.monotonic() - began_s) / 60:.1f} min in {_PROCESSES} processes")


if __name__ == "__main__":
    main()
