"""What own slow noise does to verdicts, and what ``canarytop calibrate`` prints against it, simulated.

``python -m bench.own_noise [--runs N] [--minutes N]``. Both versions are equal, and each wanders by
itself. One run is calibrated from; another one is evaluated as it is, with the margins and with the dispersion
that are printed, and so is a third one whose canary takes 1.6 times as long.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from bench.world import BASE, CANARY, Version, World, happenings
from tui.afterwards.own_noise import OwnNoise, measured
from tui.evaluation.evaluator import Evaluator
from tui.model import DEFAULT_TASK, Assignment, Outcome, VerdictState
from tui.rollout import Criteria

NOISES = ((0.99, 0.0), (0.99, 0.1), (0.99, 0.2), (0.999, 0.1))
"""(What is kept of the noise after a second, spread of the logarithm of the latency)."""

_SLOWER = 1.6


@dataclass(frozen=True)
class Evaluated:
    """What was printed, and after how many seconds each way of evaluating said WORSE of an equal canary and of
    a slower one; None where it did not."""

    margins_pct: tuple[float, ...]
    dispersion: float
    equal_s: Mapping[str, float | None]
    slower_s: Mapping[str, float | None]


def evaluated(seed: int, rho: float, sd: float, minutes: float) -> Evaluated:
    """Calibrate from one run, and evaluate two others."""
    equal, last_s = Version(own_rho=rho, own_sd=sd), 60 * minutes
    noise = _heard(World(equal, (equal,)), f"{seed}/calibrated", last_s)
    found = measured([noise], DEFAULT_TASK)
    pct = {margin.key: margin.pct for margin in found.margins}
    ways = {
        "as it is": Criteria(),
        "margins": Criteria(pct["latency_p50_pct"], pct["latency_p95_pct"], pct["latency_p99_pct"]),
        "dispersion": Criteria(dispersion=found.dispersion.value if found.dispersion else 0.0),
    }
    slower = World(equal, (replace(equal, slower=_SLOWER),))
    return Evaluated(
        tuple(pct.values()),
        ways["dispersion"].dispersion,
        _worse_s(World(equal, (equal,)), f"{seed}/judged", last_s, ways),
        _worse_s(slower, f"{seed}/slower", last_s, ways),
    )


def _heard(world: World, seed: str, last_s: float) -> OwnNoise:
    noise, evaluator = OwnNoise(BASE), Evaluator(BASE, [CANARY], Criteria())
    evaluator.listen(CANARY, noise.listener(CANARY, DEFAULT_TASK))
    for now_s, happening in _until(world, seed, last_s):
        if isinstance(happening, Assignment):
            evaluator.assigned(happening, now_s)
        else:
            evaluator.add(happening, now_s)
            noise.add(happening, DEFAULT_TASK)
    return noise


def _worse_s(world: World, seed: str, last_s: float, ways: Mapping[str, Criteria]) -> dict[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(ways)
    running = {way: Evaluator(BASE, [CANARY], criteria) for way, criteria in ways.items()}
    for now_s, happening in _until(world, seed, last_s):
        for way, evaluator in [*running.items()]:
            if isinstance(happening, Assignment):
                evaluator.assigned(happening, now_s)
            else:
                evaluator.add(happening, now_s)
            changes = (verdict for _, verdict in evaluator.changes())
            if any(v.state is VerdictState.WORSE and not v.advisory for v in changes):
                found[way] = now_s
                del running[way]
        if not running:
            break
    return found


def _until(world: World, seed: str, last_s: float) -> Iterator[tuple[float, Assignment | Outcome]]:
    for now_s, happening in happenings(world, seed):
        if now_s > last_s:
            return
        yield now_s, happening


def report(runs: int, minutes: float) -> Iterator[str]:
    """The table, line by line."""
    yield f"{runs} runs of {minutes:g} min, 20 requests/s, 10 %, all criteria"
    heads = ("printed", "false WORSE", f"x{_SLOWER:g} found", "median")
    yield f"{'own noise':<18}{'judged':<12}" + "".join(f"{head:>14}" for head in heads)
    with ProcessPoolExecutor(2) as pool:
        for rho, sd in NOISES:
            found = list(pool.map(partial(evaluated, rho=rho, sd=sd, minutes=minutes), range(runs)))
            pcts = [
                statistics.median(column) for column in zip(*(one.margins_pct for one in found), strict=True)
            ]
            printed = {
                "as it is": "",
                "margins": "/".join(f"{pct:.0f}" for pct in pcts) + " %",
                "dispersion": f"{statistics.median(one.dispersion for one in found):.0f}",
            }
            for way, what in printed.items():
                false = sum(one.equal_s[way] is not None for one in found)
                after = [at_s for one in found if (at_s := one.slower_s[way]) is not None]
                median = f"{statistics.median(after):.0f} s" if after else "-"
                yield (
                    f"{f'rho {rho:g} sd {sd:g}':<18}{way:<12}{what:>14}{100 * false / runs:>12.0f} %"
                    f"{100 * len(after) / runs:>12.0f} %{median:>14}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.own_noise", description=__doc__)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=60)
    given = parser.parse_args()
    for line in report(given.runs, given.minutes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
