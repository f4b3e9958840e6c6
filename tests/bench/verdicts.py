"""What the verdicts are worth, simulated: false alarms, requests to detection, and cost per outcome.

``python -m tests.bench.verdicts [--full] [--runs N] [--requests N]``; ``--full`` is 400 runs of 100,000.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tui.model import Assignment, Outcome, OutcomeKind, Usage, VerdictState
from tui.rollout import Criteria
from tui.verdict.judge import Judge
from tui.verdict.scale import Scale

_SIGMA = 0.6
_CALIBRATION = 300
_NEVER = 1e9
_RAMP = tuple({"old": 100.0 - w, "new": w} for w in (5.0, 10.0, 25.0, 50.0))
_FOUR = {"old": 70.0, "a": 10.0, "b": 10.0, "c": 10.0}
_RATES = {
    (0.005, 1.5): 11314, (0.01, 1.5): 5657, (0.05, 1.5): 1131,
    (0.005, 2.0): 3145, (0.01, 2.0): 1572, (0.05, 2.0): 314,
    (0.005, 3.0): 916, (0.01, 3.0): 458, (0.05, 3.0): 91,
    (0.005, 5.0): 314, (0.01, 5.0): 157, (0.05, 5.0): 31,
}  # fmt: skip
"""(base rate, ratio) -> median canary requests to WORSE at rho 10 %, alpha 1 %, as published with the test."""
_SLOWER = {
    (1.25, 0.5): 288, (1.25, 0.95): 291, (1.25, 0.99): 509,
    (1.5, 0.5): 97, (1.5, 0.95): 71, (1.5, 0.99): 152,
}  # fmt: skip
"""(latency factor, quantile) -> the same for answers slower than a frozen quantile, margin 0."""


def _outcome(i: int, name: str, shares: Mapping[str, float], rng: random.Random, drift: bool) -> Outcome:
    """One finished request of a service that is the same for every deployment.

    After a drift latency is 30 % higher and filters fire four times as often, for all.
    """
    u, kind = rng.random(), OutcomeKind.OK
    filtered = 0.04 if drift else 0.01
    if u < filtered / 2:
        kind = OutcomeKind.PROMPT_FILTERED
    elif u < filtered:
        kind = OutcomeKind.COMPLETION_FILTERED
    elif u < filtered + 0.01:
        kind = OutcomeKind.SERVER_ERROR
    at = i * 0.05
    if kind not in (OutcomeKind.OK, OutcomeKind.COMPLETION_FILTERED):
        return Outcome(i, "default", name, shares[name], kind, at, at, at, 0.0, latency_ms=50.0, shares=shares)
    slow = 1.3 if drift else 1.0
    tokens = max(2, int(80 * math.exp(_SIGMA * rng.gauss(0, 1))))
    ttft = slow * 200 * math.exp(_SIGMA * rng.gauss(0, 1))
    per_token = slow * 12 * math.exp(0.3 * rng.gauss(0, 1))
    return Outcome(
        i, "default", name, shares[name], kind, at, at, at, 0.0,
        latency_ms=ttft + per_token * (tokens - 1), ttft_ms=ttft, usage=Usage(120, tokens),
        cost_usd=(120 * 2.5 + tokens * 10) / 1e6, shares=shares,
    )  # fmt: skip


def _traffic(requests: int, rng: random.Random) -> Iterator[Outcome]:
    """Two identical versions: the canary climbs 5-10-25-50 %, and both drift halfway."""
    for i in range(requests):
        shares = _RAMP[min(4 * i // requests, 3)]
        name = "new" if 100 * rng.random() < shares["new"] else "old"
        yield _outcome(i, name, shares, rng, drift=2 * i >= requests)


def _worse_of_run(run: int, requests: int) -> tuple[str, ...]:
    """The criteria that were ever called WORSE in one run, looked at after every request."""
    judge = Judge("old", ["new"], Criteria())
    worse: set[str] = set()
    for o in _traffic(requests, random.Random(run)):
        judge.assigned(Assignment(o.request_id, o.task, o.deployment, o.weight_pct, o.due_s, o.shares), o.due_s)
        judge.add(o, o.ended_s)
        worse.update(
            v.criterion for _, v in judge.changes() if v.state is VerdictState.WORSE and not v.advisory
        )
    return tuple(worse)


def false_alarms(runs: int, requests: int) -> tuple[int, Counter[str]]:
    """Runs in which any criterion was ever called WORSE, and which; looked at after every request."""
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(partial(_worse_of_run, requests=requests), range(runs)))
    return sum(map(bool, found)), Counter(name for names in found for name in names)


def detection(draw: Callable[[random.Random], tuple[float, float]], tries: int) -> float:
    """Median canary requests to E >= 100 at rho 10 %, where ``draw`` gives the rates of baseline and canary.

    Only events are drawn: the requests between them come from their geometric distribution.
    """
    rng, found, rho = random.Random(1), [], 0.1
    for _ in range(tries):
        base, canary = draw(rng)
        any_event = rho * canary + (1 - rho) * base
        scale, requests = Scale(1.0, math.log(100), _NEVER), 0
        while scale.state is not VerdictState.WORSE:
            requests += math.ceil(math.log(1 - rng.random()) / math.log(1 - any_event))
            scale.event(rng.random() < rho * canary / any_event, rho)
        found.append(requests * rho)
    return statistics.median(found)


def _slower(factor: float, q: float) -> Callable[[random.Random], tuple[float, float]]:
    """Rates of answers beyond a limit frozen from 300 answers; the canary takes ``factor`` times as long.

    The share beyond the k-th smallest of n values is Beta(n - k + 1, k) distributed.
    """
    kept = math.ceil(q * _CALIBRATION)

    def draw(rng: random.Random) -> tuple[float, float]:
        base = rng.betavariate(_CALIBRATION - kept + 1, kept)
        limit = statistics.NormalDist().inv_cdf(1 - base)
        return base, _beyond(limit - math.log(factor) / _SIGMA)

    return draw


def cost_us(outcomes: int) -> float:
    """Microseconds of CPU for one outcome with four deployments and every criterion, best of three."""
    rng = random.Random(1)
    names, weights = list(_FOUR), list(_FOUR.values())
    made = [_outcome(i, rng.choices(names, weights)[0], _FOUR, rng, False) for i in range(outcomes)]
    best = math.inf
    for _ in range(3):
        judge = Judge("old", ["a", "b", "c"], Criteria())
        began = time.process_time()
        for outcome in made:
            judge.add(outcome, outcome.ended_s)
        best = min(best, time.process_time() - began)
    return best / outcomes * 1e6


def _beyond(limit: float) -> float:
    """P(N(0, 1) > limit)."""
    return math.erfc(limit / math.sqrt(2)) / 2


def report(runs: int, requests: int, tries: int) -> Iterator[str]:
    """The tables, line by line."""
    cost = cost_us(20_000)
    yield f"cost per outcome, 4 deployments, all criteria: {cost:.1f} us (target <= 20)"
    yield "\nmedian canary requests to WORSE at 10 %, alpha 1 %     measured  published"
    for (base, ratio), published in _RATES.items():
        rates = (base, base * ratio)
        median = detection(lambda _, rates=rates: rates, tries)  # type: ignore[misc]
        yield f"  base {100 * base:3.1f} %  x{ratio:<4}" + f"{median:46.0f}{published:11d}"
    for (factor, q), published in _SLOWER.items():
        median = detection(_slower(factor, q), tries)
        yield f"  latency x{factor:<5} P{100 * q:.0f}" + f"{median:44.0f}{published:11d}"
    alarmed, named = false_alarms(runs, requests)
    yield f"\nidentical versions, ramp and common drift, {requests:,} requests, alpha 5 % overall:"
    yield f"  false WORSE in {alarmed} of {runs} runs ({100 * alarmed / runs:.1f} %, at most 5 wanted)"
    yield from (f"    {name}: {n}" for name, n in named.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="400 runs of 100,000 requests")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--requests", type=int, default=10_000)
    given = parser.parse_args()
    runs, requests = (400, 100_000) if given.full else (given.runs, given.requests)
    for line in report(runs, requests, 1_000 if given.full else 200):
        print(line, flush=True)


if __name__ == "__main__":
    main()
