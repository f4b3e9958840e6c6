"""What the verdicts say of whole runs: the real engine on the real simulator, on a virtual clock.

``python -m tests.bench.rehearsals [--minutes N] [--seeds N] [--rate N] [--streamed N | --no-stream]
[SCENARIO ...]`` plays the scenarios with the rollout of the demo, each with several seeds, two runs at a time.
Nothing but the service takes time, so the same seed gives the same figures anywhere.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.rehearsal import rehearse
from tui.model import CRITERIA, VerdictState
from tui.rollout import load_rollout
from tui.simulator.scenarios import SCENARIOS
from tui.wiring import shipped

ONSET_S = 60.0
"""When the scenarios begin to change something."""

_PROCESSES = 2
_LATENCY = ("latency_p50", "latency_p95", "latency_p99")
_SPEED = ("ttft_p50", "ttft_p95", "token_p50", "token_p95")


@dataclass(frozen=True)
class Expected:
    """Of the criteria in ``right`` one at least has to be called WORSE; those in ``also`` may be, for they
    follow from it: a slow answer is slow to begin too, and a longer one takes longer."""

    right: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


EXPECTED = {
    "slow-canary": Expected(_LATENCY, _SPEED),
    "filter-canary": Expected(("completion_filter",)),
    "flaky-canary": Expected(("errors",)),
    "chatty-canary": Expected(("tokens", "cost"), _LATENCY),
    "outage": Expected(("errors",)),
    "throttled": Expected(),
    "healthy": Expected(),
    "both-drift": Expected(),
}


@dataclass(frozen=True)
class Case:
    """One run. ``rate`` is requests per second."""

    scenario: str
    seed: int
    minutes: float
    rate: float
    stream: bool


@dataclass(frozen=True)
class Called:
    """A criterion that was called WORSE, and how many of the canary's requests had ended since the onset."""

    criterion: str
    at_s: float
    canary_requests: int


@dataclass(frozen=True)
class Seen:
    """What came of a case: every WORSE in order, and what it cost. ``canary`` are its finished requests."""

    case: Case
    worse: tuple[Called, ...]
    requests: int
    canary: int
    lost: int
    cpu_s: float

    @property
    def right(self) -> tuple[Called, ...]:
        criteria = EXPECTED[self.case.scenario].right
        return tuple(c for c in self.worse if c.criterion in criteria and c.at_s > ONSET_S)

    @property
    def wrong(self) -> tuple[Called, ...]:
        """False alarms: before the onset all are."""
        expected = EXPECTED[self.case.scenario]
        fine = (*expected.right, *expected.also)
        return tuple(c for c in self.worse if c.criterion not in fine or c.at_s <= ONSET_S)


def play(case: Case) -> Seen:
    """Play one case in this process."""
    # As the engine does: what exists now need not be walked again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    of = load_rollout(shipped("demo.toml"), env={})
    # The demo's budget would end the traffic after some nine minutes.
    traffic = replace(of.traffic, rate=case.rate, stream=case.stream, budget_usd=None)
    with TemporaryDirectory() as folder:
        began_s = time.process_time()
        run = rehearse(
            replace(of, traffic=traffic),
            case.scenario,
            Path(folder),
            seed=case.seed,
            for_s=60 * case.minutes,
        )
        cpu_s = time.process_time() - began_s
        ended = [(o.deployment, o.ended_s) for o in run.outcomes()]
    worse = sorted(
        (
            Called(v.criterion, v.since_s, sum(d == name and ONSET_S < s <= v.since_s for d, s in ended))
            for name, verdicts in run.last.verdicts.items()
            for v in verdicts
            if v.state is VerdictState.WORSE and not v.advisory and v.since_s is not None
        ),
        key=lambda called: called.at_s,
    )
    canary = sum(name != of.baseline for name, _ in ended)
    return Seen(case, tuple(worse), len(ended), canary, run.lost, cpu_s)


def report(scenario: str, seen: Sequence[Seen]) -> Iterator[str]:
    """What is to be said of one scenario, line by line."""
    yield f"{scenario}: {SCENARIOS[scenario].description}"
    right = EXPECTED[scenario].right
    if right:
        found = [s.right[0] for s in seen if s.right]
        yield f"  WORSE for {' or '.join(right)}: {len(found)} of {len(seen)} seeds{_after(found)}"
        for name in CRITERIA:
            found = [c for s in seen for c in s.worse if c.criterion == name and c not in s.wrong]
            if found:
                yield f"    {name:<18}{len(found):3} seeds{_after(found)}"
    alarmed = [s for s in seen if s.wrong]
    yield f"  {'WORSE for anything else' if right else 'false WORSE'}: {len(alarmed)} of {len(seen)} seeds"
    yield from (f"    seed {s.case.seed}: {c.criterion} at {c.at_s:.0f} s" for s in alarmed for c in s.wrong)
    canary, lost = sum(s.canary for s in seen), sum(s.lost for s in seen)
    yield f"  {sum(s.requests for s in seen):,} requests, {canary:,} to the canary, {lost} lost"
    for stream, kind in ((True, "streamed"), (False, "not streamed")):
        if some := [s for s in seen if s.case.stream is stream]:
            ms = 1000 * sum(s.cpu_s for s in some) / sum(s.requests for s in some)
            run_s = statistics.mean(s.cpu_s for s in some)
            yield f"  {len(some)} runs {kind}: {run_s:.0f} s of CPU each, {ms:.1f} ms a request"


def _after(found: Sequence[Called]) -> str:
    if not found:
        return ""
    after_s = statistics.median(c.at_s - ONSET_S for c in found)
    return f", {after_s:.0f} s and {statistics.median(c.canary_requests for c in found):.0f} canary requests"


def main() -> None:
    """The report of a scenario appears when its last run has ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rehearsals", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"only these: {', '.join(EXPECTED)}")
    parser.add_argument("--minutes", type=float, default=20.0, help="virtual length of a run (20)")
    parser.add_argument("--seeds", type=int, default=20, help="runs of each scenario (20)")
    parser.add_argument("--rate", type=float, default=40.0, help="requests per second (40)")
    parser.add_argument(
        "--streamed",
        type=int,
        default=5,
        metavar="N",
        help="runs with streamed answers, which TTFT and ms per token need and which cost more than twice"
        " the time (5)",
    )
    parser.add_argument("--no-stream", dest="streamed", action="store_const", const=0, help="--streamed 0")
    given = parser.parse_args()
    scenarios = given.scenarios or list(EXPECTED)
    if unknown := set(scenarios) - set(EXPECTED):
        parser.error(f"unknown scenarios {', '.join(sorted(unknown))}; known: {', '.join(EXPECTED)}")
    began_s = time.monotonic()
    streamed = min(given.streamed, given.seeds)
    print(
        f"{given.minutes:g} min at {given.rate:g} requests/s, 10 % to the canary, {given.seeds} seeds of which"
        f" {streamed} streamed, onset at {ONSET_S:g} s; medians are counted from there\n",
        flush=True,
    )
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        runs: dict[str, list[Future[Seen]]] = {
            scenario: [
                pool.submit(play, Case(scenario, seed, given.minutes, given.rate, seed <= streamed))
                for seed in range(1, given.seeds + 1)
            ]
            for scenario in scenarios
        }
        for scenario, of_scenario in runs.items():
            for line in report(scenario, [run.result() for run in of_scenario]):
                print(line, flush=True)
    print(f"\n{(time.monotonic() - began_s) / 60:.1f} min in {_PROCESSES} processes")


if __name__ == "__main__":
    main()
