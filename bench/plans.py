"""How long the plan of the template takes to bring an equal version to 100 %: evidence and plan, no sockets.

``python -m bench.plans [--runs N] [--hours N] [--rate N] [--filtered PCT] [ERROR_PCT ...]``. The gate is
opened as soon as the plan stands at it, so no person's time is in the hours.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from bench.world import BASE, CANARY, Version, World, happenings
from tui.cli.rehearsal import shipped
from tui.evaluation.evaluator import Evaluator
from tui.evaluation.plan import MUST_BE_OK, Plan
from tui.model import Assignment, PlanState, Verdict, VerdictState
from tui.rollout import Criteria, PlanSpec, load_rollout

_PROCESSES = 2
_KEYS = dict.fromkeys(("AZURE_OPENAI_API_KEY", "AZURE_ARM_TOKEN"), "none")
"""The template wants them to be set; nothing is called here."""

_TICK_S = 10.0
"""The most of a gap that counts as bake time."""

_LOOK_S = 60.0
"""How often it is asked for verdicts, which is what costs most."""


@dataclass(frozen=True)
class Climb:
    """One run. ``errors`` and ``filtered`` are shares of 1 of either version's requests."""

    seed: int
    errors: float
    filtered: float
    rate: float
    hours: float


@dataclass(frozen=True)
class Climbed:
    """``top_h``: when the canary got everything, None where it did not; ``left_h``: when it left each rung;
    ``ok_h``: when each criterion that it waits for was OK first; ``why``: what stopped it, or what it waited
    for at the end."""

    climb: Climb
    top_h: float | None
    left_h: tuple[float, ...]
    ok_h: dict[str, float] = field(default_factory=dict)
    why: str = ""


def climb(case: Climb) -> Climbed:
    """Play one run in this process."""
    spec = load_rollout(shipped("azure.toml"), env=_KEYS).tasks["default"].plan
    assert spec is not None
    plan = Plan(PlanSpec(CANARY, spec.steps, watch_s=0.0, start="climbing"))
    evaluator = Evaluator(BASE, [CANARY], Criteria())
    version = Version(errors=case.errors, filtered=case.filtered)
    weight_pct, finished = [0.0], 0
    world = World(version, (version,), per_s=case.rate, canary_pct=lambda _: weight_pct[0])
    next_s, look_s, left_h, ok_h = 0.0, 0.0, list[float](), dict[str, float]()
    verdicts: tuple[Verdict, ...] = ()
    for now_s, happening in happenings(world, case.seed):
        if isinstance(happening, Assignment):
            evaluator.assigned(happening, now_s)
        else:
            evaluator.add(happening, now_s)
            finished += happening.deployment == CANARY
        if now_s < next_s:
            continue
        next_s, hours = now_s + _TICK_S, now_s / 3600
        if now_s >= look_s:
            look_s, verdicts = now_s + _LOOK_S, evaluator.verdicts(now_s)[CANARY]
            for verdict in verdicts:
                if verdict.state is VerdictState.OK:
                    ok_h.setdefault(verdict.criterion, hours)
        action = plan.tick(
            now_s, canary_requests=finished, weight_pct=weight_pct[0], verdicts=verdicts, fresh=True
        )
        if action is not None and action.kind == "gate":
            action = plan.resume(now_s)
        if action is not None and action.weight_pct is not None:
            if weight_pct[0]:
                left_h.append(hours)
            weight_pct[0] = action.weight_pct
        view = plan.view(now_s, finished)
        if weight_pct[0] == 100:
            return Climbed(case, hours, tuple(left_h), ok_h)
        if view.state is PlanState.STOPPED or hours >= case.hours:
            stopped = view.state is PlanState.STOPPED
            why = view.reason if stopped else f"waits for {view.waiting_for}"
            return Climbed(case, None, tuple(left_h), ok_h, why)
    raise AssertionError("the world does not end")


def report(found: Sequence[Climbed]) -> Iterator[str]:
    """What is to be said of the runs of one error rate, line by line."""
    of = found[0].climb
    tops = [one.top_h for one in found if one.top_h is not None]
    yield (
        f"{100 * of.errors:g} % errors, {100 * of.filtered:g} % filtered: 100 % reached in {len(tops)} of"
        f" {len(found)} runs{_spread(tops)}"
    )
    rungs = max(len(one.left_h) for one in found)
    for rung in range(rungs):
        yield f"  rung {rung + 1} left{_spread([one.left_h[rung] for one in found if len(one.left_h) > rung])}"
    for name in MUST_BE_OK:
        yield f"  {name:<18} first OK{_spread([one.ok_h[name] for one in found if name in one.ok_h])}"
    last = Counter(max(MUST_BE_OK, key=lambda name: one.ok_h.get(name, of.hours)) for one in found)
    yield f"  waited for last: {', '.join(f'{name} {n}' for name, n in last.most_common())}"
    yield from (
        f"  {n} of {len(found)} ended otherwise: {why}"
        for why, n in Counter(o.why for o in found if o.why).items()
    )


def _spread(hours: Sequence[float]) -> str:
    if len(hours) < 2:
        return "".join(f", {h:.1f} h" for h in hours)
    tenths = statistics.quantiles(hours, n=10)
    return f", median {statistics.median(hours):.1f} h (10-90 %: {tenths[0]:.1f}-{tenths[-1]:.1f})"


def main() -> None:
    """The report of an error rate appears when its last run has ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.plans", description=__doc__)
    parser.add_argument("errors", nargs="*", type=float, default=[0.0, 0.1, 0.5], metavar="ERROR_PCT")
    parser.add_argument("--runs", type=int, default=50, help="of each error rate (50)")
    parser.add_argument("--hours", type=float, default=24.0, help="after which a run is given up (24)")
    parser.add_argument("--rate", type=float, default=5.0, help="requests per second (5)")
    parser.add_argument(
        "--filtered", type=float, default=1.0, metavar="PCT", help="answers that are filtered (1)"
    )
    given = parser.parse_args()
    began_s = time.monotonic()
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        for pct in given.errors:
            cases = [
                Climb(seed, pct / 100, given.filtered / 100, given.rate, given.hours)
                for seed in range(1, given.runs + 1)
            ]
            for line in report(list(pool.map(climb, cases))):
                print(line, flush=True)
    print(f"\n{(time.monotonic() - began_s) / 60:.1f} min in {_PROCESSES} processes")


if __name__ == "__main__":
    main()
