"""What the verdicts are worth: false alarms, false OKs and detection in pretend worlds, other methods beside
them, and what they cost.

``python -m bench.evidence [--runs N] [--processes N] [GROUP ...]``
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from bench.evaluation_cost import outcome_us, tick_ms
from bench.evidence_cases import CASES
from bench.evidence_runs import Run
from bench.side_by_side import COMPARES, METHODS, alarms, cells

_Result = TypeVar("_Result")
_OUTCOME_US, _TICK_MS = 20.0, 3.0
_SIDE_BY_SIDE, _COST = "methods", "cost"
GROUPS = (*dict.fromkeys(case.group for case in CASES), _SIDE_BY_SIDE, _COST)


@dataclass(frozen=True, slots=True)
class Checked:
    """A line of a table. ``met`` is None where nothing is wanted."""

    world: str
    what: str
    wanted: str
    measured: str
    met: bool | None = None


def checked(runs: int, processes: int | None, groups: Collection[str] = GROUPS) -> Iterator[Checked]:
    """The tables, line by line as they are measured, ``runs`` of each world."""
    if _COST in groups:
        yield from _costs()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:

        def of_each(play: Callable[[int, int], _Result], numbers: Collection[int]) -> Iterator[list[_Result]]:
            """The runs of one world after the other; those of all are under way."""
            made: list[list[Future[_Result]]] = [
                [pool.submit(partial(play, number), seed) for seed in range(runs)] for number in numbers
            ]
            return ([future.result() for future in futures] for futures in made)

        numbers = [i for i, case in enumerate(CASES) if case.group in groups]
        for i, of_case in zip(numbers, of_each(_play, numbers), strict=True):
            found = [run for each in of_case for run in each]
            for claim in CASES[i].claims:
                yield Checked(CASES[i].what, *claim.check(found))
        compared = range(len(COMPARES)) if _SIDE_BY_SIDE in groups else ()
        for i, of_world in zip(compared, of_each(alarms, compared), strict=True):
            wanted = f"{COMPARES[i].wrong} alarm" if COMPARES[i].wrong else "no alarm"
            for method, cell in zip(METHODS, cells(of_world), strict=True):
                yield Checked(COMPARES[i].what, method, wanted, cell)


def _play(case: int, seed: int) -> list[Run]:
    """One run, in another process: a world is not sent there, it is found by its number."""
    return CASES[case].play(seed)


def _costs() -> Iterator[Checked]:
    cost_us, look_ms = outcome_us(), tick_ms()
    four, three = "4 deployments, every criterion", "a canary in 3 tasks"
    yield Checked(
        four, "CPU of a request", f"<= {_OUTCOME_US:g} us", f"{cost_us:.1f} us", cost_us <= _OUTCOME_US
    )
    yield Checked(three, "CPU of all verdicts", f"<= {_TICK_MS:g} ms", f"{look_ms:.2f} ms", look_ms <= _TICK_MS)


def main() -> None:
    """Lines appear as they are measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.evidence", description=__doc__)
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", default=GROUPS, help=f"only these: {', '.join(GROUPS)}"
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    if unknown := set(asked.groups) - set(GROUPS):
        parser.error(f"unknown groups {', '.join(sorted(unknown))}; known: {', '.join(GROUPS)}")
    began_s, last = time.monotonic(), ""
    for line in checked(asked.runs, asked.processes, asked.groups):
        mark = {True: "met", False: "MISSED", None: ""}[line.met]
        world, last = "" if line.world == last else line.world, line.world
        print(f"{mark:<7}{world:<58} {line.what:<26} {line.wanted:<23} {line.measured}", flush=True)
    print(f"\n{asked.runs} runs of each, {(time.monotonic() - began_s) / 60:.1f} min")


if __name__ == "__main__":
    main()
